//! Beam search: the sequences with the best scores, found by going on with the best few beginnings.
//!
//! ```text
//! each turn: extend every beam by every token, and go through the extensions from the most probable on
//!     one that ends with a stop is finished; any other is a beam of the next turn, until there are `width` of these
//! score = Σ ln p / penalty(n)        n the tokens drawn, the stop included
//! ```
//!
//! The search is over when no beam can still reach the best `count` of the finished, so stopping early changes nothing.
//! With filters, p is the probability after them. Where two are equal, the beam that was better before comes first, then
//! the lower token.

use super::filter::{Context, Filter, Scratch, filter};
use super::model::TokenModel;
use super::rank::Ranking;
use super::sample::check_prompts;
use super::stops::Stops;
use crate::Error;
use crate::kernels::elementwise::powers;
use crate::kernels::softmax::log_softmax;
use crate::simd;
use crate::threads::Pace;

/// The largest exponent of a penalty, and minus the smallest: enough for anybody, and no power overflows.
const LARGEST_EXPONENT: f64 = 4.0;

/// What the sum of the logarithms is divided by, for n tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Penalty {
    /// n^α: with 0 nothing, with 1 the mean.
    Power(f64),
    /// ((5 + n) / 6)^α (Wu et al., 2016)
    Wu(f64),
}

impl Penalty {
    /// The penalty of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(name: &str, exponent: f64) -> Result<Penalty, Error> {
        match name {
            "power" => Ok(Penalty::Power(exponent)),
            "wu" => Ok(Penalty::Wu(exponent)),
            _ => Err(Error::option("penalty", "\"power\" or \"wu\"", format!("{name:?}"))),
        }
    }

    fn of(self, tokens: usize) -> f64 {
        let (base, exponent) = match self {
            Penalty::Power(exponent) => (tokens as f64, exponent),
            Penalty::Wu(exponent) => ((5.0 + tokens as f64) / 6.0, exponent),
        };
        let mut power = [0.0];
        powers(&[base as f32], &[exponent as f32], &mut power);
        f64::from(power[0])
    }

    fn exponent(self) -> f64 {
        match self {
            Penalty::Power(exponent) | Penalty::Wu(exponent) => exponent,
        }
    }
}

/// How to search.
#[derive(Debug, Clone)]
pub struct Search {
    /// Applied in this order.
    pub filters: Vec<Filter>,
    /// Where a sequence ends.
    pub stops: Stops,
    /// The most tokens of a sequence, the stop included.
    pub length: usize,
    /// Beams.
    pub width: usize,
    /// How many of the best are wanted.
    pub count: usize,
    /// What sums are divided by.
    pub penalty: Penalty,
}

/// A sequence that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Its tokens, without the stop.
    pub tokens: Vec<u32>,
    /// The sum of the logarithms of its probabilities, with those of the stop.
    pub log_probability: f64,
    /// The same, divided by the penalty.
    pub score: f64,
    /// The number of the stop that ended it; none where it has its full length.
    pub stop: Option<usize>,
}

/// A beginning.
struct Beam {
    /// The prompt and what was drawn.
    history: Vec<u32>,
    total: f64,
}

/// A beam and a token.
struct Extension {
    total: f64,
    beam: usize,
    token: u32,
}

impl Search {
    /// The best sequences that follow a prompt, the best one first; the model has one row, and goes on from its state.
    ///
    /// # Errors
    /// When an argument does not fit, or the model gives logits that nothing can be chosen by.
    pub fn run(&self, mut model: Box<dyn TokenModel>, prompt: &[u32]) -> Result<Vec<Hypothesis>, Error> {
        let (vocabulary, level) = (model.vocabulary(), simd::level()?);
        self.check(&*model, prompt)?;
        let (pace, mut scratch) = (Pace::default(), Scratch::default());
        let mut logits = vec![0.0; vocabulary];
        for token in prompt {
            model.step(&[*token], &mut logits)?;
            pace.look();
        }
        let mut beams = vec![Beam { history: prompt.to_vec(), total: 0.0 }];
        let mut found: Vec<Hypothesis> = Vec::new();
        for drawn in 0..self.length {
            for (beam, row) in beams.iter().zip(logits.chunks_exact_mut(vocabulary)) {
                let context = Context { history: &beam.history, drawn, ends: self.stops.ends() };
                filter(level, &self.filters, &context, row, &mut scratch)?;
            }
            log_softmax(level, &mut logits, vocabulary);
            let (mut next, mut parents) = (Vec::new(), Vec::new());
            for extension in self.extensions(&beams, &logits, vocabulary) {
                let mut history = beams[extension.beam].history.clone();
                history.push(extension.token);
                let stop = self.stops.found(&history[prompt.len()..]);
                if stop.is_some() || drawn + 1 == self.length {
                    self.keep(&mut found, &history[prompt.len()..], extension.total, stop);
                }
                if stop.is_none() {
                    next.push(Beam { history, total: extension.total });
                    parents.push(extension.beam);
                }
                if next.len() == self.width {
                    break;
                }
            }
            beams = next;
            if drawn + 1 == self.length || beams.is_empty() || self.is_settled(&found, &beams, drawn + 2) {
                break;
            }
            model.select(&parents)?;
            let tokens: Vec<u32> = beams.iter().map(|beam| beam.history[beam.history.len() - 1]).collect();
            logits.resize(tokens.len() * vocabulary, 0.0);
            model.step(&tokens, &mut logits)?;
            pace.look();
        }
        Ok(found)
    }

    fn check(&self, model: &dyn TokenModel, prompt: &[u32]) -> Result<(), Error> {
        if model.rows() != 1 {
            return Err(Error::option("the model's rows", "one for a beam search", model.rows()));
        }
        check_prompts(&[prompt.to_vec()], model.vocabulary())?;
        self.filters.iter().try_for_each(|filter| filter.check(model.vocabulary(), self.stops.ends()))?;
        if self.width == 0 || u32::try_from(self.width).is_err() {
            return Err(Error::option("width", format!("from 1 to {}", u32::MAX), self.width));
        }
        if self.count == 0 || self.count > self.width {
            return Err(Error::option("n_best", format!("from 1 to width = {}", self.width), self.count));
        }
        if self.length == 0 {
            return Err(Error::option("length", "at least 1", 0));
        }
        let exponent = self.penalty.exponent();
        if exponent.is_nan() || exponent.abs() > LARGEST_EXPONENT {
            let expected = format!("from -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}");
            return Err(Error::option("length_penalty", expected, exponent));
        }
        Ok(())
    }

    /// As many of the best extensions as can matter, the best one first.
    fn extensions(&self, beams: &[Beam], logits: &[f32], vocabulary: usize) -> Vec<Extension> {
        // Of one beam at most so many end, each with a last token of its own.
        let most = self.width.saturating_add(self.stops.len());
        let mut all = Vec::new();
        let (mut order, mut keys): (Vec<u32>, Vec<f64>) = (Vec::new(), Vec::new());
        for (beam, row) in logits.chunks_exact(vocabulary).enumerate() {
            order.clear();
            order.extend((0..vocabulary as u32).filter(|token| row[*token as usize] > f32::NEG_INFINITY));
            keys.clear();
            keys.extend(row.iter().map(|x| -f64::from(*x)));
            let mut ranking = Ranking::new(&mut order, &keys);
            for token in std::iter::from_fn(|| ranking.next()).take(most) {
                // A probability is at most 1, whatever the rounding.
                let total = beams[beam].total + f64::from(row[token as usize]).min(0.0);
                all.push(Extension { total, beam, token });
            }
        }
        all.sort_by(|a, b| b.total.total_cmp(&a.total).then(a.beam.cmp(&b.beam)).then(a.token.cmp(&b.token)));
        all
    }

    /// Puts a finished sequence among the best.
    fn keep(&self, found: &mut Vec<Hypothesis>, drawn: &[u32], total: f64, stop: Option<(usize, usize)>) {
        let score = total / self.penalty.of(drawn.len());
        let place = found.partition_point(|other| other.score >= score);
        if place < self.count {
            let tokens = drawn[..drawn.len() - stop.map_or(0, |(_, length)| length)].to_vec();
            let stop = stop.map(|(index, _)| index);
            found.insert(place, Hypothesis { tokens, log_probability: total, score, stop });
            found.truncate(self.count);
        }
    }

    /// Whether no beam can come to be among the best; `soonest` is the least number of tokens that it can end with.
    fn is_settled(&self, found: &[Hypothesis], beams: &[Beam], soonest: usize) -> bool {
        let (Some(worst), true) = (found.last(), found.len() == self.count) else { return false };
        // Sums only fall, and penalties rise or fall with the length.
        let penalties = [soonest, self.length].map(|tokens| self.penalty.of(tokens));
        let hope = |beam: &Beam| penalties.iter().any(|penalty| beam.total / penalty > worst.score);
        !beams.iter().any(hope)
    }
}
