//! Products of a few rows with a right side of narrow numbers. What bounds them is the reading of the right side, so half
//! the bytes are nearly half the time.
//!
//! ```text
//! lines[panel][step][vector]       a line: sixteen columns of one k
//!
//! for each panel of four vectors:  for each tile of rows by vectors:
//!     for each step:  widen a line for each vector; tile[row][vector] += left[row][step] * it
//! ```
//!
//! Halves become `f32` exactly, and each element is one chain of multiply-adds over `k` in ascending order: the bits are
//! those of the `f32` product with the rounded matrix, whatever the level, the tile and the number of rows.

use super::micro::vector_stride;
use crate::half;
use crate::simd::{Kernel, LANES, Simd};
use crate::view::Grid;
use std::ops::Range;

/// Rows of a product at most. With more of them the multiplying takes longer than the reading, and `f32` is as fast.
pub const MOST_ROWS: usize = 8;

/// Rows of a tile at most.
const TILE_ROWS: usize = 4;

/// Vectors of a panel, the last one perhaps excepted.
const PANEL: usize = 4;

/// Lines ahead that are asked for: 2 KB.
const AHEAD: usize = 64;

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
    /// Columns in vectors of sixteen.
    vectors: usize,
}

impl Narrow {
    /// Packs a matrix whose *rows are the columns* of the product: `source` is `[columns, depth]` as torch stores weights.
    /// `row(c)` is the row for column `c`, or `None` for a column of zeros.
    pub fn transposed(source: &[f32], depth: usize, vectors: usize, row: impl Fn(usize) -> Option<usize>) -> Self {
        let lines = vec![Line([0; 2 * LANES]); vectors * depth];
        let mut narrow = Narrow { lines, depth, vectors };
        for v in 0..vectors {
            let (first, apart) = narrow.place(v);
            for lane in 0..LANES {
                let Some(r) = row(v * LANES + lane) else { continue };
                let lines = narrow.lines[first..].iter_mut().step_by(apart);
                for (line, &value) in lines.zip(&source[r * depth..][..depth]) {
                    line.0[2 * lane..][..2].copy_from_slice(&half::from_f32(value).to_ne_bytes());
                }
            }
        }
        narrow
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.lines[..])
    }

    /// The first line of vector `v`, and how many lines lie from each step to the next.
    fn place(&self, v: usize) -> (usize, usize) {
        let panel = v / PANEL * PANEL;
        (panel * self.depth + v - panel, PANEL.min(self.vectors - panel))
    }

    /// `out[r][v] = init[r][v] + sum over k of left[r][k] * right[k][first + v]` for `rows` rows and the vectors in
    /// `vectors`. `init` and `out` may be the same grid.
    ///
    /// # Panics
    /// When an operand is too small, or there are more than [`MOST_ROWS`] rows.
    #[inline(always)]
    pub fn multiply<S: Simd>(
        &self,
        s: S,
        rows: usize,
        left: Grid<'_>,
        first: usize,
        vectors: Range<usize>,
        init: Grid<'_>,
        out: Grid<'_>,
    ) {
        assert!(rows <= MOST_ROWS, "a narrow product of {rows} rows");
        s.outlined(Multiply { right: self, rows, left, first, vectors, init, out });
    }
}

struct Multiply<'a> {
    right: &'a Narrow,
    rows: usize,
    left: Grid<'a>,
    first: usize,
    vectors: Range<usize>,
    init: Grid<'a>,
    out: Grid<'a>,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Multiply { right, rows, left, first, vectors, init, out } = self;
        let n = S::PANEL / LANES;
        if rows == 0 || vectors.is_empty() {
            return;
        }
        assert!(first + vectors.end <= right.vectors, "a product was asked for vectors that are not there");
        left.check_depth(n, rows, right.depth);
        init.check(n, rows, vectors.end);
        out.check(n, rows, vectors.end);
        let blocks = rows.div_ceil(TILE_ROWS);
        let (fewest, larger) = (rows / blocks, rows % blocks);
        let mut v = vectors.start;
        while v < vectors.end {
            let room = (PANEL - (first + v) % PANEL).min(vectors.end - v);
            // What a tile of the most rows takes, and then they all; three vectors are two and one.
            let widest = S::TILE_VECTORS[fewest + usize::from(larger > 0) - 1].min(room);
            let width = if widest == 3 { 2 } else { widest };
            let (line, apart) = right.place(first + v);
            let mut r = 0;
            for block in 0..blocks {
                let count = fewest + usize::from(block < larger);
                let tile = Tile {
                    left: left.at(n, r, 0),
                    left_row: left.row,
                    right: right.lines[line..].as_ptr(),
                    apart,
                    steps: right.depth,
                    init: init.at(n, r, v),
                    init_row: init.row,
                    init_vector: vector_stride::<S>(init),
                    out: out.at(n, r, v),
                    out_row: out.row,
                    out_vector: vector_stride::<S>(out),
                };
                // SAFETY: the grids hold all rows, vectors and k asked for, as checked above, and the maker of the grids
                // keeps other workers away.
                unsafe { shaped(s, count, width, tile) };
                r += count;
            }
            v += width;
        }
    }
}

/// One tile's operands: pointers into what `Multiply` has checked.
#[derive(Clone, Copy)]
struct Tile {
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
}

/// # Safety
/// As for [`Tile`]'s parts.
#[inline(always)]
unsafe fn shaped<S: Simd>(s: S, rows: usize, vectors: usize, tile: Tile) {
    macro_rules! shapes {
        ($($m:literal)+) => {
            match rows {
                // Shapes wider than the level's tile are never asked for, and so not compiled.
                $($m => match vectors {
                    1 => s.outlined(Shaped::<$m, 1>(tile)),
                    2 if S::TILE_VECTORS[$m - 1] >= 2 => s.outlined(Shaped::<$m, 2>(tile)),
                    4 if S::TILE_VECTORS[$m - 1] >= 4 => s.outlined(Shaped::<$m, 4>(tile)),
                    _ => unreachable!("a tile of {vectors} vectors"),
                },)+
                _ => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    shapes!(1 2 3 4);
}

/// A tile of `M` rows by `N` vectors, each shape a function of its own, as in [`micro`](super::micro).
struct Shaped<const M: usize, const N: usize>(Tile);

impl<const M: usize, const N: usize> Kernel for Shaped<M, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tile = self.0;
        let mut sums = [[s.splat(0.0); N]; M];
        for (r, row) in sums.iter_mut().enumerate() {
            for (v, sum) in row.iter_mut().enumerate() {
                // SAFETY: whoever made the tile vouches for it.
                *sum = unsafe { s.load(tile.init.add(r * tile.init_row + v * tile.init_vector)) };
            }
        }
        for step in 0..tile.steps {
            let line = tile.right.wrapping_add(step * tile.apart);
            // SAFETY: as above.
            let factors: [S::V; M] =
                std::array::from_fn(|r| s.splat(unsafe { *tile.left.add(r * tile.left_row + step) }));
            for v in 0..N {
                if v % 2 == 0 {
                    s.prefetch(line.wrapping_add(AHEAD + v).cast());
                }
                // SAFETY: as above.
                let column = unsafe { s.load_halves(line.add(v).cast()) };
                for (row, factor) in sums.iter_mut().zip(factors) {
                    row[v] = s.fma(factor, column, row[v]);
                }
            }
        }
        for (r, row) in sums.into_iter().enumerate() {
            for (v, sum) in row.into_iter().enumerate() {
                // SAFETY: as above.
                unsafe { s.store(tile.out.add(r * tile.out_row + v * tile.out_vector), sum) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pack::panel;
    use super::*;
    use crate::rng;
    use crate::simd::{Level, dispatch};

    /// A product whose columns from `first` on are asked for.
    struct Product<'a> {
        rows: usize,
        left: Grid<'a>,
        right: &'a Narrow,
        first: usize,
        init: Grid<'a>,
        out: Grid<'a>,
    }

    impl Kernel for Product<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let vectors = 0..self.right.vectors - self.first;
            self.right.multiply(s, self.rows, self.left, self.first, vectors, self.init, self.out);
        }
    }

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut draws = rng::Stream::new(seed, 0);
        (0..n).map(|_| 2.0 * draws.uniform() - 1.0).collect()
    }

    /// Weights `[columns, depth]`, a left side `[rows, depth]` and a bias.
    struct Case {
        rows: usize,
        depth: usize,
        columns: usize,
        weights: Vec<f32>,
        left: Vec<f32>,
        bias: Vec<f32>,
    }

    impl Case {
        fn new(rows: usize, depth: usize, columns: usize) -> Case {
            let (weights, left) = (numbers(columns * depth, 1), numbers(rows * depth, 2));
            Case { rows, depth, columns, weights, left, bias: numbers(columns, 3) }
        }

        fn packed(&self) -> Narrow {
            let vectors = self.columns.div_ceil(LANES);
            Narrow::transposed(&self.weights, self.depth, vectors, |c| (c < self.columns).then_some(c))
        }

        /// The product `[rows, columns]`, from the first column of vector `first` on.
        fn product(&self, level: Level, first: usize) -> Vec<f32> {
            let (p, right, skipped) = (panel(level), self.packed(), first * LANES);
            // Rows lie further apart than they are long, and what is between is poison.
            let (row, width) = (self.depth + 3, (right.vectors * LANES).next_multiple_of(64));
            let mut left = vec![f32::NAN; self.rows * row];
            for (to, from) in left.chunks_mut(row).zip(self.left.chunks(self.depth)) {
                to[..self.depth].copy_from_slice(from);
            }
            let mut bias = vec![0.0; width];
            bias[..self.columns - skipped].copy_from_slice(&self.bias[skipped..]);
            let mut out = vec![f32::NAN; self.rows * width];
            // SAFETY: one worker only.
            let (left, init, to) =
                unsafe { (Grid::read(&left, row, p), Grid::read(&bias, 0, p), Grid::new(&mut out, width, p)) };
            dispatch(level, Product { rows: self.rows, left, right: &right, first, init, out: to });
            out.chunks(width).flat_map(|row| &row[..self.columns - skipped]).copied().collect()
        }

        /// The same by a plain loop.
        fn plain(&self, level: Level, first: usize) -> Vec<f32> {
            let mut out = Vec::new();
            for r in 0..self.rows {
                for c in first * LANES..self.columns {
                    let mut sum = self.bias[c];
                    for k in 0..self.depth {
                        let x = self.left[r * self.depth + k];
                        let w = half::to_f32(half::from_f32(self.weights[c * self.depth + k]));
                        sum = if level.fused() { x.mul_add(w, sum) } else { x * w + sum };
                    }
                    out.push(sum);
                }
            }
            out
        }
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn a_product_of_any_shape_is_one_chain_per_element() {
        for level in Level::available() {
            for rows in 1..=MOST_ROWS {
                for (depth, columns) in [(1, 1), (2, 16), (5, 48), (17, 33), (64, 64), (101, 100), (300, 130)] {
                    let case = Case::new(rows, depth, columns);
                    for first in (0..columns.div_ceil(LANES)).step_by(panel(level) / LANES) {
                        let (got, expected) = (case.product(level, first), case.plain(level, first));
                        let what = format!("{} {rows}x{depth}x{columns} from {first}", level.name());
                        assert_eq!(bits(&got), bits(&expected), "{what}");
                    }
                }
            }
        }
    }
}
