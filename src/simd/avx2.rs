//! AVX2 with FMA and F16C: a vector is two registers of eight lanes.

use super::{Kernel, Level, Simd};
use std::arch::x86_64::*;

/// The proof that the CPU has AVX2, FMA and F16C. Every CPU with the first has the third, but it has a flag of its own.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Two registers: lanes 0–7 and 8–15.
#[derive(Clone, Copy)]
pub struct V(__m256, __m256);

/// Sixteen whole numbers of 32 bits: lanes 0–7 and 8–15.
#[derive(Clone, Copy)]
pub struct Whole(pub(super) __m256i, pub(super) __m256i);

/// Pairs widened to 16 bits: lanes 0–7 and 8–15.
#[derive(Clone, Copy)]
pub struct Pairs(__m256i, __m256i);

// AVX-512 F has no sums of products of 16 bits, so that level takes these too.

/// # Safety
/// The CPU has AVX2, and `from` is valid for reading thirty-two bytes.
#[inline(always)]
pub(super) unsafe fn load_pairs(from: *const i8) -> Pairs {
    // SAFETY: the caller vouches for both.
    unsafe {
        Pairs(
            _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())),
            _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(16).cast())),
        )
    }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn no_whole() -> Whole {
    // SAFETY: the caller vouches for AVX2; the intrinsic touches registers only.
    unsafe { Whole(_mm256_setzero_si256(), _mm256_setzero_si256()) }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn add_pairs(sums: Whole, by: [i16; 2], pairs: Pairs) -> Whole {
    // SAFETY: the caller vouches for AVX2; the intrinsics touch registers only, and any bits are a number.
    unsafe {
        let by = _mm256_set1_epi32(std::mem::transmute::<[i16; 2], i32>(by));
        Whole(
            _mm256_add_epi32(sums.0, _mm256_madd_epi16(by, pairs.0)),
            _mm256_add_epi32(sums.1, _mm256_madd_epi16(by, pairs.1)),
        )
    }
}

impl Avx2 {
    /// The token, if the CPU has the instructions.
    #[inline]
    pub fn new() -> Option<Avx2> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c"))
            .then_some(Avx2(()))
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c")]
fn compiled<K: Kernel>(token: Avx2, kernel: K) -> K::Output {
    kernel.run(token)
}

/// Applies an intrinsic to both registers.
macro_rules! both {
    ($f:ident, $($a:expr),+) => {
        // SAFETY: the token proves AVX2 and FMA; the intrinsic touches registers only.
        unsafe { V($f($($a.0),+), $f($($a.1),+)) }
    };
}

impl Simd for Avx2 {
    type V = V;
    type Whole = Whole;
    type Pairs = Pairs;

    const LEVEL: Level = Level::Avx2;
    const PANEL: usize = 16;
    // Twelve registers of accumulators at most, four for the operands. Three rows by two vectors would just fit, but the
    // compiler spills there and loses half the speed.
    const TILE_VECTORS: [usize; 6] = [4, 2, 1, 1, 1, 1];

    // Inlined, this wrapper would let the compiler inline `compiled` too, in spite of its attribute.
    #[inline(never)]
    fn outlined<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves AVX2, FMA and F16C.
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V {
        // SAFETY: the token proves AVX2; the caller vouches for sixteen floats.
        unsafe { V(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> V {
        // SAFETY: the token proves F16C; the caller vouches for sixteen halves.
        unsafe {
            V(_mm256_cvtph_ps(_mm_loadu_si128(from.cast())), _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())))
        }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i8) -> Pairs {
        // SAFETY: the token proves AVX2; the caller vouches for thirty-two bytes.
        unsafe { load_pairs(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: V) {
        // SAFETY: the token proves AVX2; the caller vouches for sixteen floats.
        unsafe {
            _mm256_storeu_ps(to, v.0);
            _mm256_storeu_ps(to.add(8), v.1);
        }
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        // SAFETY: a prefetch is a hint and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: the token proves AVX2; the intrinsic touches registers only.
        unsafe { V(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        both!(_mm256_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        both!(_mm256_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        both!(_mm256_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        both!(_mm256_div_ps, a, b)
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        both!(_mm256_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        both!(_mm256_fnmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn sqrt(self, a: V) -> V {
        both!(_mm256_sqrt_ps, a)
    }

    #[inline(always)]
    fn abs(self, a: V) -> V {
        let sign = self.splat(-0.0);
        both!(_mm256_andnot_ps, sign, a)
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        both!(_mm256_min_ps, a, b)
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        both!(_mm256_max_ps, a, b)
    }

    #[inline(always)]
    fn select_lt(self, a: V, b: V, yes: V, no: V) -> V {
        // SAFETY: the token proves AVX2; the intrinsics touch registers only.
        unsafe {
            V(
                _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_LT_OQ>(a.0, b.0)),
                _mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_LT_OQ>(a.1, b.1)),
            )
        }
    }

    #[inline(always)]
    fn shift_to_exponent(self, a: V) -> V {
        // SAFETY: the token proves AVX2; the intrinsics touch registers only.
        unsafe {
            V(
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(a.0))),
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(a.1))),
            )
        }
    }

    #[inline(always)]
    fn no_whole(self) -> Whole {
        // SAFETY: the token proves AVX2.
        unsafe { no_whole() }
    }

    #[inline(always)]
    fn add_pairs(self, sums: Whole, by: [i16; 2], pairs: Pairs) -> Whole {
        // SAFETY: the token proves AVX2.
        unsafe { add_pairs(sums, by, pairs) }
    }

    #[inline(always)]
    fn to_floats(self, a: Whole) -> V {
        both!(_mm256_cvtepi32_ps, a)
    }
}
