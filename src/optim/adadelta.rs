//! Adadelta.
//!
//! ```text
//! v = rho v + (1 - rho) g²
//! d = g √(u + eps) / √(v + eps)
//! u = rho u + (1 - rho) d²
//! w = w - lr d
//! ```
//!
//! The states are v and u.

use super::rule::{Group, Update, shares, towards_square};
use crate::simd::Simd;

/// The options of Adadelta.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adadelta {
    /// What the running means keep.
    pub rho: f64,
    /// Keeps the divisor from zero, and lets the first steps be taken.
    pub eps: f64,
}

#[derive(Clone, Copy)]
pub struct Step {
    lr: f32,
    rho: [f32; 2],
    eps: f32,
}

impl Adadelta {
    pub(super) fn prepare(self, group: &Group) -> Step {
        Step { lr: group.lr as f32, rho: shares(self.rho), eps: self.eps as f32 }
    }
}

impl Update<2> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, [square, moved]: [S::V; 2]) -> (S::V, [S::V; 2]) {
        let eps = s.splat(self.eps);
        let square = towards_square(s, square, grad, self.rho);
        let root = s.div(s.sqrt(s.add(moved, eps)), s.sqrt(s.add(square, eps)));
        let delta = s.mul(root, grad);
        let moved = towards_square(s, moved, delta, self.rho);
        (s.fnma(s.splat(self.lr), delta, value), [square, moved])
    }
}
