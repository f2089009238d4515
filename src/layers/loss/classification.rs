//! Losses of scores against classes.
//!
//! Cross-entropy of a row x `[V]` with target y, class weights w and label smoothing ε, where m = max x and
//! s = Σ exp(x - m):
//!
//! ```text
//! l         = (1 - ε) w_y (ln s - (x_y - m)) + ε/V Σ_c w_c (ln s - (x_c - m))
//! dl/dx_c   = a exp(x_c - m) / s - ε/V w_c - (1 - ε) w_y [c = y]              a = (1 - ε) w_y + ε/V Σ_c w_c
//! mean      = Σ v l / Σ v w_y        v the weights of the rows
//! ```
//!
//! Binary cross-entropy of a logit x with target t and weight w of the positive class, where u = e^-|x|:
//!
//! ```text
//! l         = (1 - t) softplus(x) + w t softplus(-x)          softplus(±x) = max(±x, 0) + ln(1 + u)
//! dl/dx     = (1 - t) sigmoid(x) - w t sigmoid(-x)            sigmoid(±x)  = (1 or u) / (1 + u)
//! ```

use super::counted::{Counted, Domain, Outputs, Shared};
use super::pointwise::{self, Cycle, Pointwise};
use crate::Error;
use crate::kernels::activation::exp;
use crate::kernels::reduce::{load_filled, max_number_lanes};
use crate::kernels::special::{ln, ln_1p_lanes};
use crate::simd::{Kernel, LANES, Level, Simd, dispatch};

/// Scores that one block of rows has, about.
const BLOCK: usize = 4096;

/// Cross-entropy from scores, with its options.
#[derive(Debug, Clone)]
pub struct CrossEntropy<'a> {
    class_weights: Option<&'a [f32]>,
    ignore_index: i64,
    label_smoothing: f64,
    classes: usize,
    /// The sum of the class weights.
    weight_sum: f64,
}

impl<'a> CrossEntropy<'a> {
    /// For rows of `classes` scores. Rows whose target is `ignore_index` do not count; `label_smoothing` goes from 0 to 1.
    pub fn new(
        classes: usize,
        class_weights: Option<&'a [f32]>,
        ignore_index: i64,
        label_smoothing: f32,
    ) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&label_smoothing) {
            return Err(Error::option("label_smoothing", "from 0 to 1", label_smoothing));
        }
        if let Some(weights) = class_weights {
            if weights.len() != classes {
                return Err(Error::shape("class_weights", format!("[V={classes}]"), format!("[{}]", weights.len())));
            }
            if let Some(class) = weights.iter().position(|w| *w < 0.0) {
                return Err(Error::option(format!("class_weights[{class}]"), "at least 0", weights[class]));
            }
        }
        let weight_sum = class_weights.map_or(classes as f64, |w| w.iter().fold(0.0, |sum, w| sum + f64::from(*w)));
        Ok(CrossEntropy { class_weights, ignore_index, label_smoothing: label_smoothing.into(), classes, weight_sum })
    }

    /// The loss of `logits` `[rows, V]` against the class of each row.
    pub fn run(
        &self,
        level: Level,
        logits: &[f32],
        targets: &[i64],
        counted: &Counted<'_>,
        out: Outputs<'_, 1>,
    ) -> Result<f32, Error> {
        assert_eq!(logits.len(), targets.len() * self.classes, "a row of scores for each target");
        let mut total_weight = 0.0;
        for row in counted.elements() {
            if targets[row] != self.ignore_index {
                if !(0..self.classes as i64).contains(&targets[row]) {
                    let expected =
                        format!("a class from 0 to V-1={}, or {}", self.classes as i64 - 1, self.ignore_index);
                    return Err(counted.fault("target", row, &expected, targets[row]));
                }
                total_weight += counted.weight(row) * self.class_weight(targets[row] as usize);
            }
        }
        let [gradient] = out.gradients;
        let (losses, gradient) = (Shared::new(out.losses, targets.len()), Shared::new(gradient, logits.len()));
        let scale = counted.scale(total_weight);
        let rows = (BLOCK / self.classes.max(1)).max(1);
        let total = counted.total(rows, 16 * self.classes + 40, |rows| {
            let scores = rows.start * self.classes..rows.end * self.classes;
            let block = Rows {
                loss: self,
                logits: &logits[scores.clone()],
                targets: &targets[rows.clone()],
                weights: counted.weights(rows.clone()),
                scale,
                // SAFETY: blocks do not overlap, and each is one worker's.
                losses: unsafe { losses.part(rows) },
                // SAFETY: as above.
                gradient: unsafe { gradient.part(scores) },
            };
            dispatch(level, block)
        });
        Ok((total * scale) as f32)
    }

    #[inline(always)]
    fn class_weight(&self, class: usize) -> f64 {
        self.class_weights.map_or(1.0, |weights| f64::from(weights[class]))
    }

    /// The loss of one row; its gradient is multiplied by `factor`.
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, x: &[f32], target: usize, factor: f64, mut gradient: Option<&mut [f32]>) -> f64 {
        let max = max_number_lanes(s, x);
        let mut sum = s.splat(0.0);
        for at in (0..x.len()).step_by(LANES) {
            let power = exp(s, s.sub(load_filled(s, &x[at..], f32::NEG_INFINITY), s.splat(max)));
            sum = s.add(sum, power);
            if let Some(gradient) = &mut gradient {
                s.store_slice(&mut gradient[at..], power);
            }
        }
        let sum = f64::from(s.sum(sum));
        let hard = (1.0 - self.label_smoothing) * self.class_weight(target);
        let soft = self.label_smoothing / self.classes as f64;
        let all = hard + soft * self.weight_sum;
        let mut loss = all * ln(sum) - hard * (f64::from(x[target]) - f64::from(max));
        // Without smoothing this would be zero times what may be infinite.
        if soft > 0.0 {
            loss -= soft * self.weighted_sum(s, x, max);
        }
        if let Some(gradient) = gradient {
            let (scale, soft) = (s.splat((factor * all / sum) as f32), s.splat((factor * soft) as f32));
            for at in (0..x.len()).step_by(LANES) {
                let weight = match self.class_weights {
                    Some(weights) => s.load_slice(&weights[at..]),
                    None => s.splat(1.0),
                };
                let power = s.load_slice(&gradient[at..]);
                s.store_slice(&mut gradient[at..], s.sub(s.mul(power, scale), s.mul(soft, weight)));
            }
            gradient[target] -= (factor * hard) as f32;
        }
        loss
    }

    /// Σ w_c (x_c - m)
    #[inline(always)]
    fn weighted_sum<S: Simd>(&self, s: S, x: &[f32], max: f32) -> f64 {
        let mut sum = s.splat(0.0);
        for at in (0..x.len()).step_by(LANES) {
            let below = s.sub(load_filled(s, &x[at..], max), s.splat(max));
            sum = match self.class_weights {
                Some(weights) => s.fma(s.load_slice(&weights[at..]), below, sum),
                None => s.add(sum, below),
            };
        }
        f64::from(s.sum(sum))
    }
}

struct Rows<'a> {
    loss: &'a CrossEntropy<'a>,
    logits: &'a [f32],
    targets: &'a [i64],
    weights: Option<&'a [f32]>,
    scale: f64,
    losses: Option<&'a mut [f32]>,
    gradient: Option<&'a mut [f32]>,
}

impl Kernel for Rows<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) -> f64 {
        let (classes, mut total) = (self.loss.classes, 0.0);
        for (row, &target) in self.targets.iter().enumerate() {
            if target == self.loss.ignore_index {
                continue;
            }
            let scores = row * classes..(row + 1) * classes;
            let weight = self.weights.map_or(1.0, |weights| f64::from(weights[row]));
            let gradient = self.gradient.as_deref_mut().map(|gradient| &mut gradient[scores.clone()]);
            let loss = weight * self.loss.row(s, &self.logits[scores], target as usize, weight * self.scale, gradient);
            total += loss;
            if let Some(losses) = &mut self.losses {
                losses[row] = loss as f32;
            }
        }
        total
    }
}

struct Binary {
    pos_weight: Option<Cycle>,
}

impl Pointwise for Binary {
    const COST: usize = 30;

    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, at: usize, x: S::V, target: S::V) -> (S::V, S::V) {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let minus = s.sub(zero, x);
        let u = exp(s, s.sub(zero, s.abs(x)));
        let rest = ln_1p_lanes(s, u);
        // The operand that may be NaN comes second: that is the one which the maximum returns.
        let (above, below) = (s.add(s.max(zero, x), rest), s.add(s.max(zero, minus), rest));
        let scale = s.div(one, s.add(one, u));
        let (yes, no) = (s.select_lt(x, zero, u, one), s.select_lt(x, zero, one, u));
        let negative = s.sub(one, target);
        let positive = match &self.pos_weight {
            Some(weight) => s.mul(weight.lanes(s, at), target),
            None => target,
        };
        let loss = s.fma(negative, above, s.mul(positive, below));
        let slope = s.mul(s.fnma(positive, no, s.mul(negative, yes)), scale);
        (loss, slope)
    }
}

/// Cross-entropy of the probability sigmoid(x) against `target`, from 0 to 1. `pos_weight` multiplies the part of the
/// positive class, with one number for each entry of the last axis or one for all.
pub fn binary_cross_entropy(
    level: Level,
    pos_weight: Option<&[f32]>,
    logits: &[f32],
    target: &[f32],
    counted: &Counted<'_>,
    out: Outputs<'_, 1>,
) -> Result<f32, Error> {
    counted.check("target", target, Domain::Probability)?;
    let loss = Binary { pos_weight: positive_weights(pos_weight)? };
    Ok(pointwise::run(level, &loss, logits, target, counted, out))
}

/// The weights of the positive class as they repeat along an array.
pub(super) fn positive_weights(given: Option<&[f32]>) -> Result<Option<Cycle>, Error> {
    match given {
        None => Ok(None),
        Some([]) => {
            Err(Error::option("pos_weight", "a number or one for each entry of the last axis", "an empty list"))
        }
        Some(weights) => match weights.iter().find(|w| **w < 0.0) {
            Some(wrong) => Err(Error::option("pos_weight", "at least 0", wrong)),
            None => Ok(Some(Cycle::new(weights))),
        },
    }
}
