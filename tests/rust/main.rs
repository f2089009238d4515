//! Integration tests.

mod activation;
mod architecture;
mod determinism;
mod elementwise;
mod errors;
mod gradcheck;
mod layer;
mod loss;
mod reference;
mod rng;
mod scan;
mod special;
mod stream;
mod support;
mod threads;
mod train;
