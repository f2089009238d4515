//! A loss with its options and data, run by the library and by equations in f64.

use crate::support::{Rng, bits};
use rustlstm::Error;
use rustlstm::layers::loss::classification::{CrossEntropy, binary_cross_entropy};
use rustlstm::layers::loss::{Counted, Outputs, Reduction, likelihood, regression};
use rustlstm::simd::Level;

pub const IGNORED: i64 = -7;

/// A loss with its options.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Squared,
    Absolute,
    Huber(f32),
    Quantiles(Vec<f32>),
    Binary(Option<Vec<f32>>),
    Probabilities(Option<Vec<f32>>),
    Gaussian(bool),
    StudentT,
    NegativeBinomial,
    CrossEntropy { weights: Option<Vec<f32>>, smoothing: f32, classes: usize },
}

/// A loss and everything that goes into it.
#[derive(Debug, Clone)]
pub struct Case {
    pub kind: Kind,
    /// Of the losses, one by one.
    pub shape: Vec<usize>,
    pub lengths: Option<Vec<usize>>,
    pub weights: Option<Vec<f32>>,
    pub reduction: Reduction,
    /// What gradients go to.
    pub arguments: Vec<Vec<f32>>,
    pub target: Vec<f32>,
}

/// What was not written stays this.
pub const UNTOUCHED: f32 = 7.5;

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub value: f32,
    pub losses: Option<Vec<f32>>,
    pub gradients: Vec<Vec<f32>>,
}

impl Outcome {
    pub fn bits(&self) -> Vec<u32> {
        let mut all = bits(&[self.value]);
        self.losses.iter().chain(&self.gradients).for_each(|part| all.extend(bits(part)));
        all
    }
}

impl Case {
    pub fn random(rng: &mut Rng, kind: Kind, mut shape: Vec<usize>) -> Case {
        let period = match &kind {
            Kind::Quantiles(q) => Some(q.len()),
            Kind::Binary(weight) | Kind::Probabilities(weight) => weight.as_ref().map(Vec::len),
            _ => None,
        };
        if let Some(period) = period.filter(|period| *period > 1) {
            shape.push(period);
        }
        let len: usize = shape.iter().product();
        let reduction = rng.pick(&[Reduction::Mean, Reduction::Sum, Reduction::Each]);
        let ragged = shape.len() >= 2 && rng.chance(0.5);
        let lengths = ragged.then(|| (0..shape[0]).map(|_| rng.below(shape[1] + 1)).collect());
        let weights = rng.chance(0.5).then(|| rng.fill(len, 0.0, 3.0));
        let mut ranged = |low, high| rng.fill(len, low, high);
        let (arguments, target) = match &kind {
            Kind::Gaussian(_) => (vec![ranged(-2.0, 2.0), ranged(0.1, 3.0)], ranged(-2.0, 2.0)),
            Kind::StudentT => (vec![ranged(-2.0, 2.0), ranged(0.2, 3.0), ranged(0.5, 60.0)], ranged(-9.0, 9.0)),
            Kind::NegativeBinomial => {
                let counts = ranged(0.0, 1.0).iter().map(|x| (x * x * 30.0).floor()).collect();
                (vec![ranged(0.05, 20.0), ranged(0.01, 3.0)], counts)
            }
            Kind::Binary(_) => (vec![ranged(-12.0, 12.0)], ranged(0.0, 1.0)),
            Kind::Probabilities(_) => (vec![ranged(0.02, 0.98)], ranged(0.0, 1.0)),
            Kind::CrossEntropy { classes, .. } => {
                let classes = *classes;
                let id = |x: &f32| if *x < 0.0 { IGNORED as f32 } else { (x * classes as f32).floor() };
                let ids = ranged(-0.3, 1.0).iter().map(id).collect();
                (vec![rng.fill(len * classes, -5.0, 5.0)], ids)
            }
            Kind::Quantiles(q) => {
                let targets = len / q.len().max(1);
                (vec![ranged(-2.0, 2.0)], rng.fill(targets, -2.0, 2.0))
            }
            _ => (vec![ranged(-2.0, 2.0)], ranged(-2.0, 2.0)),
        };
        Case { kind, shape, lengths, weights, reduction, arguments, target }
    }

    pub fn run(&self, level: Level) -> Result<Outcome, Error> {
        let len: usize = self.shape.iter().product();
        let counted = Counted::new(&self.shape, self.lengths.as_deref(), self.weights.as_deref(), self.reduction)?;
        let mut losses = (self.reduction == Reduction::Each).then(|| vec![UNTOUCHED; len]);
        let mut gradients: Vec<Vec<f32>> = self.arguments.iter().map(|x| vec![UNTOUCHED; x.len()]).collect();
        let (t, counted) = (&self.target[..], &counted);
        let arguments: Vec<&[f32]> = self.arguments.iter().map(Vec::as_slice).collect();
        let value = match (&arguments[..], &mut gradients[..]) {
            ([x], [dx]) => {
                let out = Outputs { losses: losses.as_deref_mut(), gradients: [Some(&mut dx[..])] };
                match &self.kind {
                    Kind::Squared => regression::squared(level, x, t, counted, out),
                    Kind::Absolute => regression::absolute(level, x, t, counted, out),
                    Kind::Huber(delta) => regression::huber(level, *delta, x, t, counted, out)?,
                    Kind::Quantiles(q) => regression::quantile(level, q, x, t, counted, out)?,
                    Kind::Binary(weight) => binary_cross_entropy(level, weight.as_deref(), x, t, counted, out)?,
                    Kind::Probabilities(weight) => likelihood::binary(weight.as_deref(), t, x, counted, out)?,
                    Kind::CrossEntropy { weights, smoothing, classes } => {
                        let ids: Vec<i64> = t.iter().map(|id| *id as i64).collect();
                        let loss = CrossEntropy::new(*classes, weights.as_deref(), IGNORED, *smoothing)?;
                        loss.run(level, x, &ids, counted, out)?
                    }
                    _ => unreachable!("a loss of one argument"),
                }
            }
            ([x, y], [dx, dy]) => {
                let out = Outputs { losses: losses.as_deref_mut(), gradients: [Some(&mut dx[..]), Some(&mut dy[..])] };
                match &self.kind {
                    Kind::Gaussian(full) => likelihood::gaussian(*full, 1e-6, t, [x, y], counted, out)?,
                    _ => likelihood::negative_binomial(t, [x, y], counted, out)?,
                }
            }
            ([x, y, z], [dx, dy, dz]) => {
                let gradients = [Some(&mut dx[..]), Some(&mut dy[..]), Some(&mut dz[..])];
                let out = Outputs { losses: losses.as_deref_mut(), gradients };
                likelihood::student_t(t, [x, y, z], counted, out)?
            }
            _ => unreachable!("a loss has one to three arguments"),
        };
        Ok(Outcome { value, losses, gradients })
    }

    /// Whether an element counts.
    pub fn counts(&self, element: usize) -> bool {
        let padding = self.lengths.as_ref().is_some_and(|lengths| {
            let step: usize = self.shape[2..].iter().product();
            element / step % self.shape[1] >= lengths[element / step / self.shape[1]]
        });
        let ignored = matches!(self.kind, Kind::CrossEntropy { .. }) && self.target[element] == IGNORED as f32;
        !(padding || ignored)
    }

    /// The arguments of one element.
    fn of(&self, element: usize) -> Vec<f64> {
        let width = if let Kind::CrossEntropy { classes, .. } = &self.kind { *classes } else { 1 };
        let parts = self.arguments.iter().flat_map(|x| &x[element * width..(element + 1) * width]);
        parts.map(|x| f64::from(*x)).collect()
    }

    /// The loss of one element with these arguments, without its weight.
    fn element(&self, element: usize, x: &[f64]) -> f64 {
        let repeated = |values: &Option<Vec<f32>>| values.as_ref().map_or(1.0, |v| f64::from(v[element % v.len()]));
        let t = match &self.kind {
            Kind::Quantiles(q) => f64::from(self.target[element / q.len()]),
            _ => f64::from(self.target[element]),
        };
        match &self.kind {
            Kind::Squared => (x[0] - t).powi(2),
            Kind::Absolute => (x[0] - t).abs(),
            Kind::Huber(delta) => {
                let (d, delta) = ((x[0] - t).abs(), f64::from(*delta));
                if d < delta { 0.5 * d * d } else { delta * (d - 0.5 * delta) }
            }
            Kind::Quantiles(q) => {
                let (d, q) = (t - x[0], f64::from(q[element % q.len()]));
                (q * d).max((q - 1.0) * d)
            }
            Kind::Binary(weight) => {
                let p = 1.0 / (1.0 + (-x[0]).exp());
                -repeated(weight) * t * p.ln() - (1.0 - t) * (1.0 / (1.0 + x[0].exp())).ln()
            }
            Kind::Probabilities(weight) => -repeated(weight) * t * x[0].ln() - (1.0 - t) * (1.0 - x[0]).ln(),
            Kind::Gaussian(full) => {
                let constant = if *full { 0.5 * std::f64::consts::TAU.ln() } else { 0.0 };
                0.5 * (x[1].ln() + (x[0] - t).powi(2) / x[1]) + constant
            }
            Kind::StudentT => {
                let (y, df) = ((t - x[0]) / x[1], x[2]);
                let constant = lanczos(0.5 * df) - lanczos(0.5 * (df + 1.0)) + 0.5 * (df * std::f64::consts::PI).ln();
                constant + x[1].ln() + 0.5 * (df + 1.0) * (1.0 + y * y / df).ln()
            }
            Kind::NegativeBinomial => {
                // Of whole numbers the gamma function needs no gamma function.
                let r = 1.0 / x[1];
                let choose: f64 = (0..t as usize).map(|i| (1.0 + i as f64).ln() - (r + i as f64).ln()).sum();
                let p = x[0] / (x[0] + r);
                choose - t * p.ln() - r * (1.0 - p).ln()
            }
            Kind::CrossEntropy { weights, smoothing, classes } => {
                let class = |c: usize| weights.as_ref().map_or(1.0, |w| f64::from(w[c]));
                let log = x.iter().map(|x| x.exp()).sum::<f64>().ln();
                let (smooth, y) = (f64::from(*smoothing), t as usize);
                let spread: f64 = x.iter().enumerate().map(|(c, x)| class(c) * (log - x)).sum();
                (1.0 - smooth) * class(y) * (log - x[y]) + smooth / *classes as f64 * spread
            }
        }
    }

    /// Why the outcome is not that of f64, if it is not.
    pub fn fault(&self, got: &Outcome) -> Option<String> {
        let len: usize = self.shape.iter().product();
        let weight = |i: usize| self.weights.as_ref().map_or(1.0, |w| f64::from(w[i]));
        let class = |i: usize| match &self.kind {
            Kind::CrossEntropy { weights: Some(weights), .. } => f64::from(weights[self.target[i] as usize]),
            _ => 1.0,
        };
        let counted: Vec<usize> = (0..len).filter(|&i| self.counts(i)).collect();
        let total: f64 = counted.iter().map(|&i| weight(i) * class(i)).sum();
        let scale = match self.reduction {
            Reduction::Mean if total == 0.0 => 0.0,
            Reduction::Mean => 1.0 / total,
            _ => 1.0,
        };
        let mut losses = vec![f64::from(UNTOUCHED); len];
        let mut gradients: Vec<Vec<f64>> = got.gradients.iter().map(|g| vec![f64::from(UNTOUCHED); g.len()]).collect();
        for &i in &counted {
            let x = self.of(i);
            losses[i] = weight(i) * self.element(i, &x);
            for n in 0..x.len() {
                let step = 1e-5 * x[n].abs().max(0.1);
                let at = |x_n: f64| self.element(i, &[&x[..n], &[x_n], &x[n + 1..]].concat());
                let slope = (at(x[n] + step) - at(x[n] - step)) / (2.0 * step);
                let (part, place) = if gradients.len() == 1 { (0, i * x.len() + n) } else { (n, i) };
                gradients[part][place] = slope * weight(i) * scale;
            }
        }
        let value: f64 = counted.iter().map(|&i| losses[i]).sum::<f64>() * scale;
        let size: f64 = counted.iter().map(|&i| losses[i].abs()).sum::<f64>() * scale;
        if self.reduction != Reduction::Each && (f64::from(got.value) - value).abs() > 1e-6 * size + 1e-12 {
            return Some(format!("value {} instead of {value}", got.value));
        }
        let all = std::iter::once((got.losses.as_ref(), &losses, 2e-6));
        let all = all.chain(got.gradients.iter().zip(&gradients).map(|(got, truth)| (Some(got), truth, 2e-6)));
        for (part, (got, truth, bound)) in all.enumerate() {
            // A padded element is not written, and must not hide in the largest number.
            let largest = truth.iter().filter(|x| **x != f64::from(UNTOUCHED)).fold(0.0, |a: f64, b| a.max(b.abs()));
            for (i, (got, truth)) in got.into_iter().flatten().zip(truth).enumerate() {
                // Central differences have an error of their own.
                let allowed = bound * largest + 3e-7 * scale;
                if (f64::from(*got) - truth).abs() > if *truth == f64::from(UNTOUCHED) { 0.0 } else { allowed } {
                    return Some(format!("part {part}, element {i}: {got} instead of {truth}"));
                }
            }
        }
        None
    }
}

/// ln Γ by Lanczos' formula, which has nothing in common with Stirling's.
fn lanczos(x: f64) -> f64 {
    const SUM: [f64; 8] = [
        676.5203681218851,
        -1259.1392167224028,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507343278686905,
        -0.13857109526572012,
        9.984_369_578_019_572e-6,
        1.5056327351493116e-7,
    ];
    let x = x - 1.0;
    let series = SUM.iter().enumerate().fold(0.999_999_999_999_809_9, |sum, (i, c)| sum + c / (x + i as f64 + 1.0));
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + series.ln()
}

pub fn kinds(rng: &mut Rng) -> Vec<Kind> {
    let classes = rng.pick(&[1, 2, 3, 15, 16, 17, 33, 70]);
    let weights = rng.fill(classes, 0.1, 2.0);
    let entropy =
        |weights: Option<&Vec<f32>>, smoothing| Kind::CrossEntropy { weights: weights.cloned(), smoothing, classes };
    vec![
        Kind::Squared,
        Kind::Absolute,
        Kind::Huber(0.7),
        Kind::Quantiles(vec![0.3]),
        Kind::Quantiles(vec![0.05, 0.5, 0.95]),
        Kind::Quantiles((1..20).map(|i| i as f32 / 20.0).collect()),
        Kind::Binary(None),
        Kind::Binary(Some(vec![2.5])),
        Kind::Binary(Some(vec![2.5, 0.5, 1.0])),
        Kind::Probabilities(None),
        Kind::Probabilities(Some(vec![2.5, 0.5, 1.0])),
        Kind::Gaussian(false),
        Kind::Gaussian(true),
        Kind::StudentT,
        Kind::NegativeBinomial,
        entropy(None, 0.0),
        entropy(Some(&weights), 0.0),
        entropy(None, 0.2),
        entropy(Some(&weights), 0.2),
    ]
}

pub fn small_shape(rng: &mut Rng) -> Vec<usize> {
    let extents = [0, 1, 1, 2, 3, 5, 16, 17];
    (0..rng.below(4)).map(|_| rng.pick(&extents)).collect()
}
