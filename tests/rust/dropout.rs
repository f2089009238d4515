//! The dropout layer: its mask by address, locked, ragged, and the rate that was asked for.

use crate::everywhere::{everywhere, levels, same};
use crate::support::{Rng, fill_padding};
use rustlstm::layers::dropout::Dropout;
use rustlstm::layers::{Mask, Purpose, Steps};
use rustlstm::rng::Key;
use rustlstm::simd::Level;

fn applied(level: Level, dropout: &Dropout, x: &[f32], steps: &Steps<'_>, channels: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.len()];
    dropout.apply(level, x, steps, channels, &mut y).expect("all fits");
    y
}

#[test]
fn each_element_is_multiplied_by_the_mask_of_its_address() {
    let mut rng = Rng::new(1);
    for case in 0..60 {
        let (batch, time, channels) = (rng.below(5), 1 + rng.below(6), rng.pick(&[1, 3, 15, 16, 17, 40]));
        let (p, locked) = (rng.pick(&[0.0, 0.25, 0.5, 0.9, 1.0]), rng.chance(0.5));
        let lengths: Option<Vec<usize>> = rng.chance(0.6).then(|| (0..batch).map(|_| rng.below(time + 1)).collect());
        let mut x = rng.fill(batch * time * channels, -2.0, 2.0);
        if let Some(lengths) = &lengths {
            fill_padding(&mut x, lengths, time, channels, f32::NAN);
        }
        let key = Key::new(7, case);
        let mask = Mask::dropout(key, 0, 0, Purpose::Dropout, p);
        let mut expected = Vec::new();
        for (index, x) in x.iter().enumerate() {
            let (b, t, c) = (index / channels / time, index / channels % time, index % channels);
            let there = lengths.as_ref().is_none_or(|lengths| t < lengths[b]);
            let factor = if p == 0.0 { 1.0 } else { mask.value(if locked { 0 } else { t }, b, c) };
            expected.push(if there { x * factor } else { 0.0 });
        }
        let steps = Steps::new(batch, time, lengths.as_deref()).expect("lengths fit");
        let dropout = Dropout::new(p, locked, key).expect("a rate");
        for level in levels() {
            let got = applied(level, &dropout, &x, &steps, channels);
            same(&format!("case {case} at {}", level.name()), &[got], &[expected.clone()]);
        }
    }
}

#[test]
fn as_many_are_dropped_as_was_asked_for_and_the_mean_stays() {
    let steps = Steps::new(100, 50, None).expect("no lengths");
    let x = vec![1.0; 100 * 50 * 20];
    for p in [0.1, 0.5, 0.8] {
        let dropout = Dropout::new(p, false, Key::new(3, 4)).expect("a rate");
        let y = &everywhere("dropout", |level| vec![applied(level, &dropout, &x, &steps, 20)])[0][0];
        let dropped = y.iter().filter(|y| **y == 0.0).count() as f32 / y.len() as f32;
        assert!((dropped - p).abs() < 0.01, "{dropped} dropped, not {p}");
        let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
        assert!((mean - 1.0).abs() < 0.03, "the mean became {mean}");
    }
}

#[test]
fn passes_and_seeds_draw_masks_of_their_own() {
    let (x, steps) = (vec![1.0; 3 * 4 * 40], Steps::new(3, 4, None).expect("no lengths"));
    let draw = |seed, step, locked| {
        let dropout = Dropout::new(0.5, locked, Key::new(seed, step)).expect("a rate");
        applied(levels()[0], &dropout, &x, &steps, 40)
    };
    let first = draw(1, 1, false);
    assert!(first != draw(1, 2, false) && first != draw(2, 1, false));
    let row = |y: &[f32], row: usize| y[row * 40..][..40].to_vec();
    assert_ne!(row(&first, 0), row(&first, 1));
    let locked = draw(1, 1, true);
    assert!((1..4).all(|t| row(&locked, t) == row(&locked, 0)) && row(&locked, 4) != row(&locked, 0));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let key = Key::new(0, 0);
    for p in [-0.1, 1.1, f32::NAN] {
        let error = Dropout::new(p, false, key).expect_err("a wrong rate").to_string();
        assert!(error.starts_with("p must be from 0 to 1, got"), "{error}");
    }
    let steps = Steps::new(2, 3, None).expect("no lengths");
    let dropout = Dropout::new(0.5, false, key).expect("a rate");
    for (x, y, name) in [(23, 24, "x"), (24, 25, "y")] {
        let error =
            dropout.apply(Level::Scalar, &vec![0.0; x], &steps, 4, &mut vec![0.0; y]).expect_err("a wrong length");
        assert!(error.to_string().starts_with(&format!("{name} must have shape [2, 3, 4], got")), "{error}");
    }
    assert!(Steps::new(usize::MAX, 3, None).is_err() && Steps::new(2, 3, Some(&[4, 0])).is_err());
}
