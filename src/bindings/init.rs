//! First values of a parameter, for Python.

use super::array;
use super::errors::{guard, raise};
use crate::Error;
use crate::layers::init;
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

/// An array of this shape from the stream with the number `stream` of `seed`: "uniform" within ± `scale`, "normal" with
/// the standard deviation `scale`, or, for a matrix, "glorot" or "orthogonal", whose scale follows from the shape.
#[pyfunction]
#[pyo3(signature = (kind, shape, scale, seed, stream, /))]
pub fn draw<'py>(
    py: Python<'py>,
    kind: &str,
    shape: Vec<usize>,
    scale: f32,
    seed: u64,
    stream: u64,
) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
    guard(|| {
        let array = array::zeros(py, &shape)?;
        {
            let mut target = array.readwrite();
            let out = target.as_slice_mut().expect("a new array is contiguous");
            match (kind, &shape[..]) {
                ("uniform", _) => init::uniform(out, scale, seed, stream),
                ("normal", _) => init::normal(out, scale, seed, stream),
                ("glorot", [rows, columns]) => init::glorot(out, *columns, *rows, seed, stream),
                ("orthogonal", [rows, columns]) => init::orthogonal(out, *rows, *columns, seed, stream),
                _ => {
                    let expected = "\"uniform\", \"normal\" or, for a matrix, \"glorot\" or \"orthogonal\"";
                    return Err(raise(Error::option("kind", expected, format!("{kind:?}"))));
                }
            }
        }
        Ok(array)
    })
}
