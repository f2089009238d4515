//! A pass that computes its states a second time gives the same bits as one that keeps them.

use crate::determinism::large_cases;
use crate::layer::{SIZES, random_case};
use crate::support::{Case, randomise, report, sample};
use rustlstm::layers::{Config, Lstm, Pass};
use rustlstm::simd::Level;

fn compare(name: &str, case: &Case, failures: &mut Vec<String>) {
    for level in Level::available() {
        for pass in [Pass::Record, Pass::Train { seed: 7, step: 3 }] {
            let kept = case.run(level, pass);
            let mut case = case.clone();
            case.config.recompute = true;
            let differing = case.run(level, pass).differing(&kept, &case.config);
            if !differing.is_empty() {
                failures.push(format!("{name}, {pass:?}: {}\n    {}", differing.join(", "), case.describe()));
            }
        }
    }
}

#[test]
fn gradients_are_the_same_bits() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for seed in (0..96).step_by(sample()) {
        count += 1;
        let case = random_case(seed, &SIZES, 30, |rng, config| {
            randomise(rng, config);
            config.bidirectional = false;
        });
        compare(&format!("seed {seed}"), &case, &mut failures);
    }
    report("recompute", count, &failures);
}

#[test]
fn a_team_gives_the_same_bits() {
    let cases = large_cases().into_iter().filter(|(_, case)| !case.config.bidirectional).step_by(sample());
    let (mut failures, mut count) = (Vec::new(), 0);
    for (name, case) in cases {
        compare(&name, &case, &mut failures);
        count += 1;
    }
    report("recompute in a team", count, &failures);
}

#[test]
fn both_directions_are_refused() {
    let mut config = Config::new(3, 4);
    (config.recompute, config.bidirectional) = (true, true);
    let error = Lstm::new(config).expect_err("it has no meaning").to_string();
    assert!(error.starts_with("recompute must be False with both directions"), "{error}");
}
