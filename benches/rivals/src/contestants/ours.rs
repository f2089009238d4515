//! rustlstm's crate.

use super::{Job, Mode};
use crate::layer::{Case, Shape};
use crate::numbers::Results;

pub struct Ours {
    case: Case,
    mode: Mode,
}

impl Ours {
    pub fn new(shape: &Shape, mode: Mode) -> Ours {
        Ours { case: Case::new(shape), mode }
    }
}

impl Job for Ours {
    fn run(&mut self) {
        match self.mode {
            Mode::Forward => self.case.forward(),
            Mode::Training => self.case.forward_backward(),
        }
    }

    fn results(&self) -> Results {
        let y = self.case.y.clone();
        match self.mode {
            Mode::Forward => Results { y, ..Results::default() },
            Mode::Training => Results { y, dx: self.case.dx.clone(), grads: self.case.grads.clone() },
        }
    }
}
