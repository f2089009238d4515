//! Sampling: the loop of step, logits, filters and draw.
//!
//! ```text
//! read the prompts side by side; where one ends, its row becomes as many rows as samples are wanted
//! for each row that is not finished:  filter its logits, draw a token with (seed, sample, position), look for a stop
//! the rows that go on take the places of those that do not
//! ```
//!
//! A draw depends on the row's own logits and on its address alone, so sample i is the same by itself, beside others, and
//! token by token. All prompts share the addresses: the same prompt twice gives the same samples twice.

use super::filter::{Context, Filter, Scratch, filter};
use super::model::TokenModel;
use super::stops::Stops;
use crate::Error;
use crate::kernels::softmax::{log_sum_exp, softmax};
use crate::rng::Key;
use crate::simd::{self, Level};
use crate::threads::Pace;
use std::ops::Range;

/// What draws are for, among the sites of random numbers; masks have smaller numbers and initial values the largest.
const SITE: u32 = u32::MAX - 1;

/// How to sample.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Applied in this order.
    pub filters: Vec<Filter>,
    /// Where a sequence ends.
    pub stops: Stops,
    /// The most tokens that are drawn.
    pub length: usize,
    /// With a sample's number and the position, the address of a draw.
    pub seed: u64,
    /// The numbers of the samples of each prompt.
    pub samples: Range<u64>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// What was drawn, without the stop.
    pub tokens: Vec<u32>,
    /// The logarithm of each token's probability by the model, before any filter.
    pub log_probabilities: Vec<f32>,
    /// The same by the distribution that it was drawn from, after all filters.
    pub filtered: Vec<f32>,
    /// The number of the stop that ended it; none where it has its full length.
    pub stop: Option<usize>,
}

/// A row of the model.
#[derive(Debug, Clone)]
struct Strand {
    prompt: usize,
    /// None while the prompt is read, which all its samples share.
    sample: Option<u64>,
    /// The prompt and what was drawn.
    history: Vec<u32>,
    /// How many of them the model has read.
    read: usize,
    drawn: usize,
    log_probabilities: Vec<f32>,
    filtered: Vec<f32>,
}

/// A sampling under way.
pub struct Sampler {
    model: Box<dyn TokenModel>,
    plan: Plan,
    level: Level,
    strands: Vec<Strand>,
    /// By prompt and sample, the finished ones.
    samples: Vec<Vec<Option<Sample>>>,
    logits: Vec<f32>,
    row: Vec<f32>,
    powers: Vec<f32>,
    scratch: Scratch,
}

impl Sampler {
    /// Begins with a prompt for each row of a model, which goes on from its present state.
    ///
    /// # Errors
    /// When the prompts or the plan do not fit the model.
    pub fn new(model: Box<dyn TokenModel>, prompts: &[Vec<u32>], plan: Plan) -> Result<Self, Error> {
        let vocabulary = model.vocabulary();
        if prompts.len() != model.rows() {
            return Err(Error::shape("the prompts", format!("[{}]", model.rows()), format!("[{}]", prompts.len())));
        }
        check_prompts(prompts, vocabulary)?;
        plan.filters.iter().try_for_each(|filter| filter.check(vocabulary, plan.stops.ends()))?;
        let wanted = plan.samples.end.saturating_sub(plan.samples.start);
        let rows = usize::try_from(wanted).ok().and_then(|wanted| wanted.checked_mul(prompts.len()));
        let count = match rows {
            Some(rows) if u32::try_from(rows).is_ok() => wanted as usize,
            _ => return Err(Error::option("samples", format!("at most {} of all prompts", u32::MAX), wanted)),
        };
        let done = (plan.length == 0 || count == 0).then(Sample::default);
        let strands = match done {
            Some(_) => Vec::new(),
            None => prompts.iter().enumerate().map(|(prompt, tokens)| Strand::new(prompt, tokens)).collect(),
        };
        Ok(Sampler {
            level: simd::level()?,
            samples: vec![vec![done; count]; prompts.len()],
            strands,
            model,
            plan,
            logits: Vec::new(),
            row: Vec::new(),
            powers: Vec::new(),
            scratch: Scratch::default(),
        })
    }

    /// Whether all samples are finished.
    pub fn is_finished(&self) -> bool {
        self.strands.is_empty()
    }

    /// Goes on to the end.
    ///
    /// # Errors
    /// When the model gives logits that nothing can be drawn from; the samples so far are kept.
    pub fn run(&mut self) -> Result<(), Error> {
        let pace = Pace::default();
        while !self.is_finished() {
            self.step()?;
            pace.look();
        }
        Ok(())
    }

    /// Goes on until there are tokens to hand out of the only sample, or it is finished: for streams. `given` is how many
    /// were handed out before.
    ///
    /// # Errors
    /// As for [`Sampler::run`].
    ///
    /// # Panics
    /// When there are several samples.
    pub fn next(&mut self, given: usize) -> Result<&[u32], Error> {
        assert!(self.samples.len() == 1 && self.samples[0].len() == 1, "a stream is one sample of one prompt");
        let pace = Pace::default();
        while let Some(strand) = self.strands.first()
            && strand.free(&self.plan.stops) <= given
        {
            self.step()?;
            pace.look();
        }
        match (self.strands.first(), &self.samples[0][0]) {
            (Some(strand), _) => Ok(&strand.tokens()[given..strand.free(&self.plan.stops)]),
            (None, Some(sample)) => Ok(&sample.tokens[given..]),
            (None, None) => Ok(&[]),
        }
    }

    /// The samples of each prompt.
    ///
    /// # Errors
    /// When they are not all finished.
    pub fn samples(&self) -> Result<Vec<Vec<Sample>>, Error> {
        let all = self.samples.iter().map(|samples| samples.iter().cloned().collect::<Option<Vec<_>>>());
        all.collect::<Option<Vec<_>>>().ok_or_else(|| Error::option("the sampling", "finished", "one under way"))
    }

    /// One step of the model, and a draw for each row whose prompt is read.
    fn step(&mut self) -> Result<(), Error> {
        let vocabulary = self.model.vocabulary();
        let tokens: Vec<u32> = self.strands.iter().map(|strand| strand.history[strand.read]).collect();
        self.logits.resize(tokens.len() * vocabulary, 0.0);
        self.model.step(&tokens, &mut self.logits)?;
        let (mut parents, mut next) = (Vec::with_capacity(tokens.len()), Vec::with_capacity(tokens.len()));
        for (parent, mut strand) in std::mem::take(&mut self.strands).into_iter().enumerate() {
            strand.read += 1;
            if strand.read < strand.history.len() {
                parents.push(parent);
                next.push(strand);
                continue;
            }
            let children = match strand.sample {
                Some(_) => vec![strand],
                None => self.plan.samples.clone().map(|sample| strand.of(sample)).collect(),
            };
            for mut strand in children {
                self.draw(parent, &mut strand)?;
                let stop = self.plan.stops.found(strand.tokens());
                if stop.is_none() && strand.drawn < self.plan.length {
                    parents.push(parent);
                    next.push(strand);
                } else {
                    let place = (strand.sample.unwrap_or_default() - self.plan.samples.start) as usize;
                    let prompt = strand.prompt;
                    self.samples[prompt][place] = Some(strand.finish(stop));
                }
            }
        }
        if !next.is_empty() && !parents.iter().copied().eq(0..tokens.len()) {
            self.model.select(&parents)?;
        }
        self.strands = next;
        Ok(())
    }

    /// Draws the next token of a strand from the logits of a row.
    fn draw(&mut self, row: usize, strand: &mut Strand) -> Result<(), Error> {
        let (level, width) = (self.level, self.model.vocabulary());
        let logits = &self.logits[row * width..][..width];
        self.row.clear();
        self.row.extend_from_slice(logits);
        let context = Context { history: &strand.history, drawn: strand.drawn, ends: self.plan.stops.ends() };
        filter(level, &self.plan.filters, &context, &mut self.row, &mut self.scratch)?;
        let mut totals = [0.0; 2];
        log_sum_exp(level, logits, width, &mut totals[..1]);
        log_sum_exp(level, &self.row, width, &mut totals[1..]);
        self.powers.clear();
        self.powers.extend_from_slice(&self.row);
        softmax(level, &mut self.powers, width);
        let share = uniform(self.plan.seed, strand.sample.unwrap_or_default(), strand.drawn as u64);
        let token = pick(&self.powers, share);
        strand.log_probabilities.push(logits[token] - totals[0]);
        strand.filtered.push(self.row[token] - totals[1]);
        strand.history.push(token as u32);
        strand.drawn += 1;
        Ok(())
    }
}

impl Strand {
    fn new(prompt: usize, tokens: &[u32]) -> Strand {
        let (log_probabilities, filtered) = (Vec::new(), Vec::new());
        Strand { prompt, sample: None, history: tokens.to_vec(), read: 0, drawn: 0, log_probabilities, filtered }
    }

    fn of(&self, sample: u64) -> Strand {
        Strand { sample: Some(sample), ..self.clone() }
    }

    /// What was drawn.
    fn tokens(&self) -> &[u32] {
        &self.history[self.history.len() - self.drawn..]
    }

    /// How many of them are not the beginning of a stop.
    fn free(&self, stops: &Stops) -> usize {
        self.drawn - stops.held(self.tokens())
    }

    fn finish(mut self, stop: Option<(usize, usize)>) -> Sample {
        let kept = self.drawn - stop.map_or(0, |(_, length)| length);
        let mut tokens = self.history.split_off(self.history.len() - self.drawn);
        tokens.truncate(kept);
        self.log_probabilities.truncate(kept);
        self.filtered.truncate(kept);
        let Strand { log_probabilities, filtered, .. } = self;
        Sample { tokens, log_probabilities, filtered, stop: stop.map(|(index, _)| index) }
    }
}

/// Fails unless each prompt has a token, and all of them are of the vocabulary.
pub(super) fn check_prompts(prompts: &[Vec<u32>], vocabulary: usize) -> Result<(), Error> {
    for (index, prompt) in prompts.iter().enumerate() {
        if prompt.is_empty() {
            return Err(Error::option(format!("prompt[{index}]"), "at least one token", "none"));
        }
        if let Some(place) = prompt.iter().position(|token| *token as usize >= vocabulary) {
            let expected = format!("from 0 to V - 1 = {}", vocabulary as i64 - 1);
            return Err(Error::option(format!("prompt[{index}][{place}]"), expected, prompt[place]));
        }
    }
    Ok(())
}

/// The number in `[0, 1)` with this address.
pub fn uniform(seed: u64, sample: u64, position: u64) -> f64 {
    let words = Key::new(seed, sample).lanes(SITE, position as u32, (position >> 32) as u32, 0);
    let bits = (u64::from(words[0]) << 32 | u64::from(words[1])) >> 11;
    bits as f64 * (1.0 / (1u64 << 53) as f64)
}

/// The token at `share` of the way through the probabilities, in their order.
fn pick(probabilities: &[f32], share: f64) -> usize {
    let total: f64 = probabilities.iter().map(|p| f64::from(*p)).sum();
    let (aim, mut sum, mut last) = (share * total, 0.0, 0);
    for (token, p) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        sum += f64::from(*p);
        last = token;
        if sum > aim {
            break;
        }
    }
    last
}
