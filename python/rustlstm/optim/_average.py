"""Averages of weights over the steps of training, and how a model wears them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from .._core import average_step
from .._errors import NonFiniteError
from .._options import count, share
from .._saved import part, rows
from ..ops import as_f32
from ..tensor import Array
from ._parameters import Parameters, Trainable, named, non_finite, refuse_other_names


@contextmanager
def swapped(parameters: Sequence[Trainable], values: Sequence[Array]) -> Iterator[None]:
    """Inside, the parameters have other values; after it, and after an error, their own again."""
    own = [parameter._buffer.copy() for parameter in parameters]
    try:
        _write(parameters, values)
        yield
        if not all(np.array_equal(p._buffer, array) for p, array in zip(parameters, values, strict=True)):
            raise RuntimeError("parameters were changed while they had their averages as values; that change is lost")
    finally:
        _write(parameters, own)


def _write(parameters: Sequence[Trainable], values: Sequence[Array]) -> None:
    for parameter, array in zip(parameters, values, strict=True):
        parameter.touch()
        parameter._buffer[...] = array
        parameter.touch()


class EMA:
    """An exponential moving average of parameters, often better than the last step's.

    Args:
        parameters: a module, or a list of parameters or of (name, parameter) pairs.
        decay: what the average keeps at each update.

    >>> import rustlstm as rl
    >>> p = rl.nn.Parameter([0.0])
    >>> ema = rl.optim.EMA([p], decay=0.75)
    >>> p.assign([1.0])
    >>> ema.update()
    >>> with ema.applied():
    ...     p.tolist()
    [0.25]
    >>> p.tolist()
    [1.0]
    """

    def __init__(self, parameters: Parameters, decay: float = 0.999) -> None:
        self.decay = share("decay", decay)
        self.updates = 0
        self._applied = False
        self._named = named(parameters)
        if not self._named:
            raise ValueError("the average was given no parameters")
        self._averages = [parameter._buffer.copy() for _, parameter in self._named]

    @property
    def parameters(self) -> list[Trainable]:
        """The parameters that are averaged."""
        return [parameter for _, parameter in self._named]

    def update(self) -> None:
        """Move the average towards the present values; call it after each optimizer step.

        Raises:
            NonFiniteError: names the parameter; the average was left as it is.
        """
        self._refuse_applied()
        fault = average_step(self.decay, self._averages, [parameter._buffer for _, parameter in self._named])
        if fault is not None:
            raise self._fault(*fault)
        self.updates += 1

    def check(self) -> None:
        """Fail if no update can be made, whatever the weights: inside ``applied()``, or if an average is not finite."""
        self._refuse_applied()
        for index, average in enumerate(self._averages):
            if not np.isfinite(average).all():
                raise self._fault(index, "average")

    def _refuse_applied(self) -> None:
        if self._applied:
            raise RuntimeError("update() inside applied() would average the average; call it before or after")

    def _fault(self, index: int, kind: str) -> NonFiniteError:
        name, parameter = self._named[index]
        nothing = "the average was not updated"
        if kind == "gradient":  # what moves the average stands in the gradient's place
            return non_finite(name, parameter._buffer, nothing)
        return non_finite(f"the average of {name}", self._averages[index], nothing)

    def applied(self) -> AbstractContextManager[None]:
        """Inside, the parameters have their averages as values; after it, and after an error, their own again."""
        return self._apply()

    @contextmanager
    def _apply(self) -> Iterator[None]:
        before, self._applied = self._applied, True
        try:
            with swapped(self.parameters, self._averages):
                yield
        finally:
            self._applied = before

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run needs to go on with the same bits, as a plain dictionary of copies."""
        slots = [
            {"name": name, "average": array.copy()}
            for (name, _), array in zip(self._named, self._averages, strict=True)
        ]
        return {"decay": self.decay, "updates": self.updates, "slots": slots}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what ``state_dict`` returned; on an error nothing is changed."""
        slots = rows(state, "slots")
        if len(slots) != len(self._averages):
            raise ValueError(f"the state is of {len(slots)} parameters, the average of {len(self._averages)}")
        refuse_other_names([name for name, _ in self._named], [part(slot, "name", str) for slot in slots])
        decay, updates = share("decay", part(state, "decay")), count("updates", part(state, "updates"), 0)
        for slot, (name, _), array in zip(slots, self._named, self._averages, strict=True):
            as_f32(f"the average of {name}", part(slot, "average"), [("", extent) for extent in array.shape])
        for slot, array in zip(slots, self._averages, strict=True):
            array[...] = slot["average"]
        self.decay, self.updates = decay, updates

    def __repr__(self) -> str:
        return f"EMA({len(self._named)} parameters, decay={self.decay}, updates={self.updates})"
