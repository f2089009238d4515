//! Kernels.

pub mod activation;
pub mod reduce;
pub mod softmax;
