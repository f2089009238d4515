"""Pooling: over windows on sequences and images, and over all steps of a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from .. import _core
from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._conv import Window
from ._values import kept_lengths, values


def max_pool(x: Any, window: Window, *, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Return the largest value of each window and channel; the gradient goes to the first that has it.

    Args:
        x: ``[.., T, C]`` for a window with one axis, ``[.., H, W, C]`` for two.
        window: its axes, without padding and dilation.
        lengths: ``[B]`` integers for x ``[B, T, C]``; windows beyond a sequence's end give zero.
    """
    data, places = _core.max_pool(values(x), lengths, window)
    return _pooled(x, data, lengths, lambda grad, ends: _core.window_pool_backward(grad, places, ends, window, x.shape))


def avg_pool(x: Any, window: Window, *, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Return the mean of each window and channel; arguments as for ``max_pool``."""
    data = _core.avg_pool(values(x), lengths, window)
    return _pooled(x, data, lengths, lambda grad, ends: _core.window_pool_backward(grad, None, ends, window, x.shape))


def pool(x: Any, kind: str, *, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Make one row of each sequence.

    Args:
        x: ``[B, T, C]``.
        kind: ``"last"``, ``"mean"`` or ``"max"`` over the steps that count.
        lengths: ``[B]`` integers. A sequence of length 0 gives zeros, and gets no gradient.

    Returns:
        ``[B, C]``.
    """
    data, places = _core.pool_steps(kind, values(x), lengths)
    return _pooled(x, data, lengths, lambda grad, ends: _core.pool_steps_backward(kind, grad, places, ends, x.shape[1]))


def _pooled(x: Any, data: Array, lengths: Any, back: Callable[[Array, Any], Array]) -> Tensor:
    """Return the result on the tape; ``back`` takes its gradient and the lengths."""
    parents = [x] if isinstance(x, Tensor) else []
    if not recording(*parents):
        return wrap(data)
    ends = kept_lengths(lengths)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [back(grad, ends)]

    return attach([data], parents, backward)[0]
