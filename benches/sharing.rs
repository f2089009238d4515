//! What a second thread brings, and what it could bring here: `cargo bench --bench sharing`.
//!
//! Three ways to do the same work, in turn: one thread; two threads with half of the rows each, that have nothing to do
//! with one another, until the later one is done; a call of two threads. The halves lose to one thread what a core may
//! lose to whoever else runs on it, since they wait for the slower one; what a call takes longer than they do is the price
//! of sharing. Middle samples, for the best ones are of moments when nobody else ran.
//!
//! How near the two threads are to one another decides what they can bring, and on a virtual machine it changes within a
//! second: two hardware threads of one core, cores with one cache, cores without. What a word takes from one to the other
//! and back tells them apart, before and after each turn. Turns during which that changed are left out.

#[path = "common/layer.rs"]
mod layer;

use layer::{Case, SHAPES, Shape};
use rustlstm::threads;
use std::hint;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

/// Time for each shape and direction.
const SECONDS: Duration = Duration::from_secs(8);
/// Turns from which a place is shown.
const TURNS: usize = 5;
/// Those large enough for two threads to be worth it.
const ROWS: usize = 13;
const HIDDEN: usize = 64;

type Call = fn(&mut Case);

/// Threads of the three ways, and which one is the halves'.
const THREADS: [usize; 3] = [1, 2, 2];
const HALVES: usize = 1;

/// How near two threads are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    OneCore,
    OneCache,
    Apart,
}

impl Place {
    const ALL: [Place; 3] = [Place::OneCore, Place::OneCache, Place::Apart];

    /// By the nanoseconds of the way there and back: 47, 105 and 485 on an EPYC of four cores a cache and more.
    fn now() -> Place {
        match round_trip().as_nanos() {
            0..75 => Place::OneCore,
            75..250 => Place::OneCache,
            _ => Place::Apart,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::OneCore => "one core",
            Place::OneCache => "one cache",
            Place::Apart => "apart",
        }
    }
}

/// The least time that a word takes to the second thread and back.
fn round_trip() -> Duration {
    const TRIPS: usize = 40;
    const BEST_OF: usize = 20;
    let (there, back) = (Line(AtomicUsize::new(0)), Line(AtomicUsize::new(0)));
    let best = Mutex::new(Duration::MAX);
    threads::set_num_threads(2).expect("two");
    threads::run(2, |worker| {
        if worker.count() < 2 {
            return;
        }
        for some in 0..BEST_OF {
            let trips = some * TRIPS + 1..=(some + 1) * TRIPS;
            let start = Instant::now();
            for trip in trips {
                let (mine, other) = if worker.id() == 0 { (&there, &back) } else { (&back, &there) };
                if worker.id() == 0 {
                    mine.0.store(trip, Release);
                }
                while other.0.load(Acquire) < trip {
                    hint::spin_loop();
                }
                if worker.id() == 1 {
                    mine.0.store(trip, Release);
                }
            }
            if worker.id() == 0 {
                let mut best = best.lock().expect("nobody panics");
                *best = start.elapsed().div_f64(TRIPS as f64).min(*best);
            }
        }
    });
    best.into_inner().expect("nobody panics")
}

/// A word in a cache line of its own.
#[repr(align(128))]
struct Line(AtomicUsize);

fn main() {
    println!(
        "| middle times in ms | the two threads | turns | one thread | two halves | two threads | gain of halves | of two threads |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (mode, call) in [("forward", Case::forward as Call), ("forward+backward", Case::forward_backward)] {
        for shape in SHAPES.iter().filter(|shape| shape.batch >= ROWS && shape.hidden >= HIDDEN) {
            let turns = turns(shape, call);
            for place in Place::ALL {
                let here: Vec<_> = turns.iter().filter(|(at, _)| *at == place).map(|(_, seconds)| *seconds).collect();
                if here.len() < TURNS {
                    continue;
                }
                let [one, halves, two] = [0, 1, 2].map(|way| middle(here.iter().map(|seconds| seconds[way] * 1e3)));
                println!(
                    "| {}, {mode} | {} | {} | {one:.2} | {halves:.2} | {two:.2} | {:.2} | {:.2} |",
                    shape.name,
                    place.name(),
                    here.len(),
                    one / halves,
                    one / two
                );
            }
        }
    }
}

fn middle(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The times of the three ways, and where the threads were meanwhile.
fn turns(shape: &Shape, call: Call) -> Vec<(Place, [f64; 3])> {
    let rows = |batch| Case::new(&Shape { batch, ..*shape });
    let mut whole = rows(shape.batch);
    let halves = [shape.batch.div_ceil(2), shape.batch / 2].map(|batch| Mutex::new(rows(batch)));
    let mut go = |way: usize| match way {
        // A call within a call is its own worker's alone.
        HALVES => threads::run(2, |worker| call(&mut halves[worker.id()].lock().expect("nobody panics"))),
        _ => call(&mut whole),
    };
    let mut turns = Vec::new();
    let begin = Instant::now();
    let mut before = Place::now();
    while begin.elapsed() < SECONDS {
        let mut seconds = [0.0; 3];
        for (way, seconds) in seconds.iter_mut().enumerate() {
            threads::set_num_threads(THREADS[way]).expect("one or two");
            go(way); // finds the caches as the others have left them
            let start = Instant::now();
            go(way);
            *seconds = start.elapsed().as_secs_f64();
        }
        let after = Place::now();
        if after == before {
            turns.push((after, seconds));
        }
        before = after;
    }
    turns
}
