"""The networks of forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..nn import LSTM, Dropout, Linear, Module
from ..ops import ArrayLike
from ..tensor import Tensor


class Reader(Module):
    """An LSTM over what was, and a linear map of its state and of what is known of the time to come.

    Args:
        lstm: the layers.
        head: from the state, and z where there is one, to the answers.
        inner: with ``outer``, a hidden layer beside the linear map, where z and the state must be weighed together.
        outer: from that layer to the answers.
        dropout: of the state.

    >>> import numpy as np, rustlstm as rl
    >>> reader = Reader(rl.nn.LSTM(3, 5), rl.nn.Linear(5 + 2, 4))
    >>> reader(np.ones((6, 7, 3)), np.ones((6, 2)))[0].shape
    (6, 4)
    """

    def __init__(
        self,
        lstm: LSTM,
        head: Linear,
        inner: Linear | None = None,
        outer: Linear | None = None,
        dropout: Dropout | None = None,
    ) -> None:
        self.lstm = lstm
        self.head = head
        self.inner = inner
        self.outer = outer
        self.dropout = dropout

    def __call__(
        self, x: ArrayLike, z: Any = None, state: Any = None, lengths: Any = None, last: bool = True
    ) -> tuple[Tensor, Any]:
        """Answer after the last step, or after each.

        Args:
            x: [B, T, X].
            z: [B, Z], or [B, T, Z] where ``last`` is false; None where nothing is known.
            state: of the LSTM, to go on from.
            lengths: [B], the steps of each row that count.
            last: whether only the last step is asked; all rows are full then.

        Returns:
            [B, W], or [B, T, W]; and the state.
        """
        y, state = self.lstm(x, state, lengths)
        seen = y[:, -1] if last else y
        if self.dropout is not None:
            seen = self.dropout(seen)
        if z is not None:
            seen = ops.concat([seen, z])
        found = self.head(seen)
        if self.inner is not None and self.outer is not None:
            found = found + self.outer(ops.relu(self.inner(seen)))
        return found, state


class SideBySide(Module):
    """A reader for each step ahead; none knows of the others.

    Args:
        readers: as many as there are steps.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        self.readers = list(readers)

    def __call__(
        self, x: ArrayLike, z: Any = None, state: Any = None, lengths: Any = None, last: bool = True
    ) -> tuple[Tensor, Any]:
        """Answer as a ``Reader`` does, the answers of all behind one another."""
        states = [None] * len(self.readers) if state is None else state
        made = [reader(x, z, each, lengths, last) for reader, each in zip(self.readers, states, strict=True)]
        return ops.concat([answer for answer, _ in made]), [after for _, after in made]
