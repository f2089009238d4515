//! Losses against f64: values, gradients by central differences, masks, poison, and the same bits however they are run.

use crate::determinism::setting_threads;
use crate::support::{Rng, bits, report};
use rustlstm::Error;
use rustlstm::layers::loss::classification::{CrossEntropy, binary_cross_entropy};
use rustlstm::layers::loss::{Counted, Outputs, Reduction, likelihood, regression, regulariser};
use rustlstm::simd::Level;
use rustlstm::threads;

const IGNORED: i64 = -7;

/// A loss with its options.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
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
struct Case {
    kind: Kind,
    /// Of the losses, one by one.
    shape: Vec<usize>,
    lengths: Option<Vec<usize>>,
    weights: Option<Vec<f32>>,
    reduction: Reduction,
    /// What gradients go to.
    arguments: Vec<Vec<f32>>,
    target: Vec<f32>,
}

/// What was not written stays this.
const UNTOUCHED: f32 = 7.5;

#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    value: f32,
    losses: Option<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
}

impl Outcome {
    fn bits(&self) -> Vec<u32> {
        let mut all = bits(&[self.value]);
        self.losses.iter().chain(&self.gradients).for_each(|part| all.extend(bits(part)));
        all
    }
}

impl Case {
    fn random(rng: &mut Rng, kind: Kind, mut shape: Vec<usize>) -> Case {
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

    fn run(&self, level: Level) -> Result<Outcome, Error> {
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
    fn counts(&self, element: usize) -> bool {
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
    fn fault(&self, got: &Outcome) -> Option<String> {
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

fn kinds(rng: &mut Rng) -> Vec<Kind> {
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

fn small_shape(rng: &mut Rng) -> Vec<usize> {
    let extents = [0, 1, 1, 2, 3, 5, 16, 17];
    (0..rng.below(4)).map(|_| rng.pick(&extents)).collect()
}

#[test]
fn every_loss_and_gradient_agrees_with_f64() {
    let (mut rng, mut failures, mut count) = (Rng::new(41), Vec::new(), 0);
    for _ in 0..25 {
        for kind in kinds(&mut rng) {
            let shape = small_shape(&mut rng);
            let case = Case::random(&mut rng, kind, shape);
            for level in Level::available() {
                count += 1;
                let got = case.run(level).expect("a valid case");
                if let Some(fault) = case.fault(&got) {
                    failures.push(format!(
                        "{:?} {:?} {:?} {}: {fault}",
                        case.kind,
                        case.shape,
                        case.lengths,
                        level.name()
                    ));
                }
            }
        }
    }
    report("losses", count, &failures);
}

/// Cases that are shared out among threads and cut into many blocks.
fn large(rng: &mut Rng) -> Vec<Case> {
    let shapes = [vec![130_000], vec![90, 41, 33], vec![7, 300, 60]];
    let cases = kinds(rng).into_iter().enumerate().map(|(i, kind)| {
        let shape = match kind {
            Kind::CrossEntropy { .. } => vec![60, 50],
            _ => shapes[i % 3].clone(),
        };
        Case::random(rng, kind, shape)
    });
    cases.collect()
}

#[test]
fn threads_and_fused_levels_do_not_change_a_bit() {
    let _guard = setting_threads();
    let before = threads::num_threads();
    let (mut failures, cases) = (Vec::new(), large(&mut Rng::new(42)));
    let fused: Vec<Level> = Level::available().into_iter().filter(|level| level.fused()).collect();
    for case in &cases {
        let mut outcomes = Vec::new();
        for (level, workers) in fused.iter().flat_map(|level| [(*level, 1), (*level, 2), (*level, 4)]) {
            threads::set_num_threads(workers).expect("a number of threads");
            outcomes.push(case.run(level).expect("a valid case").bits());
        }
        if outcomes.windows(2).any(|pair| pair[0] != pair[1]) {
            failures.push(format!("{:?} {:?}", case.kind, case.shape));
        }
    }
    threads::set_num_threads(before).expect("the number from before");
    report("bits of losses", cases.len(), &failures);
}

#[test]
fn padding_is_neither_read_nor_written_and_the_rest_is_not_hidden() {
    let (mut rng, mut failures, mut count) = (Rng::new(43), Vec::new(), 0);
    let level = *Level::available().last().expect("a level");
    for _ in 0..6 {
        for kind in kinds(&mut rng) {
            let mut case = Case::random(&mut rng, kind, vec![4, 5, 3]);
            case.lengths = Some((0..4).map(|_| 1 + rng.below(4)).collect());
            let clean = case.run(level).expect("a valid case");
            let len: usize = case.shape.iter().product();
            let valid = (0..len).find(|&i| case.counts(i) && case.weights.as_ref().is_none_or(|w| w[i] > 0.0));
            let mut poisoned = case.clone();
            for i in (0..len).filter(|&i| !case.counts(i)) {
                if let Some(weights) = &mut poisoned.weights {
                    weights[i] = f32::NAN;
                }
                for (argument, x) in poisoned.arguments.iter_mut().enumerate() {
                    let width = x.len() / len;
                    x[i * width..(i + 1) * width].fill(if argument == 1 { -1.0 } else { f32::NAN });
                }
                let ignored = case.target[i.min(case.target.len() - 1)] == IGNORED as f32;
                if case.target.len() == len && !ignored {
                    poisoned.target[i] = if i % 2 == 0 { f32::NAN } else { 1e9 };
                }
            }
            count += 1;
            match poisoned.run(level) {
                Ok(outcome) if outcome.bits() == clean.bits() => {}
                other => failures.push(format!("padding of {:?} is read: {:?}", case.kind, other.map(|o| o.value))),
            }
            let Some(valid) = valid else { continue };
            for poison in [f32::NAN, f32::INFINITY] {
                let mut poisoned = case.clone();
                let x = &mut poisoned.arguments[0];
                let width = x.len() / len;
                x[valid * width] = poison;
                count += 1;
                // Infinity is no probability.
                let outcome = poisoned.run(level);
                let hidden = outcome.as_ref().is_ok_and(|outcome| match &outcome.losses {
                    Some(losses) => losses[valid].is_finite(),
                    None => outcome.value.is_finite(),
                });
                if hidden || outcome.is_err() && !(poison > 0.0 && matches!(case.kind, Kind::Probabilities(_))) {
                    failures.push(format!("{poison} in {:?} gives {outcome:?}", case.kind));
                }
            }
        }
    }
    report("padding and poison", count, &failures);
}

#[test]
fn full_lengths_give_the_bits_of_none() {
    let mut rng = Rng::new(44);
    for kind in kinds(&mut rng) {
        let mut case = Case::random(&mut rng, kind, vec![9, 31, 7]);
        case.lengths = None;
        let without = case.run(Level::Scalar).expect("a valid case");
        case.lengths = Some(vec![31; 9]);
        assert_eq!(case.run(Level::Scalar).expect("a valid case").bits(), without.bits(), "{:?}", case.kind);
    }
}

#[test]
fn likelihoods_keep_their_digits_near_their_limits() {
    // (df or dispersion, value, gradient) where the distributions are normal and Poisson, to leading order
    let counted = Counted::new(&[1], None, None, Reduction::Mean).expect("one element");
    for df in [1e4f32, 1e8, 1e15, 1e30] {
        let mut by_df = [0.0];
        let out = Outputs { losses: None, gradients: [None, None, Some(&mut by_df[..])] };
        let value = likelihood::student_t(&[2.0], [&[0.0], &[1.0], &[df]], &counted, out).expect("a valid case");
        let nu = f64::from(df);
        // y = 2: ½ ln 2π + y²/2 + (1 + 2y² - y⁴) / 4ν + …
        let truth = 0.5 * std::f64::consts::TAU.ln() + 2.0 - 1.75 / nu;
        assert!((f64::from(value) - truth).abs() < 1e-6, "{df:e}: {value} instead of {truth}");
        let slope = 1.75 / (nu * nu);
        assert!(
            (f64::from(by_df[0]) - slope).abs() <= 1e-3 * slope + 1e-45,
            "{df:e}: {} instead of {slope:e}",
            by_df[0]
        );
    }
    for dispersion in [1e-4f32, 1e-8, 1e-15, 1e-30] {
        let (mut by_mean, mut by_dispersion) = ([0.0], [0.0]);
        let out = Outputs { losses: None, gradients: [Some(&mut by_mean[..]), Some(&mut by_dispersion[..])] };
        let value =
            likelihood::negative_binomial(&[5.0], [&[3.0], &[dispersion]], &counted, out).expect("a valid case");
        // ln k! + μ - k ln μ, and -(k (k - 1) / 2 - kμ + μ²/2) by the dispersion
        let truth = 120f64.ln() + 3.0 - 5.0 * 3f64.ln();
        assert!((f64::from(value) - truth).abs() < f64::from(dispersion) + 1e-6, "{dispersion:e}: {value}");
        let slope = -(10.0 - 15.0 + 4.5);
        assert!(
            (f64::from(by_dispersion[0]) - slope).abs() < 2e-3 + 100.0 * f64::from(dispersion),
            "{dispersion:e}: {}",
            by_dispersion[0]
        );
        assert!((f64::from(by_mean[0]) - (1.0 - 5.0 / 3.0)).abs() < 1e-3, "{dispersion:e}: {}", by_mean[0]);
    }
}

#[test]
fn regularisers_agree_with_their_equations() {
    let mut rng = Rng::new(45);
    for level in Level::available() {
        for _ in 0..60 {
            let extents = [0, 1, 2, 3, 9, 17];
            let [b, t, c] = [rng.pick(&extents), rng.pick(&extents), rng.pick(&extents)];
            let mut y = rng.fill(b * t * c, -2.0, 2.0);
            let lengths: Vec<usize> = (0..b).map(|_| rng.below(t + 1)).collect();
            let ragged = rng.chance(0.5);
            let valid = |row: usize| if ragged { lengths[row] } else { t };
            let at = |row: usize, time: usize, i: usize| (row * t + time) * c + i;
            let (mut squares, mut changes, mut count, mut steps) = (0.0, 0.0, 0, 0);
            let mut expected = vec![0.0; y.len()];
            for (row, time, i) in (0..b * t * c).map(|n| (n / c / t, n / c % t, n % c)) {
                if time >= valid(row) {
                    y[at(row, time, i)] = f32::NAN;
                    continue;
                }
                let here = f64::from(y[at(row, time, i)]);
                (squares, count) = (squares + here * here, count + 1);
                if time > 0 {
                    let change = here - f64::from(y[at(row, time - 1, i)]);
                    (changes, steps) = (changes + change * change, steps + 1);
                    expected[at(row, time, i)] += 2.0 * change;
                    expected[at(row, time - 1, i)] -= 2.0 * change;
                }
            }
            let shape = [b, t, c];
            let lengths = ragged.then_some(&lengths[..]);
            let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
            let mut gradient = vec![0.0; y.len()];
            let value = regulariser::activation(level, &y, &shape, lengths, Some(&mut gradient)).expect("shapes fit");
            assert!((f64::from(value) - mean(squares, count)).abs() < 1e-5, "{shape:?}: {value}");
            for (got, y) in gradient.iter().zip(&y).filter(|(_, y)| !y.is_nan()) {
                assert!((f64::from(*got) - mean(2.0 * f64::from(*y), count)).abs() < 1e-6);
            }
            let mut gradient = vec![0.0; y.len()];
            let value = regulariser::temporal_activation(level, &y, &shape, lengths, Some(&mut gradient));
            let value = value.expect("shapes fit");
            assert!((f64::from(value) - mean(changes, steps)).abs() < 2e-5, "{shape:?}: {value}");
            for (got, expected) in gradient.iter().zip(&expected) {
                assert!((f64::from(*got) - mean(*expected, steps)).abs() < 1e-5, "{got} instead of {expected}");
            }
        }
    }
}

#[test]
fn errors_name_the_argument_and_the_place() {
    let sentence = |change: fn(&mut Case), kind: Kind| {
        let mut case = Case::random(&mut Rng::new(46), kind, vec![2, 3]);
        (case.lengths, case.weights, case.target) = (None, None, vec![0.0; case.target.len()]);
        change(&mut case);
        case.run(Level::Scalar).expect_err("a wrong argument").to_string()
    };
    let entropy = || Kind::CrossEntropy { weights: None, smoothing: 0.0, classes: 4 };
    let cases = [
        (
            sentence(|case| case.target[4] = 4.0, entropy()),
            "target[1, 1] must be a class from 0 to V-1=3, or -7, got 4",
        ),
        (
            sentence(|case| case.target[2] = -1.0, entropy()),
            "target[0, 2] must be a class from 0 to V-1=3, or -7, got -1",
        ),
        (
            sentence(|case| case.arguments[1][5] = -0.5, Kind::Gaussian(false)),
            "variance[1, 2] must be at least 0, got -0.5",
        ),
        (sentence(|case| case.arguments[1][0] = 0.0, Kind::StudentT), "scale[0, 0] must be above 0, got 0"),
        (sentence(|case| case.arguments[2][1] = -1.0, Kind::StudentT), "df[0, 1] must be above 0, got -1"),
        (
            sentence(|case| case.target[3] = 1.5, Kind::NegativeBinomial),
            "target[1, 0] must be a whole number from 0 up, got 1.5",
        ),
        (sentence(|case| case.target[3] = 1.5, Kind::Binary(None)), "target[1, 0] must be from 0 to 1, got 1.5"),
        (
            sentence(|case| case.arguments[0][3] = -0.1, Kind::Probabilities(None)),
            "prediction[1, 0] must be from 0 to 1, got -0.1",
        ),
        (sentence(|_| (), Kind::Huber(0.0)), "delta must be a number above 0, got 0"),
        (sentence(|_| (), Kind::Quantiles(vec![1.0])), "q must be between 0 and 1, both excluded, got 1"),
        (sentence(|_| (), Kind::Binary(Some(vec![-1.0]))), "pos_weight must be at least 0, got -1"),
        (
            sentence(|case| case.weights = Some(vec![1.0, 1.0, 1.0, -2.0, 1.0, 1.0]), Kind::Squared),
            "weights[1, 0] must be at least 0, got -2",
        ),
        (
            sentence(|case| case.lengths = Some(vec![1, 4]), Kind::Squared),
            "lengths[1] must be between 0 and T=3, got 4",
        ),
        (sentence(|case| case.lengths = Some(vec![1]), Kind::Squared), "lengths must have shape [B=2], got [1]"),
        (
            sentence(|_| (), Kind::CrossEntropy { weights: Some(vec![1.0]), smoothing: 0.0, classes: 4 }),
            "class_weights must have shape [V=4], got [1]",
        ),
        (
            sentence(|_| (), Kind::CrossEntropy { weights: None, smoothing: 1.5, classes: 4 }),
            "label_smoothing must be from 0 to 1, got 1.5",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}
