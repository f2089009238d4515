//! The fourteen shapes that the comparisons with other libraries use, and a layer of such a shape that is ready to run.
//!
//! A layer's first outputs are held against the equations when it is made, so that nobody times a wrong one.

use rustlstm::layers::{Config, Lstm, Packed, Pass};
use rustlstm::rng::Stream;
use rustlstm::view::{Seq, SeqMut};

/// A stack of LSTM layers and the batch it sees.
pub struct Shape {
    pub name: &'static str,
    pub layers: usize,
    pub input: usize,
    pub hidden: usize,
    pub bidirectional: bool,
    pub batch: usize,
    pub time: usize,
}

const fn shape(name: &'static str, layers: usize, input: usize, hidden: usize, batch: usize, time: usize) -> Shape {
    Shape { name, layers, input, hidden, bidirectional: false, batch, time }
}

pub const SHAPES: [Shape; 14] = [
    shape("db512x16", 1, 512, 512, 16, 25),
    shape("db512x64", 1, 512, 512, 64, 25),
    shape("db1024x64", 1, 1024, 1024, 64, 25),
    shape("db1536x8", 1, 1536, 1536, 8, 50),
    shape("db256x16", 1, 256, 256, 16, 150),
    shape("db256x64", 1, 256, 256, 64, 150),
    shape("charrnn", 2, 65, 128, 50, 50),
    shape("wordlm", 2, 200, 200, 20, 35),
    shape("series", 1, 16, 64, 32, 100),
    Shape { bidirectional: true, ..shape("biseries", 1, 16, 64, 32, 100) },
    shape("tiny", 1, 8, 32, 16, 20),
    shape("lat256", 1, 256, 256, 1, 150),
    shape("lat512", 1, 512, 512, 1, 25),
    shape("odd", 1, 37, 101, 13, 41),
];

impl Shape {
    /// Multiplies and adds of a forward pass: `8 T B H (I + H)` for each layer and direction. A backward pass has twice
    /// those.
    #[allow(dead_code)] // not every bench has figures per second
    pub fn flops(&self) -> u64 {
        let directions = 1 + usize::from(self.bidirectional);
        let flops = |layer| {
            let input = if layer == 0 { self.input } else { self.hidden * directions };
            8 * self.time * self.batch * self.hidden * (input + self.hidden) * directions
        };
        (0..self.layers).map(flops).sum::<usize>() as u64
    }
}

/// A layer with weights and data.
pub struct Case {
    pub lstm: Lstm,
    pub packed: Packed,
    pub x_shape: [usize; 3],
    pub y_shape: [usize; 3],
    /// One buffer for each of `lstm.specs()`, and their gradients likewise.
    pub params: Vec<Vec<f32>>,
    pub grads: Vec<Vec<f32>>,
    pub x: Vec<f32>,
    pub dx: Vec<f32>,
    pub y: Vec<f32>,
    pub dy: Vec<f32>,
}

impl Case {
    /// The same numbers for a shape, whoever asks.
    pub fn new(shape: &Shape) -> Case {
        let mut config = Config::new(shape.input, shape.hidden);
        config.hidden_sizes = vec![shape.hidden; shape.layers];
        config.bidirectional = shape.bidirectional;
        let lstm = Lstm::new(config).expect("a valid shape");
        let mut draws = Stream::new(7, 0);
        let bound = 1.0 / (shape.hidden as f32).sqrt();
        let mut numbers =
            |n: usize, bound: f32| -> Vec<f32> { (0..n).map(|_| bound * (2.0 * draws.uniform() - 1.0)).collect() };
        let params: Vec<Vec<f32>> = lstm.specs().iter().map(|spec| numbers(spec.len(), bound)).collect();
        let packed = lstm.pack(&slices(&params)).expect("matching parameters");
        let (x_shape, y_shape) =
            ([shape.batch, shape.time, shape.input], [shape.batch, shape.time, lstm.output_size()]);
        let (x, dy) = (numbers(x_shape.iter().product(), 1.0), numbers(y_shape.iter().product(), 1.0));
        let (dx, y) = (vec![0.0; x.len()], vec![0.0; dy.len()]);
        let grads = params.iter().map(|values| vec![0.0; values.len()]).collect();
        let mut case = Case { lstm, packed, x_shape, y_shape, params, grads, x, dx, y, dy };
        case.forward();
        if shape.layers == 1 {
            case.check();
        }
        case
    }

    /// Computes `y`.
    pub fn forward(&mut self) {
        let x = Seq::new(&self.x, self.x_shape).expect("x has its shape");
        let y = SeqMut::new(&mut self.y, self.y_shape).expect("y has its shape");
        self.lstm.forward(&self.packed, x, None, None, y, Pass::Infer).expect("the layer runs");
    }

    /// Computes `y`, then `dx` and `grads` for `dy`.
    pub fn forward_backward(&mut self) {
        let x = Seq::new(&self.x, self.x_shape).expect("x has its shape");
        let y = SeqMut::new(&mut self.y, self.y_shape).expect("y has its shape");
        let (_, cache) = self.lstm.forward(&self.packed, x, None, None, y, Pass::Record).expect("the layer runs");
        // The layer adds to what is there.
        self.dx.fill(0.0);
        self.grads.iter_mut().for_each(|grad| grad.fill(0.0));
        let mut grads: Vec<&mut [f32]> = self.grads.iter_mut().map(Vec::as_mut_slice).collect();
        let dy = Seq::new(&self.dy, self.y_shape).expect("dy has its shape");
        let dx = SeqMut::new(&mut self.dx, self.x_shape).expect("dx has its shape");
        let cache = cache.expect("it was recorded");
        self.lstm.backward(&self.packed, x, cache, Some(dy), None, &mut grads, Some(dx)).expect("the layer runs");
    }

    /// Holds the first two outputs of the first row against the equations.
    fn check(&self) {
        let hidden = self.lstm.config().hidden_sizes[0];
        let input = self.x_shape[2];
        let (w, r, b) = (&self.params[0], &self.params[1], &self.params[2]);
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
        for t in 0..2 {
            let x = &self.x[t * input..][..input];
            let z = |row: usize| {
                let from_x: f64 = (0..input).map(|i| f64::from(w[row * input + i]) * f64::from(x[i])).sum();
                let from_h: f64 = (0..hidden).map(|k| f64::from(r[row * hidden + k]) * h[k]).sum();
                from_x + from_h + f64::from(b[row])
            };
            let gates: Vec<[f64; 4]> = (0..hidden).map(|u| [0, 1, 2, 3].map(|gate| z(gate * hidden + u))).collect();
            for (u, [i, f, g, o]) in gates.into_iter().enumerate() {
                c[u] = sigmoid(f) * c[u] + sigmoid(i) * g.tanh();
                h[u] = sigmoid(o) * c[u].tanh();
            }
            for (u, h) in h.iter().enumerate() {
                let got = self.y[t * self.y_shape[2] + u];
                assert!((f64::from(got) - h).abs() < 1e-5, "output {u} at time {t}: {got}, expected {h}");
            }
        }
    }
}

fn slices(params: &[Vec<f32>]) -> Vec<&[f32]> {
    params.iter().map(Vec::as_slice).collect()
}
