"""Dropout. The mask follows from its address, so backward draws it again instead of keeping it."""

from __future__ import annotations

import numpy.typing as npt

from .. import _core
from ..tensor import Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, kept_lengths, values


def dropout(
    x: ArrayLike,
    p: float,
    draw: tuple[int, int],
    *,
    locked: bool = False,
    lengths: npt.ArrayLike | None = None,
) -> Tensor:
    """Drop elements of x with the chance p, and let the others grow by 1 / (1 - p).

    Args:
        x: ``[B, T, C]``, or without lengths any axes ``[B, .., C]``.
        p: from 0 to 1.
        draw: (seed, pass); the same pair draws the same masks.
        locked: one mask for all steps of a sequence.
        lengths: ``[B]`` integers; what stands behind a row's end becomes zero.
    """
    parents = [x] if isinstance(x, Tensor) else []
    data = _core.dropout(values(x), lengths, p, locked, draw)
    if not recording(*parents):
        return wrap(data)
    ends = kept_lengths(lengths)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [_core.dropout(grad, ends, p, locked, draw)]

    return attach([data], parents, backward)[0]


def zero_padding(x: ArrayLike, lengths: npt.ArrayLike) -> Tensor:
    """Return x ``[B, T, C]`` with zeros behind the end of each row; no gradient comes from there."""
    return dropout(x, 0.0, (0, 0), lengths=lengths)
