//! Logarithms and the gamma function for likelihoods, in f64 and one number at a time; and ln(1 + u) on sixteen lanes.
//!
//! ```text
//! ln(m 2ᵉ)  = e ln 2 + 2 (z + z³/3 + z⁵/5 + …)           z = (m - 1) / (m + 1), m near 1
//! ln Γ(x)   = (x - ½) ln x - x + ½ ln 2π + σ(x)          σ(x) = 1/12x - 1/360x³ + …, Stirling's series
//! ψ(x)      = ln x - 1/2x + σ'(x)                        ψ = (ln Γ)'
//! ```
//!
//! The series need x >= 10; below, x is moved up by Γ(x + 1) = x Γ(x). The system's functions differ from machine to
//! machine; these are made of + - * / alone, each rounded once, so that their bits do not.
//!
//! Likelihoods take differences of these functions at large arguments, where nearly all digits cancel. The differences
//! that they need have functions of their own: [`ln_1p_less`], [`ln_gamma_half_step`], [`ln_gamma_step`].

use crate::simd::Simd;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// The largest relative error of [`ln`], [`ln_1p`] and [`ln_1p_less`].
pub const MAX_ERROR_LN: f64 = 1e-15;
/// The largest error of [`ln_gamma`] and [`digamma`], relative to the result or to 1, whichever is larger.
pub const MAX_ERROR_GAMMA: f64 = 2e-14;

/// From here up the series of Stirling and its relatives have f64's accuracy.
const STIRLING: f64 = 10.0;
/// ½ ln 2π
pub const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// z³/3 + z⁵/5 + … to `TERMS` terms, what artanh z has beyond z. With 8 of them f32's accuracy for |z| <= 0.2, with 11
/// that of f64.
#[inline(always)]
fn artanh_tail<const TERMS: u32>(z: f64) -> f64 {
    let mut tail = 0.0;
    for k in (1..TERMS + 1).rev() {
        tail = tail * (z * z) + 1.0 / f64::from(2 * k + 1);
    }
    z * (z * z) * tail
}

/// The natural logarithm of a positive normal number, to `TERMS` terms of its series; without branches, so that a loop
/// over it becomes vector code.
#[inline(always)]
pub(super) fn ln_normal<const TERMS: u32>(x: f64) -> f64 {
    // m in [sqrt(1/2), sqrt(2))
    let bits = x.to_bits();
    let e = (bits.wrapping_sub(FRAC_1_SQRT_2.to_bits()) as i64) >> 52;
    let m = f64::from_bits(bits.wrapping_sub((e << 52) as u64));
    let z = (m - 1.0) / (m + 1.0);
    e as f64 * LN_2 + 2.0 * (z + artanh_tail::<TERMS>(z))
}

/// The natural logarithm; −∞ of 0, NaN of what is below.
#[inline]
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        f64::NAN
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x == f64::INFINITY {
        x
    } else if x < f64::MIN_POSITIVE {
        // A denormal has no exponent of its own.
        ln_normal::<11>(x * (1u64 << 54) as f64) - 54.0 * LN_2
    } else {
        ln_normal::<11>(x)
    }
}

/// ln(1 + x), accurate where x is small.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    let y = 1.0 + x;
    if y == 0.0 || !y.is_finite() {
        return ln(y);
    }
    // What was lost when y was rounded; the slope of ln at y is 1/y.
    ln(y) + (x - (y - 1.0)) / y
}

/// ln(1 + x) - x, accurate where x is small and the two are nearly the same.
#[inline]
pub fn ln_1p_less(x: f64) -> f64 {
    if x.abs() > 0.3 {
        return ln_1p(x) - x;
    }
    let z = x / (2.0 + x);
    2.0 * artanh_tail::<11>(z) - x * z
}

/// A polynomial in 1/x², times 1/x; the last coefficient belongs to 1/x.
#[inline]
fn in_inverse_squares(x: f64, coefficients: &[f64]) -> f64 {
    let square = 1.0 / (x * x);
    let mut sum = 0.0;
    for coefficient in coefficients {
        sum = sum * square + coefficient;
    }
    sum / x
}

/// σ(x), for x >= 10.
fn stirling(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] =
        [-691.0 / 360_360.0, 1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
    in_inverse_squares(x, &COEFFICIENTS)
}

/// σ'(x), for x >= 10.
fn stirling_slope(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] =
        [691.0 / 32_760.0, -1.0 / 132.0, 1.0 / 240.0, -1.0 / 252.0, 1.0 / 120.0, -1.0 / 12.0];
    in_inverse_squares(x, &COEFFICIENTS) / x
}

/// ln Γ(x) for x > 0; infinity at 0 and at infinity, NaN below 0.
pub fn ln_gamma(x: f64) -> f64 {
    if x == 0.0 || x == f64::INFINITY {
        return f64::INFINITY;
    } else if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let (mut x, mut product) = (x, 1.0);
    while x < STIRLING {
        product *= x;
        x += 1.0;
    }
    (x - 0.5) * ln(x) - x + HALF_LN_TAU + stirling(x) - ln(product)
}

/// ψ(x) = (ln Γ)'(x) for x > 0; −∞ at 0, NaN below.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    } else if x == f64::INFINITY {
        return x;
    } else if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < STIRLING {
        sum += 1.0 / x;
        x += 1.0;
    }
    ln(x) - 0.5 / x + stirling_slope(x) - sum
}

/// ln Γ(x + ½) - ln Γ(x) - ½ ln x for x > 0, which falls as 1/8x.
pub fn ln_gamma_half_step(x: f64) -> f64 {
    if x < 2.0 * STIRLING {
        return ln_gamma(x + 0.5) - ln_gamma(x) - 0.5 * ln(x);
    }
    const COEFFICIENTS: [f64; 5] = [-31.0 / 18_432.0, 17.0 / 14_336.0, -1.0 / 640.0, 1.0 / 192.0, -1.0 / 8.0];
    in_inverse_squares(x, &COEFFICIENTS)
}

/// The derivative of [`ln_gamma_half_step`].
pub fn ln_gamma_half_step_slope(x: f64) -> f64 {
    if x < 2.0 * STIRLING {
        return digamma(x + 0.5) - digamma(x) - 0.5 / x;
    }
    const COEFFICIENTS: [f64; 5] = [31.0 / 2048.0, -17.0 / 2048.0, 1.0 / 128.0, -1.0 / 64.0, 1.0 / 8.0];
    in_inverse_squares(x, &COEFFICIENTS) / x
}

/// ln Γ(x + k) - ln Γ(x) - k ln x for x > 0 and k >= 0, which falls as k²/2x.
pub fn ln_gamma_step(x: f64, k: f64) -> f64 {
    if x < STIRLING {
        return ln_gamma(x + k) - ln_gamma(x) - k * ln(x);
    }
    let ratio = k / x;
    // (x + k - ½) ln(1 + k/x) - k, with what nearly cancels taken together
    (x + k - 0.5) * ln_1p_less(ratio) + (k - 0.5) * ratio + (stirling(x + k) - stirling(x))
}

/// The derivative of [`ln_gamma_step`] with respect to x.
pub fn ln_gamma_step_slope(x: f64, k: f64) -> f64 {
    if x < STIRLING {
        return digamma(x + k) - digamma(x) - k / x;
    }
    let ratio = k / x;
    ln_1p_less(ratio) + 0.5 * ratio / (x + k) + (stirling_slope(x + k) - stirling_slope(x))
}

/// ln(1 + u) of sixteen numbers from 0 to 1, to some units in the last place: 2 artanh(u / (2 + u)) by its series.
#[inline(always)]
pub fn ln_1p_lanes<S: Simd>(s: S, u: S::V) -> S::V {
    // z <= 1/3: the first term left out is below 2⁻²⁹ of the sum.
    let z = s.div(u, s.add(s.splat(2.0), u));
    let square = s.mul(z, z);
    let mut tail = s.splat(1.0 / 15.0);
    for k in (1..7).rev() {
        tail = s.fma(tail, square, s.splat(1.0 / (2 * k + 1) as f32));
    }
    let twice = s.add(z, z);
    s.fma(s.mul(twice, square), tail, twice)
}
