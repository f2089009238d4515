//! The rules by name, and what they share: options of a group, the count of steps, weight decay.

use super::{Adadelta, Adagrad, Adam, Asgd, Average, Nadam, RmsProp, Sgd};
use crate::simd::Simd;

/// A rule with its options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Steps divided by a running root mean square of the gradient.
    RmsProp(RmsProp),
    /// Steps divided by the root of the sum of all squares so far.
    Adagrad(Adagrad),
    /// Steps in units of earlier steps.
    Adadelta(Adadelta),
    /// A running mean over a running root mean square, both freed of their start at zero.
    Adam(Adam),
    /// Adam that looks one step of its momentum ahead.
    Nadam(Nadam),
    /// Gradient descent with falling rate, and the mean of where it went.
    Asgd(Asgd),
    /// No descent: a running mean of the values that are given as the gradient.
    Average(Average),
}

impl Rule {
    /// How many arrays of the parameter's length the rule keeps between steps.
    pub fn states(&self) -> usize {
        match self {
            Rule::Sgd(sgd) => usize::from(sgd.momentum != 0.0),
            Rule::RmsProp(rmsprop) => 1 + usize::from(rmsprop.centered) + usize::from(rmsprop.momentum != 0.0),
            Rule::Adagrad(_) | Rule::Asgd(_) => 1,
            Rule::Adam(adam) => 2 + usize::from(adam.amsgrad),
            Rule::Adadelta(_) | Rule::Nadam(_) => 2,
            Rule::Average(_) => 0,
        }
    }
}

/// The options of a group of parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// What is done.
    pub rule: Rule,
    /// The learning rate.
    pub lr: f64,
    /// How strongly values are drawn to zero.
    pub weight_decay: f64,
    /// Whether that happens to the values themselves, by `lr * weight_decay` of them, and not by way of the gradient.
    pub decoupled: bool,
}

/// How far a parameter has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// The steps that were taken.
    pub steps: u64,
    /// The product of the momenta of all of them, for [`Nadam`]; 1 with other rules.
    pub product: f64,
}

impl Default for Count {
    fn default() -> Self {
        Count { steps: 0, product: 1.0 }
    }
}

/// The arithmetic of a rule for sixteen numbers at a time, with the single numbers of this step worked out.
///
/// `N` is the number of states; options that need another state show in it.
pub trait Update<const N: usize>: Copy {
    /// The new values and states.
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, state: [S::V; N]) -> (S::V, [S::V; N]);
}

/// `from + part (to - from)`, what running means do.
#[inline(always)]
pub fn towards<S: Simd>(s: S, from: S::V, to: S::V, part: f32) -> S::V {
    s.fma(s.splat(part), s.sub(to, from), from)
}

/// `keep square + (1 - keep) x²`, what running means of squares do.
#[inline(always)]
pub fn towards_square<S: Simd>(s: S, square: S::V, x: S::V, [keep, part]: [f32; 2]) -> S::V {
    s.fma(s.splat(keep), square, s.mul(s.splat(part), s.mul(x, x)))
}

/// What a running mean keeps and what it takes on; rounded once each.
pub fn shares(keep: f64) -> [f32; 2] {
    [keep as f32, (1.0 - keep) as f32]
}
