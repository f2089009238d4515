//! Headers of safetensors files, for Python, which does the opening, reading and writing.

use super::errors::{guard, raise};
use crate::Error;
use crate::safetensors::{self, Dtype, Header};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Name, dtype, extents, start and end.
type Tensor = (String, &'static str, Vec<usize>, usize, usize);
/// Pairs of key and text.
type Metadata = Vec<(String, String)>;

/// A shorter header is read before another thread could have got the GIL.
const LONG: usize = 10_000;

/// The length of the header of a file of `file_len` bytes that begins with `first`.
#[pyfunction]
#[pyo3(signature = (first, file_len, /))]
pub fn header_length(first: &[u8], file_len: u64) -> PyResult<usize> {
    guard(|| Header::length(first, file_len).map_err(raise))
}

/// The tensors in the order of the data, and the metadata.
#[pyfunction]
#[pyo3(signature = (header, file_len, /))]
pub fn parse_header(py: Python<'_>, header: &[u8], file_len: u64) -> PyResult<(Vec<Tensor>, Metadata)> {
    let parse = || -> Result<_, Error> {
        let header = Header::parse(header, file_len)?;
        let tensors = header.tensors().map(|tensor| {
            let range = tensor.range();
            (tensor.name().into_owned(), tensor.dtype().name(), tensor.shape(), range.start, range.end)
        });
        let metadata = header.metadata().map(|(key, value)| (key.into_owned(), value.into_owned()));
        Ok((tensors.collect(), metadata.collect()))
    };
    guard(|| if header.len() < LONG { parse() } else { py.detach(parse) }.map_err(raise))
}

/// The beginning of a file with these tensors (name, dtype, extents) up to its data, and the order of the data.
#[pyfunction]
#[pyo3(signature = (tensors, metadata, /))]
pub fn make_header(
    py: Python<'_>,
    tensors: Vec<(String, String, Vec<usize>)>,
    metadata: Metadata,
) -> PyResult<(Bound<'_, PyBytes>, Vec<usize>)> {
    guard(|| {
        let described = tensors.iter().map(|(name, dtype, shape)| match Dtype::named(dtype) {
            Some(dtype) => Ok((name.as_str(), dtype, shape.as_slice())),
            None => Err(raise(Error::option(format!("dtype of {name:?}"), "one that is written here", dtype))),
        });
        let described: Vec<_> = described.collect::<PyResult<_>>()?;
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (start, order) = safetensors::header(&described, &metadata).map_err(raise)?;
        Ok((PyBytes::new(py, &start), order))
    })
}
