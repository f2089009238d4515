"""Dropout as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy.typing as npt

from .. import ops
from .._options import flag, number, seed_number
from ..ops import ArrayLike
from ..tensor import Tensor
from ._module import Module
from ._ragged import as_batch


class Dropout(Module):
    """Drops elements at random in training, and does nothing in evaluation.

    Args:
        p: the chance to drop an element; what stays grows by 1 / (1 - p).
        locked: one mask for all steps of a sequence.
        seed: masks follow from it and from ``draws``, the number of training passes so far. Two layers of one model
            need two seeds, or their masks are the same.

    >>> import numpy as np
    >>> dropout = Dropout(0.5)
    >>> dropout(np.ones((2, 3))).tolist()
    [[2.0, 2.0, 0.0], [2.0, 2.0, 2.0]]
    >>> dropout.eval()(np.ones((2, 3))).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    _counters: ClassVar[tuple[str, ...]] = ("draws",)

    def __init__(self, p: float, *, locked: bool = False, seed: int = 0) -> None:
        self.p = number("p", p)
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must be from 0 to 1, got {p}")
        self.locked = flag("locked", locked)
        self.seed = seed_number(seed)
        self.draws = 0

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over x [B, T, C], a list of B sequences [T_b, C], or without lengths any axes [B, .., C].

        Returns:
            The shape of x; zero behind the end of each row.
        """
        batch, lengths = as_batch(x, lengths)
        if self.training and self.p > 0:
            dropped = ops.dropout(batch, self.p, (self.seed, self.draws), locked=self.locked, lengths=lengths)
            self.draws += 1
            return dropped
        if lengths is not None:
            return ops.zero_padding(batch, lengths)
        return batch if isinstance(batch, Tensor) else Tensor(batch)

    def __repr__(self) -> str:
        locked, seed = ", locked=True" if self.locked else "", f", seed={self.seed}" if self.seed else ""
        return f"Dropout({self.p}{locked}{seed})"
