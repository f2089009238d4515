//! The level that every machine has: an array of sixteen, multiply and add rounded apart.
//!
//! It is the fallback and the plainest statement of what each operation means. Its bits differ from the fused levels
//! because a software fused multiply-add would be a hundred times slower.

use super::{Kernel, LANES, Level, Simd};
use crate::half;

/// The token of the scalar level; nothing has to be proved.
#[derive(Clone, Copy)]
pub struct Scalar;

#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for (i, lane) in lanes.iter_mut().enumerate() {
        *lane = f(i);
    }
    lanes
}

impl Simd for Scalar {
    type V = [f32; LANES];
    type Whole = [i32; LANES];
    type Pairs = [[i8; 2]; LANES];

    const LEVEL: Level = Level::Scalar;
    const PANEL: usize = 16;
    const TILE_VECTORS: [usize; 6] = [1; 6];

    #[inline(never)]
    fn outlined<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller vouches for sixteen floats; an array of floats read unaligned needs no more.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> Self::V {
        // SAFETY: the caller vouches for sixteen halves.
        let halves = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        each(|i| half::to_f32(halves[i]))
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i8) -> Self::Pairs {
        // SAFETY: the caller vouches for thirty-two bytes.
        unsafe { from.cast::<Self::Pairs>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: Self::V) {
        // SAFETY: the caller vouches for sixteen floats; an array of floats written unaligned needs no more.
        unsafe { to.cast::<Self::V>().write_unaligned(v) };
    }

    #[inline(always)]
    fn prefetch(self, _at: *const f32) {}

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        each(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        each(|i| c[i] - a[i] * b[i])
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        each(|i| a[i].sqrt())
    }

    #[inline(always)]
    fn abs(self, a: Self::V) -> Self::V {
        each(|i| a[i].abs())
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn select_lt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        each(|i| if a[i] < b[i] { yes[i] } else { no[i] })
    }

    #[inline(always)]
    fn shift_to_exponent(self, a: Self::V) -> Self::V {
        each(|i| f32::from_bits(a[i].to_bits() << 23))
    }

    #[inline(always)]
    fn no_whole(self) -> Self::Whole {
        [0; LANES]
    }

    #[inline(always)]
    fn add_pairs(self, sums: Self::Whole, by: [i16; 2], pairs: Self::Pairs) -> Self::Whole {
        let [a, b] = by.map(i32::from);
        std::array::from_fn(|i| sums[i] + (a * i32::from(pairs[i][0]) + b * i32::from(pairs[i][1])))
    }

    #[inline(always)]
    fn to_floats(self, a: Self::Whole) -> Self::V {
        each(|i| a[i] as f32)
    }
}
