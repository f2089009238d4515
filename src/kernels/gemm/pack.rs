//! Packing: a matrix laid out once as the micro-kernel will read it.
//!
//! ```text
//! packed[panel][k][0..P] = column panel * P … of row k        zeros where the source ends
//! ```
//!
//! Columns come in an order of the caller's choice, so that the four gates of sixteen units lie side by side.

use crate::buffer::{Buffer, Shelf};
use crate::kernels::mask::Mask;
use crate::kernels::square::square;
use crate::simd::{LANES, Level};
use crate::threads;
use crate::view::{Grid, SeqMut};
use std::ops::Range;
use std::sync::Arc;

/// What a number costs to be moved, in multiply-adds.
const PER_NUMBER: usize = 16;

/// The panel width of `level`.
pub fn panel(level: Level) -> usize {
    match level {
        Level::Avx512 => 64,
        _ => 16,
    }
}

/// A packed right side: `depth` rows by `vectors` vectors of sixteen columns.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    pub(super) data: Buffer,
    /// Rows, the `k` of the product.
    pub depth: usize,
    /// Columns in vectors of sixteen.
    pub vectors: usize,
    panel: usize,
}

impl Packed {
    /// An operand whose panels a team fills: `fill` is given a panel's vectors and its floats, `[depth, panel]`, that may
    /// hold anything but are zeros behind the last vector.
    fn filled(
        level: Level,
        buffer: impl FnOnce(usize) -> Buffer,
        depth: usize,
        vectors: usize,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        let panel = panel(level);
        let (panels, each) = ((vectors * LANES).div_ceil(panel), panel / LANES);
        let mut data = buffer(panels * depth * panel);
        let to = SeqMut::new(&mut data, [1, panels, depth * panel]).expect("made for this");
        threads::run(threads::worth(panels * depth * panel * PER_NUMBER).min(panels.max(1)), |worker| {
            for p in worker.share(panels) {
                // SAFETY: panels are shared out.
                let to = unsafe { to.row(0, p) };
                let own = p * each..vectors.min((p + 1) * each);
                if own.len() < each {
                    to.fill(0.0);
                }
                fill(own, to);
            }
        });
        Packed { data, depth, vectors, panel }
    }

    /// Packs a matrix whose *rows are the columns* of the product: `source` is `[columns, depth]` as torch stores weights.
    /// `row(c)` is the row for column `c`, or `None` for a column of zeros.
    pub fn transposed(
        level: Level,
        shelf: &Arc<Shelf>,
        source: &[f32],
        depth: usize,
        vectors: usize,
        row: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Self {
        let panel = panel(level);
        Packed::filled(
            level,
            |len| shelf.take(len),
            depth,
            vectors,
            |own, to| {
                for (at, v) in own.enumerate() {
                    let rows: [&[f32]; LANES] = std::array::from_fn(|lane| match row(v * LANES + lane) {
                        Some(r) => &source[r * depth..][..depth],
                        None => &[],
                    });
                    for first in (0..depth).step_by(LANES) {
                        let part = |lane: usize| rows[lane].get(first..depth.min(first + LANES)).unwrap_or_default();
                        for (k, column) in square(LANES, part).iter().enumerate().take(depth - first) {
                            to[(first + k) * panel + at * LANES..][..LANES].copy_from_slice(column);
                        }
                    }
                }
            },
        )
    }

    /// Packs a matrix whose rows are the `k` of the product: `source` is `[_, columns]`, and `row(k)` is the row for `k`, or
    /// `None` for a row of zeros.
    pub fn straight(
        level: Level,
        shelf: &Arc<Shelf>,
        source: &[f32],
        depth: usize,
        columns: usize,
        row: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Self {
        let panel = panel(level);
        Packed::filled(
            level,
            |len| shelf.take(len),
            depth,
            columns.div_ceil(LANES),
            |own, to| {
                let (begin, end) = (own.start * LANES, columns.min(own.end * LANES));
                for (k, to) in to.chunks_exact_mut(panel).enumerate() {
                    to.fill(0.0);
                    if let Some(r) = row(k) {
                        to[..end - begin].copy_from_slice(&source[r * columns..][begin..end]);
                    }
                }
            },
        )
    }

    /// The packed transpose: the columns become `k`, in the order in which they are packed.
    pub fn turned(&self, level: Level) -> Self {
        let panel = self.panel;
        let (depth, vectors) = (self.vectors * LANES, self.depth.div_ceil(LANES));
        Packed::filled(
            level,
            |len| self.data.another(len),
            depth,
            vectors,
            |own, to| {
                for (at, v) in own.enumerate() {
                    let lines = v * LANES..self.depth.min((v + 1) * LANES);
                    for from in 0..self.vectors {
                        let begin = from * LANES / panel * self.depth * panel + from * LANES % panel;
                        let line = |k: usize| &self.data[begin + (lines.start + k) * panel..][..LANES];
                        for (k, column) in square(lines.len(), line).iter().enumerate() {
                            to[(from * LANES + k) * panel + at * LANES..][..LANES].copy_from_slice(column);
                        }
                    }
                }
            },
        )
    }

    /// Multiplies each element by a mask's value at (row, k), where `row(c)` is the mask's row for column `c`.
    pub fn masked(&self, mask: Mask, row: impl Fn(usize) -> Option<usize>) -> Self {
        let mut masked = self.clone();
        let panel = self.panel;
        for c in 0..self.vectors * LANES {
            let Some(row) = row(c) else { continue };
            let column = &mut masked.data[c / panel * self.depth * panel + c % panel..];
            for first in (0..self.depth).step_by(LANES) {
                let values = mask.values(0, row, first / LANES);
                for (k, value) in (first..self.depth).zip(values) {
                    column[k * panel] *= value;
                }
            }
        }
        masked
    }

    /// The operand for `multiply`.
    pub fn grid(&self) -> Grid<'_> {
        // SAFETY: a packed operand is only ever the right side of a product.
        unsafe { Grid::read(&self.data, self.panel, self.depth * self.panel) }
    }
}
