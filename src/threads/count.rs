//! How many threads a team may have: what was set, else what the environment says, else what the machine gives.

use crate::Error;
use std::env;
use std::process;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;

/// The environment variable that sets the number of threads where [`set_num_threads`] does not.
pub const NUM_THREADS_VARIABLE: &str = "RUSTLSTM_NUM_THREADS";

/// The most threads that may be set. More than any one layer can use; less than what a slip of the finger asks for.
pub const MAX_THREADS: usize = 512;

// These are atomics and not locks or once-cells: a child that is forked in the middle of an initialisation would wait for
// ever. They guard nothing but their own value, and computing it twice gives the same, so relaxed accesses suffice.

/// What [`set_num_threads`] said; 0 before.
static SET: AtomicUsize = AtomicUsize::new(0);
/// What the environment says: `UNREAD`, or 0 for nothing.
static FROM_ENV: AtomicUsize = AtomicUsize::new(UNREAD);
const UNREAD: usize = usize::MAX;
/// What the machine gives (lower half) to a process id (upper half): a child may have been given other cores.
static FROM_MACHINE: AtomicU64 = AtomicU64::new(0);

/// The most workers that a team gets, the caller included.
///
/// By default the cores that this process may use, by affinity and by cgroup quota; `RUSTLSTM_NUM_THREADS` overrides
/// this, [`set_num_threads`] overrides both. What the variable says is read once; a value that is no number of threads is
/// ignored here and reported by [`num_threads_from_env`].
pub fn num_threads() -> usize {
    for_process(process::id())
}

/// [`num_threads`] of the running process, whose id the caller knows already: asking costs a system call.
pub(super) fn for_process(pid: u32) -> usize {
    match SET.load(Relaxed) {
        0 => {}
        set => return set,
    }
    let from_env = match FROM_ENV.load(Relaxed) {
        UNREAD => {
            let read = num_threads_from_env().ok().flatten().unwrap_or(0);
            FROM_ENV.store(read, Relaxed);
            read
        }
        read => read,
    };
    if from_env > 0 {
        return from_env;
    }
    let known = FROM_MACHINE.load(Relaxed);
    if (known >> 32) as u32 == pid {
        return known as u32 as usize;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    FROM_MACHINE.store(u64::from(pid) << 32 | cores as u64, Relaxed);
    cores
}

/// Sets the most workers that a team gets, from the next call on; more than there are cores is allowed.
pub fn set_num_threads(n: usize) -> Result<(), Error> {
    SET.store(checked("n", &n.to_string())?, Relaxed);
    Ok(())
}

/// What `RUSTLSTM_NUM_THREADS` says now: nothing, a number of threads, or an error that names it.
pub fn num_threads_from_env() -> Result<Option<usize>, Error> {
    match env::var_os(NUM_THREADS_VARIABLE) {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => checked(NUM_THREADS_VARIABLE, &text.to_string_lossy()).map(Some),
    }
}

fn checked(name: &str, text: &str) -> Result<usize, Error> {
    match text.trim().parse() {
        Ok(n) if (1..=MAX_THREADS).contains(&n) => Ok(n),
        _ => Err(Error::option(name, format_args!("a whole number from 1 to {MAX_THREADS}"), text)),
    }
}
