//! One step at a time, for sequences that arrive while they are read: frozen weights, a state, and no allocation.
//!
//! A step is the forward pass over a batch whose sequences all have length one, so it gives the bits that the whole
//! sequence would.

use super::direction::Held;
use super::inlet::Source;
use super::lookup::Table;
use super::lstm::{Lstm, State};
use super::rows::Rows;
use super::stack::Stack;
use super::weights::Packed;
use crate::Error;
use crate::buffer::Buffer;
use crate::threads;
use crate::view::SeqMut;
use std::sync::Arc;

/// The running state of `B` sequences.
#[derive(Debug)]
pub struct Stream {
    lstm: Lstm,
    packed: Arc<Packed>,
    rows: Rows,
    held: Vec<Held>,
    scratch: Buffer,
}

impl Stream {
    pub(super) fn new(lstm: Lstm, packed: Arc<Packed>, batch: usize) -> Result<Self, Error> {
        if lstm.config().bidirectional {
            return Err(Error::option("bidirectional", "False for a stream, as the future is not known", "True"));
        }
        if batch == 0 {
            return Err(Error::option("batch_size", "at least 1", 0));
        }
        let rows = Rows::new(&vec![1; batch]);
        let mut held = lstm.held(&packed, &rows, false, None);
        lstm.begin(&rows, &mut held, None, None);
        let scratch = Buffer::zeros(
            Stack { lstm: &lstm, packed: &packed, rows: &rows, held: &held, record: false, key: None, crowded: false }
                .scratch(),
        );
        Ok(Stream { lstm, packed, rows, held, scratch })
    }

    /// Sequences that run side by side.
    pub fn batch(&self) -> usize {
        self.rows.batch()
    }

    /// Channels of the input and of the output.
    pub fn channels(&self) -> (usize, usize) {
        (self.lstm.config().input_size, self.lstm.output_size())
    }

    /// Takes one step: reads `x`, `[B, C]`, and writes `y`, `[B, output_size]`.
    pub fn step(&mut self, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
        let (batch, (inputs, outputs)) = (self.batch(), self.channels());
        if x.len() != batch * inputs {
            return Err(Error::shape("x", format!("[B={batch}, C={inputs}]"), format!("{} values", x.len())));
        }
        if y.len() != batch * outputs {
            return Err(Error::shape("y", format!("[B={batch}, C={outputs}]"), format!("{} values", y.len())));
        }
        self.advance(Source::Step(x), y)
    }

    /// The same for tokens `ids` `[B]` whose products with the input matrix are known.
    pub(super) fn look_up(&mut self, table: &Table, ids: &[u32], y: &mut [f32]) -> Result<(), Error> {
        debug_assert!(ids.len() == self.batch() && y.len() == self.batch() * self.channels().1);
        self.advance(Source::Known(table, ids), y)
    }

    fn advance(&mut self, source: Source<'_>, y: &mut [f32]) -> Result<(), Error> {
        let (batch, (_, outputs)) = (self.batch(), self.channels());
        let Stream { lstm, packed, rows, held, scratch } = self;
        let crowded = threads::crowded();
        let stack = Stack { lstm, packed, rows, held, record: false, key: None, crowded };
        let need = stack.scratch();
        if scratch.len() < need {
            *scratch = Buffer::zeros(need); // the number of threads has grown
        }
        stack.forward(source, Some((&SeqMut::new(y, [batch, 1, outputs])?, 1)), scratch);
        for (index, held) in held.iter_mut().enumerate() {
            let block = batch * lstm.geometry(index).h_stride();
            held.h.copy_within(block..2 * block, 0);
        }
        Ok(())
    }

    /// The state after the last step.
    pub fn state(&self) -> State {
        // The last step's states were moved to where the next one begins: those of sequences without a step.
        self.lstm.end(&Rows::new(&vec![0; self.batch()]), &self.held, false)
    }

    /// Goes on from another state.
    pub fn set_state(&mut self, state: &State) -> Result<(), Error> {
        self.lstm.check_state("state", state, self.batch())?;
        self.lstm.begin(&self.rows, &mut self.held, Some(state), None);
        Ok(())
    }

    /// A stream that goes on from here on its own.
    pub fn fork(&self) -> Stream {
        let mut fork = Stream::new(self.lstm.clone(), self.packed.clone(), self.batch()).expect("this one was made");
        fork.set_state(&self.state()).expect("the state has the right size");
        fork
    }

    /// Makes the sequences copies of those that `rows` names, which may be more or fewer than there were.
    pub fn select(&mut self, rows: &[usize]) -> Result<(), Error> {
        let batch = self.batch();
        if rows.is_empty() {
            return Err(Error::option("rows", "at least one", "none"));
        }
        if let Some(row) = rows.iter().find(|row| **row >= batch) {
            return Err(Error::option("rows", format!("from 0 to B - 1 = {}", batch - 1), row));
        }
        let state = self.state();
        let mut chosen = State::default();
        let (mut h, mut c) = (0, 0);
        for index in 0..self.held.len() {
            let geometry = self.lstm.geometry(index);
            for row in rows {
                chosen.h.extend_from_slice(&state.h[h + row * geometry.state..][..geometry.state]);
                chosen.c.extend_from_slice(&state.c[c + row * geometry.hidden..][..geometry.hidden]);
            }
            h += batch * geometry.state;
            c += batch * geometry.hidden;
        }
        if rows.len() != batch {
            *self = self.lstm.stream(self.packed.clone(), rows.len())?;
        }
        self.set_state(&chosen)
    }

    /// Begins anew: all sequences, or those where `mask` is true.
    pub fn reset(&mut self, mask: Option<&[bool]>) -> Result<(), Error> {
        let batch = self.batch();
        if let Some(mask) = mask.filter(|mask| mask.len() != batch) {
            return Err(Error::shape("mask", format!("[B={batch}]"), format!("[{}]", mask.len())));
        }
        for (index, held) in self.held.iter_mut().enumerate() {
            let geometry = self.lstm.geometry(index);
            for slot in 0..batch {
                if mask.is_none_or(|mask| mask[self.rows.order[slot] as usize]) {
                    held.h[slot * geometry.h_stride()..][..geometry.h_stride()].fill(0.0);
                    held.c[slot * geometry.c_stride()..][..geometry.c_stride()].fill(0.0);
                }
            }
        }
        Ok(())
    }
}
