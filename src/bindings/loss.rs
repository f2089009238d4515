//! Losses, for Python: each call gives the loss and, for the arguments that want it, the gradient.

use super::array::{self, Axis, Input};
use super::errors::{guard, raise};
use super::gil::released;
use crate::Error;
use crate::layers::loss::classification::{self, CrossEntropy};
use crate::layers::loss::{Counted, Outputs, Reduction, likelihood, regression, regulariser};
use crate::simd::level;
use numpy::PyArrayDyn;
use numpy::prelude::*;
use pyo3::prelude::*;

type Any<'a, 'py> = Option<&'a Bound<'py, PyAny>>;
type Array<'py> = Bound<'py, PyArrayDyn<f32>>;
/// The loss, and the gradients that were wanted.
type Outcome<'py, const N: usize> = (Array<'py>, [Option<Array<'py>>; N]);

/// The arguments that all losses share.
struct Terms<'a, 'py> {
    /// The shape of the losses, one by one.
    shape: &'a [usize],
    lengths: Option<Vec<usize>>,
    weights: Option<Input<'py>>,
    reduction: Reduction,
}

impl<'a, 'py> Terms<'a, 'py> {
    fn new(shape: &'a [usize], lengths: Any<'_, 'py>, weights: Any<'_, 'py>, reduction: &str) -> PyResult<Self> {
        let weights = weights.map(|weights| Input::new("weights", weights, &axes(shape))).transpose()?;
        Ok(Terms {
            shape,
            lengths: row_lengths(shape, lengths)?,
            weights,
            reduction: reduction.parse().map_err(raise)?,
        })
    }

    /// Calls a loss of about `work` multiply-adds with arrays for its results; gradients have the shape `arguments`.
    fn call<const N: usize>(
        self,
        py: Python<'py>,
        work: usize,
        arguments: &[usize],
        wanted: [bool; N],
        loss: impl FnOnce(&Counted<'_>, Outputs<'_, N>) -> Result<f32, Error> + Send,
    ) -> PyResult<Outcome<'py, N>> {
        let new = |wanted: bool, shape: &[usize]| wanted.then(|| array::zeros(py, shape)).transpose();
        let losses: Option<Array<'py>> = new(self.reduction == Reduction::Each, self.shape)?;
        let mut gradients: [Option<Array<'py>>; N] = [const { None }; N];
        for (gradient, wanted) in gradients.iter_mut().zip(wanted) {
            *gradient = new(wanted, arguments)?;
        }
        let value = {
            let mut borrowed = losses.as_ref().map(|array| array.readwrite());
            let mut slopes = gradients.each_ref().map(|array| array.as_ref().map(|array| array.readwrite()));
            let out = Outputs {
                losses: borrowed.as_mut().map(|array| array.as_slice_mut().expect(NEW)),
                gradients: slopes.each_mut().map(|array| array.as_mut().map(|array| array.as_slice_mut().expect(NEW))),
            };
            let weights = self.weights.as_ref().map(Input::slice);
            let (shape, lengths, reduction) = (self.shape, self.lengths.as_deref(), self.reduction);
            let run = move || loss(&Counted::new(shape, lengths, weights, reduction)?, out);
            released(py, work, run).map_err(raise)?
        };
        let losses = losses.map_or_else(|| array::output(py, &[], &[value]), Ok)?;
        Ok((losses, gradients))
    }
}

const NEW: &str = "a new array is contiguous";

fn axes(shape: &[usize]) -> Vec<Axis<'static>> {
    shape.iter().map(|extent| ("", Some(*extent))).collect()
}

fn row_lengths(shape: &[usize], lengths: Any<'_, '_>) -> PyResult<Option<Vec<usize>>> {
    match (lengths, shape) {
        (None, _) => Ok(None),
        (Some(lengths), [batch, time, ..]) => array::lengths(lengths, *batch, *time).map(Some),
        (Some(_), _) => Err(raise(Error::option(
            "lengths",
            "left out where there are no steps [B, T, ...]",
            format!("with an array of shape {shape:?}"),
        ))),
    }
}

/// An argument that must have the shape of another.
fn like<'py>(name: &str, value: &Bound<'py, PyAny>, shape: &[usize], other: &str) -> PyResult<Input<'py>> {
    let input = Input::any_shape(name, value)?;
    if input.shape() == shape {
        return Ok(input);
    }
    Err(raise(Error::shape(name, format!("{shape:?} to go with {other}"), format!("{:?}", input.shape()))))
}

/// Squared, absolute, Huber and quantile loss; `options` are the delta and the quantiles.
#[pyfunction]
#[pyo3(signature = (kind, prediction, target, options, lengths, weights, reduction, record, /))]
pub fn regression_loss<'py>(
    py: Python<'py>,
    kind: &str,
    prediction: &Bound<'py, PyAny>,
    target: &Bound<'py, PyAny>,
    options: Vec<f32>,
    lengths: Any<'_, 'py>,
    weights: Any<'_, 'py>,
    reduction: &str,
    record: bool,
) -> PyResult<(Array<'py>, Option<Array<'py>>)> {
    guard(|| {
        let prediction = Input::any_shape("prediction", prediction)?;
        let shape = prediction.shape();
        let expected = match (kind, shape) {
            ("quantiles", [rest @ .., last]) if *last == options.len() => rest,
            ("quantiles", _) => {
                let expected = format!("[..., Q={}]", options.len());
                return Err(raise(Error::shape("prediction", expected, format!("{shape:?}"))));
            }
            _ => shape,
        };
        let target = like("target", target, expected, "prediction")?;
        let terms = Terms::new(shape, lengths, weights, reduction)?;
        let (level, p, t) = (level().map_err(raise)?, prediction.slice(), target.slice());
        let (losses, [gradient]) =
            terms.call(py, 6 * p.len(), shape, [record], move |counted, out| match (kind, &options[..]) {
                ("mse", _) => Ok(regression::squared(level, p, t, counted, out)),
                ("mae", _) => Ok(regression::absolute(level, p, t, counted, out)),
                ("huber", [delta]) => regression::huber(level, *delta, p, t, counted, out),
                ("quantile" | "quantiles", options) => regression::quantile(level, options, p, t, counted, out),
                _ => Err(Error::option("kind", "a loss with its options", kind)),
            })?;
        Ok((losses, gradient))
    })
}

/// Cross-entropy of logits [..., V] against class ids [...].
#[pyfunction]
#[pyo3(signature = (logits, target, class_weights, ignore_index, label_smoothing, lengths, weights, reduction, record, /))]
pub fn cross_entropy<'py>(
    py: Python<'py>,
    logits: &Bound<'py, PyAny>,
    target: &Bound<'py, PyAny>,
    class_weights: Any<'_, 'py>,
    ignore_index: i64,
    label_smoothing: f32,
    lengths: Any<'_, 'py>,
    weights: Any<'_, 'py>,
    reduction: &str,
    record: bool,
) -> PyResult<(Array<'py>, Option<Array<'py>>)> {
    guard(|| {
        let logits = Input::any_shape("logits", logits)?;
        let [rows @ .., classes] = logits.shape() else {
            return Err(raise(Error::shape("logits", "[..., V]", "[]")));
        };
        let target = array::integers("target", target)?;
        if target.shape() != rows {
            let got = format!("{:?}", target.shape());
            return Err(raise(Error::shape("target", format!("{rows:?} to go with logits"), got)));
        }
        let target = target.readonly();
        let class_weights =
            class_weights.map(|weights| Input::new("class_weights", weights, &[("V", Some(*classes))])).transpose()?;
        let terms = Terms::new(rows, lengths, weights, reduction)?;
        let (x, ids) = (logits.slice(), target.as_slice().expect("the converter returns contiguous arrays"));
        let options = class_weights.as_ref().map(Input::slice);
        let loss = CrossEntropy::new(*classes, options, ignore_index, label_smoothing).map_err(raise)?;
        let level = level().map_err(raise)?;
        let (losses, [gradient]) = terms.call(py, 16 * x.len(), logits.shape(), [record], move |counted, out| {
            loss.run(level, x, ids, counted, out)
        })?;
        Ok((losses, gradient))
    })
}

/// Binary cross-entropy of logits or of probabilities.
#[pyfunction]
#[pyo3(signature = (prediction, target, pos_weight, probabilities, lengths, weights, reduction, record, /))]
pub fn binary_cross_entropy<'py>(
    py: Python<'py>,
    prediction: &Bound<'py, PyAny>,
    target: &Bound<'py, PyAny>,
    pos_weight: Any<'_, 'py>,
    probabilities: bool,
    lengths: Any<'_, 'py>,
    weights: Any<'_, 'py>,
    reduction: &str,
    record: bool,
) -> PyResult<(Array<'py>, Option<Array<'py>>)> {
    guard(|| {
        let prediction = Input::any_shape(if probabilities { "prediction" } else { "logits" }, prediction)?;
        let shape = prediction.shape();
        let target = like("target", target, shape, "the prediction")?;
        let pos_weight = pos_weight.map(|weight| Input::any_shape("pos_weight", weight)).transpose()?;
        if let Some(weight) = &pos_weight
            && !(weight.shape().is_empty() || weight.shape().len() == 1 && weight.shape().last() == shape.last())
        {
            let expected = format!("[] or that of the last axis of {shape:?}");
            return Err(raise(Error::shape("pos_weight", expected, format!("{:?}", weight.shape()))));
        }
        let terms = Terms::new(shape, lengths, weights, reduction)?;
        let (level, p, t) = (level().map_err(raise)?, prediction.slice(), target.slice());
        let pos_weight = pos_weight.as_ref().map(Input::slice);
        let (losses, [gradient]) = terms.call(py, 60 * p.len(), shape, [record], move |counted, out| {
            if probabilities {
                likelihood::binary(pos_weight, t, p, counted, out)
            } else {
                classification::binary_cross_entropy(level, pos_weight, p, t, counted, out)
            }
        })?;
        Ok((losses, gradient))
    })
}

/// Gaussian negative log-likelihood; variances below `eps` count as `eps`.
#[pyfunction]
#[pyo3(signature = (arguments, target, full, eps, lengths, weights, reduction, wanted, /))]
pub fn gaussian_nll<'py>(
    py: Python<'py>,
    arguments: [Bound<'py, PyAny>; 2],
    target: &Bound<'py, PyAny>,
    full: bool,
    eps: f32,
    lengths: Any<'_, 'py>,
    weights: Any<'_, 'py>,
    reduction: &str,
    wanted: [bool; 2],
) -> PyResult<Outcome<'py, 2>> {
    let names = ["mean", "variance"];
    likelihood_loss(
        py,
        names,
        &arguments,
        target,
        (lengths, weights, reduction),
        wanted,
        |t, arguments, counted, out| likelihood::gaussian(full, eps, t, arguments, counted, out),
    )
}

/// Student t negative log-likelihood.
#[pyfunction]
#[pyo3(signature = (arguments, target, lengths, weights, reduction, wanted, /))]
pub fn student_t_nll<'py>(
    py: Python<'py>,
    arguments: [Bound<'py, PyAny>; 3],
    target: &Bound<'py, PyAny>,
    lengths: Any<'_, 'py>,
    weights: Any<'_, 'py>,
    reduction: &str,
    wanted: [bool; 3],
) -> PyResult<Outcome<'py, 3>> {
    let names = ["mean", "scale", "df"];
    likelihood_loss(py, names, &arguments, target, (lengths, weights, reduction), wanted, likelihood::student_t)
}

/// Negative binomial negative log-likelihood.
#[pyfunction]
#[pyo3(signature = (arguments, target, lengths, weights, reduction, wanted, /))]
pub fn negative_binomial_nll<'py>(
    py: Python<'py>,
    arguments: [Bound<'py, PyAny>; 2],
    target: &Bound<'py, PyAny>,
    lengths: Any<'_, 'py>,
    weights: Any<'_, 'py>,
    reduction: &str,
    wanted: [bool; 2],
) -> PyResult<Outcome<'py, 2>> {
    let names = ["mean", "dispersion"];
    likelihood_loss(py, names, &arguments, target, (lengths, weights, reduction), wanted, likelihood::negative_binomial)
}

fn likelihood_loss<'py, const N: usize>(
    py: Python<'py>,
    names: [&str; N],
    arguments: &[Bound<'py, PyAny>; N],
    target: &Bound<'py, PyAny>,
    (lengths, weights, reduction): (Any<'_, 'py>, Any<'_, 'py>, &str),
    wanted: [bool; N],
    loss: impl Fn(&[f32], [&[f32]; N], &Counted<'_>, Outputs<'_, N>) -> Result<f32, Error> + Send,
) -> PyResult<Outcome<'py, N>> {
    guard(|| {
        let mean = Input::any_shape(names[0], &arguments[0])?;
        let shape = mean.shape();
        let target = like("target", target, shape, "mean")?;
        let inputs = names.iter().zip(arguments).map(|(name, value)| like(name, value, shape, "mean"));
        let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
        let slices: [&[f32]; N] = std::array::from_fn(|n| inputs[n].slice());
        let terms = Terms::new(shape, lengths, weights, reduction)?;
        let t = target.slice();
        terms.call(py, 300 * t.len(), shape, wanted, move |counted, out| loss(t, slices, counted, out))
    })
}

/// The mean square of y or, with `temporal`, of its changes from step to step.
#[pyfunction]
#[pyo3(signature = (y, temporal, lengths, record, /))]
pub fn activation_regulariser<'py>(
    py: Python<'py>,
    y: &Bound<'py, PyAny>,
    temporal: bool,
    lengths: Any<'_, 'py>,
    record: bool,
) -> PyResult<(Array<'py>, Option<Array<'py>>)> {
    guard(|| {
        let y = Input::any_shape("y", y)?;
        let terms = Terms::new(y.shape(), lengths, None, "mean")?;
        let (level, values, shape, lengths) = (level().map_err(raise)?, y.slice(), y.shape(), terms.lengths.clone());
        let (losses, [gradient]) =
            terms.call(py, 6 * values.len(), shape, [record], move |_, Outputs { gradients: [gradient], .. }| {
                let loss = if temporal { regulariser::temporal_activation } else { regulariser::activation };
                loss(level, values, shape, lengths.as_deref(), gradient)
            })?;
        Ok((losses, gradient))
    })
}
