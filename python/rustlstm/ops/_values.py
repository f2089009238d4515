"""What an operation is given: tensors and arrays, and the plain arrays behind them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._core import as_f32 as as_f32
from ..tensor import Array, Tensor, from_list

ArrayLike: TypeAlias = Tensor | npt.ArrayLike

LARGEST = float(np.finfo(np.float32).max)


def values(given: Any) -> Any:
    """Return the array of a tensor or a list; anything else as it is."""
    if isinstance(given, Tensor):
        return given.data
    return from_list(given) if isinstance(given, (list, tuple)) else given


def kept(x: ArrayLike) -> Array:
    """Return x for a pass that is recorded: never memory that the caller may change before ``backward``."""
    if isinstance(x, Tensor):
        return x.data
    data = as_f32("x", values(x))
    # What came by way of __array__ or the buffer protocol may be the giver's own memory, without a sign of it.
    owned = isinstance(x, (np.ndarray, list, tuple)) and data is not x and data.base is None
    return data if owned else data.copy()


def kept_lengths(lengths: npt.ArrayLike | None) -> npt.NDArray[Any] | None:
    """Return lengths for a pass that is recorded."""
    return None if lengths is None else np.array(lengths)


def constant(value: Any) -> Any:
    """Return a number or an array that is an operand, as float32 that the caller cannot change any more."""
    if isinstance(value, (int, float)) and not LARGEST < abs(value) < np.inf:
        return np.float32(value)
    array = kept(value)
    array.flags.writeable = False
    return array
