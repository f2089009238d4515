//! Who takes part, and what each makes of a shape.

mod burn;
mod candle;
mod ours;

use crate::layer::Shape;
use crate::numbers::{Numbers, Results};

pub const OURS: &str = "rustlstm";
/// In the order of the table's columns.
pub const NAMES: [&str; 4] = [OURS, "candle-nn", "burn flex", "burn ndarray"];

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Forward,
    Training,
}

impl Mode {
    pub const ALL: [Mode; 2] = [Mode::Forward, Mode::Training];

    pub fn name(self) -> &'static str {
        match self {
            Mode::Forward => "forward",
            Mode::Training => "forward+backward",
        }
    }

    /// Multiplies and adds of one call.
    pub fn flops(self, shape: &Shape) -> f64 {
        shape.flops() as f64 * if self == Mode::Training { 3.0 } else { 1.0 }
    }
}

/// A call that is ready to be made again and again, from arrays to finished results.
pub trait Job {
    fn run(&mut self);
    /// What the last call computed.
    fn results(&self) -> Results;
}

/// A contestant's job.
pub fn prepare(name: &str, shape: &Shape, mode: Mode, numbers: &Numbers) -> Box<dyn Job> {
    match name {
        OURS => Box::new(ours::Ours::new(shape, mode)),
        "candle-nn" => {
            Box::new(candle::Candle::new(shape, mode, numbers).expect("candle has all that the shapes need"))
        }
        "burn flex" => Box::new(burn::Burn::new(::burn::tensor::Device::flex(), shape, mode, numbers)),
        #[allow(deprecated)] // in favour of flex; it is measured as long as it is there
        "burn ndarray" => Box::new(burn::Burn::new(::burn::tensor::Device::ndarray(), shape, mode, numbers)),
        _ => panic!("nobody is called {name}; there are {}", NAMES.join(", ")),
    }
}
