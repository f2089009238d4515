//! Softmax layers against f64: values and gradients, masked or not, the same bits everywhere.

use crate::everywhere::everywhere;
use crate::support::{Rng, error};
use rustlstm::layers::softmax::Softmax;

#[test]
fn values_and_gradients_agree_with_f64() {
    let mut rng = Rng::new(8);
    for shape in [[0, 2, 3], [2, 0, 3], [2, 3, 0], [1, 1, 1], [3, 2, 5], [4, 3, 16], [2, 5, 33], [20, 100, 70]] {
        let [batch, rows, width] = shape;
        for log in [false, true] {
            for masked in [false, true] {
                let count = batch * rows * width;
                let (mut x, mut dy) = (rng.fill(count, -4.0, 4.0), rng.fill(count, -1.0, 1.0));
                let lengths: Option<Vec<usize>> = masked.then(|| (0..batch).map(|_| rng.below(width + 1)).collect());
                let (mut y, mut dx) = (vec![0.0; count], vec![0.0; count]);
                for row in 0..batch * rows {
                    let length = lengths.as_ref().map_or(width, |lengths| lengths[row / rows]);
                    let begin = row * width;
                    x[begin + length..begin + width].fill(f32::NAN);
                    dy[begin + length..begin + width].fill(f32::NAN);
                    let range = begin..begin + length;
                    let powers: Vec<f64> = x[range.clone()].iter().map(|x| f64::from(*x).exp()).collect();
                    let total: f64 = powers.iter().sum();
                    let sum_dy: f64 = dy[range.clone()].iter().map(|dy| f64::from(*dy)).sum();
                    let dot: f64 =
                        dy[range.clone()].iter().zip(&powers).map(|(dy, p)| f64::from(*dy) * p / total).sum();
                    for (i, at) in range.enumerate() {
                        let (p, dy) = (powers[i] / total, f64::from(dy[at]));
                        (y[at], dx[at]) = if log { (p.ln(), dy - p * sum_dy) } else { (p, p * (dy - dot)) };
                    }
                }
                let what = format!("{shape:?} log={log} {lengths:?}");
                let softmax = Softmax { shape, lengths: lengths.as_deref(), log };
                let found = everywhere(&what, |level| {
                    let (mut got_y, mut got_dx) = (vec![7.0; count], vec![7.0; count]);
                    softmax.forward(level, &x, &mut got_y).expect("all fits");
                    softmax.backward(level, &got_y, &dy, &mut got_dx).expect("all fits");
                    vec![got_y, got_dx]
                });
                for got in found {
                    let off = error(&got[0], &y, 1.0).max(error(&got[1], &dx, 1.0));
                    assert!(off < 4e-6, "{what}: off by {off:e}");
                }
            }
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let softmax = Softmax { shape: [2, 1, 3], lengths: Some(&[3, 4]), log: false };
    let error = softmax.forward(rustlstm::simd::Level::Scalar, &[0.0; 6], &mut [0.0; 6]).unwrap_err().to_string();
    assert!(error.contains("lengths") && error.contains('4'), "{error}");
}
