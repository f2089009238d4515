//! Stochastic gradient descent.
//!
//! ```text
//! b = momentum b + (1 - dampening) g         at the first step b = g
//! w = w - lr b                               without momentum  w - lr g;  with nesterov  w - lr (g + momentum b)
//! ```

use super::rule::{Count, Group, Update};
use crate::simd::Simd;

/// The options of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// The part of the last step that is taken again.
    pub momentum: f64,
    /// The part of the gradient that is left out of it.
    pub dampening: f64,
    /// Whether the gradient is taken as if at the point where momentum alone leads.
    pub nesterov: bool,
}

#[derive(Clone, Copy)]
pub struct Step {
    lr: f32,
    momentum: f32,
    grad_share: f32,
    /// What of the gradient and of the buffer is in the step.
    mix: [f32; 2],
}

impl Sgd {
    pub(super) fn prepare(self, group: &Group, count: Count) -> Step {
        Step {
            lr: group.lr as f32,
            momentum: self.momentum as f32,
            grad_share: if count.steps == 0 { 1.0 } else { (1.0 - self.dampening) as f32 },
            mix: if self.nesterov { [1.0, self.momentum as f32] } else { [0.0, 1.0] },
        }
    }
}

impl<const N: usize> Update<N> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, mut state: [S::V; N]) -> (S::V, [S::V; N]) {
        let mut step = grad;
        if N == 1 {
            let buffer = s.fma(s.splat(self.momentum), state[0], s.mul(s.splat(self.grad_share), grad));
            step = s.fma(s.splat(self.mix[0]), grad, s.mul(s.splat(self.mix[1]), buffer));
            state[0] = buffer;
        }
        (s.fnma(s.splat(self.lr), step, value), state)
    }
}
