//! Images and sequences, and the windows that slide over them, as Python gives them.

use super::array;
use super::errors::raise;
use crate::Error;
use crate::layers::{Axis, Slide};
use pyo3::prelude::*;

/// For each axis that a window slides along: kernel, stride, dilation, padding before and behind.
pub type Window = Vec<(usize, usize, usize, usize, usize)>;

/// The shape `[.., T, C]` for a window with one axis, `[.., H, W, C]` for two, as images.
pub struct Images {
    front: Vec<usize>,
    images: [usize; 3],
    axes: [Axis; 2],
    lengths: Option<Vec<usize>>,
    /// `C`
    pub channels: usize,
    flat: bool,
}

impl Images {
    /// The images of an array of this shape; one with lengths `[B]` is `[B, T, C]`.
    pub fn new(shape: &[usize], window: &Window, lengths: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let refuse = |expected: &str| Err(raise(Error::shape("x", expected, format!("{shape:?}"))));
        let axis = |(kernel, stride, dilation, before, after)| Axis { kernel, stride, dilation, before, after };
        let (front, height, width, channels, axes, flat) = match (window.as_slice(), shape) {
            (&[along], &[ref front @ .., width, channels]) => {
                (front, 1, width, channels, [Axis::new(1, 1), axis(along)], true)
            }
            (&[down, along], &[ref front @ .., height, width, channels]) => {
                (front, height, width, channels, [axis(down), axis(along)], false)
            }
            (&[_], _) => return refuse("[B, T, C]"),
            (&[_, _], _) => return refuse("[.., H, W, C]"),
            _ => return Err(raise(Error::shape("the window", "one axis or two", window.len()))),
        };
        if lengths.is_some() && !(flat && front.len() == 1) {
            return refuse("[B, T, C]");
        }
        let count = front.iter().product();
        let lengths = lengths.map(|lengths| array::lengths(lengths, count, width)).transpose()?;
        Ok(Images { front: front.to_vec(), images: [count, height, width], axes, lengths, channels, flat })
    }

    /// The windows on them.
    pub fn slide(&self) -> PyResult<Slide<'_>> {
        Slide::new(self.images, self.axes, self.lengths.as_deref()).map_err(raise)
    }

    /// The shape of what has so many channels for each window.
    pub fn out_shape(&self, slide: &Slide<'_>, channels: usize) -> Vec<usize> {
        let mut shape = self.front.clone();
        shape.extend_from_slice(if self.flat { &slide.out[1..] } else { &slide.out });
        shape.push(channels);
        shape
    }
}
