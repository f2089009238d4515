//! Filters: what is made of a row of logits before a token is drawn from it.
//!
//! Each is small, and they are applied in the order of the list. What a filter removes becomes −∞, and stays so. A filter
//! never empties a row: where it would remove everything that is left, the best of what was left stays.
//!
//! | filter | keeps, or does |
//! |---|---|
//! | greedy | the largest logit alone |
//! | temperature | x / t |
//! | top-k | the k largest |
//! | top-p | the most probable, up to the one with which their sum reaches p (Holtzman et al., 2020) |
//! | min-p | those at least p times as probable as the most probable (Nguyen et al., 2024) |
//! | typical | those whose surprise is nearest to the entropy, up to a sum of p (Meister et al., 2023) |
//! | repetition penalty | x / θ where x > 0, else x θ, for tokens of the history (Keskar et al., 2019) |
//! | frequency, presence | x − α · count, x − α, for tokens of the history |
//! | no repeat | not what would complete n tokens that the history has |
//! | ban, bias | not these; x + b |
//! | force | at its position this token alone, even if it was removed |
//! | minimum, maximum length | no end before n drawn tokens; nothing but an end after n |
//!
//! Where two are equal, the lower number comes first. The history is the prompt and what was drawn; lengths and positions
//! count what was drawn.

use super::rank::Ranking;
use crate::Error;
use crate::kernels::reduce::{any_nan, max_number};
use crate::kernels::softmax::softmax;
use crate::kernels::special::ln;
use crate::simd::Level;
use std::cmp::Ordering::Equal;

/// One filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The largest logit alone.
    Greedy,
    /// Logits are divided by a number above 0, that goes from `from` to `until` over so many drawn tokens.
    Temperature {
        /// For the first token.
        from: f32,
        /// For the token with the number `over` and those after it.
        until: f32,
        /// 0 for `until` from the first token on.
        over: usize,
    },
    /// So many of the largest.
    TopK(usize),
    /// The most probable, up to this sum.
    TopP(f64),
    /// Those with this share of the largest probability.
    MinP(f64),
    /// The most typical, up to this sum of probabilities.
    Typical(f64),
    /// A factor for tokens of the history, the last `window` of it if given.
    RepetitionPenalty(f32, Option<usize>),
    /// Taken away for each time that a token is in the history.
    FrequencyPenalty(f32, Option<usize>),
    /// Taken away if a token is in the history.
    PresencePenalty(f32, Option<usize>),
    /// So many tokens in a row are never repeated.
    NoRepeat(usize),
    /// Tokens that are never drawn.
    Ban(Vec<u32>),
    /// Tokens that are drawn at these positions; the last one of a position counts.
    Force(Vec<(usize, u32)>),
    /// What is added to the logits of tokens.
    Bias(Vec<(u32, f32)>),
    /// No end before so many tokens.
    MinLength(usize),
    /// Nothing but an end after so many tokens.
    MaxLength(usize),
}

/// What a filter may know of a row.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The prompt and what was drawn.
    pub history: &'a [u32],
    /// How many of them were drawn.
    pub drawn: usize,
    /// The tokens that end a sequence.
    pub ends: &'a [u32],
}

/// Memory that filters use again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    order: Vec<u32>,
    probabilities: Vec<f32>,
    keys: Vec<f64>,
    counts: Vec<u32>,
}

const GONE: f32 = f32::NEG_INFINITY;

/// Applies filters to a row of logits, one after another.
///
/// # Errors
/// When the logits are no numbers to choose by: NaN, +∞, or −∞ all of them.
pub fn filter(
    level: Level,
    filters: &[Filter],
    context: &Context<'_>,
    row: &mut [f32],
    scratch: &mut Scratch,
) -> Result<(), Error> {
    check_logits(level, row, context.drawn)?;
    filters.iter().for_each(|filter| filter.apply(level, context, row, scratch));
    Ok(())
}

impl Filter {
    /// The filter of a name, with its numbers and its tokens or counts: how a filter crosses the border to Python.
    ///
    /// # Errors
    /// When there is none with this name and so many numbers, or one is out of range.
    pub fn parse(name: &str, numbers: &[f64], counts: &[usize]) -> Result<Filter, Error> {
        let tokens = || counts.iter().map(|token| token_number(*token)).collect::<Result<Vec<u32>, Error>>();
        let filter = match (name, numbers, counts) {
            ("greedy", [], []) => Filter::Greedy,
            ("temperature", &[from, until], &[over]) => {
                Filter::Temperature { from: from as f32, until: until as f32, over }
            }
            ("top_k", [], &[k]) => Filter::TopK(k),
            ("top_p", &[p], []) => Filter::TopP(p),
            ("min_p", &[p], []) => Filter::MinP(p),
            ("typical", &[p], []) => Filter::Typical(p),
            ("repetition_penalty", &[factor], window) if window.len() < 2 => {
                Filter::RepetitionPenalty(factor as f32, window.first().copied())
            }
            ("frequency_penalty", &[amount], window) if window.len() < 2 => {
                Filter::FrequencyPenalty(amount as f32, window.first().copied())
            }
            ("presence_penalty", &[amount], window) if window.len() < 2 => {
                Filter::PresencePenalty(amount as f32, window.first().copied())
            }
            ("no_repeat", [], &[n]) => Filter::NoRepeat(n),
            ("ban", [], _) => Filter::Ban(tokens()?),
            ("force", [], pairs) if pairs.len().is_multiple_of(2) => {
                let pairs = pairs.chunks_exact(2).map(|pair| Ok((pair[0], token_number(pair[1])?)));
                Filter::Force(pairs.collect::<Result<_, Error>>()?)
            }
            ("bias", values, _) if values.len() == counts.len() => {
                Filter::Bias(tokens()?.into_iter().zip(values.iter().map(|value| *value as f32)).collect())
            }
            ("min_length", [], &[n]) => Filter::MinLength(n),
            ("max_length", [], &[n]) => Filter::MaxLength(n),
            _ => {
                let got = format!("{name:?} with {} numbers and {} counts", numbers.len(), counts.len());
                return Err(Error::option("filter", "a filter with its numbers", got));
            }
        };
        Ok(filter)
    }

    /// Fails where a number is out of range, or a token is not of the vocabulary.
    ///
    /// # Errors
    /// As said.
    pub fn check(&self, vocabulary: usize, ends: &[u32]) -> Result<(), Error> {
        let positive = |name: &str, value: f32| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(Error::option(name, "above 0 and finite", value)),
        };
        let finite = |name: &str, value: f32| match value.is_finite() {
            true => Ok(()),
            false => Err(Error::option(name, "finite", value)),
        };
        let share = |name: &str, value: f64| match value > 0.0 && value <= 1.0 {
            true => Ok(()),
            false => Err(Error::option(name, "above 0 and at most 1", value)),
        };
        let some = |name: &str, value: usize| match value {
            0 => Err(Error::option(name, "at least 1", 0)),
            _ => Ok(()),
        };
        let known = |name: &str, token: u32| match (token as usize) < vocabulary {
            true => Ok(()),
            false => Err(Error::option(name, format!("from 0 to V - 1 = {}", vocabulary as i64 - 1), token)),
        };
        match self {
            Filter::Greedy | Filter::MinLength(_) => Ok(()),
            Filter::Temperature { from, until, .. } => {
                positive("the temperature", *from).and(positive("the temperature", *until))
            }
            Filter::TopK(k) => some("k of top-k", *k),
            Filter::TopP(p) => share("p of top-p", *p),
            Filter::MinP(p) => share("p of min-p", *p),
            Filter::Typical(p) => share("p of typical", *p),
            Filter::RepetitionPenalty(factor, _) => positive("the repetition penalty", *factor),
            Filter::FrequencyPenalty(amount, _) => finite("the frequency penalty", *amount),
            Filter::PresencePenalty(amount, _) => finite("the presence penalty", *amount),
            Filter::NoRepeat(n) => some("n of no-repeat", *n),
            Filter::Ban(tokens) => tokens.iter().try_for_each(|token| known("a banned token", *token)),
            Filter::Force(pairs) => pairs.iter().try_for_each(|(_, token)| known("a forced token", *token)),
            Filter::Bias(pairs) => pairs
                .iter()
                .try_for_each(|(token, bias)| known("a token with a bias", *token).and(finite("a bias", *bias))),
            Filter::MaxLength(_) if ends.is_empty() => {
                Err(Error::option("a maximum length", "given together with a token that ends a sequence", "none"))
            }
            Filter::MaxLength(_) => Ok(()),
        }
    }

    /// Applies the filter to a row that has something left, and leaves something.
    fn apply(&self, level: Level, context: &Context<'_>, row: &mut [f32], scratch: &mut Scratch) {
        match self {
            Filter::Greedy => {
                let best = best(level, row);
                keep_only(row, |token| token == best);
            }
            Filter::Temperature { from, until, over } => {
                divide(level, row, temperature(*from, *until, *over, context.drawn));
            }
            Filter::TopK(k) => top_k(*k, row, scratch),
            Filter::TopP(p) if *p >= 1.0 => {}
            Filter::TopP(p) => {
                scratch.weigh(level, row);
                scratch.keys.clear();
                scratch.keys.extend(row.iter().map(|x| -f64::from(*x)));
                keep_mass(*p, row, scratch);
            }
            Filter::MinP(p) => {
                let (max, least) = (f64::from(max_number(level, row)), ln(*p));
                for x in row.iter_mut().filter(|x| f64::from(**x) - max < least) {
                    *x = GONE;
                }
            }
            Filter::Typical(p) => {
                scratch.weigh(level, row);
                scratch.surprise(level, row);
                keep_mass(*p, row, scratch);
            }
            Filter::RepetitionPenalty(factor, window) => {
                scratch.count(row.len(), context.history, *window, |token, _| {
                    change(&mut row[token], |x| if x > 0.0 { x / factor } else { x * factor });
                });
            }
            Filter::FrequencyPenalty(amount, window) => {
                scratch.count(row.len(), context.history, *window, |token, count| {
                    change(&mut row[token], |x| x - amount * count as f32);
                });
            }
            Filter::PresencePenalty(amount, window) => {
                scratch.count(row.len(), context.history, *window, |token, _| change(&mut row[token], |x| x - amount));
            }
            Filter::NoRepeat(n) => spared(level, row, |row| {
                let history = context.history;
                let Some(last) = history.len().checked_sub(n - 1) else { return };
                for run in history.windows(*n).filter(|run| run[..n - 1] == history[last..]) {
                    row[run[n - 1] as usize] = GONE;
                }
            }),
            Filter::Ban(tokens) => {
                spared(level, row, |row| tokens.iter().for_each(|token| row[*token as usize] = GONE))
            }
            Filter::Force(pairs) => {
                if let Some((_, token)) = pairs.iter().rev().find(|(position, _)| *position == context.drawn) {
                    let token = *token as usize;
                    row[token] = if row[token] > GONE { row[token] } else { 0.0 };
                    keep_only(row, |other| other == token);
                }
            }
            Filter::Bias(pairs) => {
                for (token, bias) in pairs {
                    change(&mut row[*token as usize], |x| x + bias);
                }
            }
            Filter::MinLength(n) if context.drawn < *n => {
                spared(level, row, |row| context.ends.iter().for_each(|end| row[*end as usize] = GONE));
            }
            Filter::MaxLength(n) if context.drawn >= *n => {
                spared(level, row, |row| keep_only(row, |token| context.ends.contains(&(token as u32))));
            }
            Filter::MinLength(_) | Filter::MaxLength(_) => {}
        }
    }
}

/// Fails where logits are no numbers to choose by.
fn check_logits(level: Level, logits: &[f32], drawn: usize) -> Result<(), Error> {
    let max = max_number(level, logits);
    let wrong = |what: &str| {
        let name = format!("the model's logits after {drawn} tokens");
        Err(Error::option(name, "numbers, or -inf for what is impossible", what))
    };
    if any_nan(level, logits) {
        let token = logits.iter().position(|x| x.is_nan()).unwrap_or(0);
        return wrong(&format!("NaN for token {token}"));
    }
    if max == f32::INFINITY {
        let token = logits.iter().position(|x| *x == max).unwrap_or(0);
        return wrong(&format!("inf for token {token}"));
    }
    if max == f32::NEG_INFINITY {
        return wrong("-inf for every token");
    }
    Ok(())
}

fn token_number(count: usize) -> Result<u32, Error> {
    u32::try_from(count).map_err(|_| Error::option("a token", format!("at most {}", u32::MAX), count))
}

/// The temperature for the token with the number `drawn`.
fn temperature(from: f32, until: f32, over: usize, drawn: usize) -> f32 {
    if drawn >= over {
        return until;
    }
    let (from, until) = (f64::from(from), f64::from(until));
    (from + (until - from) * (drawn as f64 / over as f64)) as f32
}

fn divide(level: Level, row: &mut [f32], by: f32) {
    // Small temperatures may overflow; only differences count, so the largest logit may as well be 0.
    let max = max_number(level, row);
    let shift = if (max / by).is_finite() { 0.0 } else { max };
    row.iter_mut().for_each(|x| *x = (*x - shift) / by);
}

/// The first place of the largest number.
fn best(level: Level, row: &[f32]) -> usize {
    let max = max_number(level, row);
    row.iter().position(|x| *x == max).unwrap_or(0)
}

fn keep_only(row: &mut [f32], keep: impl Fn(usize) -> bool) {
    for (token, x) in row.iter_mut().enumerate() {
        if !keep(token) {
            *x = GONE;
        }
    }
}

/// Changes a row, and brings back the best that it had if nothing is left.
fn spared(level: Level, row: &mut [f32], change: impl FnOnce(&mut [f32])) {
    let best = best(level, row);
    let before = row[best];
    change(row);
    if max_number(level, row) == GONE {
        row[best] = before;
    }
}

/// Changes a logit that was not removed, and keeps it a number.
fn change(x: &mut f32, by: impl FnOnce(f32) -> f32) {
    if *x > GONE {
        *x = by(*x).clamp(f32::MIN, f32::MAX);
    }
}

fn top_k(k: usize, row: &mut [f32], scratch: &mut Scratch) {
    scratch.list(row);
    let order = &mut scratch.order;
    if k >= order.len() {
        return;
    }
    let value = |token: &u32| row[*token as usize];
    order.select_nth_unstable_by(k, |a, b| value(b).partial_cmp(&value(a)).unwrap_or(Equal).then(a.cmp(b)));
    for token in &order[k..] {
        row[*token as usize] = GONE;
    }
}

/// Keeps the tokens with the smallest keys, up to the one with which their probabilities reach `mass`.
fn keep_mass(mass: f64, row: &mut [f32], scratch: &mut Scratch) {
    let mut ranking = Ranking::new(&mut scratch.order, &scratch.keys);
    let mut sum = 0.0;
    while sum < mass {
        let Some(token) = ranking.next() else { break };
        sum += f64::from(scratch.probabilities[token as usize]);
    }
    for token in ranking.rest() {
        row[*token as usize] = GONE;
    }
}

impl Scratch {
    /// Lists the tokens that are left.
    fn list(&mut self, row: &[f32]) {
        self.order.clear();
        self.order.extend((0..row.len() as u32).filter(|token| row[*token as usize] > GONE));
    }

    /// Lists the tokens that are left, and finds their probabilities.
    fn weigh(&mut self, level: Level, row: &[f32]) {
        self.list(row);
        self.probabilities.clear();
        self.probabilities.extend_from_slice(row);
        softmax(level, &mut self.probabilities, row.len());
    }

    /// How far the surprise of each token is from the mean surprise.
    fn surprise(&mut self, level: Level, row: &[f32]) {
        let max = f64::from(max_number(level, row));
        // Of the token with the largest logit, the power is 1.
        let total = 1.0 / f64::from(max_number(level, &self.probabilities));
        let shift = max + ln(total);
        let entropy: f64 = self
            .order
            .iter()
            .map(|token| {
                let at = *token as usize;
                f64::from(self.probabilities[at]) * (shift - f64::from(row[at]))
            })
            .sum();
        self.keys.clear();
        self.keys.extend(row.iter().map(|x| (shift - f64::from(*x) - entropy).abs()));
    }

    /// Calls `each` with the tokens in the last part of a history, and how often they are there.
    fn count(&mut self, vocabulary: usize, history: &[u32], window: Option<usize>, mut each: impl FnMut(usize, u32)) {
        let from = history.len() - window.unwrap_or(usize::MAX).min(history.len());
        self.counts.resize(vocabulary, 0);
        for token in &history[from..] {
            self.counts[*token as usize] += 1;
        }
        for token in &history[from..] {
            let count = std::mem::take(&mut self.counts[*token as usize]);
            if count > 0 {
                each(*token as usize, count);
            }
        }
    }
}
