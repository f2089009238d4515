//! exp, the logistic function, tanh and the other activations of a cell, on sixteen lanes.
//!
//! With n = round(x / ln 2) and r = x - n ln 2:
//!
//! ```text
//! exp(x)     = 2ⁿ e^r                                       e^r a polynomial
//! sigmoid(x) = 1 / (1 + 2ⁿ e^r)                             n and r those of -x
//!            = (1 - τ) / ((1 - τ) + 2ⁿ (1 + τ))             τ = tanh(r/2) an odd polynomial
//! tanh(x)    = (2ⁿ e^r - 1) / (2ⁿ e^r + 1)                  n and r those of 2x
//!            = ((2ⁿ - 1) + (2ⁿ + 1) τ) / ((2ⁿ + 1) + (2ⁿ - 1) τ)
//! ```
//!
//! τ needs only |r/2| <= ln(2)/4, so its polynomial is short. Small results of the logistic function keep their relative
//! accuracy, and the form of tanh is symmetric: changing the sign of x swaps 2ⁿ for its inverse, which scales numerator
//! and denominator by a power of two and leaves every rounding in place, so that tanh is exactly odd. Both quotients
//! round to at most 1 because their numerators never exceed their denominators. A single rational function of degree
//! 9/8 costs the same for tanh, but its long sums lose 5 units in the last place near ±1 and can step over it.
//!
//! There is no table and no approximate reciprocal, so the fused levels give the same bits. The coefficients come from
//! `tests/golden/fit_activations.py`; the bounds were measured over all 2³² inputs on the scalar level
//! and on AVX2 (`tests/rust/scan.rs`). NaN comes out as NaN.

use super::special::ln_normal;
use crate::Error;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use std::f32::consts::{LN_2, LOG2_E};
use std::str::FromStr;

/// The largest error of [`exp`] in units of the last place, wherever the true result is a normal number.
pub const MAX_ULP_EXP: f64 = 1.2;
/// The largest error of [`sigmoid`] in units of the last place, wherever the true result is a normal number.
pub const MAX_ULP_SIGMOID: f64 = 2.7;
/// The largest error of [`tanh`] in units of the last place.
pub const MAX_ULP_TANH: f64 = 2.8;

/// Coefficients of r⁶ to r² in e^r = 1 + r + …; |r| <= ln(2)/2, relative error 0.05 · 2⁻²⁴ before rounding.
const EXP: [f32; 5] = [0.0013814609, 0.008368712, 0.04166839, 0.16666521, 0.49999994];
/// Coefficients of ρ⁵ and ρ³ in tanh(ρ) = ρ + …; |ρ| <= ln(2)/4, relative error 0.93 · 2⁻²⁴ before rounding.
const TANH: [f32; 2] = [0.1311066, -0.33331272];
/// Nine bits of ln 2, so that the product with any exponent is exact, fused or not.
const LN2_HIGH: f32 = 355.0 / 512.0;
/// What is missing in [`LN2_HIGH`].
const LN2_LOW: f32 = -0.00021219444;
/// A number n added to this leaves n + 127, the exponent field of 2ⁿ, in the low bits of the sum.
const EXPONENT: f32 = 12582912.0 + 127.0;
/// From here down exp is 0: n is -127, whose exponent field is that of zero.
const EXP_LOW: f32 = -87.8;
/// From here up exp is infinite: n is 128, whose exponent field is that of infinity.
const EXP_HIGH: f32 = 88.8;
/// From here up tanh is 1: adding 1 to 2ⁿ or taking it away changes nothing.
const TANH_HIGH: f32 = 9.5;

/// eˣ: exp(0) = 1, infinity where it overflows; below 2⁻¹²⁶ the result may be 0 instead of a denormal.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(EXP_HIGH), s.max(s.splat(EXP_LOW), x));
    let t = s.fma(x, s.splat(LOG2_E), s.splat(EXPONENT));
    let n = s.sub(t, s.splat(EXPONENT));
    let r = s.fnma(n, s.splat(LN2_LOW), s.fnma(n, s.splat(LN2_HIGH), x));
    let mut sum = s.splat(EXP[0]);
    for next in &EXP[1..] {
        sum = s.fma(sum, r, s.splat(*next));
    }
    sum = s.fma(s.fma(sum, r, s.splat(1.0)), r, s.splat(1.0));
    // 2^128 is not a number, so the last power is reached by doubling.
    let last = s.splat(EXPONENT + 127.0);
    let y = s.mul(sum, s.shift_to_exponent(s.min(t, last)));
    s.select_lt(last, t, s.add(y, y), y)
}

/// tanh(scale · r) for |scale · r| <= ln(2)/4, where `scale` is a power of two.
#[inline(always)]
fn small_tanh<S: Simd>(s: S, r: S::V, scale: f32) -> S::V {
    let square = scale * scale;
    let v = s.mul(r, r);
    let sum = s.fma(s.splat(TANH[0] * square * square * scale), v, s.splat(TANH[1] * square * scale));
    s.mul(s.fma(sum, v, s.splat(scale)), r)
}

/// 1 / (1 + e⁻ˣ), in [0, 1]: sigmoid(0) = 0.5; below 2⁻¹²⁶ the result may be 0 instead of a denormal.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.max(s.splat(-EXP_HIGH), s.min(s.splat(-EXP_LOW), x));
    let t = s.fnma(x, s.splat(LOG2_E), s.splat(EXPONENT));
    let n = s.sub(t, s.splat(EXPONENT));
    // r and τ with their signs changed: x + n ln 2 saves the negation of x.
    let r = s.fma(n, s.splat(LN2_LOW), s.fma(n, s.splat(LN2_HIGH), x));
    let tau = small_tanh(s, r, 0.5);
    let one = s.splat(1.0);
    let numerator = s.add(one, tau);
    s.div(numerator, s.fma(s.shift_to_exponent(t), s.sub(one, tau), numerator))
}

/// The hyperbolic tangent: exactly odd, ±1 at the ends and never beyond, x itself where x is tiny, -0 for -0.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(TANH_HIGH), s.max(s.splat(-TANH_HIGH), x));
    let t = s.fma(x, s.splat(2.0 * LOG2_E), s.splat(EXPONENT));
    let n = s.sub(t, s.splat(EXPONENT));
    // r/2. One constant suffices: where n is large, the quotient no longer feels an error of r.
    let r = s.fnma(n, s.splat(0.5 * LN_2), x);
    let tau = small_tanh(s, r, 1.0);
    let power = s.shift_to_exponent(t);
    let one = s.splat(1.0);
    let (less, more) = (s.sub(power, one), s.add(power, one));
    // The same number as `less`, but -0 where the power is 1, so that the sum with τ = -0 is -0.
    let less_or_minus_zero = s.sub(s.splat(-0.0), s.sub(one, power));
    s.div(s.fma(more, tau, less_or_minus_zero), s.fma(less, tau, more))
}

/// What a cell may put its candidate or its state through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Activation {
    /// [`tanh`]
    Tanh,
    /// [`sigmoid`]
    Sigmoid,
    /// 0.2 x + 0.5, cut to [0, 1]
    HardSigmoid,
    /// x or 0, whichever is larger
    Relu,
    /// x / (1 + |x|)
    Softsign,
    /// x
    Identity,
}

impl Activation {
    /// Every activation there is.
    pub const ALL: [Activation; 6] = [
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::HardSigmoid,
        Activation::Relu,
        Activation::Softsign,
        Activation::Identity,
    ];

    /// The name, which [`str::parse`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::HardSigmoid => "hard_sigmoid",
            Activation::Relu => "relu",
            Activation::Softsign => "softsign",
            Activation::Identity => "identity",
        }
    }

    /// The activation of x.
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, x: S::V) -> S::V {
        // The operand that may be NaN comes second in every minimum and maximum: that is the one which they return.
        match self {
            Activation::Tanh => tanh(s, x),
            Activation::Sigmoid => sigmoid(s, x),
            Activation::HardSigmoid => {
                let line = s.fma(s.splat(0.2), x, s.splat(0.5));
                s.max(s.splat(0.0), s.min(s.splat(1.0), line))
            }
            Activation::Relu => s.max(s.splat(0.0), x),
            Activation::Softsign => {
                // Infinity over infinity is no number; the largest one gives ±1 just as well.
                let x = s.max(s.splat(-f32::MAX), s.min(s.splat(f32::MAX), x));
                s.div(x, s.add(s.splat(1.0), s.abs(x)))
            }
            Activation::Identity => x,
        }
    }

    /// The derivative, expressed through y = [`Activation::apply`]`(x)`. NaN stays NaN, except that the identity's is 1.
    #[inline(always)]
    pub fn slope<S: Simd>(self, s: S, y: S::V) -> S::V {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        match self {
            Activation::Tanh => s.fnma(y, y, one),
            Activation::Sigmoid => s.mul(y, s.sub(one, y)),
            // Where y is not above zero it is zero or NaN, and so is the slope.
            Activation::HardSigmoid => s.select_lt(zero, y, s.select_lt(y, one, s.splat(0.2), zero), y),
            Activation::Relu => s.select_lt(zero, y, one, y),
            Activation::Softsign => {
                let rest = s.sub(one, s.abs(y));
                s.mul(rest, rest)
            }
            Activation::Identity => one,
        }
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Activation, Error> {
        let names = Activation::ALL.map(Activation::name).join(", ");
        Activation::ALL
            .into_iter()
            .find(|activation| activation.name() == name)
            .ok_or_else(|| Error::option("activation", format_args!("one of {names}"), format_args!("{name:?}")))
    }
}

/// A function of one number, on sixteen lanes: what [`map`] puts a slice through.
pub trait Elementwise: Copy {
    /// The function of each lane.
    fn lanes<S: Simd>(self, s: S, x: S::V) -> S::V;
}

/// [`exp`] for [`map`].
#[derive(Clone, Copy)]
pub struct Exp;

impl Elementwise for Exp {
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, x: S::V) -> S::V {
        exp(s, x)
    }
}

impl Elementwise for Activation {
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, x: S::V) -> S::V {
        self.apply(s, x)
    }
}

/// The derivative of an activation at its output, for [`map`].
#[derive(Clone, Copy)]
pub struct Slope(pub Activation);

impl Elementwise for Slope {
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, y: S::V) -> S::V {
        self.0.slope(s, y)
    }
}

struct Map<'a, F> {
    f: F,
    data: &'a mut [f32],
}

impl<F: Elementwise> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut parts = self.data.chunks_exact_mut(LANES);
        for part in parts.by_ref() {
            s.store_slice(part, self.f.lanes(s, s.load_slice(part)));
        }
        let rest = parts.into_remainder();
        if !rest.is_empty() {
            s.store_slice(rest, self.f.lanes(s, s.load_slice(rest)));
        }
    }
}

/// Replaces each number by its function: `map(level, Activation::Tanh, data)`.
pub fn map(level: Level, f: impl Elementwise, data: &mut [f32]) {
    dispatch(level, Map { f, data });
}

/// The natural logarithm to within 0.51 units in the last place, the same bits on every machine, which the system's
/// is not: −∞ of 0, NaN of what is below.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    ln_wide(x) as f32
}

/// The same to f64's precision, but for the last digits. There are no branches: in a loop it becomes vector code.
#[inline(always)]
pub(super) fn ln_wide(x: f32) -> f64 {
    // Every positive f32, denormal or not, is a normal f64.
    let log = ln_normal::<8>(f64::from(x));
    if x > 0.0 && x < f32::INFINITY {
        log
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x > 0.0 {
        f64::INFINITY
    } else {
        f64::NAN
    }
}
