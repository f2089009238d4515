//! The machine under the figures: what it is, what it was built and run with, and the most that it can do.

use crate::peak;
use rustlstm::simd;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const PEAK_TIME: Duration = Duration::from_millis(100);

pub fn describe() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split(':').nth(1)).map(|value| value.trim().to_string()).unwrap_or_default()
    };
    json!({
        "cpu": format!("{} (family {}, model {})", field("model name"), field("cpu family"), field("model")),
        "processors": thread::available_parallelism().map_or(1, usize::from),
        "level": simd::level().map_or("none", simd::Level::name),
        "date": said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "rustc": said("rustc", &["--version"]),
    })
}

/// What a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default()
}

/// The version of a crate in this build.
pub fn version(name: &str) -> &'static str {
    let locked = include_str!("../Cargo.lock");
    let start = format!("name = \"{name}\"\nversion = \"");
    locked.split(&start).nth(1).and_then(|rest| rest.split('"').next()).expect("the lock file names it")
}

/// GFLOP/s of all threads together: their best moments, and the whole time, which falls behind those when other
/// processes take their share.
pub fn peak(threads: usize) -> (f64, f64) {
    let level = simd::level().expect("a level");
    let start = Barrier::new(threads);
    let one = || {
        start.wait();
        let begin = Instant::now();
        let (mut best, mut blocks) = (0.0f64, 0.0);
        while begin.elapsed() < PEAK_TIME {
            let start = Instant::now();
            peak::run(level);
            best = best.max(1.0 / start.elapsed().as_secs_f64());
            blocks += 1.0;
        }
        let gigaflops = peak::flops(level) as f64 * 1e-9;
        (gigaflops * best, gigaflops * blocks / begin.elapsed().as_secs_f64())
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let rates = all.into_iter().map(|thread| thread.join().expect("it counts"));
        rates.fold((0.0, 0.0), |sum, rate| (sum.0 + rate.0, sum.1 + rate.1))
    })
}
