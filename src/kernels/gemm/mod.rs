//! Matrix products `out = init + left · right` on shared grids, the right side packed in panels.
//!
//! ```text
//! for each band of rows:  for each block of k:  for each tile's width of vectors:
//!     micro-kernel, for each block of up to six rows
//! ```
//!
//! A band of the left side stays in the second-level cache while the right side passes over it. The right side's panel of
//! one block of `k` stays in the first-level cache while the rows pass over it. This is not a general BLAS: there is no
//! alpha, no transposition flag and no unpacked right side; who needs a transpose packs it so.

mod ahead;
mod factors;
pub mod matrix;
mod micro;
mod narrow;
pub mod pack;

use crate::simd::{Kernel, LANES, Simd};
use crate::view::Grid;
use ahead::Next;
use factors::{Factors, Straight, Turned};
use micro::{Shaped, Tile, vector_stride};
use std::marker::PhantomData;
use std::ops::Range;

/// Rows of the left side that one micro-kernel takes at most.
const MAX_ROWS: usize = 6;

/// Rows of a band: with a block of `k`, a fifth of a 512 KB second-level cache.
const BAND: usize = 96;

/// `k` per block: a panel of sixteen columns is then half of a 32 KB first-level cache.
const DEPTH: usize = 256;

/// `out[r][v] = init[r][v] + sum over k of left[r][k] * right[k][v]` for `rows` rows and the vectors in `vectors`.
///
/// Rows of `right` are `k` and lie `S::PANEL` apart. `init` and `out` may be the same grid.
///
/// # Panics
/// When an operand is too small.
#[inline(always)]
pub fn multiply<S: Simd>(
    s: S,
    rows: usize,
    depth: usize,
    left: Grid<'_>,
    right: Grid<'_>,
    vectors: Range<usize>,
    init: Grid<'_>,
    out: Grid<'_>,
) {
    if vectors.is_empty() {
        return;
    }
    let bands = rows.div_ceil(BAND);
    for band in 0..bands {
        let (from, to) = (band * rows / bands, (band + 1) * rows / bands);
        let (left, init, out) = (left.rows(from), init.rows(from), out.rows(from));
        s.outlined(Multiply {
            rows: to - from,
            depth,
            left: Straight(left),
            right,
            vectors: vectors.clone(),
            init,
            out,
        });
    }
}

/// `out[r][v] = init[r][v] + sum over k of left[depth - 1 - k][vector][r] * right[k][v]` for up to sixteen rows: those that
/// lie side by side in one vector of a packed left side, whose own rows are met from the last to the first.
///
/// # Panics
/// When an operand is too small.
#[inline(always)]
pub fn multiply_turned<S: Simd>(
    s: S,
    rows: usize,
    depth: usize,
    left: (Grid<'_>, usize),
    right: Grid<'_>,
    vectors: Range<usize>,
    init: Grid<'_>,
    out: Grid<'_>,
) {
    if vectors.is_empty() {
        return;
    }
    assert!(rows <= LANES, "the rows of one vector");
    let (grid, vector) = left;
    s.outlined(Multiply { rows, depth, left: Turned { grid, vector, depth }, right, vectors, init, out });
}

struct Multiply<'a, F> {
    rows: usize,
    depth: usize,
    left: F,
    right: Grid<'a>,
    vectors: Range<usize>,
    init: Grid<'a>,
    out: Grid<'a>,
}

impl<F: Factors> Kernel for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Multiply { rows, depth, left, right, vectors, init, out } = self;
        let n = S::PANEL / LANES;
        assert_eq!(right.row, S::PANEL, "the right side is packed for this level");
        left.check::<S>(rows, depth);
        right.check(n, depth, vectors.end);
        init.check(n, rows, vectors.end);
        out.check(n, rows, vectors.end);
        let [left_row, left_panel, segment] = left.strides::<S>();
        let block = if rows > MAX_ROWS { DEPTH } else { usize::MAX };
        let tiles = rows.div_ceil(MAX_ROWS);
        // Blocks of rows as equal as can be: a lone last row would leave the multipliers waiting.
        let (fewest, larger) = (rows / tiles, rows % tiles);
        let heights = [(fewest + 1, larger), (fewest, tiles - larger)];
        // The fewest rows of a block want the widest tiles.
        let widest = S::TILE_VECTORS[fewest - 1];

        // The matrices of so many `k` mostly exceed a second-level cache.
        let far = n == 1 && !F::TURNED && tiles > 1 && depth > DEPTH;
        let mut next = if far { Next::shared_by(tiles) } else { Next::NOTHING };

        let mut first = 0;
        while first == 0 || first < depth {
            let length = (depth - first).min(block);
            let init = if first == 0 { init } else { out };
            let mut v = vectors.start;
            while v < vectors.end {
                let room = if n == 1 { usize::MAX } else { n - v % n };
                let width = widest.min(vectors.end - v).min(room);
                let (mut r, mut above) = (0, 0);
                for (count, blocks) in heights.into_iter().filter(|(_, blocks)| *blocks > 0) {
                    let mut done = 0;
                    while done < width {
                        let part = (width - done).min(S::TILE_VECTORS[count - 1]);
                        if far {
                            let at = match v + done + part {
                                v if v < vectors.end => right.at(n, first, v),
                                _ if first + length < depth => right.at(n, first + length, vectors.start),
                                v => right.at(n, 0, v),
                            };
                            next = next.from(at).after(above, length);
                        }
                        let operands = Tile {
                            blocks,
                            left: left.at::<S>(r, first),
                            left_row,
                            left_panel,
                            segment,
                            right: right.at(n, first, v + done),
                            right_vector: vector_stride::<S>(right),
                            depth: length,
                            next,
                            init: init.at(n, r, v + done),
                            init_row: init.row,
                            init_vector: vector_stride::<S>(init),
                            out: out.at(n, r, v + done),
                            out_row: out.row,
                            out_vector: vector_stride::<S>(out),
                        };
                        // SAFETY: the grids hold all rows, vectors and k asked for, as checked above, and the maker of
                        // the grids keeps other workers away.
                        unsafe { shaped::<S, F>(s, count, part, far, operands) };
                        done += part;
                    }
                    r += count * blocks;
                    above += blocks;
                }
                v += width;
            }
            first += length.max(1);
        }
    }
}

/// The micro-kernel for `rows` by `vectors`.
///
/// # Safety
/// As for [`Tile`]'s parts.
#[inline(always)]
unsafe fn shaped<S: Simd, F: Factors>(s: S, rows: usize, vectors: usize, far: bool, tile: Tile) {
    macro_rules! shapes {
        ($($m:literal)+) => {
            match rows {
                // Shapes wider than the level's tile are never asked for, and so not compiled.
                $($m => match vectors {
                    1 if far && S::PANEL == LANES && $m > 2 => s.outlined(Shaped::<$m, 1, true, F>(tile, PhantomData)),
                    1 => s.outlined(Shaped::<$m, 1, false, F>(tile, PhantomData)),
                    2 if S::TILE_VECTORS[$m - 1] >= 2 => s.outlined(Shaped::<$m, 2, false, F>(tile, PhantomData)),
                    3 if S::TILE_VECTORS[$m - 1] >= 3 => s.outlined(Shaped::<$m, 3, false, F>(tile, PhantomData)),
                    4 if S::TILE_VECTORS[$m - 1] >= 4 => s.outlined(Shaped::<$m, 4, false, F>(tile, PhantomData)),
                    _ => unreachable!("a tile of {vectors} vectors"),
                },)+
                _ => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    shapes!(1 2 3 4 5 6);
}

#[cfg(test)]
mod tests;
