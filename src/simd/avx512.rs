//! AVX-512 F: a vector is one register.

use super::avx2::{self, Pairs, Whole};
use super::{Kernel, Level, Simd};
use std::arch::x86_64::*;

/// The proof that the CPU has AVX-512 F.
#[derive(Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if the CPU has the instructions.
    #[inline]
    pub fn new() -> Option<Avx512> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"))
            .then_some(Avx512(()))
    }
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx2,fma")]
fn compiled<K: Kernel>(token: Avx512, kernel: K) -> K::Output {
    kernel.run(token)
}

/// Applies an intrinsic.
macro_rules! apply {
    ($f:expr, $($a:expr),+) => {
        // SAFETY: the token proves AVX-512 F; the intrinsic touches registers only.
        unsafe { $f($($a),+) }
    };
}

impl Simd for Avx512 {
    type V = __m512;
    type Whole = Whole;
    type Pairs = Pairs;

    const LEVEL: Level = Level::Avx512;
    const PANEL: usize = 64;
    // Twenty-four accumulators at six rows; four of B and the broadcasts fit beside them in thirty-two registers.
    const TILE_VECTORS: [usize; 6] = [4; 6];

    // Inlined, this wrapper would let the compiler inline `compiled` too, in spite of its attribute.
    #[inline(never)]
    fn outlined<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves AVX-512 F, AVX2 and FMA.
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512 F; the caller vouches for sixteen floats.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> __m512 {
        // SAFETY: the token proves AVX-512 F; the caller vouches for sixteen halves.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const i8) -> Pairs {
        // SAFETY: the token proves AVX2; the caller vouches for thirty-two bytes.
        unsafe { avx2::load_pairs(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m512) {
        // SAFETY: the token proves AVX-512 F; the caller vouches for sixteen floats.
        unsafe { _mm512_storeu_ps(to, v) };
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        // SAFETY: a prefetch is a hint and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        apply!(_mm512_set1_ps, x)
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        apply!(_mm512_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        apply!(_mm512_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        apply!(_mm512_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        apply!(_mm512_div_ps, a, b)
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        apply!(_mm512_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn fnma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        apply!(_mm512_fnmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        apply!(_mm512_sqrt_ps, a)
    }

    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        apply!(_mm512_abs_ps, a)
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        apply!(_mm512_min_ps, a, b)
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        apply!(_mm512_max_ps, a, b)
    }

    #[inline(always)]
    fn select_lt(self, a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        let less = apply!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>, a, b);
        apply!(_mm512_mask_blend_ps, less, no, yes)
    }

    #[inline(always)]
    fn shift_to_exponent(self, a: __m512) -> __m512 {
        let bits = apply!(_mm512_castps_si512, a);
        let moved = apply!(_mm512_slli_epi32::<23>, bits);
        apply!(_mm512_castsi512_ps, moved)
    }

    #[inline(always)]
    fn no_whole(self) -> Whole {
        // SAFETY: the token proves AVX2.
        unsafe { avx2::no_whole() }
    }

    #[inline(always)]
    fn add_pairs(self, sums: Whole, by: [i16; 2], pairs: Pairs) -> Whole {
        // SAFETY: the token proves AVX2.
        unsafe { avx2::add_pairs(sums, by, pairs) }
    }

    #[inline(always)]
    fn to_floats(self, a: Whole) -> __m512 {
        let low = apply!(_mm512_castsi256_si512, a.0);
        let whole = apply!(_mm512_inserti64x4::<1>, low, a.1);
        apply!(_mm512_cvtepi32_ps, whole)
    }
}
