//! The steps of a batch as Python gives them: an array `[B, T, C]` and lengths, or any leading axes without.

use super::array::{self, Input};
use super::errors::raise;
use crate::Error;
use crate::layers::Steps;
use pyo3::prelude::*;

/// The extents of a batch, and how long its sequences are.
pub struct Batch {
    batch: usize,
    time: usize,
    /// `C`
    pub channels: usize,
    lengths: Option<Vec<usize>>,
}

impl Batch {
    /// `x` `[B, T, C]` with lengths `[B]`; without lengths x may have any axes before the last, and the first is `B`.
    pub fn new<'py>(
        x: &Bound<'py, PyAny>,
        channels: Option<usize>,
        lengths: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Input<'py>, Self)> {
        let input = match lengths {
            Some(_) => Input::new("x", x, &[("B", None), ("T", None), ("C", channels)])?,
            None => Input::any_shape("x", x)?,
        };
        let (front, width) = match input.shape() {
            [front @ .., width] if channels.is_none_or(|channels| channels == *width) => (front, *width),
            other => {
                let expected = channels.map_or("[.., C]".to_string(), |channels| format!("[.., C={channels}]"));
                return Err(raise(Error::shape("x", expected, format!("{other:?}"))));
            }
        };
        let (batch, time) = match front {
            [] => (1, 1),
            [batch, rest @ ..] => (*batch, rest.iter().product()),
        };
        let lengths = lengths.map(|lengths| array::lengths(lengths, batch, time)).transpose()?;
        Ok((input, Batch { batch, time, channels: width, lengths }))
    }

    /// The steps that count.
    pub fn steps(&self) -> PyResult<Steps<'_>> {
        Steps::new(self.batch, self.time, self.lengths.as_deref()).map_err(raise)
    }
}
