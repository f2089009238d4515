//! LSTM layers that are right in every option, fast on every CPU level and the same bits on all of them.
//!
//! Arrows between the modules point down only:
//!
//! ```text
//! decode          filters, sampling and beam search over anything that gives logits for tokens
//! layers          cell, one direction, stack, stream, and the layers around an LSTM
//! optim           rules that move parameters; beside the layers, as is
//! safetensors     the files of models
//! kernels         matrix products, gate stage, activations, softmax, reductions
//! simd            sixteen lanes of f32 on scalar, AVX2, AVX-512 and NEON
//! error view buffer threads rng half   the ground, usable from everywhere
//! ```

pub mod buffer;
pub mod decode;
pub mod error;
mod half;
pub mod kernels;
pub mod layers;
pub mod optim;
pub mod rng;
pub mod safetensors;
pub mod simd;
pub mod threads;
pub mod view;

#[cfg(feature = "python")]
mod bindings;

pub use error::Error;
