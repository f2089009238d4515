//! Same bits: at any number of threads, on every fused level, alone or in any batch, in either direction.

use crate::everywhere::setting_threads;
use crate::layer::random_case;
use crate::support::{Case, Outcome, Rng, UNTOUCHED, bits, fill_padding, randomise, report, sample, state_ranges};
use rustlstm::layers::{Config, Merge, Pass, State};
use rustlstm::simd::Level;
use rustlstm::threads;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

const TRAIN: Pass = Pass::Train { seed: 7, step: 3 };

fn best() -> Level {
    *Level::available().last().expect("a level")
}

/// Named configurations that are worth sharding: (name, batch, time, configuration).
fn large() -> Vec<(&'static str, usize, usize, Config)> {
    let with = |input, hidden, change: fn(&mut Config)| {
        let mut config = Config::new(input, hidden);
        change(&mut config);
        config
    };
    vec![
        ("few rows, many units", 2, 9, with(40, 320, |_| ())),
        ("one row, many units", 1, 12, with(24, 384, |_| ())),
        ("many rows, few units", 200, 7, with(16, 24, |_| ())),
        ("many rows, many units", 96, 6, with(48, 128, |_| ())),
        ("two layers", 33, 8, with(17, 96, |config| config.hidden_sizes = vec![96, 65])),
        ("bidirectional", 24, 8, with(30, 128, |config| config.bidirectional = true)),
        (
            "bidirectional few rows",
            3,
            8,
            with(30, 200, |config| {
                config.bidirectional = true;
                config.merge = Merge::Mul;
                config.hidden_sizes = vec![200, 120];
            }),
        ),
        (
            "three layers, few rows",
            3,
            40,
            with(20, 60, |config| {
                config.hidden_sizes = vec![60, 48, 33];
                config.dropout = 0.2;
                config.cell.peephole = true;
            }),
        ),
        (
            "two normalised layers, few rows",
            2,
            60,
            with(33, 96, |config| {
                config.hidden_sizes = vec![96, 64];
                config.layer_norm = true;
                config.proj_size = Some(20);
                config.zoneout_h = 0.1;
            }),
        ),
        ("projection", 40, 7, with(20, 160, |config| config.proj_size = Some(37))),
        ("projection few rows", 2, 7, with(20, 256, |config| config.proj_size = Some(64))),
        ("layer norm", 40, 7, with(20, 128, |config| config.layer_norm = true)),
        ("layer norm few rows", 2, 7, with(20, 256, |config| config.layer_norm = true)),
        (
            "all",
            21,
            9,
            with(30, 96, |config| {
                config.hidden_sizes = vec![96, 80];
                config.bidirectional = true;
                config.proj_size = Some(48);
                config.layer_norm = true;
                config.cell.peephole = true;
                config.cell.coupled = true;
                config.cell.clip = Some(1.5);
                config.dropout = 0.2;
                config.input_dropout = 0.1;
                config.recurrent_dropout = 0.3;
                config.zoneout_h = 0.1;
                config.zoneout_c = 0.2;
                config.weight_drop = 0.3;
            }),
        ),
        (
            "all few rows",
            2,
            9,
            with(30, 256, |config| {
                config.bidirectional = true;
                config.merge = Merge::Sum;
                config.proj_size = Some(65);
                config.layer_norm = true;
                config.cell.peephole = true;
                config.recurrent_dropout = 0.3;
                config.zoneout_c = 0.2;
                config.weight_drop = 0.3;
            }),
        ),
    ]
}

pub fn large_cases() -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for (index, (name, batch, time, config)) in large().into_iter().enumerate() {
        let mut rng = Rng::new(index as u64);
        let mut case = Case::random(&mut rng, config, batch, time);
        for ragged in [false, true] {
            let lengths = ragged.then(|| (0..batch).map(|_| rng.below(time + 1)).collect::<Vec<_>>());
            // Redrawn whole, for NaN lies in the padding of the former lengths.
            case.x = rng.fill(case.x.len(), -1.0, 1.0);
            let width = case.output_size();
            let mut dy = rng.fill(batch * time * width, -1.0, 1.0);
            if let Some(lengths) = &lengths {
                fill_padding(&mut case.x, lengths, time, case.config.input_size, f32::NAN);
                fill_padding(&mut dy, lengths, time, width, f32::NAN);
            }
            case.dy = Some(dy);
            case.lengths = lengths;
            cases.push((format!("{name}, ragged {ragged}"), case.clone()));
        }
    }
    cases
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let _guard = setting_threads();
    let before = threads::num_threads();
    let (mut failures, mut count) = (Vec::new(), 0);
    for (name, case) in large_cases() {
        for pass in [Pass::Record, TRAIN] {
            threads::set_num_threads(1).expect("one thread");
            let one = case.run(best(), pass);
            for workers in [2, 3, 4, 8] {
                threads::set_num_threads(workers).expect("a number of threads");
                let differing = case.run(best(), pass).differing(&one, &case.config);
                count += 1;
                if !differing.is_empty() {
                    failures.push(format!(
                        "{name}, {workers} threads: {}\n    {}",
                        differing.join(", "),
                        case.describe()
                    ));
                }
            }
        }
    }
    threads::set_num_threads(before).expect("the number there was");
    report("threads", count, &failures);
}

#[test]
fn the_number_of_threads_may_change_during_a_call() {
    let _guard = setting_threads();
    let before = threads::num_threads();
    let case = Case::random(&mut Rng::new(3), Config::new(40, 96), 12, 5);
    let expected = case.run(best(), Pass::Record);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for workers in (1..=4).cycle() {
                threads::set_num_threads(workers).expect("a number of threads");
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        // Whatever happens, the other thread ends.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            (0..400).all(|_| case.run(best(), Pass::Record).differing(&expected, &case.config).is_empty())
        }));
        done.store(true, Ordering::Relaxed);
        assert!(outcome.is_ok_and(|same| same), "{}", case.describe());
    });
    threads::set_num_threads(before).expect("the number there was");
}

#[test]
fn fused_levels_give_the_same_bits() {
    let fused: Vec<Level> = Level::available().into_iter().filter(|level| level.fused()).collect();
    let mut cases = large_cases();
    for seed in 7000..7150 {
        let case = random_case(seed, &[1, 3, 5, 8, 17, 33, 64], 12, randomise);
        cases.push((format!("seed {seed}"), case));
    }
    let (mut failures, mut count) = (Vec::new(), 0);
    for (name, case) in cases.iter().step_by(sample()) {
        for pass in [Pass::Record, TRAIN] {
            let mut first: Option<(Level, Outcome<f32>)> = None;
            for &level in &fused {
                let outcome = case.run(level, pass);
                count += 1;
                if let Some((of, first)) = &first {
                    let differing = outcome.differing(first, &case.config);
                    if !differing.is_empty() {
                        failures.push(format!(
                            "{name}, {} against {}: {}\n    {}",
                            level.name(),
                            of.name(),
                            differing.join(", "),
                            case.describe()
                        ));
                    }
                } else {
                    first = Some((level, outcome));
                }
            }
        }
    }
    println!("fused levels here: {fused:?}");
    report("fused levels", count, &failures);
}

/// The rows of `case` that `rows` names, in that order.
fn rows_of(case: &Case, rows: &[usize]) -> Case {
    let gather = |data: &[f32], width: usize| -> Vec<f32> {
        rows.iter().flat_map(|&row| data[row * width..(row + 1) * width].iter().copied()).collect()
    };
    let state = |state: &Option<State>| {
        state.as_ref().map(|state| {
            let (h, c) = crate::support::state_sizes(&case.config, rows.len());
            let mut part = State { h: vec![0.0; h], c: vec![0.0; c] };
            for (to, &from) in rows.iter().enumerate() {
                let ranges = state_ranges(&case.config, rows.len(), to);
                for (to, from) in ranges.into_iter().zip(state_ranges(&case.config, case.batch, from)) {
                    part.h[to[0].clone()].copy_from_slice(&state.h[from[0].clone()]);
                    part.c[to[1].clone()].copy_from_slice(&state.c[from[1].clone()]);
                }
            }
            part
        })
    };
    Case {
        config: case.config.clone(),
        batch: rows.len(),
        time: case.time,
        lengths: case.lengths.as_ref().map(|lengths| rows.iter().map(|&row| lengths[row]).collect()),
        params: case.params.clone(),
        x: gather(&case.x, case.time * case.config.input_size),
        state: state(&case.state),
        dy: case.dy.as_ref().map(|dy| gather(dy, case.time * case.output_size())),
        dstate: state(&case.dstate),
    }
}

/// Names of the arrays in which row `a` of `left` and row `b` of `right` differ in a bit.
fn row_differs(left: &Case, a: usize, one: &Outcome<f32>, right: &Case, b: usize, two: &Outcome<f32>) -> Vec<String> {
    let mut names = Vec::new();
    let mut compare = |name: &str, one: &[f32], two: &[f32]| {
        if bits(one) != bits(two) {
            names.push(name.to_string());
        }
    };
    let row = |width: usize, row: usize| row * width..(row + 1) * width;
    let (y, x) = (left.time * left.output_size(), left.time * left.config.input_size);
    compare("y", &one.y[row(y, a)], &two.y[row(y, b)]);
    compare("dx", &one.dx[row(x, a)], &two.dx[row(x, b)]);
    let ranges = state_ranges(&left.config, left.batch, a).into_iter();
    for ([h_a, c_a], [h_b, c_b]) in ranges.zip(state_ranges(&right.config, right.batch, b)) {
        compare("h_n", &one.last_h[h_a.clone()], &two.last_h[h_b.clone()]);
        compare("c_n", &one.last_c[c_a.clone()], &two.last_c[c_b.clone()]);
        compare("dh0", &one.first_h[h_a], &two.first_h[h_b]);
        compare("dc0", &one.first_c[c_a], &two.first_c[c_b]);
    }
    names.dedup();
    names
}

fn row_cases() -> Vec<(String, Case)> {
    let mut cases: Vec<(String, Case)> = large_cases().into_iter().step_by(3).collect();
    for seed in 8000..8120 {
        let case = random_case(seed, &[1, 3, 5, 8, 17, 33, 64], 9, |_, _| ());
        cases.push((format!("seed {seed}"), case));
    }
    cases
}

#[test]
fn a_row_alone_equals_the_row_in_any_batch() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for (name, case) in row_cases() {
        let mut rng = Rng::new(99);
        for level in [Level::Scalar, best()] {
            let whole = case.run(level, Pass::Record);
            let row = rng.below(case.batch);
            let others: Vec<usize> = (0..1 + rng.below(9)).map(|_| rng.below(case.batch)).collect();
            let place = rng.below(others.len());
            let mut mixed = others.clone();
            mixed[place] = row;
            for (rows, at) in [(vec![row], 0), (mixed, place)] {
                let part = rows_of(&case, &rows);
                let outcome = part.run(level, Pass::Record);
                let differing = row_differs(&case, row, &whole, &part, at, &outcome);
                count += 1;
                if !differing.is_empty() {
                    failures.push(format!(
                        "{name}, {}, row {row} as row {at} of {}: {}\n    {}",
                        level.name(),
                        rows.len(),
                        differing.join(", "),
                        case.describe()
                    ));
                }
            }
        }
    }
    // Masks are addressed by the row's place, so in training the first rows of a batch equal the shorter batch.
    for (name, mut case) in row_cases() {
        randomise(&mut Rng::new(case.batch as u64), &mut case.config);
        let few: Vec<usize> = (0..case.batch.div_ceil(2)).collect();
        let part = rows_of(&case, &few);
        let (whole, outcome) = (case.run(best(), TRAIN), part.run(best(), TRAIN));
        for row in few {
            let differing = row_differs(&case, row, &whole, &part, row, &outcome);
            count += 1;
            if !differing.is_empty() {
                failures.push(format!("{name}, training, row {row}: {}: {}", differing.join(", "), case.describe()));
            }
        }
    }
    report("rows alone", count, &failures);
}

#[test]
fn nan_in_one_row_stays_in_that_row() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for (name, case) in row_cases() {
        let row = Rng::new(5).below(case.batch);
        if case.batch == 1 || case.length(row) == 0 {
            continue;
        }
        let clean = case.run(best(), Pass::Record);
        for bad in [f32::NAN, f32::INFINITY] {
            let mut broken = case.clone();
            broken.x[row * case.time * case.config.input_size] = bad;
            let outcome = broken.run(best(), Pass::Record);
            count += 1;
            for other in (0..case.batch).filter(|&other| other != row) {
                let differing = row_differs(&case, other, &clean, &broken, other, &outcome);
                if !differing.is_empty() {
                    failures.push(format!(
                        "{name}, {bad} in row {row} reached row {other}: {}\n    {}",
                        differing.join(", "),
                        case.describe()
                    ));
                    break;
                }
            }
            let cell = &case.config.cell;
            let y = &outcome.y[row * case.time * case.output_size()..][..case.output_size()];
            // Clamps and rectifiers may swallow a NaN or an infinity; a plain cell must not.
            let plain = !case.config.bidirectional && cell == &rustlstm::layers::Cell::default();
            if bad.is_nan() && plain && !y.iter().any(|y| y.is_nan()) {
                failures.push(format!("{name}: NaN vanished from row {row}: {}", case.describe()));
            }
        }
    }
    report("NaN in one row", count, &failures);
}

/// Each row's first `length` steps backwards, the padding as it is.
fn reversed(data: &[f32], case: &Case, width: usize) -> Vec<f32> {
    let mut out = data.to_vec();
    for row in 0..case.batch {
        let length = case.length(row);
        for step in 0..length {
            let at = |step: usize| (row * case.time + step) * width..(row * case.time + step + 1) * width;
            out[at(step)].copy_from_slice(&data[at(length - 1 - step)]);
        }
    }
    out
}

#[test]
fn the_reverse_direction_is_the_forward_one_on_reversed_rows() {
    let mut failures = Vec::new();
    for seed in 8200..8280 {
        let mut both = random_case(seed, &[1, 3, 8, 17, 33], 9, |_, config| {
            config.bidirectional = true;
            config.merge = Merge::Concat;
            config.hidden_sizes.truncate(1);
        });
        both.dy = Some(Rng::new(seed).fill(both.batch * both.time * both.output_size(), -1.0, 1.0));
        let (width, input) = (both.output_size() / 2, both.config.input_size);
        let halves = both.params.len() / 2;
        let mut config = both.config.clone();
        config.bidirectional = false;
        let half = |data: &[f32], which: usize| -> Vec<f32> {
            data.chunks_exact(2 * width).flat_map(|step| &step[which * width..(which + 1) * width]).copied().collect()
        };
        let half_state = |state: &State, which: usize| State {
            h: state.h[which * state.h.len() / 2..(which + 1) * state.h.len() / 2].to_vec(),
            c: state.c[which * state.c.len() / 2..(which + 1) * state.c.len() / 2].to_vec(),
        };
        let dy = both.dy.as_ref().expect("drawn above");
        let alone = Case {
            config,
            batch: both.batch,
            time: both.time,
            lengths: both.lengths.clone(),
            params: both.params[halves..].to_vec(),
            x: reversed(&both.x, &both, input),
            state: both.state.as_ref().map(|state| half_state(state, 1)),
            dy: Some(reversed(&half(dy, 1), &both, width)),
            dstate: both.dstate.as_ref().map(|state| half_state(state, 1)),
        };
        let (whole, part) = (both.run(best(), Pass::Record), alone.run(best(), Pass::Record));
        let mut differing = Vec::new();
        let mut compare = |name: &str, a: &[f32], b: &[f32]| {
            if bits(a) != bits(b) {
                differing.push(name.to_string());
            }
        };
        compare("y", &reversed(&half(&whole.y, 1), &both, width), &part.y);
        let second = |data: &[f32]| data[data.len() / 2..].to_vec();
        compare("h_n", &second(&whole.last_h), &part.last_h);
        compare("c_n", &second(&whole.last_c), &part.last_c);
        compare("dh0", &second(&whole.first_h), &part.first_h);
        compare("dc0", &second(&whole.first_c), &part.first_c);
        // Parameter gradients sum over the times in the other order, so they are near, not equal.
        for (index, (a, b)) in whole.grads[halves..].iter().zip(&part.grads).enumerate() {
            if crate::support::error(a, &crate::support::wide(b), 1e-2) > 1e-5 {
                differing.push(format!("gradient {index}"));
            }
        }
        if !differing.is_empty() {
            failures.push(format!("seed {seed}: {}: {}", differing.join(", "), both.describe()));
        }
    }
    report("reverse direction", 80, &failures);
}

#[test]
fn padding_is_zero_and_inputs_are_left_alone() {
    let mut failures = Vec::new();
    for seed in 8300..8400 {
        let case = random_case(seed, &[1, 3, 8, 17, 33], 9, randomise);
        let copy = case.clone();
        for pass in [Pass::Record, TRAIN] {
            let outcome = case.run(best(), pass);
            for row in 0..case.batch {
                let padding = (row * case.time + case.length(row))..(row + 1) * case.time;
                let of = |data: &[f32], width: usize| data[padding.start * width..padding.end * width].to_vec();
                if of(&outcome.y, case.output_size()).iter().any(|y| y.to_bits() != 0) {
                    failures.push(format!("seed {seed}: y in the padding of row {row}: {}", case.describe()));
                }
                if of(&outcome.dx, case.config.input_size).iter().any(|&dx| dx != UNTOUCHED) {
                    failures.push(format!("seed {seed}: dx in the padding of row {row}: {}", case.describe()));
                }
            }
        }
        let state = |state: &Option<State>| state.as_ref().map(|state| (bits(&state.h), bits(&state.c)));
        let inputs = |case: &Case| {
            let params: Vec<_> = case.params.iter().map(|param| bits(param)).collect();
            (params, bits(&case.x), case.dy.as_deref().map(bits), state(&case.state), state(&case.dstate))
        };
        if inputs(&case) != inputs(&copy) {
            failures.push(format!("seed {seed}: an input was changed: {}", case.describe()));
        }
    }
    report("padding and inputs", 100, &failures);
}

#[test]
fn an_empty_sequence_returns_the_initial_state() {
    let mut failures = Vec::new();
    for seed in 8500..8540 {
        let mut case = random_case(seed, &[1, 3, 8, 17], 6, randomise);
        case.lengths = Some(vec![0; case.batch]);
        let outcome = case.run(best(), Pass::Record);
        let (h, c) = crate::support::state_sizes(&case.config, case.batch);
        let zeros = State { h: vec![0.0; h], c: vec![0.0; c] };
        let first = case.state.as_ref().unwrap_or(&zeros);
        let dlast = case.dstate.as_ref().unwrap_or(&zeros);
        let same = bits(&outcome.last_h) == bits(&first.h)
            && bits(&outcome.last_c) == bits(&first.c)
            && bits(&outcome.first_h) == bits(&dlast.h)
            && bits(&outcome.first_c) == bits(&dlast.c);
        if !same || outcome.grads.iter().flatten().any(|&g| g != 0.0) || outcome.y.iter().any(|&y| y != 0.0) {
            failures.push(format!("seed {seed}: {}", case.describe()));
        }
    }
    report("empty sequences", 40, &failures);
}

#[test]
fn the_same_seed_and_step_give_the_same_masks() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for seed in 8600..8640 {
        let case = random_case(seed, &[3, 8, 17, 33], 9, |rng, config| {
            randomise(rng, config);
            config.zoneout_c = 0.3;
        });
        let run = |seed, step| case.run(best(), Pass::Train { seed, step });
        let first = run(1, 1);
        let differing = run(1, 1).differing(&first, &case.config);
        count += 1;
        if !differing.is_empty() {
            failures.push(format!(
                "seed {seed}: {} differ in a repeated run: {}",
                differing.join(", "),
                case.describe()
            ));
        }
        let steps: usize = (0..case.batch).map(|row| case.length(row)).sum();
        // So many draws cannot come out the same by chance.
        if steps * case.config.hidden_sizes[0] > 300 {
            for (other, what) in [(run(2, 1), "seed"), (run(1, 2), "step")] {
                if bits(&other.last_c) == bits(&first.last_c) {
                    failures.push(format!("seed {seed}: another {what} gave the same: {}", case.describe()));
                }
            }
        }
    }
    report("same seed, same masks", count, &failures);
}
