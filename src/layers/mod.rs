//! LSTM layers: a [`Config`] says what they are, an [`Lstm`] computes with the caller's parameters, a [`Stream`] goes step
//! by step.
//!
//! ```
//! use rustlstm::layers::{Config, Lstm, Pass};
//! use rustlstm::view::{Seq, SeqMut};
//!
//! let lstm = Lstm::new(Config::new(3, 8))?;
//! let params: Vec<Vec<f32>> = lstm.specs().iter().map(|spec| vec![0.1; spec.len()]).collect();
//! let packed = lstm.pack(&params.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
//! let (x, mut y) = (vec![1.0; 2 * 5 * 3], vec![0.0; 2 * 5 * 8]); // [B, T, C] and [B, T, H]
//! let (x, out) = (Seq::new(&x, [2, 5, 3])?, SeqMut::new(&mut y, [2, 5, 8])?);
//! let (state, _) = lstm.forward(&packed, x, None, None, out, Pass::Infer)?;
//! assert_eq!(state.h[..8], y[4 * 8..5 * 8]); // the last output is the final hidden state
//! # Ok::<(), rustlstm::Error>(())
//! ```

pub mod attention;
mod config;
pub mod conv;
mod direction;
pub mod dropout;
pub mod embedding;
pub mod init;
mod inlet;
mod language;
pub mod linear;
mod lookup;
pub mod loss;
mod lstm;
pub mod norm;
pub mod pool;
mod recompute;
mod rows;
pub mod softmax;
mod stack;
mod steps;
mod stream;
mod upward;
mod weights;
mod window;

pub use crate::kernels::activation::Activation;
pub use crate::kernels::cell::Cell;
pub use crate::kernels::gemm::matrix::Precision;
pub use crate::kernels::mask::{Mask, Purpose};
pub use config::{Config, Merge, ParamSpec};
pub use language::{LanguageModel, Memory, Parts, TokenStream};
pub use lstm::{Cache, Lstm, Pass, State};
pub use steps::Steps;
pub use stream::Stream;
pub use weights::Packed;
pub use window::{Axis, Slide};
