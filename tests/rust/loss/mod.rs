//! Losses against f64: values, gradients by central differences, masks, poison, and the same bits however they are run.

mod case;

use crate::everywhere::setting_threads;
use crate::support::{Rng, report};
use case::{Case, IGNORED, Kind, kinds, small_shape};
use rustlstm::layers::loss::{Counted, Outputs, Reduction, likelihood, regulariser};
use rustlstm::simd::Level;
use rustlstm::threads;

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
