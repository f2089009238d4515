//! Convolution, for Python.

use super::array::{self, Input};
use super::errors::{guard, raise};
use super::gil::released;
use super::images::{Images, Window};
use crate::Error;
use crate::layers::conv::{Conv, Gradients};
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

type Array<'py> = Bound<'py, PyArrayDyn<f32>>;

/// The weight `[O, C, k]` or `[O, C, kh, kw]`, for these windows on x.
fn weight_of<'py>(weight: &Bound<'py, PyAny>, window: &Window, x: &Input<'_>, images: &Images) -> PyResult<Input<'py>> {
    let mut axes = vec![("O", None), ("C", None)];
    axes.extend(window.iter().map(|axis| ("", Some(axis.0))));
    let weight = Input::new("weight", weight, &axes)?;
    match weight.shape()[1] {
        channels if channels == images.channels => Ok(weight),
        channels => {
            let front = if window.len() == 1 { "T" } else { "H, W" };
            Err(raise(Error::shape("x", format!("[.., {front}, C={channels}]"), format!("{:?}", x.shape()))))
        }
    }
}

/// The convolution of `x`.
#[pyfunction]
#[pyo3(signature = (x, lengths, weight, bias, window, /))]
pub fn conv<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
    bias: Option<&Bound<'py, PyAny>>,
    window: Window,
) -> PyResult<Array<'py>> {
    guard(|| {
        let input = Input::any_shape("x", x)?;
        let images = Images::new(input.shape(), &window, lengths)?;
        let slide = images.slide()?;
        let weight = weight_of(weight, &window, &input, &images)?;
        let outputs = weight.shape()[0];
        let bias = bias.map(|bias| Input::new("bias", bias, &[("O", Some(outputs))])).transpose()?;
        let level = crate::simd::level().map_err(raise)?;
        let y = array::zeros(py, images.out_shape(&slide, outputs))?;
        {
            let mut target = y.readwrite();
            let (x, to) = (input.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            let channels = [outputs, images.channels];
            let conv = Conv { weight: weight.slice(), bias: bias.as_ref().map(Input::slice), channels };
            let work = to.len().saturating_mul(images.channels * slide.area());
            released(py, work, || conv.forward(level, x, &slide, to)).map_err(raise)?;
        }
        Ok(y)
    })
}

/// (dx, dweight, dbias), each None if it was not asked for.
#[pyfunction]
#[pyo3(signature = (x, lengths, weight, window, dy, need_dx, need_parameters, /))]
pub fn conv_backward<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
    window: Window,
    dy: &Bound<'py, PyAny>,
    need_dx: bool,
    need_parameters: bool,
) -> PyResult<(Option<Array<'py>>, Option<Array<'py>>, Option<Array<'py>>)> {
    guard(|| {
        let input = Input::any_shape("x", x)?;
        let images = Images::new(input.shape(), &window, lengths)?;
        let slide = images.slide()?;
        let weight = weight_of(weight, &window, &input, &images)?;
        let outputs = weight.shape()[0];
        let dy = Input::new("dy", dy, &array::fixed(&images.out_shape(&slide, outputs)))?;
        let level = crate::simd::level().map_err(raise)?;
        let dx = need_dx.then(|| array::zeros(py, input.shape())).transpose()?;
        let dweight = need_parameters.then(|| array::sums(py, weight.shape())).transpose()?;
        let dbias = need_parameters.then(|| array::sums(py, [outputs])).transpose()?;
        {
            let [mut to_x, mut to_weight, mut to_bias] =
                [&dx, &dweight, &dbias].map(|array| array.as_ref().map(|array| array.readwrite()));
            let [to_x, to_weight, to_bias] = [&mut to_x, &mut to_weight, &mut to_bias]
                .map(|array| array.as_mut().map(|array| array.as_slice_mut().expect("a new array is contiguous")));
            let gradients = Gradients { x: to_x, parameters: to_weight.zip(to_bias) };
            let (x, dy) = (input.slice(), dy.slice());
            let conv = Conv { weight: weight.slice(), bias: None, channels: [outputs, images.channels] };
            let work = dy.len().saturating_mul(images.channels * slide.area());
            released(py, work, || conv.backward(level, x, &slide, dy, gradients)).map_err(raise)?;
        }
        Ok((dx, dweight, dbias))
    })
}
