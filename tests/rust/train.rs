//! Training mode against the equations: the reference is given the masks that the layer draws, read by their addresses.

use crate::layer::{KINK, SIZES, Worst, random_case};
use crate::reference::{Site, directions, h_size};
use crate::support::{Case, bits, randomise, report};
use rustlstm::kernels::mask::{Mask, Purpose};
use rustlstm::layers::{Config, Pass};
use rustlstm::rng::Key;
use rustlstm::simd::Level;

const CASES: u64 = 256;

/// The masks of one row, as the layer of `config` draws them. A recurrence counts its own steps, so the reverse direction
/// has its zoneout of step 0 at the end of the sequence.
fn drawn<'a>(
    config: &'a Config,
    key: Key,
    weights: &'a [Vec<f64>],
    row: usize,
    length: usize,
) -> Box<dyn Fn(Site, usize, usize, usize, usize) -> f64 + 'a> {
    Box::new(move |site, layer, direction, at, k| {
        let dropout = |purpose, p, time| {
            if p == 0.0 { 1.0 } else { Mask::dropout(key, layer, direction, purpose, p).value(time, row, k) }
        };
        let step = if direction == 1 { length - 1 - at.min(length - 1) } else { at };
        let zoneout = |purpose, p| {
            if p == 0.0 { 0.0 } else { Mask::zoneout(key, layer, direction, purpose, p).value(step, row, k) }
        };
        let value = match site {
            Site::Input => {
                let p = if layer == 0 { config.input_dropout } else { config.dropout };
                dropout(Purpose::Input, p, if config.locked_dropout { 0 } else { at })
            }
            Site::Recurrent => dropout(Purpose::Recurrent, config.recurrent_dropout, 0),
            Site::Weight if config.weight_drop == 0.0 => 1.0,
            Site::Weight => {
                return weights[layer * directions(config) + direction][at * h_size(config, layer) + k];
            }
            Site::ZoneoutH => zoneout(Purpose::ZoneoutH, config.zoneout_h),
            Site::ZoneoutC => zoneout(Purpose::ZoneoutC, config.zoneout_c),
        };
        f64::from(value)
    })
}

/// The mask of each recurrent matrix.
fn weight_masks(config: &Config, key: Key) -> Vec<Vec<f64>> {
    let mut masks = Vec::new();
    for layer in 0..config.hidden_sizes.len() {
        for direction in 0..directions(config) {
            let mask = Mask::dropout(key, layer, direction, Purpose::Weight, config.weight_drop);
            let (rows, columns) = (4 * config.hidden_sizes[layer], h_size(config, layer));
            let value = |at: usize| f64::from(mask.value(0, at / columns, at % columns));
            masks.push((0..rows * columns).map(value).collect());
        }
    }
    masks
}

#[test]
fn every_configuration_in_training_is_the_reference() {
    let levels = Level::available();
    let (mut failures, mut worst, mut redrawn) = (Vec::new(), Worst::default(), 0);
    for index in 0..CASES {
        let (seed, step) = (index % 7, index);
        let key = Key::new(seed, step);
        let mut case_seed = 20_000 + index;
        let reference = |case: &Case| {
            let weights = weight_masks(&case.config, key);
            case.reference(|row| drawn(&case.config, key, &weights, row, case.length(row)))
        };
        let (case, expected) = loop {
            let case = random_case(case_seed, &SIZES, 12, randomise);
            let (expected, margin) = reference(&case);
            if margin >= KINK || redrawn > 4 * CASES {
                break (case, expected);
            }
            redrawn += 1;
            case_seed += 1_000_000;
        };
        for &level in &levels {
            let got = case.run(level, Pass::Train { seed, step });
            let bad = worst.judge(&case, &got, &expected, |case| reference(case).0);
            if !bad.is_empty() {
                failures.push(format!(
                    "seed {case_seed} {}: {}\n    {}",
                    level.name(),
                    bad.join(", "),
                    case.describe()
                ));
            }
        }
    }
    println!("training, {worst:?} at {levels:?}; {redrawn} cases redrawn near kinks");
    report("training against reference", CASES as usize * levels.len(), &failures);
}

#[test]
fn without_rates_training_is_recording() {
    let mut failures = Vec::new();
    for seed in 21_000..21_040 {
        let case: Case = random_case(seed, &SIZES, 6, |_, _| ());
        let level = *Level::available().last().expect("a level");
        let (train, record) = (case.run(level, Pass::Train { seed: 1, step: 2 }), case.run(level, Pass::Record));
        let differing = train.differing(&record, &case.config);
        if !differing.is_empty() {
            failures.push(format!("seed {seed}: {}: {}", differing.join(", "), case.describe()));
        }
    }
    report("training without rates", 40, &failures);
}

#[test]
fn dropping_everything_is_finite() {
    for seed in 21_100..21_110 {
        let case = random_case(seed, &[3, 17], 5, |_, config| {
            (config.dropout, config.input_dropout, config.recurrent_dropout) = (1.0, 1.0, 1.0);
            (config.weight_drop, config.zoneout_h, config.zoneout_c) = (1.0, 1.0, 1.0);
        });
        let outcome = case.run(Level::Scalar, Pass::Train { seed: 1, step: 2 });
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        assert!(finite(&outcome.y) && finite(&outcome.dx), "{}", case.describe());
        assert!(outcome.grads.iter().all(|grad| finite(grad)), "{}", case.describe());
        if let Some(state) = &case.state {
            assert_eq!(bits(&outcome.last_c), bits(&state.c), "zoneout 1 keeps the state: {}", case.describe());
        }
    }
}

/// The rate of each purpose, and whether masks at two addresses are as alike as independent ones: 6 standard deviations.
#[test]
fn masks_have_their_rates_and_addresses_of_their_own() {
    let purposes = [Purpose::Input, Purpose::Recurrent, Purpose::ZoneoutH, Purpose::ZoneoutC, Purpose::Weight];
    let count = 20_000;
    let mut failures = Vec::new();
    let mut cases = 0;
    let column = |mask: Mask, time, row| -> Vec<f32> { (0..count).map(|k| mask.value(time, row, k)).collect() };
    for purpose in purposes {
        for p in [0.05f32, 0.3, 0.5, 0.9] {
            let make = |key, layer, direction| Mask::dropout(key, layer, direction, purpose, p);
            let key = Key::new(3, 4);
            let base = column(make(key, 1, 0), 5, 6);
            let deviation = 6.0 * (f64::from(p * (1.0 - p)) / count as f64).sqrt();
            let rate = base.iter().filter(|&&value| value == 0.0).count() as f64 / count as f64;
            cases += 1;
            if (rate - f64::from(p)).abs() > deviation {
                failures.push(format!("{purpose:?} at {p}: rate {rate}"));
            }
            if base.iter().any(|&value| value != 0.0 && value != 1.0 / (1.0 - p)) {
                failures.push(format!("{purpose:?} at {p}: a value other than 0 and the scale"));
            }
            let alike = f64::from(p * p + (1.0 - p) * (1.0 - p));
            let deviation = 6.0 * (alike * (1.0 - alike) / count as f64).sqrt();
            for (what, other) in [
                ("seed", column(make(Key::new(2, 4), 1, 0), 5, 6)),
                ("step", column(make(Key::new(3, 5), 1, 0), 5, 6)),
                ("layer", column(make(key, 2, 0), 5, 6)),
                ("direction", column(make(key, 1, 1), 5, 6)),
                ("time", column(make(key, 1, 0), 4, 6)),
                ("row", column(make(key, 1, 0), 5, 7)),
                ("neighbour", [&base[1..], &base[..1]].concat()),
            ] {
                let same = base.iter().zip(&other).filter(|(a, b)| a == b).count() as f64 / count as f64;
                cases += 1;
                if (same - alike).abs() > deviation {
                    failures.push(format!("{purpose:?} at {p}, another {what}: {same} alike, expected {alike}"));
                }
            }
            if base != column(make(key, 1, 0), 5, 6) {
                failures.push(format!("{purpose:?} at {p}: differs when asked again"));
            }
        }
    }
    // Purposes do not share draws.
    for (index, &one) in purposes.iter().enumerate() {
        for &two in &purposes[..index] {
            let make = |purpose| column(Mask::dropout(Key::new(3, 4), 1, 0, purpose, 0.5), 5, 6);
            let same = make(one).iter().zip(make(two)).filter(|(a, b)| *a == b).count() as f64 / count as f64;
            cases += 1;
            if (same - 0.5).abs() > 6.0 * (0.25 / count as f64).sqrt() {
                failures.push(format!("{one:?} and {two:?}: {same} alike"));
            }
        }
    }
    report("masks", cases, &failures);
}
