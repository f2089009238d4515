"""Sums, means and extremes along axes. numpy adds in an order that depends on the shape and how the array lies."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ..tensor import Array, Gradients, Tensor, attach, recording, wrap

Axes: TypeAlias = int | tuple[int, ...] | None


def sum(a: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the sum over the axes, or over all."""
    data = np.asarray(a.data.sum(axis=axis, keepdims=keepdims, dtype=np.float32))
    return _reduced(a, data, lambda grad: np.broadcast_to(_kept(a, grad, axis), a.shape))


def mean(a: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the mean over the axes, or over all; NaN of nothing."""
    with np.errstate(invalid="ignore"):
        total = a.data.sum(axis=axis, keepdims=keepdims, dtype=np.float32)
        count = np.float32(a.size / total.size) if total.size else np.float32(1)
        data = np.asarray(total / count)
    return _reduced(a, data, lambda grad: np.broadcast_to(_kept(a, grad / count, axis), a.shape))


def max(a: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the largest over the axes, or of all; equal ones share the gradient."""
    return _extreme(a, np.maximum, axis, keepdims)


def min(a: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Return the smallest over the axes, or of all; equal ones share the gradient."""
    return _extreme(a, np.minimum, axis, keepdims)


def _extreme(a: Tensor, which: np.ufunc, axis: Axes, keepdims: bool) -> Tensor:
    whole = a.data  # what ``data`` is later does not matter
    data = np.asarray(which.reduce(whole, axis=axis, keepdims=keepdims))

    def back(grad: Array) -> Array:
        reached = whole == _kept(whole, data, axis)
        count = reached.sum(axis=axis, keepdims=True, dtype=np.float32)
        return np.where(reached, _kept(whole, grad, axis) / np.maximum(count, 1), 0)

    return _reduced(a, data, back)


def _reduced(a: Tensor, data: Array, back: Any) -> Tensor:
    if not recording(a):
        return wrap(data)

    def backward(grads: Gradients) -> Gradients:
        return [np.asarray(back(grads[0]), np.float32)]

    return attach([data], [a], backward)[0]


def _kept(a: Tensor | Array, reduced: Array, axis: Axes) -> Array:
    """Return a reduced array with its axes kept, as extents of 1."""
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {one % a.ndim for one in axes if a.ndim}
    return reduced.reshape([1 if one in gone else extent for one, extent in enumerate(a.shape)])
