//! How the factors of a left side lie: a matrix as it is, or the transpose of a packed one, read in place.

use crate::simd::{LANES, Simd};
use crate::view::Grid;

/// How the left side's factors lie.
pub(super) trait Factors: Copy {
    /// Whether the rows' factors for one `k` are neighbours, and those for the next `k` lie one row of panels before them.
    const TURNED: bool;
    /// Panics unless there are so many, with `n` vectors in a panel.
    fn check<S: Simd>(self, rows: usize, depth: usize);
    /// Where the factor of row `r` for `k` lies; `k` begins a panel of a straight side.
    fn at<S: Simd>(self, r: usize, k: usize) -> *const f32;
    /// Floats from a row's factor to the next row's, from a segment of `k` to the next, and the length of a segment.
    fn strides<S: Simd>(self) -> [usize; 3];
}

/// A row's factors are neighbours, all of them or panel by panel.
#[derive(Clone, Copy)]
pub(super) struct Straight<'a>(pub Grid<'a>);

impl Factors for Straight<'_> {
    const TURNED: bool = false;

    #[inline(always)]
    fn check<S: Simd>(self, rows: usize, depth: usize) {
        assert!(self.0.panel >= S::PANEL, "the left side's panels follow one another");
        self.0.check_depth(S::PANEL / LANES, rows, depth);
    }

    #[inline(always)]
    fn at<S: Simd>(self, r: usize, k: usize) -> *const f32 {
        self.0.at(S::PANEL / LANES, r, k / LANES)
    }

    #[inline(always)]
    fn strides<S: Simd>(self) -> [usize; 3] {
        // A row-major left side is one long segment, a packed one a segment per panel.
        [self.0.row, self.0.panel, if self.0.panel == S::PANEL { usize::MAX } else { S::PANEL }]
    }
}

/// The rows are the lanes of one vector, `k` the grid's rows from the last to the first.
#[derive(Clone, Copy)]
pub(super) struct Turned<'a> {
    pub grid: Grid<'a>,
    pub vector: usize,
    pub depth: usize,
}

impl Factors for Turned<'_> {
    const TURNED: bool = true;

    #[inline(always)]
    fn check<S: Simd>(self, rows: usize, depth: usize) {
        assert!(rows <= LANES && self.grid.row == S::PANEL, "the left side is packed for this level");
        self.grid.check(S::PANEL / LANES, depth, self.vector + 1);
    }

    #[inline(always)]
    fn at<S: Simd>(self, r: usize, k: usize) -> *const f32 {
        self.grid.at(S::PANEL / LANES, self.depth - 1 - k, self.vector).wrapping_add(r)
    }

    #[inline(always)]
    fn strides<S: Simd>(self) -> [usize; 3] {
        [1, 0, usize::MAX]
    }
}
