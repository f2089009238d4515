//! Rows of a table by their numbers, for Python.

use super::array::{self, Input, Output, fixed};
use super::errors::{guard, raise};
use super::gil::released;
use crate::Error;
use crate::layers::Steps;
use crate::layers::embedding::Embedding;
use numpy::prelude::*;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn};
use pyo3::prelude::*;

/// y `[.., E]` for ids `[..]` and weight `[V, E]`; zeros behind the end of a sequence.
#[pyfunction]
#[pyo3(signature = (ids, lengths, weight, /))]
pub fn embedding<'py>(
    py: Python<'py>,
    ids: &Bound<'py, PyAny>,
    lengths: Option<&Bound<'py, PyAny>>,
    weight: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let weight = Input::new("weight", weight, &[("V", None), ("E", None)])?;
        let table = Embedding { count: weight.shape()[0], width: weight.shape()[1], padding_index: None };
        let ids = Ids::new(ids, lengths)?;
        let steps = ids.checked_steps(&table)?;
        let y = array::zeros(py, ids.with_width(table.width))?;
        {
            let mut target = y.readwrite();
            let (ids, weight, to) = (ids.slice(), weight.slice(), target.as_slice_mut().expect("a new array"));
            released(py, to.len(), || table.forward(weight, ids, &steps, to)).map_err(raise)?;
        }
        Ok(y)
    })
}

/// Adds the gradient of the weight `[V, E]` for dy `[.., E]` to `dweight`.
#[pyfunction]
#[pyo3(signature = (ids, lengths, padding_index, dy, dweight, /))]
pub fn embedding_backward(
    py: Python<'_>,
    ids: &Bound<'_, PyAny>,
    lengths: Option<&Bound<'_, PyAny>>,
    padding_index: Option<usize>,
    dy: &Bound<'_, PyAny>,
    dweight: &Bound<'_, PyAny>,
) -> PyResult<()> {
    guard(|| {
        let mut target = Output::new("dweight", dweight, &[("V", None), ("E", None)])?;
        let [count, width] = [target.shape()[0], target.shape()[1]];
        let table = Embedding { count, width, padding_index };
        let ids = Ids::new(ids, lengths)?;
        let steps = ids.checked_steps(&table)?;
        let dy = Input::new("dy", dy, &fixed(&ids.with_width(width)))?;
        let level = crate::simd::level().map_err(raise)?;
        let (ids, dy, to) = (ids.slice(), dy.slice(), target.slice());
        released(py, dy.len(), || table.backward(level, ids, &steps, dy, to)).map_err(raise)
    })
}

/// Numbers of rows, and which of them count.
struct Ids<'py> {
    numbers: PyReadonlyArrayDyn<'py, i64>,
    lengths: Option<Vec<usize>>,
}

impl<'py> Ids<'py> {
    /// `ids` `[B, T]` with lengths `[B]`, or of any shape without.
    fn new(ids: &Bound<'py, PyAny>, lengths: Option<&Bound<'py, PyAny>>) -> PyResult<Self> {
        let numbers = array::integers("ids", ids)?.readonly();
        let lengths = match (lengths, numbers.shape()) {
            (None, _) => None,
            (Some(lengths), [batch, time]) => Some(array::lengths(lengths, *batch, *time)?),
            (Some(_), other) => return Err(raise(Error::shape("ids", "[B, T]", format!("{other:?}")))),
        };
        Ok(Ids { numbers, lengths })
    }

    fn slice(&self) -> &[i64] {
        self.numbers.as_slice().expect("the converter returns contiguous arrays")
    }

    fn with_width(&self, width: usize) -> Vec<usize> {
        [self.numbers.shape(), &[width]].concat()
    }

    /// The steps that count, if the table has a row for each of their numbers.
    fn checked_steps(&self, table: &Embedding) -> PyResult<Steps<'_>> {
        let (shape, ids) = (self.numbers.shape(), self.slice());
        let batch = shape.first().copied().unwrap_or(1);
        let time = shape.iter().skip(1).product();
        let steps = Steps::new(batch, time, self.lengths.as_deref()).map_err(raise)?;
        match table.first_outside(ids, &steps) {
            None => Ok(steps),
            Some(row) => {
                let (mut place, mut rest) = (shape.to_vec(), row);
                for at in place.iter_mut().rev() {
                    (*at, rest) = (rest % *at, rest / *at);
                }
                Err(raise(table.outside(&place, ids[row])))
            }
        }
    }
}
