//! The backward pass of the reference, held against central differences of its forward pass.

use crate::reference::{self, Carry, Lstm, Masks, Sequence, Site};
use crate::support::{Rng, random_config, random_params, randomise, report, wide};
use rustlstm::layers::Config;

/// Largest difference between the two, in units of the largest entry of the array (at least 1e-2).
const TOLERANCE: f64 = 1e-6;

/// Half the distance of a central difference.
const EPS: f64 = 1e-5;

struct Point {
    params: Vec<Vec<f64>>,
    x: Sequence,
    first: Carry,
    dy: Sequence,
    dlast: Carry,
}

impl Point {
    fn random(rng: &mut Rng, config: &Config, time: usize) -> Point {
        let width = reference::output_size(config, config.hidden_sizes.len() - 1);
        let params = random_params(rng, config).iter().map(|param| wide(param)).collect();
        let mut vector = |size| wide(&rng.fill(size, -0.9, 0.9));
        let x = (0..time).map(|_| vector(config.input_size)).collect();
        let dy = (0..time).map(|_| vector(width)).collect();
        let blocks = config.hidden_sizes.len() * reference::directions(config);
        let layer = |block| block / reference::directions(config);
        let mut carry = || Carry {
            h: (0..blocks).map(|block| vector(reference::h_size(config, layer(block)))).collect(),
            c: (0..blocks).map(|block| vector(config.hidden_sizes[layer(block)])).collect(),
        };
        let (first, dlast) = (carry(), carry());
        Point { params, x, first, dy, dlast }
    }

    fn loss(&self, config: &Config, masks: Masks<'_>) -> f64 {
        let forward = Lstm::new(config, &self.params).forward(&self.x, &self.first, masks);
        let dot = |a: &Vec<Vec<f64>>, b: &Vec<Vec<f64>>| -> f64 {
            a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum()
        };
        dot(&forward.y, &self.dy) + dot(&forward.last.h, &self.dlast.h) + dot(&forward.last.c, &self.dlast.c)
    }

    /// Central differences of the loss by each entry of one of the point's arrays.
    fn differences(
        &mut self,
        config: &Config,
        masks: Masks<'_>,
        array: impl Fn(&mut Point) -> &mut Vec<Vec<f64>>,
    ) -> Vec<Vec<f64>> {
        let sizes: Vec<usize> = array(self).iter().map(Vec::len).collect();
        let mut all = Vec::new();
        for (index, size) in sizes.into_iter().enumerate() {
            let mut one = Vec::new();
            for k in 0..size {
                let value = array(self)[index][k];
                array(self)[index][k] = value + EPS;
                let above = self.loss(config, masks);
                array(self)[index][k] = value - EPS;
                let below = self.loss(config, masks);
                array(self)[index][k] = value;
                one.push((above - below) / (2.0 * EPS));
            }
            all.push(one);
        }
        all
    }
}

/// Masks drawn at the rates of `config`, by hashing the address.
fn drawn(config: &Config, seed: u64) -> impl Fn(Site, usize, usize, usize, usize) -> f64 {
    let config = config.clone();
    move |site, layer, direction, a, b| {
        let address = ((site as u64 * 8 + layer as u64) * 2 + direction as u64) * 1_000_000 + (a * 1000 + b) as u64;
        let mut rng = Rng::new(seed.wrapping_mul(0x1234_5677) ^ address.wrapping_mul(0x9e37_79b9));
        let p = match site {
            Site::Input if layer == 0 => config.input_dropout,
            Site::Input => config.dropout,
            Site::Recurrent => config.recurrent_dropout,
            Site::Weight => config.weight_drop,
            Site::ZoneoutH => config.zoneout_h,
            Site::ZoneoutC => config.zoneout_c,
        };
        let hit = rng.chance(f64::from(p));
        match site {
            Site::ZoneoutH | Site::ZoneoutC => f64::from(u8::from(hit)),
            _ if hit => 0.0,
            _ => 1.0 / (1.0 - f64::from(p)),
        }
    }
}

fn worst(name: &str, got: &[Vec<f64>], expected: &[Vec<f64>], failures: &mut Vec<String>) -> f64 {
    let mut worst: f64 = 0.0;
    assert_eq!(got.len(), expected.len());
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.len(), expected.len());
        let scale = expected.iter().fold(1e-2, |scale: f64, value| scale.max(value.abs()));
        for (got, expected) in got.iter().zip(expected) {
            let error = (got - expected).abs() / scale;
            if error.is_nan() || error > TOLERANCE {
                failures.push(format!("{name}[{index}]: backward {got:e}, differences {expected:e}"));
            }
            worst = worst.max(error);
        }
    }
    worst
}

#[test]
fn reference_gradients_are_finite_differences() {
    let mut failures = Vec::new();
    let (mut cases, mut largest, mut redrawn) = (0, 0.0f64, 0);
    for seed in 0..120 {
        let mut rng = Rng::new(seed);
        let mut config = random_config(&mut rng, &[1, 2, 3, 4], 3);
        randomise(&mut rng, &mut config);
        let time = rng.below(5);
        let training = rng.chance(0.5);
        let evaluation = reference::evaluation(&config);
        let drawn = drawn(&config, seed);
        let masks: Masks<'_> = if training { &drawn } else { &evaluation };
        let mut point = Point::random(&mut rng, &config, time);
        // A difference across a kink is not a derivative.
        while Lstm::new(&config, &point.params).forward(&point.x, &point.first, masks).margin < 1e-3 {
            point = Point::random(&mut rng, &config, time);
            redrawn += 1;
        }
        let lstm = Lstm::new(&config, &point.params);
        let forward = lstm.forward(&point.x, &point.first, masks);
        let backward = lstm.backward(&forward, &point.dy, &point.dlast, masks);
        let mut found = Vec::new();
        let differences = point.differences(&config, masks, |point| &mut point.params);
        for ((name, _), (got, expected)) in
            reference::specs(&config).iter().zip(backward.params.iter().zip(&differences))
        {
            largest = largest.max(worst(name, std::slice::from_ref(got), std::slice::from_ref(expected), &mut found));
        }
        let differences = point.differences(&config, masks, |point| &mut point.x);
        largest = largest.max(worst("dx", &backward.dx, &differences, &mut found));
        let differences = point.differences(&config, masks, |point| &mut point.first.h);
        largest = largest.max(worst("dh0", &backward.first.h, &differences, &mut found));
        let differences = point.differences(&config, masks, |point| &mut point.first.c);
        largest = largest.max(worst("dc0", &backward.first.c, &differences, &mut found));
        if !found.is_empty() {
            failures.push(format!("seed {seed} T={time} training={training} {config:?}\n  {}", found.join("\n  ")));
        }
        cases += 1;
    }
    println!("largest difference {largest:.1e} of at most {TOLERANCE:e}; {redrawn} points redrawn near kinks");
    report("gradcheck of the reference", cases, &failures);
}
