//! Pooling over windows and over sequences, for Python.

use super::array::{self, Input};
use super::errors::{guard, raise};
use super::gil::released;
use super::images::{Images, Window};
use super::steps::Batch;
use crate::Error;
use crate::layers::Steps;
use crate::layers::pool::{self, Over};
use numpy::prelude::*;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn};
use pyo3::prelude::*;

type Array<'py> = Bound<'py, PyArrayDyn<f32>>;
/// Where maxima were found.
type Places<'py> = Bound<'py, PyArrayDyn<u32>>;

/// Borrows places as they were handed out, for a dy of this shape.
fn places_of<'py>(places: &Bound<'py, PyArrayDyn<u32>>, shape: &[usize]) -> PyResult<PyReadonlyArrayDyn<'py, u32>> {
    if places.shape() == shape && places.is_c_contiguous() {
        Ok(places.readonly())
    } else {
        Err(raise(Error::shape("places", format!("{shape:?}"), format!("{:?}", places.shape()))))
    }
}

/// The maxima of the windows on `x`, and where they were found.
#[pyfunction]
#[pyo3(signature = (x, lengths, window, /))]
pub fn max_pool<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    window: Window,
) -> PyResult<(Array<'py>, Places<'py>)> {
    guard(|| {
        let input = Input::any_shape("x", x)?;
        let images = Images::new(input.shape(), &window, lengths)?;
        let slide = images.slide()?;
        let shape = images.out_shape(&slide, images.channels);
        let (y, places) = (array::zeros(py, &shape)?, array::zeros(py, shape)?);
        {
            let (mut y, mut places) = (y.readwrite(), places.readwrite());
            let y = y.as_slice_mut().expect("a new array is contiguous");
            let places = places.as_slice_mut().expect("a new array is contiguous");
            let (x, work) = (input.slice(), y.len().saturating_mul(slide.area()));
            released(py, work, || pool::max(x, &slide, images.channels, y, places)).map_err(raise)?;
        }
        Ok((y, places))
    })
}

/// The means of the windows on `x`.
#[pyfunction]
#[pyo3(signature = (x, lengths, window, /))]
pub fn avg_pool<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    window: Window,
) -> PyResult<Array<'py>> {
    guard(|| {
        let input = Input::any_shape("x", x)?;
        let images = Images::new(input.shape(), &window, lengths)?;
        let slide = images.slide()?;
        let y = array::zeros(py, images.out_shape(&slide, images.channels))?;
        {
            let mut y = y.readwrite();
            let y = y.as_slice_mut().expect("a new array is contiguous");
            let (x, work) = (input.slice(), y.len().saturating_mul(slide.area()));
            released(py, work, || pool::average(x, &slide, images.channels, y)).map_err(raise)?;
        }
        Ok(y)
    })
}

/// The gradient of an `x` of this shape: of maxima where `places` are given, else of means.
#[pyfunction]
#[pyo3(signature = (dy, places, lengths, window, shape, /))]
pub fn window_pool_backward<'py>(
    py: Python<'py>,
    dy: &Bound<'py, PyAny>,
    places: Option<&Bound<'py, PyArrayDyn<u32>>>,
    lengths: Option<&Bound<'py, PyAny>>,
    window: Window,
    shape: Vec<usize>,
) -> PyResult<Array<'py>> {
    guard(|| {
        let images = Images::new(&shape, &window, lengths)?;
        let slide = images.slide()?;
        let out_shape = images.out_shape(&slide, images.channels);
        let dy = Input::new("dy", dy, &array::fixed(&out_shape))?;
        let places = places.map(|places| places_of(places, &out_shape)).transpose()?;
        let dx = array::zeros(py, shape)?;
        {
            let mut to = dx.readwrite();
            let to = to.as_slice_mut().expect("a new array is contiguous");
            let places = places.as_ref().map(|places| places.as_slice().expect("checked to be contiguous"));
            let (dy, work) = (dy.slice(), dy.slice().len().saturating_mul(slide.area()));
            released(py, work, || match places {
                Some(places) => pool::max_backward(dy, places, &slide, images.channels, to),
                None => pool::average_backward(dy, &slide, images.channels, to),
            })
            .map_err(raise)?;
        }
        Ok(dx)
    })
}

/// What each sequence of `x` becomes, and for "max" where it was found.
#[pyfunction]
#[pyo3(signature = (kind, x, lengths, /))]
pub fn pool_steps<'py>(
    py: Python<'py>,
    kind: &str,
    x: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Array<'py>, Option<Places<'py>>)> {
    guard(|| {
        let over: Over = kind.parse().map_err(raise)?;
        let input = Input::new("x", x, &[("B", None), ("T", None), ("C", None)])?;
        let (_, batch) = Batch::new(input.array(), None, lengths)?;
        let steps = batch.steps()?;
        let shape = [steps.batch(), batch.channels];
        let y = array::zeros(py, &shape)?;
        let places = (over == Over::Max).then(|| array::zeros(py, &shape)).transpose()?;
        {
            let mut y = y.readwrite();
            let y = y.as_slice_mut().expect("a new array is contiguous");
            let mut places = places.as_ref().map(|places| places.readwrite());
            let places = places.as_mut().map(|places| places.as_slice_mut().expect("a new array is contiguous"));
            let (x, places) = (input.slice(), places.unwrap_or_default());
            released(py, x.len(), || pool::sequences(over, x, &steps, batch.channels, y, places)).map_err(raise)?;
        }
        Ok((y, places))
    })
}

/// The gradient of an `x` of `time` steps.
#[pyfunction]
#[pyo3(signature = (kind, dy, places, lengths, time, /))]
pub fn pool_steps_backward<'py>(
    py: Python<'py>,
    kind: &str,
    dy: &Bound<'py, PyAny>,
    places: Option<&Bound<'py, PyArrayDyn<u32>>>,
    lengths: Option<&Bound<'py, PyAny>>,
    time: usize,
) -> PyResult<Array<'py>> {
    guard(|| {
        let over: Over = kind.parse().map_err(raise)?;
        let dy = Input::new("dy", dy, &[("B", None), ("C", None)])?;
        let (batch, channels) = (dy.shape()[0], dy.shape()[1]);
        let lengths = lengths.map(|lengths| array::lengths(lengths, batch, time)).transpose()?;
        let steps = Steps::new(batch, time, lengths.as_deref()).map_err(raise)?;
        let places = places.map(|places| places_of(places, dy.shape())).transpose()?;
        let dx = array::zeros(py, [batch, time, channels])?;
        {
            let mut to = dx.readwrite();
            let to = to.as_slice_mut().expect("a new array is contiguous");
            let places = places.as_ref().map(|places| places.as_slice().expect("checked to be contiguous"));
            let (dy, places, work) = (dy.slice(), places.unwrap_or_default(), to.len());
            released(py, work, || pool::sequences_backward(over, dy, places, &steps, channels, to)).map_err(raise)?;
        }
        Ok(dx)
    })
}
