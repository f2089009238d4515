//! Streams of tokens, for Python.

use super::array::{self, Input, fixed};
use super::errors::{guard, raise};
use super::layers::LstmCore;
use super::state::{Given, Shapes};
use crate::Error;
use crate::decode::TokenModel;
use crate::layers::linear::Linear;
use crate::layers::{LanguageModel, Memory, Parts, Precision};
use numpy::prelude::*;
use numpy::{Ix2, PyArray2};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, TryLockError};

/// Sequences of a model that grow by a token at a time, with frozen weights.
///
/// Made by ``token_stream`` of a model. What it gives is what the model gives for the whole sequence, bit for bit.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct TokenStream {
    model: Mutex<Box<dyn TokenModel>>,
    vocabulary: usize,
}

#[pymethods]
impl TokenStream {
    /// The logits [B, V] of the next tokens, from tokens [B].
    fn step<'py>(&self, py: Python<'py>, tokens: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        guard(|| {
            let rows = self.with(|model| Ok(model.rows()))?;
            let tokens = array::tokens("tokens", tokens, self.vocabulary)?;
            if tokens.len() != rows {
                return Err(raise(Error::shape("tokens", format!("[B={rows}]"), format!("[{}]", tokens.len()))));
            }
            let logits = array::zeros::<f32, Ix2>(py, [rows, self.vocabulary])?;
            {
                let mut target = logits.readwrite();
                let to = target.as_slice_mut().expect("a new array is contiguous");
                py.detach(|| self.with(|model| model.step(&tokens, to).map_err(raise)))?;
            }
            Ok(logits)
        })
    }

    /// Makes the rows copies of those with these numbers, which may be more or fewer than there were.
    fn select(&self, rows: Vec<usize>) -> PyResult<()> {
        guard(|| self.with(|model| model.select(&rows).map_err(raise)))
    }

    /// A second stream that goes on from the same state, independently.
    fn fork(&self) -> PyResult<TokenStream> {
        guard(|| Ok(TokenStream::new(self.model()?)))
    }

    /// The number of rows B.
    #[getter]
    fn batch_size(&self) -> PyResult<usize> {
        guard(|| self.with(|model| Ok(model.rows())))
    }

    /// The number of tokens V.
    #[getter]
    fn vocabulary_size(&self) -> usize {
        self.vocabulary
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("TokenStream(batch_size={}, vocabulary_size={})", self.batch_size()?, self.vocabulary))
    }
}

impl TokenStream {
    /// A stream of any model.
    pub fn new(model: Box<dyn TokenModel>) -> Self {
        TokenStream { vocabulary: model.vocabulary(), model: Mutex::new(model) }
    }

    /// A model that goes on from here on its own.
    pub fn model(&self) -> PyResult<Box<dyn TokenModel>> {
        self.with(|model| Ok(model.fork()))
    }

    /// Tries the lock and never waits: a stream is one sequence of steps, and two threads in it are a mistake.
    fn with<T>(&self, call: impl FnOnce(&mut dyn TokenModel) -> PyResult<T>) -> PyResult<T> {
        match self.model.try_lock() {
            Ok(mut model) => call(&mut **model),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "this stream is in use by another thread; give each thread a fork() of its own",
            )),
            Err(TryLockError::Poisoned(_)) => {
                Err(PyRuntimeError::new_err("this stream was broken by an earlier RustPanic"))
            }
        }
    }
}

/// A matrix and perhaps a bias.
type Map<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// The keys [S, H] and values [S, M] that a sequence looks back at.
type Looked<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// A stream of tokens through an embedding [V, E] (or none: a one at the token's place), an LSTM from (h, c) on, a
/// projection and a head, with these parameters as they are now. The copies that it needs are kept by their versions.
/// With memories, one for each sequence, the projection takes what is seen of them beside the LSTM's output.
#[pyfunction]
#[pyo3(signature = (core, params, versions, batch, h, c, embedding, projection, head, around, memories, /))]
pub fn token_stream<'py>(
    py: Python<'py>,
    core: &LstmCore,
    params: Vec<Bound<'py, PyAny>>,
    versions: Vec<u64>,
    batch: usize,
    h: Given<'py>,
    c: Given<'py>,
    embedding: Option<Bound<'py, PyAny>>,
    projection: Option<Map<'py>>,
    head: Map<'py>,
    around: Vec<u64>,
    memories: Option<Vec<Looked<'py>>>,
) -> PyResult<TokenStream> {
    guard(|| {
        let memories = memories.map(|all| all.iter().map(memory).collect::<PyResult<Vec<_>>>()).transpose()?;
        let width = memories.as_ref().map(|all| all.first().map_or(0, |memory| memory.1));
        let initial = Shapes::of(core.lstm.config()).state(("h of state", h), ("c of state", c), batch)?;
        let all = [versions.clone(), around].concat();
        let packed = core.packed(py, Precision::F32, &params, versions)?;
        let known = core.language.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let model = match known.filter(|(versions, _)| *versions == all) {
            Some((_, model)) => model,
            None => {
                let embedding = embedding.map(|table| Input::any_shape("embedding", &table)).transpose()?;
                let projection = projection.map(|map| Arrays::new("projection", &map)).transpose()?;
                let head = Arrays::new("head", &head)?;
                let parts = Parts {
                    embedding: embedding.as_ref().map(Input::slice),
                    projection: projection.as_ref().map(Arrays::linear),
                    memory: width,
                    head: head.linear(),
                };
                let made = py.detach(|| LanguageModel::new((*core.lstm).clone(), packed, parts));
                let model = Arc::new(made.map_err(raise)?);
                let kept = Some((all, model.clone()));
                *core.language.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = kept;
                model
            }
        };
        let mut stream = match memories {
            None => model.stream(batch),
            Some(all) => model.stream_with(all.into_iter().map(|(memory, _)| memory).collect()),
        }
        .map_err(raise)?;
        if let Some(initial) = &initial {
            stream.set_state(initial).map_err(raise)?;
        }
        Ok(TokenStream::new(Box::new(stream)))
    })
}

/// A copy of what a sequence looks back at, and the width of its values.
fn memory((keys, values): &Looked<'_>) -> PyResult<(Arc<Memory>, usize)> {
    let keys = Input::new("keys", keys, &[("S", None), ("H", None)])?;
    let steps = keys.shape()[0];
    let values = Input::new("values", values, &[("S", Some(steps)), ("M", None)])?;
    let memory = Memory { keys: keys.slice().to_vec(), values: values.slice().to_vec(), steps };
    Ok((Arc::new(memory), values.shape()[1]))
}

/// The arrays of a linear map.
struct Arrays<'py> {
    weight: Input<'py>,
    bias: Option<Input<'py>>,
    features: [usize; 2],
}

impl<'py> Arrays<'py> {
    fn new(name: &str, (weight, bias): &Map<'py>) -> PyResult<Self> {
        let weight = Input::new(name, weight, &[("O", None), ("C", None)])?;
        let features = [weight.shape()[0], weight.shape()[1]];
        let bias = bias.as_ref().map(|bias| Input::new(&format!("{name}'s bias"), bias, &fixed(&features[..1])));
        Ok(Arrays { weight, bias: bias.transpose()?, features })
    }

    fn linear(&self) -> Linear<'_> {
        Linear { weight: self.weight.slice(), bias: self.bias.as_ref().map(Input::slice), features: self.features }
    }
}
