//! Sums, extremes and moments of a slice.
//!
//! ```text
//! lane j = x[j] + x[j + 16] + x[j + 32] + …          j = 0 … 15
//! sum    = the lanes, halves added to halves until one is left
//! ```
//!
//! The sixteen lanes are the same on every level, so the fused levels give the same bits. The error grows with n/16
//! roundings, not n. Each reduction exists twice: `sum_lanes(s, x)` to be inlined into a kernel, and `sum(level, x)`.

use crate::simd::{Kernel, LANES, Level, Simd, dispatch};

/// The first sixteen floats of a slice, or fewer with `fill` behind them.
#[inline(always)]
pub fn load_filled<S: Simd>(s: S, from: &[f32], fill: f32) -> S::V {
    if from.len() >= LANES {
        s.load_slice(from)
    } else {
        let mut lanes = [fill; LANES];
        lanes[..from.len()].copy_from_slice(from);
        s.from_array(lanes)
    }
}

/// Folds a slice into the vector `$total`, sixteen numbers at a time as `$part`; the last part is filled up with `$fill`.
/// A macro, because a closure is a function of its own: one that is not inlined is not compiled for the level.
macro_rules! fold {
    ($s:expr, $x:expr, $fill:expr, $start:expr, |$total:ident, $part:ident| $next:expr) => {{
        let mut $total = $s.splat($start);
        let mut parts = $x.chunks_exact(LANES);
        for part in parts.by_ref() {
            let $part = $s.load_slice(part);
            $total = $next;
        }
        if !parts.remainder().is_empty() {
            let $part = load_filled($s, parts.remainder(), $fill);
            $total = $next;
        }
        $total
    }};
}
pub(super) use fold;

/// The sum; 0 of nothing.
#[inline(always)]
pub fn sum_lanes<S: Simd>(s: S, x: &[f32]) -> f32 {
    s.sum(fold!(s, x, 0.0, 0.0, |total, part| s.add(total, part)))
}

/// The sum of the squares; 0 of nothing.
#[inline(always)]
pub fn sum_squares_lanes<S: Simd>(s: S, x: &[f32]) -> f32 {
    s.sum(fold!(s, x, 0.0, 0.0, |total, part| s.fma(part, part, total)))
}

/// The sum of the products of two slices of one length.
#[inline(always)]
pub fn dot_lanes<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let mut total = s.splat(0.0);
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in left.by_ref().zip(right.by_ref()) {
        total = s.fma(s.load_slice(a), s.load_slice(b), total);
    }
    let rest = (load_filled(s, left.remainder(), 0.0), load_filled(s, right.remainder(), 0.0));
    s.sum(s.fma(rest.0, rest.1, total))
}

/// The largest number, NaN left aside; negative infinity where there is none.
#[inline(always)]
pub fn max_number_lanes<S: Simd>(s: S, x: &[f32]) -> f32 {
    // The second operand is kept where the first is NaN.
    let none = f32::NEG_INFINITY;
    let largest = fold!(s, x, none, none, |largest, part| s.max(part, largest));
    s.to_array(largest).into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

/// Whether there is a NaN.
#[inline(always)]
pub fn any_nan_lanes<S: Simd>(s: S, x: &[f32]) -> bool {
    // x - x is NaN where x is, and 0 elsewhere once infinity is cut to a number.
    let flags = fold!(s, x, 0.0, 0.0, |flags, part| {
        let cut = s.min(s.splat(f32::MAX), s.max(s.splat(-f32::MAX), part));
        s.add(flags, s.sub(cut, cut))
    });
    s.sum(flags).is_nan()
}

/// Whether every number is finite.
#[inline(always)]
pub fn all_finite_lanes<S: Simd>(s: S, x: &[f32]) -> bool {
    // x - x is 0 where x is finite, else NaN.
    !s.sum(fold!(s, x, 0.0, 0.0, |flags, part| s.add(flags, s.sub(part, part)))).is_nan()
}

/// The mean and the mean squared distance from it, in two passes; NaN of nothing.
#[inline(always)]
pub fn mean_variance_lanes<S: Simd>(s: S, x: &[f32]) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum_lanes(s, x) / n;
    let squares = fold!(s, x, mean, 0.0, |total, part| {
        let distance = s.sub(part, s.splat(mean));
        s.fma(distance, distance, total)
    });
    (mean, s.sum(squares) / n)
}

/// Defines the kernel and the function over a level for a reduction of one slice.
macro_rules! over_level {
    ($(#[$doc:meta])* $name:ident, $lanes:ident, $output:ty) => {
        $(#[$doc])*
        pub fn $name(level: Level, x: &[f32]) -> $output {
            struct Reduce<'a>(&'a [f32]);
            impl Kernel for Reduce<'_> {
                type Output = $output;
                #[inline(always)]
                fn run<S: Simd>(self, s: S) -> $output {
                    $lanes(s, self.0)
                }
            }
            dispatch(level, Reduce(x))
        }
    };
}

over_level!(
    /// The sum; 0 of nothing.
    sum,
    sum_lanes,
    f32
);
over_level!(
    /// The sum of the squares; 0 of nothing.
    sum_squares,
    sum_squares_lanes,
    f32
);
over_level!(
    /// The largest number, NaN left aside; negative infinity where there is none.
    max_number,
    max_number_lanes,
    f32
);
over_level!(
    /// Whether there is a NaN.
    any_nan,
    any_nan_lanes,
    bool
);
over_level!(
    /// Whether every number is finite.
    all_finite,
    all_finite_lanes,
    bool
);
over_level!(
    /// The mean and the mean squared distance from it, in two passes; NaN of nothing.
    mean_variance,
    mean_variance_lanes,
    (f32, f32)
);

/// The sum of the products of two slices.
///
/// # Panics
/// When their lengths differ.
pub fn dot(level: Level, a: &[f32], b: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl Kernel for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> f32 {
            dot_lanes(s, self.0, self.1)
        }
    }
    assert_eq!(a.len(), b.len(), "dot needs slices of one length");
    dispatch(level, Dot(a, b))
}

/// The largest number; NaN if there is one, negative infinity of nothing.
pub fn max(level: Level, x: &[f32]) -> f32 {
    if any_nan(level, x) { f32::NAN } else { max_number(level, x) }
}

/// The first place of the largest number, or of the first NaN if there is one; none of nothing.
pub fn argmax(level: Level, x: &[f32]) -> Option<usize> {
    let largest = max(level, x);
    x.iter().position(|&v| if largest.is_nan() { v.is_nan() } else { v == largest })
}
