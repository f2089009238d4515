//! Attention of queries over the steps of sequences, for Python.

use super::array::{self, Input, fixed};
use super::errors::{guard, raise};
use super::gil::released;
use crate::layers::Steps;
use crate::layers::attention::{Attention, COST, Gradients, Inputs};
use numpy::prelude::*;
use numpy::{Ix3, PyArray3};
use pyo3::prelude::*;

type Array<'py> = Bound<'py, PyArray3<f32>>;

/// The arrays of a call, looked at, and how long their sequences are.
struct Given<'py> {
    arrays: [Input<'py>; 3],
    lengths: [Option<Vec<usize>>; 2],
    scale: f32,
}

impl<'py> Given<'py> {
    fn new(
        arrays: [&Bound<'py, PyAny>; 3],
        lengths: [Option<&Bound<'py, PyAny>>; 2],
        scale: f32,
    ) -> PyResult<Given<'py>> {
        let queries = Input::new("queries", arrays[0], &[("B", None), ("Q", None), ("D", None)])?;
        let (batch, time, width) = (queries.shape()[0], queries.shape()[1], queries.shape()[2]);
        let keys = Input::new("keys", arrays[1], &[("B", Some(batch)), ("K", None), ("D", Some(width))])?;
        let steps = keys.shape()[1];
        let values = Input::new("values", arrays[2], &[("B", Some(batch)), ("K", Some(steps)), ("E", None)])?;
        let [queries_end, keys_end] = lengths;
        let lengths = [
            queries_end.map(|ends| array::lengths(ends, batch, time)).transpose()?,
            keys_end.map(|ends| array::lengths(ends, batch, steps)).transpose()?,
        ];
        Ok(Given { arrays: [queries, keys, values], lengths, scale })
    }

    /// `[B, Q, D]`, `[B, K, D]` and `[B, K, E]`.
    fn shapes(&self) -> [[usize; 3]; 3] {
        self.arrays.each_ref().map(|array| array.shape().try_into().expect("three axes"))
    }

    fn attention(&self) -> PyResult<Attention<'_>> {
        let [[batch, time, width], [_, steps, _], [_, _, values_width]] = self.shapes();
        let [queries, keys] = self.lengths.each_ref().map(Option::as_deref);
        let queries = Steps::new(batch, time, queries).map_err(raise)?;
        let keys = Steps::new(batch, steps, keys).map_err(raise)?;
        Ok(Attention { queries, keys, width, values_width, scale: self.scale })
    }

    fn inputs(&self) -> Inputs<'_> {
        let [queries, keys, values] = self.arrays.each_ref().map(Input::slice);
        Inputs { queries, keys, values }
    }

    fn work(&self) -> usize {
        let [[batch, time, width], [_, steps, _], [_, _, values_width]] = self.shapes();
        batch * time * steps * (width + values_width + COST)
    }
}

/// y `[B, Q, E]` and the weights `[B, Q, K]`, for queries `[B, Q, D]`, keys `[B, K, D]` and values `[B, K, E]`.
#[pyfunction]
#[pyo3(signature = (queries, keys, values, query_lengths, lengths, scale, /))]
pub fn attention<'py>(
    py: Python<'py>,
    queries: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    query_lengths: Option<&Bound<'py, PyAny>>,
    lengths: Option<&Bound<'py, PyAny>>,
    scale: f32,
) -> PyResult<(Array<'py>, Array<'py>)> {
    guard(|| {
        let given = Given::new([queries, keys, values], [query_lengths, lengths], scale)?;
        let [[batch, time, _], [_, steps, _], [_, _, values_width]] = given.shapes();
        let (attention, level) = (given.attention()?, crate::simd::level().map_err(raise)?);
        let y = array::zeros::<f32, Ix3>(py, [batch, time, values_width])?;
        let weights = array::zeros::<f32, Ix3>(py, [batch, time, steps])?;
        {
            let (mut y, mut weights) = (y.readwrite(), weights.readwrite());
            let y = y.as_slice_mut().expect("a new array is contiguous");
            let weights = weights.as_slice_mut().expect("a new array is contiguous");
            let inputs = given.inputs();
            released(py, given.work(), || attention.forward(level, inputs, weights, y)).map_err(raise)?;
        }
        Ok((y, weights))
    })
}

/// (dqueries, dkeys, dvalues) for dy, with the weights of forward.
#[pyfunction]
#[pyo3(signature = (queries, keys, values, query_lengths, lengths, scale, weights, dy, /))]
pub fn attention_backward<'py>(
    py: Python<'py>,
    queries: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    query_lengths: Option<&Bound<'py, PyAny>>,
    lengths: Option<&Bound<'py, PyAny>>,
    scale: f32,
    weights: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
) -> PyResult<[Array<'py>; 3]> {
    guard(|| {
        let given = Given::new([queries, keys, values], [query_lengths, lengths], scale)?;
        let [[batch, time, _], [_, steps, _], [_, _, values_width]] = given.shapes();
        let weights = Input::new("weights", weights, &fixed(&[batch, time, steps]))?;
        let dy = Input::new("dy", dy, &fixed(&[batch, time, values_width]))?;
        let (attention, level) = (given.attention()?, crate::simd::level().map_err(raise)?);
        let [queries, keys, values] = given.shapes();
        let made: [Array<'py>; 3] = [array::zeros(py, queries)?, array::zeros(py, keys)?, array::zeros(py, values)?];
        {
            let mut targets = made.each_ref().map(|array| array.readwrite());
            let [queries, keys, values] =
                targets.each_mut().map(|target| target.as_slice_mut().expect("a new array is contiguous"));
            let gradients = Gradients { queries, keys, values };
            let (inputs, weights, dy) = (given.inputs(), weights.slice(), dy.slice());
            released(py, 2 * given.work(), || attention.backward(level, inputs, weights, dy, gradients))
                .map_err(raise)?;
        }
        Ok(made)
    })
}
