//! Every f32 there is through exp, the logistic function and tanh: the proof of the bounds in the code.
//!
//! Slow, so it is run by hand: `cargo test --release --test rust -- --ignored scan --nocapture --test-threads 1`.
//! The record of a run is benches/records/scan-activations.md.

use crate::activation::{fault, sigmoid64, ulps};
use rustlstm::kernels::activation::{Activation, Elementwise, Exp, map};
use rustlstm::kernels::activation::{MAX_ULP_EXP, MAX_ULP_SIGMOID, MAX_ULP_TANH};
use rustlstm::simd::Level;
use std::time::Instant;

/// The largest error over some inputs, where it is, how many inputs break a promise, and how often a result steps back.
#[derive(Clone, Copy, Default)]
struct Worst {
    ulps: f64,
    at: f32,
    faults: u64,
    back: u64,
}

/// All inputs whose high bits are `block`, in order.
fn block(level: Level, f: impl Elementwise, truth: fn(f64) -> f64, bound: f64, odd: bool, block: u32) -> Worst {
    const LOW: u32 = 16;
    let x: Vec<f32> = (0..1 << LOW).map(|low| f32::from_bits(block << LOW | low)).collect();
    let mut y = x.clone();
    map(level, f, &mut y);
    let mut mirrored = Vec::new();
    if odd {
        mirrored = x.iter().map(|x| -x).collect();
        map(level, f, &mut mirrored);
    }
    let mut worst = Worst::default();
    for (i, (&x, &y)) in x.iter().zip(&y).enumerate() {
        let exact = truth(f64::from(x));
        let asymmetric = odd && !x.is_nan() && (-mirrored[i]).to_bits() != y.to_bits();
        let outside = odd && y.abs() > 1.0;
        worst.faults += u64::from(fault(y, exact, bound).is_some() || asymmetric || outside);
        if exact.abs() >= f64::from(f32::MIN_POSITIVE) && y.is_finite() && exact.is_finite() {
            let distance = ulps(y, exact);
            if distance > worst.ulps {
                (worst.ulps, worst.at) = (distance, x);
            }
        }
    }
    // Within a block the sign is one, so the inputs go one way; a bound above half a unit lets results step back.
    let down = x[0].is_sign_negative();
    let back = |pair: &[f32]| if down { pair[1] > pair[0] } else { pair[1] < pair[0] };
    worst.back += y.windows(2).filter(|pair| back(pair)).count() as u64;
    worst
}

/// What `block` says of each block of inputs that share their high bits, summed up by `add`; shared out to threads.
fn all_blocks<T: Default + Send>(block: impl Fn(u32) -> T + Sync, add: impl Fn(T, T) -> T + Sync) -> T {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(16) as u32;
    std::thread::scope(|scope| {
        let part = |first: u32| (first..1 << 16).step_by(threads as usize).map(&block).fold(T::default(), &add);
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        parts.into_iter().map(|part| part.join().expect("no panic")).fold(T::default(), &add)
    })
}

fn scan(name: &str, f: impl Elementwise + Send + Sync, truth: fn(f64) -> f64, bound: f64, odd: bool) {
    let mut faults = 0;
    for level in Level::available() {
        let start = Instant::now();
        let worst = all_blocks(|number| block(level, f, truth, bound, odd, number), merge);
        println!(
            "{name:8} {:14} max {:.4} ulp at {:e} (bound {bound}), {} faults, {} steps back, {:.0} s",
            level.name(),
            worst.ulps,
            worst.at,
            worst.faults,
            worst.back,
            start.elapsed().as_secs_f64()
        );
        faults += worst.faults;
    }
    assert_eq!(faults, 0, "{name}: see the lines above");
}

fn merge(a: Worst, b: Worst) -> Worst {
    let larger = if b.ulps > a.ulps { b } else { a };
    Worst { faults: a.faults + b.faults, back: a.back + b.back, ..larger }
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn scan_exp() {
    scan("exp", Exp, f64::exp, MAX_ULP_EXP, false);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn scan_sigmoid() {
    scan("sigmoid", Activation::Sigmoid, sigmoid64, MAX_ULP_SIGMOID, false);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn scan_tanh() {
    scan("tanh", Activation::Tanh, f64::tanh, MAX_ULP_TANH, true);
}

/// Holds each further fused level of this CPU against the first one, on all inputs: they must give the same bits.
fn compare(name: &str, f: impl Elementwise + Send + Sync) {
    let fused: Vec<Level> = Level::available().into_iter().filter(|level| level.fused()).collect();
    let [first, others @ ..] = &fused[..] else { return println!("{name:8} skipped: this CPU has no fused level") };
    for other in others {
        let different = |block: u32| {
            let mut x: Vec<f32> = (0..1 << 16).map(|low: u32| f32::from_bits(block << 16 | low)).collect();
            let mut y = x.clone();
            map(*first, f, &mut x);
            map(*other, f, &mut y);
            let differ = |(x, y): &(&f32, &f32)| x.to_bits() != y.to_bits() && !(x.is_nan() && y.is_nan());
            x.iter().zip(&y).filter(differ).count()
        };
        let different = all_blocks(different, |a, b| a + b);
        println!("{name:8} {} and {}: {different} inputs give other bits", first.name(), other.name());
        assert_eq!(different, 0, "{name}: see the line above");
    }
    if others.is_empty() {
        println!("{name:8} skipped: this CPU has one fused level only, {}", first.name());
    }
}

#[test]
#[ignore = "seconds with --release, else a minute: all 2^32 inputs"]
fn scan_levels_agree() {
    compare("exp", Exp);
    compare("sigmoid", Activation::Sigmoid);
    compare("tanh", Activation::Tanh);
}
