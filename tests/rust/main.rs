//! Integration tests.

mod activation;
mod architecture;
mod conv;
mod determinism;
mod dropout;
mod elementwise;
mod embedding;
mod errors;
mod everywhere;
mod gradcheck;
mod layer;
mod optim;
mod layer_norm;
mod linear;
mod pool;
mod product;
mod reference;
mod rng;
mod safetensors;
mod scan;
mod softmax;
mod stream;
mod support;
mod threads;
mod train;
