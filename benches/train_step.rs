//! A whole training step: packing, forward, a linear layer, a loss, backward, clipping and Adam.
//!
//! `cargo bench --bench train_step [-- FILTER]`. With one output the loss is the squared error of the last step, with more
//! the cross-entropy of every step. Before a shape is timed, its loss must have fallen.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rustlstm::layers::linear::{self, Linear};
use rustlstm::layers::loss::classification::CrossEntropy;
use rustlstm::layers::loss::{Counted, Outputs, Reduction, regression};
use rustlstm::layers::{Config, Lstm, Pass, Steps};
use rustlstm::optim::{self, Adam, Count, Group, Rule, Slot};
use rustlstm::rng::Stream;
use rustlstm::simd::Level;
use rustlstm::view::{Seq, SeqMut};
use std::time::Duration;

/// Name, layers, inputs, hidden units, outputs, rows, steps.
const SHAPES: [(&str, usize, usize, usize, usize, usize, usize); 3] =
    [("tiny", 1, 8, 32, 1, 16, 20), ("charrnn", 2, 65, 128, 65, 50, 50), ("char256", 1, 64, 256, 64, 32, 64)];
const ADAM: Group = Group {
    rule: Rule::Adam(Adam { betas: (0.9, 0.999), eps: 1e-8, amsgrad: false }),
    lr: 1e-3,
    weight_decay: 0.0,
    decoupled: false,
};

/// A number for each parameter: those of the LSTM, then the matrix and the bias of the linear layer.
type Parameters = Vec<Vec<f32>>;

struct Training {
    level: Level,
    lstm: Lstm,
    outputs: usize,
    shape: [usize; 3],
    x: Vec<f32>,
    target: Vec<f32>,
    classes: Vec<i64>,
    values: Parameters,
    states: Parameters,
    count: Count,
    y: Vec<f32>,
}

impl Training {
    fn new(layers: usize, inputs: usize, hidden: usize, outputs: usize, rows: usize, steps: usize) -> Training {
        let mut config = Config::new(inputs, hidden);
        config.hidden_sizes = vec![hidden; layers];
        let lstm = Lstm::new(config).expect("a valid shape");
        let mut draws = Stream::new(7, 0);
        let mut numbers =
            |n: usize, bound: f32| -> Vec<f32> { (0..n).map(|_| bound * (2.0 * draws.uniform() - 1.0)).collect() };
        let bound = 1.0 / (hidden as f32).sqrt();
        let head = [outputs * hidden, outputs];
        let lens = lstm.specs().iter().map(|spec| spec.len()).chain(head);
        let values: Parameters = lens.map(|len| numbers(len, bound)).collect();
        Training {
            level: rustlstm::simd::level().expect("RUSTLSTM_SIMD names a level of this machine"),
            outputs,
            shape: [rows, steps, inputs],
            x: numbers(rows * steps * inputs, 1.0),
            target: numbers(rows, 1.0),
            classes: numbers(rows * steps, 0.5).iter().map(|n| ((n + 0.5) * outputs as f32) as i64).collect(),
            states: values.iter().map(|value| vec![0.0; 2 * value.len()]).collect(),
            values,
            count: Count::default(),
            y: vec![0.0; rows * steps * lstm.output_size()],
            lstm,
        }
    }

    /// One step; returns the loss before it.
    fn step(&mut self) -> f32 {
        let [rows, steps, _] = self.shape;
        let hidden = self.lstm.output_size();
        let parts = self.lstm.specs().len();
        let (body, head) = self.values.split_at(parts);
        let packed = self.lstm.pack(&body.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("matching parameters");
        let x = Seq::new(&self.x, self.shape).expect("x has its shape");
        let y = SeqMut::new(&mut self.y, [rows, steps, hidden]).expect("y has its shape");
        let (_, cache) = self.lstm.forward(&packed, x, None, None, y, Pass::Record).expect("the layer runs");

        let last = self.outputs == 1;
        let elements = [rows, if last { 1 } else { steps }];
        let seen: Vec<f32> = if last {
            self.y.chunks(steps * hidden).flat_map(|row| &row[(steps - 1) * hidden..]).copied().collect()
        } else {
            self.y.clone()
        };
        let batch = Steps::new(elements[0], elements[1], None).expect("a batch");
        let linear = Linear { weight: &head[0], bias: Some(&head[1]), features: [self.outputs, hidden] };
        let mut scores = vec![0.0; seen.len() / hidden * self.outputs];
        linear.forward(self.level, &seen, &batch, &mut scores).expect("all fits");

        let mut dscores = vec![0.0; scores.len()];
        let out = Outputs { losses: None, gradients: [Some(&mut dscores)] };
        let counted = Counted::new(&elements, None, None, Reduction::Mean).expect("a shape");
        let loss = if last {
            regression::squared(self.level, &scores, &self.target, &counted, out)
        } else {
            let entropy = CrossEntropy::new(self.outputs, None, -100, 0.0).expect("options");
            entropy.run(self.level, &scores, &self.classes, &counted, out).expect("classes")
        };

        let mut grads: Parameters = self.values.iter().map(|value| vec![0.0; value.len()]).collect();
        let (mut dseen, mut dy) = (vec![0.0; seen.len()], vec![0.0; self.y.len()]);
        let (body_grads, head_grads) = grads.split_at_mut(parts);
        let [dweight, dbias] = head_grads else { unreachable!("a matrix and a bias") };
        let gradients = linear::Gradients { x: Some(&mut dseen), weight: Some(dweight), bias: Some(dbias) };
        linear.backward(self.level, &seen, &batch, &dscores, gradients).expect("all fits");
        if last {
            for (row, dseen) in dy.chunks_mut(steps * hidden).zip(dseen.chunks(hidden)) {
                row[(steps - 1) * hidden..].copy_from_slice(dseen);
            }
        } else {
            dy = dseen;
        }
        let mut views: Vec<&mut [f32]> = body_grads.iter_mut().map(Vec::as_mut_slice).collect();
        let dy = Seq::new(&dy, [rows, steps, hidden]).expect("dy has its shape");
        let cache = cache.expect("it was recorded");
        self.lstm.backward(&packed, x, cache, Some(dy), None, &mut views, None).expect("the layer runs");

        let mut views: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
        optim::clip_norm(self.level, &mut views, 1.0).expect("finite gradients");
        let mut slots: Vec<Slot<'_>> = Vec::new();
        for ((value, state), grad) in self.values.iter_mut().zip(&mut self.states).zip(&grads) {
            slots.push(Slot { group: ADAM, value, grad, state, count: self.count });
        }
        optim::step(self.level, &mut slots).expect("finite numbers");
        self.count = slots[0].count;
        loss
    }
}

fn shapes(c: &mut Criterion) {
    let level = rustlstm::simd::level().expect("RUSTLSTM_SIMD names a level of this machine").name();
    let mut group = c.benchmark_group(format!("training step, {level}, {} threads", rustlstm::threads::num_threads()));
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (name, layers, inputs, hidden, outputs, rows, steps) in SHAPES {
        let mut training = Training::new(layers, inputs, hidden, outputs, rows, steps);
        let first = training.step();
        let later = (0..20).map(|_| training.step()).last().expect("steps");
        assert!(later < first, "{name}: the loss goes from {first} to {later}");
        group.bench_function(BenchmarkId::from_parameter(name), |b| b.iter(|| training.step()));
    }
    group.finish();
}

criterion_group!(benches, shapes);
criterion_main!(benches);
