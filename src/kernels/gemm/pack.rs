//! Packing: a matrix laid out once as the micro-kernel will read it.
//!
//! ```text
//! packed[panel][k][0..P] = source(k, panel * P ..)        zeros where the source ends
//! ```
//!
//! Columns come in an order of the caller's choice, so that the four gates of sixteen units lie side by side.

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
    data: Vec<f32>,
    /// Rows, the `k` of the product.
    pub depth: usize,
    /// Columns in vectors of sixteen.
    pub vectors: usize,
    panel: usize,
}

impl Packed {
    /// Packs `vectors` vectors of columns for `level`; `column(c)` says where in `source` column `c` begins and `step` how
    /// far its next `k` lies, or is `None` for a column of zeros.
    pub fn new(
        level: Level,
        source: &[f32],
        depth: usize,
        step: usize,
        vectors: usize,
        column: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let panel = panel(level);
        let panels = (vectors * LANES).div_ceil(panel);
        let mut data = vec![0.0; panels * depth * panel];
        for c in 0..vectors * LANES {
            if let Some(start) = column(c) {
                let to = &mut data[c / panel * depth * panel + c % panel..];
                for k in 0..depth {
                    to[k * panel] = source[start + k * step];
                }
            }
        }
        Packed { data, depth, vectors, panel }
    }

    /// The operand for `multiply`.
    pub fn grid(&self) -> Grid<'_> {
        // SAFETY: a packed operand is only ever the right side of a product.
        unsafe { Grid::read(&self.data, self.panel, self.depth * self.panel) }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.data.len() * size_of::<f32>()
    }
}
