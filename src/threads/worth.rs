//! How many workers a piece of work is worth.
//!
//! Waking a thread takes some tens of microseconds, and a call that is done sooner does without. But a thread that is awake
//! answers at once: it also shares calls of a few microseconds, and stays awake as long as they follow one another within a
//! millisecond, as the steps of a stream or the tokens of a sample do.

use super::{count, crowd, num_threads, team};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Multiply-adds below which waking a second worker costs more than it brings: some ten microseconds' work.
const WORK_PER_WORKER: usize = 200_000;
/// The same of a worker who is awake: some microseconds' work.
const WORK_PER_AWAKE: usize = 40_000;
/// One of so many calls that only the awake would share, and that found someone asleep, wakes the others for those that
/// come after it. Where such calls are few, this is next to nothing; where they are many, it is soon done.
const CALLS_PER_WAKING: u32 = 32;

/// How many of these calls there were. It guards nothing.
static ALONE: AtomicU32 = AtomicU32::new(0);

/// Workers worth having for so many multiply-adds in all; what costs more than that each, like a power, counts for more.
/// May build the pool, but waits for nobody.
pub fn worth(work: usize) -> usize {
    match work / WORK_PER_WORKER {
        0 | 1 => worth_while_awake(work / WORK_PER_AWAKE),
        workers => workers.min(num_threads()),
    }
}

/// The most that [`worth`] may say of so much work, whoever is awake.
pub fn worth_at_most(work: usize) -> usize {
    match work / WORK_PER_AWAKE {
        0 | 1 => 1,
        workers => workers.min(num_threads()),
    }
}

fn worth_while_awake(workers: usize) -> usize {
    if workers < 2 {
        return 1; // not worth asking how many there are
    }
    let pid = process::id();
    let limit = count::for_process(pid);
    let wanted = workers.min(limit);
    if wanted < 2 || crowd::crowded_for_small() {
        return 1;
    }
    let awake = team::awake(pid, wanted);
    if awake < wanted && ALONE.fetch_add(1, Relaxed) % CALLS_PER_WAKING == CALLS_PER_WAKING - 1 {
        team::wake(pid, wanted, limit);
    }
    awake
}
