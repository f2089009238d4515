"""Labels as users give them: strings, integers or truth values; and their places among those that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# So many characters an array of strings may have, each of which takes as many as the longest.
WIDEST = 1 << 24


def as_labels(name: str, y: Any) -> npt.NDArray[Any]:
    """Return labels as an array [N]."""
    try:
        array = np.asarray(y)
        if array.dtype.kind == "O":
            array = np.asarray(array.tolist())
    except ValueError:  # lists of different lengths
        raise ValueError(f"{name} must be [N] labels, one for each sequence, got {y!r:.60}") from None
    if array.ndim != 1:
        raise ValueError(f"{name} must be [N] labels, one for each sequence, got shape {list(array.shape)}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has {array[~np.isfinite(array)][0]}; every sequence needs a label")
        broken = array[array != np.round(array)]
        if len(broken):
            raise ValueError(
                f"{name} must hold labels, got numbers such as {broken[0]}; to predict numbers use SequencePredictor"
            )
    elif array.dtype.kind not in "iubU":
        raise TypeError(f"{name} must hold strings, integers or truth values, got {_found(array)}")
    elif array.dtype.kind == "U" and not (isinstance(y, np.ndarray) and y.dtype.kind == "U"):
        other = next((label for label in y if not isinstance(label, str)), None)
        if other is not None:
            raise TypeError(f"{name} must hold labels of one type, got strings and {other!r}")
    return array


def places(name: str, labels: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the place of each label among those that are known, which are sorted."""
    unseen = set(labels.tolist()) - set(known.tolist())
    if not labels.size:
        return np.zeros(0, np.int64)
    if unseen:
        shown = ", ".join(map(repr, known.tolist()[:10]))
        raise ValueError(f"{name} has {min(map(repr, unseen))}, which was never seen in fit; known are {shown}")
    return np.searchsorted(known, labels).astype(np.int64)


def different(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the labels that there are, in order; there must be two."""
    known = np.unique(labels)
    if len(known) < 2:
        only = f"only {known.tolist()[0]!r}" if len(known) else "none"
        raise ValueError(f"y must have at least two classes, got {only}; there is nothing to tell apart")
    return known


def step_labels(name: str, rows: Sequence[Any], y: Sequence[Any]) -> list[npt.NDArray[Any]]:
    """Return for each sequence its labels [T], after a look at whether there is one for each step."""
    found = []
    for at, (row, labels) in enumerate(zip(rows, y, strict=True)):
        if isinstance(labels, str) or not hasattr(labels, "__len__"):
            raise TypeError(f"{name}[{at}] must hold a label for each step, got {labels!r:.60}")
        if len(labels) != len(row):
            raise ValueError(f"X[{at}] has {len(row)} steps and {name}[{at}] has {len(labels)} labels")
        found.append(as_labels(f"{name}[{at}]", labels) if len(labels) else np.zeros(0, np.int64))
    return found


def all_labels(name: str, rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the labels of all sequences in a row; they must be of one type."""
    filled = [row for row in rows if len(row)]
    texts = {row.dtype.kind == "U" for row in filled}
    if len(texts) > 1:
        raise TypeError(f"{name} must hold labels of one type, got strings and numbers")
    return np.concatenate(filled) if filled else np.zeros(0, np.int64)


def as_items(items: Sequence[Any]) -> npt.NDArray[Any]:
    """Return items [N] as they are: an array of objects where they are of several types, or far from equally long."""
    types = {type(item) for item in items}
    wide = types == {str} and len(items) * max(map(len, items)) > WIDEST
    if len(types) == 1 and types <= {str, int, float, bool} and not wide:
        return np.array(items)
    array = np.empty(len(items), object)
    for at, item in enumerate(items):
        array[at] = item
    return array


def _found(array: npt.NDArray[Any]) -> str:
    if array.dtype.kind == "O":
        odd = next((label for label in array.flat if not isinstance(label, (str, int))), None)
        return repr(odd)[:60]
    return str(array.dtype)
