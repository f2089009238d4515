//! Layers for Python.

use super::array::{self, Axis, Input, Output};
use super::errors::{guard, raise};
use crate::Error;
use crate::layers::init::{self, Init, Scheme};
use crate::layers::{self, Activation, Cell, Config, Lstm, Merge, Packed, Pass, State};
use crate::view::{Seq, SeqMut};
use numpy::prelude::*;
use numpy::{PyArray3, PyArrayDyn};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, TryLockError};

type Array<'py> = Bound<'py, PyArrayDyn<f32>>;
type Parts<'py> = Vec<Array<'py>>;
/// h or c as Python gives it: one array `[L*D, B, H]`, or `[D, B, H_l]` for each layer.
type GivenParts<'py> = Option<Vec<Bound<'py, PyAny>>>;

/// The arithmetic of an LSTM stack, with the packed copy of the parameters that it saw last.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct LstmCore {
    lstm: Arc<Lstm>,
    packed: Mutex<Option<(Vec<u64>, Arc<Packed>)>>,
}

#[pymethods]
impl LstmCore {
    #[new]
    #[pyo3(signature = (input_size, hidden_sizes, *, bidirectional, merge, proj_size, layer_norm, peephole, coupled, input_gate,
        forget_gate, output_gate, input_activation, output_activation, clip, dropout, input_dropout, recurrent_dropout,
        locked_dropout, zoneout_h, zoneout_c, weight_drop))]
    fn new(
        input_size: usize,
        hidden_sizes: Vec<usize>,
        bidirectional: bool,
        merge: &str,
        proj_size: Option<usize>,
        layer_norm: bool,
        peephole: bool,
        coupled: bool,
        input_gate: bool,
        forget_gate: bool,
        output_gate: bool,
        input_activation: &str,
        output_activation: &str,
        clip: Option<f32>,
        dropout: f32,
        input_dropout: f32,
        recurrent_dropout: f32,
        locked_dropout: bool,
        zoneout_h: f32,
        zoneout_c: f32,
        weight_drop: f32,
    ) -> PyResult<Self> {
        guard(|| {
            let cell = Cell {
                peephole,
                coupled,
                input_gate,
                forget_gate,
                output_gate,
                input_activation: input_activation.parse::<Activation>().map_err(raise)?,
                output_activation: output_activation.parse::<Activation>().map_err(raise)?,
                clip,
            };
            let config = Config {
                input_size,
                hidden_sizes,
                bidirectional,
                merge: merge.parse::<Merge>().map_err(raise)?,
                proj_size,
                layer_norm,
                cell,
                dropout,
                input_dropout,
                recurrent_dropout,
                locked_dropout,
                zoneout_h,
                zoneout_c,
                weight_drop,
            };
            let lstm = Arc::new(Lstm::new(config).map_err(raise)?);
            Ok(LstmCore { lstm, packed: Mutex::new(None) })
        })
    }

    /// The extent of the last axis of y.
    #[getter]
    fn output_size(&self) -> PyResult<usize> {
        guard(|| Ok(self.lstm.output_size()))
    }

    /// Names and shapes of the parameters, in order.
    fn specs(&self) -> PyResult<Vec<(String, Vec<usize>)>> {
        guard(|| Ok(self.lstm.specs().iter().map(|spec| (spec.name.clone(), spec.shape.clone())).collect()))
    }

    /// The shapes of h and of c for a batch: one `[L*D, B, H]`, or a `[D, B, H_l]` for each layer where these differ.
    fn state_shapes(&self, batch: usize) -> PyResult<(Vec<[usize; 3]>, Vec<[usize; 3]>)> {
        guard(|| {
            let shapes = Shapes::of(self.lstm.config());
            Ok((shapes.blocks(&shapes.h, batch), shapes.blocks(&shapes.c, batch)))
        })
    }

    /// First values of the parameters, in order.
    #[pyo3(signature = (scheme, forget_bias, chrono, seed, /))]
    fn init<'py>(
        &self,
        py: Python<'py>,
        scheme: &str,
        forget_bias: Option<f32>,
        chrono: Option<f32>,
        seed: u64,
    ) -> PyResult<Parts<'py>> {
        guard(|| {
            let init = Init { scheme: scheme.parse::<Scheme>().map_err(raise)?, forget_bias, chrono };
            let values =
                py.detach(|| init::parameters(self.lstm.config(), self.lstm.specs(), &init, seed)).map_err(raise)?;
            values.iter().zip(self.lstm.specs()).map(|(values, spec)| array::output(py, &spec.shape, values)).collect()
        })
    }

    /// A whole batch: (y, parts of h, parts of c, cache or None).
    #[pyo3(signature = (params, versions, x, lengths, h, c, draw, record, /))]
    fn forward<'py>(
        &self,
        py: Python<'py>,
        params: Vec<Bound<'py, PyAny>>,
        versions: Vec<u64>,
        x: &Bound<'py, PyAny>,
        lengths: Option<&Bound<'py, PyAny>>,
        h: GivenParts<'py>,
        c: GivenParts<'py>,
        draw: Option<(u64, u64)>,
        record: bool,
    ) -> PyResult<(Bound<'py, PyArray3<f32>>, Parts<'py>, Parts<'py>, Option<Cache>)> {
        guard(|| {
            let config = self.lstm.config();
            let input = Input::new("x", x, &[("B", None), ("T", None), ("C", Some(config.input_size))])?;
            let [batch, time] = [input.shape()[0], input.shape()[1]];
            let lengths = lengths.map(|lengths| array::lengths(lengths, batch, time)).transpose()?;
            let shapes = Shapes::of(config);
            let state = shapes.state(("h of state", h), ("c of state", c), batch)?;
            let packed = self.packed(py, &params, versions)?;
            let y = PyArray3::zeros(py, [batch, time, self.lstm.output_size()], false);
            let pass = match (draw, record) {
                (Some((seed, step)), _) => Pass::Train { seed, step },
                (None, true) => Pass::Record,
                (None, false) => Pass::Infer,
            };
            let (last, cache) = {
                let mut y = y.readwrite();
                let values = y.as_slice_mut().expect("a new array is contiguous");
                let x = input.slice();
                py.detach(|| {
                    let x = Seq::new(x, [batch, time, config.input_size])?;
                    let y = SeqMut::new(values, [batch, time, self.lstm.output_size()])?;
                    self.lstm.forward(&packed, x, lengths.as_deref(), state.as_ref(), y, pass)
                })
                .map_err(raise)?
            };
            let cache = cache.filter(|_| record).map(|cache| {
                let recorded = Recorded { cache, packed, x: input.array().clone().unbind() };
                Cache { lstm: self.lstm.clone(), shape: [batch, time], recorded: Mutex::new(Some(recorded)) }
            });
            Ok((y, shapes.parts(py, &shapes.h, batch, &last.h)?, shapes.parts(py, &shapes.c, batch, &last.c)?, cache))
        })
    }

    /// A stream of single steps with these parameters, as they are now; (h, c) is where it begins and resets to.
    #[pyo3(signature = (params, versions, batch, h, c, /))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        params: Vec<Bound<'py, PyAny>>,
        versions: Vec<u64>,
        batch: usize,
        h: GivenParts<'py>,
        c: GivenParts<'py>,
    ) -> PyResult<Stream> {
        guard(|| {
            let packed = self.packed(py, &params, versions)?;
            let initial = Shapes::of(self.lstm.config()).state(("h of state", h), ("c of state", c), batch)?;
            let mut stream = self.lstm.stream(packed, batch).map_err(raise)?;
            if let Some(initial) = &initial {
                stream.set_state(initial).map_err(raise)?;
            }
            Ok(Stream { lstm: self.lstm.clone(), batch, initial: initial.map(Arc::new), stream: Mutex::new(stream) })
        })
    }
}

impl LstmCore {
    /// The packed parameters of these versions; packs only when the versions are new.
    fn packed(&self, py: Python<'_>, params: &[Bound<'_, PyAny>], versions: Vec<u64>) -> PyResult<Arc<Packed>> {
        if let Some((known, packed)) = &*self.packed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
            && *known == versions
        {
            return Ok(packed.clone());
        }
        let specs = self.lstm.specs();
        if params.len() != specs.len() || versions.len() != specs.len() {
            return Err(raise(Error::shape("params", format!("[{}]", specs.len()), format!("[{}]", params.len()))));
        }
        let inputs = specs
            .iter()
            .zip(params)
            .map(|(spec, param)| Input::new(&spec.name, param, &fixed(&spec.shape)))
            .collect::<PyResult<Vec<_>>>()?;
        let slices: Vec<&[f32]> = inputs.iter().map(Input::slice).collect();
        let packed = Arc::new(py.detach(|| self.lstm.pack(&slices)).map_err(raise)?);
        *self.packed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((versions, packed.clone()));
        Ok(packed)
    }
}

/// What `backward` needs of a forward pass; it can be used once.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct Cache {
    lstm: Arc<Lstm>,
    /// B and T.
    shape: [usize; 2],
    recorded: Mutex<Option<Recorded>>,
}

struct Recorded {
    cache: layers::Cache,
    packed: Arc<Packed>,
    x: Py<PyArrayDyn<f32>>,
}

#[pymethods]
impl Cache {
    /// (dx or None, parts of dh0, parts of dc0); the parameters' gradients are added to `grads`.
    #[pyo3(signature = (dy, dh, dc, grads, need_dx, /))]
    fn backward<'py>(
        &self,
        py: Python<'py>,
        dy: Option<&Bound<'py, PyAny>>,
        dh: GivenParts<'py>,
        dc: GivenParts<'py>,
        grads: Vec<Bound<'py, PyAny>>,
        need_dx: bool,
    ) -> PyResult<(Option<Bound<'py, PyArray3<f32>>>, Parts<'py>, Parts<'py>)> {
        guard(|| {
            let [batch, time] = self.shape;
            let (config, specs) = (self.lstm.config(), self.lstm.specs());
            let width = self.lstm.output_size();
            let dy = dy
                .map(|dy| Input::new("dy", dy, &[("B", Some(batch)), ("T", Some(time)), ("D*H", Some(width))]))
                .transpose()?;
            let shapes = Shapes::of(config);
            let dstate = shapes.state(("dh", dh), ("dc", dc), batch)?;
            if grads.len() != specs.len() {
                return Err(raise(Error::shape("grads", format!("[{}]", specs.len()), format!("[{}]", grads.len()))));
            }
            let mut outputs = specs
                .iter()
                .zip(&grads)
                .map(|(spec, grad)| Output::new(&format!("the gradient of {}", spec.name), grad, &fixed(&spec.shape)))
                .collect::<PyResult<Vec<_>>>()?;
            let dx = need_dx.then(|| PyArray3::zeros(py, [batch, time, config.input_size], false));
            // All arguments are right: only now is the record used up.
            let recorded = self.recorded.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            let Recorded { cache, packed, x } = recorded.ok_or_else(|| {
                PyRuntimeError::new_err(
                    "this forward pass was already taken backward; run forward again for a second gradient",
                )
            })?;
            let x = Input::any_shape("x", x.bind(py))?;
            let first = {
                let mut dx = dx.as_ref().map(|dx| dx.readwrite());
                let dx = dx.as_mut().map(|dx| dx.as_slice_mut().expect("a new array is contiguous"));
                let mut grads: Vec<&mut [f32]> = outputs.iter_mut().map(Output::slice).collect();
                let (x, dy) = (x.slice(), dy.as_ref().map(Input::slice));
                py.detach(|| {
                    let shape = [batch, time, config.input_size];
                    let x = Seq::new(x, shape)?;
                    let dy = dy.map(|dy| Seq::new(dy, [batch, time, width])).transpose()?;
                    let dx = dx.map(|dx| SeqMut::new(dx, shape)).transpose()?;
                    self.lstm.backward(&packed, x, cache, dy, dstate.as_ref(), &mut grads, dx)
                })
                .map_err(raise)?
            };
            Ok((dx, shapes.parts(py, &shapes.h, batch, &first.h)?, shapes.parts(py, &shapes.c, batch, &first.c)?))
        })
    }
}

/// One step at a time with frozen weights.
///
/// Made by ``LSTM.stream``. The result is that of the whole sequence, bit for bit.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct Stream {
    lstm: Arc<Lstm>,
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
                None if row => numpy::PyArray1::<f32>::zeros(py, width, false).into_any(),
                None => numpy::PyArray2::<f32>::zeros(py, [self.batch, width], false).into_any(),
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

    /// A second stream that goes on from the same state, independently.
    fn fork(&self) -> PyResult<Stream> {
        guard(|| {
            let stream = self.with(|stream| Ok(stream.fork()))?;
            let (lstm, initial) = (self.lstm.clone(), self.initial.clone());
            Ok(Stream { lstm, batch: self.batch, initial, stream: Mutex::new(stream) })
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
        format!(
            "Stream(batch_size={}, input_size={}, output_size={})",
            self.batch,
            config.input_size,
            self.lstm.output_size()
        )
    }
}

impl Stream {
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

fn fixed(shape: &[usize]) -> Vec<Axis<'static>> {
    shape.iter().map(|extent| ("", Some(*extent))).collect()
}

/// How h and c are cut into arrays.
struct Shapes {
    directions: usize,
    /// The width of h in each layer.
    h: Vec<usize>,
    /// The width of c in each layer.
    c: Vec<usize>,
}

impl Shapes {
    fn of(config: &Config) -> Self {
        let h = config.hidden_sizes.iter().map(|hidden| config.proj_size.unwrap_or(*hidden)).collect();
        Shapes { directions: 1 + usize::from(config.bidirectional), h, c: config.hidden_sizes.clone() }
    }

    /// The blocks that lie one after another: a single one where all layers have one width.
    fn blocks(&self, widths: &[usize], batch: usize) -> Vec<[usize; 3]> {
        if widths.windows(2).all(|pair| pair[0] == pair[1]) {
            vec![[self.directions * widths.len(), batch, widths[0]]]
        } else {
            self.blocks_by_layer(widths, batch)
        }
    }

    fn blocks_by_layer(&self, widths: &[usize], batch: usize) -> Vec<[usize; 3]> {
        widths.iter().map(|width| [self.directions, batch, *width]).collect()
    }

    fn parts<'py>(&self, py: Python<'py>, widths: &[usize], batch: usize, values: &[f32]) -> PyResult<Parts<'py>> {
        let mut rest = values;
        let blocks = self.blocks(widths, batch).into_iter().map(|shape| {
            let (block, after) = rest.split_at(shape.iter().product());
            rest = after;
            array::output(py, &shape, block)
        });
        blocks.collect()
    }

    /// Both parts, with zeros for one that is missing; None if both are.
    fn state(&self, h: (&str, GivenParts<'_>), c: (&str, GivenParts<'_>), batch: usize) -> PyResult<Option<State>> {
        if h.1.is_none() && c.1.is_none() {
            return Ok(None);
        }
        Ok(Some(State { h: self.join(h, &self.h, batch)?, c: self.join(c, &self.c, batch)? }))
    }

    fn join(&self, (name, parts): (&str, GivenParts<'_>), widths: &[usize], batch: usize) -> PyResult<Vec<f32>> {
        let Some(parts) = parts else {
            return Ok(vec![0.0; self.directions * batch * widths.iter().sum::<usize>()]);
        };
        let whole = self.blocks(widths, batch);
        let blocks = if parts.len() == whole.len() { whole } else { self.blocks_by_layer(widths, batch) };
        if parts.len() != blocks.len() {
            let expected = format!("[L={}] as a list of [D, B, H], one for each layer", widths.len());
            return Err(raise(Error::shape(name, expected, format!("[{}]", parts.len()))));
        }
        let mut joined = Vec::new();
        for (layer, (part, [first, rows, width])) in parts.iter().zip(&blocks).enumerate() {
            let (name, letter) = match blocks.len() {
                1 => (name.to_string(), "L*D"),
                _ => (format!("{name}[{layer}]"), "D"),
            };
            let input = Input::new(&name, part, &[(letter, Some(*first)), ("B", Some(*rows)), ("H", Some(*width))])?;
            joined.extend_from_slice(input.slice());
        }
        Ok(joined)
    }

    fn copy_rows(&self, widths: &[usize], batch: usize, from: &[f32], to: &mut [f32], chosen: impl Fn(usize) -> bool) {
        let mut at = 0;
        for width in widths {
            for row in 0..self.directions * batch {
                if chosen(row % batch) {
                    to[at..at + width].copy_from_slice(&from[at..at + width]);
                }
                at += width;
            }
        }
    }
}
