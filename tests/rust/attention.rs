//! Attention against loops in f64; the same bits everywhere, whatever the batch and the padding.

use crate::everywhere::{everywhere, levels, same};
use crate::support::{Rng, error, fill_padding, wide};
use rustlstm::layers::Steps;
use rustlstm::layers::attention::{Attention, Gradients, Inputs};
use rustlstm::simd::Level;

/// A batch; what lies in padding is NaN.
struct Case {
    batch: usize,
    /// Of queries, and of keys.
    times: [usize; 2],
    /// D and E.
    widths: [usize; 2],
    lengths: [Option<Vec<usize>>; 2],
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    dy: Vec<f32>,
}

const SCALE: f32 = 0.7;

impl Case {
    fn random(rng: &mut Rng, batch: usize, times: [usize; 2], widths: [usize; 2]) -> Case {
        let lengths =
            times.map(|time| rng.chance(0.6).then(|| (0..batch).map(|_| rng.below(time + 1)).collect::<Vec<_>>()));
        let mut array = |side: usize, width: usize| {
            let mut values = rng.fill(batch * times[side] * width, -1.0, 1.0);
            if let Some(lengths) = &lengths[side] {
                fill_padding(&mut values, lengths, times[side], width, f32::NAN);
            }
            values
        };
        let queries = array(0, widths[0]);
        let (keys, values, dy) = (array(1, widths[0]), array(1, widths[1]), array(0, widths[1]));
        Case { batch, times, widths, lengths, queries, keys, values, dy }
    }

    fn length(&self, side: usize, b: usize) -> usize {
        self.lengths[side].as_ref().map_or(self.times[side], |lengths| lengths[b])
    }

    /// y, the weights, and the gradients of queries, keys and values.
    fn run(&self, level: Level) -> Vec<Vec<f32>> {
        let [queries, keys] =
            [0, 1].map(|side| Steps::new(self.batch, self.times[side], self.lengths[side].as_deref()).expect("fits"));
        let attention = Attention { queries, keys, width: self.widths[0], values_width: self.widths[1], scale: SCALE };
        let inputs = Inputs { queries: &self.queries, keys: &self.keys, values: &self.values };
        let mut y = vec![f32::NAN; self.dy.len()];
        let mut weights = vec![f32::NAN; self.batch * self.times[0] * self.times[1]];
        attention.forward(level, inputs, &mut weights, &mut y).expect("all fits");
        let [mut dq, mut dk, mut dv] =
            [&self.queries, &self.keys, &self.values].map(|values| vec![f32::NAN; values.len()]);
        let gradients = Gradients { queries: &mut dq, keys: &mut dk, values: &mut dv };
        attention.backward(level, inputs, &weights, &self.dy, gradients).expect("all fits");
        vec![y, weights, dq, dk, dv]
    }

    fn reference(&self) -> Vec<Vec<f64>> {
        let ([time, steps], [d, e]) = (self.times, self.widths);
        let [queries, keys, values, dy] = [&self.queries, &self.keys, &self.values, &self.dy].map(|all| wide(all));
        let mut y = vec![0.0; dy.len()];
        let mut weights = vec![0.0; self.batch * time * steps];
        let [mut dq, mut dk, mut dv] = [&queries, &keys, &values].map(|all| vec![0.0; all.len()]);
        for b in 0..self.batch {
            let keys_end = self.length(1, b);
            for t in (0..self.length(0, b)).map(|t| b * time + t) {
                let dot = |k: usize| (0..d).map(|i| queries[t * d + i] * keys[(b * steps + k) * d + i]).sum::<f64>();
                let powers: Vec<f64> = (0..keys_end).map(|k| (f64::from(SCALE) * dot(k)).exp()).collect();
                let total: f64 = powers.iter().sum();
                let chances: Vec<f64> = powers.iter().map(|power| power / total).collect();
                let slopes: Vec<f64> = (0..keys_end)
                    .map(|k| (0..e).map(|i| dy[t * e + i] * values[(b * steps + k) * e + i]).sum())
                    .collect();
                let mean: f64 = chances.iter().zip(&slopes).map(|(chance, slope)| chance * slope).sum();
                for k in 0..keys_end {
                    let row = b * steps + k;
                    weights[t * steps + k] = chances[k];
                    for i in 0..e {
                        y[t * e + i] += chances[k] * values[row * e + i];
                        dv[row * e + i] += chances[k] * dy[t * e + i];
                    }
                    let slope = f64::from(SCALE) * chances[k] * (slopes[k] - mean);
                    for i in 0..d {
                        dq[t * d + i] += slope * keys[row * d + i];
                        dk[row * d + i] += slope * queries[t * d + i];
                    }
                }
            }
        }
        vec![y, weights, dq, dk, dv]
    }
}

const SHAPES: [(usize, [usize; 2], [usize; 2]); 8] = [
    (1, [1, 1], [1, 1]),
    (0, [3, 2], [4, 5]),
    (3, [0, 4], [2, 2]),
    (3, [4, 0], [2, 2]),
    (2, [3, 5], [16, 17]),
    (5, [7, 9], [33, 8]),
    (3, [20, 33], [64, 70]),
    (2, [40, 130], [5, 32]),
];

#[test]
fn attention_agrees_with_loops_in_f64() {
    let mut rng = Rng::new(9);
    for (batch, times, widths) in SHAPES {
        for _ in 0..3 {
            let case = Case::random(&mut rng, batch, times, widths);
            let what = format!("B={batch} T={times:?} {widths:?} lengths={:?}", case.lengths);
            let expected = case.reference();
            for found in everywhere(&what, |level| case.run(level)) {
                for (index, (got, expected)) in found.iter().zip(&expected).enumerate() {
                    let error = error(got, expected, 1.0);
                    assert!(error < 1e-5, "{what}: array {index} is off by {error:e}");
                }
            }
        }
    }
}

#[test]
fn a_sequence_has_the_bits_that_it_has_alone() {
    let mut rng = Rng::new(10);
    let (batch, times, widths) = (7, [11, 13], [37, 20]);
    let case = Case::random(&mut rng, batch, times, widths);
    let whole = case.run(levels()[0]);
    for b in 0..batch {
        let ends = [case.length(0, b), case.length(1, b)];
        let part = |values: &[f32], side: usize, width: usize| {
            values[b * times[side] * width..][..ends[side] * width].to_vec()
        };
        let alone = Case {
            batch: 1,
            times: ends,
            lengths: [None, None],
            queries: part(&case.queries, 0, widths[0]),
            keys: part(&case.keys, 1, widths[0]),
            values: part(&case.values, 1, widths[1]),
            dy: part(&case.dy, 0, widths[1]),
            ..case
        };
        let got = alone.run(levels()[0]);
        let expected = [
            part(&whole[0], 0, widths[1]),
            part(&whole[2], 0, widths[0]),
            part(&whole[3], 1, widths[0]),
            part(&whole[4], 1, widths[1]),
        ];
        same(&format!("sequence {b}"), &[&got[..1], &got[2..]].concat(), &expected);
    }
}

#[test]
fn arrays_that_do_not_fit_are_named() {
    let steps = || Steps::new(2, 3, None).expect("no lengths");
    let attention = Attention { queries: steps(), keys: steps(), width: 4, values_width: 2, scale: 1.0 };
    let inputs = Inputs { queries: &[0.0; 24], keys: &[0.0; 23], values: &[0.0; 12] };
    let wrong = attention.forward(levels()[0], inputs, &mut [0.0; 18], &mut [0.0; 12]).unwrap_err().to_string();
    assert!(wrong.contains("keys") && wrong.contains("[2, 3, 4]"), "{wrong}");
    let other = Attention { keys: Steps::new(3, 3, None).expect("no lengths"), ..attention };
    let wrong = other.forward(levels()[0], inputs, &mut [0.0; 18], &mut [0.0; 12]).unwrap_err().to_string();
    assert!(wrong.contains("keys") && wrong.contains("B=3"), "{wrong}");
}
