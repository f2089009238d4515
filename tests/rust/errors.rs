//! A wrong argument is an error that names it, what was expected and what came; never a panic, never silence.

use crate::support::{Case, Rng};
use rustlstm::Error;
use rustlstm::layers::{Cell, Config, Lstm, Pass, State};
use rustlstm::simd::Level;
use rustlstm::view::{Seq, SeqMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; anything but an error whose sentence has all of `words` goes to `failures`.
fn refuses<T>(what: &str, words: &[&str], failures: &mut Vec<String>, body: impl FnOnce() -> Result<T, Error>) {
    match catch_unwind(AssertUnwindSafe(body)) {
        Err(_) => failures.push(format!("{what}: panicked")),
        Ok(Ok(_)) => failures.push(format!("{what}: accepted")),
        Ok(Err(error)) => {
            let message = error.to_string();
            for word in words.iter().chain(&["must", "got"]) {
                if !message.contains(word) {
                    failures.push(format!("{what}: {message:?} does not say {word:?}"));
                }
            }
        }
    }
}

#[test]
fn options_out_of_range() {
    let mut failures = Vec::new();
    type Change = fn(&mut Config);
    let table: Vec<(&str, &[&str], Change)> = vec![
        ("no input", &["input_size", "0"], |config| config.input_size = 0),
        ("no unit", &["hidden_size", "0"], |config| config.hidden_sizes = vec![0]),
        ("no unit in layer 1", &["hidden_size", "0"], |config| config.hidden_sizes = vec![4, 0]),
        ("no layer", &["num_layers", "0"], |config| config.hidden_sizes = Vec::new()),
        ("dropout 1.5", &["dropout", "1.5"], |config| config.dropout = 1.5),
        ("dropout NaN", &["dropout", "NaN"], |config| config.dropout = f32::NAN),
        ("input dropout", &["input_dropout", "-0.1"], |config| config.input_dropout = -0.1),
        ("recurrent dropout", &["recurrent_dropout", "2"], |config| config.recurrent_dropout = 2.0),
        ("weight drop", &["weight_drop", "1.01"], |config| config.weight_drop = 1.01),
        ("zoneout h", &["zoneout", "1.5"], |config| config.zoneout_h = 1.5),
        ("zoneout c", &["zoneout", "-1"], |config| config.zoneout_c = -1.0),
        ("zoneout NaN", &["zoneout", "NaN"], |config| config.zoneout_c = f32::NAN),
        ("projection 0", &["proj_size", "0"], |config| config.proj_size = Some(0)),
        ("projection beyond H", &["proj_size", "4", "5"], |config| config.proj_size = Some(5)),
        ("projection beyond the smallest H", &["proj_size", "3"], |config| {
            config.proj_size = Some(4);
            config.hidden_sizes = vec![4, 3];
        }),
        ("coupled to nothing", &["coupled"], |config| {
            config.cell.coupled = true;
            config.cell.input_gate = false;
        }),
        ("coupled without forget gate", &["coupled"], |config| {
            config.cell.coupled = true;
            config.cell.forget_gate = false;
        }),
        ("clip 0", &["clip", "0"], |config| config.cell.clip = Some(0.0)),
        ("clip -1", &["clip", "-1"], |config| config.cell.clip = Some(-1.0)),
        ("clip NaN", &["clip", "NaN"], |config| config.cell.clip = Some(f32::NAN)),
        ("huge H", &["hidden_size"], |config| config.hidden_sizes = vec![usize::MAX / 2]),
        ("huge H squared", &["hidden_size"], |config| config.hidden_sizes = vec![4, 1 << 31]),
        ("huge C", &["input_size"], |config| config.input_size = usize::MAX / 16),
    ];
    let cases = table.len();
    for (what, words, change) in table {
        let mut config = Config { cell: Cell::default(), ..Config::new(3, 4) };
        change(&mut config);
        refuses(what, words, &mut failures, || Lstm::at_level(config, Level::Scalar));
    }
    crate::support::report("options out of range", cases, &failures);
}

#[test]
fn absent_levels() {
    for level in Level::ALL {
        let outcome = Lstm::at_level(Config::new(3, 4), level);
        assert_eq!(outcome.is_ok(), level.is_available(), "{level:?}");
    }
}

#[test]
fn views_of_the_wrong_length() {
    let mut failures = Vec::new();
    let mut data = [0.0; 24];
    for (what, shape) in
        [("short", [2, 3, 5]), ("long", [2, 3, 3]), ("overflow", [usize::MAX, 2, 3]), ("zero", [0, usize::MAX, 2])]
    {
        refuses(&format!("Seq {what}"), &["24"], &mut failures, || Seq::new(&data, shape).map(|_| ()));
        refuses(&format!("SeqMut {what}"), &["24"], &mut failures, || SeqMut::new(&mut data, shape).map(|_| ()));
    }
    crate::support::report("views", 8, &failures);
}

/// A valid call, of which each test spoils one argument.
struct Call {
    x: [usize; 3],
    y: [usize; 3],
    lengths: Option<Vec<usize>>,
    state: Option<(usize, usize)>,
    dy: [usize; 3],
    dstate: Option<(usize, usize)>,
    dx: [usize; 3],
    grads: Vec<usize>,
}

const SIZES: [usize; 4] = [24 * 3, 24 * 6, 24, 6 * 4];

impl Call {
    fn valid() -> Call {
        Call {
            x: [2, 4, 3],
            y: [2, 4, 6],
            lengths: None,
            state: None,
            dy: [2, 4, 6],
            dstate: None,
            dx: [2, 4, 3],
            grads: SIZES[..3].to_vec(),
        }
    }

    fn run(&self, forward_only: bool) -> Result<(), Error> {
        let case = Case::random(&mut Rng::new(1), Config::new(3, 6), 2, 4);
        let lstm = case.lstm(Level::Scalar);
        let packed = case.pack(&lstm);
        let zeros = |shape: [usize; 3]| vec![0.0; shape.iter().product()];
        let state = |sizes: Option<(usize, usize)>| sizes.map(|(h, c)| State { h: vec![0.0; h], c: vec![0.0; c] });
        let (x, mut y, dy, mut dx) = (zeros(self.x), zeros(self.y), zeros(self.dy), zeros(self.dx));
        let (state, dstate) = (state(self.state), state(self.dstate));
        let x = Seq::new(&x, self.x)?;
        let y = SeqMut::new(&mut y, self.y)?;
        let (_, cache) = lstm.forward(&packed, x, self.lengths.as_deref(), state.as_ref(), y, Pass::Record)?;
        if forward_only {
            return Ok(());
        }
        let mut grads: Vec<Vec<f32>> = self.grads.iter().map(|&size| vec![0.0; size]).collect();
        let mut grads: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
        let cache = cache.expect("a recording pass keeps a cache");
        let x_again = zeros([2, 4, 3]);
        let x_again = Seq::new(&x_again, [2, 4, 3])?;
        let (dy, dx) = (Seq::new(&dy, self.dy)?, SeqMut::new(&mut dx, self.dx)?);
        lstm.backward(&packed, x_again, cache, Some(dy), dstate.as_ref(), &mut grads, Some(dx)).map(|_| ())
    }
}

#[test]
fn arrays_that_do_not_fit() {
    Call::valid().run(false).expect("the valid call");
    let mut failures = Vec::new();
    type Change = fn(&mut Call);
    let forward: Vec<(&str, &[&str], Change)> = vec![
        ("channels of x", &["x"], |call| call.x = [2, 4, 5]),
        ("batch of y", &["y"], |call| call.y = [3, 4, 6]),
        ("time of y", &["y"], |call| call.y = [2, 5, 6]),
        ("width of y", &["y"], |call| call.y = [2, 4, 12]),
        ("count of lengths", &["lengths"], |call| call.lengths = Some(vec![4])),
        ("a length beyond T", &["lengths", "5"], |call| call.lengths = Some(vec![4, 5])),
        ("h of the state", &["h"], |call| call.state = Some((11, 12))),
        ("c of the state", &["c"], |call| call.state = Some((12, 13))),
    ];
    let backward: Vec<(&str, &[&str], Change)> = vec![
        ("batch of dy", &["dy"], |call| call.dy = [1, 4, 6]),
        ("width of dy", &["dy"], |call| call.dy = [2, 4, 5]),
        ("time of dx", &["dx"], |call| call.dx = [2, 3, 3]),
        ("channels of dx", &["dx"], |call| call.dx = [2, 4, 4]),
        ("h of dstate", &["h"], |call| call.dstate = Some((13, 12))),
        ("c of dstate", &["c"], |call| call.dstate = Some((12, 11))),
        ("too few gradients", &["grads", "3", "2"], |call| {
            call.grads.pop();
        }),
        ("too many gradients", &["grads", "3", "4"], |call| call.grads.push(1)),
        ("a short gradient", &["weight_hh_l0"], |call| call.grads[1] -= 1),
    ];
    let cases = forward.len() + backward.len();
    for (table, forward_only) in [(forward, true), (backward, false)] {
        for (what, words, change) in table {
            let mut call = Call::valid();
            change(&mut call);
            refuses(what, words, &mut failures, || call.run(forward_only));
        }
    }
    crate::support::report("arrays that do not fit", cases, &failures);
}

#[test]
fn more_rows_than_can_be_counted() {
    let mut failures = Vec::new();
    let case = Case::random(&mut Rng::new(1), Config::new(3, 6), 2, 4);
    let lstm = case.lstm(Level::Scalar);
    let packed = std::sync::Arc::new(case.pack(&lstm));
    for batch in [usize::MAX, 1 << 40] {
        // Without steps no data bounds the rows.
        refuses("forward", &["batch_size"], &mut failures, || {
            let (x, y) = (Seq::new(&[], [batch, 0, 3])?, SeqMut::new(&mut [], [batch, 0, 6])?);
            lstm.forward(&packed, x, None, None, y, Pass::Infer).map(|_| ())
        });
        refuses("stream", &["batch_size"], &mut failures, || lstm.stream(packed.clone(), batch));
    }
    crate::support::report("more rows than can be counted", 4, &failures);
}

#[test]
fn parameters_that_do_not_fit() {
    let mut failures = Vec::new();
    let lstm = Lstm::at_level(Config::new(3, 6), Level::Scalar).expect("a valid configuration");
    let params: Vec<Vec<f32>> = SIZES[..3].iter().map(|&size| vec![0.0; size]).collect();
    let slices: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
    refuses("too few", &["params", "3", "2"], &mut failures, || lstm.pack(&slices[..2]));
    let mut longer = slices.clone();
    longer.push(&params[0]);
    refuses("too many", &["params", "3", "4"], &mut failures, || lstm.pack(&longer));
    let mut short = slices.clone();
    short[1] = &params[1][1..];
    refuses("short", &["weight_hh_l0", "143"], &mut failures, || lstm.pack(&short));
    crate::support::report("parameters that do not fit", 3, &failures);
}

#[test]
fn packed_parameters_and_caches_of_another_layer() {
    let mut failures = Vec::new();
    let small = Case::random(&mut Rng::new(1), Config::new(3, 6), 2, 4);
    let large = Case::random(&mut Rng::new(1), Config::new(3, 7), 2, 4);
    let (lstm, other) = (small.lstm(Level::Scalar), large.lstm(Level::Scalar));
    let (packed, foreign) = (small.pack(&lstm), large.pack(&other));
    let mut y = vec![0.0; 2 * 4 * 6];
    refuses("foreign packed", &["packed"], &mut failures, || {
        let (x, y) = (Seq::new(&small.x, [2, 4, 3])?, SeqMut::new(&mut y, [2, 4, 6])?);
        lstm.forward(&foreign, x, None, None, y, Pass::Infer).map(|_| ())
    });
    let (_, _, cache) = large.forward(&other, &foreign, Pass::Record);
    refuses("foreign cache", &["cache"], &mut failures, || {
        let mut grads: Vec<Vec<f32>> = small.params.iter().map(|param| vec![0.0; param.len()]).collect();
        let mut grads: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
        let x = Seq::new(&small.x, [2, 4, 3])?;
        lstm.backward(&packed, x, cache.expect("recorded"), None, None, &mut grads, None).map(|_| ())
    });
    crate::support::report("packed and cache of another layer", 2, &failures);
}
