//! What goes wrong in Rust, as Python exceptions.

use crate::Error;
use crate::buffer::OutOfMemory;
use crate::threads::Interrupted;
use pyo3::PyErr;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

pyo3::create_exception!(
    rustlstm,
    RustPanic,
    PyRuntimeError,
    "A defect in rustlstm: its native code stopped half-way. The arguments are intact; please report the message."
);

/// The exception for an error: its sentence, as a `ValueError` or, for a missing level, a `RuntimeError`.
pub fn raise(error: Error) -> PyErr {
    match error {
        Error::Shape { .. } | Error::Option { .. } | Error::File { .. } => PyValueError::new_err(error.to_string()),
        Error::Level { .. } => PyRuntimeError::new_err(error.to_string()),
    }
}

thread_local! {
    /// What a signal's handler raised during the call under way, for [`guard`] to raise.
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Lets Python handle its signals, on whose main thread alone this does anything; true if a handler raised, as that of
/// Ctrl-C does. Long calls ask this.
pub fn interrupted() -> bool {
    let outcome = Python::attach(|py| py.check_signals());
    outcome.is_err_and(|raised| {
        RAISED.set(Some(raised));
        true
    })
}

/// Every entry point runs in here: a panic becomes [`RustPanic`], which `except Exception` sees; `PyO3`'s own is a
/// `BaseException` and ends the program.
pub fn guard<T>(entry: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // Unwind safety: what an entry point may leave half-written are the caller's output arrays and a stream's state; both
    // stay valid numbers, and the error tells that the call did not finish.
    catch_unwind(AssertUnwindSafe(entry)).unwrap_or_else(|payload| {
        let raised = payload.is::<Interrupted>().then(|| RAISED.take()).flatten();
        let refused = |memory: &OutOfMemory| PyMemoryError::new_err(format!("no room for {} bytes", memory.bytes));
        let raised = raised.or_else(|| payload.downcast_ref().map(refused));
        Err(raised.unwrap_or_else(|| RustPanic::new_err(message(&*payload))))
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_string()
}
