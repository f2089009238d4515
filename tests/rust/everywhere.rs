//! Runs a computation at every SIMD level and in teams of several sizes, and holds the results to be the same bits.

use crate::support::bits;
use rustlstm::simd::Level;
use rustlstm::threads;
use std::sync::{Mutex, MutexGuard};

/// Held by every test that sets the number of threads, which is the process's.
pub fn setting_threads() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The levels of this machine, the best one first.
pub fn levels() -> Vec<Level> {
    Level::available().into_iter().rev().collect()
}

/// What `run` gives at each level, the best one first. One, two and four threads must give the same bits, and so must all
/// levels with fused multiply-add.
pub fn everywhere(what: &str, run: impl Fn(Level) -> Vec<Vec<f32>>) -> Vec<Vec<Vec<f32>>> {
    let _guard = setting_threads();
    let before = threads::num_threads();
    let mut all: Vec<Vec<Vec<f32>>> = Vec::new();
    for level in levels() {
        threads::set_num_threads(1).expect("a number of threads");
        let alone = run(level);
        for count in [2, 4] {
            threads::set_num_threads(count).expect("a number of threads");
            same(&format!("{what}, {count} threads at {}", level.name()), &run(level), &alone);
        }
        if level.fused() {
            let first = all.first().unwrap_or(&alone);
            same(&format!("{what} at {}", level.name()), &alone, first);
        }
        all.push(alone);
    }
    threads::set_num_threads(before).expect("the number there was");
    all
}

/// Fails where two lists of arrays differ in a bit.
pub fn same(what: &str, got: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(bits(got) == bits(expected), "{what}: array {index} differs");
    }
}
