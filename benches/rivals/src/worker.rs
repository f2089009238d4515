//! One contestant in a process of its own: a task per line from standard input, an answer per line to standard output.
//!
//! Results are compared with rustlstm's before anything is timed.

use crate::contestants::{Job, Mode, prepare};
use crate::layer::SHAPES;
use crate::numbers::Numbers;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// A sample is as many calls as take this long, so that the clock and one interruption do not decide.
const SAMPLE_SECONDS: f64 = 0.02;

/// The parent's end.
pub struct Worker {
    pub name: &'static str,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Worker {
    pub fn start(name: &'static str, threads: usize) -> io::Result<Worker> {
        let variables = ["RUSTLSTM_NUM_THREADS", "RAYON_NUM_THREADS", "MATMUL_NUM_THREADS"];
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--worker", name])
            .envs(variables.map(|variable| (variable, threads.to_string())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        Ok(Worker { name, process, to, from })
    }

    /// One task: times in seconds, or what is `wrong`.
    pub fn measure(&mut self, shape: &str, mode: Mode, seconds: f64, folder: &Path) -> io::Result<Value> {
        let task = json!({"shape": shape, "mode": mode.name(), "seconds": seconds, "folder": folder});
        writeln!(self.to, "{task}")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        serde_json::from_str(&line)
            .map_err(|_| io::Error::other(format!("{} gave no answer; what it printed above says why", self.name)))
    }

    pub fn close(self) -> io::Result<()> {
        let Worker { mut process, to, .. } = self;
        drop(to);
        process.wait().map(drop)
    }
}

/// The process's end.
pub fn serve(name: &str) -> io::Result<()> {
    for line in io::stdin().lines() {
        let task: Value = serde_json::from_str(&line?)?;
        let text = |key: &str| task[key].as_str().expect("a task has it");
        let shape = SHAPES.iter().find(|shape| shape.name == text("shape")).expect("one of the shapes");
        let mode = Mode::ALL.into_iter().find(|mode| mode.name() == text("mode")).expect("one of the modes");
        let numbers = Numbers::load(Path::new(text("folder")))?;
        let mut job = prepare(name, shape, mode, &numbers);
        job.run();
        let answer = match job.results().check(&numbers.expected) {
            Err(difference) => json!({"wrong": difference}),
            Ok(()) => {
                drop(numbers);
                time(&mut *job, task["seconds"].as_f64().expect("a number"))
            }
        };
        println!("{answer}");
    }
    Ok(())
}

/// Seconds per call: the best sample and the median of all, after a tenth of the time as a warm-up. A call that takes
/// longer than all that is made once for each.
fn time(job: &mut dyn Job, seconds: f64) -> Value {
    let start = Instant::now();
    let mut calls = 0;
    while calls == 0 || start.elapsed().as_secs_f64() < seconds / 10.0 {
        job.run();
        calls += 1;
    }
    let per_call = start.elapsed().as_secs_f64() / f64::from(calls);
    let calls = (SAMPLE_SECONDS / per_call).round().max(1.0) as u32;
    let mut samples = Vec::new();
    let begin = Instant::now();
    while samples.is_empty() || begin.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        (0..calls).for_each(|_| job.run());
        samples.push(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    samples.sort_by(f64::total_cmp);
    json!({"best": samples[0], "median": samples[samples.len() / 2], "samples": samples.len(), "calls": calls})
}
