//! Functions of one number over whole arrays, for Python.

use super::array::Input;
use super::errors::{guard, raise};
use crate::Error;
use crate::kernels::elementwise::{self, Function};
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

/// Above this many multiply-adds (some tens of µs) a call lets other Python threads run.
const LONG: usize = 1 << 20;

/// A function of each element: "exp", "log", "tanh", "sigmoid" or "softplus".
#[pyfunction]
#[pyo3(signature = (kind, x, /))]
pub fn unary<'py>(py: Python<'py>, kind: &str, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| apply(py, kind.parse().map_err(raise)?, x))
}

/// Each element to the power of `p`.
#[pyfunction]
#[pyo3(signature = (x, p, /))]
pub fn power<'py>(py: Python<'py>, x: &Bound<'py, PyAny>, p: f64) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        if !p.is_finite() {
            return Err(raise(Error::option("the exponent", "a finite number", p)));
        }
        apply(py, Function::Power(p), x)
    })
}

fn apply<'py>(py: Python<'py>, function: Function, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    let x = Input::any_shape("x", x)?;
    let level = crate::simd::level().map_err(raise)?;
    let y = PyArrayDyn::zeros(py, x.shape(), false);
    let mut target = y.readwrite();
    let (x, out) = (x.slice(), target.as_slice_mut().expect("a new array is contiguous"));
    let long = x.len().saturating_mul(function.cost()) > LONG;
    let mut call = move || elementwise::apply(level, function, x, out);
    if long {
        py.detach(call)
    } else {
        call()
    };
    drop(target);
    Ok(y)
}
