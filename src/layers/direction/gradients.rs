//! The gradients of a direction's parameters and input, once its recurrence has run backward.
//!
//! ```text
//! dW_ih = dzᵀ x,  dW_hh = dzᵀ h',  db = dzᵀ 1,  dp = Σ dz c,  dW_hr = dhᵀ m,  dx = dz W_ih
//! ```
//!
//! The sums over all rows run from the last row to the first, as backward meets them, whoever computes them: columns are
//! shared out, never rows. Each begins with what the gradient holds, so that a sequence may also be gone through in parts.
//! The gates' gradients lie in panels already and are the left side, turned, as they are; the right side is packed in
//! blocks of rows that the whole team prepares together.

use super::{Frame, Member};
use crate::kernels::gemm::{multiply, multiply_turned};
use crate::kernels::mask::Mask;
use crate::layers::inlet::{Inlet, padded};
use crate::layers::weights::Turned;
use crate::simd::{Kernel, LANES, Simd};
use crate::view::{Grid, SeqMut};
use std::ops::RangeInclusive;

/// Floats of the right side that all gates meet in turn: half of a second-level cache.
const NEAR: usize = 64 * 1024;
/// Rows of a block of the right side, at least and at most: enough to make little of the way to the gradients and back, and
/// of the meetings before and after. Where a block of so many is not near, the gates meet some of its columns after others.
const BLOCK_ROWS: RangeInclusive<usize> = 256..=1024;
/// Rows of the input's gradient that a worker computes at once, at most.
const INPUT_ROWS: usize = 96;

/// Where the gradients of a direction's parameters are added; `[1, rows, columns]` each.
pub(in crate::layers) struct ParamGrads<'a> {
    pub input: SeqMut<'a>,
    pub recurrent: SeqMut<'a>,
    pub bias: SeqMut<'a>,
    pub projection: Option<SeqMut<'a>>,
    pub peephole: Option<SeqMut<'a>>,
    pub gains: Option<[SeqMut<'a>; 2]>,
}

/// One worker's part of the gradients; the whole team takes part.
pub(in crate::layers) struct Gradients<'a> {
    pub frame: Frame<'a>,
    pub inlet: Inlet<'a>,
    pub member: Member<'a>,
    pub turned: &'a Turned,
    /// With a projection: the gradient of the projected states, in panels.
    pub projected: Option<Grid<'a>>,
    /// With normalised gates: the gradients of the input and recurrent sums, in panels.
    pub sums: Option<[Grid<'a>; 2]>,
    /// The mask of the recurrent matrix, where connections were dropped, and the sums of its gradient before the mask.
    pub dropped: Option<(Mask, Grid<'a>)>,
    pub grads: &'a ParamGrads<'a>,
    /// Shared by the team, as long as [`Gradients::shared`] says.
    pub shared: &'a SeqMut<'a>,
    /// A row of floats for each worker, as long as [`Gradients::scratch`] says.
    pub scratch: &'a SeqMut<'a>,
}

/// What the gates' gradients meet in a sum of products over all rows.
#[derive(Clone, Copy)]
enum Met {
    /// The layer's input.
    Input,
    /// The hidden state before, as the recurrent matrix saw it.
    State,
    /// What is projected.
    Shown,
}

/// The columns of the gradients in panels.
#[derive(Clone, Copy)]
enum Columns {
    /// The four gates of so many hidden units.
    Gates(usize),
    /// So many, one after another.
    Plain(usize),
}

impl Columns {
    fn vectors(self) -> usize {
        match self {
            Columns::Gates(hidden) => 4 * hidden.div_ceil(LANES),
            Columns::Plain(width) => width.div_ceil(LANES),
        }
    }

    /// The first row of the parameter's gradient for vector `v`, and how many there are; the other lanes only fill it up.
    fn rows(self, v: usize) -> (usize, usize) {
        let (first, width, unit) = match self {
            Columns::Gates(hidden) => (v % 4 * hidden, hidden, v / 4 * LANES),
            Columns::Plain(width) => (0, width, v * LANES),
        };
        (first + unit, LANES.min(width - unit))
    }
}

/// The gradients of the units of vector `unit` in row `row`.
///
/// # Safety
/// No two workers hold the same ones at once.
#[inline(always)]
#[allow(clippy::mut_from_ref)] // the rule above stands in for the borrow
unsafe fn lanes<'a>(grads: &'a SeqMut<'_>, row: usize, unit: usize, hidden: usize) -> &'a mut [f32] {
    let first = unit * LANES;
    // SAFETY: as for the caller.
    unsafe { grads.part(row, first, LANES.min(hidden - first)) }
}

/// Asks for the sums with which the next product begins; each tile asks for the sums of the next tile of its rows.
#[inline(always)]
fn ask_for<S: Simd>(s: S, sums: Grid<'_>, (first, rows): (usize, usize), vector: usize) {
    let n = S::PANEL / LANES;
    for row in first..first + rows {
        for v in vector..vector + n {
            s.prefetch(sums.at(n, row, v));
        }
    }
}

impl Gradients<'_> {
    fn widths(frame: &Frame<'_>, channels: usize) -> [usize; 3] {
        [channels, frame.geometry.state, frame.geometry.hidden]
    }

    /// Rows of a block of a right side of `width` columns, and its floats.
    fn block(width: usize, panel: usize) -> (usize, usize) {
        let width = width.next_multiple_of(panel);
        let rows = (NEAR / width).clamp(*BLOCK_ROWS.start(), *BLOCK_ROWS.end());
        (rows, rows * width)
    }

    /// Floats that the team shares: two blocks.
    pub fn shared(frame: &Frame<'_>, channels: usize) -> usize {
        let largest = Self::widths(frame, channels).map(|width| Self::block(width, frame.geometry.panel()).1);
        2 * largest.into_iter().max().unwrap_or(0)
    }

    /// Floats of scratch that a worker needs: a row and a tile, and later rows of the input's gradient.
    pub fn scratch(frame: &Frame<'_>, channels: usize) -> usize {
        let row = Self::widths(frame, channels).map(padded).into_iter().max().unwrap_or(0);
        (row + LANES * frame.geometry.panel()).max(INPUT_ROWS * padded(channels))
    }
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let frame = self.frame;
        let geometry = frame.geometry;
        let gates = frame.gates().expect("the gates were recorded");
        let [dz_input, dz_recurrent] = self.sums.unwrap_or([gates; 2]);
        let gate = Columns::Gates(geometry.hidden);
        self.outer(s, Met::Input, dz_input, gate, &self.grads.input, None);
        self.outer(s, Met::State, dz_recurrent, gate, &self.grads.recurrent, self.dropped.map(|(_, sums)| sums));
        if let (Some(projected), Some(grads)) = (self.projected, &self.grads.projection) {
            self.outer(s, Met::Shown, projected, Columns::Plain(geometry.state), grads, None);
        }
        self.sums(s, gates);
        if self.inlet.wants_gradient() {
            self.input(s, dz_input);
        }
    }
}

impl Gradients<'_> {
    /// Packs row `row` of a right side, counted as [`crate::layers::rows::Rows::step`] does, as row `at` of `block`.
    #[inline(always)]
    fn pack<S: Simd>(&self, s: S, met: Met, row: usize, width: usize, block: Grid<'_>, at: usize) {
        let n = S::PANEL / LANES;
        let (frame, rows) = (&self.frame, self.frame.rows);
        let (step, slot) = rows.place(row);
        // SAFETY: the scratch is this worker's own; the recurrence is over, and nobody writes the layer below any more.
        let values: &[f32] = unsafe {
            match met {
                Met::Input => {
                    let to = &mut self.scratch.row(0, self.member.worker.id())[..width];
                    self.inlet.read(s, slot, rows.time(frame.geometry.reverse, slot, step), to);
                    to
                }
                Met::State => frame.operand().slice(rows.state(step) + slot, width),
                Met::Shown => frame.shown().expect("what is projected was recorded").slice(row, width),
            }
        };
        for (v, values) in values.chunks(LANES).enumerate() {
            // SAFETY: the block was checked, and its row is this worker's until the meeting.
            unsafe { s.store(block.at(n, at, v), s.load_slice(values)) };
        }
    }

    /// Adds `dzᵀ met` to `grads`, or to `apart`, whose rows belong to the columns of `dz`.
    #[inline(always)]
    fn outer<S: Simd>(
        &self,
        s: S,
        met: Met,
        dz: Grid<'_>,
        columns: Columns,
        grads: &SeqMut<'_>,
        apart: Option<Grid<'_>>,
    ) {
        let [_, height, width] = grads.shape();
        let n = S::PANEL / LANES;
        let (member, total) = (self.member, self.frame.rows.total());
        let mine = member.worker.share(columns.vectors());
        let (full, rest) = (width / LANES, width % LANES);
        let (block_rows, block_len) = Self::block(width, S::PANEL);
        let near = (NEAR / block_rows).next_multiple_of(S::PANEL) / LANES;
        // SAFETY: the parts do not overlap; blocks are written between meetings, and gradients by their columns' worker.
        let (blocks, sums, tile) = unsafe {
            let shared = self.shared.start();
            let scratch = self.scratch.row(0, member.worker.id());
            let tile_at = scratch.len() - LANES * S::PANEL;
            (
                [0, block_len]
                    .map(|from| Grid::at_pointer(shared.add(from), block_len, S::PANEL, block_rows * S::PANEL)),
                apart.unwrap_or_else(|| Grid::at_pointer(grads.start(), height * width, width, S::PANEL)),
                Grid::new(&mut scratch[tile_at..], S::PANEL, S::PANEL),
            )
        };
        member.meet(); // nobody needs the last product's blocks any more
        let mut end = total;
        for block in blocks.into_iter().cycle() {
            let length = block_rows.min(end);
            if length == 0 {
                break;
            }
            block.check(n, length, width.div_ceil(LANES));
            for at in member.worker.share(length) {
                self.pack(s, met, end - 1 - at, width, block, at);
            }
            member.meet();
            let dz = dz.rows(end - length);
            for from in (0..width.div_ceil(LANES)).step_by(near) {
                let to = full.min(from + near);
                // The last columns are no whole vector, and what follows them is another row.
                let tail = rest > 0 && full < from + near;
                for v in mine.clone() {
                    let (first, rows) = columns.rows(v);
                    if v + 1 < mine.end {
                        ask_for(s, sums, columns.rows(v + 1), from);
                    }
                    let sums = sums.rows(first);
                    multiply_turned(s, rows, length, (dz, v), block, from..to, sums, sums);
                    if tail {
                        let lone = full % n;
                        for r in 0..rows {
                            // SAFETY: the tile is this worker's own, and so are these rows of the gradient.
                            let (sums, tile) = unsafe { (sums.slice(r, width), tile.slice_mut(r, S::PANEL)) };
                            tile[lone * LANES..][..rest].copy_from_slice(&sums[full * LANES..]);
                        }
                        multiply_turned(s, rows, length, (dz, v), block.panels(full / n), lone..lone + 1, tile, tile);
                        for r in 0..rows {
                            // SAFETY: as above.
                            let (sums, tile) = unsafe { (sums.slice_mut(r, width), tile.slice(r, S::PANEL)) };
                            sums[full * LANES..].copy_from_slice(&tile[lone * LANES..][..rest]);
                        }
                    }
                    member.worker.poll(rows * length * near.min(width.div_ceil(LANES)) * LANES);
                }
            }
            end -= length;
        }
        // Kept apart, they are complete where no part of the sequences comes before.
        if let (Some((mask, sums)), Some(_), 0) = (self.dropped, apart, self.frame.rows.begin) {
            for v in mine {
                let (first, rows) = columns.rows(v);
                for row in first..first + rows {
                    // SAFETY: columns, and so the gradient's rows, are shared out.
                    let (to, sums) = unsafe { (grads.part(row, 0, width), sums.slice(row, width)) };
                    for (i, (to, sums)) in to.chunks_mut(LANES).zip(sums.chunks(LANES)).enumerate() {
                        for ((to, &sum), factor) in to.iter_mut().zip(sums).zip(mask.values(0, row, i)) {
                            *to += sum * factor;
                        }
                    }
                }
            }
        }
    }

    /// Sums of products by columns: the bias, the peepholes and the gains.
    #[inline(always)]
    fn sums<S: Simd>(&self, s: S, gates: Grid<'_>) {
        let n = S::PANEL / LANES;
        let frame = &self.frame;
        let (geometry, rows) = (frame.geometry, frame.rows);
        let (hidden, total) = (geometry.hidden, rows.total());
        if total == 0 {
            return;
        }
        gates.check(n, total, 4 * geometry.units());
        for v in self.member.worker.share(4 * geometry.units()) {
            let (unit, gate) = (v / 4, v % 4);
            // SAFETY: columns are shared out, so these gradients are this worker's.
            let to = unsafe { lanes(&self.grads.bias, gate, unit, hidden) };
            let mut sum = s.load_slice(to);
            for row in (0..total).rev() {
                // SAFETY: the gates were checked above.
                sum = s.add(sum, unsafe { s.load(gates.at(n, row, v)) });
            }
            s.store_slice(to, sum);
            if let (Some(peephole), Some(row)) = (&self.grads.peephole, [Some(0), Some(1), None, Some(2)][gate]) {
                // SAFETY: columns are shared out.
                let to = unsafe { lanes(peephole, row, unit, hidden) };
                let mut sum = s.load_slice(to);
                for step in (0..rows.steps()).rev() {
                    // The input and forget gates saw the state before, the output gate that after, before zoneout.
                    let seen = if gate == 3 { frame.fresh(step) } else { frame.c(step) };
                    seen.check(n, rows.active[step], unit + 1);
                    for slot in (0..rows.active[step]).rev() {
                        // SAFETY: both grids were checked above.
                        sum = unsafe {
                            let dz = s.load(gates.at(n, rows.step(step) + slot, v));
                            s.fma(dz, s.load(seen.at(n, slot, unit)), sum)
                        };
                    }
                }
                s.store_slice(to, sum);
            }
            if let (Some(norms), Some(grads)) = (frame.norms(), &self.grads.gains) {
                for ((normal, _), grads) in norms.into_iter().zip(grads) {
                    normal.check(n, total, v + 1);
                    // SAFETY: columns are shared out.
                    let to = unsafe { lanes(grads, gate, unit, hidden) };
                    let mut sum = s.load_slice(to);
                    for row in (0..total).rev() {
                        // SAFETY: both grids were checked above.
                        sum = unsafe { s.fma(s.load(gates.at(n, row, v)), s.load(normal.at(n, row, v)), sum) };
                    }
                    s.store_slice(to, sum);
                }
            }
        }
    }

    /// Adds the input's gradient, a part of the rows for each worker.
    #[inline(always)]
    fn input<S: Simd>(&self, s: S, dz: Grid<'_>) {
        let (frame, channels) = (&self.frame, self.inlet.channels);
        let (geometry, rows) = (frame.geometry, frame.rows);
        let vectors = channels.div_ceil(LANES);
        // SAFETY: each worker takes its own row.
        let scratch = unsafe { self.scratch.row(0, self.member.worker.id()) };
        // SAFETY: the scratch is this worker's own.
        let out = unsafe { Grid::new(scratch, padded(channels), S::PANEL) };
        let mine = self.member.worker.share(rows.total());
        let blocks = mine.len().div_ceil(INPUT_ROWS);
        for block in 0..blocks {
            let [begin, end] = [block, block + 1].map(|block| mine.start + mine.len() * block / blocks);
            let length = end - begin;
            let right = self.turned.input.grid();
            multiply(s, length, geometry.gate_columns(), dz.rows(begin), right, 0..vectors, Grid::zeros(), out);
            self.member.worker.poll(length * geometry.gate_columns() * channels);
            for r in 0..length {
                let (step, slot) = rows.place(begin + r);
                let t = rows.time(geometry.reverse, slot, step);
                // SAFETY: the scratch is this worker's own, and rows are shared out.
                unsafe { self.inlet.add_gradient(s, slot, t, out.slice_mut(r, channels)) };
            }
        }
    }
}
