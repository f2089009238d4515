//! What a second thread brings, and what it could bring here: `cargo bench --bench sharing`.
//!
//! Three ways to do the same work, in turn: one thread; two threads with half of the rows each, that have nothing to do
//! with one another, until the later one is done; a call of two threads. The halves lose to one thread what a core may
//! lose to whoever else runs on it, since they wait for the slower one; what a call takes longer than they do is the price
//! of sharing. Middle samples, for the best ones are of moments when nobody else ran.

#[path = "common/layer.rs"]
mod layer;

use layer::{Case, SHAPES, Shape};
use rustlstm::threads;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time for each shape and direction.
const SECONDS: Duration = Duration::from_secs(6);
/// Those large enough for two threads to be worth it.
const ROWS: usize = 13;
const HIDDEN: usize = 64;

type Call = fn(&mut Case);

/// Threads of the three ways, and which one is the halves'.
const THREADS: [usize; 3] = [1, 2, 2];
const HALVES: usize = 1;

fn main() {
    println!("| middle times in ms | one thread | two halves | two threads | gain of halves | of two threads |");
    println!("|---|---|---|---|---|---|");
    for (mode, call) in [("forward", Case::forward as Call), ("forward+backward", Case::forward_backward)] {
        for shape in SHAPES.iter().filter(|shape| shape.batch >= ROWS && shape.hidden >= HIDDEN) {
            let [one, halves, two] = times(shape, call).map(|seconds| seconds * 1e3);
            let gains = [one / halves, one / two];
            println!(
                "| {}, {mode} | {one:.2} | {halves:.2} | {two:.2} | {:.2} | {:.2} |",
                shape.name, gains[0], gains[1]
            );
        }
    }
}

/// The middle times of the three ways.
fn times(shape: &Shape, call: Call) -> [f64; 3] {
    let rows = |batch| Case::new(&Shape { batch, ..*shape });
    let mut whole = rows(shape.batch);
    let halves = [shape.batch.div_ceil(2), shape.batch / 2].map(|batch| Mutex::new(rows(batch)));
    let mut go = |way: usize| match way {
        // A call within a call is its own worker's alone.
        HALVES => threads::run(2, |worker| call(&mut halves[worker.id()].lock().expect("nobody panics"))),
        _ => call(&mut whole),
    };
    let mut samples = [(); 3].map(|()| Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < SECONDS || samples[0].len() < 5 {
        for (way, samples) in samples.iter_mut().enumerate() {
            threads::set_num_threads(THREADS[way]).expect("one or two");
            go(way); // finds the caches as the others have left them
            let start = Instant::now();
            go(way);
            samples.push(start.elapsed().as_secs_f64());
        }
    }
    samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    })
}
