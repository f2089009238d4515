//! The gradients of a direction's parameters and input, once its recurrence has run backward.
//!
//! ```text
//! dW_ih = dzᵀ x,  dW_hh = dzᵀ h',  db = dzᵀ 1,  dp = Σ dz c,  dW_hr = dhᵀ m,  dx = dz W_ih
//! ```
//!
//! The sums over all rows run in the order of the rows, whoever computes them: columns are shared out, never rows. The
//! gates' gradients lie in panels already, so they are the right side as they are; the left side is transposed in blocks
//! of rows that the whole team prepares together.

use super::{Frame, Member};
use crate::kernels::gemm::multiply;
use crate::kernels::mask::Mask;
use crate::layers::inlet::{Inlet, padded};
use crate::layers::weights::{Turned, gate_row};
use crate::simd::{Kernel, LANES, Simd};
use crate::view::{Grid, SeqMut};
use std::ops::Range;

/// Rows of a block of a sum over all rows.
const BLOCK: usize = 256;
/// Vectors of columns that are summed up between two looks for Ctrl-C; whole panels on every level.
const COLUMNS: usize = 64;
/// Rows of the input's gradient that a worker computes at once.
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
    /// The mask of the recurrent matrix, where connections were dropped.
    pub dropped: Option<Mask>,
    pub grads: &'a ParamGrads<'a>,
    /// Shared by the team, as long as [`Gradients::shared`] says.
    pub shared: &'a SeqMut<'a>,
    /// A row of floats for each worker, as long as [`Gradients::scratch`] says.
    pub scratch: &'a SeqMut<'a>,
}

/// The left side of a sum of products over all rows.
#[derive(Clone, Copy)]
enum Left {
    /// The layer's input.
    Input,
    /// The hidden state before, as the recurrent matrix saw it.
    State,
    /// What is projected.
    Shown,
}

/// The columns of a right side.
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

    /// The row of the gradient for column `c`, or `None` for one that only fills up a vector.
    fn row(self, c: usize) -> Option<usize> {
        match self {
            Columns::Gates(hidden) => gate_row(hidden, c),
            Columns::Plain(width) => (c < width).then_some(c),
        }
    }
}

/// Adds the lanes of `sum` to the gradients of the units of vector `unit` in row `row`.
#[inline(always)]
fn add_lanes<S: Simd>(s: S, sum: S::V, grads: &SeqMut<'_>, row: usize, unit: usize, hidden: usize) {
    let first = unit * LANES;
    let lanes = s.to_array(sum);
    // SAFETY: columns are shared out, so these elements are this worker's.
    let to = unsafe { grads.part(row, first, LANES.min(hidden - first)) };
    for (to, lane) in to.iter_mut().zip(lanes) {
        *to += lane;
    }
}

impl Gradients<'_> {
    fn widest(frame: &Frame<'_>, channels: usize) -> usize {
        channels.max(frame.geometry.state).max(frame.geometry.hidden)
    }

    /// Floats that the team shares: two transposed blocks, and a sum of each width.
    pub fn shared(frame: &Frame<'_>, channels: usize) -> [usize; 2] {
        let widest = Self::widest(frame, channels);
        let columns = frame.geometry.gate_columns().max(frame.geometry.state_vectors() * LANES);
        [2 * widest * padded(BLOCK), widest * padded(columns)]
    }

    /// Floats of scratch that a worker needs.
    pub fn scratch(frame: &Frame<'_>, channels: usize) -> usize {
        let rows = LANES * padded(Self::widest(frame, channels));
        rows.max(INPUT_ROWS * padded(channels))
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
        self.outer(s, Left::Input, dz_input, gate, &self.grads.input, None);
        self.outer(s, Left::State, dz_recurrent, gate, &self.grads.recurrent, self.dropped);
        if let (Some(projected), Some(grads)) = (self.projected, &self.grads.projection) {
            self.outer(s, Left::Shown, projected, Columns::Plain(geometry.state), grads, None);
        }
        self.sums(s, gates);
        if self.inlet.wants_gradient() {
            self.input(s, dz_input);
        }
    }
}

impl Gradients<'_> {
    /// Writes row `row` of a left side, counted as [`crate::layers::rows::Rows::step`] does.
    #[inline(always)]
    fn fill<S: Simd>(&self, s: S, left: Left, row: usize, to: &mut [f32]) {
        let (frame, rows) = (&self.frame, self.frame.rows);
        let (step, slot) = rows.place(row);
        // SAFETY: the recurrence is over, and nobody writes the layer below any more.
        unsafe {
            match left {
                Left::Input => self.inlet.read(s, slot, rows.time(frame.geometry.reverse, slot, step), to),
                Left::State => to.copy_from_slice(frame.operand().slice(rows.state(step) + slot, to.len())),
                Left::Shown => {
                    let shown = frame.shown().expect("what is projected was recorded");
                    to.copy_from_slice(shown.slice(row, to.len()));
                }
            }
        }
    }

    /// Adds `rightᵀ left`, masked, to `grads`, whose rows belong to the columns of the right side.
    #[inline(always)]
    fn outer<S: Simd>(
        &self,
        s: S,
        left: Left,
        right: Grid<'_>,
        columns: Columns,
        grads: &SeqMut<'_>,
        mask: Option<Mask>,
    ) {
        let [_, _, width] = grads.shape();
        let vectors = columns.vectors();
        let n = S::PANEL / LANES;
        let (member, total) = (self.member, self.frame.rows.total());
        let mine = member.part(vectors, S::PANEL);
        let stride = padded(BLOCK);
        let [blocks_len, sum_len] = Self::shared(&self.frame, self.inlet.channels);
        let (half, sum_stride) = (blocks_len / 2, padded(vectors * LANES));
        // SAFETY: the parts do not overlap; blocks are written between meetings, and sums by their columns' worker.
        let (blocks, sum) = unsafe {
            let shared = self.shared.start();
            (
                [0, half].map(|from| Grid::at_pointer(shared.add(from), half, stride, S::PANEL)),
                Grid::at_pointer(shared.add(blocks_len), sum_len, sum_stride, S::PANEL),
            )
        };
        // SAFETY: each worker takes its own row.
        let scratch = unsafe { self.scratch.row(0, member.worker.id()) };
        member.meet(); // nobody needs the last sum's blocks any more
        for (index, begin) in (0..total).step_by(BLOCK).enumerate() {
            let (block, length) = (blocks[index % 2], BLOCK.min(total - begin));
            let pieces = length.div_ceil(LANES);
            for piece in (member.id..pieces).step_by(member.count) {
                let (from, count) = (piece * LANES, LANES.min(length - piece * LANES));
                for r in 0..count {
                    self.fill(s, left, begin + from + r, &mut scratch[r * padded(width)..][..width]);
                }
                block.check(n, width, piece + 1);
                for i in 0..width {
                    // SAFETY: the block was checked, and these sixteen elements of its rows are this worker's until the
                    // meeting.
                    let to = unsafe { std::slice::from_raw_parts_mut(block.at(n, i, piece), LANES) };
                    for (r, to) in to.iter_mut().take(count).enumerate() {
                        *to = scratch[r * padded(width) + i];
                    }
                }
            }
            member.meet();
            let init = if index == 0 { Grid::zeros() } else { sum };
            for from in mine.clone().step_by(COLUMNS) {
                let part = from..mine.end.min(from + COLUMNS);
                member.worker.poll(width * length * part.len() * LANES);
                multiply(s, width, length, block, right.rows(begin), part, init, sum);
            }
        }
        if total == 0 {
            return;
        }
        sum.check(n, width, mine.end);
        for v in mine {
            // Square blocks, so that both sides stay in the first-level cache.
            for begin in (0..width).step_by(LANES) {
                for lane in 0..LANES {
                    let Some(row) = columns.row(v * LANES + lane) else { continue };
                    let length = LANES.min(width - begin);
                    let factors = mask.map_or([1.0; LANES], |mask| mask.values(0, row, begin / LANES));
                    // SAFETY: the sum was checked for these rows and vectors; columns, and so the gradient's rows, are
                    // shared out.
                    unsafe {
                        for (i, to) in grads.part(row, begin, length).iter_mut().enumerate() {
                            *to += *sum.at(n, begin + i, v).add(lane) * factors[i];
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
        for v in self.member.part(4 * geometry.units(), S::PANEL) {
            let (unit, gate) = (v / 4, v % 4);
            let mut bias = s.splat(0.0);
            for row in 0..total {
                // SAFETY: the gates were checked above.
                bias = s.add(bias, unsafe { s.load(gates.at(n, row, v)) });
            }
            add_lanes(s, bias, &self.grads.bias, gate, unit, hidden);
            if let (Some(peephole), Some(row)) = (&self.grads.peephole, [Some(0), Some(1), None, Some(2)][gate]) {
                // The input and forget gates saw the state before, the output gate that after, before zoneout.
                let mut sum = s.splat(0.0);
                for step in 0..rows.steps() {
                    let seen = if gate == 3 { frame.fresh(step) } else { frame.c(step) };
                    seen.check(n, rows.active[step], unit + 1);
                    for slot in 0..rows.active[step] {
                        // SAFETY: both grids were checked above.
                        sum = unsafe {
                            let dz = s.load(gates.at(n, rows.step(step) + slot, v));
                            s.fma(dz, s.load(seen.at(n, slot, unit)), sum)
                        };
                    }
                }
                add_lanes(s, sum, peephole, row, unit, hidden);
            }
            if let (Some(norms), Some(grads)) = (frame.norms(), &self.grads.gains) {
                for ((normal, _), grads) in norms.into_iter().zip(grads) {
                    normal.check(n, total, v + 1);
                    let mut sum = s.splat(0.0);
                    for row in 0..total {
                        // SAFETY: both grids were checked above.
                        sum = unsafe { s.fma(s.load(gates.at(n, row, v)), s.load(normal.at(n, row, v)), sum) };
                    }
                    add_lanes(s, sum, grads, gate, unit, hidden);
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
        let blocks = rows.total().div_ceil(INPUT_ROWS);
        let mine: Range<usize> =
            blocks * self.member.id / self.member.count..blocks * (self.member.id + 1) / self.member.count;
        for block in mine {
            let begin = block * INPUT_ROWS;
            let length = INPUT_ROWS.min(rows.total() - begin);
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
