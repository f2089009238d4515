//! The gradients that go through the layers against the arrows of forward: of states and outputs, step after step.

use super::direction::{Backward, Frame, Held, Member};
use super::lstm::{Lstm, State};
use super::rows::Rows;
use super::weights::{Packed, Turned};
use crate::buffer::Buffer;
use crate::kernels::gemm::pack;
use crate::view::Grid;
use std::sync::Arc;

/// The gradients on their way against the arrows of forward.
pub(super) struct Upward {
    pub directions: Vec<Descent>,
}

/// Those of one layer's direction.
pub(super) struct Descent {
    pub turned: Arc<Turned>,
    /// Of the state behind the steps that are next, in the end of the initial state; a row for each slot.
    dh: Buffer,
    dc: Buffer,
    carry: Option<Buffer>,
    /// Of the outputs, in rows as [`Rows::step`] counts.
    dy: Buffer,
    /// Of what is projected, a row for each slot, and of the projected, in panels.
    projection: Option<(Buffer, Buffer)>,
    /// Of the normalised sums, in panels.
    sums: Option<[Buffer; 2]>,
    /// The transposed recurrent matrix, where connections were dropped, and its gradient without the mask.
    dropped: Option<(pack::Packed, Buffer)>,
}

impl Descent {
    pub fn panels<'a>(&'a self, frame: &Frame<'a>) -> (Option<Grid<'a>>, Option<[Grid<'a>; 2]>) {
        let total = frame.rows.total();
        let projected = self.projection.as_ref().map(|(_, panels)| frame.in_panels(panels, total));
        let sums = self.sums.as_ref().map(|sums| [0, 1].map(|i| frame.in_panels(&sums[i], total)));
        (projected, sums)
    }

    /// The recurrent matrix's gradient without the mask, where connections were dropped.
    pub fn unmasked<'a>(&'a self, frame: &Frame<'a>) -> Option<Grid<'a>> {
        let (_, sums) = self.dropped.as_ref()?;
        // SAFETY: the workers keep to the rows of their units.
        Some(unsafe { Grid::over(sums, frame.geometry.state, frame.geometry.panel()) })
    }
}

impl Upward {
    /// The gradients of the final state, where all begins.
    pub fn new(lstm: &Lstm, packed: &Packed, rows: &Rows, dstate: Option<&State>) -> Self {
        let (shelf, config) = (&lstm.shelf, lstm.config());
        let directions = lstm.directions().map(|index| {
            let geometry = lstm.geometry(index);
            let (h, c) = (geometry.h_stride(), geometry.c_stride());
            Descent {
                turned: packed.directions[index].turned(lstm.level()),
                dh: shelf.zeros(rows.batch() * h),
                dc: shelf.zeros(rows.batch() * c),
                carry: (config.zoneout_h > 0.0).then(|| shelf.zeros(rows.batch() * h)),
                dy: shelf.take(0),
                projection: None,
                sums: None,
                dropped: None,
            }
        });
        let mut upward = Upward { directions: directions.collect() };
        if let Some(dstate) = dstate {
            upward.begin(lstm, rows, dstate);
        }
        upward
    }

    /// Makes room for the steps of `rows`, of which forward has kept `held`.
    pub fn enter(&mut self, lstm: &Lstm, rows: &Rows, held: &[Held]) {
        let (shelf, normed) = (&lstm.shelf, lstm.config().layer_norm);
        for (index, descent) in self.directions.iter_mut().enumerate() {
            let geometry = lstm.geometry(index);
            let panels = |vectors| shelf.take(geometry.panelled(rows.total(), vectors));
            descent.dy = shelf.zeros(rows.total() * geometry.h_stride());
            descent.projection = geometry
                .projected
                .then(|| (shelf.take(rows.batch() * geometry.c_stride()), panels(geometry.state_vectors())));
            descent.sums = normed.then(|| [(); 2].map(|()| panels(4 * geometry.units())));
            if let (Some(dropped), None) = (&held[index].dropped, &descent.dropped) {
                let sums = shelf.zeros(4 * geometry.hidden * geometry.state);
                descent.dropped = Some((dropped.turned(lstm.level()), sums));
            }
        }
    }

    fn begin(&mut self, lstm: &Lstm, rows: &Rows, dstate: &State) {
        let batch = rows.batch();
        let (mut h_from, mut c_from) = (0, 0);
        for (index, direction) in self.directions.iter_mut().enumerate() {
            let geometry = lstm.geometry(index);
            let (r, h) = (geometry.state, geometry.hidden);
            for (slot, &row) in rows.order.iter().enumerate() {
                let row = row as usize;
                direction.dh[slot * geometry.h_stride()..][..r].copy_from_slice(&dstate.h[h_from + row * r..][..r]);
                direction.dc[slot * geometry.c_stride()..][..h].copy_from_slice(&dstate.c[c_from + row * h..][..h]);
            }
            h_from += batch * r;
            c_from += batch * h;
        }
    }

    /// The gradients of the initial state.
    pub fn end(&self, lstm: &Lstm, rows: &Rows) -> State {
        let batch = rows.batch();
        let (h_len, c_len) = lstm.state_sizes(batch);
        let mut state = State { h: vec![0.0; h_len], c: vec![0.0; c_len] };
        let (mut h_to, mut c_to) = (0, 0);
        for (index, direction) in self.directions.iter().enumerate() {
            let geometry = lstm.geometry(index);
            let (r, h) = (geometry.state, geometry.hidden);
            for (slot, &row) in rows.order.iter().enumerate() {
                let row = row as usize;
                state.h[h_to + row * r..][..r].copy_from_slice(&direction.dh[slot * geometry.h_stride()..][..r]);
                state.c[c_to + row * h..][..h].copy_from_slice(&direction.dc[slot * geometry.c_stride()..][..h]);
            }
            h_to += batch * r;
            c_to += batch * h;
        }
        state
    }

    /// The gradients of the outputs of a direction.
    ///
    /// # Safety
    /// As for [`Grid::over`].
    pub unsafe fn dy<'a>(&'a self, index: usize, frame: &Frame<'_>) -> Grid<'a> {
        // SAFETY: as for the caller.
        unsafe { row_major(&self.directions[index].dy, frame) }
    }

    /// A direction's recurrence backward, as a member of the team runs it.
    pub fn recurrence<'a>(&'a self, index: usize, frame: Frame<'a>, member: Member<'a>) -> Backward<'a> {
        let direction = &self.directions[index];
        let turned = &*direction.turned;
        let (projected, sums) = direction.panels(&frame);
        // SAFETY: the workers keep to the slots and units of their share between meetings.
        let h_grid = |buffer: &'a Buffer| unsafe { row_major(buffer, &frame) };
        // SAFETY: as above.
        let c_grid =
            |buffer: &'a Buffer| unsafe { Grid::over(buffer, frame.geometry.c_stride(), frame.geometry.panel()) };
        Backward {
            frame,
            turned,
            recurrent: direction.dropped.as_ref().map_or(&turned.recurrent, |(recurrent, _)| recurrent).grid(),
            member,
            dy: h_grid(&direction.dy),
            dh: h_grid(&direction.dh),
            dc: c_grid(&direction.dc),
            carry: direction.carry.as_ref().map(h_grid),
            projection: direction.projection.as_ref().map(|(dm, _)| c_grid(dm)).zip(projected),
            sums,
        }
    }
}

/// # Safety
/// As for [`Grid::over`].
unsafe fn row_major<'a>(buffer: &'a Buffer, frame: &Frame<'_>) -> Grid<'a> {
    // SAFETY: as for the caller.
    unsafe { Grid::over(buffer, frame.geometry.h_stride(), frame.geometry.panel()) }
}
