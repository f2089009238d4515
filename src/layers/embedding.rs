//! An embedding: a row of a table for each number of a sequence.
//!
//! ```text
//! forward    y[b][t] = table[ids[b][t]]
//! backward   dtable[i] = Σ dy[b][t] over the steps with ids[b][t] = i, in their order; none for the padding index
//! ```
//!
//! Numbers and gradients where a step does not count are not looked at.

use super::steps::{Steps, check_shape, clear_padding};
use crate::Error;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads::{self, Worker};
use crate::view::SeqMut;
use std::ops::Range;

/// The shape of a table.
#[derive(Debug, Clone, Copy)]
pub struct Embedding {
    /// `V`, the rows.
    pub count: usize,
    /// `E`, the values of a row.
    pub width: usize,
    /// The row that gets no gradient.
    pub padding_index: Option<usize>,
}

impl Embedding {
    /// Writes `y` `[B, T, E]` for `ids` `[B, T]` and `table` `[V, E]`; zeros where a step does not count.
    ///
    /// # Errors
    /// When an array does not fit, or a number is not from 0 to V - 1.
    pub fn forward(&self, table: &[f32], ids: &[i64], steps: &Steps<'_>, y: &mut [f32]) -> Result<(), Error> {
        self.check(table, ids, steps, ("y", y.len()))?;
        clear_padding(steps, self.width, y);
        let total = steps.total();
        let y = SeqMut::new(y, [1, steps.rows(), self.width])?;
        threads::run(threads::worth(total.saturating_mul(self.width)), |worker| {
            for row in steps.valid(worker.share(total)) {
                let values = &table[ids[row] as usize * self.width..][..self.width];
                // SAFETY: rows are shared out.
                unsafe { y.row(0, row) }.copy_from_slice(values);
                worker.poll(self.width);
            }
        });
        Ok(())
    }

    /// Adds the gradient of the table for `dy` `[B, T, E]` to `dtable` `[V, E]`.
    ///
    /// # Errors
    /// As for [`Embedding::forward`].
    pub fn backward(
        &self,
        level: Level,
        ids: &[i64],
        steps: &Steps<'_>,
        dy: &[f32],
        dtable: &mut [f32],
    ) -> Result<(), Error> {
        self.check(dtable, ids, steps, ("dy", dy.len()))?;
        let total = steps.total();
        let dtable = &SeqMut::new(dtable, [1, self.count, self.width])?;
        let vectors = self.width.div_ceil(LANES);
        let workers = threads::worth(total.saturating_mul(self.width)).min(vectors.max(1));
        threads::run(workers, |worker| {
            // Columns are shared out, and never the steps whose order is that of the sums.
            let mine = worker.share(vectors);
            let columns = mine.start * LANES..self.width.min(mine.end * LANES);
            dispatch(level, Scatter { embedding: *self, ids, steps, dy, dtable, columns, worker });
        });
        Ok(())
    }

    fn check(&self, table: &[f32], ids: &[i64], steps: &Steps<'_>, y: (&str, usize)) -> Result<(), Error> {
        check_shape("weight", table.len(), &[self.count, self.width])?;
        check_shape("ids", ids.len(), &[steps.batch(), steps.time()])?;
        check_shape(y.0, y.1, &[steps.batch(), steps.time(), self.width])?;
        match self.first_outside(ids, steps) {
            None => Ok(()),
            Some(row) => Err(self.outside(&[row / steps.time(), row % steps.time()], ids[row])),
        }
    }

    /// The first row of those that count whose number has no row in the table.
    pub fn first_outside(&self, ids: &[i64], steps: &Steps<'_>) -> Option<usize> {
        let outside = |id: i64| usize::try_from(id).map_or(true, |id| id >= self.count);
        steps.valid(0..steps.total()).find(|&row| outside(ids[row]))
    }

    /// The error that says so; `place` is where in `ids` the number stands.
    pub fn outside(&self, place: &[usize], id: i64) -> Error {
        let largest = self.count as i64 - 1;
        Error::option(format!("ids{place:?}"), format_args!("from 0 to V - 1 = {largest}"), id)
    }
}

/// Some columns of the gradients of all steps, added to those of the table.
struct Scatter<'a> {
    embedding: Embedding,
    ids: &'a [i64],
    steps: &'a Steps<'a>,
    dy: &'a [f32],
    dtable: &'a SeqMut<'a>,
    columns: Range<usize>,
    worker: &'a Worker<'a>,
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Embedding { width, padding_index, .. } = self.embedding;
        for row in self.steps.valid(0..self.steps.total()) {
            let id = self.ids[row] as usize;
            if Some(id) == padding_index {
                continue;
            }
            let from = &self.dy[row * width..][self.columns.clone()];
            // SAFETY: columns are shared out.
            let to = unsafe { self.dtable.part(id, self.columns.start, from.len()) };
            for (to, from) in to.chunks_mut(LANES).zip(from.chunks(LANES)) {
                s.store_slice(to, s.add(s.load_slice(to), s.load_slice(from)));
            }
            self.worker.poll(from.len());
        }
    }
}
