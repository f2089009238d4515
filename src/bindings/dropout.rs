//! Dropout, for Python.

use super::array;
use super::errors::{guard, raise};
use super::gil::released;
use super::steps::Batch;
use crate::layers::dropout::Dropout;
use crate::rng::Key;
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

/// `x` times the masks of the pass `draw`, a (seed, step); zeros behind the end of a sequence. Backward is the same call.
#[pyfunction]
#[pyo3(signature = (x, lengths, p, locked, draw, /))]
pub fn dropout<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    p: f32,
    locked: bool,
    draw: (u64, u64),
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let (input, batch) = Batch::new(x, None, lengths)?;
        let (level, steps) = (crate::simd::level().map_err(raise)?, batch.steps()?);
        let dropout = Dropout::new(p, locked, Key::new(draw.0, draw.1)).map_err(raise)?;
        let y = array::zeros(py, input.shape())?;
        {
            let mut target = y.readwrite();
            let (x, to) = (input.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            released(py, x.len() * 12, || dropout.apply(level, x, &steps, batch.channels, to)).map_err(raise)?;
        }
        Ok(y)
    })
}
