//! Whether the layer still does its work in as many instructions as before, and the micro-kernel in registers.
//!
//! `cargo bench --bench instructions`, or `make bench-floor`. Unlike times, counts are the same on a busy machine: valgrind
//! counts what one call executes on one thread at level avx2, and more than a fiftieth above or below what is written down
//! in `records/instructions.txt` fails. Another compiler counts differently, so there the counts are only shown;
//! `cargo bench --bench instructions -- --record` writes them down.

#[path = "common/layer.rs"]
mod layer;
#[path = "common/loops.rs"]
mod loops;

use layer::{Case, SHAPES, Shape};
use rustlstm::simd::{LANES, Level};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;

const FORWARD: &str = "forward";
const TRAINING: &str = "forward+backward";
const STREAM: &str = "1000 steps of a stream";
/// The shapes, and how many steps of them: valgrind takes microseconds for a vector's multiply-add.
const STEPS: [(&str, usize); 3] = [("series", 20), ("charrnn", 2), ("odd", 20)];
const WORKS: [(&str, &str); 8] = [
    ("series", FORWARD),
    ("series", TRAINING),
    ("series", STREAM),
    ("charrnn", FORWARD),
    ("charrnn", TRAINING),
    ("odd", FORWARD),
    ("odd", TRAINING),
    ("odd", STREAM),
];

/// The part by which a count may differ from what is written down.
const TOLERANCE: f64 = 0.02;

/// Does `calls` calls: what valgrind runs.
fn work(name: &str, what: &str, calls: usize) {
    let (_, time) = STEPS.into_iter().find(|(known, _)| *known == name).expect("one of the shapes");
    let shape = SHAPES.into_iter().find(|shape| shape.name == name).expect("one of the shapes");
    let shape = Shape { time, ..shape };
    let mut case = Case::new(&shape);
    match what {
        FORWARD => (0..calls).for_each(|_| case.forward()),
        TRAINING => (0..calls).for_each(|_| case.forward_backward()),
        STREAM => {
            let mut stream = case.lstm.stream(Arc::new(case.packed), 1).expect("a stream");
            for step in 0..1000 * calls {
                let t = step % shape.time;
                stream.step(&case.x[t * shape.input..][..shape.input], &mut case.y[..shape.hidden]).expect("a step");
            }
        }
        _ => panic!("{what} is none of the works"),
    }
}

/// Instructions of one call: those of a process that makes two calls less those of a process that makes one.
fn count(name: &str, what: &str) -> u64 {
    let [one, two] = ["1", "2"].map(|calls| {
        let output = Command::new("valgrind")
            .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
            .arg(env::current_exe().expect("a path"))
            .args(["--work", name, what, calls])
            .envs([("RUSTLSTM_SIMD", "avx2"), ("RUSTLSTM_NUM_THREADS", "1")])
            .output()
            .expect("valgrind starts");
        let report = String::from_utf8_lossy(&output.stderr);
        // ==PID== I   refs:      1,234
        let figure = report.lines().find_map(|line| line.split_once("refs:"));
        let count = figure.and_then(|(_, digits)| digits.trim().replace(',', "").parse::<u64>().ok());
        count.filter(|_| output.status.success()).unwrap_or_else(|| panic!("{name}, {what}: no count in\n{report}"))
    });
    two - one
}

/// The compiler, as it names itself.
fn compiler() -> String {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_string());
    let output = Command::new(rustc).arg("--version").output().expect("rustc, which cargo has just used");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

fn record_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/records/instructions.txt")
}

/// The compiler and the counts that are written down.
fn recorded() -> (String, BTreeMap<String, u64>) {
    let text = fs::read_to_string(record_file()).unwrap_or_default();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let compiler = lines.next().unwrap_or_default().to_string();
    let counts = lines.filter_map(|line| line.split_once(": "));
    (compiler, counts.filter_map(|(what, count)| Some((what.to_string(), count.parse().ok()?))).collect())
}

/// Looks for spilled registers; whether there are none, or what hindered it.
fn registers() -> Result<bool, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("only the loops of x86-64 are known".to_string());
    }
    let mut all_good = true;
    for level in loops::LEVELS {
        let found = loops::stack_accesses(level)?;
        let spilled = found.iter().filter(|(_, accesses)| **accesses > 0);
        for ((rows, vectors), accesses) in spilled.clone() {
            let (level, columns) = (level.name(), vectors * LANES);
            println!(
                "**{rows} rows by {columns} columns spill** at {level}: {accesses} accesses to the stack in the loop."
            );
        }
        // The largest shape of each level.
        let largest = if level == Level::Avx2 { (6, 1) } else { (6, 4) };
        let missing = !found.contains_key(&largest);
        if missing {
            println!("**{} rows by {} columns are missing** at {}.", largest.0, largest.1 * LANES, level.name());
        }
        if spilled.count() == 0 && !missing {
            println!("The micro-kernel, in its {} shapes for {}, keeps to registers.", found.len(), level.name());
        } else {
            all_good = false;
        }
    }
    println!();
    Ok(all_good)
}

/// Counts everything; whether nothing went off, or what hindered it.
fn counts(record: bool) -> Result<bool, String> {
    if !Level::Avx2.is_available() {
        return Err("this CPU has no AVX2".to_string());
    }
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        return Err(format!("valgrind does not start ({error})"));
    }
    let (old_compiler, old) = recorded();
    let new_compiler = compiler();
    let judged = old_compiler == new_compiler && !record;
    let mut text =
        format!("# Instructions of one call, by `cargo bench --bench instructions -- --record`.\n{new_compiler}\n");
    let mut good = true;
    println!("| instructions of one call | counted | written down | |\n|---|---|---|---|");
    for (name, what) in WORKS {
        let key = format!("{name}, {what}");
        let count = count(name, what);
        text += &format!("{key}: {count}\n");
        let Some(&known) = old.get(&key) else {
            println!("| {key} | {count} | – | |");
            good &= !judged;
            continue;
        };
        let change = count as f64 / known as f64 - 1.0;
        let off = judged && change.abs() > TOLERANCE;
        good &= !off;
        let bold = if off { "**" } else { "" };
        println!("| {key} | {count} | {known} | {bold}{:+.1} %{bold} |", 100.0 * change);
    }
    if record {
        fs::write(record_file(), text).map_err(|error| format!("{}: {error}", record_file().display()))?;
    } else if !judged {
        println!(
            "\nNot judged: this is {new_compiler}, and the counts are of {old_compiler}. \
             `cargo bench --bench instructions -- --record` writes the new ones down."
        );
    }
    if !good {
        println!("\nIf that is meant, write the new counts down: cargo bench --bench instructions -- --record");
    }
    Ok(good)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--work", name, what, calls] => {
            work(name, what, calls.parse().expect("a number of calls"));
            return ExitCode::SUCCESS;
        }
        [] | ["--record"] => {}
        _ => panic!("the only option is --record"),
    }
    let checks = [("The micro-kernel", registers()), ("Instructions", counts(arguments == ["--record"]))];
    for (what, check) in &checks {
        if let Err(reason) = check {
            println!("\n{what}: not checked, {reason}.");
        }
    }
    if checks.iter().all(|(_, check)| !matches!(check, Ok(false))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
