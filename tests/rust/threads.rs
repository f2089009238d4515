//! Worker teams: shares, barriers, panics, forks, contended and nested calls, and how many threads there are.
//!
//! The gate admits one team in a process, so what asks for a whole team runs in a process of its own: see `alone`.

use crate::alone::{ALONE, alone, start_alone};
use rustlstm::threads::{self, Barrier, MAX_THREADS, NUM_THREADS_VARIABLE, Progress, Worker};
use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// Runs a team and returns how often each worker ran, having checked that ids and counts are what they should be.
fn roll_call(workers: usize) -> usize {
    let seen: Vec<AtomicUsize> = (0..workers).map(|_| AtomicUsize::new(0)).collect();
    threads::run(workers, |worker| {
        seen[worker.id()].fetch_add(worker.count(), SeqCst);
    });
    let count = seen[0].load(SeqCst);
    assert!((1..=workers.min(threads::num_threads())).contains(&count), "{count} of {workers} workers");
    for (id, times) in seen.iter().enumerate() {
        assert_eq!(times.load(SeqCst), if id < count { count } else { 0 }, "worker {id} of {count}");
    }
    count
}

/// The count of a call that gets all it asks for; a thread that comes up late may cost the first calls some workers.
fn full_team(workers: usize) {
    let start = Instant::now();
    while roll_call(workers) < workers {
        assert!(start.elapsed() < Duration::from_secs(20), "no team of {workers}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn teams_have_the_size_that_was_asked_for() {
    if !alone("threads::teams_have_the_size_that_was_asked_for") {
        return;
    }
    // Growing, shrinking, growing again.
    for threads in [1, 2, 3, 8, 4, 1, 2, 16] {
        threads::set_num_threads(threads).unwrap();
        assert_eq!(threads::num_threads(), threads);
        for workers in [1, 2, 3, 8, 40] {
            full_team(workers.min(threads));
            assert!(roll_call(workers) <= threads);
        }
    }
    assert_eq!(roll_call(1), 1);
    threads::run(0, |worker| assert_eq!((worker.id(), worker.count()), (0, 1)));
}

#[test]
fn an_inline_call_stays_on_the_thread_and_its_barriers_are_open() {
    let here = thread::current().id();
    threads::run(1, |worker| {
        assert_eq!((worker.id(), worker.count(), thread::current().id()), (0, 1, here));
        worker.barrier();
        worker.barrier_of(&Barrier::new(), 1);
    });
}

#[test]
fn a_worker_keeps_its_thread() {
    if !alone("threads::a_worker_keeps_its_thread") {
        return;
    }
    threads::set_num_threads(4).unwrap();
    full_team(4);
    let names = || {
        let names = [const { Mutex::new(None) }; 4];
        threads::run(4, |worker| *names[worker.id()].lock().unwrap() = Some(thread::current().id()));
        names.map(|name| name.into_inner().unwrap().expect("all four ran"))
    };
    let first = names();
    assert_eq!(first[0], thread::current().id(), "the caller is worker 0");
    for round in 0..200 {
        if round % 50 == 0 {
            thread::sleep(Duration::from_millis(2)); // long enough for the threads to fall asleep
        }
        assert_eq!(names(), first);
    }
}

/// Each worker adds to its cell, and after the barrier reads all cells: a missed ordering or a barrier that opens early
/// shows as a wrong sum.
fn count_through_barriers(worker: &Worker<'_>, cells: &[AtomicUsize], rounds: usize) {
    use std::sync::atomic::Ordering::Relaxed;
    for round in 1..=rounds {
        cells[worker.id()].store(round, Relaxed);
        worker.barrier();
        let sum: usize = cells[..worker.count()].iter().map(|cell| cell.load(Relaxed)).sum();
        assert_eq!(sum, round * worker.count(), "round {round}");
        worker.barrier();
    }
}

#[test]
fn a_hundred_thousand_calls_add_up() {
    if !alone("threads::a_hundred_thousand_calls_add_up") {
        return;
    }
    let mut random = rustlstm::rng::Stream::new(3, 0);
    let mut draw = |limit: u32| (random.next_u32() % limit) as usize;
    for threads in [2, 8] {
        threads::set_num_threads(threads).unwrap();
        full_team(threads);
        let cells = [const { AtomicUsize::new(0) }; 8];
        // Eight threads on two cores go through a barrier at the pace of the scheduler.
        let calls = if threads == 2 { 97_000 } else { 3000 };
        let (granted, mut asked) = (AtomicUsize::new(0), 0);
        for call in 0..calls {
            let (workers, rounds) = (1 + draw(threads as u32 + 1), draw(4));
            let sum = AtomicUsize::new(0);
            threads::run(workers, |worker| {
                count_through_barriers(worker, &cells, rounds);
                for item in (worker.id()..64).step_by(worker.count()) {
                    sum.fetch_add(item * call, SeqCst);
                }
                if worker.id() == 0 {
                    granted.fetch_add(worker.count(), SeqCst);
                }
            });
            assert_eq!(sum.into_inner(), 64 * 63 / 2 * call, "call {call}");
            asked += workers.min(threads);
        }
        assert_eq!(granted.into_inner(), asked, "a caller alone gets what it asks for");
    }
}

#[test]
fn groups_have_barriers_of_their_own() {
    if !alone("threads::groups_have_barriers_of_their_own") {
        return;
    }
    threads::set_num_threads(4).unwrap();
    full_team(4);
    let (halves, cells) = ([Barrier::new(), Barrier::new()], [const { AtomicUsize::new(0) }; 4]);
    threads::run(4, |worker| {
        let half = worker.id() % 2;
        // The halves go through different numbers of barriers.
        for round in 1..=1000 * (1 + half) {
            cells[worker.id()].store(round, SeqCst);
            worker.barrier_of(&halves[half], 2);
            assert_eq!(cells[half].load(SeqCst) + cells[half + 2].load(SeqCst), 2 * round);
            worker.barrier_of(&halves[half], 2);
        }
        worker.barrier();
        assert_eq!(cells.iter().map(|cell| cell.load(SeqCst)).sum::<usize>(), 6000);
    });
}

#[test]
fn each_may_follow_the_one_before() {
    if !alone("threads::each_may_follow_the_one_before") {
        return;
    }
    threads::set_num_threads(4).unwrap();
    full_team(4);
    let (reached, cells) = ([const { Progress::new() }; 4], [const { AtomicUsize::new(0) }; 4]);
    threads::run(4, |worker| {
        let id = worker.id();
        for place in 1..=1000 {
            if id > 0 {
                worker.follow(&reached[id - 1], place);
                assert!(cells[id - 1].load(SeqCst) >= place, "worker {id} at {place}");
            }
            cells[id].store(place, SeqCst);
            reached[id].reach(place);
        }
    });
}

#[test]
fn calls_within_calls_run_inline() {
    if !alone("threads::calls_within_calls_run_inline") {
        return;
    }
    threads::set_num_threads(3).unwrap();
    full_team(3);
    let inner = AtomicUsize::new(0);
    threads::run(3, |_| {
        let here = thread::current().id();
        threads::run(3, |worker| {
            assert_eq!((worker.count(), thread::current().id()), (1, here));
            inner.fetch_add(1, SeqCst);
        });
    });
    assert_eq!(inner.into_inner(), 3);
}

#[test]
fn a_second_caller_runs_inline_and_does_not_wait() {
    if !alone("threads::a_second_caller_runs_inline_and_does_not_wait") {
        return;
    }
    threads::set_num_threads(2).unwrap();
    full_team(2);
    let (inside, release) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            threads::run(2, |worker| {
                assert_eq!(worker.count(), 2);
                inside.store(true, SeqCst);
                while !release.load(SeqCst) {
                    thread::yield_now();
                }
            });
        });
        while !inside.load(SeqCst) {
            thread::yield_now();
        }
        assert_eq!(roll_call(2), 1, "the gate is taken");
        release.store(true, SeqCst);
    });
    full_team(2);
}

#[test]
fn many_callers_at_once_all_get_their_sums() {
    if !alone("threads::many_callers_at_once_all_get_their_sums") {
        return;
    }
    threads::set_num_threads(3).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cells = [const { AtomicUsize::new(0) }; 3];
                for _ in 0..2000 {
                    roll_call(3);
                    threads::run(3, |worker| count_through_barriers(worker, &cells, 2));
                }
            });
        }
        // Meanwhile the limit moves.
        for threads in (0..200).map(|n| 1 + n % 5) {
            threads::set_num_threads(threads.max(3)).unwrap();
            thread::sleep(Duration::from_micros(200));
        }
    });
}

/// The message of the panic that `body` ends with; the usual report of it is left out.
fn message_of(body: impl Fn()) -> String {
    panic::set_hook(Box::new(|_| ()));
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    drop(panic::take_hook());
    let payload = outcome.expect_err("a panic");
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("a panic with a message")
}

#[test]
fn a_panic_frees_the_others_and_reaches_the_caller() {
    if !alone("threads::a_panic_frees_the_others_and_reaches_the_caller") {
        return;
    }
    threads::set_num_threads(4).unwrap();
    for round in 0..50 {
        full_team(4);
        for bad in 0..4 {
            let (half, never) = ([Barrier::new(), Barrier::new()], Progress::new());
            let message = message_of(|| {
                threads::run(4, |worker| {
                    worker.barrier();
                    assert_ne!(worker.id(), bad, "worker {bad} fails in round {round}");
                    match round % 3 {
                        0 => _ = worker.barrier_of(&half[worker.id() / 2], 2),
                        1 => worker.follow(&never, 1),
                        _ => _ = worker.barrier(),
                    }
                });
            });
            assert!(message.contains(&format!("worker {bad} fails in round {round}")), "{message}");
        }
        let all = message_of(|| threads::run(4, |worker| panic!("worker {} of all", worker.id())));
        assert!(all.ends_with(" of all"), "{all}");
        let inline = message_of(|| threads::run(1, |_| panic!("inline")));
        assert_eq!(inline, "inline");
    }
    // Barriers work after abandoned ones.
    let cells = [const { AtomicUsize::new(0) }; 4];
    threads::run(4, |worker| count_through_barriers(worker, &cells, 100));
}

#[test]
fn a_worker_that_misses_a_barrier_is_an_error_and_no_hang() {
    if !alone("threads::a_worker_that_misses_a_barrier_is_an_error_and_no_hang") {
        return;
    }
    threads::set_num_threads(3).unwrap();
    full_team(3);
    for missing in 0..3 {
        let message = message_of(|| {
            threads::run(3, |worker| {
                worker.barrier();
                if worker.id() != missing {
                    worker.barrier();
                }
            });
        });
        assert_eq!(message, "a worker of the team returned while another waited for it at a barrier");
    }
    full_team(3);
}

#[test]
fn small_work_is_shared_by_those_who_are_awake() {
    if !alone("threads::small_work_is_shared_by_those_who_are_awake") {
        return;
    }
    const NEXT_TO_NOTHING: usize = 1_000;
    const SMALL: usize = 100_000;
    const LARGE: usize = 10_000_000;
    threads::set_num_threads(2).unwrap();
    let start = Instant::now();
    let becomes = |workers: usize, meanwhile: &dyn Fn()| {
        while threads::worth(SMALL) != workers {
            assert!(start.elapsed() < Duration::from_secs(20), "small work is not worth {workers} workers");
            meanwhile();
        }
    };
    assert_eq!(threads::worth(SMALL), 1, "nobody has been woken yet");
    becomes(2, &|| ()); // many such calls wake someone, who sleeps again where no work comes
    becomes(1, &|| thread::sleep(Duration::from_millis(20)));
    becomes(2, &|| full_team(2)); // so does a large call
    assert_eq!([NEXT_TO_NOTHING, LARGE].map(threads::worth), [1, 2], "whoever is awake");
    assert_eq!([NEXT_TO_NOTHING, SMALL, LARGE].map(threads::worth_at_most), [1, 2, 2]);
}

#[test]
fn numbers_of_threads_outside_the_range_are_errors() {
    for n in [0, MAX_THREADS + 1, usize::MAX] {
        let error = threads::set_num_threads(n).unwrap_err().to_string();
        assert_eq!(error, format!("n must be a whole number from 1 to 512, got {n}"));
    }
}

/// Restricts this process to the first of its cores.
#[cfg(target_os = "linux")]
fn stay_on_one_core() {
    unsafe extern "C" {
        fn sched_getaffinity(pid: i32, size: usize, mask: *mut [u64; 16]) -> i32;
        fn sched_setaffinity(pid: i32, size: usize, mask: *const [u64; 16]) -> i32;
    }
    let mut mask = [0u64; 16];
    // SAFETY: the masks are arrays of the size that is passed.
    unsafe {
        assert!(sched_getaffinity(0, size_of_val(&mask), &mut mask) >= 0);
        let word = mask.iter().position(|&word| word != 0).expect("some core is allowed");
        let one = mask[word] & mask[word].wrapping_neg();
        mask = [0; 16];
        mask[word] = one;
        assert_eq!(sched_setaffinity(0, size_of_val(&mask), &mask), 0);
    }
}

/// Not a test of its own: prints what a process with a given environment and affinity sees.
#[test]
#[ignore = "run by the next test"]
fn report() {
    if env::var(ALONE).as_deref() != Ok("threads::report") {
        return;
    }
    #[cfg(target_os = "linux")]
    if env::var_os("RUSTLSTM_TEST_ONE_CORE").is_some() {
        stay_on_one_core();
    }
    println!(
        "  threads: {}, variable: {:?}",
        threads::num_threads(),
        threads::num_threads_from_env().map_err(|e| e.to_string())
    );
    threads::set_num_threads(7).unwrap();
    println!("  threads: {}", threads::num_threads());
}

#[test]
fn the_number_of_threads_follows_environment_affinity_and_setting() {
    let machine = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let invalid = |text: &str| {
        let error = format!("{NUM_THREADS_VARIABLE} must be a whole number from 1 to 512, got {text}");
        format!("threads: {machine}, variable: Err({error:?})")
    };
    let mut cases = vec![
        (None, false, format!("threads: {machine}, variable: Ok(None)")),
        (Some(""), false, format!("threads: {machine}, variable: Ok(None)")),
        (Some("3"), false, "threads: 3, variable: Ok(Some(3))".into()),
        (Some(" 12 "), false, "threads: 12, variable: Ok(Some(12))".into()),
        (Some("0"), false, invalid("0")),
        (Some("513"), false, invalid("513")),
        (Some("-1"), false, invalid("-1")),
        (Some("two"), false, invalid("two")),
    ];
    if cfg!(target_os = "linux") {
        cases.push((None, true, "threads: 1, variable: Ok(None)".into()));
        cases.push((Some("2"), true, "threads: 2, variable: Ok(Some(2))".into()));
    }
    for (variable, one_core, expected) in cases {
        let (success, output) = start_alone("threads::report", |command| {
            command.envs(variable.map(|text| (NUM_THREADS_VARIABLE, text)));
            command.envs(one_core.then_some(("RUSTLSTM_TEST_ONE_CORE", "1")));
        });
        assert!(success, "{output}");
        let lines: Vec<&str> = output.lines().filter_map(|line| line.split_once("  ").map(|parts| parts.1)).collect();
        assert_eq!(lines, [expected.as_str(), "threads: 7"], "variable {variable:?}, one core: {one_core}");
    }
}

#[cfg(unix)]
mod fork {
    use super::*;

    unsafe extern "C" {
        fn fork() -> i32;
        fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        fn alarm(seconds: u32) -> u32;
        fn _exit(status: i32) -> !;
    }

    /// Runs `body` in a forked child and returns the status it ended with: 0, 1 for a panic, a signal for a hang.
    fn in_child(body: impl FnOnce()) -> i32 {
        // SAFETY: the child runs ordinary code after the fork although this process has threads, which is what is tested;
        // it leaves by _exit, so nothing of the test harness runs twice. An alarm ends it where it hangs.
        unsafe {
            let pid = fork();
            if pid == 0 {
                alarm(20);
                _exit(panic::catch_unwind(AssertUnwindSafe(body)).is_err() as i32);
            }
            assert!(pid > 0, "no process to be had");
            let mut status = 0;
            assert_eq!(waitpid(pid, &mut status, 0), pid);
            status
        }
    }

    #[test]
    fn a_child_builds_a_pool_of_its_own() {
        if !alone("threads::fork::a_child_builds_a_pool_of_its_own") {
            return;
        }
        threads::set_num_threads(3).unwrap();
        for round in 0..100 {
            if round > 0 {
                full_team(3);
            }
            if round % 3 == 0 {
                thread::sleep(Duration::from_millis(1)); // the parent's threads are asleep, awake, or busy falling asleep
            }
            let status = in_child(|| {
                full_team(3);
                let grandchild = in_child(|| {
                    let cells = [const { AtomicUsize::new(0) }; 3];
                    full_team(3);
                    threads::run(3, |worker| count_through_barriers(worker, &cells, 10));
                });
                assert_eq!(grandchild, 0, "the grandchild failed in round {round}");
                full_team(3);
            });
            assert_eq!(status, 0, "the child failed in round {round}");
        }
        full_team(3);
    }

    #[test]
    fn a_fork_in_the_middle_of_another_threads_call() {
        if !alone("threads::fork::a_fork_in_the_middle_of_another_threads_call") {
            return;
        }
        threads::set_num_threads(3).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut call = 0;
                while !done.load(SeqCst) {
                    call += 1;
                    // Every state that a fork may meet: calls, barriers, panics, pools being replaced.
                    threads::set_num_threads(2 + call % 3).unwrap();
                    threads::run(4, |worker| {
                        worker.barrier();
                        thread::yield_now();
                    });
                    if call % 16 == 0 {
                        let _ = panic::catch_unwind(|| {
                            threads::run(3, |worker| {
                                if worker.id() == worker.count() - 1 {
                                    panic::resume_unwind(Box::new(1));
                                }
                                worker.barrier();
                            });
                        });
                    }
                }
            });
            for round in 0..200 {
                let status = in_child(|| {
                    threads::set_num_threads(3).unwrap();
                    full_team(3);
                });
                if status != 0 {
                    done.store(true, SeqCst);
                }
                assert_eq!(status, 0, "the child failed in round {round}");
            }
            done.store(true, SeqCst);
        });
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_asks_the_machine_again() {
        if !alone("threads::fork::a_child_asks_the_machine_again") {
            return;
        }
        let machine = threads::num_threads();
        let status = in_child(|| {
            stay_on_one_core();
            assert_eq!(threads::num_threads(), 1);
        });
        assert_eq!(status, 0);
        assert_eq!(threads::num_threads(), machine);
    }
}

/// `cargo test --release --test rust threads::cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn cost_of_a_call() {
    if !alone("threads::cost_of_a_call") {
        return;
    }
    threads::set_num_threads(2).unwrap();
    full_team(2);
    let report = |name: &str, mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        println!("  {name}: min {:.2} µs, median {:.2} µs", times[0], times[times.len() / 2]);
    };
    let call = |workers| {
        let start = Instant::now();
        threads::run(workers, |_| ());
        start.elapsed().as_nanos() as f64 / 1e3
    };
    report("inline", (0..100_000).map(|_| call(1)).collect());
    report("hot, 2 workers", (0..100_000).map(|_| call(2)).collect());
    let cold = |pause: Duration| {
        thread::sleep(pause);
        call(2)
    };
    report("cold, 2 workers, after 1 ms", (0..1000).map(|_| cold(Duration::from_millis(1))).collect());
    report("cold, 2 workers, after 20 ms", (0..100).map(|_| cold(Duration::from_millis(20))).collect());
    let barriers = 1000;
    let times = (0..200).map(|_| {
        let start = Instant::now();
        threads::run(2, |worker| (0..barriers).for_each(|_| _ = worker.barrier()));
        start.elapsed().as_nanos() as f64 / 1e3 / f64::from(barriers)
    });
    report("barrier, 2 workers", times.collect());
}
