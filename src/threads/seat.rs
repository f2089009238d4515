//! A seat: where one thread of the pool waits for calls, and where they are posted to it.

use super::team::Worker;
use std::cell::UnsafeCell;
use std::hint;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a thread stays awake after a call: longer than what lies between two calls of a training step, loss and
/// optimizer in Python included, since waking a sleeper takes up to some tens of microseconds.
const AWAKE: Duration = Duration::from_millis(1);
/// How long a thread that stays awake keeps its core to itself; then it offers it to others between its looks.
const AWAKE_ALONE: Duration = Duration::from_micros(20);
/// The closure of a call, without the lifetime of the borrow.
pub(super) type Job = *const (dyn Fn(&Worker<'_>) + Sync + 'static);

/// The thread of this seat has not come up yet.
const EMPTY: u32 = 0;
/// It is awake and looks for a call.
const IDLE: u32 = 1;
/// It sleeps; a post must wake it.
const ASLEEP: u32 = 2;
/// There is a call for it, or it is in one.
pub(super) const CALLED: u32 = 3;
/// It shall leave, because the pool ends.
pub(super) const CLOSED: u32 = 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub job: Job,
    pub count: usize,
}

/// One thread's place: where calls are posted to it.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Seat {
    state: AtomicU32,
    /// Written by the caller while the thread is not in a call, read by the thread while it is.
    pub call: UnsafeCell<Option<Call>>,
    /// Set by the thread before it takes the seat; nobody ever waits for it.
    thread: OnceLock<Thread>,
}

// SAFETY: `call` is what keeps Seat from being Sync and Send. Its accesses alternate between the caller, of which the gate
// admits one, and the thread of the seat, and each side's are ordered by the state (posts) and by Team::left (returns).
// The closure that it points to is Sync, and the caller keeps it alive as Team::call explains.
unsafe impl Sync for Seat {}
// SAFETY: as above; the pointer is used only between post and return, whichever thread owns the memory of the seat.
unsafe impl Send for Seat {}

impl Seat {
    pub fn new() -> Seat {
        Seat { state: AtomicU32::new(EMPTY), call: UnsafeCell::new(None), thread: OnceLock::new() }
    }

    /// Whether its thread has come up, and so will answer a post.
    pub fn is_taken(&self) -> bool {
        self.state.load(Relaxed) != EMPTY
    }

    /// Whether its thread looks for a call, or soon will.
    pub fn is_awake(&self) -> bool {
        self.state.load(Relaxed) == IDLE
    }

    /// Wakes its thread where it sleeps, for calls that may come.
    pub fn wake(&self) {
        // Acquire: as for a post.
        if self.state.compare_exchange(ASLEEP, IDLE, Acquire, Relaxed).is_ok()
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The thread of the seat comes up; not if the pool has ended already.
    pub fn take(&self) -> bool {
        // It is the only one to come here, and the seat was empty.
        let _ = self.thread.set(thread::current());
        self.state.compare_exchange(EMPTY, IDLE, Release, Relaxed).is_ok()
    }

    /// Marks the seat and wakes its thread where it sleeps.
    pub fn post(&self, mark: u32) {
        // Release: publishes the call. Acquire: a thread that went to sleep did set its handle before.
        if self.state.swap(mark, AcqRel) == ASLEEP
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The thread is ready for the next call.
    pub fn rest(&self) {
        // Relaxed: what publishes it, and lets the next call come, is Team::leave, which follows.
        self.state.store(IDLE, Relaxed);
    }

    /// Waits for a post and returns its mark: awake for a while, then asleep.
    pub fn wait(&self) -> u32 {
        loop {
            if let Some(mark) = self.look() {
                return mark;
            }
            // Release: hands the thread's handle to the one who will wake it. If this fails, a post came first.
            if self.state.compare_exchange(IDLE, ASLEEP, Release, Relaxed).is_ok() {
                // A wake-up that comes between the exchange and the sleep is kept, and one too many only makes a turn here.
                while self.state.load(Relaxed) == ASLEEP {
                    thread::park();
                }
            }
        }
    }

    /// Looks for a post for as long as a thread stays awake, and returns its mark.
    fn look(&self) -> Option<u32> {
        let start = Instant::now();
        loop {
            // Reading the clock costs about as much as a look; so it is read after some of them.
            for _ in 0..32 {
                // Acquire: pairs with the release of the post.
                let state = self.state.load(Acquire);
                if state == CALLED || state == CLOSED {
                    return Some(state);
                }
                hint::spin_loop();
            }
            let awake = start.elapsed();
            if awake > AWAKE {
                return None;
            }
            if awake > AWAKE_ALONE {
                thread::yield_now();
            }
        }
    }
}
