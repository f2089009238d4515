//! The second of the binding's moves: other Python threads run while a long call works.

use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// Multiply-adds, some tens of µs, above which letting go of the GIL costs less than it brings.
const LONG: usize = 1 << 20;

/// Calls `call`, without the GIL if its work is worth it.
pub fn released<T: Ungil>(py: Python<'_>, work: usize, call: impl FnOnce() -> T + Ungil) -> T {
    if work < LONG { call() } else { py.detach(call) }
}
