//! Activations, reductions and softmax: against f64, by bits between the levels, and at the edges of the numbers.

use proptest::prelude::*;
use rustlstm::kernels::activation::{Activation, Elementwise, Exp, Slope, exp, ln, map};
use rustlstm::kernels::activation::{MAX_ULP_EXP, MAX_ULP_SIGMOID, MAX_ULP_TANH};
use rustlstm::kernels::{reduce, softmax};
use rustlstm::simd::{Kernel, LANES, Level, Simd};

/// The distance from the truth in units of its last place as f32.
pub fn ulps(got: f32, truth: f64) -> f64 {
    let exponent = ((truth.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(-126);
    (f64::from(got) - truth).abs() / 2f64.powi(exponent - 23)
}

/// The logistic function.
pub fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn mapped(level: Level, f: impl Elementwise, x: &[f32]) -> Vec<f32> {
    let mut data = x.to_vec();
    map(level, f, &mut data);
    data
}

fn one(level: Level, f: impl Elementwise, x: f32) -> f32 {
    mapped(level, f, &[x])[0]
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() }).collect()
}

/// Numbers of every binade and sign, the special ones, and where the formulas change.
pub fn spread() -> Vec<f32> {
    let mut all: Vec<f32> = (0..=u32::MAX).step_by(65_537).map(f32::from_bits).collect();
    let edges = [0.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX, f32::INFINITY, 0.17328, 9.5, 17.33, 87.8, 88.8];
    all.extend(edges.iter().flat_map(|x| [*x, -*x, x.next_up(), -x.next_up(), x.next_down(), -x.next_down()]));
    all
}

/// The largest number that is rounded to a finite f32.
pub const OVERFLOW: f64 = f32::MAX as f64 * (1.0 + 1.0 / (1u64 << 25) as f64);

/// Why `got` is not the f32 of `truth` to within `bound` units, if it is not.
pub fn fault(got: f32, truth: f64, bound: f64) -> Option<f64> {
    if truth.is_nan() {
        (!got.is_nan()).then_some(f64::INFINITY)
    } else if truth.abs() >= OVERFLOW {
        (f64::from(got) != f64::INFINITY.copysign(truth)).then_some(f64::INFINITY)
    } else if truth.abs() < f64::from(f32::MIN_POSITIVE) {
        // A denormal may be flushed, but not made anything else.
        (got.is_nan() || got != 0.0 && ulps(got, truth) > 1.0 + bound).then_some(f64::INFINITY)
    } else {
        let distance = ulps(got, truth);
        (distance.is_nan() || distance > bound).then_some(distance)
    }
}

#[test]
fn each_function_keeps_its_bound_on_every_level() {
    let x = spread();
    let check = |name: &str, level: Level, y: &[f32], truth: &dyn Fn(f64) -> f64, bound: f64| {
        let worst = x.iter().zip(y).filter_map(|(x, y)| Some((fault(*y, truth(f64::from(*x)), bound)?, *x, *y)));
        let worst = worst.max_by(|a, b| a.0.total_cmp(&b.0));
        assert!(worst.is_none(), "{name} at {}: (units, x, y) = {worst:?}, bound {bound}", level.name());
    };
    for level in Level::available() {
        check("exp", level, &mapped(level, Exp, &x), &f64::exp, MAX_ULP_EXP);
        check("sigmoid", level, &mapped(level, Activation::Sigmoid, &x), &sigmoid64, MAX_ULP_SIGMOID);
        check("tanh", level, &mapped(level, Activation::Tanh, &x), &f64::tanh, MAX_ULP_TANH);
        let hard = |x: f64| (0.2 * x + 0.5).clamp(0.0, 1.0);
        for (x, y) in x.iter().zip(mapped(level, Activation::HardSigmoid, &x)) {
            // 0.2 itself is rounded, and near the foot of the ramp everything cancels: an absolute bound.
            let truth = hard(f64::from(*x));
            assert!((f64::from(y) - truth).abs() <= 1e-7 || (truth.is_nan() && y.is_nan()), "hard sigmoid {x} {y}");
        }
        let soft = |x: f64| if x.is_infinite() { x.signum() } else { x / (1.0 + x.abs()) };
        check("softsign", level, &mapped(level, Activation::Softsign, &x), &soft, 1.5);
        let relu = |x: f64| if x < 0.0 { 0.0 } else { x };
        check("relu", level, &mapped(level, Activation::Relu, &x), &relu, 0.0);
        check("identity", level, &mapped(level, Activation::Identity, &x), &|x| x, 0.0);
    }
}

/// What a fused level is, in plain Rust: slow, obvious, and there on every machine.
#[derive(Clone, Copy)]
struct Fused;

fn each(f: impl Fn(usize) -> f32) -> [f32; LANES] {
    std::array::from_fn(f)
}

impl Simd for Fused {
    type V = [f32; LANES];
    type Whole = ();
    type Pairs = ();
    const LEVEL: Level = Level::Avx2;
    const PANEL: usize = 16;
    const TILE_VECTORS: [usize; 6] = [1; 6];

    fn outlined<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    unsafe fn load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller vouches for sixteen floats.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }
    unsafe fn load_halves(self, _from: *const u16) -> Self::V {
        unreachable!("activations are of f32")
    }
    unsafe fn load_pairs(self, _from: *const i8) {
        unreachable!("activations are of f32")
    }
    fn no_whole(self) {}
    fn add_pairs(self, (): (), _by: [i16; 2], (): ()) {}
    fn to_floats(self, (): ()) -> Self::V {
        unreachable!("activations are of f32")
    }
    unsafe fn store(self, to: *mut f32, v: Self::V) {
        // SAFETY: the caller vouches for sixteen floats.
        unsafe { to.cast::<Self::V>().write_unaligned(v) };
    }
    fn prefetch(self, _at: *const f32) {}
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] + b[i])
    }
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] - b[i])
    }
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] * b[i])
    }
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] / b[i])
    }
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        each(|i| a[i].mul_add(b[i], c[i]))
    }
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        each(|i| (-a[i]).mul_add(b[i], c[i]))
    }
    fn sqrt(self, a: Self::V) -> Self::V {
        each(|i| a[i].sqrt())
    }
    fn abs(self, a: Self::V) -> Self::V {
        each(|i| a[i].abs())
    }
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    fn select_lt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        each(|i| if a[i] < b[i] { yes[i] } else { no[i] })
    }
    fn shift_to_exponent(self, a: Self::V) -> Self::V {
        each(|i| f32::from_bits(a[i].to_bits() << 23))
    }
}

#[test]
fn every_fused_level_gives_the_bits_of_the_plain_model() {
    let x = spread();
    let model = |f: &dyn Fn([f32; LANES]) -> [f32; LANES], x: &[f32]| {
        let whole = x.chunks(LANES).flat_map(|part| f(Fused.load_slice(part)));
        whole.take(x.len()).collect::<Vec<f32>>()
    };
    for level in Level::available().into_iter().filter(|level| level.fused()) {
        let same = |name: &str, got: &[f32], expected: &[f32]| {
            assert!(bits(got) == bits(expected), "{name} at {}", level.name());
        };
        same("exp", &mapped(level, Exp, &x), &model(&|x| exp(Fused, x), &x));
        for activation in Activation::ALL {
            let y = mapped(level, activation, &x);
            same(activation.name(), &y, &model(&|x| activation.apply(Fused, x), &x));
            same("slope", &mapped(level, Slope(activation), &y), &model(&|y| activation.slope(Fused, y), &y));
        }
        let y: Vec<f32> = (0..1003).map(|i| (i as f32 * 0.37).sin() * 9.0).collect();
        for n in [1, 3, 16, 33, 1003] {
            let (y, z) = (&y[..n], &y[1003 - n..]);
            let (mean, variance) = reduce::mean_variance(level, y);
            let (model_mean, model_variance) = reduce::mean_variance_lanes(Fused, y);
            let (mut p, mut logs, mut sum) = (y.to_vec(), y.to_vec(), [0.0]);
            let (mut model_p, mut model_logs) = (y.to_vec(), y.to_vec());
            softmax::softmax(level, &mut p, n);
            softmax::softmax_lanes(Fused, &mut model_p);
            softmax::log_softmax(level, &mut logs, n);
            softmax::log_softmax_lanes(Fused, &mut model_logs);
            softmax::log_sum_exp(level, y, n, &mut sum);
            same("softmax", &p, &model_p);
            same("log softmax", &logs, &model_logs);
            let pairs = [
                (reduce::sum(level, y), reduce::sum_lanes(Fused, y)),
                (reduce::sum_squares(level, y), reduce::sum_squares_lanes(Fused, y)),
                (reduce::dot(level, y, z), reduce::dot_lanes(Fused, y, z)),
                (reduce::max_number(level, y), reduce::max_number_lanes(Fused, y)),
                (mean, model_mean),
                (variance, model_variance),
                (sum[0], softmax::log_sum_exp_lanes(Fused, y)),
            ];
            for (i, (got, expected)) in pairs.into_iter().enumerate() {
                same(&format!("reduction {i} of {n}"), &[got], &[expected]);
            }
        }
    }
}

/// A name, a function, and what it gives where.
type Case<'a> = (&'a str, &'a dyn Fn(f32) -> f32, &'a [(f32, f32)]);

#[test]
fn the_special_values_are_exact() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for level in Level::available() {
        let table: [Case; 7] = [
            ("exp", &|x| one(level, Exp, x), &[(0.0, 1.0), (-0.0, 1.0), (inf, inf), (-inf, 0.0), (nan, nan)]),
            (
                "sigmoid",
                &|x| one(level, Activation::Sigmoid, x),
                &[(0.0, 0.5), (-0.0, 0.5), (inf, 1.0), (-inf, 0.0), (1e30, 1.0), (-1e30, 0.0), (nan, nan)],
            ),
            (
                "tanh",
                &|x| one(level, Activation::Tanh, x),
                &[(0.0, 0.0), (-0.0, -0.0), (inf, 1.0), (-inf, -1.0), (9.1, 1.0), (-9.1, -1.0), (nan, nan)],
            ),
            (
                "hard sigmoid",
                &|x| one(level, Activation::HardSigmoid, x),
                &[(0.0, 0.5), (2.5, 1.0), (-2.5, 0.0), (inf, 1.0), (-inf, 0.0), (nan, nan)],
            ),
            (
                "relu",
                &|x| one(level, Activation::Relu, x),
                &[(2.0, 2.0), (-2.0, 0.0), (inf, inf), (-inf, 0.0), (nan, nan)],
            ),
            (
                "softsign",
                &|x| one(level, Activation::Softsign, x),
                &[(0.0, 0.0), (1.0, 0.5), (-1.0, -0.5), (inf, 1.0), (-inf, -1.0), (nan, nan)],
            ),
            ("identity", &|x| one(level, Activation::Identity, x), &[(3.0, 3.0), (-inf, -inf), (nan, nan)]),
        ];
        for (name, f, cases) in table {
            for (x, expected) in cases {
                assert_eq!(bits(&[f(*x)]), bits(&[*expected]), "{name}({x}) at {}", level.name());
            }
        }
    }
}

#[test]
fn tanh_is_odd_and_bounded_and_tiny_numbers_are_their_own() {
    let x = spread();
    let minus: Vec<f32> = x.iter().map(|x| -x).collect();
    for level in Level::available() {
        let (plus, minus) = (mapped(level, Activation::Tanh, &x), mapped(level, Activation::Tanh, &minus));
        for ((x, a), b) in x.iter().zip(plus).zip(minus).filter(|((x, _), _)| !x.is_nan()) {
            assert_eq!(a.to_bits(), (-b).to_bits(), "{x} at {}", level.name());
            assert!(a.abs() <= 1.0, "{x} gave {a}");
            assert!(x.abs() > 1e-5 || a.to_bits() == x.to_bits(), "{x} gave {a}");
        }
    }
}

#[test]
fn slopes_are_the_derivatives() {
    // Away from the corners of the piecewise ones.
    let x: Vec<f32> = (0..97).map(|i| (i as f32 - 48.3) * 0.1).collect();
    let exact = |activation: Activation, x: f64| match activation {
        Activation::Tanh => 1.0 - x.tanh() * x.tanh(),
        Activation::Sigmoid => sigmoid64(x) * sigmoid64(-x),
        Activation::HardSigmoid => f64::from(u8::from(x.abs() < 2.5)) * 0.2,
        Activation::Relu => f64::from(u8::from(x > 0.0)),
        Activation::Softsign => (1.0 + x.abs()).powi(-2),
        Activation::Identity => 1.0,
    };
    for level in Level::available() {
        for activation in Activation::ALL {
            let y = mapped(level, activation, &x);
            for (x, slope) in x.iter().zip(mapped(level, Slope(activation), &y)) {
                let truth = exact(activation, f64::from(*x));
                assert!((f64::from(slope) - truth).abs() < 5e-7, "{} at {x}: {slope}, {truth}", activation.name());
            }
            let of_nan = one(level, Slope(activation), f32::NAN);
            assert!(of_nan.is_nan() || activation == Activation::Identity, "{}", activation.name());
        }
        for (y, expected) in [(0.0, 0.0), (1.0, 0.0), (0.5, 0.2)] {
            assert_eq!(one(level, Slope(Activation::HardSigmoid), y), expected);
        }
        assert_eq!(one(level, Slope(Activation::Relu), 0.0), 0.0);
    }
}

#[test]
fn names_are_read_back() {
    for activation in Activation::ALL {
        assert_eq!(activation.name().parse::<Activation>(), Ok(activation));
    }
    let message = "swish".parse::<Activation>().unwrap_err().to_string();
    assert!(message.contains("\"swish\"") && message.contains("hard_sigmoid"), "{message}");
}

#[test]
fn the_logarithm_keeps_its_bound() {
    for x in spread().into_iter().filter(|x| *x > 0.0 && x.is_finite()) {
        assert!(ulps(ln(x), f64::from(x).ln()) <= 0.51, "{x}: {} {}", ln(x), f64::from(x).ln());
    }
    let specials = [(0.0, f32::NEG_INFINITY), (1.0, 0.0), (f32::INFINITY, f32::INFINITY), (-1.0, f32::NAN)];
    for (x, expected) in specials {
        assert_eq!(bits(&[ln(x)]), bits(&[expected]), "{x}");
    }
}

/// Sixteen running sums, then halves onto halves: what the reductions promise, in plain Rust.
fn lanes_sum(terms: impl Iterator<Item = f32>) -> f32 {
    let mut lanes = [0.0f32; 16];
    terms.enumerate().for_each(|(i, term)| lanes[i % 16] += term);
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

fn numbers(most: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-30.0f32..30.0, 0..most)
}

proptest! {
    #[test]
    fn reductions_agree_with_f64(x in numbers(200), scale in 0.01f32..10.0) {
        let y: Vec<f32> = x.iter().rev().map(|v| v * scale).collect();
        let wide = |x: &[f32]| x.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let (x64, y64) = (wide(&x), wide(&y));
        let n = x.len() as f64;
        for level in Level::available() {
            let near = |got: f32, truth: f64, size: f64| (f64::from(got) - truth).abs() <= 1e-6 * size + 1e-30;
            let size: f64 = x64.iter().map(|v| v.abs()).sum();
            prop_assert!(near(reduce::sum(level, &x), x64.iter().sum(), size));
            prop_assert_eq!(reduce::sum(level, &x).to_bits(), lanes_sum(x.iter().copied()).to_bits());
            let squares: f64 = x64.iter().map(|v| v * v).sum();
            prop_assert!(near(reduce::sum_squares(level, &x), squares, squares));
            let products: Vec<f64> = x64.iter().zip(&y64).map(|(a, b)| a * b).collect();
            let size = products.iter().map(|v| v.abs()).sum();
            prop_assert!(near(reduce::dot(level, &x, &y), products.iter().sum(), size));
            if x.is_empty() {
                prop_assert_eq!(reduce::argmax(level, &x), None);
                prop_assert_eq!(reduce::max(level, &x), f32::NEG_INFINITY);
                prop_assert!(reduce::mean_variance(level, &x).0.is_nan());
                continue;
            }
            let place = (0..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best });
            prop_assert_eq!(reduce::argmax(level, &x), Some(place));
            prop_assert_eq!(reduce::max(level, &x), x[place]);
            let (mean, variance) = reduce::mean_variance(level, &x);
            let mean64 = x64.iter().sum::<f64>() / n;
            let variance64 = x64.iter().map(|v| (v - mean64).powi(2)).sum::<f64>() / n;
            prop_assert!(near(mean, mean64, 30.0), "{} {}", mean, mean64);
            prop_assert!(near(variance, variance64, variance64 + 1e-3), "{} {}", variance, variance64);
        }
    }

    #[test]
    fn one_bad_number_is_noticed_wherever_it_is(x in prop::collection::vec(-1e38f32..1e38, 1..70), at: prop::sample::Index) {
        for level in Level::available() {
            prop_assert!(reduce::all_finite(level, &x) && !reduce::any_nan(level, &x));
            let place = at.index(x.len());
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut y = x.clone();
                y[place] = bad;
                prop_assert!(!reduce::all_finite(level, &y));
                prop_assert_eq!(reduce::any_nan(level, &y), bad.is_nan());
                if bad != f32::NEG_INFINITY {
                    prop_assert_eq!(reduce::argmax(level, &y), Some(place));
                    prop_assert_eq!(bits(&[reduce::max(level, &y)]), bits(&[bad]));
                }
            }
        }
    }

    #[test]
    fn softmax_agrees_with_f64_and_rows_stand_alone(x in prop::collection::vec(-60.0f32..60.0, 1..300), width in 1usize..70) {
        let x = &x[..x.len() / width * width];
        for level in Level::available() {
            let (mut p, mut logs, mut sums) = (x.to_vec(), x.to_vec(), vec![0.0; x.len() / width]);
            softmax::softmax(level, &mut p, width);
            softmax::log_softmax(level, &mut logs, width);
            softmax::log_sum_exp(level, x, width, &mut sums);
            for (row, sum) in sums.iter().enumerate() {
                let part = row * width..(row + 1) * width;
                let powers: Vec<f64> = x[part.clone()].iter().map(|v| f64::from(*v).exp()).collect();
                let total: f64 = powers.iter().sum();
                prop_assert!((f64::from(*sum) - total.ln()).abs() <= 4e-6 + 1e-7 * total.ln().abs());
                for i in 0..width {
                    let truth = powers[i] / total;
                    let (got, log) = (f64::from(p[part.start + i]), f64::from(logs[part.start + i]));
                    // Taking the maximum away rounds once, and the power makes that a relative error.
                    let bound = 5e-7 + 6e-8 * truth.ln().abs();
                    prop_assert!((got - truth).abs() <= bound * truth + 1.2e-38, "{} {}", got, truth);
                    prop_assert!((log - truth.ln()).abs() <= 1e-6 + 2e-7 * truth.ln().abs(), "{} {}", log, truth.ln());
                }
                let mut alone = x[part.clone()].to_vec();
                softmax::softmax(level, &mut alone, width);
                prop_assert_eq!(bits(&alone), bits(&p[part]));
            }
        }
    }
}

#[test]
fn softmax_at_the_ends_of_the_numbers() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for level in Level::available() {
        for width in [3, 19] {
            // One row per case: what stands first in it, over zeros; masked numbers elsewhere would change nothing.
            let cases = [[0.0, 0.0], [nan, 0.0], [inf, 0.0], [-inf, -inf], [1e38, -1e38], [nan, inf]];
            let mut data = Vec::new();
            for case in &cases {
                let mut row = vec![if *case == [-inf, -inf] { -inf } else { 0.0 }; width];
                row[0] = case[0];
                row[width - 1] = case[1];
                data.extend(row);
            }
            let (mut p, mut logs, mut sums) = (data.clone(), data.clone(), vec![0.0; cases.len()]);
            softmax::softmax(level, &mut p, width);
            softmax::log_softmax(level, &mut logs, width);
            softmax::log_sum_exp(level, &data, width, &mut sums);
            for (row, case) in cases.iter().enumerate() {
                let (p, logs) = (&p[row * width..][..width], &logs[row * width..][..width]);
                match row {
                    0 => assert!(p.iter().all(|v| ulps(*v, 1.0 / width as f64) <= 2.0), "{p:?}"),
                    4 => assert!(p[0] == 1.0 && p[width - 1] == 0.0 && logs[0] == 0.0 && logs[1] == -1e38, "{logs:?}"),
                    _ => assert!(p.iter().chain(logs).all(|v| v.is_nan()), "{case:?}: {p:?} {logs:?}"),
                }
            }
            assert_eq!(bits(&sums[1..]), bits(&[nan, inf, -inf, 1e38, nan]), "{sums:?}");

            let mut masked = vec![-inf; width];
            masked[1] = 2.0;
            let mut logs = masked.clone();
            softmax::softmax(level, &mut masked, width);
            softmax::log_softmax(level, &mut logs, width);
            for i in 0..width {
                let expected = if i == 1 { (1.0, 0.0) } else { (0.0, -inf) };
                assert_eq!((masked[i], logs[i]), expected);
            }
        }
        softmax::softmax(level, &mut [], 0);
    }
}
