//! The record of a run as text: where and how, then a table per mode.

use crate::contestants::{Mode, OURS};
use crate::layer::{SHAPES, Shape};
use serde_json::Value;
use std::fmt::Write;

/// The part of its peak that an idle machine keeps up over a run.
const UNDISTURBED: f64 = 0.9;

pub fn text(record: &Value) -> String {
    let (machine, peak) = (&record["machine"], &record["peak"]);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let versions: Vec<String> =
        record["versions"].as_object().into_iter().flatten().map(|(name, v)| format!("{name} {}", word(v))).collect();
    let mut text = format!(
        "{}, {} processors; FMA peak {:.0} GFLOP/s with {} threads (mean {:.0}, at the worst moment {:.0})\n\
         {}; {}; {} at {}; {}\n`{}`\n",
        word(&machine["cpu"]),
        machine["processors"],
        number(&peak["best"]),
        record["threads"],
        number(&peak["mean"]),
        number(&peak["least"]),
        word(&machine["date"]),
        versions.join(", "),
        OURS,
        word(&machine["level"]),
        word(&machine["rustc"]),
        word(&record["command"]),
    );
    if number(&peak["mean"]) < UNDISTURBED * number(&peak["best"]) {
        text += "**Disturbed**: other processes took their share of the machine; the figures are rough.\n";
    }
    for mode in Mode::ALL {
        text += &table(record, mode, number(&peak["best"]));
    }
    text
}

/// The best round's GFLOP/s.
fn speed(record: &Value, mode: Mode, shape: &Shape, contestant: &str) -> Option<f64> {
    let results = record["results"].as_array().into_iter().flatten();
    let wanted = results.filter(|result| {
        result["mode"] == mode.name() && result["shape"] == shape.name && result["contestant"] == contestant
    });
    let best = wanted.filter_map(|result| result["best"].as_f64()).min_by(f64::total_cmp)?;
    Some(mode.flops(shape) * 1e-9 / best)
}

fn table(record: &Value, mode: Mode, peak: f64) -> String {
    let names: Vec<&str> = record["contestants"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text =
        format!("\n{}, GFLOP/s\n\n| shape: L × I→H, B, T | {} | ratio | of peak |\n", mode.name(), names.join(" | "));
    text += &("|---".repeat(names.len() + 3) + "|\n");
    let (mut logarithms, mut least) = (Vec::new(), (f64::INFINITY, ""));
    for shape in &SHAPES {
        let speeds: Vec<Option<f64>> = names.iter().map(|name| speed(record, mode, shape, name)).collect();
        if speeds.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(text, "| {} ", described(shape));
        for speed in &speeds {
            text += &speed.map_or("| – ".to_string(), |speed| format!("| {speed:.*} ", usize::from(speed < 10.0)));
        }
        let (own, rivals) = speeds.split_first().expect("ours is among them");
        let best = rivals.iter().flatten().copied().max_by(f64::total_cmp);
        let ratio = own.zip(best).map(|(own, best)| own / best);
        if let Some(ratio) = ratio {
            logarithms.push(ratio.ln());
            if ratio < least.0 {
                least = (ratio, shape.name);
            }
        }
        let _ = writeln!(
            text,
            "| {} | {} |",
            ratio.map_or("–".to_string(), |ratio| format!("{ratio:.1}")),
            own.map_or("–".to_string(), |own| format!("{:.0}%", 100.0 * own / peak)),
        );
    }
    if !logarithms.is_empty() {
        let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        let (ratio, name) = least;
        let _ =
            write!(text, "\nratio (best rival's time / ours): geometric mean {mean:.1}, least {ratio:.1} ({name})\n");
    }
    text
}

fn described(shape: &Shape) -> String {
    let Shape { name, input, hidden, batch, time, .. } = shape;
    let stack = if shape.layers > 1 { format!("{} × ", shape.layers) } else { String::new() };
    let both = if shape.bidirectional { ", both directions" } else { "" };
    format!("{name}: {stack}{input}→{hidden}, {batch}, {time}{both}")
}
