"""One step of an LSTM, for loops that are written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from .. import ops
from .._options import count, seed_number
from ..ops import ArrayLike, LstmCore
from ..tensor import Tensor
from ._cell import Cell, arithmetic, as_cell
from ._init import Init, as_init, first_parameters
from ._recurrent import Recurrent

State: TypeAlias = tuple[ArrayLike | None, ArrayLike | None]


class LSTMCell(Recurrent):
    """One step of an LSTM: what stands between two steps is yours to change.

    For whole sequences ``LSTM`` is far faster, and for steps without gradients so is ``LSTM.stream``.

    Args:
        input_size: C.
        hidden_size: H.
        cell: what happens in the step, see ``Cell``.
        init: ``"uniform"``, ``"glorot"``, ``"orthogonal"`` or an ``Init``.
        seed: first values follow from it.

    Parameters: ``weight_ih`` [4H, C], ``weight_hh`` [4H, H], ``bias`` [4H], and ``weight_peephole`` [3, H] (rows i, f,
    o) where the cell has it. The gates' rows are in the order i, f, g, o.

    >>> import numpy as np
    >>> step = LSTMCell(3, 5)
    >>> state = None
    >>> for x in np.ones((7, 4, 3)):
    ...     h, state = step(x, state)
    >>> h.shape
    (4, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: Cell | None = None,
        init: str | Init = "uniform",
        seed: int = 0,
    ) -> None:
        self.input_size = count("input_size", input_size)
        self.hidden_size = count("hidden_size", hidden_size)
        self.cell = as_cell(cell)
        self.init = as_init(init)
        self.seed = seed_number(seed)
        self._core = self._make_core()
        first = first_parameters(self._core, self.cell, self.init, self.seed)
        self._names = [name.removesuffix("_l0") for name in first]
        for name, parameter in zip(self._names, first.values(), strict=True):
            setattr(self, name, parameter)

    def _make_core(self) -> LstmCore:
        return LstmCore(self.input_size, [self.hidden_size], **arithmetic(self.cell))

    def __call__(self, x: ArrayLike, state: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Take a step.

        Args:
            x: [B, C].
            state: (h, c), each [B, H]; what is left out or ``None``, of the pair too, is zeros.

        Returns:
            h [B, H] and the state (h, c).
        """
        if state is not None and (not isinstance(state, (tuple, list)) or len(state) != 2):
            raise TypeError(f"state must be a pair (h, c), got {type(state).__name__}")
        h, c = (None, None) if state is None else state
        steps = _with_axis("x", x, [("B", None), ("C", self.input_size)], 1)
        extents = [("B", steps.shape[0]), ("H", self.hidden_size)]
        h_before = None if h is None else [_with_axis("h of state", h, extents, 0)]
        c_before = None if c is None else [_with_axis("c of state", c, extents, 0)]
        params = [getattr(self, name) for name in self._names]
        _, (h_last,), (c_last,) = ops.lstm(self._core, params, steps, None, h_before, c_before, None)
        h_next = ops.squeeze(h_last, 0)
        return h_next, (h_next, ops.squeeze(c_last, 0))

    def __repr__(self) -> str:
        shown = [str(self.input_size), str(self.hidden_size)]
        shown += [f"cell={self.cell!r}"] if self.cell != Cell() else []
        shown += [f"init={self.init!r}"] if self.init != Init() else []
        shown += [f"seed={self.seed}"] if self.seed else []
        return f"LSTMCell({', '.join(shown)})"


def _with_axis(name: str, given: ArrayLike, axes: Sequence[tuple[str, int | None]], place: int) -> Tensor:
    """Return what has these two axes with a further one: a layer, or a step of time."""
    array = ops.as_f32(name, ops.values(given), axes)
    return ops.expand_dims(given if isinstance(given, Tensor) else Tensor(array), place)
