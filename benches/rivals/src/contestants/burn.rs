//! burn on a CPU backend: its modules `Lstm` and `BiLstm`, one upon the other for stacks.
//!
//! Each gate is a module of its own with a matrix `[inputs, units]`, so parameters are cut up and turned on the way in, and
//! gradients on the way out. One of its two biases is left out.

use super::{Job, Mode};
use crate::layer::Shape;
use crate::numbers::{Numbers, Results};
use burn::module::Param;
use burn::nn::{BiLstm, BiLstmConfig, GateController, Lstm, LstmConfig};
use burn::tensor::{Device, Gradients, Tensor, TensorData};

enum Layer {
    One(Lstm),
    Both(BiLstm),
}

impl Layer {
    fn sides(&self) -> Vec<&Lstm> {
        match self {
            Layer::One(lstm) => vec![lstm],
            Layer::Both(both) => vec![&both.forward, &both.reverse],
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Layer::One(lstm) => lstm.forward(x, None).0,
            Layer::Both(both) => both.forward(x, None).0,
        }
    }
}

pub struct Burn {
    x: Tensor<3>,
    dy: Tensor<3>,
    layers: Vec<Layer>,
    mode: Mode,
    y: Option<Tensor<3>>,
    grads: Option<Gradients>,
}

impl Burn {
    pub fn new(device: Device, shape: &Shape, mode: Mode, numbers: &Numbers) -> Burn {
        let device = if mode == Mode::Training { device.autodiff() } else { device };
        let directions = 1 + usize::from(shape.bidirectional);
        let mut params = numbers.params.chunks(3);
        let mut layers = Vec::new();
        for layer in 0..shape.layers {
            let input = if layer == 0 { shape.input } else { shape.hidden * directions };
            let mut give = |lstm: &mut Lstm| fill(lstm, params.next().expect("enough parameters"), &device);
            layers.push(if shape.bidirectional {
                let mut both = BiLstmConfig::new(input, shape.hidden, true).init(&device);
                give(&mut both.forward);
                give(&mut both.reverse);
                Layer::Both(both)
            } else {
                let mut lstm = LstmConfig::new(input, shape.hidden, true).init(&device);
                give(&mut lstm);
                Layer::One(lstm)
            });
        }
        let tensor = |values: &[f32], width| {
            Tensor::<3>::from_data(TensorData::new(values.to_vec(), [shape.batch, shape.time, width]), &device)
        };
        let x = tensor(&numbers.x, shape.input);
        let x = if mode == Mode::Training { x.require_grad() } else { x };
        let dy = tensor(&numbers.dy, shape.hidden * directions);
        Burn { x, dy, layers, mode, y: None, grads: None }
    }
}

impl Job for Burn {
    fn run(&mut self) {
        let y = self.layers.iter().fold(self.x.clone(), |x, layer| layer.forward(x));
        if self.mode == Mode::Training {
            self.grads = Some((y.clone() * self.dy.clone()).sum().backward());
        }
        self.y = Some(y);
    }

    fn results(&self) -> Results {
        let y = numbers(self.y.clone().expect("it has run"));
        let Some(grads) = &self.grads else { return Results { y, ..Results::default() } };
        let dx = numbers(self.x.grad(grads).expect("x has a gradient"));
        let sides = self.layers.iter().flat_map(Layer::sides);
        Results { y, dx, grads: sides.flat_map(|lstm| gradients(lstm, grads)).collect() }
    }
}

/// The modules of the gates, in the order i, f, g, o.
fn gates(lstm: &Lstm) -> [&GateController; 4] {
    let forget = lstm.forget_gate.as_ref().expect("the gates are not coupled");
    [&lstm.input_gate, forget, &lstm.cell_gate, &lstm.output_gate]
}

/// Gives a layer weight_ih, weight_hh and bias.
fn fill(lstm: &mut Lstm, params: &[Vec<f32>], device: &Device) {
    let units = lstm.d_hidden;
    let Lstm { input_gate, forget_gate, cell_gate, output_gate, .. } = lstm;
    let forget_gate = forget_gate.as_mut().expect("the gates are not coupled");
    for (gate, module) in [input_gate, forget_gate, cell_gate, output_gate].into_iter().enumerate() {
        let matrix = |values: &[f32]| {
            let width = values.len() / (4 * units);
            let rows = &values[gate * units * width..][..units * width];
            let columns: Vec<f32> = (0..width).flat_map(|c| rows.iter().skip(c).step_by(width)).copied().collect();
            Param::from_data(TensorData::new(columns, [width, units]), device)
        };
        module.input_transform.weight = matrix(&params[0]);
        module.hidden_transform.weight = matrix(&params[1]);
        let bias = params[2][gate * units..][..units].to_vec();
        module.input_transform.bias = Some(Param::from_data(TensorData::new(bias, [units]), device));
        module.hidden_transform.bias = None;
    }
}

/// The gradients of weight_ih, weight_hh and bias.
fn gradients(lstm: &Lstm, grads: &Gradients) -> [Vec<f32>; 3] {
    let mut all = [const { Vec::new() }; 3];
    for gate in gates(lstm) {
        for (all, transform) in all.iter_mut().zip([&gate.input_transform, &gate.hidden_transform]) {
            let grad = transform.weight.val().grad(grads).expect("each has a gradient");
            all.extend(numbers(grad.transpose()));
        }
        let bias = gate.input_transform.bias.as_ref().expect("there is one").val();
        all[2].extend(numbers(bias.grad(grads).expect("each has a gradient")));
    }
    all
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("floats")
}
