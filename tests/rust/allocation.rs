//! After its first step a stream allocates nothing, and one with narrow weights keeps no others.
//!
//! A test binary of its own, for its allocator counts: what this test's thread and the team's allocate, and not what the
//! harness does beside them, or the threads of an earlier team while they end.

use rustlstm::layers::{Activation, Config, Lstm, Precision};
use rustlstm::simd::Level;
use rustlstm::threads;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// The number of the stream that is looked at.
static STREAM: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The stream for which this thread worked last.
    static WORKED_FOR: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread allocated, less those that it freed.
    static KEPT: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    ALLOCATIONS.fetch_add(usize::from(WORKED_FOR.get() == STREAM.load(Ordering::Relaxed)), Ordering::Relaxed);
    KEPT.set(KEPT.get() + bytes as isize);
}

fn freed(bytes: usize) {
    KEPT.set(KEPT.get() - bytes as isize);
}

// SAFETY: every call goes on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        freed(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn configurations() -> Vec<(&'static str, usize, Config)> {
    let with = |input, hidden, change: fn(&mut Config)| {
        let mut config = Config::new(input, hidden);
        change(&mut config);
        config
    };
    vec![
        ("one row", 1, with(8, 32, |_| ())),
        ("several rows", 7, with(5, 33, |_| ())),
        ("three layers", 2, with(8, 64, |config| config.hidden_sizes = vec![64, 17, 40])),
        ("projection", 3, with(8, 64, |config| config.proj_size = Some(20))),
        ("layer norm", 3, with(8, 64, |config| config.layer_norm = true)),
        (
            "every option",
            3,
            with(8, 48, |config| {
                config.hidden_sizes = vec![48, 33];
                config.proj_size = Some(20);
                config.layer_norm = true;
                config.cell.peephole = true;
                config.cell.coupled = true;
                config.cell.clip = Some(2.0);
                config.cell.input_activation = Activation::Softsign;
                config.cell.output_activation = Activation::HardSigmoid;
                config.dropout = 0.2;
                config.zoneout_h = 0.1;
                config.zoneout_c = 0.1;
            }),
        ),
        ("wide enough for a team", 4, with(64, 768, |_| ())),
        ("many rows", 256, with(32, 128, |config| config.layer_norm = true)),
    ]
}

#[test]
fn no_allocation_after_the_first_step() {
    let mut failures = Vec::new();
    let mut cases = 0;
    for workers in [1, 2, 4] {
        threads::set_num_threads(workers).expect("a number of threads");
        for (name, batch, config) in configurations() {
            let levels = Level::available();
            let best = *levels.last().expect("a level");
            let narrow = [Precision::F16, Precision::Int8].into_iter().filter(|one| batch <= one.most_rows());
            let full = levels.into_iter().map(|level| (level, Precision::F32));
            for (level, precision) in full.chain(narrow.map(|one| (best, one))) {
                let lstm = Lstm::at_level(config.clone(), level).expect("a valid configuration");
                let params: Vec<Vec<f32>> =
                    lstm.specs().iter().map(|spec| vec![0.02; spec.shape.iter().product()]).collect();
                let slices: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
                let packed = Arc::new(lstm.pack_as(precision, &slices).expect("parameters of the right shapes"));
                let mut stream = lstm.stream(packed, batch).expect("one direction");
                let x = vec![0.1; batch * config.input_size];
                let mut y = vec![0.0; batch * lstm.output_size()];
                let mask = vec![true; batch];
                stream.step(&x, &mut y).expect("a step");
                let number = STREAM.fetch_add(1, Ordering::Relaxed) + 1;
                threads::run(workers, |_| WORKED_FOR.set(number));
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                let mut bad = 0;
                for _ in 0..100 {
                    bad += usize::from(stream.step(&x, &mut y).is_err());
                }
                bad += usize::from(stream.reset(Some(&mask)).is_err());
                let count = ALLOCATIONS.load(Ordering::Relaxed) - before;
                assert_eq!(bad, 0, "{name}: steps failed");
                cases += 1;
                if count > 0 {
                    failures.push(format!(
                        "{name}, {}, {}, {workers} threads: {count} in 100 steps",
                        precision.name(),
                        level.name()
                    ));
                }
            }
        }
    }
    println!("allocation: {cases} streams of 100 steps, {} that allocated", failures.len());
    assert!(failures.is_empty(), "streams that allocate:\n{}", failures.join("\n"));
    // The counter counts: building a stream does allocate.
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_stream_keeps_its_own_weights_alone() {
    for precision in Precision::ALL {
        let lstm = Lstm::new(Config::new(256, 256)).expect("a valid configuration");
        let before = KEPT.get();
        let (stream, bytes) = {
            let params: Vec<Vec<f32>> = lstm.specs().iter().map(|spec| vec![0.02; spec.len()]).collect();
            let slices: Vec<&[f32]> = params.iter().map(Vec::as_slice).collect();
            let packed = Arc::new(lstm.pack_as(precision, &slices).expect("parameters of the right shapes"));
            let bytes = packed.bytes();
            (lstm.stream(packed, 1).expect("a stream").fork(), bytes)
        };
        let rest = KEPT.get() - before - bytes as isize;
        drop(stream);
        println!("{}: {bytes} bytes of weights, {rest} besides", precision.name());
        assert!((0..64 * 1024).contains(&rest), "{}: {bytes} bytes of weights, {rest} besides", precision.name());
        assert!(bytes < 4 * 256 * 512 * precision.bytes() + 16 * 1024);
    }
}
