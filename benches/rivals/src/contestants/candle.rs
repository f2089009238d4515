//! candle-nn on its CPU backend: `LSTM::seq`, which goes step by step.
//!
//! It has layers of one direction only. Stacks are layers one upon the other, as its users build them, and for the reverse
//! direction the sequence is turned round before and after. One of its two biases is left out, as it allows.

use super::{Job, Mode};
use crate::layer::Shape;
use crate::numbers::{Numbers, Results};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::VarBuilder;
use candle_nn::rnn::{Direction, LSTM, LSTMConfig, RNN, lstm};
use std::collections::HashMap;

pub struct Candle {
    x: Tensor,
    dy: Tensor,
    /// As they came: variables in training, so that a graph is recorded, and plain tensors otherwise.
    params: Vec<Tensor>,
    /// The directions of each layer.
    layers: Vec<Vec<LSTM>>,
    mode: Mode,
    y: Option<Tensor>,
    grads: Option<GradStore>,
}

impl Candle {
    pub fn new(shape: &Shape, mode: Mode, numbers: &Numbers) -> Result<Candle> {
        let tensor = |values: &[f32], shape: &[usize]| match mode {
            Mode::Forward => Tensor::from_slice(values, shape, &Device::Cpu),
            Mode::Training => Ok(Var::from_slice(values, shape, &Device::Cpu)?.into_inner()),
        };
        let directions = 1 + usize::from(shape.bidirectional);
        let hidden = shape.hidden;
        let mut values = numbers.params.iter();
        let (mut params, mut layers) = (Vec::new(), Vec::new());
        for layer_idx in 0..shape.layers {
            let input = if layer_idx == 0 { shape.input } else { hidden * directions };
            let mut layer = Vec::new();
            for (direction, suffix) in
                [(Direction::Forward, ""), (Direction::Backward, "_reverse")][..directions].iter()
            {
                let mut named = HashMap::new();
                for (name, dims) in [
                    ("weight_ih", vec![4 * hidden, input]),
                    ("weight_hh", vec![4 * hidden, hidden]),
                    ("bias_ih", vec![4 * hidden]),
                ] {
                    let param = tensor(values.next().expect("enough parameters"), &dims)?;
                    params.push(param.clone());
                    named.insert(format!("{name}_l{layer_idx}{suffix}"), param);
                }
                let builder = VarBuilder::from_tensors(named, DType::F32, &Device::Cpu);
                let config = LSTMConfig { layer_idx, direction: *direction, b_hh_init: None, ..LSTMConfig::default() };
                layer.push(lstm(input, hidden, config, builder)?);
            }
            layers.push(layer);
        }
        let x = tensor(&numbers.x, &[shape.batch, shape.time, shape.input])?;
        let dy = Tensor::from_slice(&numbers.dy, (shape.batch, shape.time, hidden * directions), &Device::Cpu)?;
        Ok(Candle { x, dy, params, layers, mode, y: None, grads: None })
    }

    fn forward(&self) -> Result<Tensor> {
        let mut x = self.x.clone();
        for layer in &self.layers {
            let mut sides = Vec::new();
            for lstm in layer {
                let reverse = matches!(lstm.config().direction, Direction::Backward);
                let seen = if reverse { x.flip(&[1])? } else { x.clone() };
                let y = lstm.states_to_tensor(&lstm.seq(&seen)?)?;
                sides.push(if reverse { y.flip(&[1])? } else { y });
            }
            x = if sides.len() == 1 { sides.remove(0) } else { Tensor::cat(&sides, 2)? };
        }
        Ok(x)
    }

    fn call(&mut self) -> Result<()> {
        let y = self.forward()?;
        if self.mode == Mode::Training {
            self.grads = Some((&y * &self.dy)?.sum_all()?.backward()?);
        }
        self.y = Some(y);
        Ok(())
    }
}

impl Job for Candle {
    fn run(&mut self) {
        self.call().expect("candle runs");
    }

    fn results(&self) -> Results {
        let numbers = |tensor: &Tensor| tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("floats");
        let y = numbers(self.y.as_ref().expect("it has run"));
        let Some(grads) = &self.grads else { return Results { y, ..Results::default() } };
        let grad = |tensor| numbers(grads.get(tensor).expect("each has a gradient"));
        Results { y, dx: grad(&self.x), grads: self.params.iter().map(grad).collect() }
    }
}
