//! exp, the logistic function and tanh on sixteen lanes.
//!
//! ```text
//! exp(x)     = 2^n e^r               n = round(x / ln 2), r = x - n ln 2, e^r a polynomial
//! sigmoid(x) = 1 / (1 + exp(-x))     small results keep their relative accuracy, unlike a rational function's
//! tanh(x)    = x P(x²) / Q(x²)       |x| cut at TANH_LIMIT, where the quotient rounds to 1
//! ```
//!
//! Each costs at most one division. There is no table and no approximate reciprocal, so the fused levels give the same
//! bits. The coefficients come from `tests/golden/fit_activations.py`; the bounds were measured over all 2³² inputs
//! (`tests/rust/scan.rs`), on the fused levels and on the scalar one. NaN comes out as NaN.

use crate::simd::Simd;

/// The largest error of [`exp`] in units of the last place, wherever the true result is a normal number.
pub const MAX_ULP_EXP: f64 = 3.0;
/// The largest error of [`sigmoid`] in units of the last place, wherever the true result is a normal number.
pub const MAX_ULP_SIGMOID: f64 = 3.0;
/// The largest error of [`tanh`] in units of the last place.
pub const MAX_ULP_TANH: f64 = 3.0;

/// Coefficients of r⁶ to r² in exp(r) = 1 + r + …; |r| <= ln(2)/2, relative error 0.06 · 2⁻²⁴ before rounding.
const EXP: [f32; 5] = [0.0013814609, 0.008368712, 0.04166839, 0.16666521, 0.49999994];
/// Nine bits of ln 2, so that the product with any exponent is exact, fused or not.
const LN2_HIGH: f32 = 0.693359375;
/// What is missing in [`LN2_HIGH`].
const LN2_LOW: f32 = -0.00021219444;
/// A number n added to this leaves n + 127, the exponent field of 2ⁿ, in the low bits of the sum.
const EXPONENT: f32 = 12582912.0 + 127.0;
/// From here down exp is 0: n is -127, whose exponent field is zero.
const EXP_LOW: f32 = -87.8;
/// exp of this overflows.
const EXP_HIGH: f32 = 88.8;
/// From here up n is 128, whose exponent field is that of infinity.
const EXP_TWICE: f32 = 88.37;

/// Coefficients of x⁸ to x² in P, |x| <= [`TANH_LIMIT`], relative error of the quotient 0.26 · 2⁻²⁴ before rounding.
const TANH_P: [f32; 4] = [1.3962087e-08, 2.1043765e-05, 0.0035219388, 0.13403216];
/// Coefficients of x⁸ to x² in Q.
const TANH_Q: [f32; 4] = [8.0238965e-07, 0.00033287573, 0.025977226, 0.46736538];
/// tanh here and above is taken for 1.
const TANH_LIMIT: f32 = 8.7;

/// The polynomial `1 + c[N-1] x + … + c[0] x^N` by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::V, c: [f32; N]) -> S::V {
    let mut sum = s.splat(c[0]);
    for next in &c[1..] {
        sum = s.fma(sum, x, s.splat(*next));
    }
    s.fma(sum, x, s.splat(1.0))
}

/// `(p, t)` with exp(x) = p 2ⁿ, 0.7 < p < 1.42 and n + 127 in the low bits of t, for |x| < 89.
#[inline(always)]
fn exp_parts<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let t = s.fma(x, s.splat(std::f32::consts::LOG2_E), s.splat(EXPONENT));
    let n = s.sub(t, s.splat(EXPONENT));
    let r = s.fnma(n, s.splat(LN2_LOW), s.fnma(n, s.splat(LN2_HIGH), x));
    let [c6, c5, c4, c3, c2] = EXP;
    (polynomial(s, r, [c6, c5, c4, c3, c2, 1.0]), t)
}

/// eˣ: exp(0) = 1, infinity where it overflows; below 2⁻¹²⁶ the result may be 0 instead of a denormal.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(EXP_HIGH), s.max(s.splat(EXP_LOW), x));
    let (p, t) = exp_parts(s, x);
    // 2^128 is not a number, so the last power is reached by doubling.
    let last = s.splat(EXPONENT + 127.0);
    let y = s.mul(p, s.shift_to_exponent(s.min(t, last)));
    s.select_lt(last, t, s.add(y, y), y)
}

/// 1 / (1 + e⁻ˣ), in [0, 1]: sigmoid(0) = 0.5; below 2⁻¹²⁶ the result may be 0 instead of a denormal.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    // Above, exp(-x) need only be lost against 1; below, n = 128 makes it infinite and the quotient 0.
    let x = s.max(s.splat(-EXP_HIGH), s.min(s.splat(-EXP_LOW), x));
    let (p, t) = exp_parts(s, s.sub(s.splat(0.0), x));
    s.div(s.splat(1.0), s.fma(p, s.shift_to_exponent(t), s.splat(1.0)))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let a = s.abs(x);
    let a = s.min(s.splat(9.5), a);
    let a = s.add(a, a);
    let t = s.fma(a, s.splat(std::f32::consts::LOG2_E), s.splat(EXPONENT));
    let n = s.sub(t, s.splat(EXPONENT));
    let r = s.fnma(n, s.splat(LN2_LOW), s.fnma(n, s.splat(LN2_HIGH), a));
    let mut q = s.splat(EXP[0]);
    for c in &EXP[1..] {
        q = s.fma(q, r, s.splat(*c));
    }
    let q = s.fma(s.mul(r, r), q, r);
    let p = s.shift_to_exponent(t);
    let e = s.fma(q, p, s.sub(p, s.splat(1.0)));
    let y = s.div(e, s.add(e, s.splat(2.0)));
    s.select_lt(x, s.splat(0.0), s.sub(s.splat(0.0), y), y)
}

/// Half argument.
#[inline(always)]
pub fn tanh2<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(9.02), s.max(s.splat(-9.02), x));
    let u = s.mul(x, x);
    let mut p = s.splat(H[2]);
    for c in [H[1], H[0], 0.5] {
        p = s.fma(p, u, s.splat(c));
    }
    let mut q = s.splat(H[5]);
    for c in [H[4], H[3], 1.0] {
        q = s.fma(q, u, s.splat(c));
    }
    let p = s.mul(x, p);
    let num = s.mul(p, q);
    s.div(s.add(num, num), s.fma(p, p, s.mul(q, q)))
}
const H: [f32; 6] = [0.015748149, 7.999544e-05, 4.3045713e-08, 0.11482959, 0.0013958134, 2.7396666e-06];

/// TEMPORARY
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Activation {
    Tanh,
    Sigmoid,
    HardSigmoid,
    Relu,
    Softsign,
    Identity,
}
impl Activation {
    /// t
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, x: S::V) -> S::V {
        match self {
            Activation::Tanh => tanh(s, x),
            Activation::Sigmoid => sigmoid(s, x),
            Activation::Identity => x,
            Activation::HardSigmoid => s.max(s.splat(0.0), s.min(s.splat(1.0), s.fma(s.splat(0.2), x, s.splat(0.5)))),
            Activation::Relu => s.max(s.splat(0.0), x),
            Activation::Softsign => s.div(x, s.add(s.splat(1.0), s.abs(x))),
        }
    }
    /// t
    #[inline(always)]
    pub fn slope<S: Simd>(self, s: S, y: S::V) -> S::V {
        let one = s.splat(1.0);
        let zero = s.splat(0.0);
        match self {
            Activation::Tanh => s.fnma(y, y, one),
            Activation::Sigmoid => s.mul(y, s.sub(one, y)),
            Activation::Identity => one,
            Activation::HardSigmoid => s.select_lt(zero, y, s.select_lt(y, one, s.splat(0.2), zero), zero),
            Activation::Relu => s.select_lt(zero, y, one, zero),
            Activation::Softsign => {
                let d = s.sub(one, s.abs(y));
                s.mul(d, d)
            }
        }
    }
}

impl std::str::FromStr for Activation {
    type Err = crate::Error;

    fn from_str(name: &str) -> Result<Self, crate::Error> {
        Ok(match name {
            "tanh" => Activation::Tanh,
            "sigmoid" => Activation::Sigmoid,
            "hard_sigmoid" => Activation::HardSigmoid,
            "relu" => Activation::Relu,
            "softsign" => Activation::Softsign,
            "identity" => Activation::Identity,
            _ => {
                return Err(crate::Error::option(
                    "activation",
                    "tanh, sigmoid, hard_sigmoid, relu, softsign or identity",
                    name,
                ));
            }
        })
    }
}
