//! Filters, sampling and beam search, for Python.

use super::array::{self, Input};
use super::errors::{guard, raise};
use super::language::TokenStream;
use crate::decode::{self, Context, Filter, Penalty, Plan, Scratch, Search, Stops};
use crate::{Error, simd};
use numpy::prelude::*;
use numpy::{Ix2, PyArray1, PyArray2};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Mutex, TryLockError};

/// A filter's name, its numbers, and its tokens or counts.
type Plain = (String, Vec<f64>, Vec<usize>);
/// Tokens, their logarithms by the model and by the filters, and the number of the stop.
type Sample<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<f32>>, Option<usize>);
/// Tokens, score, the sum of the logarithms, and the number of the stop.
type Hypothesis<'py> = (Bound<'py, PyArray1<i64>>, f64, f64, Option<usize>);

fn filters(plain: &[Plain]) -> PyResult<Vec<Filter>> {
    plain.iter().map(|(name, numbers, counts)| Filter::parse(name, numbers, counts).map_err(raise)).collect()
}

fn numbers<'py>(py: Python<'py>, tokens: &[u32]) -> Bound<'py, PyArray1<i64>> {
    PyArray1::from_iter(py, tokens.iter().map(|token| i64::from(*token)))
}

/// A sampling under way: of all samples at once by ``run``, or of one token by token by ``next``.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct Sampler {
    /// With the number of tokens handed out.
    sampler: Mutex<(decode::Sampler, usize)>,
}

#[pymethods]
impl Sampler {
    /// Goes on from the state of a stream, which stays as it is, with a prompt [T] for each of its rows.
    #[new]
    #[pyo3(signature = (stream, prompts, filters, stops, length, seed, first, samples, /))]
    fn new(
        stream: &TokenStream,
        prompts: Vec<Bound<'_, PyAny>>,
        filters: Vec<Plain>,
        stops: Vec<Vec<u32>>,
        length: usize,
        seed: u64,
        first: u64,
        samples: u64,
    ) -> PyResult<Self> {
        guard(|| {
            let model = stream.model()?;
            let vocabulary = model.vocabulary();
            let prompts = prompts
                .iter()
                .enumerate()
                .map(|(index, prompt)| array::tokens(&format!("prompt[{index}]"), prompt, vocabulary))
                .collect::<PyResult<Vec<_>>>()?;
            let filters = self::filters(&filters)?;
            let stops = Stops::new(stops, vocabulary).map_err(raise)?;
            let samples = first..first.saturating_add(samples);
            let plan = Plan { filters, stops, length, seed, samples };
            let sampler = decode::Sampler::new(model, &prompts, plan).map_err(raise)?;
            Ok(Sampler { sampler: Mutex::new((sampler, 0)) })
        })
    }

    /// The samples of each prompt: tokens, their logarithms by the model and after the filters, the stop's number.
    fn run<'py>(&self, py: Python<'py>) -> PyResult<Vec<Vec<Sample<'py>>>> {
        guard(|| {
            let samples = py.detach(|| {
                self.with(|(sampler, _)| {
                    sampler.run().map_err(raise)?;
                    sampler.samples().map_err(raise)
                })
            })?;
            let plain = |sample: &decode::Sample| {
                let values = |values: &[f32]| PyArray1::from_slice(py, values);
                let tokens = numbers(py, &sample.tokens);
                (tokens, values(&sample.log_probabilities), values(&sample.filtered), sample.stop)
            };
            Ok(samples.iter().map(|samples| samples.iter().map(plain).collect()).collect())
        })
    }

    /// The next tokens of the only sample, one or a few; none if it is finished.
    fn next(&self, py: Python<'_>) -> PyResult<Vec<u32>> {
        guard(|| {
            py.detach(|| {
                self.with(|(sampler, given)| {
                    let tokens = sampler.next(*given).map_err(raise)?.to_vec();
                    *given += tokens.len();
                    Ok(tokens)
                })
            })
        })
    }
}

impl Sampler {
    /// Tries the lock and never waits: two threads in one sampling are a mistake.
    fn with<T>(&self, call: impl FnOnce(&mut (decode::Sampler, usize)) -> PyResult<T>) -> PyResult<T> {
        match self.sampler.try_lock() {
            Ok(mut sampler) => call(&mut sampler),
            Err(TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("this sampling is under way in another thread; begin one for each thread"))
            }
            Err(TryLockError::Poisoned(_)) => {
                Err(PyRuntimeError::new_err("this sampling was stopped half-way; begin another one"))
            }
        }
    }
}

/// What filters make of logits [N, V], each row with the history [T] of which the last `drawn` were drawn.
#[pyfunction]
#[pyo3(signature = (logits, histories, drawn, filters, ends, /))]
pub fn filter_logits<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    histories: Vec<Bound<'py, PyAny>>,
    drawn: Vec<usize>,
    filters: Vec<Plain>,
    ends: Vec<u32>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    guard(|| {
        let logits = Input::new("logits", logits, &[("N", None), ("V", None)])?;
        let [rows, width] = [logits.shape()[0], logits.shape()[1]];
        if histories.len() != rows || drawn.len() != rows {
            let got = format!("[{}] and [{}]", histories.len(), drawn.len());
            return Err(raise(Error::shape("the histories and what was drawn", format!("[N={rows}]"), got)));
        }
        let histories = histories
            .iter()
            .enumerate()
            .map(|(row, history)| array::tokens(&format!("history[{row}]"), history, width))
            .collect::<PyResult<Vec<_>>>()?;
        let (filters, level) = (self::filters(&filters)?, simd::level().map_err(raise)?);
        let stops = Stops::new(ends.into_iter().map(|end| vec![end]).collect(), width).map_err(raise)?;
        filters.iter().try_for_each(|filter| filter.check(width, stops.ends())).map_err(raise)?;
        let filtered = array::zeros::<f32, Ix2>(py, [rows, width])?;
        {
            let mut target = filtered.readwrite();
            let (from, to) = (logits.slice(), target.as_slice_mut().expect("a new array is contiguous"));
            py.detach(|| {
                let mut scratch = Scratch::default();
                to.copy_from_slice(from);
                for (row, values) in to.chunks_exact_mut(width.max(1)).enumerate() {
                    let context = Context { history: &histories[row], drawn: drawn[row], ends: stops.ends() };
                    decode::filter(level, &filters, &context, values, &mut scratch)?;
                }
                Ok(())
            })
            .map_err(raise)?;
        }
        Ok(filtered)
    })
}

/// The best sequences after a prompt [T], the best one first: tokens, score, sum of logarithms, the stop's number.
#[pyfunction]
#[pyo3(signature = (stream, prompt, filters, stops, length, width, n_best, penalty, /))]
pub fn beam_search<'py>(
    py: Python<'py>,
    stream: &TokenStream,
    prompt: &Bound<'py, PyAny>,
    filters: Vec<Plain>,
    stops: Vec<Vec<u32>>,
    length: usize,
    width: usize,
    n_best: usize,
    penalty: (String, f64),
) -> PyResult<Vec<Hypothesis<'py>>> {
    guard(|| {
        let model = stream.model()?;
        let vocabulary = model.vocabulary();
        let prompt = array::tokens("prompt", prompt, vocabulary)?;
        let search = Search {
            filters: self::filters(&filters)?,
            stops: Stops::new(stops, vocabulary).map_err(raise)?,
            length,
            width,
            count: n_best,
            penalty: Penalty::parse(&penalty.0, penalty.1).map_err(raise)?,
        };
        let found = py.detach(|| search.run(model, &prompt)).map_err(raise)?;
        let plain =
            |found: &decode::Hypothesis| (numbers(py, &found.tokens), found.score, found.log_probability, found.stop);
        Ok(found.iter().map(plain).collect())
    })
}
