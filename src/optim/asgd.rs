//! Averaged stochastic gradient descent.
//!
//! ```text
//! η = lr / (1 + lambd lr t)^alpha            t = 0, 1, 2, …
//! w = w - lambd η w - η g
//! a = a + (w - a) / max(1, t - t0)           the average: w itself up to step t0
//! ```
//!
//! The state is the average.

use super::power::power;
use super::rule::{Count, Group, Update};
use crate::simd::Simd;

/// The options of averaged stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asgd {
    /// How fast the rate falls, and how strongly values are drawn to zero by it.
    pub lambd: f64,
    /// The power by which the rate falls.
    pub alpha: f64,
    /// The step at which averaging begins.
    pub t0: f64,
}

#[derive(Clone, Copy)]
pub struct Step {
    rate: f32,
    shrink: f32,
    /// What the average keeps, and what it takes on.
    average: [f32; 2],
}

impl Asgd {
    pub(super) fn prepare(self, group: &Group, count: Count) -> Step {
        let steps = count.steps as f64;
        let rate = group.lr / power(1.0 + self.lambd * group.lr * steps, self.alpha);
        let part = 1.0 / (steps - self.t0).max(1.0);
        Step { rate: rate as f32, shrink: (self.lambd * rate) as f32, average: [(1.0 - part) as f32, part as f32] }
    }
}

impl Update<1> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, [average]: [S::V; 1]) -> (S::V, [S::V; 1]) {
        let shrunk = s.fnma(s.splat(self.shrink), value, value);
        let value = s.fnma(s.splat(self.rate), grad, shrunk);
        // As two products, so that a part of one gives the value itself.
        let kept = s.mul(s.splat(self.average[0]), average);
        (value, [s.fma(s.splat(self.average[1]), value, kept)])
    }
}
