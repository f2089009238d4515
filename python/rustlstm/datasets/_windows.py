"""Pieces of a series with what follows them: what learning to predict is fed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._options import count
from ._columns import AnyArray, kept_dtype
from ._scaler import is_panel


def windows(
    series: Any,
    length: int,
    *,
    horizon: int = 1,
    stride: int = 1,
    gap: int = 0,
    target: int | Sequence[int] | None = None,
) -> tuple[AnyArray, AnyArray]:
    """Return all windows of a series and the steps that follow each one.

    Window n has the steps from ``n * stride`` on, ``length`` of them; its target the ``horizon`` steps that come
    ``gap`` steps after it. So there are ``N = (T - length - gap - horizon) // stride + 1`` of them.

    Args:
        series: [T, C] or [T]; or a list of such, whose windows come one after another.
        length: the steps of a window.
        horizon: how many steps to predict.
        stride: how many steps further the next window begins.
        gap: how many steps lie between a window and its target.
        target: which column to predict, or a list of K of them; all if left out.

    Returns:
        x [N, length, C], and y [N, horizon, K]; y [N, horizon] for a series [T], or where ``target`` is one column.
        Both are read-only views of the series, and copies for a list.

    >>> x, y = windows(np.arange(6), 3, horizon=2)
    >>> x[:, :, 0].tolist(), y.tolist()
    ([[0, 1, 2], [1, 2, 3]], [[3, 4], [4, 5]])
    """
    length, horizon, stride = count("length", length), count("horizon", horizon), count("stride", stride)
    gap = count("gap", gap, least=0)
    if is_panel(series):
        pairs = [
            _windows(f"series[{at}]", each, length, horizon, stride, gap, target) for at, each in enumerate(series)
        ]
        for at, (x, _) in enumerate(pairs):
            if x.shape[2] != pairs[0][0].shape[2]:
                raise ValueError(
                    f"series[{at}] must have {pairs[0][0].shape[2]} columns, as series[0] has, got {x.shape[2]}"
                )
        return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])
    return _windows("series", series, length, horizon, stride, gap, target)


def _windows(
    name: str, series: Any, length: int, horizon: int, stride: int, gap: int, target: int | Sequence[int] | None
) -> tuple[AnyArray, AnyArray]:
    given = np.asarray(series)
    kept_dtype(given.dtype, name)
    if given.ndim not in (1, 2):
        raise ValueError(f"{name} must be [T, C] or [T], got shape {list(given.shape)}")
    least = length + gap + horizon
    if len(given) < least:
        parts = f"length {length}, gap {gap} and horizon {horizon}" if gap else f"length {length} and horizon {horizon}"
        raise ValueError(f"{name} has {len(given)} steps, too few for {parts}: at least {least}")
    columns = given.reshape(len(given), -1)
    x = sliding_window_view(columns[: len(given) - gap - horizon], length, axis=0)[::stride].transpose(0, 2, 1)
    wanted = columns if target is None else columns[:, _chosen(target, columns.shape[1])]
    y = sliding_window_view(wanted[length + gap :], horizon, axis=0)[::stride].transpose(0, 2, 1)
    single = given.ndim == 1 if target is None else np.ndim(target) == 0
    return x, y[:, :, 0] if single else y


def _chosen(target: int | Sequence[int], columns: int) -> Any:
    """Return the columns to predict as an index that keeps two axes; a slice where there is one, which makes a view."""
    chosen = np.asarray(target)
    if chosen.dtype.kind not in "iu" or chosen.ndim > 1 or not chosen.size:
        raise TypeError(f"target must be a column's number or a list of such, got {target!r}")
    for number in np.atleast_1d(chosen).tolist():
        if not 0 <= number < columns:
            raise ValueError(f"target must be in [0, {columns}), got {number}")
    return slice(int(chosen), int(chosen) + 1) if chosen.ndim == 0 else chosen
