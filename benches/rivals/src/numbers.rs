//! What every contestant is given for a shape, and what must come out: rustlstm's numbers, passed on through files, so that
//! nobody's process runs rustlstm but its own.

use crate::layer::{Case, Shape};
use std::io;
use std::path::Path;
use std::{fs, iter};

/// The most by which a result may differ from rustlstm's, as part of the largest number of its tensor.
const TOLERANCE: f32 = 1e-4;

/// Parameters, or their gradients: weight_ih, weight_hh and bias (gates i, f, g, o) for each layer and direction.
pub type Parameters = Vec<Vec<f32>>;

pub struct Numbers {
    pub x: Vec<f32>,
    pub dy: Vec<f32>,
    pub params: Parameters,
    pub expected: Results,
}

/// What a call computes; a forward pass leaves the gradients empty.
#[derive(Default)]
pub struct Results {
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
    pub grads: Parameters,
}

impl Numbers {
    /// Draws them, and has rustlstm compute what is expected.
    pub fn draw(shape: &Shape) -> Numbers {
        let mut case = Case::new(shape);
        case.forward_backward();
        let Case { x, dy, params, y, dx, grads, .. } = case;
        Numbers { x, dy, params, expected: Results { y, dx, grads } }
    }

    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let Results { y, dx, grads } = &self.expected;
        let named =
            [("x", &self.x), ("dy", &self.dy), ("y", y), ("dx", dx)].map(|(name, values)| (name.into(), values));
        let numbered = |name, all: &'_ Parameters| -> Vec<_> { (0..all.len()).map(|i| format!("{name}{i}")).collect() };
        let params = numbered("param", &self.params).into_iter().zip(&self.params);
        let grads = numbered("grad", grads).into_iter().zip(grads);
        for (name, values) in named.into_iter().chain(params).chain(grads) {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }

    pub fn load(folder: &Path) -> io::Result<Numbers> {
        let read = |name: &str| -> io::Result<Vec<f32>> {
            let bytes = fs::read(folder.join(name))?;
            Ok(bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect())
        };
        let numbered = |name: &str| -> io::Result<Parameters> {
            (0..)
                .map(|i| format!("{name}{i}"))
                .take_while(|name| folder.join(name).exists())
                .map(|n| read(&n))
                .collect()
        };
        let expected = Results { y: read("y")?, dx: read("dx")?, grads: numbered("grad")? };
        Ok(Numbers { x: read("x")?, dy: read("dy")?, params: numbered("param")?, expected })
    }
}

impl Results {
    /// Compares with what is expected; the error names the tensor. Gradients count only where there are some.
    pub fn check(&self, expected: &Results) -> Result<(), String> {
        same("y", &self.y, &expected.y)?;
        if self.grads.is_empty() {
            return Ok(());
        }
        same("the gradient of x", &self.dx, &expected.dx)?;
        if self.grads.len() != expected.grads.len() {
            return Err(format!("{} gradients instead of {}", self.grads.len(), expected.grads.len()));
        }
        for (i, (got, expected)) in iter::zip(&self.grads, &expected.grads).enumerate() {
            same(&format!("the gradient of parameter {i}"), got, expected)?;
        }
        Ok(())
    }
}

fn same(what: &str, got: &[f32], expected: &[f32]) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{what} has {} numbers instead of {}", got.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    // A NaN must not pass.
    match iter::zip(got, expected).position(|(got, expected)| !((got - expected).abs() <= TOLERANCE * largest)) {
        Some(at) => Err(format!("{what} is {} at {at}, and rustlstm's {}", got[at], expected[at])),
        None => Ok(()),
    }
}
