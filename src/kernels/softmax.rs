//! Softmax, its logarithm, and log-sum-exp over the rows of a matrix `[rows, width]`.
//!
//! ```text
//! m = max x      s = Σ exp(x - m)
//! softmax(x) = exp(x - m) / s        log softmax(x) = (x - m) - ln s        logsumexp(x) = m + ln s
//! ```
//!
//! Taking the maximum away first keeps every power in range: nothing overflows, and s is at least 1. A row depends on
//! nothing outside it. Where numbers run out:
//!
//! | the row holds | softmax, log softmax | logsumexp |
//! |---|---|---|
//! | some −∞ (masked) | 0, −∞ there; the others as if alone | as if alone |
//! | nothing but −∞ | NaN in the whole row: there is nothing to choose from | −∞ |
//! | +∞ | NaN in the whole row | +∞ |
//! | NaN | NaN in the whole row | NaN |

use super::activation::{exp, ln};
use super::reduce::{any_nan_lanes, fold, load_filled, max_number_lanes};
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};

/// Replaces a row, sixteen numbers `$x` at a time; what is missing from the last sixteen is −∞, whose power is 0.
macro_rules! in_parts {
    ($s:expr, $row:expr, |$x:ident| $new:expr) => {{
        let mut parts = $row.chunks_exact_mut(LANES);
        for part in parts.by_ref() {
            let $x = $s.load_slice(part);
            $s.store_slice(part, $new);
        }
        let rest = parts.into_remainder();
        if !rest.is_empty() {
            let $x = load_filled($s, rest, f32::NEG_INFINITY);
            $s.store_slice(rest, $new);
        }
    }};
}

/// `(m, s)` of a row; s is NaN where the row holds NaN, +∞ or nothing but −∞.
#[inline(always)]
fn max_and_sum<S: Simd>(s: S, row: &[f32]) -> (f32, f32) {
    let max = max_number_lanes(s, row);
    let total = fold!(s, row, f32::NEG_INFINITY, 0.0, |total, x| s.add(total, exp(s, s.sub(x, s.splat(max)))));
    (max, s.sum(total))
}

/// Softmax of one row, in place.
#[inline(always)]
pub fn softmax_lanes<S: Simd>(s: S, row: &mut [f32]) {
    let max = s.splat(max_number_lanes(s, row));
    let mut total = s.splat(0.0);
    in_parts!(s, row, |x| {
        let power = exp(s, s.sub(x, max));
        total = s.add(total, power);
        power
    });
    let scale = s.splat(1.0 / s.sum(total));
    in_parts!(s, row, |power| s.mul(power, scale));
}

/// The logarithm of the softmax of one row, in place.
#[inline(always)]
pub fn log_softmax_lanes<S: Simd>(s: S, row: &mut [f32]) {
    let (max, total) = max_and_sum(s, row);
    let (max, log) = (s.splat(max), s.splat(ln(total)));
    in_parts!(s, row, |x| s.sub(s.sub(x, max), log));
}

/// The logarithm of the sum of the powers of one row; −∞ of nothing.
#[inline(always)]
pub fn log_sum_exp_lanes<S: Simd>(s: S, row: &[f32]) -> f32 {
    let (max, total) = max_and_sum(s, row);
    if max.is_finite() || any_nan_lanes(s, row) { max + ln(total) } else { max }
}

fn check(len: usize, width: usize) {
    assert!(if width == 0 { len == 0 } else { len.is_multiple_of(width) }, "{len} numbers are not rows of {width}");
}

/// Softmax of each row of `data` `[rows, width]`, in place.
///
/// # Panics
/// When `data` is not a whole number of rows.
pub fn softmax(level: Level, data: &mut [f32], width: usize) {
    struct Rows<'a>(&'a mut [f32], usize);
    impl Kernel for Rows<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for row in self.0.chunks_exact_mut(self.1.max(1)) {
                softmax_lanes(s, row);
            }
        }
    }
    check(data.len(), width);
    dispatch(level, Rows(data, width));
}

/// The logarithm of the softmax of each row of `data` `[rows, width]`, in place.
///
/// # Panics
/// When `data` is not a whole number of rows.
pub fn log_softmax(level: Level, data: &mut [f32], width: usize) {
    struct Rows<'a>(&'a mut [f32], usize);
    impl Kernel for Rows<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for row in self.0.chunks_exact_mut(self.1.max(1)) {
                log_softmax_lanes(s, row);
            }
        }
    }
    check(data.len(), width);
    dispatch(level, Rows(data, width));
}

/// The logarithm of the sum of the powers of each row of `data` `[rows, width]`, into `out` `[rows]`.
///
/// # Panics
/// When `data` is not `out.len()` rows.
pub fn log_sum_exp(level: Level, data: &[f32], width: usize, out: &mut [f32]) {
    struct Rows<'a>(&'a [f32], usize, &'a mut [f32]);
    impl Kernel for Rows<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for (row, out) in self.2.iter_mut().enumerate() {
                *out = log_sum_exp_lanes(s, &self.0[row * self.1..][..self.1]);
            }
        }
    }
    assert_eq!(data.len(), width * out.len(), "the numbers must be {} rows of {width}", out.len());
    dispatch(level, Rows(data, width, out));
}
