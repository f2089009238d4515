//! Products of whole matrices, `out = start + left · right`, either side as it is or transposed, one or a batch of them.
//!
//! ```text
//! for each worker's part of out, some rows by some columns:
//!     for each block of its columns:  for each block of k:
//!         pack the block of the right side
//!         for each band of its rows:  [turn the left side's band]  multiply
//! ```
//!
//! Each element is one chain of multiply-adds over k that begins at `start`, so neither the parts nor the blocks show in
//! the bits. Workers share nothing and never wait: what two of them need, each packs for itself, and the parts are cut so
//! that this is little. Where the right side is the same for many calls, [`super::gemm`] with a kept packed copy is
//! faster; for one row it is twice as fast, from a few dozen rows on there is no difference.

use super::gemm::multiply;
use super::square::square;
use crate::buffer::Shelf;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::{Grid, Runs, SeqMut};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// `k` of a block, and its columns: 256 KB of the right side, which stay in the second-level cache.
const DEPTH: usize = 512;
const COLUMNS: usize = 128;
/// Rows of a band: as many as the matrix product takes at once.
const BAND: usize = 96;
/// Columns that are not torn apart between workers: whole panels on every level.
const UNIT: usize = 64;
/// Floats from a row to the next of a turned band: rows a power of two apart would fall into the same set of the cache.
const BAND_ROW: usize = DEPTH + LANES;
/// Room for the last, incomplete vector of columns of a band; a panel may have three vectors before it.
const TAIL: usize = (BAND + 3) * LANES;

/// One matrix or several of the same shape, or the transposes of such.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    /// Floats from a row to the next, and from a column; one of them is 1.
    row: usize,
    column: usize,
    /// Floats from a matrix to the next: 0 where there is one for all.
    item: usize,
}

impl<'a> Matrix<'a> {
    /// `data` as `[items, rows, columns]`; a single item stands for as many as the product has.
    ///
    /// # Panics
    /// When `data` has another length.
    pub fn new(data: &'a [f32], [items, rows, columns]: [usize; 3]) -> Self {
        assert_eq!(data.len(), items * rows * columns, "a matrix [{items}, {rows}, {columns}]");
        let item = if items == 1 { 0 } else { rows * columns };
        Matrix { data, rows, columns, row: columns, column: 1, item }
    }

    /// The transpose.
    pub fn turned(self) -> Self {
        Matrix { rows: self.columns, columns: self.rows, row: self.column, column: self.row, ..self }
    }

    /// From element `(row, column)` of an item on.
    #[inline(always)]
    fn from(&self, item: usize, row: usize, column: usize) -> &'a [f32] {
        &self.data[item * self.item + row * self.row + column * self.column..]
    }
}

/// What each element's sum begins with.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Zero.
    Zero,
    /// The same row for every row of `out`.
    Row(&'a [f32]),
    /// What `out` holds.
    Out,
}

/// A product to compute.
pub struct Product<'a> {
    left: Matrix<'a>,
    right: Matrix<'a>,
    start: Start<'a>,
    rows: Runs,
    depth: Runs,
}

impl<'a> Product<'a> {
    /// `left · right`, beginning at zero.
    ///
    /// # Panics
    /// When the columns of the left side are not as many as the rows of the right side.
    pub fn new(left: Matrix<'a>, right: Matrix<'a>) -> Self {
        assert_eq!(left.columns, right.rows, "the sides share their inner extent");
        let (rows, depth) = (Runs::all(left.rows), Runs::all(left.columns));
        Product { left, right, start: Start::Zero, rows, depth }
    }

    /// The same, beginning elsewhere.
    pub fn start(self, start: Start<'a>) -> Self {
        if let Start::Row(row) = start {
            assert_eq!(row.len(), self.right.columns, "a row to begin with");
        }
        Product { start, ..self }
    }

    /// The same for these rows of `out` only; the others are left alone.
    pub fn rows(self, rows: Runs) -> Self {
        assert!(rows.end() <= self.left.rows, "rows of the left side");
        Product { rows, ..self }
    }

    /// The same with sums over these `k` only; what stands at the others is not read.
    pub fn depth(self, depth: Runs) -> Self {
        assert!(depth.end() <= self.left.columns, "columns of the left side");
        Product { depth, ..self }
    }

    /// Computes `items` products into `out` `[items, rows, columns]`.
    ///
    /// # Panics
    /// When `out` has another length, or a side has another number of items than one or `items`.
    pub fn compute(&self, level: Level, items: usize, out: &mut [f32]) {
        let (height, width) = (self.left.rows, self.right.columns);
        assert_eq!(out.len(), items * height * width, "out is [{items}, {height}, {width}]");
        for side in [&self.left, &self.right] {
            let each = side.rows * side.columns;
            assert!(side.data.len() == each || side.data.len() == items * each, "a side has {items} items or one");
        }
        let (rows, depth) = (self.rows.total(), self.depth.total());
        if items * rows * width == 0 {
            return;
        }
        // A few steps of k more: reading and writing the rest costs as well.
        let work = (items * rows).saturating_mul(width.next_multiple_of(LANES)).saturating_mul(depth + 8);
        let workers = threads::worth(work);
        let ways = ways(rows, width, workers.div_ceil(items));
        let parts = items * ways[0] * ways[1];
        let lengths = self.scratch(width);
        let each: usize = lengths.iter().sum();
        let mut scratch = shelf().take(workers * each);
        let scratch = SeqMut::new(&mut scratch, [1, workers, each]).expect("made for this");
        let out = SeqMut::new(out, [1, items * height, width]).expect("its length was checked");
        threads::run(workers.min(parts), |worker| {
            // SAFETY: each worker takes its own row.
            let (right, rest) = unsafe { scratch.row(0, worker.id()) }.split_at_mut(lengths[0]);
            let (left, tail) = rest.split_at_mut(lengths[1]);
            let mut room = Room { right, left, tail };
            for part in (worker.id()..parts).step_by(worker.count()) {
                let [item, row, column] = [part / (ways[0] * ways[1]), part / ways[1] % ways[0], part % ways[1]];
                let units = share(width.div_ceil(UNIT), column, ways[1]);
                let columns = units.start * UNIT..width.min(units.end * UNIT);
                let rows = share(rows, row, ways[0]);
                dispatch(level, Part { product: self, item, rows, columns, out: &out, room: &mut room, worker });
            }
        });
    }

    /// Floats that a worker needs: for a block of the right side, a band of the left one, and a tail.
    fn scratch(&self, width: usize) -> [usize; 3] {
        let depth = self.depth.total().min(DEPTH);
        let left = if self.left_as_it_is() { 0 } else { BAND.min(self.rows.total()) * BAND_ROW };
        let tail = if width.is_multiple_of(LANES) { 0 } else { TAIL };
        [depth * width.next_multiple_of(UNIT).min(COLUMNS), left, tail]
    }

    /// Whether k follow one another in memory.
    fn left_as_it_is(&self) -> bool {
        self.left.column == 1 && self.depth.is_one()
    }
}

/// Kept from call to call: fresh memory costs more than a small product.
fn shelf() -> &'static Arc<Shelf> {
    static SHELF: OnceLock<Arc<Shelf>> = OnceLock::new();
    SHELF.get_or_init(Shelf::new)
}

/// Into how many parts by rows and by columns so many workers best cut an output: packing costs each part about as much
/// as a few rows and columns more.
fn ways(rows: usize, columns: usize, workers: usize) -> [usize; 2] {
    const PACKING: usize = 8;
    let units = columns.div_ceil(UNIT);
    let cuts = (1..=workers.min(units)).map(|across| [(workers / across).min(rows), across]);
    let cost = |cut: &[usize; 2]| {
        (rows.div_ceil(cut[0]) + PACKING) * (units.div_ceil(cut[1]).saturating_mul(UNIT).min(columns) + PACKING)
    };
    cuts.min_by_key(cost).expect("there is at least one worker and one column")
}

/// Part `number` of `0..total` cut into `parts`.
fn share(total: usize, number: usize, parts: usize) -> Range<usize> {
    total * number / parts..total * (number + 1) / parts
}

/// A worker's memory.
struct Room<'a> {
    right: &'a mut [f32],
    left: &'a mut [f32],
    tail: &'a mut [f32],
}

/// Some rows, counted as the product's runs do, by some columns of one item.
struct Part<'a, 'b> {
    product: &'a Product<'a>,
    item: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    out: &'a SeqMut<'a>,
    room: &'a mut Room<'b>,
    worker: &'a Worker<'a>,
}

impl Kernel for Part<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let depth = self.product.depth.total();
        for column in self.columns.clone().step_by(COLUMNS) {
            let columns = column..self.columns.end.min(column + COLUMNS);
            let mut k = 0;
            while k == 0 || k < depth {
                let block = k..depth.min(k + DEPTH);
                self.pack_right::<S>(&columns, &block);
                let mut row = self.rows.start;
                while row < self.rows.end {
                    // A band ends with its run: rows of `out` that are apart are no grid.
                    let (first, length) = self.product.rows.piece(row, self.rows.end.min(row + BAND));
                    self.band(s, first, length, &columns, &block);
                    self.worker.poll(length * block.len() * columns.len().next_multiple_of(LANES));
                    row += length;
                }
                k += DEPTH;
            }
        }
    }
}

impl Part<'_, '_> {
    /// Lays out `k` in `block` of the columns as the micro-kernel reads them, with zeros behind the last column.
    #[inline(always)]
    fn pack_right<S: Simd>(&mut self, columns: &Range<usize>, block: &Range<usize>) {
        let (right, depth) = (&self.product.right, block.len());
        let mut k = block.start;
        while k < block.end {
            let (first, length) = self.product.depth.piece(k, block.end);
            let at = (k - block.start) * S::PANEL;
            for (p, from) in columns.clone().step_by(S::PANEL).enumerate() {
                let width = S::PANEL.min(columns.end - from);
                let to = &mut self.room.right[p * depth * S::PANEL + at..][..length * S::PANEL];
                if right.column == 1 {
                    for (j, to) in to.chunks_exact_mut(S::PANEL).enumerate() {
                        let values = &right.from(self.item, first + j, from)[..width];
                        if width == S::PANEL {
                            to.copy_from_slice(values);
                        } else {
                            to[..width].copy_from_slice(values);
                            to[width..].fill(0.0);
                        }
                    }
                } else {
                    for c in (0..width).step_by(LANES) {
                        let lanes = LANES.min(width - c);
                        for j in (0..length).step_by(LANES) {
                            let some = LANES.min(length - j);
                            let line = |lane| &right.from(self.item, first + j, from + c + lane)[..some];
                            let square = square(lanes, line);
                            for (row, to) in square.iter().zip(to.chunks_exact_mut(S::PANEL).skip(j)).take(some) {
                                to[c..c + LANES].copy_from_slice(row);
                            }
                        }
                    }
                }
            }
            k += length;
        }
    }

    /// Lays out `k` in `block` of `count` rows from `first` on one after another.
    #[inline(always)]
    fn turn_left(&mut self, first: usize, count: usize, block: &Range<usize>) {
        let left = &self.product.left;
        let mut k = block.start;
        while k < block.end {
            let (from, length) = self.product.depth.piece(k, block.end);
            let to = &mut self.room.left[k - block.start..];
            if left.column == 1 {
                for r in 0..count {
                    to[r * BAND_ROW..][..length].copy_from_slice(&left.from(self.item, first + r, from)[..length]);
                }
            } else {
                for r in (0..count).step_by(LANES) {
                    let some = LANES.min(count - r);
                    for j in (0..length).step_by(LANES) {
                        let steps = LANES.min(length - j);
                        let line = |step| &left.from(self.item, first + r, from + j + step)[..some];
                        let square = square(steps, line);
                        for (i, row) in square.iter().take(some).enumerate() {
                            to[(r + i) * BAND_ROW + j..][..steps].copy_from_slice(&row[..steps]);
                        }
                    }
                }
            }
            k += length;
        }
    }

    /// Adds the products over the `k` in `block` to `count` rows from `first` on.
    #[inline(always)]
    fn band<S: Simd>(&mut self, s: S, first: usize, count: usize, columns: &Range<usize>, block: &Range<usize>) {
        let product = self.product;
        let n = S::PANEL / LANES;
        let depth = block.len();
        if !product.left_as_it_is() {
            self.turn_left(first, count, block);
        }
        let (all, width) = (self.out.shape()[1], self.out.shape()[2]);
        let row = self.item * product.left.rows + first;
        // SAFETY: this worker alone writes these rows and columns of `out`, and its scratch; the rest is only read.
        let (left, right, out, tail) = unsafe {
            let left = if depth == 0 {
                Grid::read(&[], 0, S::PANEL)
            } else if product.left_as_it_is() {
                let (from, _) = product.depth.piece(block.start, block.end);
                Grid::read(product.left.from(self.item, first, from), product.left.row, S::PANEL)
            } else {
                Grid::read(self.room.left, BAND_ROW, S::PANEL)
            };
            let begin = row * width + columns.start;
            let out = Grid::at_pointer(self.out.start().add(begin), all * width - begin, width, S::PANEL);
            let tail = Grid::new(self.room.tail, LANES, S::PANEL);
            (left, Grid::read(self.room.right, S::PANEL, depth * S::PANEL), out, tail)
        };
        let start = if block.start == 0 { product.start } else { Start::Out };
        let full = columns.len() / LANES;
        let init = match start {
            Start::Zero => Grid::zeros(),
            // SAFETY: only read.
            Start::Row(values) => unsafe { Grid::read(&values[columns.start..], 0, S::PANEL) },
            Start::Out => out,
        };
        multiply(s, count, depth, left, right, 0..full, init, out);
        let rest = columns.len() % LANES;
        if rest == 0 {
            return;
        }
        // The last vector is computed beside `out`, where there is room for all its lanes.
        let lone = full % n;
        let place = columns.end - rest;
        for r in 0..count {
            // SAFETY: rows of this worker's scratch and of its part of `out`.
            let (lanes, own) = unsafe { (tail.slice_mut(r + lone, LANES), self.out.part(row + r, place, rest)) };
            lanes.fill(0.0);
            match start {
                Start::Zero => {}
                Start::Row(values) => lanes[..rest].copy_from_slice(&values[place..]),
                Start::Out => lanes[..rest].copy_from_slice(own),
            }
        }
        multiply(s, count, depth, left, right.panels(full / n), lone..lone + 1, tail, tail);
        for r in 0..count {
            // SAFETY: as above.
            let (lanes, own) = unsafe { (tail.slice(r + lone, LANES), self.out.part(row + r, place, rest)) };
            own.copy_from_slice(&lanes[..rest]);
        }
    }
}
