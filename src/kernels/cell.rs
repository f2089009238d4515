//! The cell: its options, and the gate stage forward and backward.
//!
//! One step of sixteen units of a row, with σ the logistic function and everything optional in brackets:
//!
//! ```text
//! z_i += [p_i c'],  z_f += [p_f c']                    c' is the cell state of the step before
//! i = σ(z_i) [or 1]     f = σ(z_f) [or 1 - i, or 1]    g = in(z_g)
//! c̃ = f c' + i g
//! z_o += [p_o c̃],   o = σ(z_o) [or 1],   m = o out(c̃)
//! c = c̃ + k (c' - c̃)                                   [zoneout: k is drawn 0 or 1, or its mean]
//! ```
//!
//! With a clip, the inputs of the gates and of the candidate are clamped to it, as ONNX means it; the state is not. States below [`TINY`] become zero:
//! a decaying cell would otherwise end among the denormals, where some CPUs are twenty times slower.

#![allow(clippy::needless_range_loop)] // see the note above the helpers

use super::activation::{self, Activation};
use super::mask::Mask;
use crate::Error;
use crate::simd::{LANES, Simd};
use crate::view::Grid;
use std::ops::Range;

/// What a cell is made of. The default is the plain LSTM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The gates see the cell state through weights of their own.
    pub peephole: bool,
    /// The forget gate is one minus the input gate.
    pub coupled: bool,
    /// Without it, everything enters.
    pub input_gate: bool,
    /// Without it, nothing is forgotten: the cell of 1997.
    pub forget_gate: bool,
    /// Without it, everything is shown.
    pub output_gate: bool,
    /// The candidate's activation.
    pub input_activation: Activation,
    /// The activation of the cell state on its way out.
    pub output_activation: Activation,
    /// Clamps the inputs of the gates and of the candidate to `[-clip, clip]`.
    pub clip: Option<f32>,
}

impl Default for Cell {
    fn default() -> Self {
        Cell {
            peephole: false,
            coupled: false,
            input_gate: true,
            forget_gate: true,
            output_gate: true,
            input_activation: Activation::Tanh,
            output_activation: Activation::Tanh,
            clip: None,
        }
    }
}

impl Cell {
    /// Checks that the options do not contradict each other.
    pub fn check(&self) -> Result<(), Error> {
        if self.coupled && !(self.input_gate && self.forget_gate) {
            return Err(Error::option(
                "coupled",
                "False when the input or forget gate is removed, as it makes one of the other",
                "True",
            ));
        }
        match self.clip {
            Some(clip) if !(clip > 0.0 && clip.is_finite()) => {
                Err(Error::option("clip", "a finite number above 0", clip))
            }
            _ => Ok(()),
        }
    }
}

/// States and gradients below this become zero: far below what `f32` sums can notice, far above the denormals.
pub const TINY: f32 = 1.0 / (1u128 << 96) as f32;

/// How much of the old value zoneout keeps.
#[derive(Clone, Copy)]
pub enum Zoneout<'a> {
    /// The mean, outside training.
    Mean(f32),
    /// Drawn for each element; the slice names each slot's row of the batch, the number counts the steps before the first.
    Drawn(Mask, &'a [u32], usize),
}

impl Zoneout<'_> {
    /// The factor for sixteen units of the row in `slot`.
    #[inline(always)]
    pub fn factor<S: Simd>(self, s: S, time: usize, slot: usize, unit: usize) -> S::V {
        match self {
            Zoneout::Mean(rate) => s.splat(rate),
            Zoneout::Drawn(mask, rows, begin) => mask.vector(s, begin + time, rows[slot] as usize, unit),
        }
    }
}

/// Which slots of the batch a call works on: `rows` of them from `first` on, at a time step.
#[derive(Clone, Copy)]
pub struct Slots {
    /// The first slot.
    pub first: usize,
    /// How many.
    pub rows: usize,
    /// The recurrence's own step, the address of drawn masks.
    pub time: usize,
}

impl Slots {
    #[inline(always)]
    fn slot(self, row: usize) -> usize {
        self.first + row
    }
}

/// The gate stage forward. Grids hold the rows of `slots` and sixteen units a vector, unless said.
pub struct Forward<'a> {
    /// The options.
    pub cell: &'a Cell,
    /// The rows.
    pub slots: Slots,
    /// The units in vectors of sixteen.
    pub units: Range<usize>,
    /// The gates' inputs, vector `4 (unit - units.start) + gate`.
    pub z: Grid<'a>,
    /// The peepholes of i, f and o as rows.
    pub peephole: Option<Grid<'a>>,
    /// The cell state before.
    pub c_before: Grid<'a>,
    /// The cell state after; may be the same grid.
    pub c: Grid<'a>,
    /// `o out(c)`: the hidden state, or what is projected to it.
    pub m: Grid<'a>,
    /// Where the gates are kept for backward, vector `4 unit + gate`.
    pub gates: Option<Grid<'a>>,
    /// Where the cell state before zoneout is kept for backward, if it differs from `c`.
    pub fresh: Option<Grid<'a>>,
    /// Zoneout of the cell state.
    pub zoneout: Option<Zoneout<'a>>,
}

/// Runs the gate stage forward.
#[inline(always)]
pub fn forward<S: Simd>(s: S, stage: &Forward<'_>) {
    if stage.zoneout.is_none() && *stage.cell == Cell::default() {
        forward_rows::<S, true>(s, stage);
    } else {
        forward_rows::<S, false>(s, stage);
    }
}

#[inline(always)]
fn forward_rows<S: Simd, const PLAIN: bool>(s: S, stage: &Forward<'_>) {
    let n = S::PANEL / LANES;
    let Forward { cell, slots, ref units, z, peephole, c_before, c, m, gates, fresh: fresh_kept, zoneout } = *stage;
    z.check(n, slots.rows, 4 * units.len());
    for grid in [c_before, c, m].into_iter().chain(fresh_kept) {
        grid.check(n, slots.rows, units.end);
    }
    if let Some(gates) = gates {
        gates.check(n, slots.rows, 4 * units.end);
    }
    if let Some(peephole) = peephole {
        peephole.check(n, 3, units.end);
    }
    let zero = s.splat(0.0);
    for row in 0..slots.rows {
        for unit in units.clone() {
            // SAFETY: the grids were checked for these rows and units above.
            let (z, before, p) = unsafe {
                let p = if PLAIN { [zero; 3] } else { peepholes(s, peephole, unit) };
                (gates_of(s, z, row, unit - units.start), s.load(c_before.at(n, row, unit)), p)
            };
            let (i, f, g) = if PLAIN {
                (activation::sigmoid(s, z[0]), activation::sigmoid(s, z[1]), activation::tanh(s, z[2]))
            } else {
                let i = gate(s, cell, cell.input_gate, peeping(s, cell, p[0], before, z[0]));
                let f = if cell.coupled {
                    s.sub(s.splat(1.0), i)
                } else {
                    gate(s, cell, cell.forget_gate, peeping(s, cell, p[1], before, z[1]))
                };
                (i, f, cell.input_activation.apply(s, clamp(s, cell, z[2])))
            };
            let fresh = s.fma(f, before, s.mul(i, g));
            let fresh = flush(s, fresh);
            let (o, out) = if PLAIN {
                let o = activation::sigmoid(s, z[3]);
                (o, o) // see `show`
            } else {
                let o = gate(s, cell, cell.output_gate, peeping(s, cell, p[2], fresh, z[3]));
                (o, flush(s, s.mul(o, cell.output_activation.apply(s, fresh))))
            };
            let after = match zoneout {
                Some(zoneout) if !PLAIN => keep(s, fresh, before, zoneout.factor(s, slots.time, slots.slot(row), unit)),
                _ => fresh,
            };
            // SAFETY: the grids were checked for these rows and units above.
            unsafe {
                s.store(c.at(n, row, unit), after);
                s.store(m.at(n, row, unit), out);
                if let Some(kept) = fresh_kept {
                    s.store(kept.at(n, row, unit), fresh);
                }
                if let Some(gates) = gates {
                    let kept = [i, f, g, o];
                    for gate in 0..4 {
                        s.store(gates.at(n, row, 4 * unit + gate), kept[gate]);
                    }
                }
            }
        }
    }
    if PLAIN {
        show(s, slots.rows, units.clone(), c, m);
    }
}

/// Puts `m`, where the output gate lies, to what that shows of `c`. The grids were checked for these rows and units.
///
/// In a loop of its own: a vector's way from its sums to here is longer than what a core keeps in flight, and the next
/// vector's would wait for its end.
#[inline(always)]
fn show<S: Simd>(s: S, rows: usize, units: Range<usize>, c: Grid<'_>, m: Grid<'_>) {
    let n = S::PANEL / LANES;
    for row in 0..rows {
        for unit in units.clone() {
            // SAFETY: the caller has checked the grids.
            unsafe {
                let (o, shown) = (s.load(m.at(n, row, unit)), activation::tanh(s, s.load(c.at(n, row, unit))));
                s.store(m.at(n, row, unit), flush(s, s.mul(o, shown)));
            }
        }
    }
}

/// The gate stage backward.
pub struct Backward<'a> {
    /// The options.
    pub cell: &'a Cell,
    /// The rows.
    pub slots: Slots,
    /// The units in vectors of sixteen.
    pub units: Range<usize>,
    /// The gradient of `m`.
    pub dm: Grid<'a>,
    /// The gradient of the cell state after; becomes that of the state before.
    pub dc: Grid<'a>,
    /// The kept gates; become the gradients of their inputs.
    pub gates: Grid<'a>,
    /// The cell state before.
    pub c_before: Grid<'a>,
    /// The cell state after, before zoneout.
    pub fresh: Grid<'a>,
    /// The peepholes of i, f and o as rows.
    pub peephole: Option<Grid<'a>>,
    /// Zoneout of the cell state.
    pub zoneout: Option<Zoneout<'a>>,
}

/// Runs the gate stage backward.
#[inline(always)]
pub fn backward<S: Simd>(s: S, stage: &Backward<'_>) {
    if stage.zoneout.is_none() && *stage.cell == Cell::default() {
        backward_rows::<S, true>(s, stage);
    } else {
        backward_rows::<S, false>(s, stage);
    }
}

#[inline(always)]
fn backward_rows<S: Simd, const PLAIN: bool>(s: S, stage: &Backward<'_>) {
    let n = S::PANEL / LANES;
    let Backward { cell, slots, ref units, dm, dc, gates, c_before, fresh, peephole, zoneout } = *stage;
    for grid in [dm, dc, c_before, fresh] {
        grid.check(n, slots.rows, units.end);
    }
    gates.check(n, slots.rows, 4 * units.end);
    if let Some(peephole) = peephole {
        peephole.check(n, 3, units.end);
    }
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    for row in 0..slots.rows {
        for unit in units.clone() {
            // SAFETY: the grids were checked for these rows and units above.
            let ([i, f, g, o], dm, dc_after, before, fresh, p) = unsafe {
                let p = if PLAIN { [zero; 3] } else { peepholes(s, peephole, unit) };
                (
                    gates_of(s, gates, row, unit),
                    s.load(dm.at(n, row, unit)),
                    s.load(dc.at(n, row, unit)),
                    s.load(c_before.at(n, row, unit)),
                    s.load(fresh.at(n, row, unit)),
                    p,
                )
            };
            let (dz, dc_before) = if PLAIN {
                let shown = activation::tanh(s, fresh);
                let through = s.mul(dm, o);
                let dfresh = s.fma(through, s.fnma(shown, shown, one), dc_after);
                let dz = [
                    s.mul(s.mul(dfresh, g), s.mul(i, s.sub(one, i))),
                    s.mul(s.mul(dfresh, before), s.mul(f, s.sub(one, f))),
                    s.mul(s.mul(dfresh, i), s.fnma(g, g, one)),
                    s.mul(s.mul(dm, shown), s.mul(o, s.sub(one, o))),
                ];
                (dz, s.mul(dfresh, f))
            } else {
                let (dc_fresh, dc_kept) = match zoneout {
                    Some(zoneout) => {
                        let kept = zoneout.factor(s, slots.time, slots.slot(row), unit);
                        (s.fnma(kept, dc_after, dc_after), s.mul(kept, dc_after))
                    }
                    None => (dc_after, zero),
                };
                let shown = cell.output_activation.apply(s, fresh);
                let shown_slope = cell.output_activation.slope(s, shown);
                let dz_o = gate_slope(s, cell, cell.output_gate, s.mul(dm, shown), o);
                let dfresh = s.fma(s.mul(dm, o), shown_slope, s.fma(dz_o, p[2], dc_fresh));
                let di = if cell.coupled { s.sub(g, before) } else { g };
                let dz_i = gate_slope(s, cell, cell.input_gate, s.mul(dfresh, di), i);
                let has_forget = cell.forget_gate && !cell.coupled;
                let dz_f = gate_slope(s, cell, has_forget, s.mul(dfresh, before), f);
                let dz_g = s.mul(s.mul(dfresh, i), clipped_slope(s, cell, cell.input_activation, g));
                let dc_before = s.fma(dz_i, p[0], s.fma(dz_f, p[1], s.fma(dfresh, f, dc_kept)));
                ([dz_i, dz_f, dz_g, dz_o], dc_before)
            };
            // SAFETY: the grids were checked for these rows and units above.
            unsafe {
                s.store(dc.at(n, row, unit), flush(s, dc_before));
                for gate in 0..4 {
                    s.store(gates.at(n, row, 4 * unit + gate), flush(s, dz[gate]));
                }
            }
        }
    }
}

// What follows is functions and not closures, and loops and not iterators, because only these are inlined for certain; a
// call between two instruction sets costs more than the arithmetic.

/// The four gates of unit `unit`.
///
/// # Safety
/// The grid was checked for this row and unit.
#[inline(always)]
unsafe fn gates_of<S: Simd>(s: S, grid: Grid<'_>, row: usize, unit: usize) -> [S::V; 4] {
    let n = S::PANEL / LANES;
    let mut gates = [s.splat(0.0); 4];
    for gate in 0..4 {
        // SAFETY: as for the caller.
        gates[gate] = unsafe { s.load(grid.at(n, row, 4 * unit + gate)) };
    }
    gates
}

/// The peepholes of i, f and o; zeros without.
///
/// # Safety
/// The grid was checked for this unit.
#[inline(always)]
unsafe fn peepholes<S: Simd>(s: S, grid: Option<Grid<'_>>, unit: usize) -> [S::V; 3] {
    let n = S::PANEL / LANES;
    let mut peepholes = [s.splat(0.0); 3];
    if let Some(grid) = grid {
        for gate in 0..3 {
            // SAFETY: as for the caller.
            peepholes[gate] = unsafe { s.load(grid.at(n, gate, unit)) };
        }
    }
    peepholes
}

/// A gate's input with what it sees of the state; without peepholes not even an infinite state reaches it.
#[inline(always)]
fn peeping<S: Simd>(s: S, cell: &Cell, p: S::V, state: S::V, z: S::V) -> S::V {
    if cell.peephole { s.fma(p, state, z) } else { z }
}

#[inline(always)]
fn flush<S: Simd>(s: S, v: S::V) -> S::V {
    s.select_lt(s.abs(v), s.splat(TINY), s.splat(0.0), v)
}

/// The gradient of a gate's input, where there is the gate.
#[inline(always)]
fn gate_slope<S: Simd>(s: S, cell: &Cell, is_there: bool, d: S::V, y: S::V) -> S::V {
    if is_there { s.mul(d, clipped_slope(s, cell, Activation::Sigmoid, y)) } else { s.splat(0.0) }
}

/// `fresh + k (old - fresh)`, exactly one of them where `k` is 0 or 1.
#[inline(always)]
pub fn keep<S: Simd>(s: S, fresh: S::V, old: S::V, k: S::V) -> S::V {
    s.fma(k, old, s.fnma(k, fresh, fresh))
}

#[inline(always)]
fn clamp<S: Simd>(s: S, cell: &Cell, z: S::V) -> S::V {
    match cell.clip {
        // The operand that may be NaN comes second: that is the one the minimum and maximum then pass on.
        Some(clip) => s.max(s.splat(-clip), s.min(s.splat(clip), z)),
        None => z,
    }
}

#[inline(always)]
fn gate<S: Simd>(s: S, cell: &Cell, is_there: bool, z: S::V) -> S::V {
    if is_there { activation::sigmoid(s, clamp(s, cell, z)) } else { s.splat(1.0) }
}

/// The slope by the output `y`, zero where the clip held the input: there `y` is the activation of the clip itself.
#[inline(always)]
fn clipped_slope<S: Simd>(s: S, cell: &Cell, activation: Activation, y: S::V) -> S::V {
    let slope = activation.slope(s, y);
    match cell.clip {
        Some(clip) => {
            let zero = s.splat(0.0);
            let (low, high) = (activation.apply(s, s.splat(-clip)), activation.apply(s, s.splat(clip)));
            s.select_lt(low, y, s.select_lt(y, high, slope, zero), zero)
        }
        None => slope,
    }
}
