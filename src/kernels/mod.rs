//! Inner loops, written once over [`crate::simd::Simd`]: safe functions on views, each checked once at its entry.

pub mod activation;
pub mod cell;
pub mod elementwise;
pub mod gemm;
pub mod mask;
pub mod norm;
pub mod product;
pub mod reduce;
pub mod softmax;
pub mod special;
mod square;
