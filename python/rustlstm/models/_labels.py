"""Labels as users give them: strings, integers or truth values; and their places among those that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def as_labels(name: str, y: Any) -> npt.NDArray[Any]:
    """Return labels as an array [N]."""
    array = np.asarray(y)
    if array.dtype.kind == "O":
        array = np.asarray(array.tolist())
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
    elif array.dtype.kind not in "iubUS":
        raise TypeError(f"{name} must hold strings, integers or truth values, got {array.dtype}")
    return array


def places(name: str, labels: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the place of each label among those that are known, which are sorted."""
    unseen = set(labels.tolist()) - set(known.tolist())
    if unseen:
        shown = ", ".join(map(repr, known.tolist()[:10]))
        raise ValueError(f"{name} has {min(map(repr, unseen))}, which was never seen in fit; known are {shown}")
    return np.searchsorted(known, labels).astype(np.int64)


def different(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the labels that there are, in order; there must be two."""
    known = np.unique(labels)
    if len(known) < 2:
        only = f"only {known[0]!r}" if len(known) else "none"
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
