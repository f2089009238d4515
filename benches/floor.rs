//! Whether the kernels are as near to the machine's limits as they have been: a guard against register spills and worse.
//!
//! `cargo bench --bench floor`, or `make bench-floor`, which counts instructions too. One core, every level that the machine
//! has but scalar. Limits and kernels take turns in samples of a tenth of a millisecond, and each is judged by its best
//! one, so that what other processes take hits less. A share below its floor gets more time; if that does not help, its
//! line is marked and the exit status is 1.

#[path = "common/kernels.rs"]
mod operands;
#[path = "common/peak.rs"]
mod peak;

use operands::{GateStage, Product};
use rustlstm::kernels::cell::Cell;
use rustlstm::simd::{Kernel, LANES, Level, Simd, dispatch};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const ROWS: [usize; 6] = [1, 6, 8, 16, 25, 64];
const HIDDEN: [usize; 3] = [128, 256, 512];

/// What a level must reach.
struct Floors {
    /// Percent of the peak, for each of `HIDDEN`.
    products: [u32; 3],
    /// The same for products of a single row, of the speed at which their weights can be read.
    single: u32,
    /// Cycles per unit that the gate stage may take.
    gates: f64,
}

fn floors(level: Level) -> Option<Floors> {
    match level {
        // Zen 3 reaches 87–94 % with several rows, 79 % and more with one, and 6.3 cycles, on a busy day too. A spilled
        // register leaves 35–45 % of the peak. H=512 streams its weights from a cache that other guests use as well.
        Level::Avx2 => Some(Floors { products: [75, 75, 70], single: 60, gates: 8.0 }),
        // Zen 4 reaches 93–98 % with several rows, 84 % and more with one, and 2.1 cycles, which are 4.2 of its own: it has one
        // such unit where these are counted with two.
        Level::Avx512 => Some(Floors { products: [75, 75, 70], single: 60, gates: 5.0 }),
        // Nobody has measured these.
        _ => None,
    }
}

/// Time for each level, and what it may take where a share is too low.
const SECONDS: Duration = Duration::from_secs(4);
const MORE_SECONDS: Duration = Duration::from_secs(30);
const SAMPLE: Duration = Duration::from_micros(100);

/// Something that is timed in turn with others.
struct Timed {
    run: Box<dyn FnMut()>,
    calls: u32,
    best: f64,
    sum: f64,
    samples: u32,
}

impl Timed {
    fn new(mut run: Box<dyn FnMut()>) -> Timed {
        run();
        let start = Instant::now();
        run();
        let calls = SAMPLE.as_nanos() / start.elapsed().as_nanos().max(1);
        Timed { run, calls: calls.max(1) as u32, best: f64::INFINITY, sum: 0.0, samples: 0 }
    }

    fn sample(&mut self) {
        // The others have filled the caches with theirs.
        (self.run)();
        let start = Instant::now();
        for _ in 0..self.calls {
            (self.run)();
        }
        let seconds = start.elapsed().as_secs_f64() / f64::from(self.calls);
        self.best = self.best.min(seconds);
        self.sum += seconds;
        self.samples += 1;
    }
}

/// The sum of some memory, as fast as it can be read, which is without asking for it ahead.
struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.splat(0.0); 4];
        for part in self.0.chunks_exact(4 * LANES) {
            for (sum, vector) in sums.iter_mut().zip(part.chunks_exact(LANES)) {
                *sum = s.add(*sum, s.load_slice(vector));
            }
        }
        let [a, b, c, d] = sums;
        s.sum(s.add(s.add(a, b), s.add(c, d)))
    }
}

/// A limit of the machine or a kernel, by the work that one call does.
struct Line {
    what: String,
    timed: Timed,
    work: f64,
    goal: Goal,
}

enum Goal {
    /// It is itself what others are held against.
    Limit,
    /// At least so many percent of the line with this index.
    Share(usize, u32),
    /// At most so many cycles for a unit of work, where the line with this index does so much in a cycle.
    Cycles(usize, f64, f64),
}

impl Line {
    fn rate(&self) -> f64 {
        self.work / self.timed.best
    }

    /// What was reached, what must be, and whether it is.
    fn judged(&self, all: &[Line]) -> Option<(String, String, bool)> {
        match self.goal {
            Goal::Limit => None,
            Goal::Share(of, floor) => {
                let share = 100.0 * self.rate() / all[of].rate();
                Some((format!("{share:.0} %"), format!("{floor} %"), share >= f64::from(floor)))
            }
            Goal::Cycles(of, per_cycle, ceiling) => {
                let cycles = all[of].rate() / per_cycle / self.rate();
                Some((format!("{cycles:.1} cycles"), format!("{ceiling:.1} cycles"), cycles <= ceiling))
            }
        }
    }
}

/// Multiplies and adds of a cycle, with two units as wide as a register.
fn per_cycle(level: Level) -> f64 {
    match level {
        Level::Avx512 => 64.0,
        _ => 32.0,
    }
}

fn lines(level: Level) -> Vec<Line> {
    // Without floors everything is shown and nothing judged.
    let floors = floors(level).unwrap_or(Floors { products: [0; 3], single: 0, gates: f64::INFINITY });
    let mut lines = Vec::new();
    let mut add = |what: String, work: f64, goal: Goal, run: Box<dyn FnMut()>| {
        lines.push(Line { what, timed: Timed::new(run), work, goal });
        lines.len() - 1
    };
    let multiply_adds = peak::flops(level) as f64;
    add("multiply-adds".to_string(), multiply_adds, Goal::Limit, Box::new(move || peak::run(level)));
    for (h, hidden) in HIDDEN.into_iter().enumerate() {
        let weights = operands::weights(level, hidden);
        let bytes = 4.0 * (hidden * 4 * hidden) as f64;
        let read = weights.clone();
        let read = move || {
            // SAFETY: nobody writes weights.
            let all = unsafe { read.grid().slice(0, hidden * 4 * hidden) };
            black_box(dispatch(level, Read(all)));
        };
        let limit = add(format!("reading {:.0} KB", bytes / 1024.0), bytes, Goal::Limit, Box::new(read));
        for rows in ROWS {
            let mut product = Product::new(level, rows, &weights);
            let (work, goal) = match rows {
                1 => (bytes, Goal::Share(limit, floors.single)),
                _ => (product.flops() as f64, Goal::Share(0, floors.products[h])),
            };
            let of = if rows == 1 { "1 row, of reading".to_string() } else { format!("{rows} rows") };
            add(format!("product, H={hidden}, {of}"), work, goal, Box::new(move || product.run()));
        }
    }
    let mut stage = GateStage::new(level, Cell::default());
    let goal = Goal::Cycles(0, per_cycle(level), floors.gates);
    add("gate stage, a unit".to_string(), GateStage::UNITS as f64, goal, Box::new(move || stage.run()));
    lines
}

/// Prints a level's table; whether everything is above its floor.
fn judge(level: Level) -> bool {
    let mut lines = lines(level);
    let start = Instant::now();
    loop {
        for line in &mut lines {
            line.timed.sample();
        }
        let good = |line: &Line| line.judged(&lines).is_none_or(|(_, _, good)| good);
        if start.elapsed() > MORE_SECONDS || start.elapsed() > SECONDS && lines.iter().all(good) {
            break;
        }
    }
    let peak = &lines[0];
    println!(
        "\n{}: peak {:.1} GFLOP/s, on average {:.0} % of that; {} samples each\n",
        level.name(),
        peak.rate() * 1e-9,
        100.0 * peak.timed.best / (peak.timed.sum / f64::from(peak.timed.samples)),
        peak.timed.samples,
    );
    let known = floors(level).is_some();
    if !known {
        println!("No floors are written down for this level: nothing is judged.\n");
    }
    println!("| what | reached | required | |\n|---|---|---|---|");
    let mut all_good = true;
    for line in &lines {
        if let Some((reached, required, good)) = line.judged(&lines) {
            let (required, mark) = (if known { &required[..] } else { "–" }, if good { "" } else { "**too slow**" });
            println!("| {} | {reached} | {required} | {mark} |", line.what);
            all_good &= good;
        } else if line.what.starts_with("reading") {
            println!("| {} | {:.0} GB/s | – | |", line.what, line.rate() * 1e-9);
        }
    }
    all_good
}

fn main() -> ExitCode {
    let levels = Level::available().into_iter().filter(|level| level.fused());
    let low: Vec<_> = levels.filter(|&level| !judge(level)).map(Level::name).collect();
    if low.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nToo slow: {}. On a quiet machine that is a regression; a spilled register costs half.", low.join(", "));
    ExitCode::FAILURE
}
