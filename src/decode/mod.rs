//! What is made of the logits that a model gives for the next token.
//!
//! A model is known by [`TokenModel`] alone: tokens in, logits out.

mod model;

pub use model::TokenModel;
