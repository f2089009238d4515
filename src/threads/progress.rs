//! How far one worker has come, for another one that follows it.

use super::barrier::Padded;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};

/// A place that a worker has reached, see [`Worker::follow`](super::Worker::follow).
#[derive(Debug, Default)]
pub struct Progress(Padded<AtomicUsize>);

impl Progress {
    /// Nothing is done.
    pub const fn new() -> Progress {
        Progress(Padded(AtomicUsize::new(0)))
    }

    /// Tells that everything before `place` is done. What this worker wrote until now is visible to whoever follows it
    /// as far as there.
    #[inline]
    pub fn reach(&self, place: usize) {
        self.0.0.store(place, Release);
    }

    pub(super) fn has_reached(&self, place: usize) -> bool {
        self.0.0.load(Acquire) >= place
    }
}
