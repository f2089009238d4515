//! Packing: a matrix laid out once as the micro-kernel will read it.
//!
//! ```text
//! packed[panel][k][0..P] = column panel * P … of row k        zeros where the source ends
//! ```
//!
//! Columns come in an order of the caller's choice, so that the four gates of sixteen units lie side by side.

use crate::buffer::Buffer;
use crate::kernels::mask::Mask;
use crate::simd::{LANES, Level};
use crate::view::Grid;

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
    fn empty(level: Level, depth: usize, vectors: usize) -> Self {
        let panel = panel(level);
        let panels = (vectors * LANES).div_ceil(panel);
        Packed { data: Buffer::zeros(panels * depth * panel), depth, vectors, panel }
    }

    /// Packs a matrix whose *rows are the columns* of the product: `source` is `[columns, depth]` as torch stores weights.
    /// `row(c)` is the row for column `c`, or `None` for a column of zeros.
    pub fn transposed(
        level: Level,
        source: &[f32],
        depth: usize,
        vectors: usize,
        row: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let mut packed = Packed::empty(level, depth, vectors);
        let panel = packed.panel;
        const NOTHING: &[f32] = &[];
        for v in 0..vectors {
            let rows: [&[f32]; LANES] = std::array::from_fn(|lane| match row(v * LANES + lane) {
                Some(r) => &source[r * depth..][..depth],
                None => NOTHING,
            });
            let at = v * LANES / panel * depth * panel + v * LANES % panel;
            // Square blocks, so that both sides are read and written by whole cache lines.
            for first in (0..depth).step_by(LANES) {
                let length = LANES.min(depth - first);
                let mut square = [[0.0; LANES]; LANES];
                for (lane, values) in rows.iter().enumerate().filter(|(_, values)| !values.is_empty()) {
                    for (column, &value) in square.iter_mut().zip(&values[first..first + length]) {
                        column[lane] = value;
                    }
                }
                for (k, column) in square.iter().enumerate().take(length) {
                    packed.data[at + (first + k) * panel..][..LANES].copy_from_slice(column);
                }
            }
        }
        packed
    }

    /// Packs a matrix whose rows are the `k` of the product: `source` is `[_, columns]`, and `row(k)` is the row for `k`, or
    /// `None` for a row of zeros.
    pub fn straight(
        level: Level,
        source: &[f32],
        depth: usize,
        columns: usize,
        row: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let mut packed = Packed::empty(level, depth, columns.div_ceil(LANES));
        let panel = packed.panel;
        for k in 0..depth {
            let Some(r) = row(k) else { continue };
            let values = &source[r * columns..][..columns];
            for (p, part) in values.chunks(panel).enumerate() {
                packed.data[(p * depth + k) * panel..][..part.len()].copy_from_slice(part);
            }
        }
        packed
    }

    /// The packed transpose: the columns become `k`, in the order in which they are packed.
    pub fn turned(&self, level: Level) -> Self {
        let mut turned = Packed::empty(level, self.vectors * LANES, self.depth.div_ceil(LANES));
        let panel = self.panel;
        // Where vector `v` of row `r` begins in a packed operand with so many rows.
        let at = |rows: usize, r: usize, v: usize| (v * LANES / panel * rows + r) * panel + v * LANES % panel;
        for from in 0..self.vectors {
            for to in 0..turned.vectors {
                let mut square = [[0.0; LANES]; LANES];
                for k in to * LANES..self.depth.min((to + 1) * LANES) {
                    let row = &self.data[at(self.depth, k, from)..][..LANES];
                    for (column, &value) in square.iter_mut().zip(row) {
                        column[k % LANES] = value;
                    }
                }
                for (lane, column) in square.iter().enumerate() {
                    turned.data[at(turned.depth, from * LANES + lane, to)..][..LANES].copy_from_slice(column);
                }
            }
        }
        turned
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
