"""Pooling by attention: a mean over the steps of a sequence, with weights that are learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy.typing as npt

from .. import ops
from .._options import count, seed_number
from ..ops import ArrayLike
from ..tensor import Array, Tensor
from ._module import Module
from ._parameter import parameter
from ._ragged import as_batch


class AttentionPool(Module):
    """One row for each sequence: the mean of its steps, each with a weight that follows from what is in it.

    A step x gets the score vector · tanh(weight x + bias); the weights are the softmax of the scores of a sequence. One
    without steps gives zeros.

    Args:
        channels: C.
        hidden_size: H, the size of the space that steps are judged in; C if left out.
        seed: first values follow from it.

    Parameters: ``weight`` [H, C], ``bias`` [H] and ``vector`` [H]. After a call, ``weights`` [B, T] are those that the
    steps got, zero behind the end of each row.

    >>> import numpy as np
    >>> pool = AttentionPool(3)
    >>> pool(np.ones((2, 5, 3))).shape
    (2, 3)
    >>> pool.weights.shape
    (2, 5)
    """

    def __init__(self, channels: int, hidden_size: int | None = None, *, seed: int = 0) -> None:
        self.channels = count("channels", channels)
        self.hidden_size = self.channels if hidden_size is None else count("hidden_size", hidden_size)
        self.seed = seed_number(seed)
        rows, columns = self.hidden_size, self.channels
        bounds = [1 / math.sqrt(columns), 1 / math.sqrt(columns), 1 / math.sqrt(rows)]
        shapes = [(rows, columns), (rows,), (rows,)]
        self.weight, self.bias, self.vector = (
            parameter(shape, partial(ops.draw, "uniform", shape, bound, self.seed, stream))
            for stream, (shape, bound) in enumerate(zip(shapes, bounds, strict=True))
        )
        self.weights: Array | None = None

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over a batch.

        Args:
            x: [B, T, C], or a list of B sequences [T_b, C].
            lengths: [B] integers: only so many steps of each row count.

        Returns:
            [B, C].
        """
        batch, lengths = as_batch(x, lengths, self.channels)
        ops.as_f32("x", ops.values(batch), [("B", None), ("T", None), ("C", self.channels)])
        if lengths is not None:
            batch = ops.zero_padding(batch, lengths)  # a weight of zero does not silence NaN
        hidden = ops.tanh(ops.linear(batch, self.weight, self.bias, lengths=lengths))
        weights = ops.softmax(ops.matmul(hidden, self.vector), lengths=lengths)
        self.weights = weights.data
        return ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), batch), 1)

    def out_lengths(self, lengths: npt.ArrayLike) -> None:
        """Return nothing: the result has no steps."""

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "weights": None}  # those of some batch are not what the layer is

    def __repr__(self) -> str:
        hidden = f", {self.hidden_size}" if self.hidden_size != self.channels else ""
        return f"AttentionPool({self.channels}{hidden}{f', seed={self.seed}' if self.seed else ''})"
