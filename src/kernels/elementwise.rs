//! Functions of one number over whole arrays: what the tape's exp, log, tanh, sigmoid, softplus and powers are.
//!
//! ```text
//! softplus(x) = ln(1 + eˣ) = max(x, 0) + 2 artanh(u / (2 + u)),  u = e^-|x|       artanh by its series
//! xᵖ          = ± e^(p ln |x|) in f64                                             a sign where p is whole
//! ```
//!
//! The platform's own functions differ from system to system in their last bits; these do not. Numbers stand alone, so
//! it does not matter who computes which: long arrays are shared out.

use super::activation::{Activation, Elementwise, Exp, exp, ln, ln_wide};
use super::special::ln_1p_lanes;
use crate::Error;
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};
use crate::threads;
use crate::view::SeqMut;
use std::f64::consts::{LN_2, LOG2_E};
use std::str::FromStr;

/// The largest error of the logarithm in units of the last place.
pub const MAX_ULP_LOG: f64 = 0.51;
/// The largest error of softplus in units of the last place, wherever the true result is a normal number.
pub const MAX_ULP_SOFTPLUS: f64 = 3.0;
/// The largest error of a power in units of the last place; 0.51 but for the exponents -0.5 and 3.
pub const MAX_ULP_POWER: f64 = 1.5;

/// What a power costs, in multiply-adds.
pub const POWER_COST: usize = 120;
/// Numbers between two looks for Ctrl-C.
const PART: usize = 1 << 14;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// eˣ
    Exp,
    /// The natural logarithm: −∞ of 0, NaN below.
    Log,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// ln(1 + eˣ)
    Softplus,
    /// xᵖ: NaN for a negative x unless p is whole.
    Power(f64),
}

impl FromStr for Function {
    type Err = Error;

    fn from_str(name: &str) -> Result<Function, Error> {
        match name {
            "exp" => Ok(Function::Exp),
            "log" => Ok(Function::Log),
            "tanh" => Ok(Function::Tanh),
            "sigmoid" => Ok(Function::Sigmoid),
            "softplus" => Ok(Function::Softplus),
            _ => Err(Error::option(
                "kind",
                "\"exp\", \"log\", \"tanh\", \"sigmoid\" or \"softplus\"",
                format!("{name:?}"),
            )),
        }
    }
}

impl Function {
    /// What an element costs, in multiply-adds.
    pub fn cost(self) -> usize {
        match self {
            Function::Exp | Function::Tanh | Function::Sigmoid => 12,
            Function::Softplus => 24,
            Function::Log => 60,
            Function::Power(p) if Power::new(p).simple => 4,
            Function::Power(_) => POWER_COST,
        }
    }
}

/// The function of each number of `x`, into `out`.
///
/// # Panics
/// When the lengths differ.
pub fn apply(level: Level, function: Function, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many results as numbers");
    by_parts(out, function.cost(), |from, out| {
        let x = &x[from..from + out.len()];
        match function {
            Function::Exp => dispatch(level, Map { f: Exp, x, out }),
            Function::Log => dispatch(level, Map { f: Log, x, out }),
            Function::Tanh => dispatch(level, Map { f: Activation::Tanh, x, out }),
            Function::Sigmoid => dispatch(level, Map { f: Activation::Sigmoid, x, out }),
            Function::Softplus => dispatch(level, Map { f: Softplus, x, out }),
            Function::Power(p) => dispatch(level, Map { f: Power::new(p), x, out }),
        }
    });
}

/// Each number of `x` to the power of its number of `p`, into `out`, with the error of a power.
///
/// # Panics
/// When the lengths differ.
pub fn powers(x: &[f32], p: &[f32], out: &mut [f32]) {
    assert!(x.len() == out.len() && p.len() == out.len(), "as many results as numbers");
    by_parts(out, POWER_COST, |from, out| {
        for ((out, &x), &p) in out.iter_mut().zip(&x[from..]).zip(&p[from..]) {
            *out = Power::new(f64::from(p)).of(x);
        }
    });
}

/// Shares `out` out, and calls `compute` for parts of it with the place where each begins.
fn by_parts(out: &mut [f32], cost: usize, compute: impl Fn(usize, &mut [f32]) + Sync) {
    let (len, vectors) = (out.len(), out.len().div_ceil(LANES));
    let out = SeqMut::new(out, [1, 1, len]).expect("one row of all numbers");
    threads::run(threads::worth(len.saturating_mul(cost)), |worker| {
        let mine = worker.share(vectors);
        let end = len.min(mine.end * LANES);
        for from in (mine.start * LANES..end).step_by(PART) {
            let count = PART.min(end - from);
            // SAFETY: the workers' parts do not overlap.
            compute(from, unsafe { out.part(0, from, count) });
            worker.poll(count * cost);
        }
    });
}

struct Map<'a, F> {
    f: F,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<F: Elementwise> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, out) in self.x.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            s.store_slice(out, self.f.lanes(s, s.load_slice(x)));
        }
    }
}

#[derive(Clone, Copy)]
struct Log;

impl Elementwise for Log {
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, x: S::V) -> S::V {
        let mut lanes = s.to_array(x);
        for lane in &mut lanes {
            *lane = ln(*lane);
        }
        s.from_array(lanes)
    }
}

/// ln(1 + eˣ): x itself where that is large, eˣ where it is small.
#[derive(Clone, Copy)]
pub struct Softplus;

impl Elementwise for Softplus {
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, x: S::V) -> S::V {
        let u = exp(s, s.sub(s.splat(0.0), s.abs(x)));
        // NaN comes second: that is the operand which a maximum returns then.
        s.add(s.max(s.splat(0.0), x), ln_1p_lanes(s, u))
    }
}

/// xᵖ.
#[derive(Clone, Copy)]
struct Power {
    p: f64,
    /// What the power of |x| is multiplied by where x is negative.
    below: f32,
    /// Whether a few correctly rounded operations do it.
    simple: bool,
}

impl Power {
    fn new(p: f64) -> Self {
        let below = match p % 2.0 {
            0.0 => 1.0,
            1.0 | -1.0 => -1.0,
            _ if p.is_infinite() => 1.0,
            _ => f32::NAN,
        };
        Power { p, below, simple: [-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0].contains(&p) }
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        if self.p == 0.0 || x == 1.0 {
            return 1.0; // of NaN and to the power of NaN too
        }
        let size = exp_wide(self.p * ln_wide(x.abs())) as f32;
        // Only a whole power of -0 has a sign.
        let signed = x < 0.0 || x.is_sign_negative() && !self.below.is_nan();
        if signed { size * self.below } else { size }
    }
}

impl Elementwise for Power {
    #[inline(always)]
    fn lanes<S: Simd>(self, s: S, x: S::V) -> S::V {
        if self.simple {
            let (zero, one) = (s.splat(0.0), s.splat(1.0));
            match self.p {
                -1.0 => s.div(one, x),
                // The square root of -0 is -0, but its power is 0; adding 0 makes one of the other.
                -0.5 => s.div(one, s.sqrt(s.add(x, zero))),
                0.0 => one,
                0.5 => s.sqrt(s.add(x, zero)),
                1.0 => x,
                2.0 => s.mul(x, x),
                _ => s.mul(s.mul(x, x), x),
            }
        } else {
            let mut lanes = s.to_array(x);
            for lane in &mut lanes {
                *lane = self.of(*lane);
            }
            s.from_array(lanes)
        }
    }
}

/// eˣ to within 2⁻³⁶ where it is in the range of f32; beyond, a number that rounds to f32's zero or infinity.
#[inline(always)]
fn exp_wide(x: f64) -> f64 {
    /// Added to a number, it leaves that number rounded in the low bits of the sum.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    let x = x.clamp(-110.0, 100.0);
    let shifted = x * LOG2_E + ROUND;
    let r = x - (shifted - ROUND) * LN_2;
    // |r| <= ln(2)/2: the first term left out is r¹⁰/10! < 2⁻³⁶.
    let mut sum = 1.0;
    for k in (1..10).rev() {
        sum = 1.0 + sum * r / f64::from(k);
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    sum * power
}
