//! First values of parameters, for Python.

use super::array;
use super::errors::guard;
use crate::layers::init;
use numpy::PyArrayDyn;
use pyo3::prelude::*;

/// Draws from U(-bound, bound); `stream` numbers the parameters of a layer.
#[pyfunction]
#[pyo3(signature = (shape, bound, seed, stream, /))]
pub fn draw_uniform<'py>(
    py: Python<'py>,
    shape: Vec<usize>,
    bound: f32,
    seed: u64,
    stream: u64,
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let mut values = vec![0.0; shape.iter().product()];
        init::uniform(&mut values, bound, seed, stream);
        array::output(py, &shape, &values)
    })
}
