//! Softmax and its logarithm over rows, and their gradients; masked, only the first entries of a row take part.
//!
//! ```text
//! softmax        dx = p (dy - Σ dy p)            log softmax    dx = dy - p Σ dy,  p = exp(y)
//! ```
//!
//! What a row holds where there is nothing to choose from is said in [`crate::kernels::softmax`]; a masked row without a
//! single entry is zeros, as all masked entries are.

use super::steps::check_shape;
use crate::Error;
use crate::kernels::activation::exp;
use crate::kernels::reduce::{dot_lanes, sum_lanes};
use crate::kernels::softmax::{log_softmax_lanes, softmax_lanes};
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::SeqMut;

/// What an element costs in multiply-adds.
pub(crate) const COST: usize = 24;

/// Rows `[B, M, N]` that are normalised over N.
#[derive(Debug, Clone, Copy)]
pub struct Softmax<'a> {
    /// `[B, M, N]`
    pub shape: [usize; 3],
    /// The entries that take part in the rows of each of the `B`; all if not given.
    pub lengths: Option<&'a [usize]>,
    /// The logarithm instead.
    pub log: bool,
}

impl Softmax<'_> {
    /// Writes `y` for `x`.
    ///
    /// # Errors
    /// When an array or the lengths do not fit.
    pub fn forward(&self, level: Level, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
        check_shape("x", x.len(), &self.shape)?;
        self.share_out(level, [x, x], y, false)
    }

    /// Writes `dx` for `dy`, with the `y` of forward.
    ///
    /// # Errors
    /// When an array or the lengths do not fit.
    pub fn backward(&self, level: Level, y: &[f32], dy: &[f32], dx: &mut [f32]) -> Result<(), Error> {
        check_shape("y", y.len(), &self.shape)?;
        check_shape("dy", dy.len(), &self.shape)?;
        self.share_out(level, [y, dy], dx, true)
    }

    fn share_out(&self, level: Level, from: [&[f32]; 2], to: &mut [f32], backward: bool) -> Result<(), Error> {
        let [batch, rows, width] = self.shape;
        check_shape("the result", to.len(), &self.shape)?;
        if let Some(lengths) = self.lengths {
            super::steps::check_lengths(lengths, batch, width)?;
        }
        let work = to.len().saturating_mul(COST);
        let to = &SeqMut::new(to, [1, batch * rows, width])?;
        threads::run(threads::worth(work), |worker| {
            dispatch(level, Rows { softmax: self, from, to, backward, worker });
        });
        Ok(())
    }
}

/// A worker's rows.
struct Rows<'a> {
    softmax: &'a Softmax<'a>,
    /// x twice, or y and dy.
    from: [&'a [f32]; 2],
    to: &'a SeqMut<'a>,
    backward: bool,
    worker: &'a Worker<'a>,
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Softmax { shape: [batch, rows, width], lengths, log } = *self.softmax;
        for row in self.worker.share(batch * rows) {
            let length = lengths.map_or(width, |lengths| lengths[row / rows]);
            // SAFETY: rows are shared out.
            let (to, masked) = unsafe { self.to.row(0, row) }.split_at_mut(length);
            masked.fill(0.0);
            let [first, second] = [0, 1].map(|side| &self.from[side][row * width..][..length]);
            if self.backward {
                slope(s, log, first, second, to);
            } else {
                to.copy_from_slice(first);
                if log { log_softmax_lanes(s, to) } else { softmax_lanes(s, to) }
            }
            self.worker.poll(width * COST);
        }
    }
}

/// The gradient of one row.
#[inline(always)]
fn slope<S: Simd>(s: S, log: bool, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let total = s.splat(if log { sum_lanes(s, dy) } else { dot_lanes(s, y, dy) });
    for ((y, dy), dx) in y.chunks(LANES).zip(dy.chunks(LANES)).zip(dx.chunks_mut(LANES)) {
        let (y, dy) = (s.load_slice(y), s.load_slice(dy));
        let slope = if log { s.fnma(exp(s, y), total, dy) } else { s.mul(y, s.sub(dy, total)) };
        s.store_slice(dx, slope);
    }
}
