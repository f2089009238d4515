"""Softmax and its logarithm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, as_f32, kept_lengths, values


def softmax(x: ArrayLike, axis: int = -1, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Return exp(x) divided by its sum over an axis.

    Args:
        x: any shape; with lengths ``[B, .., T]``.
        axis: the axis whose elements shall sum to one.
        lengths: ``[B]`` integers: of the last axis only so many elements take part, the others become zero. A row
            without any is zero.
    """
    return _softmax(x, axis, lengths, False)


def log_softmax(x: ArrayLike, axis: int = -1, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Return the logarithm of ``softmax``, exact for small ones too; zero where lengths leave elements out."""
    return _softmax(x, axis, lengths, True)


def _softmax(x: ArrayLike, axis: int, lengths: npt.ArrayLike | None, log: bool) -> Tensor:
    data = as_f32("x", values(x))
    if not -data.ndim <= axis < data.ndim:
        raise ValueError(
            f"axis must be from {-data.ndim} to {data.ndim - 1} for x of shape {list(data.shape)}, got {axis}"
        )
    if lengths is not None and axis % data.ndim != data.ndim - 1:
        raise ValueError(f"axis must be the last one where lengths are given, got {axis}")
    ends = kept_lengths(lengths)
    y = _core.softmax(np.moveaxis(data, axis, -1), ends, log)
    if not isinstance(x, Tensor) or not recording(x):
        return wrap(_moved_back(y, axis))

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [_moved_back(_core.softmax_backward(y, ends, log, np.moveaxis(grad, axis, -1)), axis)]

    return attach([_moved_back(y, axis)], [x], backward)[0]


def _moved_back(array: Array, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(array, -1, axis))
