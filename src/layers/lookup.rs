//! What the first layer makes of each token before it looks at its state: a row of sums, computed once.
//!
//! ```text
//! row of token v = W_ih · x_v + b        x_v the token's vector, or 1 at place v and 0 elsewhere
//! ```
//!
//! Sampling then reads a row instead of multiplying a matrix. The rows are computed by the product that they stand for,
//! so the bits are the same. Where the sums are normalised, the bias comes later and is left out here.

use super::direction::Geometry;
use super::inlet::padded;
use super::lstm::Lstm;
use super::weights::Packed;
use crate::buffer::Buffer;
use crate::kernels::gemm::multiply;
use crate::simd::{Kernel, LANES, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::{Grid, SeqMut};
use std::ops::Range;

/// Rows of sums, one for each token, in the order of the packed gates.
#[derive(Debug)]
pub(super) struct Table {
    values: Buffer,
    geometry: Geometry,
}

impl Table {
    /// Floats of a table.
    pub fn size(lstm: &Lstm, tokens: usize) -> usize {
        tokens.saturating_mul(padded(lstm.geometry(0).gate_columns()))
    }

    /// The table of tokens with the vectors `[V, C]`, or of C tokens that are ones at their own places.
    pub fn new(lstm: &Lstm, packed: &Packed, vectors: Option<&[f32]>) -> Table {
        let (channels, geometry) = (lstm.config().input_size, lstm.geometry(0));
        let tokens = vectors.map_or(channels, |vectors| vectors.len() / channels);
        let width = padded(geometry.gate_columns());
        let mut values = Buffer::zeros(Table::size(lstm, tokens));
        let rows = SeqMut::new(&mut values, [1, tokens, width]).expect("made for this");
        let work = tokens.saturating_mul(geometry.gate_columns());
        let work = work.saturating_mul(if vectors.is_some() { channels } else { 1 });
        threads::run(threads::worth(work), |worker| {
            dispatch(geometry.level, Fill { geometry, packed, vectors, rows: &rows, worker });
        });
        Table { values, geometry }
    }

    /// Copies the rows of `ids` to `out`: as many vectors as `vectors`, from panel `first` on.
    #[inline(always)]
    pub fn copy<S: Simd>(
        &self,
        s: S,
        ids: impl ExactSizeIterator<Item = usize>,
        first: usize,
        vectors: Range<usize>,
        out: Grid<'_>,
    ) {
        let n = S::PANEL / LANES;
        let width = padded(self.geometry.gate_columns());
        out.check(n, ids.len(), vectors.end);
        for (row, id) in ids.enumerate() {
            let from = &self.values[id * width + first * S::PANEL..][..vectors.end * LANES];
            for v in vectors.clone() {
                // SAFETY: the row and vector were checked above, and the caller keeps other workers away.
                unsafe { s.store(out.at(n, row, v), s.load_slice(&from[v * LANES..])) };
            }
        }
    }
}

/// One worker's rows of a table.
struct Fill<'a> {
    geometry: Geometry,
    packed: &'a Packed,
    vectors: Option<&'a [f32]>,
    rows: &'a SeqMut<'a>,
    worker: &'a Worker<'a>,
}

/// Rows computed between two looks for Ctrl-C.
const PART: usize = 64;

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (n, weights) = (S::PANEL / LANES, &self.packed.directions[0]);
        let [_, tokens, width] = self.rows.shape();
        let (columns, channels) = (self.geometry.gate_columns(), weights.input.full().depth);
        let normed = weights.gains.is_some();
        // SAFETY: only read.
        let init = if normed { Grid::zeros() } else { unsafe { Grid::read(&weights.bias, 0, S::PANEL) } };
        let mine = self.worker.share(tokens);
        for from in mine.clone().step_by(PART) {
            let count = PART.min(mine.end - from);
            if let Some(vectors) = self.vectors {
                // SAFETY: the vectors are only read, and the rows are this worker's own.
                let (left, out) = unsafe {
                    let left = Grid::read(&vectors[from * channels..], channels, S::PANEL);
                    let rest = (tokens - from) * width;
                    (left, Grid::at_pointer(self.rows.start().add(from * width), rest, width, S::PANEL))
                };
                multiply(s, count, channels, left, weights.input.full().grid(), 0..columns / LANES, init, out);
                self.worker.poll(count * columns * channels);
                continue;
            }
            let right = weights.input.full().grid();
            right.check(n, tokens, columns / LANES);
            init.check(n, 1, columns / LANES);
            for token in from..from + count {
                // SAFETY: the row is this worker's own.
                let row = unsafe { self.rows.row(0, token) };
                for (v, to) in row[..columns].chunks_exact_mut(LANES).enumerate() {
                    // SAFETY: the rows and vectors were checked above.
                    let (weight, bias) = unsafe { (s.load(right.at(n, token, v)), s.load(init.at(n, 0, v))) };
                    // The token's own weight is the only one that is not multiplied by 0.
                    s.store_slice(to, s.add(weight, bias));
                }
            }
            self.worker.poll(count * columns);
        }
    }
}
