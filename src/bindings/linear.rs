//! A linear map of each step, for Python.

use super::array::{self, Input, fixed};
use super::errors::{guard, raise};
use super::gil::released;
use super::steps::Batch;
use crate::layers::linear::{Gradients, Linear};
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

type Array<'py> = Bound<'py, PyArrayDyn<f32>>;

/// y `[.., O]` for x `[.., C]` and weight `[O, C]`; zeros behind the end of a sequence.
#[pyfunction]
#[pyo3(signature = (x, lengths, weight, bias, /))]
pub fn linear<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
    bias: Option<&Bound<'py, PyAny>>,
) -> PyResult<Array<'py>> {
    guard(|| {
        let weight = Input::new("weight", weight, &[("O", None), ("C", None)])?;
        let features = [weight.shape()[0], weight.shape()[1]];
        let bias = bias.map(|bias| Input::new("bias", bias, &[("O", Some(features[0]))])).transpose()?;
        let (input, batch) = Batch::new(x, Some(features[1]), lengths)?;
        let (level, steps) = (crate::simd::level().map_err(raise)?, batch.steps()?);
        let y = array::zeros(py, with_width(input.shape(), features[0]))?;
        {
            let mut target = y.readwrite();
            let (x, to) = (input.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            let linear = Linear { weight: weight.slice(), bias: bias.as_ref().map(Input::slice), features };
            released(py, x.len() * features[0], || linear.forward(level, x, &steps, to)).map_err(raise)?;
        }
        Ok(y)
    })
}

/// (dx, dweight, dbias), each `None` unless it is asked for.
#[pyfunction]
#[pyo3(signature = (x, lengths, weight, dy, wanted, /))]
pub fn linear_backward<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    wanted: [bool; 3],
) -> PyResult<[Option<Array<'py>>; 3]> {
    guard(|| {
        let weight = Input::new("weight", weight, &[("O", None), ("C", None)])?;
        let features = [weight.shape()[0], weight.shape()[1]];
        let (input, batch) = Batch::new(x, Some(features[1]), lengths)?;
        let (level, steps) = (crate::simd::level().map_err(raise)?, batch.steps()?);
        let dy = Input::new("dy", dy, &fixed(&with_width(input.shape(), features[0])))?;
        let shapes = [input.shape(), &features[..], &features[..1]];
        let dx = wanted[0].then(|| array::zeros(py, shapes[0])).transpose()?;
        let sums = |i: usize| wanted[i].then(|| array::sums(py, shapes[i])).transpose();
        let made: [Option<Array<'py>>; 3] = [dx, sums(1)?, sums(2)?];
        {
            let mut targets = made.each_ref().map(|array| array.as_ref().map(|array| array.readwrite()));
            let [dx, dweight, dbias] = targets
                .each_mut()
                .map(|target| target.as_mut().map(|target| target.as_slice_mut().expect("a new array is contiguous")));
            let gradients = Gradients { x: dx, weight: dweight, bias: dbias };
            let (x, dy) = (input.slice(), dy.slice());
            let linear = Linear { weight: weight.slice(), bias: None, features };
            released(py, 2 * x.len() * features[0], || linear.backward(level, x, &steps, dy, gradients))
                .map_err(raise)?;
        }
        Ok(made)
    })
}

/// `shape` with another last extent.
fn with_width(shape: &[usize], width: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    *shape.last_mut().expect("a batch has channels") = width;
    shape
}
