"""Gradients cut to size, between backward and the optimizer's step."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..ops import as_f32
from ..tensor import Array
from ._options import not_negative
from ._parameters import Parameters, Trainable, named, non_finite


def clip_grad_norm(parameters: Parameters, max_norm: float) -> float:
    """Scale all gradients together so that their norm is at most ``max_norm``; return what it was.

    Args:
        parameters: a module, or a list of parameters or of (name, parameter) pairs.
        max_norm: the largest norm; infinity only measures.

    Raises:
        NonFiniteError: names the gradient; nothing was scaled.

    >>> import numpy as np, rustlstm as rl
    >>> p = rl.nn.Parameter([0.0, 0.0])
    >>> p.grad = np.array([3.0, 4.0], np.float32)
    >>> rl.optim.clip_grad_norm([p], 1.0)
    5.0
    >>> p.grad.round(3).tolist() == np.array([0.6, 0.8], np.float32).tolist()
    True
    """
    largest = not_negative("max_norm", max_norm)
    found = [(name, _writable(name, parameter)) for name, parameter in named(parameters) if parameter.grad is not None]
    norm, fault = _core.clip_grad_norm([grad for _, grad in found], largest)
    if fault is not None:
        raise _fault(*found[fault])
    return norm


def clip_grad_value(parameters: Parameters, limit: float) -> None:
    """Bring every number of the gradients into [-limit, limit].

    Args:
        parameters: a module, or a list of parameters or of (name, parameter) pairs.
        limit: the largest absolute value.

    Raises:
        NonFiniteError: names the gradient; nothing was changed.
    """
    largest = not_negative("limit", limit)
    found = [(name, _writable(name, parameter)) for name, parameter in named(parameters) if parameter.grad is not None]
    fault = _core.clip_grad_value([grad for _, grad in found], largest)
    if fault is not None:
        raise _fault(*found[fault])


def _writable(name: str, parameter: Trainable) -> Array:
    """Return a gradient that can be changed in place; one that a user set may have to be copied first."""
    given: Any = parameter.grad
    grad = as_f32(f"the gradient of {name}", given, [("", extent) for extent in parameter._buffer.shape])
    if grad is not given or not grad.flags.writeable:
        grad = parameter.grad = np.array(grad)
    return grad


def _fault(name: str, grad: Array) -> ArithmeticError:
    return non_finite(f"the gradient of {name}", grad, "no gradient was clipped")
