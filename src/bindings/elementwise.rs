//! Functions of one number over whole arrays, for Python.

use super::array::{self, Input, fixed};
use super::errors::{guard, raise};
use super::gil::released;
use crate::Error;
use crate::kernels::elementwise::{self, Function};
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

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

/// Each element to the power of the element of `p` at its place.
#[pyfunction]
#[pyo3(signature = (x, p, /))]
pub fn powers<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    p: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let x = Input::any_shape("x", x)?;
        let p = Input::new("p", p, &fixed(x.shape()))?;
        let y = array::zeros(py, x.shape())?;
        let mut target = y.readwrite();
        let (x, p, out) = (x.slice(), p.slice(), target.as_slice_mut().expect("a new array is contiguous"));
        released(py, x.len().saturating_mul(elementwise::POWER_COST), || elementwise::powers(x, p, out));
        drop(target);
        Ok(y)
    })
}

fn apply<'py>(py: Python<'py>, function: Function, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    let x = Input::any_shape("x", x)?;
    let level = crate::simd::level().map_err(raise)?;
    let y = array::zeros(py, x.shape())?;
    let mut target = y.readwrite();
    let (x, out) = (x.slice(), target.as_slice_mut().expect("a new array is contiguous"));
    let work = x.len().saturating_mul(function.cost());
    released(py, work, || elementwise::apply(level, function, x, out));
    drop(target);
    Ok(y)
}
