//! Inner loops, written once over [`crate::simd::Simd`]: safe functions on views, each checked once at its entry.

pub mod gemm;
