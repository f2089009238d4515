//! What a recorded pass keeps, and the way back through it: everything, or states from which the rest is computed again.
//!
//! ```text
//! all       x → every gate and state of T steps                                   → back
//! states    x → a state before each of √T parts of √T steps
//!                 last part first:  forward again from its state, every gate kept → back
//! ```
//!
//! Forward gives the same bits each time, and the sums over all steps are chains from the last step to the first, so the
//! gradients are the same bits either way.

use super::direction::{Held, ParamGrads};
use super::inlet::Source;
use super::lstm::{Lstm, State};
use super::rows::Rows;
use super::stack::Stack;
use super::upward::Upward;
use super::weights::Packed;
use crate::rng::Key;
use crate::threads::{self, Pace};
use crate::view::{Seq, SeqMut};

/// What a recorded pass keeps of its steps.
#[derive(Debug)]
pub(super) enum Kept {
    All(Rows, Vec<Held>),
    /// The parts of the steps, each with the state that it begins with, if not with zeros.
    States(Vec<(Rows, Option<State>)>),
}

/// What every part of a call shares.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub lstm: &'a Lstm,
    pub packed: &'a Packed,
    pub x: Seq<'a>,
    pub key: Option<Key>,
}

impl<'a> Call<'a> {
    fn stack<'b>(&self, rows: &'b Rows, held: &'b [Held], record: bool) -> Stack<'b>
    where
        'a: 'b,
    {
        let Call { lstm, packed, key, .. } = *self;
        Stack { lstm, packed, rows, held, record, key, crowded: threads::crowded() }
    }

    fn run(&self, rows: &Rows, state: Option<&State>, y: Option<(&SeqMut<'_>, usize)>, record: bool) -> Vec<Held> {
        let mut held = self.lstm.held(self.packed, rows, record, self.key);
        self.lstm.begin(rows, &mut held, state, self.key);
        let stack = self.stack(rows, &held, record);
        stack.forward(Source::Given(self.x, None), y, &mut self.lstm.shelf.take(stack.scratch()));
        held
    }

    /// Runs forward, writes `y` and gives the final state, and what backward needs if it is to be recorded.
    pub fn forward(self, rows: Rows, state: Option<&State>, y: &SeqMut<'_>, record: bool) -> (State, Option<Kept>) {
        let [_, time, _] = y.shape();
        if !(record && self.lstm.config().recompute) {
            let held = self.run(&rows, state, Some((y, time)), record);
            return (self.lstm.end(&rows, &held, record), record.then_some(Kept::All(rows, held)));
        }
        let mut parts = rows.parts();
        let (last, mut state) = (parts.len() - 1, state.cloned());
        let mut kept = Vec::with_capacity(parts.len());
        let pace = Pace::default();
        for (index, part) in parts.drain(..).enumerate() {
            let until = if index == last { time } else { part.begin + part.steps() };
            pace.look();
            let held = self.run(&part, state.as_ref(), Some((y, until)), false);
            let after = self.lstm.end(&part, &held, false);
            kept.push((part, state.replace(after)));
        }
        (state.expect("there is a part"), Some(Kept::States(kept)))
    }

    /// Runs backward, adds to `grads` and `dx`, and gives the gradient of the initial state.
    pub fn backward(
        self,
        kept: Kept,
        dy: Option<Seq<'_>>,
        dstate: Option<&State>,
        grads: &[ParamGrads<'_>],
        dx: Option<&SeqMut<'_>>,
    ) -> State {
        let start = |rows| Upward::new(self.lstm, self.packed, rows, dstate);
        let go = |rows: &Rows, held: &[Held], upward: &mut Upward| {
            upward.enter(self.lstm, rows, held);
            self.stack(rows, held, true).backward(Source::Given(self.x, dx), dy, upward, grads);
        };
        match kept {
            Kept::All(rows, held) => {
                let mut upward = start(&rows);
                go(&rows, &held, &mut upward);
                upward.end(self.lstm, &rows)
            }
            Kept::States(parts) => {
                let mut upward = start(&parts[0].0);
                let pace = Pace::default();
                for (rows, state) in parts.iter().rev() {
                    pace.look();
                    let held = self.run(rows, state.as_ref(), None, true);
                    pace.look();
                    go(rows, &held, &mut upward);
                }
                upward.end(self.lstm, &parts[0].0)
            }
        }
    }
}
