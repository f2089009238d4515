//! Layer normalisation: each row to mean 0 and variance 1, then a gain and a shift for each channel.
//!
//! ```text
//! forward   x̂ = (x - mean) r,  r = 1 / sqrt(var + ε);  y = x̂ weight + bias
//! backward  d̂ = dy weight;  dx = r (d̂ - mean(d̂) - x̂ mean(d̂ x̂));  dweight = Σ dy x̂;  dbias = Σ dy
//! ```
//!
//! This is the layer, over contiguous rows `[…, C]`. The normalised gates inside a recurrence, which lie in panels, are
//! [`crate::kernels::norm`]; the formulas are the same.
//!
//! The sums over rows are cut after every so many rows that count: so they depend neither on the number of threads nor
//! on padding.

use super::steps::{Steps, check_shape};
use crate::Error;
use crate::kernels::reduce::mean_variance_lanes;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::SeqMut;

/// Rows whose part of dweight and dbias is summed up before it is added to the others'.
const BLOCK: usize = 64;
/// What an element costs in multiply-adds, in each direction.
const COST: usize = 4;

/// The parameters of a normalisation over `C` channels.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// The gain `[C]`.
    pub weight: &'a [f32],
    /// The shift `[C]`, if there is one.
    pub bias: Option<&'a [f32]>,
    /// Keeps the square root away from zero.
    pub epsilon: f32,
}

/// Where backward puts the gradients.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// That of x, `[B, T, C]`, is written here if it is wanted.
    pub x: Option<&'a mut [f32]>,
    /// That of the gain, `[C]`, is added here.
    pub weight: &'a mut [f32],
    /// That of the shift, `[C]`, is added here.
    pub bias: &'a mut [f32],
}

impl LayerNorm<'_> {
    /// Writes the normalised `x` `[B, T, C]` to `y`, zeros where a step does not count. `kept` `[B, T, 2]`, if it is given,
    /// receives each row's mean and r for [`LayerNorm::backward`].
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn forward(
        &self,
        level: Level,
        x: &[f32],
        steps: &Steps<'_>,
        y: &mut [f32],
        kept: Option<&mut [f32]>,
    ) -> Result<(), Error> {
        let (rows, channels) = (steps.rows(), self.check(x, steps)?);
        check_shape("y", y.len(), &[steps.batch(), steps.time(), channels])?;
        if let Some(kept) = &kept {
            check_shape("kept", kept.len(), &[steps.batch(), steps.time(), 2])?;
        }
        let y = &SeqMut::new(y, [1, rows, channels])?;
        let kept = &kept.map(|kept| SeqMut::new(kept, [1, rows, 2])).transpose()?;
        threads::run(threads::worth(x.len().saturating_mul(COST)), |worker| {
            dispatch(level, Forward { norm: *self, x, steps, y, kept: kept.as_ref(), worker });
        });
        Ok(())
    }

    /// The gradients for `dy`, with the `x` and the `kept` of forward; `dy` does not matter where a step does not count.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn backward(
        &self,
        level: Level,
        x: &[f32],
        steps: &Steps<'_>,
        kept: &[f32],
        dy: &[f32],
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        let (rows, channels) = (steps.rows(), self.check(x, steps)?);
        let shape = [steps.batch(), steps.time(), channels];
        check_shape("kept", kept.len(), &[shape[0], shape[1], 2])?;
        check_shape("dy", dy.len(), &shape)?;
        check_shape("the gradient of weight", gradients.weight.len(), &[channels])?;
        check_shape("the gradient of bias", gradients.bias.len(), &[channels])?;
        let dx = match gradients.x {
            Some(dx) => {
                check_shape("dx", dx.len(), &shape)?;
                dx.fill(0.0);
                Some(SeqMut::new(dx, [1, rows, channels])?)
            }
            None => None,
        };
        let blocks = steps.total().div_ceil(BLOCK);
        let mut parts = vec![0.0; blocks * 2 * channels];
        let view = &SeqMut::new(&mut parts, [blocks, 2, channels])?;
        threads::run(threads::worth(x.len().saturating_mul(COST)), |worker| {
            for block in worker.share(blocks) {
                worker.poll(BLOCK * channels * COST);
                dispatch(level, Backward { norm: *self, x, steps, kept, dy, dx: dx.as_ref(), parts: view, block });
            }
        });
        for part in parts.chunks_exact(2 * channels.max(1)) {
            let (weight, bias) = part.split_at(channels);
            add(gradients.weight, weight);
            add(gradients.bias, bias);
        }
        Ok(())
    }

    /// The number of channels, if `x` and the parameters have it.
    fn check(&self, x: &[f32], steps: &Steps<'_>) -> Result<usize, Error> {
        let channels = self.weight.len();
        if let Some(bias) = self.bias {
            check_shape("bias", bias.len(), &[channels])?;
        }
        check_shape("x", x.len(), &[steps.batch(), steps.time(), channels])?;
        Ok(channels)
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

struct Forward<'a> {
    norm: LayerNorm<'a>,
    x: &'a [f32],
    steps: &'a Steps<'a>,
    y: &'a SeqMut<'a>,
    kept: Option<&'a SeqMut<'a>>,
    worker: &'a Worker<'a>,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Forward { norm, x, steps, y, kept, worker } = self;
        let channels = norm.weight.len();
        for row in worker.share(steps.rows()) {
            // SAFETY: rows are shared out.
            let (y, kept) = unsafe { (y.row(0, row), kept.map(|kept| kept.row(0, row))) };
            if !steps.counts(row) {
                y.fill(0.0);
                if let Some(kept) = kept {
                    kept.fill(0.0);
                }
                continue;
            }
            worker.poll(channels * COST);
            let x = &x[row * channels..][..channels];
            let (mean, variance) = mean_variance_lanes(s, x);
            let scale = 1.0 / (variance + norm.epsilon).sqrt();
            for (v, to) in y.chunks_mut(LANES).enumerate() {
                let at = v * LANES;
                let normal = s.mul(s.sub(s.load_slice(&x[at..]), s.splat(mean)), s.splat(scale));
                let shift = match norm.bias {
                    Some(bias) => s.load_slice(&bias[at..]),
                    None => s.splat(0.0),
                };
                s.store_slice(to, s.fma(normal, s.load_slice(&norm.weight[at..]), shift));
            }
            if let Some(kept) = kept {
                kept.copy_from_slice(&[mean, scale]);
            }
        }
    }
}

/// One block of the rows that count.
struct Backward<'a> {
    norm: LayerNorm<'a>,
    x: &'a [f32],
    steps: &'a Steps<'a>,
    kept: &'a [f32],
    dy: &'a [f32],
    dx: Option<&'a SeqMut<'a>>,
    parts: &'a SeqMut<'a>,
    block: usize,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.norm.weight.len();
        let rows = self.block * BLOCK..self.steps.total().min((self.block + 1) * BLOCK);
        // SAFETY: each block is one worker's.
        let (dweight, dbias) = unsafe { (self.parts.row(self.block, 0), self.parts.row(self.block, 1)) };
        for row in self.steps.valid(rows) {
            let (x, dy) = (&self.x[row * channels..][..channels], &self.dy[row * channels..][..channels]);
            let (mean, scale) = (s.splat(self.kept[2 * row]), s.splat(self.kept[2 * row + 1]));
            let (mut sum, mut product) = (s.splat(0.0), s.splat(0.0));
            for at in (0..channels).step_by(LANES) {
                // Behind the last channel dy and the gain are zero, and so is all that is summed up.
                let normal = s.mul(s.sub(s.load_slice(&x[at..]), mean), scale);
                let dy = s.load_slice(&dy[at..]);
                let d = s.mul(dy, s.load_slice(&self.norm.weight[at..]));
                sum = s.add(sum, d);
                product = s.fma(d, normal, product);
                let (dweight, dbias) = (tail(dweight, at), tail(dbias, at));
                s.store_slice(dweight, s.fma(dy, normal, s.load_slice(dweight)));
                s.store_slice(dbias, s.add(dy, s.load_slice(dbias)));
            }
            let Some(dx) = self.dx else { continue };
            // SAFETY: rows belong to blocks, and blocks to workers.
            let dx = unsafe { dx.row(0, row) };
            let (sum, product) = (s.sum(sum) / channels as f32, s.sum(product) / channels as f32);
            for at in (0..channels).step_by(LANES) {
                let normal = s.mul(s.sub(s.load_slice(&x[at..]), mean), scale);
                let d = s.mul(s.load_slice(&dy[at..]), s.load_slice(&self.norm.weight[at..]));
                let rest = s.fnma(normal, s.splat(product), s.sub(d, s.splat(sum)));
                s.store_slice(tail(dx, at), s.mul(rest, scale));
            }
        }
    }
}

/// Up to sixteen floats from `at` on.
#[inline(always)]
fn tail(values: &mut [f32], at: usize) -> &mut [f32] {
    let end = values.len().min(at + LANES);
    &mut values[at..end]
}
