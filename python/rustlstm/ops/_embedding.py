"""Rows of a table by their numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from ..tensor import Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, kept_lengths, values


def embedding(
    ids: npt.ArrayLike,
    weight: ArrayLike,
    *,
    padding_index: int | None = None,
    lengths: npt.ArrayLike | None = None,
) -> Tensor:
    """Return the rows of weight with these numbers.

    Args:
        ids: ``[B, T]`` integers from 0 to V - 1, or without lengths any axes.
        weight: ``[V, E]``.
        padding_index: the row that gets no gradient.
        lengths: ``[B]`` integers; what stands behind a row's end is not looked at, and its result is zero.

    Returns:
        ``[.., E]``.
    """
    if not isinstance(weight, Tensor) or not recording(weight):
        return wrap(_core.embedding(ids, lengths, values(weight)))
    numbers, ends = np.array(ids), kept_lengths(lengths)
    y = _core.embedding(numbers, ends, weight.data)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        dweight = np.zeros(weight.shape, np.float32)
        _core.embedding_backward(numbers, ends, padding_index, grad, dweight)
        return [dweight]

    return attach([y], [weight], backward, fresh=True)[0]
