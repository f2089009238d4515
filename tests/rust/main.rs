//! Integration tests.

mod determinism;
mod errors;
mod gradcheck;
mod layer;
mod reference;
mod stream;
mod support;
mod rng;
mod threads;
mod train;
