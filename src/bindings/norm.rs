//! Layer normalisation, for Python.

use super::array::{self, Input};
use super::errors::{guard, raise};
use super::gil::released;
use super::steps::Batch;
use crate::layers::norm::{Gradients, LayerNorm};
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

type Array<'py> = Bound<'py, PyArrayDyn<f32>>;

/// (y, what backward needs of this pass or None).
#[pyfunction]
#[pyo3(signature = (x, lengths, weight, bias, epsilon, record, /))]
pub fn layer_norm<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
    bias: Option<&Bound<'py, PyAny>>,
    epsilon: f32,
    record: bool,
) -> PyResult<(Array<'py>, Option<Array<'py>>)> {
    guard(|| {
        let weight = Input::new("weight", weight, &[("C", None)])?;
        let channels = weight.shape()[0];
        let bias = bias.map(|bias| Input::new("bias", bias, &[("C", Some(channels))])).transpose()?;
        let (input, batch) = Batch::new(x, Some(channels), lengths)?;
        let (level, steps) = (crate::simd::level().map_err(raise)?, batch.steps()?);
        let y = array::zeros(py, input.shape())?;
        let kept = record.then(|| array::zeros(py, [steps.rows(), 2])).transpose()?;
        {
            let mut target = y.readwrite();
            let mut kept = kept.as_ref().map(|kept| kept.readwrite());
            let kept = kept.as_mut().map(|kept| kept.as_slice_mut().expect("a new array is contiguous"));
            let (x, to) = (input.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            let norm = LayerNorm { weight: weight.slice(), bias: bias.as_ref().map(Input::slice), epsilon };
            released(py, x.len() * 4, || norm.forward(level, x, &steps, to, kept)).map_err(raise)?;
        }
        Ok((y, kept))
    })
}

/// (dx or None, dweight, dbias).
#[pyfunction]
#[pyo3(signature = (x, lengths, weight, kept, dy, need_dx, /))]
pub fn layer_norm_backward<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
    kept: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    need_dx: bool,
) -> PyResult<(Option<Array<'py>>, Array<'py>, Array<'py>)> {
    guard(|| {
        let weight = Input::new("weight", weight, &[("C", None)])?;
        let channels = weight.shape()[0];
        let (input, batch) = Batch::new(x, Some(channels), lengths)?;
        let (level, steps) = (crate::simd::level().map_err(raise)?, batch.steps()?);
        let kept = Input::new("kept", kept, &[("rows", Some(steps.rows())), ("", Some(2))])?;
        let dy = Input::new("dy", dy, &array::fixed(input.shape()))?;
        let dx = need_dx.then(|| array::zeros(py, input.shape())).transpose()?;
        let [dweight, dbias] = [array::zeros(py, [channels])?, array::zeros(py, [channels])?];
        {
            let mut dx = dx.as_ref().map(|dx| dx.readwrite());
            let (mut to_weight, mut to_bias) = (dweight.readwrite(), dbias.readwrite());
            let gradients = Gradients {
                x: dx.as_mut().map(|dx| dx.as_slice_mut().expect("a new array is contiguous")),
                weight: to_weight.as_slice_mut().expect("a new array is contiguous"),
                bias: to_bias.as_slice_mut().expect("a new array is contiguous"),
            };
            let (x, kept, dy) = (input.slice(), kept.slice(), dy.slice());
            let norm = LayerNorm { weight: weight.slice(), bias: None, epsilon: 0.0 };
            released(py, x.len() * 4, || norm.backward(level, x, &steps, kept, dy, gradients)).map_err(raise)?;
        }
        Ok((dx, dweight, dbias))
    })
}
