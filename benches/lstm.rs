//! The layer on the fourteen shapes that the comparisons with other libraries use: forward, and forward with backward.
//!
//! `cargo bench --bench lstm [-- FILTER]`. Throughput is in floating-point operations: `8 T B H (I + H)` for each layer and
//! direction forward, twice that backward. Before a shape is timed, its first outputs are held against the equations.

#[path = "common/layer.rs"]
mod layer;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use layer::{Case, SHAPES};
use std::time::Duration;

fn shapes(c: &mut Criterion) {
    let level = rustlstm::simd::level().expect("RUSTLSTM_SIMD names a level of this machine").name();
    let mut group = c.benchmark_group(format!("lstm, {level}, {} threads", rustlstm::threads::num_threads()));
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for shape in &SHAPES {
        let mut case = Case::new(shape);
        group.throughput(Throughput::Elements(shape.flops()));
        group.bench_function(BenchmarkId::new("forward", shape.name), |b| b.iter(|| case.forward()));
        group.throughput(Throughput::Elements(3 * shape.flops()));
        group.bench_function(BenchmarkId::new("forward+backward", shape.name), |b| b.iter(|| case.forward_backward()));
    }
    group.finish();
}

criterion_group!(benches, shapes);
criterion_main!(benches);
