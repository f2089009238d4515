//! The left side of a product, as its right side wants it: floats as they are, or whole numbers of 16 bits.

use super::{MOST_ROWS, Narrow};
use crate::simd::{Kernel, LANES, Simd};
use crate::view::Grid;

/// Rows of numbers that a right side multiplies.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// Floats, or in the place of each two whole numbers.
    pub(super) rows: Grid<'a>,
    /// `u` of each row of whole numbers.
    pub(super) units: [f32; MOST_ROWS],
}

impl<'a> Left<'a> {
    /// Floats as they are.
    pub fn floats(rows: Grid<'a>) -> Self {
        Left { rows, units: [0.0; MOST_ROWS] }
    }

    /// The floats.
    pub fn rows(&self) -> Grid<'a> {
        self.rows
    }
}

impl Narrow {
    /// Floats of room that each row of a left side needs.
    pub fn room(&self) -> usize {
        if self.units.is_some() { self.steps } else { 0 }
    }

    /// The left side of products with this right side. A row with a number that is not finite becomes NaN throughout.
    ///
    /// # Panics
    /// When there are more rows than a product may have, or the grids are too small.
    #[inline(always)]
    pub fn left<'a, S: Simd>(&self, s: S, rows: usize, left: Grid<'a>, room: Grid<'a>) -> Left<'a> {
        let Some(units) = &self.units else { return Left::floats(left) };
        let (depth, steps, limit) = (self.depth, self.steps, units.limit);
        s.outlined(Quantise { rows, depth, steps, limit, left, room })
    }
}

struct Quantise<'a> {
    rows: usize,
    depth: usize,
    steps: usize,
    limit: f32,
    left: Grid<'a>,
    room: Grid<'a>,
}

impl<'a> Kernel for Quantise<'a> {
    type Output = Left<'a>;

    #[inline(always)]
    fn run<S: Simd>(self, _s: S) -> Left<'a> {
        let Quantise { rows, depth, steps, limit, left, room } = self;
        let mut all = Left { rows: room, units: [0.0; MOST_ROWS] };
        assert!(left.panel >= S::PANEL && room.panel >= LANES, "the left side is row-major");
        for (r, unit) in all.units[..rows].iter_mut().enumerate() {
            // SAFETY: the left side is only read, and the room is the caller's own.
            let (from, to) = unsafe { (left.slice(r, depth), room.slice_mut(r, steps)) };
            // SAFETY: two whole numbers take the place of a float, and any bits are one.
            let to = unsafe { std::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<i16>(), 2 * steps) };
            // What stands beside an odd last one is multiplied by 0.
            *unit = quantise(from, limit, &mut to[..depth]);
        }
        all
    }
}

/// Added to a number below 2²², it leaves the nearest whole one in the low bits of the sum.
const ROUND: f32 = 12582912.0;

/// What smaller numbers than this contribute is lost: units keep away from where they would not be exact.
const SMALLEST: f32 = 1e-30;

/// Writes the nearest multiples of a unit, at most `limit` of them, and gives the unit: NaN where a number is not finite.
#[inline(always)]
pub(super) fn quantise(from: &[f32], limit: f32, to: &mut [i16]) -> f32 {
    // Of numbers without a sign the order is that of their bits, with infinity and NaN behind all others.
    let largest = from.iter().fold(0, |largest, x| x.abs().to_bits().max(largest));
    let largest = f32::from_bits(largest);
    if !largest.is_finite() {
        to.fill(0);
        return f32::NAN;
    }
    let largest = largest.max(SMALLEST);
    let inverse = limit / largest;
    for (to, x) in to.iter_mut().zip(from) {
        *to = (x * inverse + ROUND).to_bits() as i16;
    }
    largest / limit
}
