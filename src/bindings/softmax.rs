//! Softmax and its logarithm over the last axis, for Python.

use super::array::{self, Input, fixed};
use super::errors::{guard, raise};
use super::gil::released;
use crate::Error;
use crate::layers::softmax::{COST, Softmax};
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

/// Softmax over the last axis of x `[B, .., N]`, or its logarithm; with lengths `[B]` over so many entries, zeros behind.
#[pyfunction]
#[pyo3(signature = (x, lengths, log, /))]
pub fn softmax<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    log: bool,
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let x = Input::any_shape("x", x)?;
        let (shape, lengths) = rows(&x, lengths)?;
        let softmax = Softmax { shape, lengths: lengths.as_deref(), log };
        let level = crate::simd::level().map_err(raise)?;
        let y = array::zeros(py, x.shape())?;
        {
            let mut target = y.readwrite();
            let (x, to) = (x.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            released(py, x.len() * COST, || softmax.forward(level, x, to)).map_err(raise)?;
        }
        Ok(y)
    })
}

/// dx for dy, with the y of forward.
#[pyfunction]
#[pyo3(signature = (y, lengths, log, dy, /))]
pub fn softmax_backward<'py>(
    py: Python<'py>,
    y: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    log: bool,
    dy: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let y = Input::any_shape("y", y)?;
        let dy = Input::new("dy", dy, &fixed(y.shape()))?;
        let (shape, lengths) = rows(&y, lengths)?;
        let softmax = Softmax { shape, lengths: lengths.as_deref(), log };
        let level = crate::simd::level().map_err(raise)?;
        let dx = array::zeros(py, y.shape())?;
        {
            let mut target = dx.readwrite();
            let (y, dy, to) = (y.slice(), dy.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            released(py, y.len() * COST, || softmax.backward(level, y, dy, to)).map_err(raise)?;
        }
        Ok(dx)
    })
}

/// The extents `[B, M, N]` of an array `[B, .., N]` or `[N]`, and the lengths of its rows.
fn rows(x: &Input<'_>, lengths: Option<&Bound<'_, PyAny>>) -> PyResult<([usize; 3], Option<Vec<usize>>)> {
    let shape = match *x.shape() {
        [batch, ref rest @ .., width] => [batch, rest.iter().product(), width],
        [width] if lengths.is_none() => [1, 1, width],
        ref other => {
            let expected = if lengths.is_some() { "[B, .., N]" } else { "[.., N]" };
            return Err(raise(Error::shape("x", expected, format!("{other:?}"))));
        }
    };
    let lengths = lengths.map(|lengths| array::lengths(lengths, shape[0], shape[2])).transpose()?;
    Ok((shape, lengths))
}
