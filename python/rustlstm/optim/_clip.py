"""Gradients cut to size, between backward and the optimizer's step."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._options import not_negative
from ..ops import as_f32
from ..tensor import Array
from ._parameters import Parameters, named, non_finite

FLOAT32 = np.dtype(np.float32)


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
    found = _with_gradient(parameters)
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
    found = _with_gradient(parameters)
    fault = _core.clip_grad_value([grad for _, grad in found], largest)
    if fault is not None:
        raise _fault(*found[fault])


def _with_gradient(parameters: Parameters) -> list[tuple[str, Array]]:
    """Return the names and gradients of the parameters that have one, ready to be changed in place."""
    found = []
    for name, parameter in named(parameters):
        grad: Any = parameter.grad
        if grad is None:
            continue
        # What backward leaves is right; one that a user set may have to be copied first.
        if type(grad) is not np.ndarray or grad.dtype != FLOAT32 or not grad.flags.carray:
            grad = parameter.grad = np.array(as_f32(f"the gradient of {name}", grad))
        found.append((name, grad))
    return found


def _fault(name: str, grad: Array) -> ArithmeticError:
    return non_finite(f"the gradient of {name}", grad, "no gradient was clipped")
