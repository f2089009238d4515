//! Kernels.

pub mod activation;
