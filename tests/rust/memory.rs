//! What a training step holds at most. A test binary of its own, for the allocator counts the bytes of the whole process.

mod counting;

use counting::{TURN, measured};
use rustlstm::layers::{Config, Lstm, Pass};
use rustlstm::view::{Seq, SeqMut};
use std::sync::PoisonError;

const BATCH: usize = 4;
const HIDDEN: usize = 48;

/// Bytes beyond the caller's arrays that forward and backward over `time` steps have at most.
fn peak(time: usize, recompute: bool) -> usize {
    let mut config = Config::new(HIDDEN, HIDDEN);
    config.hidden_sizes = vec![HIDDEN; 2];
    config.recompute = recompute;
    let lstm = Lstm::new(config).expect("a valid configuration");
    let params: Vec<Vec<f32>> = lstm.specs().iter().map(|spec| vec![0.02; spec.len()]).collect();
    let slices: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
    let packed = lstm.pack(&slices).expect("parameters of the right shapes");
    let mut grads = params.clone();
    let mut grads: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
    let shape = [BATCH, time, HIDDEN];
    let [x, mut y, mut dx] = [0.1, 0.0, 0.0].map(|value| vec![value; shape.iter().product()]);
    let ((), bytes) = measured(|| {
        let x = Seq::new(&x, shape).expect("x");
        let out = SeqMut::new(&mut y, shape).expect("y");
        let (_, cache) = lstm.forward(&packed, x, None, None, out, Pass::Record).expect("forward");
        let cache = cache.expect("it was recorded");
        let dx = SeqMut::new(&mut dx, shape).expect("dx");
        lstm.backward(&packed, x, cache, Some(x), None, &mut grads, Some(dx)).expect("backward");
    });
    bytes
}

#[test]
fn recompute_keeps_the_square_root() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (short, long) = (400, 6400);
    let all = peak(long, false) as f64 / peak(short, false) as f64;
    let root = peak(long, true) as f64 / peak(short, true) as f64;
    println!("memory of {long} steps over that of {short}: {all:.1} times, with recompute {root:.1} times");
    assert!(all > 12.0, "what is counted grows with the steps");
    assert!(root < 4.4, "four times the square root");
}

#[test]
fn recording_holds_what_backward_needs() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (short, long) = (400, 1400);
    let each = (peak(long, false) - peak(short, false)) / (long - short) / BATCH / 4;
    println!("floats a step, row and two layers of {HIDDEN} units: {each}");
    // In each layer four gates, the states h and c, and the outputs' gradient; rows of h, c and gradient are padded.
    assert!(each <= 2 * (4 * HIDDEN + 3 * (HIDDEN + 16)) + 16);
}
