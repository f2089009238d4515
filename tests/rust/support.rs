//! What the tests of layers share: random cases, running the fast code or the reference on them, and comparing.

use crate::reference::{self, Carry, Masks};
use rustlstm::layers::{Activation, Cache, Cell, Config, Lstm, Merge, Packed, Pass, State};
use rustlstm::simd::Level;
use rustlstm::view::{Seq, SeqMut};

/// Random numbers of the tests, on purpose not those of the library (splitmix64).
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform(0.0, 1.0) < p as f32
    }

    /// In [low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 40) as f32 / (1u64 << 24) as f32)
    }

    pub fn fill(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| self.uniform(low, high)).collect()
    }
}

/// One LSTM with its parameters, inputs and output gradients.
#[derive(Debug, Clone)]
pub struct Case {
    pub config: Config,
    pub batch: usize,
    pub time: usize,
    pub lengths: Option<Vec<usize>>,
    pub params: Vec<Vec<f32>>,
    pub x: Vec<f32>,
    pub state: Option<State>,
    pub dy: Option<Vec<f32>>,
    pub dstate: Option<State>,
}

/// Everything that a forward and a backward pass give.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<T> {
    pub y: Vec<T>,
    pub last_h: Vec<T>,
    pub last_c: Vec<T>,
    pub grads: Vec<Vec<T>>,
    pub dx: Vec<T>,
    pub first_h: Vec<T>,
    pub first_c: Vec<T>,
}

/// In the padding of dx before a backward pass, which must leave it alone.
pub const UNTOUCHED: f32 = 7.5;

/// The activations of the cell.
pub const ACTIVATIONS: [Activation; 6] = [
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::HardSigmoid,
    Activation::Relu,
    Activation::Softsign,
    Activation::Identity,
];

/// Any architecture: all options but the random ones (dropouts, zoneout), combined freely.
pub fn random_config(rng: &mut Rng, sizes: &[usize], max_layers: usize) -> Config {
    let mut config = Config::new(rng.pick(sizes), rng.pick(sizes));
    let layers = 1 + rng.below(max_layers);
    let same = rng.chance(0.5).then_some(config.hidden_sizes[0]);
    config.hidden_sizes = (0..layers).map(|_| same.unwrap_or_else(|| rng.pick(sizes))).collect();
    config.bidirectional = rng.chance(0.5);
    config.merge = rng.pick(&[Merge::Concat, Merge::Sum, Merge::Mul, Merge::Mean]);
    let smallest = *config.hidden_sizes.iter().min().expect("a layer");
    config.proj_size = rng.chance(0.35).then(|| 1 + rng.below(smallest));
    config.layer_norm = rng.chance(0.3);
    let plain = rng.chance(0.3);
    if !plain {
        config.cell = Cell {
            peephole: rng.chance(0.5),
            coupled: rng.chance(0.25),
            input_gate: rng.chance(0.8),
            forget_gate: rng.chance(0.8),
            output_gate: rng.chance(0.8),
            input_activation: rng.pick(&ACTIVATIONS),
            output_activation: rng.pick(&ACTIVATIONS),
            clip: rng.chance(0.35).then(|| rng.uniform(0.3, 2.0)),
        };
        if config.cell.coupled {
            // Coupling needs both of its gates.
            config.cell.input_gate = true;
            config.cell.forget_gate = true;
        }
    }
    config
}

/// Sets any of the random options.
pub fn randomise(rng: &mut Rng, config: &mut Config) {
    let mut rate = |p| if rng.chance(p) { rng.uniform(0.05, 0.6) } else { 0.0 };
    config.dropout = rate(0.5);
    config.input_dropout = rate(0.5);
    config.recurrent_dropout = rate(0.5);
    config.zoneout_h = rate(0.4);
    config.zoneout_c = rate(0.4);
    config.weight_drop = rate(0.4);
    config.locked_dropout = rng.chance(0.5);
}

impl Case {
    /// Data for `config`; what lies in padding is NaN, so that whoever reads it is found out.
    pub fn random(rng: &mut Rng, config: Config, batch: usize, time: usize) -> Case {
        let params = random_params(rng, &config);
        let lengths = rng.chance(0.6).then(|| (0..batch).map(|_| rng.below(time + 1)).collect::<Vec<_>>());
        let width = reference::output_size(&config, config.hidden_sizes.len() - 1);
        let mut x = rng.fill(batch * time * config.input_size, -1.0, 1.0);
        let mut dy = rng.fill(batch * time * width, -1.0, 1.0);
        if let Some(lengths) = &lengths {
            fill_padding(&mut x, lengths, time, config.input_size, f32::NAN);
            fill_padding(&mut dy, lengths, time, width, f32::NAN);
        }
        let mut state = |p| {
            let (h, c) = state_sizes(&config, batch);
            let state = State { h: rng.fill(h, -0.9, 0.9), c: rng.fill(c, -0.9, 0.9) };
            rng.chance(p).then_some(state)
        };
        let (first, last) = (state(0.6), state(0.6));
        let dy = (last.is_none() || rng.chance(0.85)).then_some(dy);
        Case { config, batch, time, lengths, params, x, state: first, dy, dstate: last }
    }

    pub fn length(&self, row: usize) -> usize {
        self.lengths.as_ref().map_or(self.time, |lengths| lengths[row])
    }

    /// The same with each number moved by one unit in its last place, or not.
    pub fn nudged(&self, rng: &mut Rng) -> Case {
        let mut case = self.clone();
        let states = [&mut case.state, &mut case.dstate].into_iter().flatten().flat_map(|s| [&mut s.h, &mut s.c]);
        let arrays = case.params.iter_mut().chain([&mut case.x]).chain(&mut case.dy).chain(states);
        arrays.flatten().for_each(|v| *v = if rng.chance(0.5) { v.next_up() } else { *v });
        case
    }

    /// In words, without the data.
    pub fn describe(&self) -> String {
        format!(
            "B={} T={} lengths={:?} state={} dy={} dstate={} {:?}",
            self.batch,
            self.time,
            self.lengths,
            self.state.is_some(),
            self.dy.is_some(),
            self.dstate.is_some(),
            self.config
        )
    }

    pub fn lstm(&self, level: Level) -> Lstm {
        Lstm::at_level(self.config.clone(), level).unwrap_or_else(|e| panic!("{e}: {:?}", self.config))
    }

    pub fn pack(&self, lstm: &Lstm) -> Packed {
        let params: Vec<&[f32]> = self.params.iter().map(Vec::as_slice).collect();
        lstm.pack(&params).unwrap_or_else(|e| panic!("{e}: {:?}", self.config))
    }

    pub fn output_size(&self) -> usize {
        reference::output_size(&self.config, self.config.hidden_sizes.len() - 1)
    }

    /// The forward pass: y (which held NaN before), last state, cache.
    pub fn forward(&self, lstm: &Lstm, packed: &Packed, pass: Pass) -> (Vec<f32>, State, Option<Cache>) {
        let mut y = vec![f32::NAN; self.batch * self.time * self.output_size()];
        let x = Seq::new(&self.x, [self.batch, self.time, self.config.input_size]).expect("x");
        let view = SeqMut::new(&mut y, [self.batch, self.time, self.output_size()]).expect("y");
        let (last, cache) = lstm
            .forward(packed, x, self.lengths.as_deref(), self.state.as_ref(), view, pass)
            .unwrap_or_else(|e| panic!("{e}: {}", self.describe()));
        (y, last, cache)
    }

    /// Both passes.
    pub fn run(&self, level: Level, pass: Pass) -> Outcome<f32> {
        self.run_onto(level, pass, None)
    }

    /// Both passes; the gradients of parameters and x are added to those of `before`.
    pub fn run_onto(&self, level: Level, pass: Pass, before: Option<&Outcome<f32>>) -> Outcome<f32> {
        let lstm = self.lstm(level);
        let packed = self.pack(&lstm);
        let (y, last, cache) = self.forward(&lstm, &packed, pass);
        let cache = cache.expect("a recording pass keeps a cache");
        let mut grads: Vec<Vec<f32>> = self.params.iter().map(|param| vec![0.0; param.len()]).collect();
        let (batch, time, input) = (self.batch, self.time, self.config.input_size);
        let mut dx = vec![0.0; self.x.len()];
        if let Some(lengths) = &self.lengths {
            fill_padding(&mut dx, lengths, time, input, UNTOUCHED);
        }
        if let Some(before) = before {
            grads.clone_from(&before.grads);
            dx.clone_from(&before.dx);
        }
        let x = Seq::new(&self.x, [batch, time, input]).expect("x");
        let dy = self.dy.as_ref().map(|dy| Seq::new(dy, [batch, time, self.output_size()]).expect("dy"));
        let mut slices: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
        let view = SeqMut::new(&mut dx, [batch, time, input]).expect("dx");
        let first = lstm
            .backward(&packed, x, cache, dy, self.dstate.as_ref(), &mut slices, Some(view))
            .unwrap_or_else(|e| panic!("{e}: {}", self.describe()));
        Outcome { y, last_h: last.h, last_c: last.c, grads, dx, first_h: first.h, first_c: first.c }
    }

    /// The same by the reference, and the distance of its nearest activation input to a kink. `masks` gives each row's.
    pub fn reference<'a>(
        &self,
        masks: impl Fn(usize) -> Box<dyn Fn(reference::Site, usize, usize, usize, usize) -> f64 + 'a>,
    ) -> (Outcome<f64>, f64) {
        let (batch, time, input, width) = (self.batch, self.time, self.config.input_size, self.output_size());
        let params: Vec<Vec<f64>> = self.params.iter().map(|param| wide(param)).collect();
        let lstm = reference::Lstm::new(&self.config, &params);
        let (h, c) = state_sizes(&self.config, batch);
        let mut outcome = Outcome {
            y: vec![0.0; batch * time * width],
            last_h: vec![0.0; h],
            last_c: vec![0.0; c],
            grads: params.iter().map(|param| vec![0.0; param.len()]).collect(),
            dx: vec![0.0; batch * time * input],
            first_h: vec![0.0; h],
            first_c: vec![0.0; c],
        };
        if let Some(lengths) = &self.lengths {
            fill_padding(&mut outcome.dx, lengths, time, input, f64::from(UNTOUCHED));
        }
        let mut margin = f64::INFINITY;
        for row in 0..batch {
            let length = self.length(row);
            let at = |step: usize, width: usize| (row * time + step) * width..(row * time + step + 1) * width;
            let x = (0..length).map(|step| wide(&self.x[at(step, input)])).collect();
            let dy = (0..length)
                .map(|step| self.dy.as_ref().map_or(vec![0.0; width], |dy| wide(&dy[at(step, width)])))
                .collect();
            let masks = masks(row);
            let masks: Masks<'_> = &*masks;
            let forward = lstm.forward(&x, &carry(&self.config, self.state.as_ref(), batch, row), masks);
            let dlast = carry(&self.config, self.dstate.as_ref(), batch, row);
            let backward = lstm.backward(&forward, &dy, &dlast, masks);
            margin = margin.min(forward.margin);
            for step in 0..length {
                outcome.y[at(step, width)].copy_from_slice(&forward.y[step]);
                outcome.dx[at(step, input)].copy_from_slice(&backward.dx[step]);
            }
            for (sum, part) in outcome.grads.iter_mut().zip(&backward.params) {
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
            uncarry(&self.config, &forward.last, &mut outcome.last_h, &mut outcome.last_c, batch, row);
            uncarry(&self.config, &backward.first, &mut outcome.first_h, &mut outcome.first_c, batch, row);
        }
        (outcome, margin)
    }

    /// The reference in evaluation mode.
    pub fn reference_evaluation(&self) -> (Outcome<f64>, f64) {
        self.reference(|_| Box::new(reference::evaluation(&self.config)))
    }
}

/// Weights within ±1/sqrt(H), gains near 1.
pub fn random_params(rng: &mut Rng, config: &Config) -> Vec<Vec<f32>> {
    let mut params = Vec::new();
    for (name, shape) in reference::specs(config) {
        let count = shape.iter().product();
        let layer: usize = name.trim_end_matches("_reverse").rsplit("_l").next().expect("_l").parse().expect("a layer");
        let bound = 1.0 / (config.hidden_sizes[layer] as f32).sqrt();
        let gain = name.starts_with("weight_ln");
        params.push(if gain { rng.fill(count, 0.5, 1.5) } else { rng.fill(count, -bound, bound) });
    }
    params
}

/// Lengths of h and c of a whole state.
pub fn state_sizes(config: &Config, batch: usize) -> (usize, usize) {
    let layers = 0..config.hidden_sizes.len();
    let each = batch * reference::directions(config);
    (
        layers.map(|layer| each * reference::h_size(config, layer)).sum(),
        each * config.hidden_sizes.iter().sum::<usize>(),
    )
}

/// The ranges of `row` in the h and the c of a state, by layer and direction.
pub fn state_ranges(config: &Config, batch: usize, row: usize) -> Vec<[std::ops::Range<usize>; 2]> {
    let mut ranges = Vec::new();
    let (mut h_at, mut c_at) = (0, 0);
    for layer in 0..config.hidden_sizes.len() {
        for _ in 0..reference::directions(config) {
            let (h, c) = (reference::h_size(config, layer), config.hidden_sizes[layer]);
            ranges.push([h_at + row * h..h_at + (row + 1) * h, c_at + row * c..c_at + (row + 1) * c]);
            h_at += batch * h;
            c_at += batch * c;
        }
    }
    ranges
}

fn carry(config: &Config, state: Option<&State>, batch: usize, row: usize) -> Carry {
    let ranges = state_ranges(config, batch, row);
    let part = |of: fn(&State) -> &[f32], index: usize| {
        let one = |ranges: &[std::ops::Range<usize>; 2]| {
            let range = ranges[index].clone();
            state.map_or(vec![0.0; range.len()], |state| wide(&of(state)[range]))
        };
        ranges.iter().map(one).collect()
    };
    Carry { h: part(|state| &state.h, 0), c: part(|state| &state.c, 1) }
}

fn uncarry(config: &Config, carry: &Carry, h: &mut [f64], c: &mut [f64], batch: usize, row: usize) {
    for (index, [h_range, c_range]) in state_ranges(config, batch, row).into_iter().enumerate() {
        h[h_range].copy_from_slice(&carry.h[index]);
        c[c_range].copy_from_slice(&carry.c[index]);
    }
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Sets the steps of `[B, T, width]` beyond each row's length.
pub fn fill_padding<T: Copy>(data: &mut [T], lengths: &[usize], time: usize, width: usize, value: T) {
    for (row, &length) in lengths.iter().enumerate() {
        data[(row * time + length) * width..(row + 1) * time * width].fill(value);
    }
}

/// The largest difference, in units of the largest expected value (but at least `floor`); infinite if anything is NaN.
pub fn error<T: Copy + Into<f64>>(got: &[T], expected: &[f64], floor: f64) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(floor, |scale, value| scale.max(value.abs()));
    let mut worst: f64 = 0.0;
    for (&got, expected) in got.iter().zip(expected) {
        let difference = (got.into() - expected).abs();
        worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
    }
    worst / scale
}

/// The bits, so that -0 and 0 differ and NaN equals itself.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

impl Outcome<f32> {
    /// The names of the arrays whose bits differ.
    pub fn differing(&self, other: &Outcome<f32>, config: &Config) -> Vec<String> {
        let mut names = Vec::new();
        let mut compare = |name: &str, a: &[f32], b: &[f32]| {
            if bits(a) != bits(b) {
                let at = a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits());
                let values = at.map(|at| format!(" at {at}: {:e} and {:e}", a[at], b[at]));
                names.push(format!("{name}{}", values.unwrap_or_else(|| " in length".to_string())));
            }
        };
        compare("y", &self.y, &other.y);
        compare("h_n", &self.last_h, &other.last_h);
        compare("c_n", &self.last_c, &other.last_c);
        for ((name, _), (a, b)) in reference::specs(config).iter().zip(self.grads.iter().zip(&other.grads)) {
            compare(name, a, b);
        }
        compare("dx", &self.dx, &other.dx);
        compare("dh0", &self.first_h, &other.first_h);
        compare("dc0", &self.first_c, &other.first_c);
        names
    }
}

impl<T: Copy + Into<f64>> Outcome<T> {
    /// Forward and gradient errors against the reference, by array.
    pub fn errors(&self, expected: &Outcome<f64>, config: &Config, floor: f64) -> (Vec<Measured>, Vec<Measured>) {
        let one = |name: &str, a: &[T], b: &[f64]| Measured { name: name.to_string(), error: error(a, b, floor) };
        let forward = vec![
            one("y", &self.y, &expected.y),
            one("h_n", &self.last_h, &expected.last_h),
            one("c_n", &self.last_c, &expected.last_c),
        ];
        let mut backward: Vec<Measured> = reference::specs(config)
            .iter()
            .zip(self.grads.iter().zip(&expected.grads))
            .map(|((name, _), (a, b))| one(name, a, b))
            .collect();
        backward.push(one("dx", &self.dx, &expected.dx));
        backward.push(one("dh0", &self.first_h, &expected.first_h));
        backward.push(one("dc0", &self.first_c, &expected.first_c));
        (forward, backward)
    }
}

/// The error of one array.
#[derive(Debug, Clone)]
pub struct Measured {
    pub name: String,
    pub error: f64,
}

/// From one case of a long test to the next that is run: all of them, unless `RUSTLSTM_SAMPLE` asks an emulated machine,
/// which is a hundred times slower, for fewer.
pub fn sample() -> usize {
    let wanted = std::env::var("RUSTLSTM_SAMPLE").unwrap_or_default();
    if wanted.is_empty() { 1 } else { wanted.parse().expect("RUSTLSTM_SAMPLE is a number") }
}

/// Fails with all of `failures`, or says how many cases there were.
pub fn report(what: &str, cases: usize, failures: &[String]) {
    println!("{what}: {cases} cases, {} failures", failures.len());
    assert!(failures.is_empty(), "{what}: {} of {cases} cases failed\n{}", failures.len(), failures.join("\n"));
}
