//! RMSprop.
//!
//! ```text
//! v = alpha v + (1 - alpha) g²
//! m = alpha m + (1 - alpha) g                where centered;  then v - m² in place of v below
//! b = momentum b + g / (√v + eps)
//! w = w - lr b
//! ```
//!
//! The states are v, then m if centered, then b if there is momentum.

use super::rule::{Group, Update, shares, towards, towards_square};
use crate::simd::Simd;

/// The options of RMSprop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// What the running means keep.
    pub alpha: f64,
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Whether to divide by the deviation from the mean gradient.
    pub centered: bool,
    /// The part of the last step that is taken again.
    pub momentum: f64,
}

#[derive(Clone, Copy)]
pub struct Step {
    lr: f32,
    alpha: [f32; 2],
    eps: f32,
    centered: bool,
    momentum: f32,
}

impl RmsProp {
    pub(super) fn prepare(self, group: &Group) -> Step {
        Step {
            lr: group.lr as f32,
            alpha: shares(self.alpha),
            eps: self.eps as f32,
            centered: self.centered,
            momentum: self.momentum as f32,
        }
    }
}

impl<const N: usize> Update<N> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, mut state: [S::V; N]) -> (S::V, [S::V; N]) {
        state[0] = towards_square(s, state[0], grad, self.alpha);
        let mut variance = state[0];
        if self.centered {
            let mean = towards(s, state[1], grad, self.alpha[1]);
            state[1] = mean;
            // Rounding must not take it below zero.
            variance = s.max(s.fnma(mean, mean, variance), s.splat(0.0));
        }
        let mut step = s.div(grad, s.add(s.sqrt(variance), s.splat(self.eps)));
        if N > 1 + usize::from(self.centered) {
            step = s.fma(s.splat(self.momentum), state[N - 1], step);
            state[N - 1] = step;
        }
        (s.fnma(s.splat(self.lr), step, value), state)
    }
}
