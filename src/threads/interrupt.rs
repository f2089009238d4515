//! Stopping a long call from outside, as Ctrl-C does.
//!
//! A kernel tells its worker now and then how much it has done, see [`Worker::poll`](super::Worker::poll). Once enough
//! time has gone by, worker 0, which is the caller's own thread, asks the question that the binding has set. If the answer
//! is yes, the call unwinds with [`Interrupted`], and the other workers leave at their next barrier or poll. What the call
//! was to write is then half written, and nothing else is touched.

use std::cell::Cell;
use std::mem;
use std::panic;
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

/// The payload of the unwinding of a call that was stopped.
#[derive(Debug)]
pub struct Interrupted;

/// Multiply-adds between two looks at the clock: some tens of microseconds, against as many nanoseconds for the look.
const WORK: usize = 1 << 20;
/// The time between two questions, each of which may wait for Python's lock.
const PAUSE: Duration = Duration::from_millis(50);

/// A `fn() -> bool`, or null.
static QUESTION: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Sets what long calls ask every twentieth of a second: whether they shall stop. They ask on the thread that made the
/// call.
pub fn ask(question: fn() -> bool) {
    // Release: pairs with the acquire of the reader.
    QUESTION.store(question as *mut (), Release);
}

thread_local! {
    /// Whether this thread belongs to a pool: it works for a caller who waits, and asks nothing itself. It may be worker 0
    /// of a call within a call.
    static POOLED: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread is one of a pool's.
pub(super) fn never_here() {
    POOLED.set(true);
}

fn question() -> Option<fn() -> bool> {
    if POOLED.get() {
        return None;
    }
    let pointer = QUESTION.load(Acquire);
    // SAFETY: only `ask` stores there, and what it stores is such a function.
    (!pointer.is_null()).then(|| unsafe { mem::transmute::<*mut (), fn() -> bool>(pointer) })
}

/// How far a worker, or a loop that calls teams, is from the next question.
#[derive(Debug, Default)]
pub struct Pace {
    work: Cell<usize>,
    next: Cell<Option<Instant>>,
}

impl Pace {
    /// Notes work, and says whether there has been enough since it last said so.
    #[inline(always)]
    pub(super) fn is_due(&self, work: usize) -> bool {
        let sum = self.work.get().saturating_add(work);
        self.work.set(if sum < WORK { sum } else { 0 });
        sum >= WORK
    }

    /// Looks at the clock, and may not return: where the caller shall stop. For loops that are no team's own, between turns
    /// that take microseconds at least.
    pub fn look(&self) {
        self.ask();
    }

    /// Asks, if it is time; does not return if the answer is yes.
    #[cold]
    pub(super) fn ask(&self) {
        let Some(question) = question() else { return };
        let now = Instant::now();
        let is_time = self.next.get().map(|next| now >= next);
        if is_time == Some(false) {
            return;
        }
        // The first look only starts the clock: calls that end soon never ask.
        if is_time == Some(true) && question() {
            panic::resume_unwind(Box::new(Interrupted));
        }
        self.next.set(Some(now + PAUSE));
    }
}
