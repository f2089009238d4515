//! Integration tests.

mod architecture;
mod determinism;
mod errors;
mod gradcheck;
mod layer;
mod reference;
mod rng;
mod stream;
mod support;
mod threads;
mod train;
