//! A running mean of parameters: `a = a + (1 - decay) (w - a)`.
//!
//! It is a rule like the others, with the average in the place of the value and the parameter in that of the gradient, so
//! that it is walked, checked and left alone where a number is not finite as they are.

use super::rule::{Update, shares, towards};
use crate::simd::Simd;

/// A running mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    /// What it keeps.
    pub decay: f64,
}

#[derive(Clone, Copy)]
pub struct Step {
    part: f32,
}

impl Average {
    pub(super) fn prepare(self) -> Step {
        Step { part: shares(self.decay)[1] }
    }
}

impl Update<0> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, average: S::V, value: S::V, state: [S::V; 0]) -> (S::V, [S::V; 0]) {
        (towards(s, average, value, self.part), state)
    }
}
