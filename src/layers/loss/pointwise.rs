//! Losses of one prediction and one target each, sixteen at a time.

use super::counted::{Counted, Outputs, Shared};
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};

/// Elements that are summed in lanes before the sum goes on in f64.
const BLOCK: usize = 1024;

/// A loss of a prediction and a target.
pub(super) trait Pointwise: Sync {
    /// What an element costs, in multiply-adds.
    const COST: usize;

    /// The loss of sixteen elements from element `at` on, and its derivative by the prediction.
    fn lanes<S: Simd>(&self, s: S, at: usize, prediction: S::V, target: S::V) -> (S::V, S::V);
}

/// Numbers that repeat along an array, such as one for each entry of the last axis.
pub(super) struct Cycle {
    /// Fifteen more than the period, so that sixteen can be read from anywhere in it.
    values: Vec<f32>,
    period: usize,
}

impl Cycle {
    /// These numbers, over and over.
    ///
    /// # Panics
    /// When there are none.
    pub fn new(values: &[f32]) -> Self {
        let repeated = values.iter().copied().cycle().take(values.len() + LANES - 1);
        assert!(!values.is_empty(), "a cycle needs a number");
        Cycle { values: repeated.collect(), period: values.len() }
    }

    /// The number at an element.
    #[inline(always)]
    pub fn value(&self, at: usize) -> f32 {
        self.values[at % self.period]
    }

    /// The numbers at sixteen elements from `at` on.
    #[inline(always)]
    pub fn lanes<S: Simd>(&self, s: S, at: usize) -> S::V {
        s.load_slice(&self.values[at % self.period..])
    }
}

/// The loss over all that counts.
pub(super) fn run<L: Pointwise>(
    level: Level,
    loss: &L,
    prediction: &[f32],
    target: &[f32],
    counted: &Counted<'_>,
    out: Outputs<'_, 1>,
) -> f32 {
    assert_eq!(prediction.len(), target.len(), "a target for each prediction");
    let [gradient] = out.gradients;
    let (losses, gradient) = (Shared::new(out.losses, prediction.len()), Shared::new(gradient, prediction.len()));
    let scale = counted.scale(counted.total_weight());
    let total = counted.total(BLOCK, L::COST, |elements| {
        let block = Block {
            loss,
            at: elements.start,
            prediction: &prediction[elements.clone()],
            target: &target[elements.clone()],
            weights: counted.weights(elements.clone()),
            scale: scale as f32,
            // SAFETY: blocks do not overlap, and each is one worker's.
            losses: unsafe { losses.part(elements.clone()) },
            // SAFETY: as above.
            gradient: unsafe { gradient.part(elements) },
        };
        f64::from(dispatch(level, block))
    });
    (total * scale) as f32
}

/// Elements that are summed in lanes; every slice has their number.
struct Block<'a, L> {
    loss: &'a L,
    at: usize,
    prediction: &'a [f32],
    target: &'a [f32],
    weights: Option<&'a [f32]>,
    scale: f32,
    losses: Option<&'a mut [f32]>,
    gradient: Option<&'a mut [f32]>,
}

impl<L: Pointwise> Kernel for Block<'_, L> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> f32 {
        let scale = s.splat(self.scale);
        let mut total = s.splat(0.0);
        for at in (0..self.prediction.len()).step_by(LANES) {
            let (prediction, target) = (s.load_slice(&self.prediction[at..]), s.load_slice(&self.target[at..]));
            let (mut loss, mut slope) = self.loss.lanes(s, self.at + at, prediction, target);
            let left = self.prediction.len() - at;
            if self.weights.is_some() || left < LANES {
                // In the last vector, zeros for the lanes that are not there.
                let weight = match self.weights {
                    Some(weights) => s.load_slice(&weights[at..]),
                    None => s.load_slice(&[1.0; LANES][..left]),
                };
                loss = s.mul(loss, weight);
                slope = s.mul(slope, weight);
            }
            total = s.add(total, loss);
            if let Some(losses) = &mut self.losses {
                s.store_slice(&mut losses[at..], loss);
            }
            if let Some(gradient) = &mut self.gradient {
                s.store_slice(&mut gradient[at..], s.mul(slope, scale));
            }
        }
        s.sum(total)
    }
}
