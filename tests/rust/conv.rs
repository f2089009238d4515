//! Convolution against loops in f64: any kernel, stride, dilation and padding, images and sequences of any length.

use crate::everywhere::{everywhere, levels, same};
use crate::support::{Rng, error, fill_padding};
use rustlstm::layers::conv::{Conv, Gradients};
use rustlstm::layers::{Axis, Slide};
use rustlstm::simd::Level;

/// A convolution with its input and the gradient of its output; what lies in padding is NaN.
struct Case {
    images: [usize; 3],
    channels: [usize; 2],
    axes: [Axis; 2],
    lengths: Option<Vec<usize>>,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    dy: Vec<f32>,
}

impl Case {
    fn new(
        rng: &mut Rng,
        images: [usize; 3],
        channels: [usize; 2],
        axes: [Axis; 2],
        lengths: Option<Vec<usize>>,
    ) -> Case {
        let [n, height, width] = images;
        let mut x = rng.fill(n * height * width * channels[1], -1.0, 1.0);
        let weight = rng.fill(channels[0] * channels[1] * axes[0].kernel * axes[1].kernel, -0.5, 0.5);
        let bias = rng.chance(0.7).then(|| rng.fill(channels[0], -1.0, 1.0));
        let slide = Slide::new(images, axes, lengths.as_deref()).expect("the windows fit");
        let mut dy = rng.fill(n * slide.out[0] * slide.out[1] * channels[0], -1.0, 1.0);
        if let Some(lengths) = &lengths {
            fill_padding(&mut x, lengths, width, channels[1], f32::NAN);
            fill_padding(&mut dy, &slide.out_lengths().expect("ragged"), slide.out[1], channels[0], f32::NAN);
        }
        Case { images, channels, axes, lengths, x, weight, bias, dy }
    }

    fn random(rng: &mut Rng) -> Case {
        let flat = rng.chance(0.5);
        let axis = |rng: &mut Rng| Axis {
            dilation: 1 + rng.below(3),
            before: rng.below(4),
            after: rng.below(4),
            ..Axis::new(1 + rng.below(4), 1 + rng.below(3))
        };
        let axes = [if flat { Axis::new(1, 1) } else { axis(rng) }, axis(rng)];
        let room =
            |axis: &Axis| (axis.dilation * (axis.kernel - 1) + 1).saturating_sub(axis.before + axis.after).max(1);
        let height = if flat { 1 } else { room(&axes[0]) + rng.below(6) };
        let images = [rng.below(4), height, room(&axes[1]) + rng.below(12)];
        let channels = [rng.pick(&[1, 3, 16, 20, 33]), rng.pick(&[1, 2, 5, 16, 17])];
        let ragged = flat && rng.chance(0.6);
        let lengths = ragged.then(|| (0..images[0]).map(|_| rng.below(images[2] + 1)).collect());
        Case::new(rng, images, channels, axes, lengths)
    }

    fn slide(&self) -> Slide<'_> {
        Slide::new(self.images, self.axes, self.lengths.as_deref()).expect("the windows fit")
    }

    /// y, dx, and what was added to dweight and dbias, which were one before.
    fn run(&self, level: Level) -> Vec<Vec<f32>> {
        let conv = Conv { weight: &self.weight, bias: self.bias.as_deref(), channels: self.channels };
        let (mut y, mut dx) = (vec![f32::NAN; self.dy.len()], vec![f32::NAN; self.x.len()]);
        let (mut dweight, mut dbias) = (vec![1.0; self.weight.len()], vec![1.0; self.channels[0]]);
        conv.forward(level, &self.x, &self.slide(), &mut y).expect("all fits");
        let gradients = Gradients { x: Some(&mut dx), parameters: Some((&mut dweight, &mut dbias)) };
        conv.backward(level, &self.x, &self.slide(), &self.dy, gradients).expect("all fits");
        vec![y, dx, dweight, dbias]
    }

    fn reference(&self) -> Vec<Vec<f64>> {
        let ([images, height, width], [outputs, inputs]) = (self.images, self.channels);
        let ([down, along], slide) = (self.axes, self.slide());
        let (mut y, mut dx) = (vec![0.0; self.dy.len()], vec![0.0; self.x.len()]);
        let (mut dweight, mut dbias) = (vec![1.0; self.weight.len()], vec![1.0; outputs]);
        for n in 0..images {
            let there = self.lengths.as_ref().map_or(width, |lengths| lengths[n]);
            // As torch computes it for a sequence of this length.
            let covered = along.dilation * (along.kernel - 1) + 1;
            let room = there + along.before + along.after;
            let columns = if room < covered { 0 } else { (room - covered) / along.stride + 1 };
            for (row, column, o) in (0..slide.out[0])
                .flat_map(|row| (0..columns).flat_map(move |column| (0..outputs).map(move |o| (row, column, o))))
            {
                let at = ((n * slide.out[0] + row) * slide.out[1] + column) * outputs + o;
                let dy = f64::from(self.dy[at]);
                y[at] = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
                dbias[o] += dy;
                for (i, j) in (0..down.kernel).flat_map(|i| (0..along.kernel).map(move |j| (i, j))) {
                    let h = (row * down.stride + i * down.dilation) as isize - down.before as isize;
                    let w = (column * along.stride + j * along.dilation) as isize - along.before as isize;
                    if h < 0 || w < 0 || h >= height as isize || w >= there as isize {
                        continue;
                    }
                    for c in 0..inputs {
                        let from = ((n * height + h as usize) * width + w as usize) * inputs + c;
                        let tap = ((o * inputs + c) * down.kernel + i) * along.kernel + j;
                        y[at] += f64::from(self.x[from]) * f64::from(self.weight[tap]);
                        dx[from] += dy * f64::from(self.weight[tap]);
                        dweight[tap] += dy * f64::from(self.x[from]);
                    }
                }
            }
        }
        vec![y, dx, dweight, dbias]
    }
}

#[test]
fn outputs_and_gradients_agree_with_loops() {
    let mut rng = Rng::new(1);
    for number in 0..250 {
        let case = Case::random(&mut rng);
        let expected = case.reference();
        for level in levels() {
            for (index, (got, expected)) in case.run(level).iter().zip(&expected).enumerate() {
                let off = error(got, expected, 1.0);
                assert!(off < 2e-6, "case {number}, array {index} at {}: off by {off:e}", level.name());
            }
        }
    }
}

#[test]
fn any_team_and_level_gives_the_same_bits() {
    let mut rng = Rng::new(2);
    let same_padding = |kernel| Axis { before: kernel / 2, after: kernel / 2, ..Axis::new(kernel, 1) };
    let lengths = Some((0..20).map(|_| rng.below(101)).collect());
    for (images, channels, axes, lengths) in [
        ([20, 1, 100], [48, 32], [Axis::new(1, 1), same_padding(5)], None),
        ([20, 1, 100], [48, 32], [Axis::new(1, 1), same_padding(5)], lengths),
        ([3, 24, 30], [40, 17], [same_padding(3), Axis::new(3, 2)], None),
        ([1, 1, 3000], [64, 1], [Axis::new(1, 1), same_padding(9)], None),
    ] {
        let case = Case::new(&mut rng, images, channels, axes, lengths);
        everywhere(&format!("{images:?} {channels:?}"), |level| case.run(level));
    }
}

#[test]
fn a_sequence_alone_gives_the_bits_that_it_gives_in_a_batch() {
    let mut rng = Rng::new(3);
    for (stride, dilation, before, after) in [(1, 1, 2, 2), (1, 3, 12, 0), (2, 1, 1, 0), (3, 2, 0, 0)] {
        let along = Axis { dilation, before, after, ..Axis::new(5, stride) };
        let (batch, time, [outputs, inputs]) = (12, 40, [20, 7]);
        let lengths: Vec<usize> = (0..batch).map(|_| rng.below(time + 1)).collect();
        let axes = [Axis::new(1, 1), along];
        let case = Case::new(&mut rng, [batch, 1, time], [outputs, inputs], axes, Some(lengths.clone()));
        let all = case.run(levels()[0]);
        let width = case.slide().out[1];
        for (b, &length) in lengths.iter().enumerate() {
            let (from, to) = (b * time * inputs, b * width * outputs);
            let windows = along.positions(length);
            let rows = [&all[0][to..][..windows * outputs], &all[1][from..][..length * inputs]];
            if windows == 0 {
                assert!(all[0][to..][..width * outputs].iter().chain(rows[1]).all(|value| *value == 0.0));
                continue;
            }
            let alone = Case {
                images: [1, 1, length],
                lengths: None,
                x: case.x[from..][..length * inputs].to_vec(),
                dy: case.dy[to..][..windows * outputs].to_vec(),
                weight: case.weight.clone(),
                bias: case.bias.clone(),
                ..case
            };
            same(&format!("row {b} of {length}"), &alone.run(levels()[0])[..2], &rows.map(<[f32]>::to_vec));
        }
    }
}

#[test]
fn padding_moves_no_bit_of_the_parameters_gradients() {
    let mut rng = Rng::new(4);
    let axes = [Axis::new(1, 1), Axis { before: 4, ..Axis::new(5, 1) }];
    let short = Case::new(&mut rng, [9, 1, 50], [20, 7], axes, Some((0..9).map(|b| 50 - 5 * b).collect()));
    let longer = |data: &[f32], width: usize| -> Vec<f32> {
        data.chunks_exact(50 * width).flat_map(|row| row.iter().copied().chain(vec![f32::NAN; 33 * width])).collect()
    };
    let long = Case {
        images: [9, 1, 83],
        x: longer(&short.x, 7),
        dy: longer(&short.dy, 20),
        weight: short.weight.clone(),
        bias: short.bias.clone(),
        lengths: short.lengths.clone(),
        ..short
    };
    same("dweight and dbias", &long.run(levels()[0])[2..], &short.run(levels()[0])[2..]);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let slide = Slide::new([2, 1, 4], [Axis::new(1, 1), Axis::new(3, 1)], None).expect("the windows fit");
    let conv = Conv { weight: &[0.0; 30], bias: Some(&[0.0; 5]), channels: [5, 2] };
    conv.forward(Level::Scalar, &[0.0; 16], &slide, &mut [0.0; 20]).expect("all fits");
    for (conv, x, y, expected) in [
        (Conv { weight: &[0.0; 31], ..conv }, 16, 20, "weight must have shape [5, 2, 1, 3], got 31 values"),
        (Conv { bias: Some(&[0.0; 4]), ..conv }, 16, 20, "bias must have shape [5], got 4 values"),
        (conv, 15, 20, "x must have shape [2, 1, 4, 2], got 15 values"),
        (conv, 16, 21, "y must have shape [2, 1, 2, 5], got 21 values"),
    ] {
        let error = conv.forward(Level::Scalar, &vec![0.0; x], &slide, &mut vec![0.0; y]).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}
