"""Losses as single nodes: forward gives the gradient with the value, backward multiplies it by what arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._arithmetic import reduced_to
from ._values import ArrayLike, as_f32, constant, values

Reduction: TypeAlias = Literal["mean", "sum", "none"]
Lengths: TypeAlias = npt.ArrayLike | None


def regression_loss(
    kind: str,
    prediction: ArrayLike,
    target: ArrayLike,
    options: Sequence[float],
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Return the loss of ``kind``: "mse", "mae", "huber" (delta), "quantile" (a single one) or "quantiles"."""
    record = _recorded(prediction)
    data = values(prediction)
    weights = _weights(weights, data)
    loss, gradient = _core.regression_loss(
        kind, data, _constant("target", target), options, lengths, weights, reduction, record
    )
    return _node(loss, [prediction], [gradient], lengths)


def cross_entropy(
    logits: ArrayLike,
    target: npt.ArrayLike,
    class_weights: npt.ArrayLike | None,
    ignore_index: int,
    label_smoothing: float,
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Return the cross-entropy of scores ``[..., V]`` against class ids ``[...]``."""
    record = _recorded(logits)
    data = values(logits)
    weights = _weights(weights, data, without=1)
    loss, gradient = _core.cross_entropy(
        data,
        target,
        _constant("class_weights", class_weights),
        ignore_index,
        label_smoothing,
        lengths,
        weights,
        reduction,
        record,
    )
    ignored = None
    if reduction == "none" and record:
        ignored = np.asarray(target) == ignore_index
    return _node(loss, [logits], [gradient], lengths, ignored)


def binary_cross_entropy(
    prediction: ArrayLike,
    target: ArrayLike,
    pos_weight: npt.ArrayLike | None,
    probabilities: bool,
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Return the binary cross-entropy of logits or of probabilities."""
    record = _recorded(prediction)
    data = values(prediction)
    weights = _weights(weights, data)
    loss, gradient = _core.binary_cross_entropy(
        data,
        _constant("target", target),
        _constant("pos_weight", pos_weight),
        probabilities,
        lengths,
        weights,
        reduction,
        record,
    )
    return _node(loss, [prediction], [gradient], lengths)


def gaussian_nll(
    mean: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    full: bool,
    eps: float,
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Return the negative log-likelihood of normal distributions."""
    arguments = {"mean": mean, "variance": variance}
    return _likelihood(_core.gaussian_nll, arguments, target, (full, eps), lengths, weights, reduction)


def student_t_nll(
    mean: ArrayLike,
    target: ArrayLike,
    scale: ArrayLike,
    df: ArrayLike,
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Return the negative log-likelihood of Student's t distributions."""
    arguments = {"mean": mean, "scale": scale, "df": df}
    return _likelihood(_core.student_t_nll, arguments, target, (), lengths, weights, reduction)


def negative_binomial_nll(
    mean: ArrayLike,
    target: ArrayLike,
    dispersion: ArrayLike,
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Return the negative log-likelihood of negative binomial distributions."""
    arguments = {"mean": mean, "dispersion": dispersion}
    return _likelihood(_core.negative_binomial_nll, arguments, target, (), lengths, weights, reduction)


def activation_regulariser(y: ArrayLike, temporal: bool, lengths: Lengths) -> Tensor:
    """Return the mean square of y or, if ``temporal``, of its changes from step to step."""
    loss, gradient = _core.activation_regulariser(values(y), temporal, lengths, _recorded(y))
    return _node(loss, [y], [gradient], lengths)


def _likelihood(
    function: Callable[..., tuple[Array, Sequence[Array | None]]],
    arguments: Mapping[str, ArrayLike],
    target: ArrayLike,
    options: Sequence[Any],
    lengths: Lengths,
    weights: npt.ArrayLike | None,
    reduction: Reduction,
) -> Tensor:
    """Call ``function`` with arguments of the shape of the first of them, the mean."""
    wanted = [_recorded(argument) for argument in arguments.values()]
    shape = np.shape(values(arguments["mean"]))
    arrays = [
        values(argument) if name == "mean" else _spread(name, values(argument), shape)
        for name, argument in arguments.items()
    ]
    weights = _weights(weights, arrays[0])
    loss, gradients = function(arrays, _constant("target", target), *options, lengths, weights, reduction, wanted)
    return _node(loss, list(arguments.values()), gradients, lengths)


def _recorded(argument: ArrayLike) -> bool:
    return isinstance(argument, Tensor) and recording(argument)


def _constant(name: str, given: Any) -> Any:
    if isinstance(given, Tensor) and recording(given):
        raise ValueError(f"{name} requires a gradient, and a loss has none for it; pass {name}.detach()")
    return values(given)


def _weights(given: npt.ArrayLike | None, data: Any, without: int = 0) -> Array | None:
    """Return weights of the shape of the data, without so many of its last axes."""
    if given is None:
        return None
    shape = np.shape(data)
    return _spread("weights", _constant("weights", given), shape[: len(shape) - without], leading=True)


def _spread(name: str, given: Any, shape: tuple[int, ...], leading: bool = False) -> Array:
    """Repeat one number, an array that has 1 where it is shared or, if ``leading``, one with the first axes only."""
    array = constant(given) if isinstance(given, (int, float)) else as_f32(name, given)
    if array.shape == shape:
        return array
    own = array.shape
    if leading or array.size == 1:
        own += (1,) * (len(shape) - len(own))
    if len(own) != len(shape) or any(a not in (1, b) for a, b in zip(own, shape, strict=True)):
        what = "its first axes, or a single number" if leading else "a single number"
        raise ValueError(
            f"{name} must have shape {list(shape)}, or 1 where it is shared, or be {what}; got {list(array.shape)}"
        )
    whole = np.empty(shape, np.float32)
    whole[...] = array.reshape(own)
    return whole


def _node(
    loss: Array,
    arguments: Sequence[ArrayLike],
    gradients: Sequence[Array | None],
    lengths: Lengths,
    ignored: npt.NDArray[np.bool_] | None = None,
) -> Tensor:
    """Put a loss on the tape, if there is a gradient of any argument."""
    parents, kept = [], []
    for argument, gradient in zip(arguments, gradients, strict=True):
        if gradient is not None and isinstance(argument, Tensor):
            parents.append(argument)
            kept.append(gradient)
    if not kept:
        return wrap(loss)
    dropped = ignored
    if lengths is not None and loss.ndim:
        padding = np.arange(loss.shape[1]) >= np.asarray(lengths).reshape(-1, 1)
        padding = padding.reshape(padding.shape + (1,) * (loss.ndim - 2))
        dropped = padding if dropped is None else dropped | padding

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        if dropped is not None:
            # Whatever arrives at an element that does not count must not spread.
            grad = np.where(dropped, np.float32(0.0), grad)
        return [reduced_to(parent.shape, _times(own, grad)) for parent, own in zip(parents, kept, strict=True)]

    return attach([loss], parents, backward)[0]


def _times(gradient: Array, arriving: Array) -> Array:
    if arriving.ndim == 0 and arriving.item() == 1.0:
        return gradient
    return gradient * arriving.reshape(arriving.shape + (1,) * (gradient.ndim - arriving.ndim))
