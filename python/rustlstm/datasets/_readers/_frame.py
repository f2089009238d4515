"""Tables out of what is in memory: frames of pandas and polars, arrays, dicts of columns. None of these is imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ._table import Table, assembled


def from_frame(
    frame: Any,
    *,
    time: str | None = None,
    columns: Iterable[str] | None = None,
    labels: Iterable[str] = (),
    skip: Iterable[str] = (),
    names: Iterable[str] | None = None,
    time_format: str | None = None,
) -> Table:
    """Return a frame as a table.

    Args:
        frame: of pandas or polars; a dict of columns; an array with named fields; or an array [T, C] or [T].
        time: the column of times; if left out, the index of a pandas frame where it is one of times, else the first
            column where it holds dates.
        columns: which columns of numbers to take, in which order; all others if left out.
        labels: columns of words.
        skip: columns to leave out.
        names: what to call the columns of an array [T, C]; "0", "1" and so on if left out.
        time_format: of ``strptime``, or "s", "ms" or "us" for numbers since 1970; if left out, that of ISO 8601 or one
            of the common ones.

    >>> days = np.array(["2024-01-01", "2024-01-02"], "datetime64[D]")
    >>> from_frame({"day": days, "load": [3.5, 4.0]}).values.tolist()
    [[3.5], [4.0]]
    """
    given = _columns(frame, names)
    index = getattr(frame, "index", None)
    if time is None and getattr(getattr(index, "dtype", None), "kind", "") == "M" and hasattr(index, "to_numpy"):
        assert index is not None
        time = str(getattr(index, "name", None) or "index")
        if time in given:
            raise ValueError(f"the frame has both an index and a column {time!r}; say which is time=, or rename one")
        given = {time: index.to_numpy(), **given}
    extents = {name: len(column) for name, column in given.items()}
    if len(set(extents.values())) > 1:
        raise ValueError(f"columns must be equally long, got {extents}")
    return assembled(
        "the frame",
        given,
        time=time,
        columns=columns,
        labels=labels,
        skip=skip,
        time_format=time_format,
    )


def _columns(frame: Any, names: Iterable[str] | None) -> dict[str, Any]:
    """Return the columns of a frame by name."""
    if names is not None and (not isinstance(frame, np.ndarray) or frame.dtype.names):
        raise ValueError("names are for an array [T, C], whose columns have none")
    if isinstance(frame, np.ndarray) and frame.dtype.names:
        return {name: frame[name] for name in frame.dtype.names}
    if isinstance(frame, np.ndarray):
        if frame.ndim not in (1, 2):
            raise ValueError(f"the frame must be an array [T, C] or [T], got shape {list(frame.shape)}")
        array = frame.reshape(len(frame), -1) if frame.size else frame.reshape(len(frame), *frame.shape[1:] or (1,))
        called = [str(at) for at in range(array.shape[1])] if names is None else [str(name) for name in names]
        if len(called) != array.shape[1] or len(set(called)) != len(called):
            raise ValueError(f"names must be {array.shape[1]} different ones, got {called}")
        return {name: array[:, at] for at, name in enumerate(called)}
    if isinstance(frame, Mapping):
        return {str(name): column if isinstance(column, list) else np.asarray(column) for name, column in frame.items()}
    if hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        found = {}
        for at, name in enumerate(frame.columns):
            column = frame[name]
            if getattr(column, "ndim", 1) != 1 or str(name) in found:
                raise ValueError(f"columns must have different names, {name!r} (column {at}) is there twice")
            found[str(name)] = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
        return found
    raise TypeError(f"the frame must be of pandas or polars, a dict or an array, got {type(frame).__name__}")
