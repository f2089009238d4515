//! AArch64 Advanced SIMD: a vector is four registers of four lanes.

use super::{Kernel, Level, Simd};
use std::arch::aarch64::*;
use std::arch::asm;

/// The proof that the CPU has NEON, which every AArch64 CPU with an operating system has.
#[derive(Clone, Copy)]
pub struct Neon(());

/// Four registers, lanes in order.
#[derive(Clone, Copy)]
pub struct V([float32x4_t; 4]);

/// Sixteen whole numbers of 32 bits, lanes in order.
#[derive(Clone, Copy)]
pub struct Whole([int32x4_t; 4]);

/// The first numbers of sixteen pairs and the second ones, widened to 16 bits.
#[derive(Clone, Copy)]
pub struct Pairs([[int16x8_t; 2]; 2]);

impl Neon {
    /// The token, if the CPU has the instructions.
    #[inline]
    pub fn new() -> Option<Neon> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Neon(()))
    }
}

#[inline(never)]
#[target_feature(enable = "neon")]
fn compiled<K: Kernel>(token: Neon, kernel: K) -> K::Output {
    kernel.run(token)
}

/// A vector from what `f` makes of each register's index.
#[inline(always)]
fn each(f: impl Fn(usize) -> float32x4_t) -> V {
    V([f(0), f(1), f(2), f(3)])
}

/// The four numbers that four halves are. The intrinsic for it is not stable.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn widened(halves: uint16x4_t) -> float32x4_t {
    let numbers: float32x4_t;
    // SAFETY: the caller vouches for NEON; the instruction touches registers only.
    unsafe {
        asm!("fcvtl {0:v}.4s, {1:v}.4h", out(vreg) numbers, in(vreg) halves, options(pure, nomem, nostack));
    }
    numbers
}

/// Applies an intrinsic to the four registers.
macro_rules! four {
    ($f:ident, $($a:expr),+) => {
        // SAFETY: the token proves NEON; the intrinsic touches registers only.
        each(|i| unsafe { $f($($a.0[i]),+) })
    };
}

impl Simd for Neon {
    type V = V;
    type Whole = Whole;
    type Pairs = Pairs;

    const LEVEL: Level = Level::Neon;
    const PANEL: usize = 16;
    // Twenty-four registers of accumulators at most, of thirty-two.
    const TILE_VECTORS: [usize; 6] = [4, 2, 2, 1, 1, 1];

    // Inlined, this wrapper would let the compiler inline `compiled` too, in spite of its attribute.
    #[inline(never)]
    fn outlined<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves NEON.
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V {
        // SAFETY: the token proves NEON; the caller vouches for sixteen floats.
        each(|i| unsafe { vld1q_f32(from.add(4 * i)) })
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> V {
        // SAFETY: the token proves NEON; the caller vouches for sixteen halves.
        each(|i| unsafe { widened(vld1_u16(from.add(4 * i))) })
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i8) -> Pairs {
        // SAFETY: the token proves NEON; the caller vouches for thirty-two bytes.
        unsafe {
            let int8x16x2_t(first, second) = vld2q_s8(from);
            Pairs([first, second].map(|half| [vmovl_s8(vget_low_s8(half)), vmovl_high_s8(half)]))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: V) {
        for (i, part) in v.0.into_iter().enumerate() {
            // SAFETY: the token proves NEON; the caller vouches for sixteen floats.
            unsafe { vst1q_f32(to.add(4 * i), part) };
        }
    }

    #[inline(always)]
    fn prefetch(self, _at: *const f32) {} // no stable intrinsic

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: the token proves NEON; the intrinsic touches registers only.
        each(|_| unsafe { vdupq_n_f32(x) })
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        four!(vaddq_f32, a, b)
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        four!(vsubq_f32, a, b)
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        four!(vmulq_f32, a, b)
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        four!(vdivq_f32, a, b)
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        four!(vfmaq_f32, c, a, b)
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        four!(vfmsq_f32, c, a, b)
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        four!(vsqrtq_f32, a)
    }

    #[inline(always)]
    fn abs(self, a: V) -> V {
        four!(vabsq_f32, a)
    }

    // The minimum and maximum instructions treat NaN otherwise than x86 does, so both are made of a comparison.
    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        self.select_lt(a, b, a, b)
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        self.select_lt(b, a, a, b)
    }

    #[inline(always)]
    fn select_lt(self, a: V, b: V, yes: V, no: V) -> V {
        // SAFETY: the token proves NEON; the intrinsics touch registers only.
        each(|i| unsafe { vbslq_f32(vcltq_f32(a.0[i], b.0[i]), yes.0[i], no.0[i]) })
    }

    #[inline(always)]
    fn shift_to_exponent(self, a: V) -> V {
        // SAFETY: the token proves NEON; the intrinsics touch registers only.
        each(|i| unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<23>(vreinterpretq_u32_f32(a.0[i]))) })
    }

    #[inline(always)]
    fn no_whole(self) -> Whole {
        // SAFETY: the token proves NEON; the intrinsic touches registers only.
        Whole([unsafe { vdupq_n_s32(0) }; 4])
    }

    #[inline(always)]
    fn add_pairs(self, mut sums: Whole, by: [i16; 2], pairs: Pairs) -> Whole {
        for (by, pairs) in by.into_iter().zip(pairs.0) {
            for (half, eight) in pairs.into_iter().enumerate() {
                // SAFETY: the token proves NEON; the intrinsics touch registers only.
                unsafe {
                    sums.0[2 * half] = vmlal_n_s16(sums.0[2 * half], vget_low_s16(eight), by);
                    sums.0[2 * half + 1] = vmlal_high_n_s16(sums.0[2 * half + 1], eight, by);
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn to_floats(self, a: Whole) -> V {
        four!(vcvtq_f32_s32, a)
    }
}
