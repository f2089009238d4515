"""Networks of several estimators that ``Sequential`` alone cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .. import ops
from ..nn import LSTM, Module
from ..ops import ArrayLike
from ..tensor import Tensor


class Relu(Module):
    """What is below zero becomes zero: ``ops.relu`` as a module, because a file can say how a module is made.

    >>> Relu()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, x: ArrayLike, lengths: npt.ArrayLike | None = None) -> Tensor:
        """Return a tensor of the shape of x. The zeros behind the ends of sequences stay zeros."""
        return ops.relu(x)


class LastState(Module):
    """What an LSTM has come to at the end of each sequence: one row for each.

    Of two directions each has its own end, so that both have read all of it.

    Args:
        lstm: the layers.

    >>> import numpy as np, rustlstm as rl
    >>> LastState(rl.nn.LSTM(3, 5, bidirectional=True))([np.ones((7, 3)), np.ones((2, 3))]).shape
    (2, 10)
    """

    def __init__(self, lstm: LSTM) -> None:
        self.lstm = lstm

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over x [B, T, C] or a list of B sequences [T_b, C].

        Returns:
            [B, D*H].
        """
        _, (h, _) = self.lstm(x, lengths=lengths)
        directions = 2 if self.lstm.bidirectional else 1
        last: Any = h[-1] if isinstance(h, list) else h[-directions:]
        return ops.concat([last[direction] for direction in range(directions)], axis=1)

    @property
    def output_size(self) -> int:
        """The channels of the result: those of each direction, however the LSTM merges its steps."""
        return self.lstm.output_size * (2 if self.lstm.bidirectional and self.lstm.merge != "concat" else 1)

    def out_lengths(self, lengths: npt.ArrayLike) -> None:
        """Return nothing: the result has no steps."""
