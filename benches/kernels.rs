//! The kernels alone, on one core: products of the heights that batches have, activations, the gate stage.
//!
//! `cargo bench --bench kernels [-- FILTER]`. The first line, a chain of multiply-adds in registers, is the core's peak:
//! a product's share of it is what the machine allows. Products count two operations for each multiply-add.

#[path = "common/kernels.rs"]
mod operands;
#[path = "common/peak.rs"]
mod peak;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use operands::{GateStage, Product};
use rustlstm::kernels::activation::{self, Activation, Elementwise};
use rustlstm::kernels::cell::Cell;
use rustlstm::simd::{Level, level};
use std::time::Duration;

fn products(c: &mut Criterion, level: Level) {
    let mut group = c.benchmark_group(format!("product, {}", level.name()));
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    group.throughput(Throughput::Elements(peak::flops(level)));
    group.bench_function("peak", |b| b.iter(|| peak::run(level)));
    for hidden in [64, 128, 256, 512] {
        let weights = operands::weights(level, hidden);
        for rows in [1, 2, 4, 6, 8, 16, 25, 64] {
            let mut product = Product::new(level, rows, &weights);
            group.throughput(Throughput::Elements(product.flops()));
            let id = BenchmarkId::new(format!("H={hidden}"), format!("{rows} rows"));
            group.bench_function(id, |b| b.iter(|| product.run()));
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

fn gates(c: &mut Criterion, level: Level) {
    let mut group = c.benchmark_group(format!("gate stage, {}", level.name()));
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    for (name, cell) in [("plain", Cell::default()), ("coupled", Cell { coupled: true, ..Cell::default() })] {
        let mut stage = GateStage::new(level, cell);
        group.throughput(Throughput::Elements(GateStage::UNITS as u64));
        group.bench_function(name, |b| b.iter(|| stage.run()));
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
