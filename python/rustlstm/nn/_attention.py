"""Attention: each query looks over a sequence and takes what fits."""

from __future__ import annotations

import math
from functools import partial

import numpy.typing as npt

from .. import ops
from .._options import count, seed_number
from ..ops import ArrayLike
from ..tensor import Array, Tensor
from ._module import Module
from ._parameter import parameter


class Attention(Module):
    """What each query sees of a sequence: the mean of its steps, weighted by how well they fit the query.

    A query q and a step m fit by q · (weight m): Luong's general attention. The weights are the softmax over the steps
    of the sequence.

    Args:
        query_size: Q, the size of queries.
        memory_size: M, the size of the steps that are looked at.
        seed: first values follow from it.

    Parameters: ``weight`` [Q, M]. After a call, ``weights`` [B, T, S] are those that the steps got from each query.

    >>> import numpy as np
    >>> look = Attention(4, 6)
    >>> look(np.ones((2, 3, 4)), np.ones((2, 5, 6)), lengths=[5, 2]).shape
    (2, 3, 6)
    >>> look.weights[1, 0].tolist()
    [0.5, 0.5, 0.0, 0.0, 0.0]
    """

    def __init__(self, query_size: int, memory_size: int, *, seed: int = 0) -> None:
        self.query_size = count("query_size", query_size)
        self.memory_size = count("memory_size", memory_size)
        self.seed = seed_number(seed)
        shape = (self.query_size, self.memory_size)
        bound = 1 / math.sqrt(self.memory_size)
        self.weight = parameter(shape, partial(ops.draw, "uniform", shape, bound, self.seed, 0))
        self.weights: Array | None = None

    def __call__(
        self,
        queries: ArrayLike,
        memory: ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        query_lengths: npt.ArrayLike | None = None,
    ) -> Tensor:
        """Look.

        Args:
            queries: [B, T, Q].
            memory: [B, S, M].
            lengths: [B] integers: only so many steps of each memory count.
            query_lengths: [B] integers: only so many queries of each row count.

        Returns:
            [B, T, M].
        """
        keys = self.keys(memory, lengths)
        _check("queries", queries, "[B, T, Q={}]", self.query_size)
        return self.look(queries, keys, memory, lengths=lengths, query_lengths=query_lengths)

    def keys(self, memory: ArrayLike, lengths: npt.ArrayLike | None = None) -> Tensor:
        """Return what queries are compared with, [B, S, Q]: once for many queries."""
        _check("memory", memory, "[B, S, M={}]", self.memory_size)
        return ops.linear(memory, self.weight, lengths=lengths)

    def look(
        self,
        queries: ArrayLike,
        keys: ArrayLike,
        memory: ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        query_lengths: npt.ArrayLike | None = None,
    ) -> Tensor:
        """Do the same with keys that are there already."""
        seen, self.weights = ops.attention(queries, keys, memory, lengths=lengths, query_lengths=query_lengths)
        return seen

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "weights": None}  # those of some batch are not what the layer is

    def __repr__(self) -> str:
        return f"Attention({self.query_size}, {self.memory_size}{f', seed={self.seed}' if self.seed else ''})"


def _check(name: str, given: ArrayLike, expected: str, size: int) -> None:
    shape = given.shape if isinstance(given, Tensor) else ops.as_f32(name, given).shape
    if len(shape) != 3 or shape[2] != size:
        raise ValueError(f"{name} must have shape {expected.format(size)}, got {list(shape)}")
