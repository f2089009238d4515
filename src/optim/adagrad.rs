//! Adagrad.
//!
//! ```text
//! v = v + g²                                 v starts where the caller lets it
//! w = w - lr / (1 + lr_decay t) g / (√v + eps)        t = 0, 1, 2, …
//! ```

use super::rule::{Count, Group, Update};
use crate::simd::Simd;

/// The options of Adagrad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adagrad {
    /// How fast the rate falls.
    pub lr_decay: f64,
    /// Keeps the divisor from zero.
    pub eps: f64,
}

#[derive(Clone, Copy)]
pub struct Step {
    rate: f32,
    eps: f32,
}

impl Adagrad {
    pub(super) fn prepare(self, group: &Group, count: Count) -> Step {
        Step { rate: (group.lr / (1.0 + count.steps as f64 * self.lr_decay)) as f32, eps: self.eps as f32 }
    }
}

impl Update<1> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, [total]: [S::V; 1]) -> (S::V, [S::V; 1]) {
        let total = s.fma(grad, grad, total);
        let step = s.div(grad, s.add(s.sqrt(total), s.splat(self.eps)));
        (s.fnma(s.splat(self.rate), step, value), [total])
    }
}
