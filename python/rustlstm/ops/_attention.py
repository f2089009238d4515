"""Attention of queries over the steps of sequences."""

from __future__ import annotations

import numpy.typing as npt

from .. import _core
from .._options import number
from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, kept, kept_lengths
from ._values import values as plain


def attention(
    queries: ArrayLike,
    keys: ArrayLike,
    values: ArrayLike,
    *,
    scale: float = 1.0,
    lengths: npt.ArrayLike | None = None,
    query_lengths: npt.ArrayLike | None = None,
) -> tuple[Tensor, Array]:
    """Return softmax(scale · queries · keysᵀ) · values for each sequence, and the weights.

    Args:
        queries: ``[B, Q, D]``.
        keys: ``[B, K, D]``.
        values: ``[B, K, E]``, what is seen where a key fits.
        scale: of the products.
        lengths: ``[B]`` integers: only so many keys of each sequence count.
        query_lengths: ``[B]`` integers: only so many queries do; what is behind them becomes zero.

    Returns:
        ``[B, Q, E]``, zero where a sequence has no keys, and the weights ``[B, Q, K]``, through which no gradient goes.
    """
    given = (queries, keys, values)
    number("scale", scale)
    parents = [one for one in given if isinstance(one, Tensor)]
    if not recording(*parents):
        q, k, v = (plain(one) for one in given)
        y, weights = _core.attention(q, k, v, query_lengths, lengths, scale)
        return wrap(y), weights
    q, k, v = (kept(one) for one in given)
    query_ends, ends = kept_lengths(query_lengths), kept_lengths(lengths)
    y, weights = _core.attention(q, k, v, query_ends, ends, scale)
    weights.flags.writeable = False

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        parts = _core.attention_backward(q, k, v, query_ends, ends, scale, weights, grad)
        return [part for part, one in zip(parts, given, strict=True) if isinstance(one, Tensor)]

    return attach([y], parents, backward, fresh=True)[0], weights
