//! rustlstm beside the LSTMs of candle-nn and burn, the Rust libraries, on the project's shapes: a table, and a record.
//!
//!     make rivals
//!     cd benches/rivals && cargo run --release -- --rounds 2 --shapes charrnn,tiny --rivals candle-nn --json record.json
//!
//! Every round starts each contestant in a process of its own and gives each shape to all of them in turn, so that drift of
//! the machine's speed hits all alike; the figure is the best of the rounds. A contestant whose results differ from
//! rustlstm's stops the run.

#[path = "../../common/layer.rs"]
mod layer;
#[path = "../../common/peak.rs"]
mod peak;

mod contestants;
mod machine;
mod numbers;
mod report;
mod worker;

use contestants::{Mode, NAMES, OURS};
use layer::{SHAPES, Shape};
use numbers::Numbers;
use serde_json::{Value, json};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process, thread};
use worker::Worker;

/// After a task threads may still be spinning; they sleep well within this.
const SETTLE: Duration = Duration::from_millis(100);

struct Options {
    rounds: usize,
    seconds: f64,
    threads: usize,
    shapes: Vec<&'static Shape>,
    modes: Vec<Mode>,
    contestants: Vec<&'static str>,
    json: Option<PathBuf>,
}

/// The command line.
fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        rounds: 3,
        seconds: 0.5,
        threads: 2,
        shapes: SHAPES.iter().collect(),
        modes: Mode::ALL.to_vec(),
        contestants: NAMES.to_vec(),
        json: None,
    };
    let mut arguments = env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} wants a value"))?;
        match option.as_str() {
            "--rounds" => options.rounds = value.parse()?,
            "--seconds" => options.seconds = value.parse()?,
            "--threads" => options.threads = value.parse()?,
            "--shapes" => options.shapes = chosen(&value, &SHAPES.each_ref(), |shape| shape.name)?,
            "--modes" => options.modes = chosen(&value, &Mode::ALL, |mode| mode.name())?,
            "--rivals" => {
                options.contestants = chosen(&value, &NAMES, |name| name)?;
                options.contestants.retain(|name| *name != OURS);
                options.contestants.insert(0, OURS);
            }
            "--json" => options.json = Some(value.into()),
            _ => return Err(format!("no such option: {option}; what there is stands in src/main.rs").into()),
        }
    }
    Ok(options)
}

/// Those of `all` that a list with commas names.
fn chosen<T: Copy>(list: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<Vec<T>, String> {
    let find = |wanted: &str| {
        let names = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
        all.iter().copied().find(|one| name(*one) == wanted).ok_or_else(|| format!("{wanted} is none of {}", names()))
    };
    list.split(',').map(find).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, name] = &arguments[..]
        && flag == "--worker"
    {
        return Ok(worker::serve(name)?);
    }
    let options = options()?;
    let folder = env::temp_dir().join(format!("rivals-{}", process::id()));
    let done = run(&options, &folder, &arguments);
    fs::remove_dir_all(&folder)?;
    let record = done?;
    println!("{}", report::text(&record));
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&record)? + "\n")?;
    }
    Ok(())
}

fn run(options: &Options, folder: &Path, arguments: &[String]) -> Result<Value, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for shape in &options.shapes {
        Numbers::draw(shape).save(&folder.join(shape.name))?;
    }
    let (mut results, mut peaks) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let start = |name: &&'static str| Worker::start(name, options.threads);
        let mut workers: Vec<Worker> = options.contestants.iter().map(start).collect::<Result<_, _>>()?;
        for (place, shape) in options.shapes.iter().enumerate() {
            for &mode in &options.modes {
                peaks.push(machine::peak(options.threads));
                // Another one begins each time, so that nobody always runs on the machine that someone else has warmed.
                let count = workers.len();
                for i in 0..count {
                    let worker = &mut workers[(round + place + i) % count];
                    thread::sleep(SETTLE);
                    let answer = worker.measure(shape.name, mode, options.seconds, &folder.join(shape.name))?;
                    if let Some(difference) = answer["wrong"].as_str() {
                        return Err(format!("{}, {}, {}: {difference}", worker.name, shape.name, mode.name()).into());
                    }
                    let mut result = json!({
                        "round": round, "shape": shape.name, "mode": mode.name(), "contestant": worker.name,
                    });
                    let fields = result.as_object_mut().expect("an object");
                    fields.extend(answer.as_object().into_iter().flatten().map(|(key, v)| (key.clone(), v.clone())));
                    results.push(result);
                }
                eprintln!("round {}/{}: {}, {}", round + 1, options.rounds, shape.name, mode.name());
            }
        }
        workers.into_iter().try_for_each(Worker::close)?;
    }
    let command = format!("cargo run --release -- {}", arguments.join(" "));
    let mean = peaks.iter().map(|peak| peak.1).sum::<f64>() / peaks.len() as f64;
    Ok(json!({
        "machine": machine::describe(),
        "command": command,
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "contestants": options.contestants,
        "versions": {
            "rustlstm": machine::version("rustlstm"),
            "candle-nn": machine::version("candle-nn"),
            "burn": machine::version("burn"),
        },
        "peak": {
            "best": peaks.iter().map(|peak| peak.0).fold(0.0, f64::max),
            "mean": mean,
            "least": peaks.iter().map(|peak| peak.1).fold(f64::INFINITY, f64::min),
        },
        "results": results,
    }))
}
