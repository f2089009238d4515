//! Sampling and beam search on models whose distributions are known.

use crate::support::report;
use rustlstm::Error;
use rustlstm::decode::{Context, Filter, Penalty, Plan, Sampler, Scratch, Search, Stops, TokenModel, filter, uniform};
use rustlstm::simd::Level;

/// The logits after each token; a row remembers the sum of the tokens that it has read.
#[derive(Clone)]
struct Chain {
    logits: Vec<Vec<f32>>,
    sums: Vec<u32>,
    /// Says what was asked of it.
    selected: Vec<Vec<usize>>,
}

impl Chain {
    fn new(logits: Vec<Vec<f32>>, rows: usize) -> Chain {
        Chain { logits, sums: vec![0; rows], selected: Vec::new() }
    }
}

impl TokenModel for Chain {
    fn vocabulary(&self) -> usize {
        self.logits[0].len()
    }

    fn rows(&self) -> usize {
        self.sums.len()
    }

    fn step(&mut self, tokens: &[u32], logits: &mut [f32]) -> Result<(), Error> {
        assert_eq!(tokens.len(), self.sums.len());
        for ((token, sum), row) in tokens.iter().zip(&mut self.sums).zip(logits.chunks_exact_mut(self.logits[0].len()))
        {
            *sum += token + 1;
            row.copy_from_slice(&self.logits[*sum as usize % self.logits.len()]);
        }
        Ok(())
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), Error> {
        self.sums = rows.iter().map(|row| self.sums[*row]).collect();
        self.selected.push(rows.to_vec());
        Ok(())
    }

    fn fork(&self) -> Box<dyn TokenModel> {
        Box::new(self.clone())
    }
}

/// Some logits for each of seven sums.
fn logits(seed: u64, vocabulary: usize) -> Vec<Vec<f32>> {
    let draw = |at: u64| (4.0 * uniform(seed, 99, at) - 2.0) as f32;
    (0..7).map(|sum| (0..vocabulary as u64).map(|token| draw(sum * 1000 + token)).collect()).collect()
}

fn plan(length: usize, samples: std::ops::Range<u64>) -> Plan {
    Plan { filters: Vec::new(), stops: Stops::default(), length, seed: 3, samples }
}

#[test]
fn samples_are_the_same_alone_together_and_one_by_one() {
    let stops = || Stops::new(vec![vec![4], vec![1, 2]], 5).expect("tokens that exist");
    let prompts = [vec![0, 1], vec![2], vec![3, 3, 3, 3], vec![1, 0]];
    let mut failures = Vec::new();
    for seed in 0..20 {
        let model = |rows| Box::new(Chain::new(logits(seed, 5), rows));
        let with = |samples| Plan { stops: stops(), seed, ..plan(30, samples) };
        let mut all = Sampler::new(model(4), &prompts, with(0..5)).expect("a plan that fits");
        all.run().expect("logits that are numbers");
        for (prompt, samples) in prompts.iter().zip(all.samples().expect("finished")) {
            for (number, sample) in (0..).zip(samples) {
                let one = || Sampler::new(model(1), std::slice::from_ref(prompt), with(number..number + 1));
                let mut alone = one().expect("a plan that fits");
                alone.run().expect("logits that are numbers");
                let mut stream = one().expect("a plan that fits");
                let mut streamed = Vec::new();
                while let Ok(tokens @ [_, ..]) = stream.next(streamed.len()) {
                    streamed.extend_from_slice(tokens);
                }
                if alone.samples().expect("finished")[0][0] != sample || streamed != sample.tokens {
                    failures.push(format!("seed {seed}, prompt {prompt:?}, sample {number}: {sample:?}, {streamed:?}"));
                }
            }
        }
    }
    report("samples alone and together", 20 * 20, &failures);
}

#[test]
fn numbers_of_draws_are_even_and_their_own() {
    let n = 100_000;
    let mut bins = [0u32; 64];
    for at in 0..n {
        bins[(uniform(1, at % 10, at / 10) * 64.0) as usize] += 1;
    }
    let mean = n as f64 / 64.0;
    let chi: f64 = bins.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
    assert!(chi < 63.0 + 4.0 * 126f64.sqrt(), "chi-square {chi} of 63 degrees");
    let numbers = [uniform(0, 0, 0), uniform(1, 0, 0), uniform(0, 1, 0), uniform(0, 0, 1), uniform(0, 0, 1 << 32)];
    for (at, number) in numbers.iter().enumerate() {
        assert!((0.0..1.0).contains(number) && !numbers[..at].contains(number), "{numbers:?}");
    }
}

#[test]
fn a_wide_beam_finds_what_there_is() {
    for seed in 0..10 {
        let model = Chain::new(logits(seed, 3), 1);
        let mut all: Vec<(f64, Vec<u32>)> = Vec::new();
        for number in 0..81u32 {
            let tokens: Vec<u32> = (0..4).map(|digit| number / 3u32.pow(digit) % 3).collect();
            let (mut sum, mut total) = (2, 0.0);
            for token in &tokens {
                let row = &model.logits[sum as usize % 7];
                let power: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
                total += f64::from(row[*token as usize]) - power.ln();
                sum += token + 1;
            }
            all.push((total, tokens));
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let stops = Stops::default();
        let search = Search { filters: vec![], stops, length: 4, width: 81, count: 20, penalty: Penalty::Power(1.0) };
        let found = search.run(model.fork(), &[1]).expect("logits that are numbers");
        assert_eq!(found.len(), 20);
        for (hypothesis, (total, tokens)) in found.iter().zip(&all) {
            assert!((hypothesis.log_probability - total).abs() < 1e-5, "seed {seed}: {hypothesis:?}, {total}");
            assert!((hypothesis.score - total / 4.0).abs() < 1e-5, "seed {seed}");
            assert_eq!(&hypothesis.tokens, tokens, "seed {seed}");
        }
    }
}

#[test]
fn filters_give_the_same_bits_on_fused_levels() {
    let filters = [
        Filter::Temperature { from: 0.7, until: 1.4, over: 9 },
        Filter::RepetitionPenalty(1.2, Some(5)),
        Filter::TopK(40),
        Filter::Typical(0.95),
        Filter::TopP(0.9),
        Filter::MinP(0.01),
    ];
    for seed in 0..50 {
        let row: Vec<f32> = logits(seed, 77).concat();
        let context = Context { history: &[3, 9, 27, 81, 27], drawn: 4, ends: &[0] };
        let run = |level: Level| {
            let (mut row, mut scratch) = (row.clone(), Scratch::default());
            filter(level, &filters, &context, &mut row, &mut scratch).expect("numbers");
            row.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        let fused: Vec<_> = Level::available().into_iter().filter(|level| level.fused()).map(run).collect();
        assert!(fused.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let model = |rows| Box::new(Chain::new(logits(0, 5), rows)) as Box<dyn TokenModel>;
    let error = |rows, prompts: &[Vec<u32>], plan| match Sampler::new(model(rows), prompts, plan) {
        Ok(_) => panic!("{prompts:?} must be refused"),
        Err(error) => error.to_string(),
    };
    assert!(error(2, &[vec![1]], plan(3, 0..1)).contains("the prompts must have shape [2]"));
    assert!(error(1, &[vec![]], plan(3, 0..1)).contains("prompt[0] must be at least one token"));
    assert!(error(1, &[vec![1, 5]], plan(3, 0..1)).contains("prompt[0][1] must be from 0 to V - 1 = 4, got 5"));
    assert!(error(1, &[vec![1]], plan(3, 0..u64::MAX)).contains("samples must be at most"));
    let filters = vec![Filter::MaxLength(3)];
    assert!(error(1, &[vec![1]], Plan { filters, ..plan(3, 0..1) }).contains("a maximum length"));
    for (value, what) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let model = Chain::new(vec![vec![value; 3]], 1);
        let mut sampler = Sampler::new(model.fork(), &[vec![0]], plan(3, 0..1)).expect("a plan that fits");
        assert!(sampler.run().expect_err("no numbers").to_string().contains(&format!("got {what} for")));
    }
    // Nothing to draw is no error.
    for (length, samples) in [(0, 0..2), (5, 1..1)] {
        let mut sampler = Sampler::new(model(1), &[vec![0]], plan(length, samples.clone())).expect("a plan that fits");
        sampler.run().expect("nothing to do");
        assert_eq!(sampler.samples().expect("finished")[0].len() as u64, samples.end - samples.start);
    }
}
