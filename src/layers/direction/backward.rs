//! The recurrence backward.
//!
//! ```text
//! for each step s, last first:
//!     dh  = dy_s + mask dz_{s+1} W_hh + carry        what the outputs, the next step and zoneout ask for
//!     carry = k dh,  dh -= carry                     zoneout
//!     dm  = dh W_hr, or dh                           projection
//!     dz  from dm, dc                                the gate stage
//! ```

use super::{Frame, Member, sweep};
use crate::kernels::cell::{self, Slots};
use crate::kernels::gemm::multiply;
use crate::kernels::norm;
use crate::layers::weights::Turned;
use crate::simd::{Kernel, LANES, Simd};
use crate::view::Grid;

/// Floats of a left side that may as well be read anew for every few columns, half of a second-level cache. Then the
/// order of the columns is free, see [`sweep`].
const NEAR: usize = 64 * 1024;

/// One worker's backward pass.
pub(in crate::layers) struct Backward<'a> {
    pub frame: Frame<'a>,
    pub turned: &'a Turned,
    /// The transposed recurrent matrix of this pass.
    pub recurrent: Grid<'a>,
    pub member: Member<'a>,
    /// The gradients of the outputs, in rows as [`crate::layers::rows::Rows::step`] counts.
    pub dy: Grid<'a>,
    /// A row for each slot: the gradient of the final hidden state, and in the end of the initial one.
    pub dh: Grid<'a>,
    /// The same for the cell state.
    pub dc: Grid<'a>,
    /// What zoneout hands on to the hidden state before, a row for each slot, first zero.
    pub carry: Option<Grid<'a>>,
    /// With a projection: the gradient of what is projected, a row for each slot, and of the projected, in panels.
    pub projection: Option<(Grid<'a>, Grid<'a>)>,
    /// With normalised gates: the gradients of the input and recurrent sums, in panels.
    pub sums: Option<[Grid<'a>; 2]>,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward { frame, turned, member, dh, dc, projection, sums, .. } = self;
        let (geometry, rows) = (frame.geometry, frame.rows);
        let mine = member.slots(rows);
        let first = mine.start;
        let units = member.vectors(geometry.units(), S::PANEL);
        let state = member.vectors(geometry.state_vectors(), S::PANEL);
        let gates = frame.gates().expect("the gates were recorded");
        let dz_recurrent = sums.map_or(gates, |sums| sums[1]);
        for at in (0..rows.steps()).rev() {
            let alive = rows.alive(at, &mine);
            let slots = Slots { first, rows: alive, time: at };
            // Only the sequences that go on have a next step; the others begin with the final state's gradient.
            let going_on = rows.alive(at + 1, &mine);
            if going_on > 0 {
                self.ask(s, dz_recurrent.rows(rows.step(at + 1) + first), first, going_on, at);
            }
            self.gather(s, slots, true);
            let dm = match (projection, &turned.projection) {
                (Some((dm, dh_panels)), Some(right)) => {
                    member.meet_units();
                    let left = dh_panels.rows(rows.step(at) + first);
                    let dm = dm.rows(first);
                    multiply(s, alive, right.depth, left, right.grid(), units.clone(), Grid::zeros(), dm);
                    dm
                }
                _ => dh.rows(first),
            };
            let from = rows.step(at) + first;
            cell::backward(
                s,
                &cell::Backward {
                    cell: frame.cell,
                    slots,
                    units: units.clone(),
                    dm,
                    dc: dc.rows(first),
                    gates: gates.rows(from),
                    c_before: frame.c(at).rows(first),
                    fresh: frame.fresh(at).rows(first),
                    peephole: frame.peephole(),
                    zoneout: frame.zoneout_c,
                },
            );
            if let (Some(sums), Some(norms), Some(gains)) = (sums, frame.norms(), &frame.weights.gains) {
                for i in 0..2 {
                    let (normal, scale) = norms[i];
                    let shape = norm::Shape { rows: alive, hidden: geometry.hidden };
                    let kept = (normal.rows(from), scale.rows(from));
                    let gain = frame.constant(&gains[i], 0);
                    norm::backward(s, shape, gates.rows(from), gain, kept, sums[i].rows(from));
                }
            }
            member.meet_units();
            member.worker.poll(alive * geometry.gate_columns() * state.len() * LANES);
        }
        let started = rows.alive(0, &mine);
        if started > 0 {
            // The state before the first step: another part's last one, or the initial one.
            self.ask(s, dz_recurrent.rows(first), first, started, 1);
            if rows.begin == 0 {
                self.gather(s, Slots { first, rows: started, time: 0 }, false);
            }
        }
    }
}

impl Backward<'_> {
    /// What the gates' gradients `dz` of the next step ask of the hidden state of `count` slots after step `at`.
    #[inline(always)]
    fn ask<S: Simd>(&self, s: S, dz: Grid<'_>, first: usize, count: usize, at: usize) {
        let n = S::PANEL / LANES;
        let geometry = self.frame.geometry;
        let vectors = self.member.vectors(geometry.state_vectors(), S::PANEL);
        let (dh, depth) = (self.dh.rows(first), geometry.gate_columns());
        let width = if count * depth <= NEAR { 4 } else { vectors.len().max(1) };
        for vectors in sweep(vectors.clone(), width, at) {
            multiply(s, count, depth, dz, self.recurrent, vectors, Grid::zeros(), dh);
        }
        let Some(mask) = self.frame.operand_mask().map(|mask| mask.rows(first)) else { return };
        mask.check(n, count, vectors.end);
        for row in 0..count {
            for v in vectors.clone() {
                // SAFETY: the product has checked one grid, and the other was checked above.
                unsafe { s.store(dh.at(n, row, v), s.mul(s.load(dh.at(n, row, v)), s.load(mask.at(n, row, v)))) };
            }
        }
    }

    /// Completes `dh` of the slots. With `at_step` the outputs' gradient is added and zoneout divides; without it, this is
    /// the initial state.
    #[inline(always)]
    fn gather<S: Simd>(&self, s: S, slots: Slots, at_step: bool) {
        let n = S::PANEL / LANES;
        let (frame, rows) = (&self.frame, self.frame.rows);
        let vectors = self.member.vectors(frame.geometry.state_vectors(), S::PANEL);
        let dh = self.dh.rows(slots.first);
        let from = if at_step { rows.step(slots.time) + slots.first } else { 0 };
        let dy = if at_step { self.dy.rows(from) } else { Grid::zeros() };
        let carry = self.carry.map(|carry| carry.rows(slots.first));
        let panels = self.projection.filter(|_| at_step).map(|(_, panels)| panels.rows(from));
        for grid in [dh, dy].into_iter().chain(carry).chain(panels) {
            grid.check(n, slots.rows, vectors.end);
        }
        for row in 0..slots.rows {
            for v in vectors.clone() {
                // SAFETY: the grids were checked for these rows and vectors above.
                unsafe {
                    let mut d = s.load(dh.at(n, row, v));
                    d = s.add(d, s.load(dy.at(n, row, v)));
                    if let Some(carry) = carry {
                        d = s.add(d, s.load(carry.at(n, row, v)));
                        if let Some(zoneout) = frame.zoneout_h.filter(|_| at_step) {
                            let factor = zoneout.factor(s, slots.time, slots.first + row, v);
                            s.store(carry.at(n, row, v), s.mul(factor, d));
                            d = s.fnma(factor, d, d);
                        }
                    }
                    s.store(dh.at(n, row, v), d);
                    if let Some(panels) = panels {
                        s.store(panels.at(n, row, v), d);
                    }
                }
            }
        }
    }
}
