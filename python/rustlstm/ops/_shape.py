"""Moving elements: indexing, reshaping, joining. No arithmetic; a gradient goes back the way its element came."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Array, Gradients, Tensor, Versioned, attach, recording, wrap
from ._values import ArrayLike, constant

BOUND = (int, type(None))


def index(a: Tensor, key: Any) -> Tensor:
    """Return ``a[key]``, with any index that numpy takes."""
    basic = _is_basic(key)
    if not basic:
        key = _plain(key)
        basic = _is_basic(key)
    data = np.asarray(a.data[key])
    if isinstance(a, Versioned) and data.base is not None:
        data = data.copy()  # a view would change under the hands of an optimizer
    if not recording(a):
        return wrap(data)
    shape = a.shape

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        whole = np.zeros(shape, np.float32)
        if basic or (isinstance(key, np.ndarray) and key.dtype == np.bool_):
            whole[key] = grad
        else:  # an element may have been taken more than once
            np.add.at(whole, key, grad)
        return [whole]

    return attach([data], [a], backward)[0]


def reshape(a: Tensor, *shape: Any) -> Tensor:
    """Return the same elements in another shape; one extent may be -1."""
    data = _lasting(a).reshape(*shape)
    return _moved(a, data, lambda grad: grad.reshape(a.shape))


def transpose(a: Tensor, *axes: Any) -> Tensor:
    """Return a with its axes in another order, reversed if none are given."""
    order = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes or range(a.ndim)[::-1]
    data = _lasting(a).transpose(order)
    order = [axis % a.ndim for axis in order]
    return _moved(a, data, lambda grad: grad.transpose(np.argsort(order)))


def swapaxes(a: Tensor, first: int, second: int) -> Tensor:
    """Return a with two axes exchanged."""
    return _moved(a, _lasting(a).swapaxes(first, second), lambda grad: grad.swapaxes(first, second))


def squeeze(a: Tensor, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Return a without axes of extent 1: those named, or all."""
    return _moved(a, _lasting(a).squeeze(axis), lambda grad: grad.reshape(a.shape))


def expand_dims(a: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    """Return a with a new axis of extent 1."""
    return _moved(a, np.expand_dims(_lasting(a), axis), lambda grad: grad.reshape(a.shape))


def concat(parts: Sequence[ArrayLike], axis: int = -1) -> Tensor:
    """Join along an axis that is there; the last if none is given."""
    arrays, tensors, taped = _parts(parts)
    data = np.concatenate(arrays, axis=axis)
    if not recording(*tensors):
        return wrap(data)
    ends = np.cumsum([array.shape[axis] for array in arrays])[:-1]

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [piece for piece, is_tensor in zip(np.split(grad, ends, axis=axis), taped, strict=True) if is_tensor]

    return attach([data], tensors, backward)[0]


def stack(parts: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join along a new axis."""
    arrays, tensors, taped = _parts(parts)
    data = np.stack(arrays, axis=axis)
    if not recording(*tensors):
        return wrap(data)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [piece for piece, is_tensor in zip(np.moveaxis(grad, axis, 0), taped, strict=True) if is_tensor]

    return attach([data], tensors, backward)[0]


def _moved(a: Tensor, data: Array, back: Any) -> Tensor:
    if not recording(a):
        return wrap(data)

    def backward(grads: Gradients) -> Gradients:
        return [back(grads[0])]

    return attach([data], [a], backward)[0]


def _parts(parts: Sequence[ArrayLike]) -> tuple[list[Array], list[Tensor], list[bool]]:
    """Return the arrays, the tensors among the parts, and which they are: the list itself may change."""
    if not isinstance(parts, (list, tuple)) or not parts:
        raise ValueError("give a list of at least one tensor or array")
    arrays = [part.data if isinstance(part, Tensor) else constant(part) for part in parts]
    return arrays, [part for part in parts if isinstance(part, Tensor)], [isinstance(part, Tensor) for part in parts]


def _lasting(a: Tensor) -> Array:
    """Return values that stay: a parameter's change under the hands of an optimizer, and a view of them too."""
    return a.numpy() if isinstance(a, Versioned) else a.data


def _plain(key: Any) -> Any:
    """Return an index without tensors, and independent of arrays that the caller may change."""
    if isinstance(key, tuple):
        return tuple([_plain(part) for part in key])
    if isinstance(key, Tensor):
        raise TypeError("a tensor holds float32 numbers and cannot be an index; use an array of integers or booleans")
    if isinstance(key, slice):
        bounds = (key.start, key.stop, key.step)
        return slice(*[None if bound is None else operator.index(bound) for bound in bounds])
    if key is None or key is Ellipsis or isinstance(key, (int, np.integer)):
        return key
    array = np.array(key)
    if array.ndim == 0 and array.dtype == object:
        return operator.index(key)
    # numpy makes floats of an empty list, and takes none for an index.
    return array if array.size or isinstance(key, np.ndarray) else array.astype(np.intp)


def _is_basic(key: Any) -> bool:
    """Say whether an index is of numbers, slices, None and ...: it takes no element twice, and nobody changes it."""
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, slice):
            # A bound may be an array too.
            if not (isinstance(part.start, BOUND) and isinstance(part.stop, BOUND) and isinstance(part.step, BOUND)):
                return False
        elif not isinstance(part, (int, np.integer)) and part is not None and part is not Ellipsis:
            return False
    return True
