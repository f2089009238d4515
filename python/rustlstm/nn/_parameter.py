"""Parameters: the tensors that training changes, and nothing else may."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..ops import as_f32
from ..tensor import Array, Tensor, Versioned

_versions = itertools.count(1)


def _refuse(parameter: Parameter, value: object) -> None:
    raise AttributeError("data of a parameter cannot be replaced; change it with assign(...)")


class Parameter(Versioned):
    """A tensor that training changes.

    ``data`` is read-only and always shows the present values; they change through ``assign``, ``load_state_dict`` or an
    optimizer, each of which gives the parameter a new ``version``. No two parameters of a process share a version.
    ``name`` is that of the attribute that it was first stored in, for messages.

    >>> import rustlstm as rl
    >>> p = rl.nn.Parameter([1.0, 2.0])
    >>> p.assign([3.0, 4.0])
    >>> p.tolist()
    [3.0, 4.0]
    """

    __slots__ = ("_buffer",)

    _buffer: Array

    if not TYPE_CHECKING:  # or mypy would miss the attribute of all tensors
        data = property(Tensor.data.__get__, _refuse, doc="The present values, read-only.")

    def __init__(self, data: npt.ArrayLike, requires_grad: bool = True) -> None:
        self._hold(np.array(as_f32("data", data)))
        self.grad = None
        self.requires_grad = requires_grad
        self._node, self._index = None, 0
        self.name = ""
        self.touch()

    @classmethod
    def blank(cls, shape: Sequence[int]) -> Parameter:
        """Return a parameter of zeros that has no memory before it is assigned values; it counts in ``undrawn``."""
        _drawing.count(shape)
        new = cls(0.0)
        new._hold(np.broadcast_to(np.float32(0), tuple(shape)))
        return new

    def assign(self, value: npt.ArrayLike) -> None:
        """Take on the values of an array with the same shape."""
        array = as_f32("value", value, [("", extent) for extent in self.shape])
        self.touch()
        if self._buffer.flags.writeable:
            self._buffer[...] = array
        else:  # it was made without memory
            self._hold(np.array(array))
        self.touch()

    def _hold(self, buffer: Array) -> None:
        self._buffer = buffer
        view = buffer.view()
        view.flags.writeable = False
        Tensor.data.__set__(self, view)  # type: ignore[misc,attr-defined]  # past the property above

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.numpy(), self.requires_grad, self.name)

    def touch(self) -> None:
        """Say that the values change. For optimizers, which write through ``_buffer``.

        To be called before they do, for an interrupt may be all that follows, and whoever has packed the old values
        must not take them for the new ones; and again after, for another thread may have packed some of each.
        """
        self.version = next(_versions)


def _restored(kind: type[Parameter], data: Array, requires_grad: bool, name: str) -> Parameter:
    parameter = kind(data, requires_grad)
    parameter.name = name
    return parameter


class _Drawing(threading.local):
    on = True
    # How many more parameters, and numbers in all of them, may be made inside ``undrawn``.
    parameters = numbers = math.inf

    def count(self, shape: Sequence[int]) -> None:
        self.parameters -= 1
        self.numbers -= math.prod(shape)
        if self.parameters < 0 or self.numbers < 0:
            raise ValueError(f"with a parameter of shape {list(shape)} it has more parameters than the file")


_drawing = _Drawing()


def drawing() -> bool:
    """Say whether new parameters are to be drawn, in this thread: not so inside ``undrawn``."""
    return _drawing.on


@contextmanager
def undrawn(parameters: float = math.inf, numbers: float = math.inf) -> Iterator[None]:
    """Inside, new parameters have a shape but no memory and no values, until ``load_state_dict``: for loaders.

    Args:
        parameters: the most that may be made; one more is an error.
        numbers: the most numbers that they may have.
    """
    before = _drawing.on, _drawing.parameters, _drawing.numbers
    _drawing.on, _drawing.parameters, _drawing.numbers = False, parameters, numbers
    try:
        yield
    finally:
        _drawing.on, _drawing.parameters, _drawing.numbers = before


def parameter(shape: Sequence[int], draw: Callable[[], npt.ArrayLike]) -> Parameter:
    """Return a new parameter of this shape with the values that ``draw`` returns, unless inside ``undrawn``."""
    if not _drawing.on:
        return Parameter.blank(shape)
    new = Parameter(draw())
    if new.shape != tuple(shape):
        raise ValueError(f"a parameter of shape {list(shape)} was drawn with shape {list(new.shape)}")
    return new


def shared(name: str, given: Any, shape: Sequence[int]) -> Parameter:
    """Return a parameter of another layer that shall be one of this layer's too."""
    if not isinstance(given, Parameter):
        raise TypeError(f"{name} must be a Parameter of another layer, got {type(given).__name__}")
    if given.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {list(shape)}, got {list(given.shape)}")
    return given
