//! What is asked for of the right side before it is read.
//!
//! A right side that the second-level cache holds comes fast enough if each line is asked for a little ahead. One that is
//! far, in the third-level cache or beyond, would come in bursts: the first block of rows reads a whole panel, and the other
//! blocks find it near. So each of them asks for its part of what comes next, and a panel has the time of all to arrive:
//! products of 8 to 64 rows with matrices of 4 MB and more are 8 to 20 % faster.

use super::micro::ROUND;
use crate::simd::{LANES, Simd};
use std::ptr;

/// Floats ahead of a near right side that are asked for, where a panel is one cache line for each `k`: enough for the line
/// to arrive from the third-level cache. It costs nothing where the panel is near.
pub(super) const NEAR: usize = 512;

/// Lines of a far right side that each round asks for: enough where two tiles or more share what one of them reads.
const LINES: usize = 2;

/// What comes next of a far right side.
#[derive(Clone, Copy)]
pub(super) struct Next {
    at: *const f32,
    /// Floats from what one round asks for to what the next one does.
    step: usize,
}

impl Next {
    /// Nothing, of a right side that is near.
    pub const NOTHING: Self = Next { at: ptr::null(), step: 0 };

    /// Nothing yet: so many tiles shall ask together for as much as one of them reads.
    pub fn shared_by(tiles: usize) -> Self {
        Next { step: (ROUND * LANES).div_ceil(tiles).min(LINES * LANES), ..Next::NOTHING }
    }

    /// The floats from `at` on.
    #[inline(always)]
    pub fn from(self, at: *const f32) -> Self {
        Next { at, ..self }
    }

    /// What is left when so many tiles over `depth` values of `k` have asked.
    #[inline(always)]
    pub fn after(self, tiles: usize, depth: usize) -> Self {
        Next { at: self.at.wrapping_add(tiles * (depth / ROUND) * self.step), ..self }
    }

    /// Asks for a round's part.
    #[inline(always)]
    pub fn ask<S: Simd>(&mut self, s: S) {
        for line in 0..LINES {
            s.prefetch(self.at.wrapping_add(line * LANES));
        }
        self.at = self.at.wrapping_add(self.step);
    }
}
