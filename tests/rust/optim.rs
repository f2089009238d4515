//! Optimizers: every rule and option against its equations in `f64`, the same bits everywhere, nothing touched on a fault.

use crate::everywhere::setting_threads;
use crate::support::Rng;
use rustlstm::optim::{
    Adadelta, Adagrad, Adam, Asgd, Average, Count, Fault, Group, Kind, Nadam, RmsProp, Rule, Sgd, Slot, clip_norm,
    clip_value, power, step,
};
use rustlstm::simd::Level;
use rustlstm::threads;
use std::ops::Range;

/// Below a vector, one, with a tail, and more than a chunk.
const LENGTHS: [usize; 6] = [1, 5, 16, 39, 0, 4100];
const STEPS: usize = 60;
/// Of the largest entry. A step rounds a handful of times; 60 of them stay far below.
const BOUND: f64 = 2e-6;

/// Each rule with each of its options, and each way of weight decay.
fn groups() -> Vec<Group> {
    let sgd = |momentum, dampening, nesterov| Rule::Sgd(Sgd { momentum, dampening, nesterov });
    let rmsprop = |centered, momentum| Rule::RmsProp(RmsProp { alpha: 0.97, eps: 1e-4, centered, momentum });
    let adam = |betas, amsgrad| Rule::Adam(Adam { betas, eps: 1e-6, amsgrad });
    let nadam = |momentum_decay| Rule::Nadam(Nadam { betas: (0.9, 0.99), eps: 1e-6, momentum_decay });
    let asgd = |alpha, t0| Rule::Asgd(Asgd { lambd: 0.05, alpha, t0 });
    let rules = [
        sgd(0.0, 0.0, false),
        sgd(0.9, 0.0, false),
        sgd(0.9, 0.3, false),
        sgd(0.8, 0.0, true),
        rmsprop(false, 0.0),
        rmsprop(true, 0.0),
        rmsprop(false, 0.5),
        rmsprop(true, 0.5),
        Rule::Adagrad(Adagrad { lr_decay: 0.0, eps: 1e-10 }),
        Rule::Adagrad(Adagrad { lr_decay: 0.1, eps: 1e-3 }),
        Rule::Adadelta(Adadelta { rho: 0.9, eps: 1e-3 }),
        adam((0.9, 0.999), false),
        adam((0.5, 0.9), true),
        nadam(0.004),
        nadam(0.3),
        asgd(0.75, 20.0),
        asgd(0.3, 1e6),
        Rule::Average(Average { decay: 0.9 }),
    ];
    let mut groups = Vec::new();
    for rule in rules {
        for (weight_decay, decoupled) in [(0.0, false), (0.02, false), (0.02, true)] {
            if weight_decay == 0.0 || !matches!(rule, Rule::Average(_)) {
                groups.push(Group { rule, lr: 0.05, weight_decay, decoupled });
            }
        }
    }
    groups
}

/// One number of a parameter under the equations, in `f64`; the states as the library orders them.
fn reference(group: &Group, t: u64, product: f64, w: &mut f64, g: f64, state: &mut [f64]) -> f64 {
    let (lr, old) = (group.lr, *w);
    let g = if group.decoupled { g } else { g + group.weight_decay * old };
    if group.decoupled {
        *w -= lr * group.weight_decay * old;
    }
    let mut next = product;
    match group.rule {
        Rule::Sgd(Sgd { momentum, dampening, nesterov }) => {
            let mut step = g;
            if momentum != 0.0 {
                state[0] = if t == 1 { g } else { momentum * state[0] + (1.0 - dampening) * g };
                step = if nesterov { g + momentum * state[0] } else { state[0] };
            }
            *w -= lr * step;
        }
        Rule::RmsProp(RmsProp { alpha, eps, centered, momentum }) => {
            state[0] = alpha * state[0] + (1.0 - alpha) * g * g;
            let mut variance = state[0];
            if centered {
                state[1] = alpha * state[1] + (1.0 - alpha) * g;
                variance -= state[1] * state[1];
            }
            let mut step = g / (variance.sqrt() + eps);
            if momentum != 0.0 {
                let buffer = &mut state[1 + usize::from(centered)];
                *buffer = momentum * *buffer + step;
                step = *buffer;
            }
            *w -= lr * step;
        }
        Rule::Adagrad(Adagrad { lr_decay, eps }) => {
            state[0] += g * g;
            *w -= lr / (1.0 + (t - 1) as f64 * lr_decay) * g / (state[0].sqrt() + eps);
        }
        Rule::Adadelta(Adadelta { rho, eps }) => {
            state[0] = rho * state[0] + (1.0 - rho) * g * g;
            let delta = (state[1] + eps).sqrt() / (state[0] + eps).sqrt() * g;
            state[1] = rho * state[1] + (1.0 - rho) * delta * delta;
            *w -= lr * delta;
        }
        Rule::Adam(Adam { betas: (b1, b2), eps, amsgrad }) => {
            state[0] = b1 * state[0] + (1.0 - b1) * g;
            state[1] = b2 * state[1] + (1.0 - b2) * g * g;
            let mut square = state[1];
            if amsgrad {
                state[2] = state[2].max(square);
                square = state[2];
            }
            let mean = state[0] / (1.0 - b1.powi(t as i32));
            *w -= lr * mean / ((square / (1.0 - b2.powi(t as i32))).sqrt() + eps);
        }
        Rule::Nadam(Nadam { betas: (b1, b2), eps, momentum_decay }) => {
            let momentum = |t: u64| b1 * (1.0 - 0.5 * 0.96f64.powf(t as f64 * momentum_decay));
            next = product * momentum(t);
            state[0] = b1 * state[0] + (1.0 - b1) * g;
            state[1] = b2 * state[1] + (1.0 - b2) * g * g;
            let divisor = (state[1] / (1.0 - b2.powi(t as i32))).sqrt() + eps;
            let ahead = momentum(t + 1);
            *w -= lr * (1.0 - momentum(t)) / (1.0 - next) * g / divisor;
            *w -= lr * ahead / (1.0 - next * ahead) * state[0] / divisor;
        }
        Rule::Asgd(Asgd { lambd, alpha, t0 }) => {
            let rate = lr / (1.0 + lambd * lr * (t - 1) as f64).powf(alpha);
            *w -= lambd * rate * old + rate * g;
            state[0] += (*w - state[0]) / ((t - 1) as f64 - t0).max(1.0);
        }
        Rule::Average(Average { decay }) => *w += (1.0 - decay) * (g - old),
    }
    next
}

/// A run of one group over parameters of all lengths.
struct Run {
    group: Group,
    values: Vec<Vec<f32>>,
    states: Vec<Vec<f32>>,
    count: Count,
    rng: Rng,
}

impl Run {
    fn new(group: Group, lengths: &[usize]) -> Run {
        let mut rng = Rng::new(11);
        let values = lengths.iter().map(|len| rng.fill(*len, -1.0, 1.0)).collect();
        let states = lengths.iter().map(|len| vec![0.0; group.rule.states() * len]).collect();
        Run { group, values, states, count: Count::default(), rng }
    }

    fn draw(&mut self) -> Vec<Vec<f32>> {
        // A scale for each parameter and step, so that running squares have something to follow.
        let rng = &mut self.rng;
        self.values
            .iter()
            .map(|value| {
                let scale = rng.uniform(0.1, 2.0);
                rng.fill(value.len(), -scale, scale)
            })
            .collect()
    }

    fn step(&mut self, level: Level, grads: &[Vec<f32>]) -> Result<(), Fault> {
        let mut slots: Vec<Slot<'_>> = Vec::new();
        for ((value, state), grad) in self.values.iter_mut().zip(&mut self.states).zip(grads) {
            slots.push(Slot { group: self.group, value, grad, state, count: self.count });
        }
        step(level, &mut slots)?;
        self.count = slots[0].count;
        Ok(())
    }

    fn bits(&self) -> Vec<Vec<u32>> {
        self.values.iter().chain(&self.states).map(|x| x.iter().map(|x| x.to_bits()).collect()).collect()
    }
}

#[test]
fn every_rule_follows_its_equations() {
    let mut wrong = Vec::new();
    for group in groups() {
        for level in Level::available() {
            let mut run = Run::new(group, &LENGTHS);
            let states = group.rule.states();
            let wide = |x: &[Vec<f32>]| -> Vec<Vec<f64>> {
                x.iter().map(|x| x.iter().map(|x| f64::from(*x)).collect()).collect()
            };
            let (mut values, mut kept) = (wide(&run.values), wide(&run.states));
            let mut product = 1.0;
            for t in 1..=STEPS as u64 {
                let grads = run.draw();
                run.step(level, &grads).expect("finite numbers");
                let mut next = product;
                for ((value, kept), grad) in values.iter_mut().zip(&mut kept).zip(&grads) {
                    let len = value.len();
                    for i in 0..len {
                        let mut state: Vec<f64> = (0..states).map(|row| kept[row * len + i]).collect();
                        next = reference(&group, t, product, &mut value[i], f64::from(grad[i]), &mut state);
                        (0..states).for_each(|row| kept[row * len + i] = state[row]);
                    }
                }
                product = next;
            }
            assert_eq!(run.count.steps, STEPS as u64);
            assert!((run.count.product - product).abs() <= 1e-13 * product, "{} {product}", run.count.product);
            // The values, then each state, over all parameters.
            let row = |row: usize| move |i: usize| row * LENGTHS[i]..(row + 1) * LENGTHS[i];
            let mut check =
                |what: &str, got: &[Vec<f32>], expected: &[Vec<f64>], range: &dyn Fn(usize) -> Range<usize>| {
                    let parts = |i: usize| got[i][range(i)].iter().zip(&expected[i][range(i)]);
                    let off =
                        (0..LENGTHS.len()).flat_map(parts).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                    let largest = (0..LENGTHS.len()).flat_map(parts).map(|(_, b)| b.abs()).fold(0.0, f64::max);
                    if off > BOUND * largest {
                        wrong.push(format!("{what} of {group:?} at {level:?}: {off:e} of {largest:e}"));
                    }
                };
            check("values", &run.values, &values, &row(0));
            for state in 0..states {
                check(&format!("state {state}"), &run.states, &kept, &row(state));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn fused_levels_and_any_number_of_threads_give_the_same_bits() {
    let _lock = setting_threads();
    let before = threads::num_threads();
    let lengths = [40_000, 7, 90_001, 4096, 300];
    let fused: Vec<Level> = Level::available().into_iter().filter(|level| level.fused()).collect();
    for group in groups() {
        let mut expected = None;
        for &level in &fused {
            for workers in [1, 2, 3, 7] {
                threads::set_num_threads(workers).expect("a number of threads");
                let mut run = Run::new(group, &lengths);
                for _ in 0..2 {
                    let grads = run.draw();
                    run.step(level, &grads).expect("finite numbers");
                }
                let bits = run.bits();
                assert_eq!(
                    expected.get_or_insert_with(|| bits.clone()),
                    &bits,
                    "{group:?} {level:?} {workers} threads"
                );
            }
        }
    }
    threads::set_num_threads(before).expect("the number there was");
}

#[test]
fn a_fault_is_found_anywhere_and_touches_nothing() {
    let lengths = [3, 40, 5000];
    for group in groups() {
        for level in Level::available() {
            let mut run = Run::new(group, &lengths);
            let grads = run.draw();
            run.step(level, &grads).expect("finite numbers");
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for (slot, at) in [(0, 2), (1, 0), (1, 39), (2, 4097), (2, 4999)] {
                    let mut check = |kind: Kind, place: &mut dyn FnMut(&mut Run, &mut Vec<Vec<f32>>)| {
                        let (values, states) = (run.values.clone(), run.states.clone());
                        let mut grads = grads.clone();
                        place(&mut run, &mut grads);
                        let (spoilt, count) = (run.bits(), run.count);
                        assert_eq!(
                            run.step(level, &grads),
                            Err(Fault { slot, kind }),
                            "{group:?} {level:?} {bad} {at}"
                        );
                        assert_eq!(run.bits(), spoilt, "{group:?} {kind:?}: something was touched");
                        assert_eq!(run.count, count);
                        (run.values, run.states) = (values, states);
                    };
                    check(Kind::Gradient, &mut |_, grads| grads[slot][at] = bad);
                    check(Kind::Parameter, &mut |run, _| run.values[slot][at] = bad);
                    for row in 0..group.rule.states() {
                        check(Kind::State, &mut |run, _| run.states[slot][row * lengths[slot] + at] = bad);
                    }
                    // Gradients are named before all others, in whichever slot they are.
                    check(Kind::Gradient, &mut |run, grads| {
                        run.values[0][0] = bad;
                        grads[slot][at] = bad;
                    });
                }
            }
        }
    }
}

#[test]
fn a_step_that_would_overflow_is_not_taken() {
    for (rule, grad) in [
        (Rule::Sgd(Sgd { momentum: 0.0, dampening: 0.0, nesterov: false }), 3e38),
        (Rule::Adam(Adam { betas: (0.9, 0.999), eps: 1e-8, amsgrad: false }), 1e30),
        (Rule::Adagrad(Adagrad { lr_decay: 0.0, eps: 1e-10 }), 1e20),
        // 0 / 0, which a divisor without eps would leave behind.
        (Rule::Adam(Adam { betas: (0.9, 0.999), eps: 0.0, amsgrad: false }), 0.0),
    ] {
        let mut run = Run::new(Group { rule, lr: 10.0, weight_decay: 0.0, decoupled: false }, &[17, 20]);
        let mut grads = run.draw();
        grads[1][19] = grad;
        let before = run.bits();
        for level in Level::available() {
            assert_eq!(run.step(level, &grads), Err(Fault { slot: 1, kind: Kind::Step }), "{rule:?}");
            assert_eq!(run.bits(), before);
        }
    }
}

#[test]
fn what_lies_behind_the_end_of_an_array_is_no_fault() {
    // Without eps, the lanes behind the end are 0 / 0.
    let rule = Rule::Adam(Adam { betas: (0.9, 0.999), eps: 0.0, amsgrad: true });
    for level in Level::available() {
        let mut run = Run::new(Group { rule, lr: 0.1, weight_decay: 0.0, decoupled: false }, &[1, 19]);
        let grads = run.draw();
        assert_eq!(run.step(level, &grads), Ok(()));
    }
}

#[test]
fn decaying_state_ends_at_zero() {
    for group in groups().into_iter().filter(|group| group.weight_decay == 0.0) {
        let mut run = Run::new(group, &[20]);
        for level in Level::available() {
            run.states[0].fill(2e-38); // halfway to the denormals already
            for _ in 0..60 {
                run.step(level, &[vec![0.0; 20]]).expect("finite numbers");
                let denormal = run.states[0].iter().find(|x| x.is_subnormal());
                assert_eq!(denormal, None, "{group:?} {level:?}");
            }
        }
    }
}

#[test]
fn clipping_by_norm_follows_its_equation_and_gives_the_same_bits() {
    let _lock = setting_threads();
    let before = threads::num_threads();
    let mut rng = Rng::new(3);
    let grads: Vec<Vec<f32>> = [5, 0, 4096, 500_001].into_iter().map(|len| rng.fill(len, -3.0, 3.0)).collect();
    let norm = grads.iter().flatten().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let mut expected = None;
    for level in Level::available() {
        for workers in [1, 2, 5] {
            threads::set_num_threads(workers).expect("a number of threads");
            for (max_norm, scale) in [(1.5, 1.5 / (norm + 1e-6)), (norm * 1.01, 1.0), (f64::INFINITY, 1.0), (0.0, 0.0)]
            {
                let mut clipped = grads.clone();
                let mut views: Vec<&mut [f32]> = clipped.iter_mut().map(Vec::as_mut_slice).collect();
                let got = clip_norm(level, &mut views, max_norm).expect("finite numbers");
                assert!((got - norm).abs() <= 1e-12 * norm, "{got} {norm}");
                assert_eq!(expected.get_or_insert(got.to_bits()), &got.to_bits(), "{level:?}, {workers} threads");
                for (x, y) in grads.iter().flatten().zip(clipped.iter().flatten()) {
                    assert!((f64::from(*x) * scale - f64::from(*y)).abs() <= 1e-6 * f64::from(x.abs()) * scale);
                }
            }
        }
    }
    threads::set_num_threads(before).expect("the number there was");
}

#[test]
fn clipping_leaves_everything_alone_where_a_gradient_is_not_finite() {
    let mut rng = Rng::new(4);
    for level in Level::available() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut grads: Vec<Vec<f32>> = [5, 40, 9000].into_iter().map(|len| rng.fill(len, -3.0, 3.0)).collect();
            grads[1][37] = bad;
            grads[2][0] = bad;
            let before: Vec<u32> = grads.iter().flatten().map(|x| x.to_bits()).collect();
            let mut views: Vec<&mut [f32]> = grads.iter_mut().map(Vec::as_mut_slice).collect();
            let fault = Fault { slot: 1, kind: Kind::Gradient };
            assert_eq!(clip_norm(level, &mut views, 1.0), Err(fault));
            assert_eq!(clip_value(level, &mut views, 1.0), Err(fault));
            assert!(grads.iter().flatten().map(|x| x.to_bits()).eq(before));
        }
    }
    // Too large to square in f32, and yet finite.
    let mut huge = vec![f32::MAX; 4];
    let norm = clip_norm(Level::Scalar, &mut [&mut huge], 1.0).expect("finite numbers");
    assert!(
        (norm / (2.0 * f64::from(f32::MAX)) - 1.0).abs() < 1e-12 && (huge[0] - 0.5).abs() < 1e-6,
        "{norm} {huge:?}"
    );
}

#[test]
fn clipping_by_value_keeps_what_is_inside() {
    for level in Level::available() {
        let mut grad: Vec<f32> = (-20..=20).map(|x| x as f32 / 4.0).collect();
        let expected: Vec<f32> = grad.iter().map(|x| x.clamp(-1.25, 1.25)).collect();
        clip_value(level, &mut [&mut grad], 1.25).expect("finite numbers");
        assert_eq!(grad, expected);
    }
}

#[test]
fn power_is_right_and_exact_where_it_can_be() {
    assert_eq!(power(0.0, 0.0), 1.0);
    assert_eq!(power(3.0, 4.0), 81.0);
    assert_eq!(power(16.0, 0.75), 8.0);
    assert_eq!(power(0.5, 1074.0), f64::from_bits(1));
    let mut rng = Rng::new(5);
    for _ in 0..2000 {
        let (base, exponent) = (f64::from(rng.uniform(0.5, 1.5)), f64::from(rng.uniform(0.0, 300.0)));
        let (got, expected) = (power(base, exponent), base.powf(exponent));
        assert!((got - expected).abs() <= 1e-13 * expected, "{base} to the power {exponent}: {got}, not {expected}");
    }
}
