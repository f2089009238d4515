//! Attention of queries over the steps of a sequence, each sequence with its own.
//!
//! ```text
//! for each sequence b, with its q queries and its k keys that count:
//!     S = scale · Q Kᵀ        P = softmax over keys of S        Y = P V
//!
//! backward    dV = Pᵀ dY      dP = dY Vᵀ      dS = scale · P (dP - Σ P dP)      dQ = dS K      dK = dSᵀ Q
//! ```
//!
//! Sequences are shared out among workers and computed at their own lengths, so padding costs nothing, and a sequence has
//! the bits that it has alone. Where there is no key there is nothing to see: Y is zero.

use super::softmax::Softmax;
use super::steps::{Steps, check_shape};
use crate::Error;
use crate::kernels::product::{Matrix, Product};
use crate::simd::Level;
use crate::threads;
use crate::view::SeqMut;

/// What a pair of query and key costs beside its products, in multiply-adds: the softmax.
pub(crate) const COST: usize = super::softmax::COST;

/// Queries `[B, Q, D]` over keys `[B, K, D]` with values `[B, K, E]`.
#[derive(Debug, Clone)]
pub struct Attention<'a> {
    /// `[B, Q]`
    pub queries: Steps<'a>,
    /// `[B, K]`, of values too.
    pub keys: Steps<'a>,
    /// `D`
    pub width: usize,
    /// `E`
    pub values_width: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
}

/// What forward reads, and backward again.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `[B, Q, D]`
    pub queries: &'a [f32],
    /// `[B, K, D]`
    pub keys: &'a [f32],
    /// `[B, K, E]`
    pub values: &'a [f32],
}

/// Where backward writes, in the shapes of [`Inputs`]; zeros where a step does not count.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// `[B, Q, D]`
    pub queries: &'a mut [f32],
    /// `[B, K, D]`
    pub keys: &'a mut [f32],
    /// `[B, K, E]`
    pub values: &'a mut [f32],
}

impl Attention<'_> {
    /// Writes `y` `[B, Q, E]` and the weights P `[B, Q, K]`; zeros where a step does not count.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn forward(&self, level: Level, inputs: Inputs<'_>, weights: &mut [f32], y: &mut [f32]) -> Result<(), Error> {
        self.check(inputs, weights.len(), ("y", y.len()))?;
        weights.fill(0.0);
        y.fill(0.0);
        let (all_weights, all_y) = (self.sequences(weights)?, self.sequences(y)?);
        self.share_out(|b, scratch| {
            // SAFETY: sequences are shared out.
            let (weights, y) = unsafe { (all_weights.row(0, b), all_y.row(0, b)) };
            let Sequence { queries, keys, q, k, v } = self.sequence(inputs, b);
            let [scores, chances] = split(scratch, queries * keys);
            Product::new(q, k.turned()).compute(level, 1, scores);
            scores.iter_mut().for_each(|score| *score *= self.scale);
            softmax(queries, keys).forward(level, scores, chances).expect("made to fit");
            let y = &mut y[..queries * self.values_width];
            Product::new(Matrix::new(chances, [1, queries, keys]), v).compute(level, 1, y);
            for (row, chances) in weights.chunks_exact_mut(self.keys.time()).zip(chances.chunks_exact(keys)) {
                row[..keys].copy_from_slice(chances);
            }
        });
        Ok(())
    }

    /// The gradients for `dy` `[B, Q, E]`, with the inputs and the weights of forward.
    ///
    /// # Errors
    /// When an array does not fit.
    pub fn backward(
        &self,
        level: Level,
        inputs: Inputs<'_>,
        weights: &[f32],
        dy: &[f32],
        gradients: Gradients<'_>,
    ) -> Result<(), Error> {
        self.check(inputs, weights.len(), ("dy", dy.len()))?;
        check_shape("dqueries", gradients.queries.len(), &[inputs.queries.len()])?;
        check_shape("dkeys", gradients.keys.len(), &[inputs.keys.len()])?;
        check_shape("dvalues", gradients.values.len(), &[inputs.values.len()])?;
        let all = [gradients.queries, gradients.keys, gradients.values].map(|gradient| {
            gradient.fill(0.0);
            self.sequences(gradient)
        });
        let [dqueries, dkeys, dvalues] = all;
        let (dqueries, dkeys, dvalues) = (dqueries?, dkeys?, dvalues?);
        let (time, steps, width) = (self.queries.time(), self.keys.time(), self.values_width);
        self.share_out(|b, scratch| {
            // SAFETY: sequences are shared out.
            let (dq, dk, dv) = unsafe { (dqueries.row(0, b), dkeys.row(0, b), dvalues.row(0, b)) };
            let Sequence { queries, keys, q, k, v } = self.sequence(inputs, b);
            let [chances, slopes, dscores] = split(scratch, queries * keys);
            for (row, chances) in weights[b * time * steps..].chunks_exact(steps).zip(chances.chunks_exact_mut(keys)) {
                chances.copy_from_slice(&row[..keys]);
            }
            let dy = Matrix::new(&dy[b * time * width..][..queries * width], [1, queries, width]);
            let weights = Matrix::new(chances, [1, queries, keys]);
            Product::new(weights.turned(), dy).compute(level, 1, &mut dv[..keys * width]);
            Product::new(dy, v.turned()).compute(level, 1, slopes);
            softmax(queries, keys).backward(level, chances, slopes, dscores).expect("made to fit");
            dscores.iter_mut().for_each(|slope| *slope *= self.scale);
            let dscores = Matrix::new(dscores, [1, queries, keys]);
            Product::new(dscores, k).compute(level, 1, &mut dq[..queries * self.width]);
            Product::new(dscores.turned(), q).compute(level, 1, &mut dk[..keys * self.width]);
        });
        Ok(())
    }

    /// Calls `each` with every sequence that has both queries and keys, and with memory that a worker keeps.
    fn share_out(&self, each: impl Fn(usize, &mut Vec<f32>) + Sync) {
        let batch = self.queries.batch();
        let pairs: usize = (0..batch).map(|b| self.queries.length(b) * self.keys.length(b)).sum();
        let cost = self.width + self.values_width + COST;
        // Not more than there are sequences: within one the products are shared.
        threads::run(threads::worth(pairs.saturating_mul(cost)).min(batch), |worker| {
            let mut scratch = Vec::new();
            for b in worker.share(batch) {
                let pairs = self.queries.length(b) * self.keys.length(b);
                if pairs > 0 {
                    each(b, &mut scratch);
                    worker.poll(pairs * cost);
                }
            }
        });
    }

    fn sequence<'a>(&self, inputs: Inputs<'a>, b: usize) -> Sequence<'a> {
        let (queries, keys) = (self.queries.length(b), self.keys.length(b));
        let (q, k) = (b * self.queries.time(), b * self.keys.time());
        let part = |values: &'a [f32], first: usize, count: usize, width: usize| {
            Matrix::new(&values[first * width..][..count * width], [1, count, width])
        };
        Sequence {
            queries,
            keys,
            q: part(inputs.queries, q, queries, self.width),
            k: part(inputs.keys, k, keys, self.width),
            v: part(inputs.values, k, keys, self.values_width),
        }
    }

    /// An array as one row for each sequence.
    fn sequences<'a>(&self, values: &'a mut [f32]) -> Result<SeqMut<'a>, Error> {
        let batch = self.queries.batch();
        let each = values.len().checked_div(batch).unwrap_or(0);
        SeqMut::new(values, [1, batch, each])
    }

    fn check(&self, inputs: Inputs<'_>, weights: usize, y: (&str, usize)) -> Result<(), Error> {
        let (batch, time, steps) = (self.queries.batch(), self.queries.time(), self.keys.time());
        if self.keys.batch() != batch {
            return Err(Error::shape("keys", format!("[B={batch}, K, D]"), format!("B={}", self.keys.batch())));
        }
        check_shape("queries", inputs.queries.len(), &[batch, time, self.width])?;
        check_shape("keys", inputs.keys.len(), &[batch, steps, self.width])?;
        check_shape("values", inputs.values.len(), &[batch, steps, self.values_width])?;
        check_shape("weights", weights, &[batch, time, steps])?;
        check_shape(y.0, y.1, &[batch, time, self.values_width])
    }
}

/// What belongs to one sequence, without its padding.
struct Sequence<'a> {
    queries: usize,
    keys: usize,
    q: Matrix<'a>,
    k: Matrix<'a>,
    v: Matrix<'a>,
}

fn softmax(queries: usize, keys: usize) -> Softmax<'static> {
    Softmax { shape: [1, queries, keys], lengths: None, log: false }
}

/// Parts of so many floats each.
fn split<const N: usize>(scratch: &mut Vec<f32>, each: usize) -> [&mut [f32]; N] {
    scratch.resize(N * each, 0.0);
    let mut parts = scratch.chunks_exact_mut(each);
    std::array::from_fn(|_| parts.next().expect("as many as asked for"))
}
