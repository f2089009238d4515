//! Streams with narrow weights: close to those of `f32`, the same bits everywhere, and small.

use crate::everywhere::{everywhere, same};
use crate::layer::random_case;
use crate::support::{Case, Rng, bits, report};
use rustlstm::Error;
use rustlstm::layers::{Activation, Config, Lstm, Pass, Precision, Stream};
use rustlstm::simd::Level;
use rustlstm::view::{Seq, SeqMut};
use std::sync::Arc;

/// Those that there are besides `f32`.
fn narrow() -> impl Iterator<Item = Precision> {
    Precision::ALL.into_iter().filter(|precision| *precision != Precision::F32)
}

fn pack(case: &Case, lstm: &Lstm, precision: Precision) -> Result<rustlstm::layers::Packed, Error> {
    let params: Vec<&[f32]> = case.params.iter().map(Vec::as_slice).collect();
    lstm.pack_as(precision, &params)
}

fn stream(case: &Case, level: Level, precision: Precision) -> Stream {
    let lstm = case.lstm(level);
    let packed = pack(case, &lstm, precision).unwrap_or_else(|e| panic!("{e}: {}", case.describe()));
    let mut stream = lstm.stream(Arc::new(packed), case.batch).unwrap_or_else(|e| panic!("{e}: {}", case.describe()));
    if let Some(state) = &case.state {
        stream.set_state(state).expect("a state of the right size");
    }
    stream
}

/// `[B, width]` at one time of `[B, T, width]`.
fn at(case: &Case, data: &[f32], width: usize, time: usize) -> Vec<f32> {
    (0..case.batch).flat_map(|row| &data[(row * case.time + time) * width..][..width]).copied().collect()
}

/// The outputs of all steps, the last h and the last c.
fn run(case: &Case, stream: &mut Stream) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for time in 0..case.time {
        let mut y = vec![f32::NAN; case.batch * case.output_size()];
        stream.step(&at(case, &case.x, case.config.input_size, time), &mut y).expect("a step");
        all.push(y);
    }
    let state = stream.state();
    all.extend([state.h, state.c]);
    all
}

/// A case of any options that a stream takes, of few rows.
fn random(seed: u64) -> Case {
    let mut case = random_case(seed, &[1, 3, 5, 8, 17, 33, 64, 130], 12, |_, config| config.bidirectional = false);
    case.batch = 1 + case.batch % 8;
    let case = Case::random(&mut Rng::new(seed), case.config, case.batch, case.time);
    Case { lengths: None, x: Rng::new(seed ^ 0xabcd).fill(case.x.len(), -1.0, 1.0), ..case }
}

/// The nearest half, by what a unit in its last place is.
fn rounded(x: f32) -> f32 {
    let x = f64::from(x);
    let unit = 2.0_f64.powf(x.abs().log2().floor().max(-14.0) - 10.0);
    ((x / unit).round_ties_even() * unit) as f32
}

#[test]
fn halves_are_the_rounded_weights_bit_for_bit() {
    let mut failures = Vec::new();
    for seed in 9600..9700 {
        let case = random(seed);
        let mut plain = case.clone();
        for (spec, values) in case.lstm(Level::Scalar).specs().iter().zip(&mut plain.params) {
            if ["weight_ih", "weight_hh", "weight_hr"].iter().any(|kind| spec.name.starts_with(kind)) {
                values.iter_mut().for_each(|value| *value = rounded(*value));
            }
        }
        for level in Level::available() {
            let got = run(&case, &mut stream(&case, level, Precision::F16));
            let expected = run(&plain, &mut stream(&plain, level, Precision::F32));
            if got.iter().zip(&expected).any(|(a, b)| bits(a) != bits(b)) {
                failures.push(format!("seed {seed} {}: {}", level.name(), case.describe()));
            }
        }
    }
    report("halves against rounded weights", 100 * Level::available().len(), &failures);
}

/// The largest difference between two runs.
fn apart(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, |worst, off| if off > worst || off.is_nan() { off } else { worst })
}

#[test]
fn bytes_are_the_quantised_weights_but_for_the_inputs() {
    let mut failures = Vec::new();
    let mut worst: f32 = 0.0;
    for seed in 9600..9700 {
        let mut case = random(seed);
        // Nothing that would make much of little: kinks, statistics of few units, sums without bounds.
        case.config.layer_norm = false;
        case.config.cell.input_activation = Activation::Tanh;
        case.config.cell.output_activation = Activation::Tanh;
        let case = Case::random(&mut Rng::new(seed), case.config, case.batch, case.time);
        let case = Case { lengths: None, x: Rng::new(seed).fill(case.x.len(), -1.0, 1.0), ..case };
        let mut plain = case.clone();
        for (spec, values) in case.lstm(Level::Scalar).specs().iter().zip(&mut plain.params) {
            if ["weight_ih", "weight_hh", "weight_hr"].iter().any(|kind| spec.name.starts_with(kind)) {
                for column in values.chunks_mut(spec.shape[1]) {
                    let unit = column.iter().fold(0.0, |most: f32, w| most.max(w.abs())) / 127.0;
                    column.iter_mut().for_each(|w| *w = (*w / unit).round_ties_even() * unit);
                }
            }
        }
        for level in Level::available() {
            let got = run(&case, &mut stream(&case, level, Precision::Int8));
            let off = apart(&got, &run(&plain, &mut stream(&plain, level, Precision::F32)));
            worst = worst.max(off);
            if off.is_nan() || off > 1e-3 {
                failures.push(format!("seed {seed} {}: {off} {}", level.name(), case.describe()));
            }
        }
    }
    println!("whole numbers against quantised weights: {worst:e} at most");
    report("whole numbers against quantised weights", 100 * Level::available().len(), &failures);
}

#[test]
fn a_row_with_a_number_that_is_not_finite_is_not_a_number() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut config = Config::new(5, 40);
        config.hidden_sizes = vec![40, 20];
        let mut case = Case { lengths: None, state: None, ..Case::random(&mut Rng::new(3), config, 3, 1) };
        case.x = Rng::new(8).fill(case.x.len(), -1.0, 1.0);
        let clean = run(&case, &mut stream(&case, Level::Scalar, Precision::Int8));
        case.x[5 + 2] = bad;
        let got = run(&case, &mut stream(&case, Level::Scalar, Precision::Int8));
        for row in 0..3 {
            let (got, clean) = (&got[0][row * 20..][..20], &clean[0][row * 20..][..20]);
            assert!(if row == 1 { got.iter().all(|y| y.is_nan()) } else { bits(got) == bits(clean) }, "{bad} {row}");
        }
    }
}

/// Named configurations that a team shares.
fn large() -> Vec<(&'static str, usize, Config)> {
    let with = |input, hidden, change: fn(&mut Config)| {
        let mut config = Config::new(input, hidden);
        change(&mut config);
        config
    };
    vec![
        ("one row", 1, with(100, 330, |_| ())),
        ("eight rows", 8, with(100, 330, |_| ())),
        ("projection", 2, with(20, 384, |config| config.proj_size = Some(117))),
        ("layer norm", 3, with(64, 256, |config| config.layer_norm = true)),
        ("two layers", 5, with(31, 320, |config| config.hidden_sizes = vec![320, 200])),
    ]
}

#[test]
fn the_same_bits_everywhere_and_in_any_batch() {
    for precision in narrow() {
        for (name, batch, config) in large() {
            let case = Case::random(&mut Rng::new(5), config, batch, 4);
            let case = Case { lengths: None, x: Rng::new(6).fill(case.x.len(), -1.0, 1.0), state: None, ..case };
            let what = format!("{name}, {}", precision.name());
            everywhere(&what, |level| run(&case, &mut stream(&case, level, precision)));
            let level = *Level::available().last().expect("a level");
            let together = run(&case, &mut stream(&case, level, precision));
            for row in 0..batch {
                let width = case.config.input_size * case.time;
                let x = case.x[row * width..][..width].to_vec();
                let alone = Case { batch: 1, x, ..case.clone() };
                let got = run(&alone, &mut stream(&alone, level, precision));
                let steps =
                    together[..case.time].iter().map(|y| y[row * case.output_size()..][..case.output_size()].to_vec());
                same(&format!("{what}, row {row} alone"), &got[..case.time], &steps.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn streams_fork_and_select_as_ever() {
    for precision in narrow() {
        let case = Case { batch: 3, time: 2, state: None, ..random(9700) };
        let case = Case { x: Rng::new(8).fill(case.batch * case.time * case.config.input_size, -1.0, 1.0), ..case };
        let mut original = stream(&case, Level::Scalar, precision);
        run(&case, &mut original);
        let mut fork = original.fork();
        let (a, b) = (run(&case, &mut original), run(&case, &mut fork));
        same("a fork", &b, &a);
        let before = original.state();
        let error = original.select(&[0; 9]).expect_err("more rows than there may be").to_string();
        assert!(error.contains("batch_size must be at most 8") && error.ends_with("got 9"), "{error}");
        assert_eq!((original.batch(), original.state()), (3, before));
        original.select(&[2, 2, 0, 1, 1, 0, 2, 0]).expect("eight rows");
        assert_eq!(original.batch(), 8);
        original.reset(None).expect("no mask");
        assert!(original.state().h.iter().all(|h| *h == 0.0));
    }
}

#[test]
fn narrow_weights_are_for_small_streams_only() {
    let case = Case { lengths: None, state: None, ..Case::random(&mut Rng::new(1), Config::new(3, 5), 2, 2) };
    let lstm = case.lstm(Level::Scalar);
    for precision in narrow() {
        let packed = Arc::new(pack(&case, &lstm, precision).expect("any weights"));
        assert_eq!(packed.precision(), precision);
        let mut y = vec![0.0; 20];
        let (x, to) = (vec![0.0; 12], SeqMut::new(&mut y, [2, 2, 5]).expect("y"));
        let outcome = lstm.forward(&packed, Seq::new(&x, [2, 2, 3]).expect("x"), None, None, to, Pass::Infer);
        let error = outcome.expect_err("a batch").to_string();
        assert!(
            error.starts_with("packed must be with weights of f32") && error.ends_with(precision.name()),
            "{error}"
        );
        let error = lstm.stream(packed, 9).expect_err("nine rows").to_string();
        let expected = format!("batch_size must be at most 8 with weights of {}, got 9", precision.name());
        assert_eq!(error, expected);
    }
    let error = "f8".parse::<Precision>().expect_err("no such numbers").to_string();
    assert!(
        error.starts_with("weights must be \"f32\", \"f16\" or \"int8\"") && error.ends_with("got \"f8\""),
        "{error}"
    );
}

#[test]
fn a_weight_that_no_half_holds_is_refused() {
    for (name, value, fits) in [
        ("weight_ih_l0", 65519.0, true),
        ("weight_hh_l0", -65520.0, false),
        ("weight_hr_l0", 1e30, false),
        ("bias_l0", 1e30, true),
        ("weight_hh_l0", f32::INFINITY, true),
    ] {
        let mut config = Config::new(3, 5);
        config.proj_size = Some(4);
        let mut case = Case::random(&mut Rng::new(1), config, 1, 1);
        let lstm = case.lstm(Level::Scalar);
        let index = lstm.specs().iter().position(|spec| spec.name == name).expect("a parameter");
        case.params[index][7] = value;
        match pack(&case, &lstm, Precision::F16) {
            Ok(_) => assert!(fits, "{name} {value}"),
            Err(error) => {
                let expected = format!("{name} must be within ±65504 for weights of f16, got {value}");
                assert!(!fits && error.to_string() == expected, "{error}");
            }
        }
    }
}

#[test]
fn narrow_weights_take_as_little_as_they_say() {
    let case = Case::random(&mut Rng::new(1), Config::new(256, 256), 1, 1);
    let lstm = case.lstm(Level::Scalar);
    let (matrices, columns) = (4 * 256 * 512, 4 * 256 * 4);
    for precision in Precision::ALL {
        let bytes = pack(&case, &lstm, precision).expect("any weights").bytes();
        // The bias, and the units of both matrices.
        let rest = if precision == Precision::Int8 { 3 * columns } else { columns };
        assert_eq!(bytes, matrices * precision.bytes() + rest, "{}", precision.name());
    }
}
