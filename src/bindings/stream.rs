//! Single steps, for Python.

use super::array::{self, Axis, Input, Output};
use super::errors::{guard, raise};
use super::state::{Given, Parts, Shapes};
use crate::Error;
use crate::layers::{self, Lstm, Packed, Precision, State};
use numpy::{Ix1, Ix2};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, TryLockError};

/// One step at a time with frozen weights.
///
/// Made by ``LSTM.stream``. With weights of f32 the result is that of the whole sequence, bit for bit.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct Stream {
    lstm: Arc<Lstm>,
    packed: Arc<Packed>,
    batch: usize,
    initial: Option<Arc<State>>,
    stream: Mutex<layers::Stream>,
}

/// Above this many multiply-adds (some tens of µs) a step lets other Python threads run.
const LONG_STEP: usize = 1 << 20;

#[pymethods]
impl Stream {
    /// The output y [B, D*H] of the next step, from x [B, C]; `out`, if given, receives it and is returned.
    ///
    /// With ``batch_size=1`` x may be [C], and y is then [D*H].
    #[pyo3(signature = (x, out=None))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guard(|| {
            let (channels, width) = (self.lstm.config().input_size, self.lstm.output_size());
            let x = Input::any_shape("x", x)?;
            let row = match *x.shape() {
                [c] if c == channels && self.batch == 1 => true,
                [b, c] if b == self.batch && c == channels => false,
                _ => {
                    let expected = format!("[B={}, C={channels}]", self.batch);
                    return Err(raise(Error::shape("x", expected, format!("{:?}", x.shape()))));
                }
            };
            let axes: &[Axis<'_>] = &[("B", Some(self.batch)), ("D*H", Some(width))][usize::from(row)..];
            let y = match out {
                Some(out) => out.clone(),
                None if row => array::zeros::<f32, Ix1>(py, [width])?.into_any(),
                None => array::zeros::<f32, Ix2>(py, [self.batch, width])?.into_any(),
            };
            let mut target = Output::new("out", &y, axes)?;
            let (x, target_slice) = (x.slice(), target.slice());
            let mut step = move || self.with(|stream| stream.step(x, target_slice).map_err(raise));
            if self.work() < LONG_STEP { step() } else { py.detach(step) }?;
            drop(target);
            Ok(y)
        })
    }

    /// The state (h, c): each [L*D, B, H], or a list of [D, B, H_l] where the layers' sizes differ.
    #[getter]
    fn get_state<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        guard(|| {
            let state = self.with(|stream| Ok(stream.state()))?;
            let shapes = Shapes::of(self.lstm.config());
            let one = |parts: Parts<'py>| match &parts[..] {
                [part] => Ok(part.clone().into_any()),
                _ => parts.into_pyobject(py).map(|list| list.into_any()),
            };
            Ok((
                one(shapes.parts(py, &shapes.h, self.batch, &state.h)?)?,
                one(shapes.parts(py, &shapes.c, self.batch, &state.c)?)?,
            ))
        })
    }

    #[setter]
    fn set_state<'py>(&self, state: (Bound<'py, PyAny>, Bound<'py, PyAny>)) -> PyResult<()> {
        guard(|| {
            let shapes = Shapes::of(self.lstm.config());
            let (h, c) = (Some(array::by_layer(state.0)?), Some(array::by_layer(state.1)?));
            let state = shapes.state(("h of state", h), ("c of state", c), self.batch)?.expect("both were given");
            self.with(|stream| stream.set_state(&state).map_err(raise))
        })
    }

    /// The number of rows B.
    #[getter]
    fn batch_size(&self) -> usize {
        self.batch
    }

    /// The numbers in which it keeps its matrices: f32, f16 or int8.
    #[getter]
    fn weights(&self) -> &'static str {
        self.packed.precision().name()
    }

    /// The bytes of the weights that it keeps; forks and other streams of the same layer share them.
    #[getter]
    fn nbytes(&self) -> usize {
        self.packed.bytes()
    }

    /// A second stream that goes on from the same state, independently.
    fn fork(&self) -> PyResult<Stream> {
        guard(|| {
            let stream = self.with(|stream| Ok(stream.fork()))?;
            let (lstm, packed, initial) = (self.lstm.clone(), self.packed.clone(), self.initial.clone());
            Ok(Stream { lstm, packed, batch: self.batch, initial, stream: Mutex::new(stream) })
        })
    }

    /// Back to the initial state, in the rows where `mask` [B] is true or in all of them.
    #[pyo3(signature = (mask=None))]
    fn reset(&self, mask: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        guard(|| {
            let mask = mask.map(|mask| array::mask(mask, self.batch)).transpose()?;
            self.with(|stream| match &self.initial {
                None => stream.reset(mask.as_deref()).map_err(raise),
                Some(initial) => {
                    let mut state = stream.state();
                    let shapes = Shapes::of(self.lstm.config());
                    let chosen = |row: usize| mask.as_ref().is_none_or(|mask| mask[row]);
                    shapes.copy_rows(&shapes.h, self.batch, &initial.h, &mut state.h, chosen);
                    shapes.copy_rows(&shapes.c, self.batch, &initial.c, &mut state.c, chosen);
                    stream.set_state(&state).map_err(raise)
                }
            })
        })
    }

    fn __repr__(&self) -> String {
        let config = self.lstm.config();
        let weights = match self.packed.precision() {
            Precision::F32 => String::new(),
            narrow => format!(", weights='{}'", narrow.name()),
        };
        format!(
            "Stream(batch_size={}, input_size={}, output_size={}{weights})",
            self.batch,
            config.input_size,
            self.lstm.output_size()
        )
    }
}

impl Stream {
    /// A stream that begins at (h, c), or at zero, and resets to it.
    pub fn new(lstm: Arc<Lstm>, packed: Arc<Packed>, batch: usize, (h, c): (Given<'_>, Given<'_>)) -> PyResult<Self> {
        let initial = Shapes::of(lstm.config()).state(("h of state", h), ("c of state", c), batch)?;
        let mut stream = lstm.stream(packed.clone(), batch).map_err(raise)?;
        if let Some(initial) = &initial {
            stream.set_state(initial).map_err(raise)?;
        }
        Ok(Stream { lstm, packed, batch, initial: initial.map(Arc::new), stream: Mutex::new(stream) })
    }

    /// Tries the lock and never waits: a stream is one sequence of steps, and two threads in it are a mistake.
    fn with<T>(&self, call: impl FnOnce(&mut layers::Stream) -> PyResult<T>) -> PyResult<T> {
        match self.stream.try_lock() {
            Ok(mut stream) => call(&mut stream),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "this stream is in use by another thread; give each thread a fork() of its own",
            )),
            Err(TryLockError::Poisoned(_)) => {
                Err(PyRuntimeError::new_err("this stream was broken by an earlier RustPanic"))
            }
        }
    }

    /// Multiply-adds of one step, about.
    fn work(&self) -> usize {
        self.lstm.specs().iter().map(|spec| spec.shape.iter().product::<usize>()).sum::<usize>() * self.batch
    }
}
