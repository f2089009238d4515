"""What metrics do to their arguments first: make arrays of them, compare their shapes, and say what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]

# Targets of steps behind the end of a sequence, as batches and the cross-entropy have them.
IGNORED = -100


def numbers(name: str, given: Any, *, finite: bool = True) -> Floats:
    """Return numbers as float64; a list of sequences of different lengths becomes one long array."""
    if isinstance(given, (list, tuple)) and given and _ragged(given):
        rows = [numbers(f"{name}[{at}]", row, finite=finite) for at, row in enumerate(given)]
        return np.concatenate([row.reshape(-1) for row in rows])
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "biufO":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numbers, got {_what(given)}") from None
    if finite and not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name} must be finite, got {array[tuple(at)]} at {at}")
    return array


def number_pair(y_true: Any, y_pred: Any) -> tuple[Floats, Floats]:
    """Return both arguments as numbers of one shape, at least one of them."""
    if _sequences(y_true) and _sequences(y_pred):
        lengths(y_true, y_pred)
    true, pred = numbers("y_true", y_true), numbers("y_pred", y_pred)
    same_shape(true.shape, pred.shape)
    filled(true.size)
    return true, pred


def same_shape(true: tuple[int, ...], pred: tuple[int, ...]) -> None:
    """Refuse shapes that differ; numpy would spread one over the other and say nothing."""
    if true != pred:
        raise ValueError(f"y_pred must have the shape of y_true, {list(true)}, got {list(pred)}")


def filled(size: int) -> None:
    """Refuse to judge nothing."""
    if size == 0:
        raise ValueError("y_true must hold at least one value, got none")


def lengths(y_true: Any, y_pred: Any) -> list[int]:
    """Return the lengths of the sequences of two lists, which must be the same."""
    rows("y_true", y_true)
    rows("y_pred", y_pred)
    if len(y_true) != len(y_pred):
        raise ValueError(f"y_pred must hold {len(y_true)} sequences, as y_true does, got {len(y_pred)}")
    for at, (true, pred) in enumerate(zip(y_true, y_pred, strict=True)):
        if len(true) != len(pred):
            raise ValueError(f"y_pred[{at}] must have {len(true)} steps, as y_true[{at}] has, got {len(pred)}")
    return [len(row) for row in y_true]


def rows(name: str, given: Any) -> Any:
    """Return a list of samples; a string or a single value is none."""
    if hasattr(given, "to_numpy"):  # a column of pandas or polars
        given = given.to_numpy()
    plain = isinstance(given, (str, bytes)) or not hasattr(given, "__len__") or not hasattr(given, "__getitem__")
    if plain or isinstance(given, dict) or getattr(given, "shape", (1,)) == ():
        raise TypeError(f"{name} must be a list with an item for each sample, got {_what(given)}")
    return given


def row_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return two lists of as many samples, at least one."""
    true, pred = rows("y_true", y_true), rows("y_pred", y_pred)
    if len(true) != len(pred):
        raise ValueError(f"y_pred must have {len(true)} samples, as y_true has, got {len(pred)}")
    filled(len(true))
    return true, pred


def two(name: str, given: Any, words: str, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return a tuple of two arrays, or the two halves of an array [..., 2]."""
    if isinstance(given, tuple) and len(given) == 2:
        first, second = numbers(f"{name}[0]", given[0]), numbers(f"{name}[1]", given[1])
    else:
        both = numbers(name, given)
        if both.shape != (*shape, 2):
            expected = f"a tuple ({words}) or an array of shape {[*shape, 2]}"
            raise ValueError(f"{name} must be {expected}, got shape {list(both.shape)}")
        first, second = both[..., 0], both[..., 1]
    for half in (first, second):
        same_shape(shape, half.shape)
    return first, second


def integers(name: str, given: Any) -> Index:
    """Return whole numbers as int64; a list of sequences of different lengths becomes one long array."""
    array = numbers(name, given)
    whole = array.astype(np.int64)
    if (whole != array).any():
        raise ValueError(f"{name} must be whole numbers, got {array[whole != array][0]}")
    return whole


def _sequences(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and len(given) > 0 and _ragged(given)


def _ragged(given: Sequence[Any]) -> bool:
    """Whether the items are sequences that do not make one array."""
    if not hasattr(given[0], "__len__"):
        return False
    shapes = {np.shape(row) if not isinstance(row, (list, tuple)) else (len(row),) for row in given}
    return len(shapes) > 1 and () not in shapes


def _what(given: Any) -> str:
    if isinstance(given, np.ndarray):
        return f"an array of {given.dtype}"
    shown = repr(given)
    return shown if len(shown) <= 60 else f"{type(given).__name__} {shown[:50]}…"
