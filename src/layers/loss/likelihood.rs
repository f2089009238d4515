//! Negative log-likelihoods, with the gradient of every argument; one element at a time in f64.
//!
//! ```text
//! Gaussian           ½ (ln v + (μ - x)² / v) [+ ½ ln 2π]
//! Student t          ln s + ½ ln 2π - γ(ν/2) + ½ (ν + 1) ln(1 + y²/ν)          y = (x - μ) / s
//! negative binomial  ln k! - Γ(r, k) + (r + k) ln(1 + αμ) - k ln μ             r = 1/α
//! binary             -w t ln p - (1 - t) ln(1 - p), each logarithm at least -100
//!
//! γ(a)    = ln Γ(a + ½) - ln Γ(a) - ½ ln a
//! Γ(r, k) = ln Γ(r + k) - ln Γ(r) - k ln r
//! ```
//!
//! γ and Γ(r, k) vanish where ν and r are large, where the distributions become normal and Poisson; written with them,
//! no large numbers cancel.

use super::classification::positive_weights;
use super::counted::{Counted, Domain, Outputs, Shared};
use super::pointwise::Cycle;
use crate::Error;
use crate::kernels::special::{
    HALF_LN_TAU, ln, ln_1p, ln_1p_less, ln_gamma, ln_gamma_half_step, ln_gamma_half_step_slope, ln_gamma_step,
    ln_gamma_step_slope,
};

/// Elements of one block.
const BLOCK: usize = 256;

/// A distribution with N arguments.
trait Density<const N: usize>: Sync {
    /// What an element costs, in multiply-adds.
    const COST: usize;
    /// What the target may be.
    const TARGET: Domain;
    /// The names of the arguments, and what they may be.
    const ARGUMENTS: [(&str, Domain); N];

    /// The loss of element `at`, and its derivative by each argument that is wanted.
    fn loss(&self, at: usize, target: f64, arguments: [f64; N], wanted: [bool; N]) -> (f64, [f64; N]);
}

struct Gaussian {
    eps: f64,
    constant: f64,
}

impl Density<2> for Gaussian {
    const COST: usize = 60;
    const TARGET: Domain = Domain::Real;
    const ARGUMENTS: [(&str, Domain); 2] = [("mean", Domain::Real), ("variance", Domain::NotNegative)];

    #[inline]
    fn loss(&self, _at: usize, target: f64, [mean, variance]: [f64; 2], _wanted: [bool; 2]) -> (f64, [f64; 2]) {
        // In this order NaN stays.
        let variance = if variance < self.eps { self.eps } else { variance };
        let (d, precision) = (mean - target, 1.0 / variance);
        let square = d * d * precision;
        (0.5 * (ln(variance) + square) + self.constant, [d * precision, 0.5 * precision * (1.0 - square)])
    }
}

struct StudentT;

impl Density<3> for StudentT {
    const COST: usize = 400;
    const TARGET: Domain = Domain::Real;
    const ARGUMENTS: [(&str, Domain); 3] =
        [("mean", Domain::Real), ("scale", Domain::Positive), ("df", Domain::Positive)];

    #[inline]
    fn loss(&self, _at: usize, target: f64, [mean, scale, df]: [f64; 3], wanted: [bool; 3]) -> (f64, [f64; 3]) {
        let y = (target - mean) / scale;
        let ratio = y * y / df;
        let loss = ln(scale) + HALF_LN_TAU - ln_gamma_half_step(0.5 * df) + 0.5 * (df + 1.0) * ln_1p(ratio);
        // y times the derivative by y
        let pull = (df + 1.0) * ratio / (1.0 + ratio);
        let by_mean = -(df + 1.0) * y / (df * (1.0 + ratio) * scale);
        let by_df = if wanted[2] {
            let rest = ln_1p_less(ratio) + ratio * (ratio - 1.0 / df) / (1.0 + ratio);
            0.5 * (rest - ln_gamma_half_step_slope(0.5 * df))
        } else {
            0.0
        };
        (loss, [by_mean, (1.0 - pull) / scale, by_df])
    }
}

struct NegativeBinomial;

impl Density<2> for NegativeBinomial {
    const COST: usize = 500;
    const TARGET: Domain = Domain::Count;
    const ARGUMENTS: [(&str, Domain); 2] = [("mean", Domain::NotNegative), ("dispersion", Domain::Positive)];

    #[inline]
    fn loss(&self, _at: usize, count: f64, [mean, dispersion]: [f64; 2], wanted: [bool; 2]) -> (f64, [f64; 2]) {
        let r = 1.0 / dispersion;
        let (u, v) = (count * dispersion, mean * dispersion);
        // 0 ln 0 is 0: a mean of zero gives zeros for certain.
        let expected = if count == 0.0 { 0.0 } else { count * ln(mean) };
        let loss = ln_gamma(count + 1.0) - ln_gamma_step(r, count) + (r + count) * ln_1p(v) - expected;
        let by_mean = if count == 0.0 { 1.0 / (1.0 + v) } else { (mean - count) / (mean * (1.0 + v)) };
        let by_dispersion = if wanted[1] {
            let rest = ln_1p_less(v) + v * (v - u) / (1.0 + v);
            -r * r * (rest - ln_gamma_step_slope(r, count))
        } else {
            0.0
        };
        (loss, [by_mean, by_dispersion])
    }
}

struct Binary {
    pos_weight: Option<Cycle>,
}

impl Density<1> for Binary {
    const COST: usize = 100;
    const TARGET: Domain = Domain::Probability;
    const ARGUMENTS: [(&str, Domain); 1] = [("prediction", Domain::Probability)];

    #[inline]
    fn loss(&self, at: usize, target: f64, [p]: [f64; 1], _wanted: [bool; 1]) -> (f64, [f64; 1]) {
        let cut = |logarithm: f64| if logarithm < -100.0 { -100.0 } else { logarithm };
        let positive = self.pos_weight.as_ref().map_or(1.0, |weights| f64::from(weights.value(at))) * target;
        let negative = 1.0 - target;
        let loss = -positive * cut(ln(p)) - negative * cut(ln_1p(-p));
        // torch's bound, which keeps the quotient finite at both ends.
        let spread = p * (1.0 - p);
        let spread = if spread < 1e-12 { 1e-12 } else { spread };
        (loss, [(negative * p - positive * (1.0 - p)) / spread])
    }
}

fn run<const N: usize, D: Density<N>>(
    density: &D,
    target: &[f32],
    arguments: [&[f32]; N],
    counted: &Counted<'_>,
    out: Outputs<'_, N>,
) -> Result<f32, Error> {
    counted.check("target", target, D::TARGET)?;
    for (values, (name, domain)) in arguments.iter().zip(D::ARGUMENTS) {
        assert_eq!(values.len(), target.len(), "a {name} for each target");
        counted.check(name, values, domain)?;
    }
    let losses = Shared::new(out.losses, target.len());
    let gradients = out.gradients.map(|gradient| Shared::new(gradient, target.len()));
    let wanted = std::array::from_fn(|n| gradients[n].wanted());
    let scale = counted.scale(counted.total_weight());
    let total = counted.total(BLOCK, D::COST, |elements| {
        // SAFETY: blocks do not overlap, and each is one worker's.
        let mut losses = unsafe { losses.part(elements.clone()) };
        // SAFETY: as above.
        let mut gradients = gradients.each_ref().map(|gradient| unsafe { gradient.part(elements.clone()) });
        let mut total = 0.0;
        for (i, element) in elements.enumerate() {
            let values = arguments.map(|values| f64::from(values[element]));
            let (loss, slopes) = density.loss(element, f64::from(target[element]), values, wanted);
            let weight = counted.weight(element);
            total += weight * loss;
            if let Some(losses) = &mut losses {
                losses[i] = (weight * loss) as f32;
            }
            for (gradient, slope) in gradients.iter_mut().zip(slopes) {
                if let Some(gradient) = gradient {
                    gradient[i] = (slope * weight * scale) as f32;
                }
            }
        }
        total
    });
    Ok((total * scale) as f32)
}

/// Of a normal distribution with this mean and variance; variances below `eps` count as `eps`. `full` adds ½ ln 2π.
pub fn gaussian(
    full: bool,
    eps: f32,
    target: &[f32],
    [mean, variance]: [&[f32]; 2],
    counted: &Counted<'_>,
    out: Outputs<'_, 2>,
) -> Result<f32, Error> {
    if !(eps > 0.0 && eps.is_finite()) {
        return Err(Error::option("eps", "a number above 0", eps));
    }
    let density = Gaussian { eps: eps.into(), constant: if full { HALF_LN_TAU } else { 0.0 } };
    run(&density, target, [mean, variance], counted, out)
}

/// Of Student's t distribution with this mean, scale and degrees of freedom.
pub fn student_t(
    target: &[f32],
    [mean, scale, df]: [&[f32]; 3],
    counted: &Counted<'_>,
    out: Outputs<'_, 3>,
) -> Result<f32, Error> {
    run(&StudentT, target, [mean, scale, df], counted, out)
}

/// Of a negative binomial distribution with mean μ and variance μ + dispersion μ².
pub fn negative_binomial(
    target: &[f32],
    [mean, dispersion]: [&[f32]; 2],
    counted: &Counted<'_>,
    out: Outputs<'_, 2>,
) -> Result<f32, Error> {
    run(&NegativeBinomial, target, [mean, dispersion], counted, out)
}

/// Binary cross-entropy of probabilities; `pos_weight` as in
/// [`binary_cross_entropy`](super::classification::binary_cross_entropy).
pub fn binary(
    pos_weight: Option<&[f32]>,
    target: &[f32],
    probability: &[f32],
    counted: &Counted<'_>,
    out: Outputs<'_, 1>,
) -> Result<f32, Error> {
    run(&Binary { pos_weight: positive_weights(pos_weight)? }, target, [probability], counted, out)
}
