//! What a tile does with each kind of narrow numbers: where a sum begins, what a step adds, and what it is in the end.

use super::{Line, TILE_ROWS};
use crate::simd::Simd;

/// One kind of narrow numbers, as a tile goes through it.
pub(super) trait Element: 'static {
    /// Sixteen sums.
    type Sum<S: Simd>: Copy;
    /// What the columns are multiplied by in one step.
    type Factor<S: Simd>: Copy;
    /// Sixteen columns of one step.
    type Column<S: Simd>: Copy;

    /// The widest tile in vectors, for one row up to four, where the level allows more.
    const TILE_VECTORS: [usize; TILE_ROWS];

    fn begin<S: Simd>(s: S, init: S::V) -> Self::Sum<S>;

    /// # Safety
    /// `left` is valid for reading a float.
    unsafe fn factor<S: Simd>(s: S, left: *const f32) -> Self::Factor<S>;

    /// # Safety
    /// `line` is valid for reading.
    unsafe fn column<S: Simd>(s: S, line: *const Line) -> Self::Column<S>;

    fn add<S: Simd>(s: S, sum: Self::Sum<S>, factor: Self::Factor<S>, column: Self::Column<S>) -> Self::Sum<S>;

    /// The end of a sum, with what it began with and its units at hand.
    fn end<S: Simd>(s: S, sum: Self::Sum<S>, init: impl Fn() -> S::V, units: impl Fn() -> S::V) -> S::V;
}

/// Halves, by `f32`.
pub(super) struct Halves;

impl Element for Halves {
    type Sum<S: Simd> = S::V;
    type Factor<S: Simd> = S::V;
    type Column<S: Simd> = S::V;

    const TILE_VECTORS: [usize; TILE_ROWS] = [4; TILE_ROWS];

    #[inline(always)]
    fn begin<S: Simd>(_s: S, init: S::V) -> S::V {
        init
    }

    #[inline(always)]
    unsafe fn factor<S: Simd>(s: S, left: *const f32) -> S::V {
        // SAFETY: the caller vouches for it.
        s.splat(unsafe { *left })
    }

    #[inline(always)]
    unsafe fn column<S: Simd>(s: S, line: *const Line) -> S::V {
        // SAFETY: the caller vouches for it.
        unsafe { s.load_halves(line.cast()) }
    }

    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::V, factor: S::V, column: S::V) -> S::V {
        s.fma(factor, column, sum)
    }

    #[inline(always)]
    fn end<S: Simd>(_s: S, sum: S::V, _init: impl Fn() -> S::V, _units: impl Fn() -> S::V) -> S::V {
        sum
    }
}

/// Pairs of whole numbers of 8 bits, by pairs of 16.
pub(super) struct Bytes;

impl Element for Bytes {
    type Sum<S: Simd> = S::Whole;
    type Factor<S: Simd> = [i16; 2];
    type Column<S: Simd> = S::Pairs;

    // AVX-512 takes two registers of AVX2 for a sum, of which there are sixteen.
    const TILE_VECTORS: [usize; TILE_ROWS] = [4, 2, 1, 1];

    #[inline(always)]
    fn begin<S: Simd>(s: S, _init: S::V) -> S::Whole {
        s.no_whole()
    }

    #[inline(always)]
    unsafe fn factor<S: Simd>(_s: S, left: *const f32) -> [i16; 2] {
        // SAFETY: the caller vouches for it; a left side of whole numbers has two of them in the place of a float.
        unsafe { *left.cast() }
    }

    #[inline(always)]
    unsafe fn column<S: Simd>(s: S, line: *const Line) -> S::Pairs {
        // SAFETY: the caller vouches for it.
        unsafe { s.load_pairs(line.cast()) }
    }

    #[inline(always)]
    fn add<S: Simd>(s: S, sum: S::Whole, factor: [i16; 2], column: S::Pairs) -> S::Whole {
        s.add_pairs(sum, factor, column)
    }

    #[inline(always)]
    fn end<S: Simd>(s: S, sum: S::Whole, init: impl Fn() -> S::V, units: impl Fn() -> S::V) -> S::V {
        // Not fused, so that the bits are those of the scalar level too.
        s.add(init(), s.mul(s.to_floats(sum), units()))
    }
}
