//! The recurrence forward.

use super::{Frame, Member, sweep};
use crate::kernels::cell::{self, Slots};
use crate::kernels::norm;
use crate::layers::inlet::{Inlet, Outlet, Source, padded};
use crate::simd::{Kernel, LANES, Simd};
use crate::threads::Progress;
use crate::view::{Grid, SeqMut};
use std::ops::Range;

/// Floats of the input product that a worker keeps at once for 64 channels or fewer: half of a second-level cache. With more
/// channels the product is worth a longer way, and the weights are read less often.
const CHUNK: usize = 64 * 1024;
/// Rows of a chunk, at least and at most: enough for the product to run at full speed, few enough to stay near.
const CHUNK_ROWS: Range<usize> = 48..256;

/// Parts in which a layer hands its steps to the next one's worker: the later ones have to wait for the first part only.
const RELAY_PARTS: usize = 8;

/// How far a layer has come that follows the one below, each with a worker of its own.
#[derive(Clone, Copy)]
pub(in crate::layers) struct Relay<'a> {
    /// Steps that the layer below has done; nothing for the first layer.
    pub below: Option<&'a Progress>,
    /// Steps that this one has.
    pub here: &'a Progress,
}

/// One worker's forward pass.
pub(in crate::layers) struct Forward<'a> {
    pub frame: Frame<'a>,
    pub inlet: Inlet<'a>,
    /// Where the caller wants the states.
    pub outlet: Option<Outlet<'a>>,
    pub member: Member<'a>,
    pub relay: Option<Relay<'a>>,
    /// A row of floats for each worker, as long as [`Forward::scratch`] says.
    pub scratch: &'a SeqMut<'a>,
}

/// The places in a worker's scratch.
struct Layout {
    /// Rows of a chunk at most.
    rows: usize,
    input: usize,
    product: usize,
    sum: usize,
    /// A row's part of the room for left sides.
    room: usize,
    total: usize,
}

impl Layout {
    fn new(frame: &Frame<'_>, channels: usize) -> Layout {
        let (geometry, weights) = (frame.geometry, frame.weights);
        let columns = geometry.gate_columns();
        let alive = frame.rows.active.first().copied().unwrap_or(0);
        let floats = CHUNK * channels.div_ceil(64);
        let rows = (floats / columns).clamp(CHUNK_ROWS.start, CHUNK_ROWS.end).max(alive).min(frame.rows.total());
        let input = rows * padded(channels);
        let product = rows * columns.next_multiple_of(geometry.panel());
        // A worker sums up sixteen units of all its rows, or whole rows where these are normalised.
        let sum = alive * if weights.gains.is_some() { columns } else { 4 * LANES };
        let matrices = [&weights.input, &weights.recurrent].into_iter().chain(&weights.projection);
        let room = matrices.map(|matrix| matrix.right().room()).max().filter(|room| *room > 0).map_or(0, padded);
        Layout { rows, input, product, sum, room, total: input + product + sum + rows * room }
    }
}

impl Forward<'_> {
    /// Floats of scratch that a worker needs.
    pub fn scratch(frame: &Frame<'_>, channels: usize) -> usize {
        Layout::new(frame, channels).total
    }
}

/// A worker's part of the direction and the grids of its scratch.
struct Share<'a> {
    slots: Range<usize>,
    /// Hidden units and state, in vectors.
    units: Range<usize>,
    state: Range<usize>,
    /// Rows that fit.
    rows: usize,
    input: Grid<'a>,
    /// The input's part of the gates, from this worker's first panel on.
    product: Grid<'a>,
    sum: Grid<'a>,
    /// For the left side that is being multiplied.
    room: Grid<'a>,
    first_panel: usize,
}

/// The steps of a chunk; their rows lie one after another.
struct Chunk {
    steps: Range<usize>,
    total: usize,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let share = self.share::<S>();
        let rows = self.frame.rows;
        let mut begin = 0;
        while begin < rows.steps() {
            let chunk = self.chunk(&share, begin);
            if let Some(below) = self.relay.and_then(|relay| relay.below) {
                self.member.worker.follow(below, chunk.steps.end);
            }
            self.gather(s, &share, &chunk);
            self.input_product(s, &share, &chunk);
            let mut row = 0;
            for at in chunk.steps.clone() {
                let slots = Slots { first: share.slots.start, rows: rows.alive(at, &share.slots), time: at };
                self.step(s, &share, slots, share.product.rows(row));
                row += slots.rows;
                self.member.worker.poll(slots.rows * share.units.len() * 4 * LANES * self.frame.geometry.state);
            }
            self.hand_over(&chunk);
            begin = chunk.steps.end;
            if let Some(relay) = self.relay {
                relay.here.reach(begin);
            }
        }
    }
}

impl<'a> Forward<'a> {
    #[inline(always)]
    fn share<S: Simd>(&self) -> Share<'a> {
        let geometry = self.frame.geometry;
        let normed = self.frame.weights.gains.is_some();
        let columns = geometry.gate_columns();
        let layout = Layout::new(&self.frame, self.inlet.channels);
        // SAFETY: each worker takes its own row, whose parts do not overlap.
        let (input, product, sum, room) = unsafe {
            let (input, rest) = self.scratch.row(0, self.member.worker.id()).split_at_mut(layout.input);
            let (product, rest) = rest.split_at_mut(layout.product);
            let (sum, room) = rest.split_at_mut(layout.sum);
            (
                Grid::new(input, padded(self.inlet.channels), S::PANEL),
                Grid::new(product, S::PANEL, layout.rows * S::PANEL),
                Grid::new(sum, if normed { columns } else { 4 * LANES }, S::PANEL),
                Grid::new(room, layout.room, S::PANEL),
            )
        };
        let slots = self.member.slots(self.frame.rows);
        let units = self.member.vectors(geometry.units(), S::PANEL);
        // A panel is never wider than the four gates of sixteen units, so this worker's columns begin with one.
        let first_panel = 4 * units.start * LANES / S::PANEL;
        let state = self.member.vectors(geometry.state_vectors(), S::PANEL);
        Share { slots, units, state, rows: layout.rows, input, product, sum, room, first_panel }
    }

    /// As many steps as fit, at least one.
    #[inline(always)]
    fn chunk(&self, share: &Share<'_>, begin: usize) -> Chunk {
        let rows = self.frame.rows;
        let most = if self.relay.is_some() { share.rows.min(rows.total() / RELAY_PARTS) } else { share.rows };
        let (mut end, mut total) = (begin, 0);
        while end < rows.steps() {
            let alive = rows.alive(end, &share.slots);
            if end > begin && total + alive > most {
                break;
            }
            total += alive;
            end += 1;
        }
        Chunk { steps: begin..end, total }
    }

    /// Reads the inputs of a chunk.
    #[inline(always)]
    fn gather<S: Simd>(&self, s: S, share: &Share<'_>, chunk: &Chunk) {
        let rows = self.frame.rows;
        let mut first = 0;
        for at in chunk.steps.clone() {
            let alive = rows.alive(at, &share.slots);
            for row in 0..alive {
                let slot = share.slots.start + row;
                let t = rows.time(self.frame.geometry.reverse, slot, at);
                // SAFETY: the scratch is this worker's own, and nobody writes these steps of the layer below any more.
                unsafe { self.inlet.read(s, slot, t, share.input.slice_mut(first + row, self.inlet.channels)) };
            }
            first += alive;
        }
    }

    /// The input's part of the gates for a whole chunk, with the bias.
    #[inline(always)]
    fn input_product<S: Simd>(&self, s: S, share: &Share<'_>, chunk: &Chunk) {
        let (frame, weights) = (&self.frame, self.frame.weights);
        let bias = frame.constant(&weights.bias, 0);
        let init = if weights.gains.is_some() { Grid::zeros() } else { bias.panels(share.first_panel) };
        let vectors = 0..4 * share.units.len();
        if let Source::Known(table, ids) = self.inlet.source {
            let slots = share.slots.start..share.slots.start + chunk.total;
            let ids = slots.map(|slot| ids[frame.rows.order[slot] as usize] as usize);
            table.copy(s, ids, share.first_panel, vectors, share.product);
        } else {
            let right = weights.input.right();
            let left = right.left(s, chunk.total, share.input, share.room);
            right.multiply(s, chunk.total, left, share.first_panel, vectors, init, share.product);
        }
        if weights.gains.is_none() {
            return;
        }
        let mut row = 0;
        for at in chunk.steps.clone() {
            let alive = frame.rows.alive(at, &share.slots);
            let here = share.product.rows(row);
            self.normalise(s, share, 0, at, here, bias, here);
            row += alive;
        }
    }

    /// Normalises the input (0) or recurrent (1) sums of step `at` in place, and adds `init`.
    #[inline(always)]
    fn normalise<S: Simd>(
        &self,
        s: S,
        share: &Share<'_>,
        which: usize,
        at: usize,
        sums: Grid<'_>,
        init: Grid<'_>,
        out: Grid<'_>,
    ) {
        let frame = &self.frame;
        let Some(gains) = &frame.weights.gains else { return };
        let from = frame.rows.step(at) + share.slots.start;
        let kept = frame.norms().map(|norms| {
            let (normal, scale) = norms[which];
            (normal.rows(from), scale.rows(from))
        });
        let rows = frame.rows.alive(at, &share.slots);
        let shape = norm::Shape { rows, hidden: frame.geometry.hidden };
        norm::forward(s, shape, sums, frame.constant(&gains[which], 0), init, out, kept);
    }

    /// One step of the recurrence; `z` is the input's part of the gates.
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, share: &Share<'_>, slots: Slots, z: Grid<'_>) {
        let (frame, rows, member) = (&self.frame, self.frame.rows, self.member);
        let (at, units) = (slots.time, &share.units);
        let (first, sum) = (slots.first, share.sum);
        let recurrent = frame.recurrent();
        let before = frame.operand().rows(rows.state(at) + first);
        let before = recurrent.left(s, slots.rows, before, share.room);
        let h = frame.h().rows(rows.state(at + 1) + first);
        let shown = frame.shown().map(|shown| {
            let from = if frame.record { rows.step(at) } else { 0 };
            shown.rows(from + first)
        });
        let stage = cell::Forward {
            cell: frame.cell,
            slots,
            units: units.clone(),
            z: sum,
            peephole: frame.peephole(),
            c_before: frame.c(at).rows(first),
            c: frame.c(at + 1).rows(first),
            m: shown.unwrap_or(h),
            gates: frame.gates().map(|gates| gates.rows(rows.step(at) + first)),
            fresh: frame.held.fresh.as_ref().map(|_| frame.fresh(at).rows(first)),
            zoneout: frame.zoneout_c,
        };
        if frame.weights.gains.is_some() {
            // A row's statistics need all its sums.
            recurrent.multiply(s, slots.rows, before, 0, 0..4 * units.len(), Grid::zeros(), sum);
            self.normalise(s, share, 1, at, sum, z, sum);
            cell::forward(s, &stage);
        } else {
            for unit in sweep(units.clone(), 1, at) {
                let panel = 4 * unit.start * LANES / S::PANEL;
                let z = z.panels(panel - share.first_panel);
                recurrent.multiply(s, slots.rows, before, panel, 0..4, z, sum);
                cell::forward(s, &cell::Forward { units: unit, ..stage });
            }
        }
        if let (Some(shown), Some(projection)) = (shown, &frame.weights.projection) {
            member.meet_units();
            let vectors = share.state.clone();
            let projection = projection.right();
            let shown = projection.left(s, slots.rows, shown, share.room);
            projection.multiply(s, slots.rows, shown, 0, vectors, Grid::zeros(), h);
        }
        settle(s, frame, slots, share.state.clone());
        member.meet_units();
    }

    /// Copies the states of a chunk to the caller's output, while they are near.
    #[inline(always)]
    fn hand_over(&self, chunk: &Chunk) {
        let (frame, rows, member) = (&self.frame, self.frame.rows, self.member);
        let Some(outlet) = self.outlet else { return };
        for slot in rows.share(member.id, member.count) {
            for at in chunk.steps.clone().take_while(|at| slot < rows.active[*at]) {
                // SAFETY: the team has met where others wrote a part of these states, and slots are shared out.
                unsafe {
                    let state = frame.h().slice(rows.state(at + 1) + slot, frame.geometry.state);
                    outlet.write(rows.order[slot] as usize, rows.time(frame.geometry.reverse, slot, at), state);
                }
            }
        }
    }
}

/// What is left to do to a new hidden state: zoneout, and the masked copy that the recurrent matrix multiplies.
#[inline(always)]
fn settle<S: Simd>(s: S, frame: &Frame<'_>, slots: Slots, vectors: Range<usize>) {
    if frame.zoneout_h.is_none() && frame.held.operand.is_none() {
        return;
    }
    let n = S::PANEL / LANES;
    let (at, rows) = (slots.time, frame.rows);
    let before = frame.h().rows(rows.state(at) + slots.first);
    let after = frame.h().rows(rows.state(at + 1) + slots.first);
    let operand = frame.operand().rows(rows.state(at + 1) + slots.first);
    let mask = frame.operand_mask().map(|mask| mask.rows(slots.first));
    for grid in [before, after, operand].into_iter().chain(mask) {
        grid.check(n, slots.rows, vectors.end);
    }
    for row in 0..slots.rows {
        for v in vectors.clone() {
            // SAFETY: the grids were checked for these rows and vectors above.
            unsafe {
                let mut h = s.load(after.at(n, row, v));
                if let Some(zoneout) = frame.zoneout_h {
                    let factor = zoneout.factor(s, at, slots.first + row, v);
                    h = cell::keep(s, h, s.load(before.at(n, row, v)), factor);
                    s.store(after.at(n, row, v), h);
                }
                if let Some(mask) = mask {
                    s.store(operand.at(n, row, v), s.mul(h, s.load(mask.at(n, row, v))));
                }
            }
        }
    }
}
