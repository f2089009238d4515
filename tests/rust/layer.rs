//! The layer against the equations: random configurations, every level that the machine has, forward and backward.
//!
//! The measure is the largest difference in an array, in units of the array's largest expected value (at least
//! [`FLOOR`], so that arrays of rounding noise are not held to nothing).

use crate::support::{Case, Measured, Outcome, Rng, bits, random_config, randomise, report};
use rustlstm::layers::{Config, Merge, Pass};
use rustlstm::simd::Level;

/// Bound of y, h_n and c_n.
const FORWARD: f64 = 2e-6;

/// Bound of each gradient.
const BACKWARD: f64 = 2e-5;

/// Least scale of the measure.
const FLOOR: f64 = 0.1;

/// Batch, input and hidden sizes: below, at and above the widths of vectors and panels.
pub const SIZES: [usize; 7] = [1, 3, 5, 8, 17, 33, 64];

/// Least distance of any activation input to a point without derivative.
pub const KINK: f64 = 2e-6;

const CASES: u64 = 512;

/// Multiply-adds of one forward pass up to which a case is kept; the few beyond would take half the time.
const LARGEST: usize = 40_000_000;

/// The case of a seed: sizes from `sizes`, up to `longest` steps, its options changed by `adjust`.
pub fn random_case(seed: u64, sizes: &[usize], longest: usize, adjust: impl Fn(&mut Rng, &mut Config)) -> Case {
    let mut rng = Rng::new(seed);
    loop {
        let mut config = random_config(&mut rng, sizes, 3);
        adjust(&mut rng, &mut config);
        let (batch, time) = (rng.pick(sizes), rng.below(longest + 1));
        let case = Case::random(&mut rng, config, batch, time);
        if work(&case) <= LARGEST {
            return case;
        }
    }
}

fn work(case: &Case) -> usize {
    case.batch * case.time * case.params.iter().map(Vec::len).sum::<usize>()
}

/// What a bound becomes for layer normalisation: so many times the largest change, of outputs or of gradients, when every
/// number of the case moves by up to one unit in its last place. Normalisation multiplies a row of little variance, and
/// the rounding in it, by up to 316 at every step; and where its input or state has one channel, its gradient is the
/// rest of sums that cancel.
const SENSITIVE: f64 = 32.0;

/// The largest errors seen.
#[derive(Debug, Default)]
pub struct Worst {
    forward: f64,
    backward: f64,
    /// Arrays beyond the plain bounds, and the largest of their errors in units of the sensitivity.
    sensitive: (usize, f64),
}

impl Worst {
    /// The arrays beyond their bounds, in words; `reference` is the reference on another case.
    pub fn judge(
        &mut self,
        case: &Case,
        got: &Outcome<f32>,
        expected: &Outcome<f64>,
        reference: impl Fn(&Case) -> Outcome<f64>,
    ) -> Vec<String> {
        let errors = |got: (Vec<Measured>, Vec<Measured>)| [(got.0, FORWARD), (got.1, BACKWARD)];
        let mut bad = Vec::new();
        for (measured, bound) in errors(got.errors(expected, &case.config, FLOOR)) {
            let worst = if bound == FORWARD { &mut self.forward } else { &mut self.backward };
            for one in measured {
                if one.error > bound {
                    bad.push((one, bound));
                } else {
                    *worst = worst.max(one.error);
                }
            }
        }
        if !case.config.layer_norm {
            return bad.iter().map(|(one, _)| format!("{} {:.1e}", one.name, one.error)).collect();
        }
        if bad.is_empty() {
            return Vec::new();
        }
        let mut rng = Rng::new(1);
        let mut sensitivity = [0.0f64; 2];
        for _ in 0..4 {
            let (forward, backward) = reference(&case.nudged(&mut rng)).errors(expected, &case.config, FLOOR);
            for (worst, measured) in sensitivity.iter_mut().zip([forward, backward]) {
                *worst = measured.iter().map(|one| one.error).fold(*worst, f64::max);
            }
        }
        let mut words = Vec::new();
        for (one, bound) in bad {
            let sensitivity = sensitivity[usize::from(bound == BACKWARD)];
            self.sensitive = (self.sensitive.0 + 1, self.sensitive.1.max(one.error / sensitivity));
            if one.error > SENSITIVE * sensitivity {
                words.push(format!("{} {:.1e} (sensitivity {sensitivity:.1e})", one.name, one.error));
            }
        }
        words
    }
}

#[test]
fn every_configuration_is_the_reference() {
    let levels = Level::available();
    let (mut failures, mut worst, mut skipped) = (Vec::new(), Worst::default(), 0);
    for seed in 0..CASES {
        // Zoneout outside training is its expectation, part of the equations; dropouts must do nothing.
        let adjust = |rng: &mut Rng, config: &mut Config| {
            if rng.chance(0.3) {
                randomise(rng, config);
            }
        };
        let mut case = random_case(seed, &SIZES, 12, adjust);
        let (mut expected, mut margin) = case.reference_evaluation();
        let mut again = 0;
        // On a kink single and double precision can part ways.
        while margin < KINK && again < 40 {
            again += 1;
            skipped += 1;
            case = random_case(seed + 1_000_000 * again, &SIZES, 12, adjust);
            (expected, margin) = case.reference_evaluation();
        }
        for &level in &levels {
            let got = case.run(level, Pass::Record);
            let bad = worst.judge(&case, &got, &expected, |case| case.reference_evaluation().0);
            if !bad.is_empty() {
                failures.push(format!("seed {seed} {}: {}\n    {}", level.name(), bad.join(", "), case.describe()));
            }
        }
    }
    println!("{worst:?} at {levels:?}; {skipped} cases redrawn near kinks");
    report("layer against reference", CASES as usize * levels.len(), &failures);
}

#[test]
fn inference_gives_the_bits_of_recording() {
    let mut failures = Vec::new();
    for seed in 5000..5200 {
        let case = random_case(seed, &SIZES, 12, |rng, config| {
            if rng.chance(0.3) {
                randomise(rng, config);
            }
        });
        for level in Level::available() {
            let lstm = case.lstm(level);
            let packed = case.pack(&lstm);
            let (y, last, cache) = case.forward(&lstm, &packed, Pass::Infer);
            let (y_recorded, last_recorded, recorded) = case.forward(&lstm, &packed, Pass::Record);
            if cache.is_some() || recorded.is_none() {
                failures.push(format!(
                    "seed {seed}: cache of Infer {}, of Record {}",
                    cache.is_some(),
                    recorded.is_some()
                ));
            }
            let same = bits(&y) == bits(&y_recorded)
                && bits(&last.h) == bits(&last_recorded.h)
                && bits(&last.c) == bits(&last_recorded.c);
            if !same {
                failures.push(format!("seed {seed} {}: {}", level.name(), case.describe()));
            }
        }
    }
    report("inference against recording", 200 * Level::available().len(), &failures);
}

#[test]
fn parameters_have_the_names_and_shapes_of_the_equations() {
    let mut failures = Vec::new();
    for seed in 0..200 {
        let case = random_case(seed, &SIZES, 3, |_, _| ());
        let lstm = case.lstm(Level::Scalar);
        let got: Vec<_> = lstm.specs().iter().map(|spec| (spec.name.clone(), spec.shape.clone())).collect();
        let expected = crate::reference::specs(&case.config);
        if got != expected {
            failures.push(format!("{:?}\n  got      {got:?}\n  expected {expected:?}", case.config));
        }
        let (output, expected) = (lstm.output_size(), case.output_size());
        if output != expected {
            failures.push(format!("{:?}: output_size {output}, expected {expected}", case.config));
        }
        let (sizes, expected) = (lstm.state_sizes(case.batch), crate::support::state_sizes(&case.config, case.batch));
        if sizes != expected {
            failures.push(format!("{:?}: state_sizes {sizes:?}, expected {expected:?}", case.config));
        }
    }
    report("names and shapes", 200, &failures);
}

#[test]
fn gradients_are_added() {
    let mut failures = Vec::new();
    for seed in 6000..6040 {
        let case = random_case(seed, &[1, 5, 17], 6, |_, _| ());
        let level = *Level::available().last().expect("a level");
        let once = case.run(level, Pass::Record);
        let twice = case.run_onto(level, Pass::Record, Some(&once));
        let sums = once.grads.iter().zip(&twice.grads).map(|(one, two)| (one, two, "parameters"));
        for (one, two, what) in sums.chain([(&once.dx, &twice.dx, "dx")]) {
            let scale = one.iter().fold(1e-2f32, |scale, value| scale.max(value.abs()));
            let off = |(one, two): (&f32, &f32)| {
                let expected = if *one == crate::support::UNTOUCHED { *one } else { 2.0 * one };
                let difference = (two - expected).abs();
                difference.is_nan() || difference > 1e-5 * scale
            };
            if one.iter().zip(two).any(off) {
                failures.push(format!("seed {seed}: {what}: {}", case.describe()));
            }
        }
    }
    report("gradients are added", 40, &failures);
}

#[test]
fn merges_of_one_direction_are_that_direction() {
    let mut failures = Vec::new();
    for seed in 6100..6140 {
        let mut case = random_case(seed, &[1, 5, 17], 6, |_, config| {
            config.bidirectional = false;
            config.merge = Merge::Concat;
        });
        let level = *Level::available().last().expect("a level");
        let concat = case.run(level, Pass::Record);
        for merge in [Merge::Sum, Merge::Mul, Merge::Mean] {
            case.config.merge = merge;
            let differing = case.run(level, Pass::Record).differing(&concat, &case.config);
            if !differing.is_empty() {
                failures.push(format!("seed {seed}: {}: {}", differing.join(", "), case.describe()));
            }
        }
    }
    report("merges of one direction", 120, &failures);
}
