//! Windows that slide over images `[N, H, W, C]`, channels last: what convolution and pooling have in common.
//!
//! ```text
//! window o along an axis covers   o stride - before + i dilation,   i = 0 … kernel - 1
//! and there are                   (extent + before + after - dilation (kernel - 1) - 1) / stride + 1   of them
//! ```
//!
//! A sequence is an image of height 1, and sequences of different lengths are images of different widths: behind its end
//! an image has no pixels, and its windows are those that it would have alone.

use super::steps::check_lengths;
use crate::Error;

/// A window along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Axis {
    /// The places that it covers.
    pub kernel: usize,
    /// From a window to the next.
    pub stride: usize,
    /// From a place to the next.
    pub dilation: usize,
    /// Zeros in front.
    pub before: usize,
    /// Zeros behind.
    pub after: usize,
}

impl Axis {
    /// A window of `kernel` places, `stride` from the next, without padding.
    pub fn new(kernel: usize, stride: usize) -> Self {
        Axis { kernel, stride, dilation: 1, before: 0, after: 0 }
    }

    fn check(&self) -> Result<(), Error> {
        for (name, value, least) in [
            ("kernel_size", self.kernel, 1),
            ("stride", self.stride, 1),
            ("dilation", self.dilation, 1),
            ("padding", self.before, 0),
            ("padding", self.after, 0),
        ] {
            // The bound keeps every sum and product of two of them in range.
            if value < least || u32::try_from(value).is_err() {
                return Err(Error::option(name, format!("from {least} to {}", u32::MAX), value));
            }
        }
        Ok(())
    }

    /// The windows on `extent` places; none where a window is longer than these and the padding.
    pub fn positions(&self, extent: usize) -> usize {
        let room = extent.saturating_add(self.before + self.after);
        match room.checked_sub(self.dilation * (self.kernel - 1) + 1) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// The place that window `position` covers with its part `i`, if it is one of `extent`.
    #[inline(always)]
    pub fn place(&self, position: usize, i: usize, extent: usize) -> Option<usize> {
        let place = (position * self.stride + i * self.dilation).checked_sub(self.before)?;
        (place < extent).then_some(place)
    }

    /// The window that covers `place` with its part `i`, if it is one of `positions`: [`Axis::place`] turned round.
    #[inline(always)]
    pub fn position(&self, place: usize, i: usize, positions: usize) -> Option<usize> {
        let begin = (place + self.before).checked_sub(i * self.dilation)?;
        let position = begin / self.stride;
        (begin.is_multiple_of(self.stride) && position < positions).then_some(position)
    }
}

/// Images, and the windows on them.
#[derive(Debug, Clone, Copy)]
pub struct Slide<'a> {
    /// `[N, H, W]`
    pub images: [usize; 3],
    /// Down the height and along the width.
    pub axes: [Axis; 2],
    /// The windows on a whole image, `[OH, OW]`.
    pub out: [usize; 2],
    lengths: Option<&'a [usize]>,
}

impl<'a> Slide<'a> {
    /// Windows on images `[N, H, W]`, of which only the first `lengths[n]` columns are there where lengths are given.
    ///
    /// # Errors
    /// When a number is out of range, when lengths do not fit, or when there is no length to excuse that an image is too
    /// small for any window.
    pub fn new(images: [usize; 3], axes: [Axis; 2], lengths: Option<&'a [usize]>) -> Result<Self, Error> {
        axes[0].check()?;
        axes[1].check()?;
        if let Some(lengths) = lengths {
            check_lengths(lengths, images[0], images[2])?;
        }
        for extent in images {
            if u32::try_from(extent).is_err() {
                return Err(Error::option("each extent of x", format!("at most {}", u32::MAX), extent));
            }
        }
        let out = [axes[0].positions(images[1]), axes[1].positions(images[2])];
        if lengths.is_none() && out.contains(&0) {
            let sequences = axes[0] == Axis::new(1, 1) && images[1] == 1;
            let (axes_of_x, letter, axis, extent) = match (sequences, out[1] == 0) {
                (true, _) => ("[B, T, C]", "T", axes[1], images[2]),
                (false, true) => ("[N, H, W, C]", "W", axes[1], images[2]),
                (false, false) => ("[N, H, W, C]", "H", axes[0], images[1]),
            };
            let covered = axis.dilation * (axis.kernel - 1) + 1;
            let least = covered.saturating_sub(axis.before + axis.after).max(1);
            return Err(Error::shape("x", format!("{axes_of_x} with {letter} at least {least}"), extent));
        }
        Ok(Slide { images, axes, out, lengths })
    }

    /// The columns of image `n` that are there.
    #[inline]
    pub fn width(&self, n: usize) -> usize {
        self.lengths.map_or(self.images[2], |lengths| lengths[n])
    }

    /// The windows along the width of image `n`.
    #[inline]
    pub fn out_width(&self, n: usize) -> usize {
        self.lengths.map_or(self.out[1], |lengths| self.axes[1].positions(lengths[n]))
    }

    /// The windows of each image along the width, if images differ.
    pub fn out_lengths(&self) -> Option<Vec<usize>> {
        self.lengths.map(|lengths| lengths.iter().map(|&length| self.axes[1].positions(length)).collect())
    }

    /// Places of a window.
    pub fn area(&self) -> usize {
        self.axes[0].kernel * self.axes[1].kernel
    }
}
