//! What all losses share: which elements count and how much, where results go, and the order of the sums.

use crate::Error;
use crate::threads;
use crate::view::SeqMut;
use std::ops::Range;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What becomes of the losses of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The sum of weight times loss, divided by the sum of the weights.
    Mean,
    /// The sum of weight times loss.
    Sum,
    /// Nothing: weight times loss for each element.
    Each,
}

impl FromStr for Reduction {
    type Err = Error;

    fn from_str(name: &str) -> Result<Reduction, Error> {
        match name {
            "mean" => Ok(Reduction::Mean),
            "sum" => Ok(Reduction::Sum),
            "none" => Ok(Reduction::Each),
            _ => Err(Error::option("reduction", "\"mean\", \"sum\" or \"none\"", format_args!("{name:?}"))),
        }
    }
}

/// What an argument may be. NaN is always let through, and comes out in the loss.
#[derive(Debug, Clone, Copy)]
pub(super) enum Domain {
    Real,
    Positive,
    NotNegative,
    Probability,
    Count,
}

/// Which elements of an array count, and how much.
#[derive(Debug)]
pub struct Counted<'a> {
    shape: &'a [usize],
    spans: Vec<Range<usize>>,
    weights: Option<&'a [f32]>,
    reduction: Reduction,
}

/// Where results go. What does not count is not written.
#[derive(Debug)]
pub struct Outputs<'a, const N: usize> {
    /// Weight times loss of each element.
    pub losses: Option<&'a mut [f32]>,
    /// The gradient of what the reduction gives, for each argument that wants it.
    pub gradients: [Option<&'a mut [f32]>; N],
}

impl<'a> Counted<'a> {
    /// All elements of an array of this shape or, with `lengths` `[B]`, the first steps of each row of `[B, T, …]`;
    /// `weights` has one number for each element.
    pub fn new(
        shape: &'a [usize],
        lengths: Option<&[usize]>,
        weights: Option<&'a [f32]>,
        reduction: Reduction,
    ) -> Result<Self, Error> {
        let len = shape.iter().product();
        let spans = match lengths {
            None => std::iter::once(0..len).collect(),
            Some(lengths) => valid_steps(shape, lengths, 0)?,
        };
        let counted = Counted { shape, spans, weights, reduction };
        if let Some(weights) = weights {
            if weights.len() != len {
                return Err(Error::shape(
                    "weights",
                    format_args!("{shape:?}"),
                    format_args!("{} values", weights.len()),
                ));
            }
            counted.check("weights", weights, Domain::NotNegative)?;
        }
        Ok(counted)
    }

    /// The steps of `[B, T, C]` that have one before them, at the places of those before.
    pub(super) fn changes(shape: &'a [usize], lengths: &[usize]) -> Result<Self, Error> {
        let spans = valid_steps(shape, lengths, 1)?;
        Ok(Counted { shape, spans, weights: None, reduction: Reduction::Mean })
    }

    /// How many elements count.
    pub(super) fn count(&self) -> usize {
        self.spans.iter().map(Range::len).sum()
    }

    /// Every element that counts.
    pub(super) fn elements(&self) -> impl Iterator<Item = usize> + '_ {
        self.spans.iter().flat_map(Range::clone)
    }

    /// The weight of an element.
    #[inline(always)]
    pub(super) fn weight(&self, element: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[element]))
    }

    /// The weights of these elements, if there are any.
    #[inline(always)]
    pub(super) fn weights(&self, elements: Range<usize>) -> Option<&'a [f32]> {
        self.weights.map(|weights| &weights[elements])
    }

    /// The sum of the weights of all that counts.
    pub(super) fn total_weight(&self) -> f64 {
        match self.weights {
            None => self.count() as f64,
            Some(weights) => self.elements().fold(0.0, |sum, element| sum + f64::from(weights[element])),
        }
    }

    /// What a total is multiplied by, given the sum of the weights.
    pub(super) fn scale(&self, total_weight: f64) -> f64 {
        match self.reduction {
            Reduction::Mean if total_weight == 0.0 => 0.0,
            Reduction::Mean => 1.0 / total_weight,
            Reduction::Sum | Reduction::Each => 1.0,
        }
    }

    /// Fails, and names the place, if a value that counts is outside its domain.
    pub(super) fn check(&self, name: &str, values: &[f32], domain: Domain) -> Result<(), Error> {
        match domain {
            Domain::Real => Ok(()),
            Domain::Positive => self.find(name, values, "above 0", |x| x <= 0.0),
            Domain::NotNegative => self.find(name, values, "at least 0", |x| x < 0.0),
            // Not `contains`, which NaN would fail.
            #[allow(clippy::manual_range_contains)]
            Domain::Probability => self.find(name, values, "from 0 to 1", |x| x < 0.0 || x > 1.0),
            Domain::Count => self.find(name, values, "a whole number from 0 up", |x| x < 0.0 || x.trunc() < x),
        }
    }

    fn find(&self, name: &str, values: &[f32], expected: &str, wrong: impl Fn(f32) -> bool) -> Result<(), Error> {
        for span in &self.spans {
            // Whole spans first, without branches; the place matters only once there is one.
            if values[span.clone()].iter().fold(false, |any, &value| any | wrong(value)) {
                let at = span.clone().find(|&at| wrong(values[at])).expect("one was just seen");
                return Err(self.fault(name, at, expected, values[at]));
            }
        }
        Ok(())
    }

    /// The error about one element of an array with this shape.
    pub(super) fn fault(&self, name: &str, element: usize, expected: &str, got: impl std::fmt::Display) -> Error {
        let mut rest = element;
        let mut place: Vec<usize> = self.shape.iter().rev().map(|&extent| (rest % extent, rest /= extent).0).collect();
        place.reverse();
        Error::option(if place.is_empty() { name.to_string() } else { format!("{name}{place:?}") }, expected, got)
    }

    /// The sum of `block` over blocks of at most `size` elements that count, in order; `cost` is that of one element in
    /// multiply-adds.
    pub(super) fn total(&self, size: usize, cost: usize, block: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
        let blocks: Vec<Range<usize>> = self.spans.iter().flat_map(|span| cut(span, size)).collect();
        // f64 by their bits: atomics are what a team may write to without further proof.
        let sums: Vec<AtomicU64> = blocks.iter().map(|_| AtomicU64::new(0)).collect();
        threads::run(threads::worth(self.count().saturating_mul(cost)), |worker| {
            for index in worker.share(blocks.len()) {
                let elements = blocks[index].clone();
                worker.poll(elements.len() * cost);
                sums[index].store(block(elements).to_bits(), Relaxed);
            }
        });
        sums.into_iter().fold(0.0, |sum, block| sum + f64::from_bits(block.into_inner()))
    }
}

/// Parts of at most `size`.
fn cut(span: &Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = span.end;
    span.clone().step_by(size).map(move |start| start..end.min(start + size))
}

/// The elements of the first `lengths[b]` steps, less the last `less` of them, of each row of `[B, T, …]`.
fn valid_steps(shape: &[usize], lengths: &[usize], less: usize) -> Result<Vec<Range<usize>>, Error> {
    let [batch, time, inner @ ..] = shape else {
        return Err(Error::option(
            "lengths",
            "None where there are no steps [B, T, …]",
            format_args!("shape {shape:?}"),
        ));
    };
    if lengths.len() != *batch {
        return Err(Error::shape("lengths", format_args!("[B={batch}]"), format_args!("[{}]", lengths.len())));
    }
    let step: usize = inner.iter().product();
    let mut spans: Vec<Range<usize>> = Vec::with_capacity(*batch);
    for (row, &length) in lengths.iter().enumerate() {
        if length > *time {
            return Err(Error::option(format!("lengths[{row}]"), format_args!("between 0 and T={time}"), length));
        }
        let start = row * time * step;
        let span = start..start + length.saturating_sub(less) * step;
        match spans.last_mut() {
            // Rows without padding between them are one span, as they are without lengths.
            Some(last) if last.end == span.start => last.end = span.end,
            _ => spans.push(span),
        }
    }
    Ok(spans)
}

/// An output that the blocks of a team divide up.
pub(super) struct Shared<'a>(Option<SeqMut<'a>>);

impl<'a> Shared<'a> {
    /// Of an output that has `len` elements.
    ///
    /// # Panics
    /// When it has not.
    pub fn new(output: Option<&'a mut [f32]>, len: usize) -> Self {
        Shared(output.map(|output| SeqMut::new(output, [1, 1, len]).expect("an output is as long as its argument")))
    }

    /// Whether there is one.
    pub fn wanted(&self) -> bool {
        self.0.is_some()
    }

    /// The elements of one block.
    ///
    /// # Safety
    /// No two workers hold the same elements at once.
    #[allow(clippy::mut_from_ref)] // the rule above stands in for the borrow
    pub unsafe fn part(&self, elements: Range<usize>) -> Option<&mut [f32]> {
        // SAFETY: the caller's promise.
        self.0.as_ref().map(|output| unsafe { output.part(0, elements.start, elements.len()) })
    }
}
