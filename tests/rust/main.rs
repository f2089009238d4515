//! Integration tests.

mod activation;
mod architecture;
mod conv;
mod determinism;
mod dropout;
mod elementwise;
mod errors;
mod everywhere;
mod gradcheck;
mod layer;
mod layer_norm;
mod pool;
mod product;
mod reference;
mod rng;
mod scan;
mod stream;
mod support;
mod threads;
mod train;
