"""Layers one after another."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from ..ops import ArrayLike
from ..tensor import Tensor
from ._conv import Conv2d
from ._module import Module
from ._pool import AvgPool2d, MaxPool2d
from ._ragged import as_either

# What treats each step as an image.
STEPWISE = (Conv2d, MaxPool2d, AvgPool2d)


class Sequential(Module):
    """Layers one after another, for sequences of equal and of different lengths.

    Args:
        *modules: modules, or functions of one tensor such as ``rustlstm.ops.relu``, which do the same to each step.

    Each module that takes ``lengths`` is given those of its own input: they change behind a module with
    ``out_lengths``, and end behind a pool. Of what an LSTM returns, y goes on. What a function makes of the padding is
    set to zero again.

    >>> import numpy as np, rustlstm as rl
    >>> model = Sequential(
    ...     rl.nn.Conv1d(3, 8, 5, padding="same"), rl.ops.relu, rl.nn.MaxPool1d(2), rl.nn.LSTM(8, 4), rl.nn.Pool("last")
    ... )
    >>> model([np.ones((7, 3)), np.ones((12, 3))]).shape
    (2, 4)
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '3.weight_ih_l0', '3.weight_hh_l0', '3.bias_l0']
    """

    def __init__(self, *modules: Any) -> None:
        for place, module in enumerate(modules):
            if not callable(module) or isinstance(module, type):
                made = f"the class {module.__name__}" if isinstance(module, type) else type(module).__name__
                raise TypeError(f"module {place} must be a module or a function of one tensor, got {made}")
        self.modules = modules
        self._takes_lengths = tuple("lengths" in inspect.signature(type(one).__call__).parameters for one in modules)

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Any:
        """Run over a batch.

        Args:
            x: [B, T, C], or a list of B sequences [T_b, C]; where an Embedding comes first [B, T] or [T_b].
            lengths: [B] integers: only so many steps of each row count.

        Returns:
            What the last module returns; of an LSTM, y.
        """
        value, ends = as_either(x, lengths)
        for module, takes_lengths in zip(self.modules, self._takes_lengths, strict=True):
            if ends is None:
                value = _first(module(value))
            elif takes_lengths:
                value = _first(module(value, lengths=ends))
                ends = module.out_lengths(ends) if hasattr(module, "out_lengths") else ends
            else:
                value = _cleared(_stepwise(module, value), ends)
        return value

    def out_lengths(self, lengths: npt.ArrayLike) -> Any:
        """Return the lengths of the outputs for sequences of these lengths, ``None`` behind a pool."""
        for module in self.modules:
            if lengths is not None and hasattr(module, "out_lengths"):
                lengths = module.out_lengths(lengths)
        return lengths

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and those inside it, each with its path: their places, as torch names them."""
        yield prefix, self
        for place, module in enumerate(self.modules):
            if isinstance(module, Module):
                yield from module.named_modules(f"{prefix}.{place}" if prefix else str(place))

    def __len__(self) -> int:
        return len(self.modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.modules)

    def __getitem__(self, place: int | slice) -> Any:
        """Return the module at a place, or a Sequential of those in a slice."""
        return Sequential(*self.modules[place]) if isinstance(place, slice) else self.modules[place]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(getattr(module, '__name__', repr(module)) for module in self.modules)})"


def _first(made: Any) -> Any:
    return made[0] if isinstance(made, tuple) else made


def _stepwise(module: Any, value: Any) -> Any:
    """Run what takes no lengths over steps, some of which are padding: it must do the same to each step."""
    name = getattr(module, "__name__", type(module).__name__)
    if isinstance(module, Module) and not isinstance(module, STEPWISE):
        raise TypeError(f"{name} takes no lengths, so it would take padding for data; let its __call__ take lengths")
    before, made = np.shape(ops.values(value)), _first(module(value))
    if made.ndim < 3 or made.shape[:2] != before[:2]:
        raise ValueError(
            f"{name} must keep the axes [B, T, ..] of sequences of different lengths, got {list(made.shape)} from "
            f"{list(before)}; nn.Pool knows which steps count"
        )
    return made


def _cleared(value: Tensor, ends: Any) -> Tensor:
    """Return steps [B, T, ..] with zeros in the padding."""
    steps = value.reshape(*value.shape[:2], int(np.prod(value.shape[2:], dtype=np.int64)))
    return ops.zero_padding(steps, ends).reshape(*value.shape)
