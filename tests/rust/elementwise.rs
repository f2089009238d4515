//! Functions of one number: against f64, by bits between levels and numbers of threads, and at the edges of the numbers.

use crate::activation::{fault, sigmoid64, spread, ulps};
use crate::support::bits;
use rustlstm::kernels::activation::{MAX_ULP_EXP, MAX_ULP_SIGMOID, MAX_ULP_TANH};
use rustlstm::kernels::elementwise::{Function, MAX_ULP_LOG, MAX_ULP_POWER, MAX_ULP_SOFTPLUS, apply};
use rustlstm::simd::Level;
use rustlstm::threads;

const EXPONENTS: [f64; 14] = [-7.0, -2.5, -2.0, -1.0, -0.5, -1.0 / 3.0, 0.0, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 2.7];

fn applied(level: Level, function: Function, x: &[f32]) -> Vec<f32> {
    let mut out = vec![7.0; x.len()];
    apply(level, function, x, &mut out);
    out
}

fn functions() -> Vec<Function> {
    let plain = [Function::Exp, Function::Log, Function::Tanh, Function::Sigmoid, Function::Softplus];
    plain.into_iter().chain(EXPONENTS.map(Function::Power)).collect()
}

fn truth(function: Function, x: f64) -> (f64, f64) {
    match function {
        Function::Exp => (x.exp(), MAX_ULP_EXP),
        Function::Log => (x.ln(), MAX_ULP_LOG),
        Function::Tanh => (x.tanh(), MAX_ULP_TANH),
        Function::Sigmoid => (sigmoid64(x), MAX_ULP_SIGMOID),
        Function::Softplus => (x.max(0.0) + (-x.abs()).exp().ln_1p(), MAX_ULP_SOFTPLUS),
        Function::Power(p) => {
            let exact = [-1.0, 0.0, 0.5, 1.0, 2.0].contains(&p);
            let bound = if exact { 0.5 } else { MAX_ULP_POWER };
            // A negative number has a power only where it is whole, infinity included.
            if x < 0.0 && p.fract() != 0.0 { (f64::NAN, bound) } else { (x.powf(p), bound) }
        }
    }
}

#[test]
fn each_function_keeps_its_bound_on_every_level() {
    let x = spread();
    for level in Level::available() {
        for function in functions() {
            let y = applied(level, function, &x);
            let mut worst = (0.0, 0.0);
            for (&x, &y) in x.iter().zip(&y) {
                let (exact, bound) = truth(function, f64::from(x));
                let fault = fault(y, exact, bound);
                assert!(fault.is_none(), "{function:?} at {}: {x:e} gave {y:e}, not {exact:e}", level.name());
                if exact.is_finite() && exact.abs() >= f64::from(f32::MIN_POSITIVE) && y.is_finite() {
                    worst = if ulps(y, exact) > worst.0 { (ulps(y, exact), x) } else { worst };
                }
            }
            println!("{function:?} {}: {:.3} ulp at {:e}", level.name(), worst.0, worst.1);
        }
    }
}

#[test]
fn the_special_values_are_exact() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let cases: [(Function, &[(f32, f32)]); 9] = [
        (Function::Log, &[(1.0, 0.0), (0.0, -inf), (-0.0, -inf), (-1.0, nan), (inf, inf), (-inf, nan), (nan, nan)]),
        (Function::Softplus, &[(100.0, 100.0), (-inf, 0.0), (inf, inf), (nan, nan), (3e38, 3e38)]),
        (Function::Power(0.0), &[(nan, 1.0), (0.0, 1.0), (-inf, 1.0)]),
        (Function::Power(-1.0), &[(0.0, inf), (-0.0, -inf), (4.0, 0.25), (-inf, -0.0)]),
        (Function::Power(-3.0), &[(0.0, inf), (-0.0, -inf), (2.0, 0.125), (-2.0, -0.125), (-inf, -0.0), (nan, nan)]),
        (Function::Power(4.0), &[(0.0, 0.0), (-0.0, 0.0), (-3.0, 81.0), (-inf, inf), (1e20, inf), (1e-20, 0.0)]),
        (Function::Power(5.0), &[(-0.0, -0.0), (-3.0, -243.0), (-inf, -inf), (1.0, 1.0), (-1.0, -1.0)]),
        (Function::Power(0.25), &[(0.0, 0.0), (-0.0, 0.0), (16.0, 2.0), (-16.0, nan), (inf, inf), (nan, nan)]),
        (Function::Power(1e9), &[(1.0, 1.0), (1.5, inf), (0.5, 0.0), (-1.5, inf)]),
    ];
    for level in Level::available() {
        for (function, pairs) in cases {
            for &(x, expected) in pairs {
                let y = applied(level, function, &[x])[0];
                let same = y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan();
                assert!(same, "{function:?} of {x} at {}: {y}, not {expected}", level.name());
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_level_threads_or_neighbours() {
    let x: Vec<f32> = (0..70_003).map(|i| (i as f32 - 30_000.0) / 1000.0).collect();
    for function in functions() {
        let mut fused: Option<Vec<f32>> = None;
        for level in Level::available() {
            threads::set_num_threads(1).expect("a number of threads");
            let y = applied(level, function, &x);
            for count in [2, 4] {
                threads::set_num_threads(count).expect("a number of threads");
                assert_eq!(bits(&applied(level, function, &x)), bits(&y), "{function:?}, {count} threads");
            }
            for part in [0..1, 5..22, 33_000..33_040] {
                let alone = applied(level, function, &x[part.clone()]);
                assert_eq!(bits(&alone), bits(&y[part]), "{function:?} at {}", level.name());
            }
            if level.fused() {
                let first = fused.get_or_insert_with(|| y.clone());
                assert_eq!(bits(first), bits(&y), "{function:?} at {}", level.name());
            }
        }
    }
}

#[test]
fn nothing_is_nothing() {
    for level in Level::available() {
        for function in functions() {
            assert!(applied(level, function, &[]).is_empty());
        }
    }
}
