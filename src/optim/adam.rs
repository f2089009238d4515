//! Adam and NAdam; AdamW is Adam with decoupled weight decay.
//!
//! ```text
//! m = β₁ m + (1 - β₁) g
//! v = β₂ v + (1 - β₂) g²
//! d = √(v / (1 - β₂ᵗ)) + eps                 amsgrad: the largest v so far in place of v
//!
//! Adam    w = w - lr m / (1 - β₁ᵗ) / d
//! NAdam   w = w - lr ((1 - μₜ) / (1 - Πₜ) g + μₜ₊₁ / (1 - Πₜ₊₁) m) / d
//!         μₜ = β₁ (1 - 0.96^(momentum_decay t) / 2),  Πₜ = μ₁ μ₂ … μₜ
//! ```
//!
//! The states are m and v, then the largest v if there is amsgrad.

use super::power::power;
use super::rule::{Count, Group, Update, shares, towards, towards_square};
use crate::simd::Simd;

/// The options of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// What the running means of the gradient and of its square keep.
    pub betas: (f64, f64),
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Whether the divisor never falls.
    pub amsgrad: bool,
}

/// The options of `NAdam`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nadam {
    /// What the running means of the gradient and of its square keep.
    pub betas: (f64, f64),
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// How fast the momentum rises to β₁.
    pub momentum_decay: f64,
}

/// Both are `w - (rates[0] g + rates[1] m) / d`; in Adam the first rate is 0.
#[derive(Clone, Copy)]
pub struct Step {
    beta1: f32,
    beta2: [f32; 2],
    eps: f32,
    /// `1 / √(1 - β₂ᵗ)`
    unbias: f32,
    rates: [f32; 2],
}

impl Step {
    fn new(betas: (f64, f64), eps: f64, steps: u64, rates: [f64; 2]) -> Self {
        Step {
            beta1: shares(betas.0)[1],
            beta2: shares(betas.1),
            eps: eps as f32,
            unbias: (1.0 / (1.0 - power(betas.1, steps as f64)).sqrt()) as f32,
            rates: rates.map(|rate| rate as f32),
        }
    }
}

impl Adam {
    pub(super) fn prepare(self, group: &Group, count: Count) -> Step {
        let steps = count.steps + 1;
        let rate = group.lr / (1.0 - power(self.betas.0, steps as f64));
        Step::new(self.betas, self.eps, steps, [0.0, rate])
    }
}

impl Nadam {
    /// The momentum of a step, counted from 1.
    fn momentum(self, step: u64) -> f64 {
        self.betas.0 * (1.0 - 0.5 * power(0.96, step as f64 * self.momentum_decay))
    }

    /// The step, and the product of the momenta with that of this step.
    pub(super) fn prepare(self, group: &Group, count: Count) -> (Step, f64) {
        let steps = count.steps + 1;
        let (now, next) = (self.momentum(steps), self.momentum(steps + 1));
        let product = count.product * now;
        let rates = [group.lr * (1.0 - now) / (1.0 - product), group.lr * next / (1.0 - product * next)];
        (Step::new(self.betas, self.eps, steps, rates), product)
    }
}

impl<const N: usize> Update<N> for Step {
    #[inline(always)]
    fn update<S: Simd>(self, s: S, value: S::V, grad: S::V, mut state: [S::V; N]) -> (S::V, [S::V; N]) {
        let mean = towards(s, state[0], grad, self.beta1);
        let mut square = towards_square(s, state[1], grad, self.beta2);
        (state[0], state[1]) = (mean, square);
        if N == 3 {
            // The second operand is what is kept where either is NaN: a spoilt state must show.
            square = s.max(square, state[2]);
            state[2] = square;
        }
        let divisor = s.fma(s.sqrt(square), s.splat(self.unbias), s.splat(self.eps));
        let step = s.fma(s.splat(self.rates[0]), grad, s.mul(s.splat(self.rates[1]), mean));
        (s.sub(value, s.div(step, divisor)), state)
    }
}
