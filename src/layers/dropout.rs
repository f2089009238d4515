//! Dropout: each element is dropped with the chance p, and what stays grows by 1 / (1 - p).
//!
//! ```text
//! y[b][t][c] = x[b][t][c] m(seed, draw, b, t, c)        locked: m(seed, draw, b, 0, c)
//! ```
//!
//! A mask's value follows from its address, so nothing is kept: backward is the same call on the gradients.

use super::steps::{Steps, check_shape};
use crate::Error;
use crate::kernels::mask::{Mask, Purpose};
use crate::rng::Key;
use crate::simd::{Kernel, Level, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::SeqMut;

/// What an element costs in multiply-adds; most of it is the random number.
const COST: usize = 12;

/// The masks of one pass.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    mask: Option<Mask>,
    locked: bool,
}

impl Dropout {
    /// The masks that drop with the chance `p`; `locked` ones are the same at all steps of a sequence.
    ///
    /// # Errors
    /// When `p` is not from 0 to 1.
    pub fn new(p: f32, locked: bool, key: Key) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::option("p", "from 0 to 1", p));
        }
        Ok(Dropout { mask: (p > 0.0).then(|| Mask::dropout(key, 0, 0, Purpose::Dropout, p)), locked })
    }

    /// Writes the masked `x` `[B, T, C]` to `y`, zeros where a step does not count.
    ///
    /// # Errors
    /// When an array does not fit, or there are more rows or steps than an address has room for.
    pub fn apply(
        &self,
        level: Level,
        x: &[f32],
        steps: &Steps<'_>,
        channels: usize,
        y: &mut [f32],
    ) -> Result<(), Error> {
        let (batch, time) = (steps.batch(), steps.time());
        check_shape("x", x.len(), &[batch, time, channels])?;
        check_shape("y", y.len(), &[batch, time, channels])?;
        if x.is_empty() {
            return Ok(());
        }
        for (name, extent) in [("B", batch), ("T", time)] {
            if u32::try_from(extent).is_err() {
                return Err(Error::option(name, format!("at most {}", u32::MAX), extent));
            }
        }
        let y = &SeqMut::new(y, [1, steps.rows(), channels])?;
        threads::run(threads::worth(x.len().saturating_mul(COST)), |worker| {
            dispatch(level, Apply { dropout: *self, x, steps, channels, y, worker });
        });
        Ok(())
    }
}

struct Apply<'a> {
    dropout: Dropout,
    x: &'a [f32],
    steps: &'a Steps<'a>,
    channels: usize,
    y: &'a SeqMut<'a>,
    worker: &'a Worker<'a>,
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Apply { dropout, x, steps, channels, y, worker } = self;
        for row in worker.share(steps.rows()) {
            // SAFETY: rows are shared out.
            let y = unsafe { y.row(0, row) };
            if !steps.counts(row) {
                y.fill(0.0);
                continue;
            }
            worker.poll(channels * COST);
            y.copy_from_slice(&x[row * channels..][..channels]);
            if let Some(mask) = dropout.mask {
                let (b, t) = (row / steps.time(), row % steps.time());
                mask.apply(s, if dropout.locked { 0 } else { t }, b, y);
            }
        }
    }
}
