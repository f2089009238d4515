//! A place where workers wait for each other.

use std::hint;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Looks at a condition before the core is offered to someone else: some microseconds, longer than a barrier or a post
/// takes when all are at their places, and short enough where there are more threads than cores.
const SPINS: usize = 200;

/// Waits until `done`: spins first, then yields, for two spinning threads would stall each other where a third process
/// takes one of their cores. `slow` runs before each look after the spinning. Says how long that lasted.
#[inline]
pub(super) fn wait_until(done: impl Fn() -> bool, slow: impl Fn()) -> Duration {
    for _ in 0..SPINS {
        if done() {
            return Duration::ZERO;
        }
        hint::spin_loop();
    }
    let began = Instant::now();
    while !done() {
        slow();
        thread::yield_now();
    }
    began.elapsed()
}

/// Keeps what one core writes often out of the lines that another core reads; two lines, since they are fetched in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
pub(super) struct Padded<T>(pub T);

/// The payload of the unwinding that takes a worker out of a barrier that can no longer be passed.
pub(super) struct Abandoned;

/// A barrier for some of the workers of a team: see [`Worker::barrier_of`](super::Worker::barrier_of).
#[derive(Debug, Default)]
pub struct Barrier {
    arrived: Padded<AtomicUsize>,
    generation: Padded<AtomicUsize>,
}

impl Barrier {
    /// A barrier that nobody has reached yet.
    pub const fn new() -> Barrier {
        Barrier { arrived: Padded(AtomicUsize::new(0)), generation: Padded(AtomicUsize::new(0)) }
    }

    /// Returns when `size` workers have called, and says how long that took; unwinds with [`Abandoned`] if they never will.
    ///
    /// `abandoned` may say so once it is certain that one of them does not come, and its answer must happen after
    /// whatever that one did before.
    pub(super) fn wait(&self, size: usize, abandoned: impl Fn() -> bool) -> Duration {
        if size <= 1 {
            return Duration::ZERO;
        }
        // The generation cannot move before this worker arrives, and the last move happened before this worker came here
        // (it saw it, or the call that began the team did): a relaxed load reads the present one.
        let generation = self.generation.0.load(Ordering::Relaxed);
        // Release: what this worker wrote is published with its arrival. Acquire: the last to arrive has read every
        // arrival, each of which continues the release sequence of those before.
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == size {
            // Ordered before the release below, and so before anyone arrives for the next generation.
            self.arrived.0.store(0, Ordering::Relaxed);
            // Release: hands on everything that the last one acquired to those who see the move.
            self.generation.0.store(generation.wrapping_add(1), Ordering::Release);
            return Duration::ZERO;
        }
        let passed = || self.generation.0.load(Ordering::Acquire) != generation;
        wait_until(passed, || {
            // In this order: one who left by passing this barrier saw the generation move before it left.
            if abandoned() && !passed() {
                panic::resume_unwind(Box::new(Abandoned));
            }
        })
    }

    /// Forgets those who arrived and were never let through. Nobody may be using the barrier.
    pub(super) fn reset(&self) {
        self.arrived.0.store(0, Ordering::Relaxed);
    }
}
