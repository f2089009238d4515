//! One step at a time gives the bits of the whole sequence.

use crate::layer::random_case;
use crate::support::{Case, Rng, bits, randomise, report, state_ranges, state_sizes};
use rustlstm::layers::{Config, Pass, State, Stream};
use rustlstm::simd::Level;
use std::sync::Arc;

const SIZES: [usize; 8] = [1, 3, 5, 8, 17, 33, 64, 130];

/// A case that a stream can run: one direction, no ragged lengths.
fn one_way(seed: u64) -> Case {
    let mut case = random_case(seed, &SIZES, 12, |rng, config| {
        config.bidirectional = false;
        if rng.chance(0.4) {
            randomise(rng, config);
        }
    });
    case.lengths = None;
    case.x = Rng::new(seed ^ 0xabcd).fill(case.x.len(), -1.0, 1.0);
    case
}

fn stream(case: &Case, level: Level) -> Stream {
    let lstm = case.lstm(level);
    let packed = Arc::new(case.pack(&lstm));
    let mut stream = lstm.stream(packed, case.batch).unwrap_or_else(|e| panic!("{e}: {}", case.describe()));
    if let Some(state) = &case.state {
        stream.set_state(state).expect("a state of the right size");
    }
    stream
}

/// `[B, width]` at one time of `[B, T, width]`.
fn at(case: &Case, data: &[f32], width: usize, time: usize) -> Vec<f32> {
    (0..case.batch).flat_map(|row| &data[(row * case.time + time) * width..][..width]).copied().collect()
}

fn step(case: &Case, stream: &mut Stream, time: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; case.batch * case.output_size()];
    stream.step(&at(case, &case.x, case.config.input_size, time), &mut y).expect("a step");
    y
}

fn same(a: &State, b: &State) -> bool {
    bits(&a.h) == bits(&b.h) && bits(&a.c) == bits(&b.c)
}

#[test]
fn steps_are_the_sequence() {
    let mut failures = Vec::new();
    for seed in 9000..9200 {
        let case = one_way(seed);
        for level in Level::available() {
            let lstm = case.lstm(level);
            let (y, last, _) = case.forward(&lstm, &case.pack(&lstm), Pass::Infer);
            let mut stream = stream(&case, level);
            let off: Vec<usize> = (0..case.time)
                .filter(|&time| bits(&step(&case, &mut stream, time)) != bits(&at(&case, &y, case.output_size(), time)))
                .collect();
            if !off.is_empty() || !same(&stream.state(), &last) {
                let state = same(&stream.state(), &last);
                failures.push(format!(
                    "seed {seed} {}: y differs at times {off:?}, last state equal {state}: {}",
                    level.name(),
                    case.describe()
                ));
            }
        }
    }
    report("stream against sequence", 200 * Level::available().len(), &failures);
}

#[test]
fn a_fork_goes_its_own_way() {
    for seed in 9300..9320 {
        let mut case = one_way(seed);
        case.time = 6;
        case.x = Rng::new(seed).fill(case.batch * 6 * case.config.input_size, -1.0, 1.0);
        let level = *Level::available().last().expect("a level");
        let mut original = stream(&case, level);
        step(&case, &mut original, 0);
        step(&case, &mut original, 1);
        let mut fork = original.fork();
        assert!(same(&fork.state(), &original.state()), "{}", case.describe());
        let at_fork = original.state();
        // The fork sees other inputs; the original must not notice.
        step(&case, &mut fork, 5);
        assert!(same(&original.state(), &at_fork), "{}", case.describe());
        let mut other = original.fork();
        for time in 2..5 {
            let (a, b) = (step(&case, &mut original, time), step(&case, &mut other, time));
            assert_eq!(bits(&a), bits(&b), "{}", case.describe());
        }
        assert!(same(&original.state(), &other.state()), "{}", case.describe());
    }
}

#[test]
fn reset_clears_the_masked_rows() {
    for seed in 9400..9420 {
        let mut case = one_way(seed);
        case.time = 4;
        case.batch = case.batch.max(3);
        case.state = None;
        case.x = Rng::new(seed).fill(case.batch * 4 * case.config.input_size, -1.0, 1.0);
        let level = *Level::available().last().expect("a level");
        let mut fresh = stream(&case, level);
        let mut used = stream(&case, level);
        step(&case, &mut used, 0);
        let before = used.state();
        let mask: Vec<bool> = (0..case.batch).map(|row| row % 2 == 1).collect();
        used.reset(Some(&mask)).expect("a mask of the right length");
        let after = used.state();
        for (row, &masked) in mask.iter().enumerate() {
            for [h, c] in state_ranges(&case.config, case.batch, row) {
                if masked {
                    assert!(after.h[h].iter().chain(&after.c[c]).all(|v| v.to_bits() == 0), "{}", case.describe());
                } else {
                    assert_eq!(bits(&after.h[h.clone()]), bits(&before.h[h]), "{}", case.describe());
                    assert_eq!(bits(&after.c[c.clone()]), bits(&before.c[c]), "{}", case.describe());
                }
            }
        }
        used.reset(None).expect("no mask");
        for time in 1..4 {
            let (a, b) = (step(&case, &mut used, time), step(&case, &mut fresh, time));
            assert_eq!(bits(&a), bits(&b), "{}", case.describe());
        }
    }
}

#[test]
fn a_state_moves_between_streams() {
    for seed in 9500..9520 {
        let mut case = one_way(seed);
        case.time = 4;
        case.x = Rng::new(seed).fill(case.batch * 4 * case.config.input_size, -1.0, 1.0);
        let level = *Level::available().last().expect("a level");
        let (mut one, mut two) = (stream(&case, level), stream(&case, level));
        step(&case, &mut one, 0);
        step(&case, &mut two, 3);
        two.set_state(&one.state()).expect("a state of the right size");
        assert!(same(&one.state(), &two.state()), "{}", case.describe());
        for time in 1..4 {
            let (a, b) = (step(&case, &mut one, time), step(&case, &mut two, time));
            assert_eq!(bits(&a), bits(&b), "{}", case.describe());
        }
    }
}

#[test]
fn wrong_arguments_are_errors_that_change_nothing() {
    let config = Config::new(3, 5);
    let case = Case::random(&mut Rng::new(1), config, 2, 2);
    let case = Case { lengths: None, x: vec![0.5; 12], ..case };
    let mut stream = stream(&case, Level::Scalar);
    step(&case, &mut stream, 0);
    let before = stream.state();
    let (h, c) = state_sizes(&case.config, 2);
    let mut y = vec![0.0; 10];
    let outcomes = [
        ("short x", stream.step(&[0.0; 5], &mut y)),
        ("long x", stream.step(&[0.0; 7], &mut y)),
        ("short y", stream.step(&[0.0; 6], &mut y[..9])),
        ("mask", stream.reset(Some(&[true]))),
        ("h", stream.set_state(&State { h: vec![0.0; h + 1], c: vec![0.0; c] })),
        ("c", stream.set_state(&State { h: vec![0.0; h], c: vec![0.0; c - 1] })),
    ];
    for (what, outcome) in outcomes {
        let message = outcome.expect_err(what).to_string();
        assert!(message.contains("got"), "{what}: {message}");
    }
    assert!(same(&stream.state(), &before));
}

#[test]
fn a_stream_has_one_direction_and_rows() {
    let mut config = Config::new(3, 5);
    config.bidirectional = true;
    let case = Case::random(&mut Rng::new(1), config, 2, 2);
    let lstm = case.lstm(Level::Scalar);
    let error = lstm.stream(Arc::new(case.pack(&lstm)), 2).expect_err("no stream in two directions");
    assert!(error.to_string().contains("bidirectional"), "{error}");
}
