//! Losses: each gives its value and, in the same pass over the data, its gradient.
//!
//! ```text
//! total     = Σ wᵢ lᵢ               over the elements that count, those of the valid steps
//! mean      = total / Σ wᵢ          0 where that is 0
//! gradient  = wᵢ l'ᵢ / Σ wᵢ         of the mean
//! ```
//!
//! [`Counted`] says which elements count and how much; the families say what l is:
//!
//! ```text
//! regression      squared, absolute, Huber, quantiles                              sixteen lanes
//! classification  cross-entropy, binary cross-entropy                              sixteen lanes
//! likelihood      Gaussian, Student t, negative binomial, binary of probabilities  f64, one by one
//! regulariser     mean squares of activations and of their changes                 sixteen lanes
//! ```
//!
//! NaN or infinity in what counts makes the loss NaN or infinite; in what does not count it is never looked at. Sums are
//! taken over blocks that follow from the shape and the lengths alone, and over the blocks in f64 and in order, so that
//! the bits do not depend on the number of threads.
//!
//! ```
//! use rustlstm::layers::loss::{Counted, Outputs, Reduction, regression};
//! use rustlstm::simd::level;
//!
//! let (prediction, target) = ([1.0, 2.0, 5.0, f32::NAN], [1.0, 4.0, 1.0, 0.0]);
//! let counted = Counted::new(&[2, 2], Some(&[2, 1]), None, Reduction::Mean)?; // [B, T], the last step is padding
//! let mut gradient = [0.0; 4];
//! let out = Outputs { losses: None, gradients: [Some(&mut gradient)] };
//! let mse = regression::squared(level()?, &prediction, &target, &counted, out);
//! assert_eq!(mse, 20.0 / 3.0);
//! assert_eq!(gradient[3], 0.0);
//! # Ok::<(), rustlstm::Error>(())
//! ```

pub mod classification;
mod counted;
pub mod likelihood;
mod pointwise;
pub mod regression;
pub mod regulariser;

pub use counted::{Counted, Outputs, Reduction};
