//! Means of squares that keep activations small and slow, as in AWD-LSTM.

use super::counted::{Counted, Outputs, Reduction};
use super::pointwise::{self, Pointwise};
use super::regression::squared;
use crate::Error;
use crate::simd::{Level, Simd};

struct Square;

impl Pointwise for Square {
    const COST: usize = 4;

    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, _at: usize, y: S::V, _target: S::V) -> (S::V, S::V) {
        (s.mul(y, y), s.add(y, y))
    }
}

/// The mean square of the elements that count; the gradient goes into `gradient`.
pub fn activation(
    level: Level,
    y: &[f32],
    shape: &[usize],
    lengths: Option<&[usize]>,
    gradient: Option<&mut [f32]>,
) -> Result<f32, Error> {
    let counted = Counted::new(shape, lengths, None, Reduction::Mean)?;
    Ok(pointwise::run(level, &Square, y, y, &counted, Outputs { losses: None, gradients: [gradient] }))
}

/// The mean square of the changes from step to step of y `[B, T, …]`; `gradient`, which must come as zeros, receives the
/// gradient.
pub fn temporal_activation(
    level: Level,
    y: &[f32],
    shape: &[usize],
    lengths: Option<&[usize]>,
    mut gradient: Option<&mut [f32]>,
) -> Result<f32, Error> {
    let [batch, time, inner @ ..] = shape else {
        return Err(Error::shape("y", "[B, T, …]", format_args!("{shape:?}")));
    };
    let full = vec![*time; if lengths.is_none() { *batch } else { 0 }];
    let lengths = lengths.unwrap_or(&full);
    let counted = Counted::changes(shape, lengths)?;
    let step: usize = inner.iter().product();
    let (now, before) = (y.get(step..).unwrap_or_default(), &y[..y.len().saturating_sub(step)]);
    let slopes = gradient.as_deref_mut().map(|gradient| gradient.get_mut(step..).unwrap_or_default());
    let value = squared(level, now, before, &counted, Outputs { losses: None, gradients: [slopes] });
    if let Some(gradient) = gradient {
        // What a change gives to its own step it takes from the step before.
        for (row, &length) in gradient.chunks_exact_mut((time * step).max(1)).zip(lengths) {
            let mut rest = &mut row[..length * step];
            while rest.len() > step && step > 0 {
                let (here, next) = rest.split_at_mut(step);
                for (here, next) in here.iter_mut().zip(next.iter()) {
                    *here -= next;
                }
                rest = next;
            }
        }
    }
    Ok(value)
}
