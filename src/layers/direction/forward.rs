//! The recurrence forward.

use super::{Frame, Member, zeros};
use crate::kernels::cell::{self, Slots};
use crate::kernels::gemm::multiply;
use crate::kernels::norm;
use crate::layers::inlet::{Inlet, padded};
use crate::layers::rows::Rows;
use crate::simd::{Kernel, LANES, Simd};
use crate::view::{Grid, SeqMut};
use std::ops::Range;

/// Floats of the input product that a worker keeps at once for 64 channels or fewer: half of a second-level cache. With more
/// channels the product is worth a longer way, and the weights are read less often.
const CHUNK: usize = 64 * 1024;
/// Rows of a chunk, at least and at most: enough for the product to run at full speed, few enough to stay near.
const CHUNK_ROWS: Range<usize> = 48..256;

/// One worker's forward pass.
pub(in crate::layers) struct Forward<'a> {
    pub frame: Frame<'a>,
    pub inlet: Inlet<'a>,
    pub member: Member<'a>,
    /// A row of floats for each worker, as long as [`Forward::scratch`] says.
    pub scratch: &'a SeqMut<'a>,
}

/// The places in a worker's scratch.
struct Layout {
    /// Rows of a chunk at most.
    rows: usize,
    input: usize,
    product: usize,
    total: usize,
}

impl Layout {
    fn new(frame_rows: &Rows, channels: usize, columns: usize, panel: usize, normed: bool) -> Layout {
        let alive = frame_rows.active.first().copied().unwrap_or(0);
        let floats = CHUNK * channels.div_ceil(64);
        let rows = (floats / columns).clamp(CHUNK_ROWS.start, CHUNK_ROWS.end).max(alive).min(frame_rows.total());
        let input = rows * padded(channels);
        let product = rows * columns.next_multiple_of(panel);
        // A worker sums up sixteen units of all its rows, or whole rows where these are normalised.
        let sum = alive * if normed { columns } else { 4 * LANES };
        Layout { rows, input, product, total: input + product + sum }
    }
}

impl Forward<'_> {
    /// Floats of scratch that a worker needs.
    pub fn scratch(frame: &Frame<'_>, channels: usize) -> usize {
        let geometry = frame.geometry;
        let normed = frame.weights.gains.is_some();
        Layout::new(frame.rows, channels, geometry.gate_columns(), geometry.panel(), normed).total
    }
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Forward { frame, inlet, member, scratch } = self;
        let (geometry, rows, weights) = (frame.geometry, frame.rows, frame.weights);
        let (first, step) = member.slots();
        let units = member.vectors(geometry.units(), S::PANEL);
        let columns = 4 * units.start..4 * units.end;
        let normed = weights.gains.is_some();

        let whole = Layout::new(rows, inlet.channels, geometry.gate_columns(), S::PANEL, normed);
        // SAFETY: each worker takes its own row.
        let scratch = unsafe { scratch.row(0, member.worker.id()) };
        let (input, rest) = scratch.split_at_mut(whole.input);
        let (product, sum) = rest.split_at_mut(whole.product);
        let sum_width = if normed { geometry.gate_columns() } else { 4 * LANES };
        // SAFETY: the scratch is this worker's own.
        let (input, product, sum) = unsafe {
            (
                Grid::new(input, padded(inlet.channels), S::PANEL),
                Grid::new(product, S::PANEL, whole.rows * S::PANEL),
                Grid::new(sum, sum_width, S::PANEL),
            )
        };
        // A panel is never wider than the four gates of sixteen units, so this worker's columns begin with one.
        let first_panel = columns.start * LANES / S::PANEL;
        let bias = frame.constant(&weights.bias, 0);
        let recurrent = frame.recurrent().grid();
        let norms = frame.norms();

        let mut begin = 0;
        while begin < rows.steps() {
            // As many steps as fit; the rows of each lie one after another.
            let (mut end, mut total) = (begin, 0);
            while end < rows.steps() && (end == begin || total + rows.alive(end, first, step) <= whole.rows) {
                for row in 0..rows.alive(end, first, step) {
                    let slot = first + row * step;
                    let t = rows.time(geometry.reverse, slot, end);
                    // SAFETY: the scratch is this worker's own, and nobody writes the layer below any more.
                    unsafe { inlet.read(s, slot, t, input.slice_mut(total + row, inlet.channels)) };
                }
                total += rows.alive(end, first, step);
                end += 1;
            }
            let kept = norms.map(|norms| norms[0]);
            let init = if normed { zeros() } else { bias.panels(first_panel) };
            let right = weights.input.grid().panels(first_panel);
            multiply(s, total, inlet.channels, input, right, 0..columns.len(), init, product);
            if let Some(gains) = &weights.gains {
                let gain = frame.constant(&gains[0], 0);
                let mut row = 0;
                for at in begin..end {
                    let alive = rows.alive(at, first, step);
                    let here = product.rows(row, 1);
                    let kept = kept.map(|(normal, scale)| {
                        let from = rows.step(at) + first;
                        (normal.rows(from, step), scale.rows(from, step))
                    });
                    let shape = norm::Shape { rows: alive, hidden: geometry.hidden };
                    norm::forward(s, shape, here, gain, bias, here, kept);
                    row += alive;
                }
            }

            let mut row = 0;
            for at in begin..end {
                let alive = rows.alive(at, first, step);
                let z = product.rows(row, 1);
                row += alive;
                let shown = frame.shown().map(|shown| if frame.record { shown.rows(rows.step(at), 1) } else { shown });
                let slots = Slots { first, step, rows: alive, time: at };
                let before = frame.operand().rows(rows.state(at) + first, step);
                let stage = cell::Forward {
                    cell: frame.cell,
                    slots,
                    units: units.clone(),
                    z: sum,
                    peephole: frame.peephole(),
                    c_before: frame.c(at).rows(first, step),
                    c: frame.c(at + 1).rows(first, step),
                    m: shown.unwrap_or_else(|| frame.h().rows(rows.state(at + 1), 1)).rows(first, step),
                    gates: frame.gates().map(|gates| gates.rows(rows.step(at) + first, step)),
                    fresh: frame.held.fresh.as_ref().map(|_| frame.fresh(at).rows(first, step)),
                    zoneout: frame.zoneout_c,
                };
                if let Some(gains) = &weights.gains {
                    multiply(s, alive, geometry.state, before, recurrent, columns.clone(), zeros(), sum);
                    let kept = norms.map(|norms| {
                        let from = rows.step(at) + first;
                        (norms[1].0.rows(from, step), norms[1].1.rows(from, step))
                    });
                    let shape = norm::Shape { rows: alive, hidden: geometry.hidden };
                    norm::forward(s, shape, sum, frame.constant(&gains[1], 0), z, sum, kept);
                    cell::forward(s, &stage);
                } else {
                    for unit in units.clone() {
                        let panel = 4 * unit * LANES / S::PANEL;
                        let z = z.panels(panel - first_panel);
                        multiply(s, alive, geometry.state, before, recurrent.panels(panel), 0..4, z, sum);
                        cell::forward(s, &cell::Forward { units: unit..unit + 1, ..stage });
                    }
                }
                let state = member.vectors(geometry.state_vectors(), S::PANEL);
                if let (Some(shown), Some(projection)) = (shown, &weights.projection) {
                    member.meet_units();
                    let h = frame.h().rows(rows.state(at + 1) + first, step);
                    let m = shown.rows(first, step);
                    multiply(s, alive, geometry.hidden, m, projection.grid(), state.clone(), zeros(), h);
                }
                settle(s, &frame, slots, state);
                member.meet_units();
            }
            begin = end;
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
    let before = frame.h().rows(rows.state(at) + slots.first, slots.step);
    let after = frame.h().rows(rows.state(at + 1) + slots.first, slots.step);
    let operand = frame.operand().rows(rows.state(at + 1) + slots.first, slots.step);
    let mask = frame.operand_mask().map(|mask| mask.rows(slots.first, slots.step));
    for grid in [before, after, operand].into_iter().chain(mask) {
        grid.check(n, slots.rows, vectors.end);
    }
    for row in 0..slots.rows {
        for v in vectors.clone() {
            // SAFETY: the grids were checked for these rows and vectors above.
            unsafe {
                let mut h = s.load(after.at(n, row, v));
                if let Some(zoneout) = frame.zoneout_h {
                    let factor = zoneout.factor(s, at, slots.first + row * slots.step, v);
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
