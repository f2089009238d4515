//! What can be decoded.

use crate::Error;
use crate::layers::TokenStream;

/// Sequences that grow by a token at a time, side by side in rows.
///
/// A row gives the same logits whatever the other rows are.
pub trait TokenModel: Send {
    /// `V`: tokens are the numbers from 0 to V - 1.
    fn vocabulary(&self) -> usize;

    /// Sequences that run side by side.
    fn rows(&self) -> usize;

    /// Reads a token of each row, and writes the logits of the next ones, `[rows, V]`.
    ///
    /// # Errors
    /// When the sizes do not fit or there is no such token; then the state is as it was.
    fn step(&mut self, tokens: &[u32], logits: &mut [f32]) -> Result<(), Error>;

    /// Makes the rows copies of those that are named, which may be more or fewer than there were: so a prompt that is
    /// read once has many continuations, and beams change places.
    ///
    /// # Errors
    /// When none are named, or one that is not there.
    fn select(&mut self, rows: &[usize]) -> Result<(), Error>;

    /// A model that goes on from here on its own.
    fn fork(&self) -> Box<dyn TokenModel>;
}

impl TokenModel for TokenStream {
    fn vocabulary(&self) -> usize {
        self.vocabulary()
    }

    fn rows(&self) -> usize {
        self.batch()
    }

    fn step(&mut self, tokens: &[u32], logits: &mut [f32]) -> Result<(), Error> {
        self.step(tokens, logits)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), Error> {
        self.select(rows)
    }

    fn fork(&self) -> Box<dyn TokenModel> {
        Box::new(self.fork())
    }
}
