//! Sampling and beam search: what is made of the logits that a model gives for the next token.
//!
//! Filters, draws and beams know a model by [`TokenModel`] alone: tokens in, logits out.
//!
//! ```
//! use rustlstm::decode::{Filter, Plan, Sampler, Stops, TokenModel};
//! use rustlstm::Error;
//!
//! /// After token n, n + 1 is the most probable of ten.
//! #[derive(Clone)]
//! struct Counter(usize);
//!
//! impl TokenModel for Counter {
//!     fn vocabulary(&self) -> usize { 10 }
//!     fn rows(&self) -> usize { self.0 }
//!     fn step(&mut self, tokens: &[u32], logits: &mut [f32]) -> Result<(), Error> {
//!         for (token, row) in tokens.iter().zip(logits.chunks_exact_mut(10)) {
//!             row.fill(0.0);
//!             row[(*token as usize + 1) % 10] = 3.0;
//!         }
//!         Ok(())
//!     }
//!     fn select(&mut self, rows: &[usize]) -> Result<(), Error> {
//!         self.0 = rows.len();
//!         Ok(())
//!     }
//!     fn fork(&self) -> Box<dyn TokenModel> { Box::new(self.clone()) }
//! }
//!
//! let stops = Stops::new(vec![vec![7, 8]], 10)?;
//! let plan = Plan { filters: vec![Filter::Greedy], stops, length: 100, seed: 0, samples: 0..1 };
//! let mut sampler = Sampler::new(Box::new(Counter(1)), &[vec![2]], plan)?;
//! sampler.run()?;
//! assert_eq!(sampler.samples()?[0][0].tokens, [3, 4, 5, 6]);
//! # Ok::<(), Error>(())
//! ```

mod beam;
mod filter;
mod model;
mod rank;
mod sample;
mod stops;

pub use beam::{Hypothesis, Penalty, Search};
pub use filter::{Context, Filter, Scratch, filter};
pub use model::TokenModel;
pub use sample::{Plan, Sample, Sampler, uniform};
pub use stops::Stops;
