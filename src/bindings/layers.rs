//! A stack of LSTM layers over whole batches, for Python.

use super::array::{self, Input};
use super::errors::{guard, raise};
use super::state::{Given, Parts, Shapes};
use super::stream::Stream;
use crate::Error;
use crate::layers::init::{self, Init, Scheme};
use crate::layers::{self, Activation, Cell, Config, LanguageModel, Lstm, Merge, Packed, Pass, Precision};
use crate::view::{Seq, SeqMut};
use numpy::prelude::*;
use numpy::{PyArray3, PyArrayDyn};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex};

/// y, the parts of h and of c, and what backward needs.
type Forward<'py> = (Bound<'py, PyArray3<f32>>, Parts<'py>, Parts<'py>, Option<Cache>);
/// dx if it was asked for, the parts of dh0 and of dc0, and the gradients of the parameters in order.
type Backward<'py> = (Option<Bound<'py, PyArray3<f32>>>, Parts<'py>, Parts<'py>, Parts<'py>);

/// The parameters of these versions, packed.
type Kept = Mutex<Option<(Vec<u64>, Arc<Packed>)>>;

/// The arithmetic of an LSTM stack, with the packed copies of the parameters that it saw last.
#[pyclass(frozen, module = "rustlstm._core")]
pub struct LstmCore {
    pub(super) lstm: Arc<Lstm>,
    /// One for each precision, as far as they were asked for.
    packed: [Kept; Precision::ALL.len()],
    /// The same with the layers around it, of streams of tokens.
    pub(super) language: Mutex<Option<(Vec<u64>, Arc<LanguageModel>)>>,
}

#[pymethods]
impl LstmCore {
    #[new]
    #[pyo3(signature = (input_size, hidden_sizes, *, bidirectional=false, merge="concat", proj_size=None, layer_norm=false, peephole,
        coupled, input_gate, forget_gate, output_gate, input_activation, output_activation, clip, dropout=0.0,
        input_dropout=0.0, recurrent_dropout=0.0, locked_dropout=false, zoneout_h=0.0, zoneout_c=0.0, weight_drop=0.0,
        recompute=false))]
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
        recompute: bool,
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
                recompute,
            };
            let lstm = Arc::new(Lstm::new(config).map_err(raise)?);
            Ok(LstmCore { lstm, packed: Default::default(), language: Mutex::default() })
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
    fn state_shapes(&self, batch: usize) -> PyResult<[Vec<[usize; 3]>; 2]> {
        guard(|| {
            let shapes = Shapes::of(self.lstm.config());
            Ok([shapes.blocks(&shapes.h, batch), shapes.blocks(&shapes.c, batch)])
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
        h: Given<'py>,
        c: Given<'py>,
        draw: Option<(u64, u64)>,
        record: bool,
    ) -> PyResult<Forward<'py>> {
        guard(|| {
            let config = self.lstm.config();
            let input = Input::new("x", x, &[("B", None), ("T", None), ("C", Some(config.input_size))])?;
            let [batch, time] = [input.shape()[0], input.shape()[1]];
            let lengths = lengths.map(|lengths| array::lengths(lengths, batch, time)).transpose()?;
            let shapes = Shapes::of(config);
            let state = shapes.state(("h of state", h), ("c of state", c), batch)?;
            let packed = self.packed(py, Precision::F32, &params, versions)?;
            let y: Bound<'py, PyArray3<f32>> = array::zeros(py, [batch, time, self.lstm.output_size()])?;
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

    /// A stream of single steps with these parameters, as they are now, its matrices in numbers of a kind of `weights`;
    /// (h, c) is where it begins and resets to.
    #[pyo3(signature = (params, versions, batch, weights, h, c, /))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        params: Vec<Bound<'py, PyAny>>,
        versions: Vec<u64>,
        batch: usize,
        weights: &str,
        h: Given<'py>,
        c: Given<'py>,
    ) -> PyResult<Stream> {
        guard(|| {
            let precision = weights.parse::<Precision>().map_err(raise)?;
            precision.check_rows(batch).map_err(raise)?;
            let packed = self.packed(py, precision, &params, versions)?;
            Stream::new(self.lstm.clone(), packed, batch, (h, c))
        })
    }
}

impl LstmCore {
    /// The packed parameters of these versions; packs only when the versions are new.
    pub(super) fn packed(
        &self,
        py: Python<'_>,
        precision: Precision,
        params: &[Bound<'_, PyAny>],
        versions: Vec<u64>,
    ) -> PyResult<Arc<Packed>> {
        let kept = &self.packed[precision as usize];
        if let Some((known, packed)) = &*kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
            && *known == versions
        {
            return Ok(packed.clone());
        }
        // Their memory serves for the new ones, unless a stream or a recorded pass still needs them.
        drop(kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take());
        let specs = self.lstm.specs();
        if params.len() != specs.len() || versions.len() != specs.len() {
            return Err(raise(Error::shape("params", format!("[{}]", specs.len()), format!("[{}]", params.len()))));
        }
        let inputs = specs
            .iter()
            .zip(params)
            .map(|(spec, param)| Input::new(&spec.name, param, &array::fixed(&spec.shape)))
            .collect::<PyResult<Vec<_>>>()?;
        let slices: Vec<&[f32]> = inputs.iter().map(Input::slice).collect();
        let packed = Arc::new(py.detach(|| self.lstm.pack_as(precision, &slices)).map_err(raise)?);
        *kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((versions, packed.clone()));
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
    /// (dx or None, parts of dh0, parts of dc0, the parameters' gradients).
    #[pyo3(signature = (dy, dh, dc, need_dx, /))]
    fn backward<'py>(
        &self,
        py: Python<'py>,
        dy: Option<&Bound<'py, PyAny>>,
        dh: Given<'py>,
        dc: Given<'py>,
        need_dx: bool,
    ) -> PyResult<Backward<'py>> {
        guard(|| {
            let [batch, time] = self.shape;
            let (config, specs) = (self.lstm.config(), self.lstm.specs());
            let width = self.lstm.output_size();
            let dy = dy
                .map(|dy| Input::new("dy", dy, &[("B", Some(batch)), ("T", Some(time)), ("D*H", Some(width))]))
                .transpose()?;
            let shapes = Shapes::of(config);
            let dstate = shapes.state(("dh", dh), ("dc", dc), batch)?;
            let grads: Parts<'py> = specs.iter().map(|spec| array::sums(py, &spec.shape)).collect::<PyResult<_>>()?;
            let dx = need_dx.then(|| array::sums(py, [batch, time, config.input_size])).transpose()?;
            let used = || {
                PyRuntimeError::new_err(
                    "this forward pass was already taken backward; run forward again for a second gradient",
                )
            };
            let recorded = || self.recorded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let x = recorded().as_ref().map(|recorded| recorded.x.clone_ref(py)).ok_or_else(used)?;
            let x = Input::any_shape("x", x.bind(py))?;
            // All arguments are right and free: only now is the record used up.
            let Recorded { cache, packed, .. } = recorded().take().ok_or_else(used)?;
            let first = {
                let mut dx = dx.as_ref().map(|dx| dx.readwrite());
                let dx = dx.as_mut().map(|dx| dx.as_slice_mut().expect("a new array is contiguous"));
                let mut outputs: Vec<_> = grads.iter().map(|grad| grad.readwrite()).collect();
                let slices = outputs.iter_mut().map(|grad| grad.as_slice_mut().expect("a new array is contiguous"));
                let mut slices: Vec<&mut [f32]> = slices.collect();
                let (x, dy) = (x.slice(), dy.as_ref().map(Input::slice));
                py.detach(|| {
                    let shape = [batch, time, config.input_size];
                    let x = Seq::new(x, shape)?;
                    let dy = dy.map(|dy| Seq::new(dy, [batch, time, width])).transpose()?;
                    let dx = dx.map(|dx| SeqMut::new(dx, shape)).transpose()?;
                    self.lstm.backward(&packed, x, cache, dy, dstate.as_ref(), &mut slices, dx)
                })
                .map_err(raise)?
            };
            let (dh, dc) =
                (shapes.parts(py, &shapes.h, batch, &first.h)?, shapes.parts(py, &shapes.c, batch, &first.c)?);
            Ok((dx, dh, dc, grads))
        })
    }
}
