//! Where a layer's input comes from: the caller's sequences, or the layer below. The one place that knows how two
//! directions merge, how dropout falls on an input, and where an input's gradient goes.

use super::config::Merge;
use super::lookup::Table;
use super::rows::Rows;
use crate::kernels::mask::Mask;
use crate::simd::{LANES, Simd};
use crate::view::{Grid, Seq, SeqMut};

/// What a layer gave: the hidden states of its directions, and the gradients that reach them.
#[derive(Clone, Copy)]
pub(super) struct Outputs<'a> {
    pub rows: &'a Rows,
    pub merge: Merge,
    /// `R`
    pub width: usize,
    /// The states of each direction, as [`Rows::state`] counts.
    pub h: [Option<Grid<'a>>; 2],
    /// The gradients of each direction's states, as [`Rows::step`] counts; in backward only.
    pub dh: [Option<Grid<'a>>; 2],
}

impl<'a> Outputs<'a> {
    /// # Safety
    /// No worker writes these states meanwhile.
    #[inline(always)]
    unsafe fn state(&self, direction: usize, slot: usize, t: usize) -> Option<&'a [f32]> {
        let h = self.h[direction]?;
        let step = self.rows.step_at(direction == 1, slot, t);
        // SAFETY: as for the caller.
        Some(unsafe { h.slice(self.rows.state(step + 1) + slot, self.width) })
    }

    /// The merged output of `slot` at time `t`.
    ///
    /// # Safety
    /// No worker writes the states meanwhile.
    #[inline(always)]
    pub unsafe fn read(&self, slot: usize, t: usize, to: &mut [f32]) {
        // SAFETY: as for the caller.
        let (forward, reverse) = unsafe { (self.state(0, slot, t), self.state(1, slot, t)) };
        let forward = forward.expect("every layer has a forward direction");
        let Some(reverse) = reverse else { return to.copy_from_slice(forward) };
        if self.merge == Merge::Concat {
            let (left, right) = to.split_at_mut(self.width);
            left.copy_from_slice(forward);
            right.copy_from_slice(reverse);
            return;
        }
        for ((to, &a), &b) in to.iter_mut().zip(forward).zip(reverse) {
            *to = match self.merge {
                Merge::Mul => a * b,
                Merge::Mean => 0.5 * (a + b),
                _ => a + b,
            };
        }
    }

    /// Where the states of a direction belong in the caller's `y`, unless they are merged with the other direction's.
    pub fn outlet<'y>(&self, direction: usize, y: &'y SeqMut<'y>) -> Option<Outlet<'y>> {
        let apart = self.h[1].is_none() || self.merge == Merge::Concat;
        apart.then_some(Outlet { y, begin: direction * self.width })
    }

    /// Adds `d` to the gradient of the merged output of `slot` at time `t`.
    ///
    /// # Safety
    /// No other worker touches this slot's gradients of this time, or writes the states, meanwhile.
    #[inline(always)]
    pub unsafe fn add_gradient(&self, slot: usize, t: usize, d: &[f32]) {
        for direction in 0..2 {
            let Some(dh) = self.dh[direction] else { continue };
            let step = self.rows.step_at(direction == 1, slot, t);
            // SAFETY: as for the caller.
            let to = unsafe { dh.slice_mut(self.rows.step(step) + slot, self.width) };
            if self.h[1].is_none() {
                add(to, d, 1.0);
                continue;
            }
            match self.merge {
                Merge::Concat => add(to, &d[direction * self.width..], 1.0),
                Merge::Sum => add(to, d, 1.0),
                Merge::Mean => add(to, d, 0.5),
                Merge::Mul => {
                    // SAFETY: as for the caller.
                    let other = unsafe { self.state(1 - direction, slot, t) }.expect("both directions are there");
                    for ((to, &d), &other) in to.iter_mut().zip(d).zip(other) {
                        *to += d * other;
                    }
                }
            }
        }
    }
}

/// A direction's place in the rows of the caller's output.
#[derive(Clone, Copy)]
pub(super) struct Outlet<'a> {
    y: &'a SeqMut<'a>,
    begin: usize,
}

impl Outlet<'_> {
    /// Writes a state to the output of `row` at time `t`.
    ///
    /// # Safety
    /// No other worker touches this place meanwhile.
    #[inline(always)]
    pub unsafe fn write(&self, row: usize, t: usize, state: &[f32]) {
        let [_, time, _] = self.y.shape();
        // SAFETY: as for the caller.
        unsafe { self.y.part(row * time + t, self.begin, state.len()) }.copy_from_slice(state);
    }
}

#[inline(always)]
fn add(to: &mut [f32], d: &[f32], factor: f32) {
    for (to, &d) in to.iter_mut().zip(d) {
        *to += d * factor;
    }
}

/// The source of an inlet.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The caller's sequences, and where their gradient is added.
    Given(Seq<'a>, Option<&'a SeqMut<'a>>),
    /// One step of the caller's, `[B, C]`.
    Step(&'a [f32]),
    /// One step of tokens `[B]`, whose products with the input matrix are known.
    Known(&'a Table, &'a [u32]),
    /// The layer below.
    Below(Outputs<'a>),
}

/// A layer's input.
#[derive(Clone, Copy)]
pub(super) struct Inlet<'a> {
    pub source: Source<'a>,
    pub rows: &'a Rows,
    pub channels: usize,
    /// Dropout, with one mask for all steps if locked.
    pub mask: Option<Mask>,
    pub locked: bool,
}

impl Inlet<'_> {
    /// The input of `slot` at time `t`.
    ///
    /// # Safety
    /// No worker writes the source meanwhile.
    #[inline(always)]
    pub unsafe fn read<S: Simd>(&self, s: S, slot: usize, t: usize, to: &mut [f32]) {
        let row = self.rows.order[slot] as usize;
        match self.source {
            Source::Given(x, _) => to.copy_from_slice(x.row(row, t)),
            Source::Step(x) => to.copy_from_slice(&x[row * self.channels..][..self.channels]),
            Source::Known(..) => {} // it is the product that is read
            // SAFETY: as for the caller.
            Source::Below(outputs) => unsafe { outputs.read(slot, t, to) },
        }
        if let Some(mask) = self.mask {
            mask.apply(s, if self.locked { 0 } else { t }, row, to);
        }
    }

    /// Whether anybody wants the input's gradient.
    pub fn wants_gradient(&self) -> bool {
        !matches!(self.source, Source::Given(_, None) | Source::Step(_) | Source::Known(..))
    }

    /// Adds `d` to the gradient of the input of `slot` at time `t`; `d` is spent.
    ///
    /// # Safety
    /// No other worker touches this slot's gradients of this time, or writes the states below, meanwhile.
    #[inline(always)]
    pub unsafe fn add_gradient<S: Simd>(&self, s: S, slot: usize, t: usize, d: &mut [f32]) {
        let row = self.rows.order[slot] as usize;
        if let Some(mask) = self.mask {
            mask.apply(s, if self.locked { 0 } else { t }, row, d);
        }
        match self.source {
            // SAFETY: as for the caller.
            Source::Given(_, Some(dx)) => add(unsafe { dx.row(row, t) }, d, 1.0),
            // SAFETY: as for the caller.
            Source::Below(outputs) => unsafe { outputs.add_gradient(slot, t, d) },
            Source::Given(_, None) | Source::Step(_) | Source::Known(..) => {}
        }
    }
}

/// Floats from a row to the next of an internal matrix: padded by a line, so that rows a power of two apart do not fall
/// into the same set of the cache.
pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES) + LANES
}
