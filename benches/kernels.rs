//! The kernels alone, on one core: products of the heights that batches have, activations, the gate stage.
//!
//! `cargo bench --bench kernels [-- FILTER]`. The first line, a chain of multiply-adds in registers, is the core's peak:
//! a product's share of it is what the machine allows. Products count two operations for each multiply-add.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rustlstm::kernels::activation::{self, Activation, Elementwise};
use rustlstm::kernels::cell::{self, Cell, Slots};
use rustlstm::kernels::gemm::multiply;
use rustlstm::kernels::gemm::pack::{Packed, panel};
use rustlstm::simd::{Kernel, LANES, Level, Simd, dispatch, level};
use rustlstm::view::Grid;
use std::hint::black_box;
use std::time::Duration;

struct Peak;

const PEAK_STEPS: usize = 10_000;
const PEAK_CHAINS: usize = 6;

impl Kernel for Peak {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.splat(0.0); PEAK_CHAINS];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = s.splat(black_box(i as f32));
        }
        let (factor, term) = (s.splat(black_box(0.999)), s.splat(black_box(0.001)));
        for _ in 0..PEAK_STEPS {
            for sum in &mut sums {
                *sum = s.fma(*sum, factor, term);
            }
        }
        let mut all = s.splat(0.0);
        for sum in sums {
            all = s.add(all, sum);
        }
        s.sum(all)
    }
}

/// A product as the recurrence asks for it: the four gates of sixteen units at a time.
struct Product<'a> {
    rows: usize,
    left: Grid<'a>,
    right: &'a Packed,
    init: Grid<'a>,
    out: Grid<'a>,
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for v in (0..self.right.vectors).step_by(4) {
            multiply(s, self.rows, self.right.depth, self.left, self.right.grid(), v..v + 4, self.init, self.out);
        }
    }
}

fn products(c: &mut Criterion, level: Level) {
    let mut group = c.benchmark_group(format!("product, {}", level.name()));
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    group.throughput(Throughput::Elements((PEAK_STEPS * PEAK_CHAINS * LANES * 2) as u64));
    group.bench_function("peak", |b| b.iter(|| dispatch(level, Peak)));
    for hidden in [64, 128, 256, 512] {
        for rows in [1, 2, 4, 6, 8, 16, 25, 64] {
            let weights = vec![0.5; hidden * 4 * hidden];
            let right = Packed::straight(level, &weights, hidden, 4 * hidden, Some);
            let (p, stride) = (panel(level), hidden + LANES);
            let (left, init) = (vec![0.25; rows * stride], vec![1.0; 4 * hidden]);
            let mut out = vec![0.0; rows * 4 * hidden];
            // SAFETY: one worker only.
            let (left, init, to) =
                unsafe { (Grid::read(&left, stride, p), Grid::read(&init, 0, p), Grid::new(&mut out, 4 * hidden, p)) };
            dispatch(level, Product { rows, left, right: &right, init, out: to });
            // SAFETY: the kernel has returned.
            let got = unsafe { to.slice(rows - 1, 4 * hidden) };
            assert!(got.iter().all(|&sum| sum == 1.0 + 0.125 * hidden as f32), "the product is right");
            group.throughput(Throughput::Elements((2 * rows * hidden * 4 * hidden) as u64));
            group.bench_function(BenchmarkId::new(format!("H={hidden}"), format!("{rows} rows")), |b| {
                b.iter(|| dispatch(level, Product { rows, left, right: &right, init, out: to }));
            });
        }
    }
    group.finish();
}

/// Holds a function against the truth and times it.
fn function<F: Elementwise>(c: &mut Criterion, level: Level, name: &str, function: F, truth: impl Fn(f64) -> f64) {
    let mut group = c.benchmark_group(format!("activation, {}", level.name()));
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    let x: Vec<f32> = (0..2048).map(|i| (i as f32 - 1024.0) / 256.0).collect();
    let mut y = x.clone();
    activation::map(level, function, &mut y);
    for (x, y) in x.iter().zip(&y) {
        let truth = truth(f64::from(*x));
        assert!((f64::from(*y) - truth).abs() <= 1e-6 * truth.abs().max(1e-3), "{name}({x}) = {y}");
    }
    group.throughput(Throughput::Elements(x.len() as u64));
    group.bench_function(name, |b| {
        b.iter(|| {
            y.copy_from_slice(&x);
            activation::map(level, function, &mut y);
        });
    });
    group.finish();
}

struct Gates<'a>(cell::Forward<'a>);

impl Kernel for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        cell::forward(s, &self.0);
    }
}

fn gates(c: &mut Criterion, level: Level) {
    let mut group = c.benchmark_group(format!("gate stage, {}", level.name()));
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    let (rows, units, p) = (16, 8, panel(level));
    for (name, cell) in [("plain", Cell::default()), ("coupled", Cell { coupled: true, ..Cell::default() })] {
        let z = vec![0.3; rows * units * 4 * LANES];
        let mut buffers = [0.0; 3].map(|x| vec![x; rows * units * LANES]);
        let [before, after, m] = &mut buffers;
        // SAFETY: one worker only.
        let (z, c_before, c_after, m) = unsafe {
            (
                Grid::read(&z, units * 4 * LANES, p),
                Grid::read(before, units * LANES, p),
                Grid::new(after, units * LANES, p),
                Grid::new(m, units * LANES, p),
            )
        };
        let slots = Slots { first: 0, rows, time: 0 };
        let run = || {
            let stage = cell::Forward {
                cell: &cell,
                slots,
                units: 0..units,
                z,
                peephole: None,
                c_before,
                c: c_after,
                m,
                gates: None,
                fresh: None,
                zoneout: None,
            };
            dispatch(level, Gates(stage));
        };
        run();
        let sigmoid = 1.0 / (1.0 + (-0.3f32).exp());
        let expected = sigmoid * (sigmoid * 0.3f32.tanh()).tanh();
        // SAFETY: the kernel has returned.
        let got = unsafe { m.slice(rows - 1, units * LANES) };
        assert!(got.iter().all(|m| (m - expected).abs() < 1e-6), "the gate stage is right");
        group.throughput(Throughput::Elements((rows * units * LANES) as u64));
        group.bench_function(name, |b| b.iter(run));
    }
    group.finish();
}

fn kernels(c: &mut Criterion) {
    let level = level().expect("RUSTLSTM_SIMD names a level of this machine");
    products(c, level);
    function(c, level, "exp", activation::Exp, f64::exp);
    function(c, level, "sigmoid", Activation::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
    function(c, level, "tanh", Activation::Tanh, f64::tanh);
    gates(c, level);
}

criterion_group!(benches, kernels);
criterion_main!(benches);
