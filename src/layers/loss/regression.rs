//! Losses of a number against a number, with d = prediction - target.
//!
//! ```text
//! squared    d²                                               slope 2 d
//! absolute   |d|                                              the sign of d, 0 at 0
//! Huber      ½ d² where |d| < δ, else δ (|d| - ½ δ)           d cut to [-δ, δ]
//! quantile   max((1 - q) d, -q d)                             1 - q above the target, -q below, 0 on it
//! ```

use super::counted::{Counted, Outputs};
use super::pointwise::{self, Cycle, Pointwise};
use crate::Error;
use crate::simd::{Level, Simd};

struct Squared;

impl Pointwise for Squared {
    const COST: usize = 4;

    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _at: usize, prediction: S::V, target: S::V) -> (S::V, S::V) {
        let d = s.sub(prediction, target);
        (s.mul(d, d), s.add(d, d))
    }
}

struct Absolute;

impl Pointwise for Absolute {
    const COST: usize = 4;

    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _at: usize, prediction: S::V, target: S::V) -> (S::V, S::V) {
        let (d, zero) = (s.sub(prediction, target), s.splat(0.0));
        // What is neither above nor below zero is zero or NaN, and so is the slope.
        let slope = s.select_lt(zero, d, s.splat(1.0), s.select_lt(d, zero, s.splat(-1.0), d));
        (s.abs(d), slope)
    }
}

struct Huber {
    delta: f32,
}

impl Pointwise for Huber {
    const COST: usize = 6;

    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _at: usize, prediction: S::V, target: S::V) -> (S::V, S::V) {
        let (d, delta, half) = (s.sub(prediction, target), s.splat(self.delta), s.splat(0.5));
        let distance = s.abs(d);
        let inner = s.mul(s.mul(half, d), d);
        let outer = s.mul(delta, s.fnma(half, delta, distance));
        // The operand that may be NaN comes second: that is the one which minimum and maximum return.
        let slope = s.max(s.splat(-self.delta), s.min(delta, d));
        (s.select_lt(distance, delta, inner, outer), slope)
    }
}

struct Quantile {
    quantiles: Cycle,
}

impl Pointwise for Quantile {
    const COST: usize = 8;

    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, at: usize, prediction: S::V, target: S::V) -> (S::V, S::V) {
        let (d, q, zero) = (s.sub(prediction, target), self.quantiles.lanes(s, at), s.splat(0.0));
        let below = s.sub(zero, q);
        let slope = s.select_lt(zero, d, s.sub(s.splat(1.0), q), s.select_lt(d, zero, below, d));
        (s.mul(slope, d), slope)
    }
}

/// The squared difference.
pub fn squared(level: Level, prediction: &[f32], target: &[f32], counted: &Counted<'_>, out: Outputs<'_, 1>) -> f32 {
    pointwise::run(level, &Squared, prediction, target, counted, out)
}

/// The absolute difference.
pub fn absolute(level: Level, prediction: &[f32], target: &[f32], counted: &Counted<'_>, out: Outputs<'_, 1>) -> f32 {
    pointwise::run(level, &Absolute, prediction, target, counted, out)
}

/// Half the squared difference up to `delta`, and from there on a straight line.
pub fn huber(
    level: Level,
    delta: f32,
    prediction: &[f32],
    target: &[f32],
    counted: &Counted<'_>,
    out: Outputs<'_, 1>,
) -> Result<f32, Error> {
    if !(delta > 0.0 && delta.is_finite()) {
        return Err(Error::option("delta", "a number above 0", delta));
    }
    Ok(pointwise::run(level, &Huber { delta }, prediction, target, counted, out))
}

/// The distance from quantiles: `quantiles[k]` is that of entry k of the last axis of `prediction`, and `target` has one
/// number for all entries of that axis.
pub fn quantile(
    level: Level,
    quantiles: &[f32],
    prediction: &[f32],
    target: &[f32],
    counted: &Counted<'_>,
    out: Outputs<'_, 1>,
) -> Result<f32, Error> {
    if let Some(wrong) = quantiles.iter().find(|q| !(**q > 0.0 && **q < 1.0)) {
        return Err(Error::option("q", "between 0 and 1, both excluded", wrong));
    } else if quantiles.is_empty() {
        return Err(Error::option("q", "a number or a list of numbers", "an empty list"));
    }
    let loss = Quantile { quantiles: Cycle::new(quantiles) };
    if let [_] = quantiles {
        return Ok(pointwise::run(level, &loss, prediction, target, counted, out));
    }
    let target: Vec<f32> = target.iter().flat_map(|t| std::iter::repeat_n(*t, quantiles.len())).collect();
    Ok(pointwise::run(level, &loss, prediction, &target, counted, out))
}
