//! Products of a few rows with a right side of narrow numbers. What bounds them is the reading of the right side, so half
//! the bytes take nearly half the time.
//!
//! ```text
//! f16     out = init + sum over k of left · half            one chain of multiply-adds, on halves that become f32 exactly
//! int8    out = init + (sum over k of p · q) · (u · v)      left ≈ u p, right ≈ v q, with a u for each row, a v for each column
//!
//! lines[panel][step][vector]       a line: sixteen columns of one k (f16), or of two of them side by side (int8)
//!
//! for each panel of four vectors:  for each tile of rows by vectors:
//!     for each step:  widen a line for each vector; tile[row][vector] += left[row][step] * it
//! ```
//!
//! Of halves the bits are those of the `f32` product with the rounded matrix, and of whole numbers the sums are exact. So
//! neither depends on the level, the tile or the number of rows.

mod element;
mod left;

pub use left::Left;

use super::micro::vector_stride;
use crate::half;
use crate::simd::{Kernel, LANES, Simd};
use crate::view::Grid;
use element::{Bytes, Element, Halves};
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr;

/// Rows of a product at most. With more of them the multiplying takes longer than the reading, and `f32` is as fast.
pub const MOST_ROWS: usize = 8;

/// Rows of a tile at most.
const TILE_ROWS: usize = 4;

/// Vectors of a panel, the last one perhaps excepted.
const PANEL: usize = 4;

/// Lines ahead that are asked for: 2 KB.
const AHEAD: usize = 64;

/// The largest `q`.
const LARGEST: f32 = 127.0;

/// Sixteen columns of one step.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
struct Line([u8; 2 * LANES]);

/// A packed right side of narrow numbers.
#[derive(Debug)]
pub struct Narrow {
    lines: Vec<Line>,
    /// Rows, the `k` of the product.
    depth: usize,
    /// Lines of a vector.
    steps: usize,
    /// Columns in vectors of sixteen.
    vectors: usize,
    /// What makes numbers of whole ones; without it there are halves.
    units: Option<Units>,
}

#[derive(Debug)]
struct Units {
    /// `v` of each column.
    columns: Vec<f32>,
    /// The largest `p` that keeps every sum within 32 bits.
    limit: f32,
}

impl Narrow {
    /// Packs a matrix whose *rows are the columns* of the product as halves: `source` is `[columns, depth]` as torch stores
    /// weights. `row(c)` is the row for column `c`, or `None` for a column of zeros.
    pub fn halves(source: &[f32], depth: usize, vectors: usize, row: impl Fn(usize) -> Option<usize>) -> Self {
        let mut narrow = Narrow::empty(depth, depth, vectors);
        for c in 0..vectors * LANES {
            let Some(r) = row(c) else { continue };
            for (to, &value) in narrow.column(c).zip(&source[r * depth..][..depth]) {
                to.copy_from_slice(&half::from_f32(value).to_ne_bytes());
            }
        }
        narrow
    }

    /// The same as whole numbers of 8 bits. A column with a number that is not finite becomes NaN.
    pub fn bytes(source: &[f32], depth: usize, vectors: usize, row: impl Fn(usize) -> Option<usize>) -> Self {
        let mut narrow = Narrow::empty(depth, depth.div_ceil(2), vectors);
        let (mut whole, mut most) = (vec![0; depth], 1);
        let mut columns = vec![0.0; vectors * LANES];
        for (c, unit) in columns.iter_mut().enumerate() {
            let Some(r) = row(c) else { continue };
            *unit = left::quantise(&source[r * depth..][..depth], LARGEST, &mut whole);
            for (to, pair) in narrow.column(c).zip(whole.chunks(2)) {
                for (to, &q) in to.iter_mut().zip(pair) {
                    *to = q as u8; // within ±127
                }
            }
            most = most.max(whole.iter().map(|q| q.unsigned_abs() as usize).sum());
        }
        let limit = (i32::MAX as usize / most).min(i16::MAX as usize) as f32;
        narrow.units = Some(Units { columns, limit });
        narrow
    }

    fn empty(depth: usize, steps: usize, vectors: usize) -> Self {
        Narrow { lines: vec![Line([0; 2 * LANES]); vectors * steps], depth, steps, vectors, units: None }
    }

    /// The bytes that it takes.
    pub fn size(&self) -> usize {
        size_of_val(&self.lines[..]) + self.units.as_ref().map_or(0, |units| size_of_val(&units.columns[..]))
    }

    /// A column's part of each line.
    fn column(&mut self, c: usize) -> impl Iterator<Item = &mut [u8]> {
        let (first, apart) = self.place(c / LANES);
        let part = c % LANES * 2..c % LANES * 2 + 2;
        self.lines[first..].iter_mut().step_by(apart).map(move |line| &mut line.0[part.clone()])
    }

    /// The first line of vector `v`, and how many lines lie from each step to the next.
    fn place(&self, v: usize) -> (usize, usize) {
        let panel = v / PANEL * PANEL;
        (panel * self.steps + v - panel, PANEL.min(self.vectors - panel))
    }

    /// `out[r][v] = init[r][v] + sum over k of left[r][k] * right[k][first + v]` for `rows` rows and the vectors in
    /// `vectors`, where `left` was made for this right side. `init` and `out` may be the same grid.
    ///
    /// # Panics
    /// When an operand is too small, or there are more than [`MOST_ROWS`] rows.
    #[inline(always)]
    pub fn multiply<S: Simd>(
        &self,
        s: S,
        rows: usize,
        left: Left<'_>,
        first: usize,
        vectors: Range<usize>,
        init: Grid<'_>,
        out: Grid<'_>,
    ) {
        assert!(rows <= MOST_ROWS, "a narrow product of {rows} rows");
        let product = Product { right: self, rows, left, first, vectors, init, out };
        match self.units {
            None => s.outlined(Multiply::<Halves>(product, PhantomData)),
            Some(_) => s.outlined(Multiply::<Bytes>(product, PhantomData)),
        }
    }
}

struct Product<'a> {
    right: &'a Narrow,
    rows: usize,
    left: Left<'a>,
    first: usize,
    vectors: Range<usize>,
    init: Grid<'a>,
    out: Grid<'a>,
}

struct Multiply<'a, E>(Product<'a>, PhantomData<E>);

impl<E: Element> Kernel for Multiply<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Product { right, rows, left, first, vectors, init, out } = self.0;
        let n = S::PANEL / LANES;
        if rows == 0 || vectors.is_empty() {
            return;
        }
        assert!(first + vectors.end <= right.vectors, "a product was asked for vectors that are not there");
        left.rows.check_depth(n, rows, right.steps);
        init.check(n, rows, vectors.end);
        out.check(n, rows, vectors.end);
        let blocks = rows.div_ceil(TILE_ROWS);
        let (fewest, larger) = (rows / blocks, rows % blocks);
        // What a tile of the most rows takes, and then they all.
        let widest = widest::<S, E>(fewest + usize::from(larger > 0));
        let mut v = vectors.start;
        while v < vectors.end {
            let room = (PANEL - (first + v) % PANEL).min(vectors.end - v).min(widest);
            let width = if room == 3 { 2 } else { room }; // and then one
            let (line, apart) = right.place(first + v);
            let mut r = 0;
            for block in 0..blocks {
                let count = fewest + usize::from(block < larger);
                let tile = Tile {
                    left: left.rows.at(n, r, 0),
                    left_row: left.rows.row,
                    right: right.lines[line..].as_ptr(),
                    apart,
                    steps: right.steps,
                    init: init.at(n, r, v),
                    init_row: init.row,
                    init_vector: vector_stride::<S>(init),
                    out: out.at(n, r, v),
                    out_row: out.row,
                    out_vector: vector_stride::<S>(out),
                    columns: right
                        .units
                        .as_ref()
                        .map_or(ptr::null(), |units| units.columns[(first + v) * LANES..].as_ptr()),
                    rows: &left.units[r..],
                };
                // SAFETY: the grids hold all rows, vectors and steps asked for, as checked above, and the maker of the
                // grids keeps other workers away.
                unsafe { shaped::<S, E>(s, count, width, tile) };
                r += count;
            }
            v += width;
        }
    }
}

/// Vectors of a tile of so many rows at most.
const fn widest<S: Simd, E: Element>(rows: usize) -> usize {
    let (level, element) = (S::TILE_VECTORS[rows - 1], E::TILE_VECTORS[rows - 1]);
    if level < element { level } else { element }
}

/// One tile's operands: pointers into what `Multiply` has checked.
#[derive(Clone, Copy)]
struct Tile<'a> {
    /// The first row's value of the first step.
    left: *const f32,
    left_row: usize,
    /// The first vector's line of the first step.
    right: *const Line,
    /// Lines from a step to the next.
    apart: usize,
    steps: usize,
    init: *const f32,
    init_row: usize,
    init_vector: usize,
    out: *mut f32,
    out_row: usize,
    out_vector: usize,
    /// `v` of the first column and those behind it, of whole numbers.
    columns: *const f32,
    /// `u` of the first row and those behind it, of whole numbers.
    rows: &'a [f32],
}

/// # Safety
/// As for [`Tile`]'s parts.
#[inline(always)]
unsafe fn shaped<S: Simd, E: Element>(s: S, rows: usize, vectors: usize, tile: Tile<'_>) {
    macro_rules! shapes {
        ($($m:literal)+) => {
            match rows {
                // Shapes wider than the widest tile are never asked for, and so not compiled.
                $($m => match vectors {
                    1 => s.outlined(Shaped::<E, $m, 1>(tile, PhantomData)),
                    2 if const { widest::<S, E>($m) >= 2 } => s.outlined(Shaped::<E, $m, 2>(tile, PhantomData)),
                    4 if const { widest::<S, E>($m) >= 4 } => s.outlined(Shaped::<E, $m, 4>(tile, PhantomData)),
                    _ => unreachable!("a tile of {vectors} vectors"),
                },)+
                _ => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    shapes!(1 2 3 4);
}

/// A tile of `M` rows by `N` vectors, each shape a function of its own, as in [`micro`](super::micro).
struct Shaped<'a, E, const M: usize, const N: usize>(Tile<'a>, PhantomData<E>);

impl<E: Element, const M: usize, const N: usize> Kernel for Shaped<'_, E, M, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tile = self.0;
        // SAFETY: whoever made the tile vouches for it.
        let init = |r: usize, v: usize| unsafe { s.load(tile.init.add(r * tile.init_row + v * tile.init_vector)) };
        let mut sums = [[E::begin(s, s.splat(0.0)); N]; M];
        for (r, row) in sums.iter_mut().enumerate() {
            for (v, sum) in row.iter_mut().enumerate() {
                *sum = E::begin(s, init(r, v));
            }
        }
        for step in 0..tile.steps {
            let line = tile.right.wrapping_add(step * tile.apart);
            // SAFETY: as above.
            let factors: [_; M] =
                std::array::from_fn(|r| unsafe { E::factor(s, tile.left.add(r * tile.left_row + step)) });
            for v in 0..N {
                if v % 2 == 0 {
                    s.prefetch(line.wrapping_add(AHEAD + v).cast());
                }
                // SAFETY: as above.
                let column = unsafe { E::column(s, line.add(v)) };
                for (row, factor) in sums.iter_mut().zip(factors) {
                    row[v] = E::add(s, row[v], factor, column);
                }
            }
        }
        for (r, row) in sums.into_iter().enumerate() {
            for (v, sum) in row.into_iter().enumerate() {
                // SAFETY: as above; only whole numbers have units.
                let units = || s.mul(unsafe { s.load(tile.columns.add(v * LANES)) }, s.splat(tile.rows[r]));
                let sum = E::end(s, sum, || init(r, v), units);
                // SAFETY: as above.
                unsafe { s.store(tile.out.add(r * tile.out_row + v * tile.out_vector), sum) };
            }
        }
    }
}

#[cfg(test)]
mod tests;
