//! Pooling: many places become one, channel by channel. Over windows that slide, and over the steps of a sequence.
//!
//! ```text
//! max      y = the largest x of a window, the first of equals, NaN if there is one;  dx goes to where y came from
//! average  y = Σ x / places of a window;                                             dx = Σ dy / places
//! last, mean, max over the steps of a sequence that count; zeros where there is none
//! ```
//!
//! Windows have no padding and images need not be filled by them, as torch has it by default. There is no vector code
//! here: memory is what these wait for. Sums go through their places in order, those over a whole sequence in f64.

use super::steps::{Steps, check_shape};
use super::window::Slide;
use crate::Error;
use crate::threads;
use crate::view::SeqMut;
use std::str::FromStr;

/// What stands for the place of a maximum of nothing.
pub const NOWHERE: u32 = u32::MAX;

/// Channels whose sums over a sequence are kept at hand.
const CHANNELS: usize = 64;

/// Writes the largest values of the windows on `x` `[N, H, W, C]` to `y` `[N, OH, OW, C]`, and to `places` of the same
/// shape where in its image, `h W + w`, each was found. Zeros and [`NOWHERE`] where an image has no window.
///
/// # Errors
/// When an array does not fit.
pub fn max(x: &[f32], slide: &Slide<'_>, channels: usize, y: &mut [f32], places: &mut [u32]) -> Result<(), Error> {
    let [images, _, _] = slide.images;
    let [_, width] = slide.out;
    check(slide, channels, ("x", x.len()), ("y", y.len()))?;
    check(slide, channels, ("x", x.len()), ("places", places.len()))?;
    if slide.images[1] * slide.images[2] >= NOWHERE as usize {
        return Err(Error::shape("x", format!("H W below {NOWHERE}"), format!("{:?}", slide.images)));
    }
    let rows = images * slide.out[0];
    let (y, places) = (SeqMut::new(y, [rows, width, channels])?, SeqMut::new(places, [rows, width, channels])?);
    threads::run(threads::worth(rows * width * channels * slide.area()), |worker| {
        for row in worker.share(rows) {
            worker.poll(width * channels * slide.area());
            for column in 0..width {
                // SAFETY: rows are shared out.
                let (y, places) = unsafe { (y.row(row, column), places.row(row, column)) };
                y.fill(0.0);
                places.fill(NOWHERE);
                for (step, place) in window(slide, row, column).enumerate() {
                    let x =
                        &x[(row / slide.out[0] * slide.images[1] * slide.images[2] + place) * channels..][..channels];
                    for ((y, at), x) in y.iter_mut().zip(&mut *places).zip(x) {
                        if step == 0 || *x > *y || x.is_nan() {
                            (*y, *at) = (*x, place as u32);
                        }
                    }
                }
            }
        }
    });
    Ok(())
}

/// Writes to `dx` `[N, H, W, C]` the gradients `dy` `[N, OH, OW, C]`, each at its place.
///
/// # Errors
/// When an array does not fit.
pub fn max_backward(
    dy: &[f32],
    places: &[u32],
    slide: &Slide<'_>,
    channels: usize,
    dx: &mut [f32],
) -> Result<(), Error> {
    check(slide, channels, ("dx", dx.len()), ("dy", dy.len()))?;
    check(slide, channels, ("dx", dx.len()), ("places", places.len()))?;
    let [images, height, width] = slide.images;
    let (pixels, windows) = (height * width, slide.out[0] * slide.out[1]);
    let view = SeqMut::new(dx, [images, 1, pixels * channels])?;
    threads::run(threads::worth(dy.len()), |worker| {
        for n in worker.share(images) {
            worker.poll(windows * channels);
            // SAFETY: images are shared out.
            let dx = unsafe { view.row(n, 0) };
            dx.fill(0.0);
            let at = n * windows * channels..(n + 1) * windows * channels;
            for (index, (dy, place)) in dy[at.clone()].iter().zip(&places[at]).enumerate() {
                if *place != NOWHERE {
                    dx[*place as usize * channels + index % channels] += dy;
                }
            }
        }
    });
    Ok(())
}

/// Writes the means of the windows on `x` `[N, H, W, C]` to `y` `[N, OH, OW, C]`; zeros where an image has no window.
///
/// # Errors
/// When an array does not fit.
pub fn average(x: &[f32], slide: &Slide<'_>, channels: usize, y: &mut [f32]) -> Result<(), Error> {
    check(slide, channels, ("x", x.len()), ("y", y.len()))?;
    let (rows, width) = (slide.images[0] * slide.out[0], slide.out[1]);
    let y = SeqMut::new(y, [rows, width, channels])?;
    let places = slide.area() as f32;
    threads::run(threads::worth(rows * width * channels * slide.area()), |worker| {
        for row in worker.share(rows) {
            worker.poll(width * channels * slide.area());
            for column in 0..width {
                // SAFETY: rows are shared out.
                let y = unsafe { y.row(row, column) };
                y.fill(0.0);
                for place in window(slide, row, column) {
                    let x =
                        &x[(row / slide.out[0] * slide.images[1] * slide.images[2] + place) * channels..][..channels];
                    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                }
                y.iter_mut().for_each(|y| *y /= places);
            }
        }
    });
    Ok(())
}

/// Writes to `dx` `[N, H, W, C]` the gradients `dy` `[N, OH, OW, C]`, spread over their windows.
///
/// # Errors
/// When an array does not fit.
pub fn average_backward(dy: &[f32], slide: &Slide<'_>, channels: usize, dx: &mut [f32]) -> Result<(), Error> {
    check(slide, channels, ("dx", dx.len()), ("dy", dy.len()))?;
    let [images, height, width] = slide.images;
    let view = SeqMut::new(dx, [images, 1, height * width * channels])?;
    let places = slide.area() as f32;
    threads::run(threads::worth(dy.len() * slide.area()), |worker| {
        for n in worker.share(images) {
            // SAFETY: images are shared out.
            let dx = unsafe { view.row(n, 0) };
            dx.fill(0.0);
            for row in n * slide.out[0]..(n + 1) * slide.out[0] {
                worker.poll(slide.out[1] * channels * slide.area());
                for column in 0..slide.out[1] {
                    let dy = &dy[(row * slide.out[1] + column) * channels..][..channels];
                    for place in window(slide, row, column) {
                        let dx = &mut dx[place * channels..][..channels];
                        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy / places);
                    }
                }
            }
        }
    });
    Ok(())
}

/// The places in its image, `h W + w`, of the window at `column` of `row`, where rows are those of all images' windows;
/// none where the image is narrower.
fn window<'a>(slide: &'a Slide<'_>, row: usize, column: usize) -> impl Iterator<Item = usize> + 'a {
    let [vertical, horizontal] = slide.axes;
    let (n, line) = (row / slide.out[0], row % slide.out[0]);
    let lines = if column < slide.out_width(n) { vertical.kernel } else { 0 };
    (0..lines).flat_map(move |i| {
        let first = (line * vertical.stride + i) * slide.images[2] + column * horizontal.stride;
        first..first + horizontal.kernel
    })
}

fn check(slide: &Slide<'_>, channels: usize, x: (&str, usize), y: (&str, usize)) -> Result<(), Error> {
    for axis in slide.axes {
        if axis.dilation != 1 || axis.before != 0 || axis.after != 0 {
            return Err(Error::option("padding and dilation", "left out of a pooling window", format!("{axis:?}")));
        }
    }
    let [n, height, width] = slide.images;
    check_shape(x.0, x.1, &[n, height, width, channels])?;
    check_shape(y.0, y.1, &[n, slide.out[0], slide.out[1], channels])
}

/// What a sequence becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its last step.
    Last,
    /// The mean of its steps.
    Mean,
    /// The largest value of each channel.
    Max,
}

impl FromStr for Over {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "last" => Ok(Over::Last),
            "mean" => Ok(Over::Mean),
            "max" => Ok(Over::Max),
            _ => Err(Error::option("kind", r#""last", "mean" or "max""#, format!("{name:?}"))),
        }
    }
}

/// Writes what the steps of `x` `[B, T, C]` that count become to `y` `[B, C]`, zeros for a sequence without any. For
/// [`Over::Max`], `places` `[B, C]` receives the steps at which the values were found; it may be empty otherwise.
///
/// # Errors
/// When an array does not fit.
pub fn sequences(
    over: Over,
    x: &[f32],
    steps: &Steps<'_>,
    channels: usize,
    y: &mut [f32],
    places: &mut [u32],
) -> Result<(), Error> {
    let (batch, time) = (steps.batch(), steps.time());
    check_sequences(over, (steps, channels), ("x", x.len()), ("y", y.len()), places.len())?;
    let y = SeqMut::new(y, [batch, 1, channels])?;
    let found = if over == Over::Max { channels } else { 0 };
    let places = SeqMut::new(places, [batch, 1, found])?;
    threads::run(threads::worth(x.len()), |worker| {
        for b in worker.share(batch) {
            worker.poll(time * channels);
            // SAFETY: sequences are shared out.
            let (y, places) = unsafe { (y.row(b, 0), places.row(b, 0)) };
            let x = &x[b * time * channels..][..steps.length(b) * channels];
            y.fill(0.0);
            places.fill(NOWHERE);
            match over {
                Over::Last => {
                    if let Some(begin) = x.len().checked_sub(channels) {
                        y.copy_from_slice(&x[begin..]);
                    }
                }
                Over::Mean => mean(x, channels, y),
                Over::Max => {
                    for (t, x) in x.chunks_exact(channels.max(1)).enumerate() {
                        for ((y, at), x) in y.iter_mut().zip(&mut *places).zip(x) {
                            if t == 0 || *x > *y || x.is_nan() {
                                (*y, *at) = (*x, t as u32);
                            }
                        }
                    }
                }
            }
        }
    });
    Ok(())
}

/// Writes to `dx` `[B, T, C]` the gradients for `dy` `[B, C]`; zeros where a step does not count.
///
/// # Errors
/// When an array does not fit.
pub fn sequences_backward(
    over: Over,
    dy: &[f32],
    places: &[u32],
    steps: &Steps<'_>,
    channels: usize,
    dx: &mut [f32],
) -> Result<(), Error> {
    check_sequences(over, (steps, channels), ("dx", dx.len()), ("dy", dy.len()), places.len())?;
    let view = SeqMut::new(dx, [steps.batch(), 1, steps.time() * channels])?;
    threads::run(threads::worth(steps.rows() * channels), |worker| {
        for b in worker.share(steps.batch()) {
            worker.poll(steps.time() * channels);
            // SAFETY: sequences are shared out.
            let dx = unsafe { view.row(b, 0) };
            dx.fill(0.0);
            let dx = &mut dx[..steps.length(b) * channels];
            let dy = &dy[b * channels..][..channels];
            match over {
                Over::Last => {
                    if let Some(begin) = dx.len().checked_sub(channels) {
                        dx[begin..].copy_from_slice(dy);
                    }
                }
                Over::Mean => {
                    let count = steps.length(b) as f32;
                    for dx in dx.chunks_exact_mut(channels.max(1)) {
                        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy / count);
                    }
                }
                Over::Max => {
                    for (channel, (dy, place)) in dy.iter().zip(&places[b * channels..]).enumerate() {
                        if *place != NOWHERE {
                            dx[*place as usize * channels + channel] = *dy;
                        }
                    }
                }
            }
        }
    });
    Ok(())
}

/// The mean over the rows of `x`, the sums in f64; nothing for no rows.
fn mean(x: &[f32], channels: usize, y: &mut [f32]) {
    if x.is_empty() {
        return;
    }
    let count = (x.len() / channels) as f64;
    for (part, y) in y.chunks_mut(CHANNELS).enumerate() {
        let mut sums = [0.0; CHANNELS];
        for x in x.chunks_exact(channels) {
            sums.iter_mut().zip(&x[part * CHANNELS..][..y.len()]).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (sum / count) as f32);
    }
}

fn check_sequences(
    over: Over,
    (steps, channels): (&Steps<'_>, usize),
    x: (&str, usize),
    y: (&str, usize),
    places: usize,
) -> Result<(), Error> {
    let (batch, time) = (steps.batch(), steps.time());
    if over == Over::Max {
        check_shape("places", places, &[batch, channels])?;
        if time >= NOWHERE as usize {
            return Err(Error::option("T", format!("below {NOWHERE}"), time));
        }
    }
    check_shape(x.0, x.1, &[batch, time, channels])?;
    check_shape(y.0, y.1, &[batch, channels])
}
