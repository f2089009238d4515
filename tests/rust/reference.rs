//! The LSTM in `f64`, forward and backward: the equations and nothing else.
//!
//! It knows no batch, no padding and no speed: a sequence is a list of vectors, one sequence is computed at a time, and
//! every sum is a loop. One step of one direction is
//!
//! ```text
//! zx = W_ih x_t                      zh = (d ∘ W_hh) (r ∘ h_{t-1})            d, r: weight drop, recurrent dropout
//! zx ← γ_ih ∘ (zx - mean) / sd       zh ← γ_hh ∘ (zh - mean) / sd            with layer norm, sd = sqrt(var + 1e-5)
//! z  = zx + zh + b                   z_i += p_i ∘ c_{t-1}   z_f += p_f ∘ c_{t-1}
//! i = σ(z_i) or 1                    f = σ(z_f) or 1 - i or 1                g = a_in(z_g)
//! c̃ = f ∘ c_{t-1} + i ∘ g            z_o += p_o ∘ c̃                          o = σ(z_o) or 1
//! m = o ∘ a_out(c̃)                   h̃ = W_hr m or m
//! c_t = c̃ + k_c ∘ (c_{t-1} - c̃)      h_t = h̃ + k_h ∘ (h_{t-1} - h̃)           zoneout
//! ```
//!
//! and the inputs of the gates and of the candidate are first clamped to ±clip. What is random comes from outside, as a
//! [`Masks`] function. `gradcheck.rs` holds the backward pass against finite differences of the forward pass.

use rustlstm::layers::{Activation, Config, Merge};

/// Where a mask acts. Time counts steps of the sequence, whichever the direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Site {
    /// On the input of a layer, by (time, channel): a multiplier.
    Input,
    /// On h_{t-1} as W_hh sees it, by unit: a multiplier, the same for all steps.
    Recurrent,
    /// On W_hh, by (row of W_hh, column of W_hh): a multiplier.
    Weight,
    /// On h, by (time, unit): the part of the old value that stays.
    ZoneoutH,
    /// On c, by (time, unit): the part of the old value that stays.
    ZoneoutC,
}

/// The masks of one sequence: site, layer, direction, (time or row of `W_hh`, or 0), channel or unit.
pub type Masks<'a> = &'a dyn Fn(Site, usize, usize, usize, usize) -> f64;

/// The masks of a pass that draws nothing: no dropout, and zoneout's expectation.
pub fn evaluation(config: &Config) -> impl Fn(Site, usize, usize, usize, usize) -> f64 {
    let (zoneout_h, zoneout_c) = (f64::from(config.zoneout_h), f64::from(config.zoneout_c));
    move |site, _, _, _, _| match site {
        Site::Input | Site::Recurrent | Site::Weight => 1.0,
        Site::ZoneoutH => zoneout_h,
        Site::ZoneoutC => zoneout_c,
    }
}

type Vector = Vec<f64>;

/// Vectors by time.
pub type Sequence = Vec<Vector>;

/// What is carried: one vector for each layer and direction (layer 0 forward, layer 0 reverse, layer 1 forward, …).
#[derive(Debug, Clone, PartialEq)]
pub struct Carry {
    pub h: Vec<Vector>,
    pub c: Vec<Vector>,
}

/// The parameters of one direction of one layer, row-major; those that the options leave out are empty.
#[derive(Debug, Clone)]
struct Weights {
    ih: Vector,
    hh: Vector,
    bias: Vector,
    hr: Vector,
    peephole: Vector,
    ln_ih: Vector,
    ln_hh: Vector,
}

impl Weights {
    /// The parts that are there, in the order of the parameter list.
    fn parts(&mut self, config: &Config) -> Vec<&mut Vector> {
        let mut parts = vec![&mut self.ih, &mut self.hh, &mut self.bias];
        if config.proj_size.is_some() {
            parts.push(&mut self.hr);
        }
        if config.cell.peephole {
            parts.push(&mut self.peephole);
        }
        if config.layer_norm {
            parts.push(&mut self.ln_ih);
            parts.push(&mut self.ln_hh);
        }
        parts
    }

    fn zeros(&self) -> Weights {
        let zeros = |part: &Vector| vec![0.0; part.len()];
        Weights {
            ih: zeros(&self.ih),
            hh: zeros(&self.hh),
            bias: zeros(&self.bias),
            hr: zeros(&self.hr),
            peephole: zeros(&self.peephole),
            ln_ih: zeros(&self.ln_ih),
            ln_hh: zeros(&self.ln_hh),
        }
    }
}

/// Directions of a layer.
pub fn directions(config: &Config) -> usize {
    if config.bidirectional { 2 } else { 1 }
}

/// Length of h in `layer`.
pub fn h_size(config: &Config, layer: usize) -> usize {
    config.proj_size.unwrap_or(config.hidden_sizes[layer])
}

/// Length of the merged output of `layer`.
pub fn output_size(config: &Config, layer: usize) -> usize {
    match config.merge {
        Merge::Concat => directions(config) * h_size(config, layer),
        Merge::Sum | Merge::Mul | Merge::Mean => h_size(config, layer),
    }
}

/// Length of the input of `layer`.
pub fn input_size(config: &Config, layer: usize) -> usize {
    if layer == 0 { config.input_size } else { output_size(config, layer - 1) }
}

/// Names and shapes of the parameters, in order.
pub fn specs(config: &Config) -> Vec<(String, Vec<usize>)> {
    let mut specs = Vec::new();
    for layer in 0..config.hidden_sizes.len() {
        for suffix in &["", "_reverse"][..directions(config)] {
            let (hidden, h, input) = (config.hidden_sizes[layer], h_size(config, layer), input_size(config, layer));
            let mut push =
                |name: &str, shape: &[usize]| specs.push((format!("{name}_l{layer}{suffix}"), shape.to_vec()));
            push("weight_ih", &[4 * hidden, input]);
            push("weight_hh", &[4 * hidden, h]);
            push("bias", &[4 * hidden]);
            if config.proj_size.is_some() {
                push("weight_hr", &[h, hidden]);
            }
            if config.cell.peephole {
                push("weight_peephole", &[3, hidden]);
            }
            if config.layer_norm {
                push("weight_ln_ih", &[4 * hidden]);
                push("weight_ln_hh", &[4 * hidden]);
            }
        }
    }
    specs
}

/// An LSTM with its parameters.
pub struct Lstm<'a> {
    config: &'a Config,
    weights: Vec<Weights>,
}

/// What a forward pass of one sequence computed.
pub struct Forward {
    pub y: Sequence,
    pub last: Carry,
    /// Distance of the nearest activation input to a point where its activation has no derivative.
    pub margin: f64,
    layers: Vec<LayerTape>,
}

/// What a backward pass of one sequence computed; gradients of parameters in the order of [`specs`].
pub struct Backward {
    pub params: Vec<Vector>,
    pub dx: Sequence,
    pub first: Carry,
}

/// The steps of each direction in the order in which they ran, and the output of each by time.
struct LayerTape {
    steps: Vec<Vec<Step>>,
    outputs: Vec<Sequence>,
}

/// The values of one step that its way back needs.
struct Step {
    x: Vector,
    h_prev: Vector,
    h_seen: Vector,
    c_prev: Vector,
    norm_x: Norm,
    norm_h: Norm,
    z: Vector,
    i: Vector,
    f: Vector,
    g: Vector,
    o: Vector,
    c_new: Vector,
    m: Vector,
}

impl<'a> Lstm<'a> {
    /// `params` in the order of [`specs`].
    pub fn new(config: &'a Config, params: &[Vector]) -> Self {
        let mut params = params.iter().cloned();
        let mut weights = Vec::new();
        for _ in 0..config.hidden_sizes.len() * directions(config) {
            let empty = Vec::new();
            let mut one = Weights {
                ih: empty.clone(),
                hh: empty.clone(),
                bias: empty.clone(),
                hr: empty.clone(),
                peephole: empty.clone(),
                ln_ih: empty.clone(),
                ln_hh: empty,
            };
            for part in one.parts(config) {
                *part = params.next().expect("a parameter for each spec");
            }
            weights.push(one);
        }
        assert!(params.next().is_none(), "as many parameters as specs");
        Lstm { config, weights }
    }

    /// The sequence `x` from the state `first`.
    pub fn forward(&self, x: &Sequence, first: &Carry, masks: Masks<'_>) -> Forward {
        let config = self.config;
        let mut last = first.clone();
        let mut margin = f64::INFINITY;
        let mut layers = Vec::new();
        let mut input = x.clone();
        for layer in 0..config.hidden_sizes.len() {
            let seen = self.masked_input(layer, &input, masks);
            let mut tape = LayerTape { steps: Vec::new(), outputs: Vec::new() };
            for direction in 0..directions(config) {
                let index = layer * directions(config) + direction;
                let mut steps = Vec::new();
                let mut output = vec![Vec::new(); x.len()];
                for time in times(x.len(), direction) {
                    let (h, c) = (&last.h[index], &last.c[index]);
                    let (step, h, c) = self.step(layer, direction, time, &seen[time], h, c, masks);
                    margin = margin.min(self.margin(&step));
                    output[time] = h.clone();
                    last.h[index] = h;
                    last.c[index] = c;
                    steps.push(step);
                }
                tape.steps.push(steps);
                tape.outputs.push(output);
            }
            input = (0..x.len()).map(|time| merge(config.merge, &tape.outputs, time)).collect();
            layers.push(tape);
        }
        Forward { y: input, last, margin, layers }
    }

    /// The gradients of `Σ dy ∘ y + Σ dlast ∘ last`.
    pub fn backward(&self, forward: &Forward, dy: &Sequence, dlast: &Carry, masks: Masks<'_>) -> Backward {
        let config = self.config;
        let mut grads: Vec<Weights> = self.weights.iter().map(Weights::zeros).collect();
        let mut first = dlast.clone();
        let mut dy = dy.clone();
        for layer in (0..config.hidden_sizes.len()).rev() {
            let tape = &forward.layers[layer];
            let mut dinput = vec![vec![0.0; input_size(config, layer)]; dy.len()];
            for direction in 0..directions(config) {
                let index = layer * directions(config) + direction;
                for (step, time) in tape.steps[direction].iter().zip(times(dy.len(), direction)).rev() {
                    let mut dh = first.h[index].clone();
                    add(&mut dh, &unmerge(config.merge, &tape.outputs, &dy[time], time, direction));
                    let (dx, dh, dc) =
                        self.step_back(layer, direction, time, step, &dh, &first.c[index], &mut grads[index], masks);
                    add(&mut dinput[time], &dx);
                    first.h[index] = dh;
                    first.c[index] = dc;
                }
            }
            dy = self.masked_input(layer, &dinput, masks);
        }
        let params = grads.iter_mut().flat_map(|one| one.parts(config)).map(std::mem::take).collect();
        Backward { params, dx: dy, first }
    }

    fn masked_input(&self, layer: usize, input: &Sequence, masks: Masks<'_>) -> Sequence {
        let masked = |(time, x): (usize, &Vector)| {
            x.iter().enumerate().map(|(k, x)| x * masks(Site::Input, layer, 0, time, k)).collect()
        };
        input.iter().enumerate().map(masked).collect()
    }

    /// `W_hh` as this pass sees it.
    fn masked_hh(&self, layer: usize, direction: usize, masks: Masks<'_>) -> Vector {
        let hh = &self.weights[layer * directions(self.config) + direction].hh;
        let columns = h_size(self.config, layer);
        let masked = |(at, w): (usize, &f64)| w * masks(Site::Weight, layer, direction, at / columns, at % columns);
        hh.iter().enumerate().map(masked).collect()
    }

    fn step(
        &self,
        layer: usize,
        direction: usize,
        time: usize,
        x: &Vector,
        h_prev: &Vector,
        c_prev: &Vector,
        masks: Masks<'_>,
    ) -> (Step, Vector, Vector) {
        let (config, cell) = (self.config, &self.config.cell);
        let hidden = config.hidden_sizes[layer];
        let w = &self.weights[layer * directions(config) + direction];
        let clip = |x| clamp(cell.clip, x);

        let h_seen: Vector =
            h_prev.iter().enumerate().map(|(k, h)| h * masks(Site::Recurrent, layer, direction, 0, k)).collect();
        let norm_x = Norm::of(multiply(&w.ih, x, 4 * hidden));
        let norm_h = Norm::of(multiply(&self.masked_hh(layer, direction, masks), &h_seen, 4 * hidden));
        let mut z = w.bias.clone();
        for (row, z) in z.iter_mut().enumerate() {
            *z += if config.layer_norm {
                w.ln_ih[row] * norm_x.normal[row] + w.ln_hh[row] * norm_h.normal[row]
            } else {
                norm_x.raw[row] + norm_h.raw[row]
            };
        }

        let zeros = vec![0.0; hidden];
        let (mut i, mut f, mut g, mut o) = (zeros.clone(), zeros.clone(), zeros.clone(), zeros.clone());
        let (mut c_new, mut m) = (zeros.clone(), zeros);
        for k in 0..hidden {
            let (zi, zf, zg, zo) = (k, hidden + k, 2 * hidden + k, 3 * hidden + k);
            if cell.peephole {
                z[zi] += w.peephole[k] * c_prev[k];
                z[zf] += w.peephole[hidden + k] * c_prev[k];
            }
            i[k] = if cell.input_gate { sigmoid(clip(z[zi])) } else { 1.0 };
            f[k] = if cell.coupled {
                1.0 - i[k]
            } else if cell.forget_gate {
                sigmoid(clip(z[zf]))
            } else {
                1.0
            };
            g[k] = activation(cell.input_activation, clip(z[zg]));
            c_new[k] = f[k] * c_prev[k] + i[k] * g[k];
            if cell.peephole {
                z[zo] += w.peephole[2 * hidden + k] * c_new[k];
            }
            o[k] = if cell.output_gate { sigmoid(clip(z[zo])) } else { 1.0 };
            m[k] = o[k] * activation(cell.output_activation, c_new[k]);
        }

        let h_new = if config.proj_size.is_some() { multiply(&w.hr, &m, h_prev.len()) } else { m.clone() };
        let zoned = |site, new: &Vector, old: &Vector| {
            let kept = |k| masks(site, layer, direction, time, k);
            (0..new.len()).map(|k| new[k] + kept(k) * (old[k] - new[k])).collect()
        };
        let h = zoned(Site::ZoneoutH, &h_new, h_prev);
        let c = zoned(Site::ZoneoutC, &c_new, c_prev);
        let (x, h_prev, c_prev) = (x.clone(), h_prev.clone(), c_prev.clone());
        (Step { x, h_prev, h_seen, c_prev, norm_x, norm_h, z, i, f, g, o, c_new, m }, h, c)
    }

    /// From the gradients of h_t and c_t to those of x_t, h_{t-1} and c_{t-1}; parameters' gradients are added to.
    fn step_back(
        &self,
        layer: usize,
        direction: usize,
        time: usize,
        step: &Step,
        dh: &Vector,
        dc: &Vector,
        grad: &mut Weights,
        masks: Masks<'_>,
    ) -> (Vector, Vector, Vector) {
        let (config, cell) = (self.config, &self.config.cell);
        let hidden = config.hidden_sizes[layer];
        let w = &self.weights[layer * directions(config) + direction];
        let clip = |x| clamp(cell.clip, x);
        let passes = |x: f64| if cell.clip.is_none_or(|clip| x.abs() < f64::from(clip)) { 1.0 } else { 0.0 };

        let (mut dh_prev, mut dh_new) = (vec![0.0; dh.len()], vec![0.0; dh.len()]);
        for k in 0..dh.len() {
            let kept = masks(Site::ZoneoutH, layer, direction, time, k);
            dh_prev[k] = kept * dh[k];
            dh_new[k] = (1.0 - kept) * dh[k];
        }
        let dm = if config.proj_size.is_some() {
            add_outer(&mut grad.hr, &dh_new, &step.m);
            multiply_transposed(&w.hr, &dh_new, hidden)
        } else {
            dh_new
        };

        let mut dc_prev = vec![0.0; hidden];
        let mut dz = vec![0.0; 4 * hidden];
        for k in 0..hidden {
            let (zi, zf, zg, zo) = (k, hidden + k, 2 * hidden + k, 3 * hidden + k);
            let kept = masks(Site::ZoneoutC, layer, direction, time, k);
            let (c_new, c_prev) = (step.c_new[k], step.c_prev[k]);
            let (i, f, g, o) = (step.i[k], step.f[k], step.g[k], step.o[k]);
            dc_prev[k] = kept * dc[k];
            let mut dc_new = (1.0 - kept) * dc[k];

            let out = activation(cell.output_activation, c_new);
            dc_new += dm[k] * o * slope(cell.output_activation, c_new);
            if cell.output_gate {
                dz[zo] = dm[k] * out * o * (1.0 - o) * passes(step.z[zo]);
            }
            if cell.peephole {
                grad.peephole[2 * hidden + k] += dz[zo] * c_new;
                dc_new += dz[zo] * w.peephole[2 * hidden + k];
            }

            let (mut di, df, dg) = (dc_new * g, dc_new * c_prev, dc_new * i);
            dc_prev[k] += dc_new * f;
            if cell.coupled {
                di -= df;
            } else if cell.forget_gate {
                dz[zf] = df * f * (1.0 - f) * passes(step.z[zf]);
            }
            if cell.input_gate {
                dz[zi] = di * i * (1.0 - i) * passes(step.z[zi]);
            }
            dz[zg] = dg * slope(cell.input_activation, clip(step.z[zg])) * passes(step.z[zg]);
            if cell.peephole {
                grad.peephole[k] += dz[zi] * c_prev;
                grad.peephole[hidden + k] += dz[zf] * c_prev;
                dc_prev[k] += dz[zi] * w.peephole[k] + dz[zf] * w.peephole[hidden + k];
            }
        }

        add(&mut grad.bias, &dz);
        let (mut dzx, mut dzh) = (dz.clone(), dz);
        if config.layer_norm {
            dzx = step.norm_x.back(&dzx, &w.ln_ih, &mut grad.ln_ih);
            dzh = step.norm_h.back(&dzh, &w.ln_hh, &mut grad.ln_hh);
        }
        add_outer(&mut grad.ih, &dzx, &step.x);
        let mut dhh = vec![0.0; grad.hh.len()];
        add_outer(&mut dhh, &dzh, &step.h_seen);
        let columns = step.h_prev.len();
        for (at, d) in dhh.iter().enumerate() {
            grad.hh[at] += d * masks(Site::Weight, layer, direction, at / columns, at % columns);
        }
        let dx = multiply_transposed(&w.ih, &dzx, step.x.len());
        let dh_seen = multiply_transposed(&self.masked_hh(layer, direction, masks), &dzh, columns);
        for k in 0..columns {
            dh_prev[k] += dh_seen[k] * masks(Site::Recurrent, layer, direction, 0, k);
        }
        (dx, dh_prev, dc_prev)
    }

    /// Distance of the step's nearest activation input to a kink. An input that lies exactly on one does not count: it
    /// got there by arithmetic that is exact in every precision (0 through a relu, ±clip through a clamp).
    fn margin(&self, step: &Step) -> f64 {
        let cell = &self.config.cell;
        let hidden = step.c_new.len();
        let mut margin = f64::INFINITY;
        let mut near = |x: f64, kink: f64| {
            let distance = (x.abs() - kink).abs();
            if distance > 0.0 {
                margin = margin.min(distance);
            }
        };
        let kink = |activation| match activation {
            Activation::Relu => Some(0.0),
            Activation::HardSigmoid => Some(2.5),
            Activation::Tanh | Activation::Sigmoid | Activation::Softsign | Activation::Identity => None,
        };
        for k in 0..hidden {
            if let Some(kink) = kink(cell.input_activation) {
                near(clamp(cell.clip, step.z[2 * hidden + k]), kink);
            }
            if let Some(kink) = kink(cell.output_activation) {
                near(step.c_new[k], kink);
            }
            if let Some(clip) = cell.clip {
                let clip = f64::from(clip);
                near(step.z[2 * hidden + k], clip);
                if cell.input_gate {
                    near(step.z[k], clip);
                }
                if cell.forget_gate && !cell.coupled {
                    near(step.z[hidden + k], clip);
                }
                if cell.output_gate {
                    near(step.z[3 * hidden + k], clip);
                }
            }
        }
        margin
    }
}

/// The times of a sequence in the order in which a direction sees them.
fn times(length: usize, direction: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
    (0..length).map(move |step| if direction == 0 { step } else { length - 1 - step })
}

fn merge(merge: Merge, outputs: &[Sequence], time: usize) -> Vector {
    let forward = &outputs[0][time];
    let Some(reverse) = outputs.get(1).map(|output| &output[time]) else { return forward.clone() };
    let pairs = forward.iter().zip(reverse);
    match merge {
        Merge::Concat => [forward.clone(), reverse.clone()].concat(),
        Merge::Sum => pairs.map(|(a, b)| a + b).collect(),
        Merge::Mul => pairs.map(|(a, b)| a * b).collect(),
        Merge::Mean => pairs.map(|(a, b)| (a + b) / 2.0).collect(),
    }
}

/// The part of the merged gradient `dy` that belongs to one direction.
fn unmerge(merge: Merge, outputs: &[Sequence], dy: &Vector, time: usize, direction: usize) -> Vector {
    if outputs.len() == 1 {
        return dy.clone();
    }
    let width = outputs[direction][time].len();
    let other = &outputs[1 - direction][time];
    match merge {
        Merge::Concat => dy[direction * width..(direction + 1) * width].to_vec(),
        Merge::Sum => dy.clone(),
        Merge::Mul => dy.iter().zip(other).map(|(dy, other)| dy * other).collect(),
        Merge::Mean => dy.iter().map(|dy| dy / 2.0).collect(),
    }
}

/// A vector and its layer normalisation, without gain.
struct Norm {
    raw: Vector,
    normal: Vector,
    sd: f64,
}

impl Norm {
    fn of(raw: Vector) -> Norm {
        let count = raw.len() as f64;
        let mean = raw.iter().sum::<f64>() / count;
        let variance = raw.iter().map(|u| (u - mean) * (u - mean)).sum::<f64>() / count;
        let sd = (variance + 1e-5).sqrt();
        let normal = raw.iter().map(|u| (u - mean) / sd).collect();
        Norm { raw, normal, sd }
    }

    /// From the gradient of `gain ∘ normal` to that of `raw`.
    fn back(&self, dz: &Vector, gain: &Vector, dgain: &mut Vector) -> Vector {
        let count = dz.len() as f64;
        let mut dnormal = dz.clone();
        for row in 0..dz.len() {
            dgain[row] += dz[row] * self.normal[row];
            dnormal[row] *= gain[row];
        }
        let mean = dnormal.iter().sum::<f64>() / count;
        let along = dnormal.iter().zip(&self.normal).map(|(d, n)| d * n).sum::<f64>() / count;
        dnormal.iter().zip(&self.normal).map(|(d, n)| (d - mean - n * along) / self.sd).collect()
    }
}

fn clamp(clip: Option<f32>, x: f64) -> f64 {
    match clip {
        Some(clip) => x.clamp(-f64::from(clip), f64::from(clip)),
        None => x,
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn activation(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
        Activation::Relu => x.max(0.0),
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Identity => x,
    }
}

/// The derivative of [`activation`]; 0 at the kinks, as is that of the clamp.
fn slope(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::Tanh => 1.0 - x.tanh() * x.tanh(),
        Activation::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
        Activation::HardSigmoid if x.abs() < 2.5 => 0.2,
        Activation::HardSigmoid => 0.0,
        Activation::Relu if x > 0.0 => 1.0,
        Activation::Relu => 0.0,
        Activation::Softsign => 1.0 / ((1.0 + x.abs()) * (1.0 + x.abs())),
        Activation::Identity => 1.0,
    }
}

fn add(to: &mut Vector, what: &Vector) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}

/// `W v` for `W` with `rows` rows.
fn multiply(w: &Vector, v: &Vector, rows: usize) -> Vector {
    (0..rows).map(|row| (0..v.len()).map(|k| w[row * v.len() + k] * v[k]).sum()).collect()
}

/// `Wᵀ v` for `W` with `columns` columns.
fn multiply_transposed(w: &Vector, v: &Vector, columns: usize) -> Vector {
    let mut out = vec![0.0; columns];
    for row in 0..v.len() {
        for k in 0..columns {
            out[k] += w[row * columns + k] * v[row];
        }
    }
    out
}

/// `W += a bᵀ`.
fn add_outer(w: &mut Vector, a: &Vector, b: &Vector) {
    for row in 0..a.len() {
        for k in 0..b.len() {
            w[row * b.len() + k] += a[row] * b[k];
        }
    }
}
