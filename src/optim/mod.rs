//! Optimizers: rules that move parameters by their gradients, and what goes with them.
//!
//! ```
//! use rustlstm::optim::{Adam, Count, Group, Rule, Slot, step};
//!
//! let rule = Rule::Adam(Adam { betas: (0.9, 0.999), eps: 1e-8, amsgrad: false });
//! let group = Group { rule, lr: 0.1, weight_decay: 0.0, decoupled: false };
//! let (mut value, mut state, mut count) = (vec![3.0; 5], vec![0.0; rule.states() * 5], Count::default());
//! for _ in 0..100 {
//!     let grad: Vec<f32> = value.iter().map(|v| 2.0 * v).collect(); // of the sum of squares
//!     let mut slots = [Slot { group, value: &mut value, grad: &grad, state: &mut state, count }];
//!     step(rustlstm::simd::level()?, &mut slots)?;
//!     count = slots[0].count;
//! }
//! assert!(value.iter().all(|v| v.abs() < 0.2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every rule works number by number, so nothing depends on threads; and each of its operations is correctly rounded, so
//! all fused levels give the same bits. What a step has in single numbers (bias corrections, falling rates) is computed in
//! `f64` from the count of steps, with [`power`] in place of the platform's, so that a run which is resumed, on another
//! machine even, goes on with the bits of the run that was never interrupted.

mod adadelta;
mod adagrad;
mod adam;
mod asgd;
mod average;
mod clip;
mod power;
mod rmsprop;
mod rule;
mod sgd;
mod step;
mod walk;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, Nadam};
pub use asgd::Asgd;
pub use average::Average;
pub use clip::{clip_norm, clip_value};
pub use power::power;
pub use rmsprop::RmsProp;
pub use rule::{Count, Group, Rule};
pub use sgd::Sgd;
pub use step::{Fault, Kind, Slot, step};
