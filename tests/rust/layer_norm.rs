//! Layer normalisation of contiguous rows against loops in f64; the same bits everywhere, and whatever the padding.

use crate::everywhere::{everywhere, levels, same};
use crate::support::{Rng, error, fill_padding, wide};
use rustlstm::layers::Steps;
use rustlstm::layers::norm::{Gradients, LayerNorm};
use rustlstm::simd::Level;

/// A batch with its parameters; what lies in padding is NaN.
struct Case {
    batch: usize,
    time: usize,
    channels: usize,
    lengths: Option<Vec<usize>>,
    x: Vec<f32>,
    dy: Vec<f32>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Case {
    fn random(rng: &mut Rng, batch: usize, time: usize, channels: usize) -> Case {
        let lengths: Option<Vec<usize>> = rng.chance(0.6).then(|| (0..batch).map(|_| rng.below(time + 1)).collect());
        let count = batch * time * channels;
        let (mut x, mut dy) = (rng.fill(count, -1.0, 3.0), rng.fill(count, -1.0, 1.0));
        if let Some(lengths) = &lengths {
            fill_padding(&mut x, lengths, time, channels, f32::NAN);
            fill_padding(&mut dy, lengths, time, channels, f32::NAN);
        }
        let weight = rng.fill(channels, -1.5, 1.5);
        let bias = rng.chance(0.7).then(|| rng.fill(channels, -1.0, 1.0));
        Case { batch, time, channels, lengths, x, dy, weight, bias }
    }

    fn norm(&self) -> LayerNorm<'_> {
        LayerNorm { weight: &self.weight, bias: self.bias.as_deref(), epsilon: 1e-5 }
    }

    fn steps(&self) -> Steps<'_> {
        Steps::new(self.batch, self.time, self.lengths.as_deref()).expect("lengths fit")
    }

    /// y, dx, and what was added to dweight and dbias, which were one before.
    fn run(&self, level: Level) -> Vec<Vec<f32>> {
        let (norm, steps) = (self.norm(), self.steps());
        let (mut y, mut dx) = (vec![f32::NAN; self.x.len()], vec![f32::NAN; self.x.len()]);
        let mut kept = vec![f32::NAN; self.batch * self.time * 2];
        norm.forward(level, &self.x, &steps, &mut y, Some(&mut kept)).expect("all fits");
        let (mut dweight, mut dbias) = (vec![1.0; self.channels], vec![1.0; self.channels]);
        let gradients = Gradients { x: Some(&mut dx), weight: &mut dweight, bias: &mut dbias };
        norm.backward(level, &self.x, &steps, &kept, &self.dy, gradients).expect("all fits");
        vec![y, dx, dweight, dbias]
    }

    fn reference(&self) -> Vec<Vec<f64>> {
        let n = self.channels as f64;
        let (mut y, mut dx) = (vec![0.0; self.x.len()], vec![0.0; self.x.len()]);
        let (mut dweight, mut dbias) = (vec![1.0; self.channels], vec![1.0; self.channels]);
        let steps = self.steps();
        for row in (0..self.batch * self.time).filter(|&row| steps.counts(row)) {
            let at = row * self.channels;
            let (x, dy) = (wide(&self.x[at..][..self.channels]), wide(&self.dy[at..][..self.channels]));
            let mean = x.iter().sum::<f64>() / n;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let scale = 1.0 / (variance + 1e-5).sqrt();
            let normal: Vec<f64> = x.iter().map(|x| (x - mean) * scale).collect();
            let d: Vec<f64> = dy.iter().zip(&self.weight).map(|(dy, weight)| dy * f64::from(*weight)).collect();
            let along = d.iter().zip(&normal).map(|(d, normal)| d * normal).sum::<f64>() / n;
            let level = d.iter().sum::<f64>() / n;
            for c in 0..self.channels {
                let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
                y[at + c] = normal[c] * f64::from(self.weight[c]) + bias;
                dx[at + c] = scale * (d[c] - level - normal[c] * along);
                dweight[c] += dy[c] * normal[c];
                dbias[c] += dy[c];
            }
        }
        vec![y, dx, dweight, dbias]
    }
}

#[test]
fn forward_and_gradients_agree_with_f64() {
    let mut rng = Rng::new(1);
    for case in 0..120 {
        let (batch, time) = (rng.below(6), rng.below(30));
        let channels = rng.pick(&[1, 2, 3, 15, 16, 17, 31, 64, 100]);
        let data = Case::random(&mut rng, batch, time, channels);
        for level in levels() {
            for (index, (got, expected)) in data.run(level).iter().zip(data.reference()).enumerate() {
                // Two channels that are nearly equal are divided by nearly nothing.
                let bound = if channels <= 3 && index == 1 { 2e-3 } else { 2e-5 };
                let off = error(got, &expected, 0.1);
                assert!(off < bound, "case {case}, array {index} at {}: off by {off:e}", level.name());
            }
        }
    }
}

#[test]
fn any_team_and_level_gives_the_same_bits() {
    let mut rng = Rng::new(2);
    for (batch, time, channels) in [(40, 40, 128), (7, 500, 70), (2000, 1, 100)] {
        let data = Case::random(&mut rng, batch, time, channels);
        everywhere(&format!("{batch} {time} {channels}"), |level| data.run(level));
    }
}

#[test]
fn padding_moves_no_bit() {
    let mut rng = Rng::new(3);
    let (batch, time, channels) = (9, 31, 20);
    let mut short = Case::random(&mut rng, batch, time, channels);
    short.lengths = Some((0..batch).map(|_| rng.below(time + 1)).collect());
    short.x = rng.fill(short.x.len(), -1.0, 1.0);
    short.dy = rng.fill(short.dy.len(), -1.0, 1.0);
    let longer = |data: &[f32]| -> Vec<f32> {
        let rows = data.chunks_exact(time * channels);
        rows.flat_map(|row| row.iter().copied().chain([f32::NAN; 17 * 20])).collect()
    };
    let long = Case {
        time: time + 17,
        x: longer(&short.x),
        dy: longer(&short.dy),
        weight: short.weight.clone(),
        bias: short.bias.clone(),
        lengths: short.lengths.clone(),
        ..short
    };
    let (got, expected) = (long.run(levels()[0]), short.run(levels()[0]));
    same("the parameters' gradients", &got[2..], &expected[2..]);
    for index in 0..2 {
        let cut: Vec<f32> =
            got[index].chunks_exact(long.time * channels).flat_map(|row| row[..time * channels].to_vec()).collect();
        same("y and dx", &[cut], &expected[index..=index]);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let norm = LayerNorm { weight: &[1.0; 4], bias: Some(&[0.0; 3]), epsilon: 1e-5 };
    let steps = Steps::new(2, 3, None).expect("no lengths");
    let error = norm.forward(Level::Scalar, &[0.0; 24], &steps, &mut [0.0; 24], None).expect_err("a short bias");
    assert_eq!(error.to_string(), "bias must have shape [4], got 3 values");
    let norm = LayerNorm { bias: None, ..norm };
    for (x, y, kept, name) in [(20, 24, 12, "x"), (24, 20, 12, "y"), (24, 24, 6, "kept")] {
        let (mut y, mut kept) = (vec![0.0; y], vec![0.0; kept]);
        let error = norm.forward(Level::Scalar, &vec![0.0; x], &steps, &mut y, Some(&mut kept)).expect_err("a misfit");
        assert!(error.to_string().starts_with(&format!("{name} must have shape [2, 3, ")), "{error}");
    }
}
