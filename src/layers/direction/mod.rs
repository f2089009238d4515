//! One layer in one direction: its recurrence forward and backward, as one worker of a team runs it.
//!
//! ```text
//! forward    for each chunk of steps:  zx = x W_ihᵀ + b                    one product, in cache
//!                for each step:        z = zx + h' W_hhᵀ → gates → c, h    sixteen units at a time
//! backward   for each step, last first: dh = dy + dz'' W_hh → gates → dz    dz takes the gates' place
//! gradients  dW = dzᵀ [x h' 1],  dx = dz W_ih                               products over all steps
//! ```
//!
//! The team shares a direction in one of two ways. By rows, each worker has sequences of its own and never waits. By
//! units, each has hidden units of its own, so that its part of the weights stays in its cache, and all meet after each
//! step. Both give the same bits, because every sum is one chain in a fixed order.

mod backward;
mod forward;
mod gradients;

pub(super) use backward::Backward;
pub(super) use forward::{Forward, Relay};
pub(super) use gradients::{Gradients, ParamGrads};

use super::inlet::padded;
use super::rows::Rows;
use super::weights::Weights;
use crate::buffer::{Buffer, Shelf};
use crate::kernels::cell::{Cell, Zoneout};
use crate::kernels::gemm::matrix::Right;
use crate::kernels::gemm::pack;
use crate::simd::{LANES, Level};
use crate::threads::{self, Barrier, Worker};
use crate::view::Grid;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The sizes of a layer's direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub level: Level,
    pub reverse: bool,
    /// `H`
    pub hidden: usize,
    /// `R`
    pub state: usize,
    pub projected: bool,
}

impl Geometry {
    /// Vectors of hidden units.
    pub fn units(&self) -> usize {
        self.hidden.div_ceil(LANES)
    }

    /// Vectors of the state.
    pub fn state_vectors(&self) -> usize {
        self.state.div_ceil(LANES)
    }

    /// Columns of the gates, with those that fill up the last vector.
    pub fn gate_columns(&self) -> usize {
        4 * self.units() * LANES
    }

    /// Floats from a hidden state to the next.
    pub fn h_stride(&self) -> usize {
        padded(self.state)
    }

    /// Floats from a cell state to the next.
    pub fn c_stride(&self) -> usize {
        padded(self.hidden)
    }

    /// A panel's width.
    pub fn panel(&self) -> usize {
        pack::panel(self.level)
    }

    /// Floats of `rows` rows of `vectors` vectors in panels.
    pub fn panelled(&self, rows: usize, vectors: usize) -> usize {
        rows * (vectors * LANES).next_multiple_of(self.panel())
    }
}

/// What a direction's recurrence keeps: for the layer above always, for backward when recording.
#[derive(Debug)]
pub(super) struct Held {
    /// Hidden states, in rows as [`Rows::state`] counts.
    pub h: Buffer,
    /// What the recurrent matrix multiplied, where locked dropout makes it differ from `h`.
    pub operand: Option<Buffer>,
    /// The mask of the locked dropout, a row for each slot.
    pub operand_mask: Option<Buffer>,
    /// Cell states like `h` when recording, else the current one of each slot.
    pub c: Buffer,
    /// Cell states before zoneout, in rows as [`Rows::step`] counts, where recording must tell them from `c`.
    pub fresh: Option<Buffer>,
    /// What is projected: in rows as [`Rows::step`] counts when recording, else a row for each slot.
    pub shown: Option<Buffer>,
    /// The gates in panels, in rows as [`Rows::step`] counts; backward turns them into the gradients of their inputs.
    pub gates: Option<Buffer>,
    /// The normalised input and recurrent sums, and their scales.
    pub norms: Option<[(Buffer, Buffer); 2]>,
    /// The recurrent matrix of this pass, where connections were dropped.
    pub dropped: Option<pack::Packed>,
}

/// What a pass asks of a direction, beyond its geometry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asks {
    /// Backward will follow.
    pub record: bool,
    /// Locked dropout of the recurrence.
    pub masked: bool,
    /// Zoneout of the cell state.
    pub zoneout_c: bool,
    pub normed: bool,
}

impl Held {
    pub fn new(shelf: &Arc<Shelf>, geometry: Geometry, rows: &Rows, asks: Asks) -> Self {
        let states = rows.batch() + rows.total();
        let (h, c, columns) = (geometry.h_stride(), geometry.c_stride(), geometry.gate_columns());
        let steps = if asks.record { rows.total() } else { rows.batch() };
        Held {
            h: shelf.take(states * h),
            operand: asks.masked.then(|| shelf.take(states * h)),
            operand_mask: asks.masked.then(|| shelf.take(rows.batch() * h)),
            c: shelf.take(if asks.record { states } else { rows.batch() } * c),
            fresh: (asks.record && asks.zoneout_c).then(|| shelf.take(rows.total() * c)),
            shown: geometry.projected.then(|| shelf.take(steps * c)),
            gates: asks.record.then(|| shelf.take(geometry.panelled(rows.total(), columns / LANES))),
            norms: (asks.record && asks.normed).then(|| {
                [(); 2].map(|()| {
                    (shelf.take(geometry.panelled(rows.total(), columns / LANES)), shelf.take(rows.total() * LANES))
                })
            }),
            dropped: None,
        }
    }
}

/// A direction's fixed surroundings during one call.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub geometry: Geometry,
    pub cell: &'a Cell,
    pub rows: &'a Rows,
    pub weights: &'a Weights,
    pub held: &'a Held,
    pub record: bool,
    pub zoneout_h: Option<Zoneout<'a>>,
    pub zoneout_c: Option<Zoneout<'a>>,
}

impl<'a> Frame<'a> {
    // SAFETY (all grids): the workers of a call keep to the slots and units of their share between barriers, and the owner
    // of the buffers waits for the call.

    pub fn h(&self) -> Grid<'a> {
        // SAFETY: as said above.
        unsafe { Grid::over(&self.held.h, self.geometry.h_stride(), self.geometry.panel()) }
    }

    /// What the recurrent matrix multiplies.
    pub fn operand(&self) -> Grid<'a> {
        match &self.held.operand {
            // SAFETY: as said above.
            Some(operand) => unsafe { Grid::over(operand, self.geometry.h_stride(), self.geometry.panel()) },
            None => self.h(),
        }
    }

    pub fn operand_mask(&self) -> Option<Grid<'a>> {
        let mask = self.held.operand_mask.as_ref()?;
        // SAFETY: as said above.
        Some(unsafe { Grid::over(mask, self.geometry.h_stride(), self.geometry.panel()) })
    }

    /// The cell state before step `s`.
    pub fn c(&self, s: usize) -> Grid<'a> {
        // SAFETY: as said above.
        let c = unsafe { Grid::over(&self.held.c, self.geometry.c_stride(), self.geometry.panel()) };
        if self.record { c.rows(self.rows.state(s)) } else { c }
    }

    /// The cell state after step `s`, before zoneout; when recording.
    pub fn fresh(&self, s: usize) -> Grid<'a> {
        match &self.held.fresh {
            Some(fresh) => {
                // SAFETY: as said above.
                let fresh = unsafe { Grid::over(fresh, self.geometry.c_stride(), self.geometry.panel()) };
                fresh.rows(self.rows.step(s))
            }
            None => self.c(s + 1),
        }
    }

    /// What is projected.
    pub fn shown(&self) -> Option<Grid<'a>> {
        let shown = self.held.shown.as_ref()?;
        // SAFETY: as said above.
        Some(unsafe { Grid::over(shown, self.geometry.c_stride(), self.geometry.panel()) })
    }

    /// The gates of all steps.
    pub fn gates(&self) -> Option<Grid<'a>> {
        self.held.gates.as_ref().map(|gates| self.in_panels(gates, self.rows.total()))
    }

    /// The normalised sums and their scales.
    pub fn norms(&self) -> Option<[(Grid<'a>, Grid<'a>); 2]> {
        let norms = self.held.norms.as_ref()?;
        Some([0, 1].map(|i| {
            let (normal, scale) = &norms[i];
            // SAFETY: as said above.
            let scale = unsafe { Grid::over(scale, LANES, self.geometry.panel()) };
            (self.in_panels(normal, self.rows.total()), scale)
        }))
    }

    pub fn recurrent(&self) -> Right<'a> {
        self.held.dropped.as_ref().map_or(self.weights.recurrent.right(), Right::Full)
    }

    pub fn peephole(&self) -> Option<Grid<'a>> {
        let peephole = self.weights.peephole.as_ref()?;
        Some(self.constant(peephole, self.geometry.units() * LANES))
    }

    /// A grid of `rows` rows over a buffer in panels.
    pub fn in_panels(&self, buffer: &'a Buffer, rows: usize) -> Grid<'a> {
        let panel = self.geometry.panel();
        // SAFETY: as said above.
        unsafe { Grid::over(buffer, panel, rows * panel) }
    }

    /// A grid that is only read.
    pub fn constant(&self, values: &'a [f32], row: usize) -> Grid<'a> {
        // SAFETY: only read.
        unsafe { Grid::read(values, row, self.geometry.panel()) }
    }
}

/// Parts of `all`, so many at a time, in the order in which step `at` goes over a matrix: every second step goes from the
/// last to the first. What a cache still holds of a matrix is where the step before has ended, and going on from there
/// saves up to a quarter of the time where few rows meet a matrix larger than the cache.
#[inline(always)]
pub(super) fn sweep(all: Range<usize>, width: usize, at: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = all.len().div_ceil(width);
    (0..parts).map(move |part| {
        let start = all.start + width * if at % 2 == 1 { parts - 1 - part } else { part };
        start..all.end.min(start + width)
    })
}

/// How a team shares a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Rows,
    Units,
}

/// One worker's place in the part of the team that runs a direction.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub worker: &'a Worker<'a>,
    pub id: usize,
    pub count: usize,
    /// Where this part of the team meets, if it is not the whole.
    pub meeting: Option<&'a Barrier>,
    pub split: Split,
}

impl<'a> Member<'a> {
    /// A worker that runs a direction without others.
    pub fn lone(worker: &'a Worker<'a>) -> Self {
        Member { worker, id: 0, count: 1, meeting: None, split: Split::Rows }
    }

    /// Waits for the others, and says for how long.
    pub fn meet(&self) -> Duration {
        match self.meeting {
            _ if self.count <= 1 => Duration::ZERO,
            Some(meeting) => self.worker.barrier_of(meeting, self.count),
            None => self.worker.barrier(),
        }
    }

    /// Waits for the others, with as many units each, if they need this member's units for what comes.
    #[inline(always)]
    pub fn meet_units(&self) {
        if self.split == Split::Units {
            threads::met_after(self.meet());
        }
    }

    /// Whether a step of the recurrence ends with a meeting of the whole team.
    pub fn has_met(&self) -> bool {
        self.split == Split::Units && self.meeting.is_none()
    }

    /// This worker's slots.
    pub fn slots(&self, rows: &Rows) -> Range<usize> {
        match self.split {
            Split::Rows => rows.share(self.id, self.count),
            Split::Units => 0..rows.batch(),
        }
    }

    /// This worker's part of `vectors` vectors when units are shared; all of them when rows are.
    pub fn vectors(&self, vectors: usize, panel: usize) -> Range<usize> {
        match self.split {
            Split::Rows => 0..vectors,
            Split::Units => self.part(vectors, panel),
        }
    }

    /// This worker's part of `vectors` vectors, in whole panels where there are enough.
    pub fn part(&self, vectors: usize, panel: usize) -> Range<usize> {
        let unit = if vectors * LANES >= 2 * panel * self.count { panel / LANES } else { 1 };
        let at = |id: usize| (vectors.div_ceil(unit) * id / self.count * unit).min(vectors);
        at(self.id)..at(self.id + 1)
    }
}
