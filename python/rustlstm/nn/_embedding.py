"""The embedding layer."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .. import ops
from .._options import count, flag, seed_number
from ..tensor import Array, Tensor
from ._module import Module
from ._parameter import Parameter, parameter, shared
from ._ragged import as_ids


class Embedding(Module):
    """A row of numbers for each word, or whatever else is counted from 0.

    Args:
        num_embeddings: V.
        embedding_dim: E.
        padding_index: a row that gets no gradient, and begins as zeros unless ``weight`` is given; negative ones count
            from the end.
        weight: first values [V, E], or a parameter of another layer to share.
        frozen: the rows stay as they are.
        seed: first values follow from it; they are drawn from the normal distribution, as torch's.

    Parameters: ``weight`` [V, E].

    >>> import numpy as np
    >>> words = Embedding(10, 3, padding_index=0)
    >>> words([[1, 5, 2], [7, 0, 0]]).shape
    (2, 3, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        padding_index: int | None = None,
        weight: npt.ArrayLike | Parameter | None = None,
        frozen: bool = False,
        seed: int = 0,
    ) -> None:
        self.num_embeddings = count("num_embeddings", num_embeddings)
        self.embedding_dim = count("embedding_dim", embedding_dim)
        self.padding_index = None if padding_index is None else self._row(padding_index)
        self.frozen = flag("frozen", frozen)
        self.seed = seed_number(seed)
        shape = (self.num_embeddings, self.embedding_dim)
        if isinstance(weight, Parameter):
            if self.frozen:
                raise ValueError(
                    "frozen is for a weight of the layer's own; a shared parameter says itself if it is trained"
                )
            self.weight = shared("weight", weight, shape)
            return
        given = None if weight is None else ops.as_f32("weight", ops.values(weight), [("V", shape[0]), ("E", shape[1])])
        self.weight = parameter(shape, lambda: self._first() if given is None else given)
        self.weight.requires_grad = not self.frozen

    def _row(self, index: Any) -> int:
        try:
            row = operator.index(index)
        except TypeError:
            raise TypeError(f"padding_index must be an integer or None, got {type(index).__name__}") from None
        if not -self.num_embeddings <= row < self.num_embeddings:
            bounds = f"from {-self.num_embeddings} to {self.num_embeddings - 1}"
            raise ValueError(f"padding_index must be {bounds}, got {row}")
        return row % self.num_embeddings

    def _first(self) -> Array:
        table = ops.draw("normal", (self.num_embeddings, self.embedding_dim), 1.0, self.seed, 0)
        if self.padding_index is not None:
            table[self.padding_index] = 0.0
        return table

    def __call__(self, ids: npt.ArrayLike | Sequence[npt.ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Look up the rows of these numbers.

        Args:
            ids: [B, T] integers from 0 to V - 1, a list of B sequences [T_b], or without lengths any axes.
            lengths: [B] integers: only so many steps of each row count; numbers behind them are not looked at.

        Returns:
            [.., E]; zero behind the end of each row.
        """
        batch, lengths = as_ids(ids, lengths)
        return ops.embedding(batch, self.weight, padding_index=self.padding_index, lengths=lengths)

    def __repr__(self) -> str:
        shown = [str(self.num_embeddings), str(self.embedding_dim)]
        shown += [f"padding_index={self.padding_index}"] if self.padding_index is not None else []
        shown += ["frozen=True"] if self.frozen else []
        shown += [f"seed={self.seed}"] if self.seed else []
        return f"Embedding({', '.join(shown)})"
