//! Pooling against loops in f64: windows of any size and stride, sequences of any length, NaN, and nothing.

use crate::everywhere::{everywhere, same};
use crate::support::{Rng, error, fill_padding};
use rustlstm::layers::pool::{self, NOWHERE, Over};
use rustlstm::layers::{Axis, Slide, Steps};

/// Windows on random images; what lies in padding is NaN.
struct Case {
    images: [usize; 3],
    channels: usize,
    axes: [Axis; 2],
    lengths: Option<Vec<usize>>,
    x: Vec<f32>,
}

impl Case {
    fn random(rng: &mut Rng) -> Case {
        let flat = rng.chance(0.5);
        let axis = |rng: &mut Rng| Axis::new(1 + rng.below(4), 1 + rng.below(4));
        let axes = [if flat { Axis::new(1, 1) } else { axis(rng) }, axis(rng)];
        let height = if flat { 1 } else { axes[0].kernel + rng.below(6) };
        let images = [rng.below(4), height, axes[1].kernel + rng.below(9)];
        let channels = rng.pick(&[1, 2, 5, 16, 19]);
        let lengths: Option<Vec<usize>> =
            (flat && rng.chance(0.6)).then(|| (0..images[0]).map(|_| rng.below(images[2] + 1)).collect());
        // Few different numbers, so that there are equals.
        let mut x: Vec<f32> =
            (0..images.iter().product::<usize>() * channels).map(|_| rng.below(9) as f32 - 4.0).collect();
        if let Some(lengths) = &lengths {
            fill_padding(&mut x, lengths, images[2], channels, f32::NAN);
        }
        Case { images, channels, axes, lengths, x }
    }

    fn slide(&self) -> Slide<'_> {
        Slide::new(self.images, self.axes, self.lengths.as_deref()).expect("the windows fit")
    }

    /// Calls `visit` with the index in y and those in x that it is made of.
    fn windows(&self, mut visit: impl FnMut(usize, Vec<usize>)) {
        let [images, height, width] = self.images;
        let [down, along] = self.axes;
        let (rows, columns) = ((height - down.kernel) / down.stride + 1, (width - along.kernel) / along.stride + 1);
        for n in 0..images {
            let there = self.lengths.as_ref().map_or(width, |lengths| lengths[n]);
            for (row, column, c) in
                (0..rows).flat_map(|r| (0..columns).flat_map(move |o| (0..self.channels).map(move |c| (r, o, c))))
            {
                if column * along.stride + along.kernel > there {
                    continue;
                }
                let mut from = Vec::new();
                for (i, j) in (0..down.kernel).flat_map(|i| (0..along.kernel).map(move |j| (i, j))) {
                    let (h, w) = (row * down.stride + i, column * along.stride + j);
                    from.push(((n * height + h) * width + w) * self.channels + c);
                }
                visit(((n * rows + row) * columns + column) * self.channels + c, from);
            }
        }
    }
}

#[test]
fn windows_agree_with_loops() {
    let mut rng = Rng::new(1);
    for number in 0..300 {
        let case = Case::random(&mut rng);
        let slide = case.slide();
        let count = case.images[0] * slide.out[0] * slide.out[1] * case.channels;
        let mut dy = rng.fill(count, -1.0, 1.0);
        let (mut largest, mut mean) = (vec![0.0; count], vec![0.0; count]);
        let (mut dmax, mut dmean) = (vec![0.0; case.x.len()], vec![0.0; case.x.len()]);
        let mut there = vec![false; count];
        case.windows(|to, from| {
            let first = from.iter().copied().reduce(|a, b| if case.x[b] > case.x[a] { b } else { a }).expect("a place");
            there[to] = true;
            largest[to] = f64::from(case.x[first]);
            dmax[first] += f64::from(dy[to]);
            for &place in &from {
                mean[to] += f64::from(case.x[place]) / from.len() as f64;
                dmean[place] += f64::from(dy[to]) / from.len() as f64;
            }
        });
        // The gradient of a window that is not there must not matter to the maximum's, nor to the mean's.
        dy.iter_mut().zip(&there).for_each(|(dy, there)| *dy = if *there { *dy } else { f32::NAN });
        let (mut y, mut places) = (vec![f32::NAN; count], vec![7; count]);
        let mut dx = vec![f32::NAN; case.x.len()];
        pool::max(&case.x, &slide, case.channels, &mut y, &mut places).expect("all fits");
        assert_eq!(error(&y, &largest, 1.0), 0.0, "maxima of case {number}");
        assert!(places.iter().zip(&there).all(|(place, there)| (*place != NOWHERE) == *there));
        pool::max_backward(&dy, &places, &slide, case.channels, &mut dx).expect("all fits");
        assert!(error(&dx, &dmax, 1.0) < 1e-6, "gradients of maxima of case {number}");
        pool::average(&case.x, &slide, case.channels, &mut y).expect("all fits");
        assert!(error(&y, &mean, 1.0) < 1e-6, "means of case {number}");
        dx.fill(f32::NAN);
        pool::average_backward(&dy, &slide, case.channels, &mut dx).expect("all fits");
        assert!(error(&dx, &dmean, 1.0) < 1e-6, "gradients of means of case {number}");
    }
}

#[test]
fn a_maximum_with_nan_is_nan() {
    let slide = Slide::new([1, 1, 4], [Axis::new(1, 1), Axis::new(2, 2)], None).expect("the windows fit");
    let (mut y, mut places) = ([0.0; 2], [0; 2]);
    pool::max(&[f32::NAN, 1.0, 1.0, f32::NAN], &slide, 1, &mut y, &mut places).expect("all fits");
    assert!(y.iter().all(|y| y.is_nan()));
    assert_eq!(places, [0, 3]);
    pool::max(&[f32::NEG_INFINITY; 4], &slide, 1, &mut y, &mut places).expect("all fits");
    assert_eq!((y, places), ([f32::NEG_INFINITY; 2], [0, 2]));
}

const KINDS: [Over; 3] = [Over::Last, Over::Mean, Over::Max];

/// y and dx of a batch `[B, T, C]`.
fn run(over: Over, x: &[f32], dy: &[f32], steps: &Steps<'_>, channels: usize) -> Vec<Vec<f32>> {
    let (mut y, mut places) = (vec![f32::NAN; dy.len()], vec![7; if over == Over::Max { dy.len() } else { 0 }]);
    let mut dx = vec![f32::NAN; x.len()];
    pool::sequences(over, x, steps, channels, &mut y, &mut places).expect("all fits");
    pool::sequences_backward(over, dy, &places, steps, channels, &mut dx).expect("all fits");
    vec![y, dx]
}

#[test]
fn sequences_agree_with_loops() {
    let mut rng = Rng::new(2);
    for number in 0..200 {
        let (batch, time, channels) = (rng.below(5), rng.below(9), rng.pick(&[1, 3, 16, 63, 64, 65, 130]));
        let lengths: Vec<usize> = (0..batch).map(|_| rng.below(time + 1)).collect();
        let ragged = rng.chance(0.7);
        let mut x: Vec<f32> = (0..batch * time * channels).map(|_| rng.below(9) as f32 - 4.0).collect();
        if ragged {
            fill_padding(&mut x, &lengths, time, channels, f32::NAN);
        }
        let dy = rng.fill(batch * channels, -1.0, 1.0);
        let steps = Steps::new(batch, time, ragged.then_some(&lengths)).expect("lengths fit");
        for over in KINDS {
            let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
            for (b, c) in (0..batch).flat_map(|b| (0..channels).map(move |c| (b, c))) {
                let at = |t: usize| (b * time + t) * channels + c;
                let length = if ragged { lengths[b] } else { time };
                let (y, dy) = (&mut y[b * channels + c], f64::from(dy[b * channels + c]));
                let largest = (0..length).reduce(|a, b| if x[at(b)] > x[at(a)] { b } else { a });
                for t in 0..length {
                    let weight = match over {
                        Over::Last => f64::from(t + 1 == length),
                        Over::Mean => 1.0 / length as f64,
                        Over::Max => f64::from(Some(t) == largest),
                    };
                    *y += weight * f64::from(x[at(t)]);
                    dx[at(t)] += weight * dy;
                }
            }
            let got = run(over, &x, &dy, &steps, channels);
            assert!(error(&got[0], &y, 1.0) < 1e-6, "{over:?}, y of case {number}");
            assert!(error(&got[1], &dx, 1.0) < 1e-6, "{over:?}, dx of case {number}");
        }
    }
}

#[test]
fn a_sequence_alone_gives_the_bits_that_it_gives_in_a_batch() {
    let mut rng = Rng::new(3);
    let (batch, time, channels) = (50, 70, 130);
    let lengths: Vec<usize> = (0..batch).map(|_| rng.below(time + 1)).collect();
    let (x, dy) = (rng.fill(batch * time * channels, -1.0, 1.0), rng.fill(batch * channels, -1.0, 1.0));
    let steps = Steps::new(batch, time, Some(&lengths)).expect("lengths fit");
    for over in KINDS {
        let all = everywhere(&format!("{over:?}"), |_| run(over, &x, &dy, &steps, channels)).remove(0);
        for (b, &length) in lengths.iter().enumerate() {
            let alone = Steps::new(1, length, None).expect("one sequence");
            let (from, dy) = (b * time * channels, &dy[b * channels..][..channels]);
            let one = run(over, &x[from..][..length * channels], dy, &alone, channels);
            let rows = [&all[0][b * channels..][..channels], &all[1][from..][..length * channels]];
            same(&format!("{over:?} of row {b}"), &one, &rows.map(<[f32]>::to_vec));
        }
    }
}

#[test]
fn windows_in_any_team_give_the_same_bits() {
    let mut rng = Rng::new(4);
    let slide = Slide::new([9, 40, 50], [Axis::new(3, 2), Axis::new(4, 1)], None).expect("the windows fit");
    let count = 9 * slide.out[0] * slide.out[1] * 33;
    let (x, dy) = (rng.fill(9 * 40 * 50 * 33, -1.0, 1.0), rng.fill(count, -1.0, 1.0));
    everywhere("windows", |_| {
        let (mut largest, mut mean, mut places) = (vec![0.0; count], vec![0.0; count], vec![0; count]);
        let (mut dmax, mut dmean) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        pool::max(&x, &slide, 33, &mut largest, &mut places).expect("all fits");
        pool::max_backward(&dy, &places, &slide, 33, &mut dmax).expect("all fits");
        pool::average(&x, &slide, 33, &mut mean).expect("all fits");
        pool::average_backward(&dy, &slide, 33, &mut dmean).expect("all fits");
        vec![largest, mean, dmax, dmean]
    });
}

#[test]
fn what_does_not_fit_is_an_error() {
    let axes = |kernel, stride| [Axis::new(1, 1), Axis::new(kernel, stride)];
    let cases = [
        (Slide::new([2, 1, 4], axes(5, 1), None), "x must have shape [B, T, C] with T at least 5, got 4"),
        (Slide::new([2, 1, 4], axes(0, 1), None), "kernel_size must be from 1 to 4294967295, got 0"),
        (Slide::new([2, 1, 4], axes(1, 0), None), "stride must be from 1 to 4294967295, got 0"),
        (Slide::new([2, 1, 4], axes(1, 1), Some(&[4])), "lengths must have shape [B=2], got [1]"),
        (Slide::new([2, 1, 4], axes(1, 1), Some(&[4, 5])), "lengths must be from 0 to T=4, got 5"),
        (
            Slide::new([2, 3, 4], [Axis::new(4, 1), Axis::new(1, 1)], None),
            "x must have shape [N, H, W, C] with H at least 4, got 3",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result.expect_err(expected).to_string(), expected);
    }
    let slide = Slide::new([2, 1, 4], axes(2, 2), None).expect("the windows fit");
    let error = pool::average(&[0.0; 23], &slide, 3, &mut [0.0; 12]).expect_err("too few numbers");
    assert_eq!(error.to_string(), "x must have shape [2, 1, 4, 3], got 23 values");
    assert!("median".parse::<Over>().is_err());
}
