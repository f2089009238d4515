//! Long calls that are stopped from outside, as by Ctrl-C.

use crate::alone::alone;
use rustlstm::threads::{self, Interrupted, Worker};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

thread_local! {
    /// Set by a test on the thread that makes the call, which is the one that is asked.
    static STOP: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn a_long_call_is_stopped_from_outside() {
    if !alone("interrupt::a_long_call_is_stopped_from_outside") {
        return;
    }
    threads::ask(|| STOP.get());
    for workers in [1, 2, 4] {
        let turns = AtomicUsize::new(0);
        let endless = |worker: &Worker<'_>| {
            loop {
                turns.fetch_add(1, SeqCst);
                worker.poll(1 << 18);
                thread::sleep(Duration::from_millis(1));
            }
        };
        STOP.set(true);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| threads::run(workers, endless)));
        STOP.set(false);
        let payload = outcome.expect_err("nothing else ends it");
        assert!(payload.is::<Interrupted>(), "{workers} workers end with the payload of a stopped call");
        assert!(turns.load(SeqCst) > workers, "work was under way");
        // The team is none the worse for it.
        let sum = AtomicUsize::new(0);
        threads::run(workers, |worker| {
            sum.fetch_add(worker.id() + 1, SeqCst);
            worker.barrier();
        });
        assert!(sum.load(SeqCst) >= 1);
    }
}

#[test]
fn a_worker_at_a_barrier_leaves_when_the_call_is_stopped() {
    if !alone("interrupt::a_worker_at_a_barrier_leaves_when_the_call_is_stopped") {
        return;
    }
    threads::ask(|| STOP.get());
    STOP.set(true);
    let outcome = panic::catch_unwind(|| {
        threads::run(2, |worker| {
            loop {
                if worker.id() == 0 {
                    worker.poll(1 << 20);
                    thread::sleep(Duration::from_millis(1));
                } else {
                    worker.barrier();
                }
            }
        });
    });
    STOP.set(false);
    assert!(outcome.expect_err("nothing else ends it").is::<Interrupted>());
}
