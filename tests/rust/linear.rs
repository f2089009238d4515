//! Linear layers against loops in f64; the same bits everywhere, whatever the batch and the padding.

use crate::everywhere::{everywhere, levels, same};
use crate::support::{Rng, error, fill_padding, wide};
use rustlstm::layers::Steps;
use rustlstm::layers::linear::{Gradients, Linear};
use rustlstm::simd::Level;

/// A batch with its parameters; what lies in padding is NaN.
struct Case {
    batch: usize,
    time: usize,
    features: [usize; 2],
    lengths: Option<Vec<usize>>,
    x: Vec<f32>,
    dy: Vec<f32>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Case {
    fn random(rng: &mut Rng, batch: usize, time: usize, features: [usize; 2]) -> Case {
        let [outputs, inputs] = features;
        let lengths: Option<Vec<usize>> = rng.chance(0.6).then(|| (0..batch).map(|_| rng.below(time + 1)).collect());
        let mut x = rng.fill(batch * time * inputs, -1.0, 1.0);
        let mut dy = rng.fill(batch * time * outputs, -1.0, 1.0);
        if let Some(lengths) = &lengths {
            fill_padding(&mut x, lengths, time, inputs, f32::NAN);
            fill_padding(&mut dy, lengths, time, outputs, f32::NAN);
        }
        let weight = rng.fill(outputs * inputs, -1.0, 1.0);
        let bias = rng.chance(0.7).then(|| rng.fill(outputs, -1.0, 1.0));
        Case { batch, time, features, lengths, x, dy, weight, bias }
    }

    fn steps(&self) -> Steps<'_> {
        Steps::new(self.batch, self.time, self.lengths.as_deref()).expect("lengths fit")
    }

    /// y, dx, and what was added to dweight and dbias, which were one before.
    fn run(&self, level: Level) -> Vec<Vec<f32>> {
        let linear = Linear { weight: &self.weight, bias: self.bias.as_deref(), features: self.features };
        let (mut y, mut dx) = (vec![f32::NAN; self.dy.len()], vec![f32::NAN; self.x.len()]);
        let (mut dweight, mut dbias) = (vec![1.0; self.weight.len()], vec![1.0; self.features[0]]);
        linear.forward(level, &self.x, &self.steps(), &mut y).expect("all fits");
        let gradients = Gradients { x: Some(&mut dx), weight: Some(&mut dweight), bias: Some(&mut dbias) };
        linear.backward(level, &self.x, &self.steps(), &self.dy, gradients).expect("all fits");
        vec![y, dx, dweight, dbias]
    }

    fn reference(&self) -> Vec<Vec<f64>> {
        let [outputs, inputs] = self.features;
        let [x, dy, weight] = [&self.x, &self.dy, &self.weight].map(|values| wide(values));
        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        let (mut dweight, mut dbias) = (vec![1.0; weight.len()], vec![1.0; outputs]);
        let steps = self.steps();
        for row in (0..self.batch * self.time).filter(|&row| steps.counts(row)) {
            for o in 0..outputs {
                y[row * outputs + o] = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
                dbias[o] += dy[row * outputs + o];
                for c in 0..inputs {
                    y[row * outputs + o] += x[row * inputs + c] * weight[o * inputs + c];
                    dx[row * inputs + c] += dy[row * outputs + o] * weight[o * inputs + c];
                    dweight[o * inputs + c] += dy[row * outputs + o] * x[row * inputs + c];
                }
            }
        }
        vec![y, dx, dweight, dbias]
    }
}

const SHAPES: [(usize, usize, [usize; 2]); 10] = [
    (1, 1, [1, 1]),
    (0, 3, [4, 2]),
    (3, 0, [4, 2]),
    (4, 5, [1, 32]),
    (4, 5, [32, 1]),
    (2, 7, [17, 33]),
    (7, 3, [16, 64]),
    (30, 11, [70, 19]),
    (9, 25, [129, 130]),
    (1, 700, [5, 7]),
];

#[test]
fn linear_layers_agree_with_loops_in_f64() {
    let mut rng = Rng::new(5);
    for (batch, time, features) in SHAPES {
        for _ in 0..3 {
            let case = Case::random(&mut rng, batch, time, features);
            let what = format!("B={batch} T={time} {features:?} lengths={:?}", case.lengths);
            let expected = case.reference();
            for found in everywhere(&what, |level| case.run(level)) {
                for (index, (got, expected)) in found.iter().zip(&expected).enumerate() {
                    let error = error(got, expected, 1.0);
                    assert!(error < 2e-5, "{what}: array {index} is off by {error:e}");
                }
            }
            let steps = case.steps();
            let y = &case.run(levels()[0])[0];
            for row in (0..batch * time).filter(|&row| !steps.counts(row)) {
                let padding = &y[row * features[0]..(row + 1) * features[0]];
                assert!(padding.iter().all(|value| value.to_bits() == 0), "{what}: zeros in row {row}");
            }
        }
    }
}

#[test]
fn a_row_has_the_bits_that_it_has_alone() {
    let mut rng = Rng::new(6);
    let (batch, time, features) = (13, 9, [37, 50]);
    let case = Case::random(&mut rng, batch, time, features);
    let whole = case.run(levels()[0]);
    for b in 0..batch {
        let length = case.steps().length(b);
        let part = |values: &[f32], width: usize| values[b * time * width..][..length * width].to_vec();
        let alone = Case {
            batch: 1,
            time: length,
            lengths: None,
            x: part(&case.x, features[1]),
            dy: part(&case.dy, features[0]),
            weight: case.weight.clone(),
            bias: case.bias.clone(),
            ..case
        };
        let got = alone.run(levels()[0]);
        let expected = [part(&whole[0], features[0]), part(&whole[1], features[1])];
        same(&format!("row {b}"), &got[..2], &expected);
    }
}

#[test]
fn arrays_that_do_not_fit_are_named() {
    let (steps, weight) = (Steps::new(2, 3, None).expect("no lengths"), [0.0; 8]);
    let linear = Linear { weight: &weight, bias: None, features: [2, 4] };
    let level = levels()[0];
    let short_y = linear.forward(level, &[0.0; 24], &steps, &mut [0.0; 11]).unwrap_err().to_string();
    assert!(short_y.starts_with('y') && short_y.contains("[2, 3, 2]"), "{short_y}");
    let bias = Linear { bias: Some(&[0.0; 3]), ..linear };
    let long_bias = bias.forward(level, &[0.0; 24], &steps, &mut [0.0; 12]).unwrap_err().to_string();
    assert!(long_bias.contains("bias must have shape [2]"), "{long_bias}");
}
