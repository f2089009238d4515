"""What a user has, as a panel: series of numbers side by side, with what else is known of them.

    [T], [T, C], a frame, a column, a table      one series
    a list of these                              a panel, of which one model is learned

All series lie in one array, one behind the other, so that windows of any of them are taken out by one index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import Dataset

F64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
# The names of the columns of what is called "series", "past", "future" and "static", or None where they have none.
Names = Mapping[str, tuple[str, ...] | None]


@dataclass(frozen=True)
class Panel:
    """Series, one behind the other.

    Attributes:
        values: [R, C], the rows of all series; NaN where only the future is known.
        future: [R, F], what is known in advance.
        static: [N, S], what does not change.
        begins: [N], the row where each series begins.
        lengths: [N], the steps of each that are known.
        rows: [N], those for which the future is known, at least as many.
        one: whether it was a single series and no list.
        flat: whether series were [T].
        own: how many columns are those of the series; behind them are those of ``past``.
        names: of the columns.
    """

    values: F64
    future: F64
    static: F64
    begins: Index
    lengths: Index
    rows: Index
    one: bool
    flat: bool
    own: int
    names: Names

    def __len__(self) -> int:
        return len(self.begins)

    def called(self, at: int, name: str = "series") -> str:
        """Return what to call a series in an error."""
        return name if self.one else f"{name}[{at}]"

    def series(self, at: int) -> F64:
        """Return the known steps of a series: [T, C]."""
        found: F64 = self.values[self.begins[at] : self.begins[at] + self.lengths[at]]
        return found


def as_panel(
    series: Any, past: Any = None, future: Any = None, static: Any = None, *, names: Names | None = None
) -> Panel:
    """Return all that is known as a panel.

    Args:
        series: see above; or a ``Dataset`` that is one series.
        past: further columns, known as far as the series: of the same form.
        future: columns known in advance, at least as long as the series.
        static: [S] of one series, [N, S] of N.
        names: by which frames are brought into the order that they had in fit; else that of the first frame.
    """
    given, one = _several(_of_dataset(series))
    called = dict(names or {})
    called["series"] = called.get("series") or first_names(given)
    own = [rows_of("series" if one else f"series[{at}]", each, called["series"]) for at, each in enumerate(given)]
    if not own:
        raise ValueError("series is empty; there is nothing to learn from")
    for at, row in enumerate(own):
        if row.shape[1] != own[0].shape[1]:
            raise ValueError(f"series[{at}] must have {own[0].shape[1]} columns, as series[0] has, got {row.shape[1]}")
    whole = own
    if past is not None:
        beside = _beside("past", past, own, one, called)
        for at, (row, other) in enumerate(zip(own, beside, strict=True)):
            if len(row) != len(other):
                name = "past" if one else f"past[{at}]"
                raise ValueError(f"{name} must have {len(row)} steps, as the series has, got {len(other)}")
        whole = [np.concatenate(pair, axis=1) for pair in zip(own, beside, strict=True)]
    coming = [row[:, :0] for row in own] if future is None else _beside("future", future, own, one, called)
    for at, (row, other) in enumerate(zip(own, coming, strict=True)):
        if len(other) < len(row):
            name = "future" if one else f"future[{at}]"
            raise ValueError(
                f"{name} must have at least the {len(row)} steps of the series, and what comes behind them, "
                f"got {len(other)}"
            )
    lengths = np.array([len(row) for row in own], np.int64)
    rows = np.array([len(row) for row in coming], np.int64)
    missing = [np.full((more, whole[0].shape[1]), np.nan) for more in (rows - lengths).tolist()]
    return Panel(
        np.concatenate([part for pair in zip(whole, missing, strict=True) for part in pair]),
        np.concatenate(coming),
        _static(static, len(own), one, called),
        np.cumsum(rows) - rows,
        lengths,
        rows,
        one,
        np.ndim(_plain(given[0])) == 1,
        own[0].shape[1],
        called,
    )


def blocks(panel: Panel, which: Index, at: Index, back: int, ahead: int) -> Panel:
    """Return pieces as a panel: ``back`` steps before each row ``at``, and room for ``ahead`` behind them."""
    steps = at[:, None] + np.arange(-back, ahead)
    values = panel.values[np.minimum(steps, len(panel.values) - 1)]
    values[:, back:] = np.nan
    known = panel.future[np.minimum(steps, len(panel.future) - 1)]
    count, size = steps.shape
    return Panel(
        values.reshape(count * size, -1),
        known.reshape(count * size, known.shape[2]),
        panel.static[which],
        np.arange(count, dtype=np.int64) * size,
        np.full(count, back, np.int64),
        np.full(count, size, np.int64),
        False,
        panel.flat,
        panel.own,
        panel.names,
    )


def targets_of(target: Any, columns: int, names: tuple[str, ...] | None) -> list[int]:
    """Return the numbers of the columns that are to be predicted."""
    if target is None:
        return list(range(columns))
    chosen = list(target) if isinstance(target, (list, tuple)) else [target]
    if not chosen:
        raise ValueError("target must name at least one column, got an empty list")
    found = []
    for name in chosen:
        if isinstance(name, str):
            if names is None or name not in names:
                there = f"are {', '.join(names)}" if names else "have no names; give its number"
                raise ValueError(f"target {name!r} is no column of the series; its columns {there}")
            found.append(names.index(name))
        elif isinstance(name, (int, np.integer)) and not isinstance(name, bool):
            if not 0 <= name < columns:
                raise ValueError(f"target must be a column from 0 to {columns - 1}, got {name}")
            found.append(int(name))
        else:
            raise TypeError(f"target must be a column's name or number, or a list of such, got {target!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"target names a column twice: {target!r}")
    return found


def rows_of(name: str, given: Any, names: tuple[str, ...] | None = None) -> F64:
    """Return one series as [T, C], the columns of a frame in the order of these names."""
    try:
        array = np.asarray(_plain(given), dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must hold numbers [T] or [T, C], got {type(given).__name__} with something else in it; "
            "leave out columns of words and of times"
        ) from None
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape [T] or [T, C], got {list(array.shape)}; several series go into a list"
        )
    columns = array[:, None] if array.ndim == 1 else array
    if not columns.size:
        raise ValueError(f"{name} is empty, of shape {list(array.shape)}; it needs at least one step and one column")
    columns = _in_order(name, given, columns, names)
    if not np.isfinite(columns).all():
        step, column = np.argwhere(~np.isfinite(columns))[0].tolist()
        raise ValueError(f"{name} has {columns[step, column]} at step {step}, column {column}; fill gaps first")
    return columns


def first_names(given: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the names of the columns of the first frame, where there is one."""
    return next((names for names in map(_names, given) if names is not None), None)


def _in_order(name: str, given: Any, columns: F64, names: tuple[str, ...] | None) -> F64:
    there = _names(given)
    if names is None or there is None or there == names:
        return columns
    missing, more = [one for one in names if one not in there], [one for one in there if one not in names]
    if missing or more:
        differs = f"lacks the column {missing[0]!r}" if missing else f"has a column {more[0]!r}, which is not known"
        raise ValueError(f"{name} {differs}; it has {', '.join(there)}, and must have {', '.join(names)}")
    return columns[:, [there.index(one) for one in names]]


def _of_dataset(given: Any) -> Any:
    if not isinstance(given, Dataset):
        return given
    if not given.is_one_sequence or isinstance(given.x, (str, bytes)):
        kind = "a text" if isinstance(given.x, (str, bytes)) else f"{len(given)} samples"
        raise ValueError(f"series must be a Dataset of one series, got {given.name!r} with {kind}")
    return given.x


def _several(given: Any) -> tuple[list[Any], bool]:
    """Return the series of a list, or the one that there is, and whether it is one."""
    if isinstance(given, (list, tuple)) and any(np.ndim(_plain(each)) > 0 for each in given):
        return list(given), False
    if isinstance(given, (list, tuple)) and not given:
        return [], False
    return [given], True


def _plain(given: Any) -> Any:
    """Return what a frame, a column or a table holds; anything else as it is."""
    if hasattr(given, "to_numpy"):
        return given.to_numpy()
    held = getattr(given, "values", None)
    return given if held is None or callable(held) else held


def _beside(name: str, given: Any, own: Sequence[F64], one: bool, names: dict[str, Any]) -> list[F64]:
    """Return covariates, one array for each series."""
    parts = [given] if one else list(given) if isinstance(given, (list, tuple)) else None
    if parts is None or len(parts) != len(own):
        got = type(given).__name__ if parts is None else str(len(parts))
        raise ValueError(f"{name} must be a list of {len(own)}, one for each series, got {got}")
    names[name] = names.get(name) or first_names(parts)
    found = [rows_of(name if one else f"{name}[{at}]", part, names[name]) for at, part in enumerate(parts)]
    for at, row in enumerate(found):
        if row.shape[1] != found[0].shape[1]:
            raise ValueError(f"{name}[{at}] must have {found[0].shape[1]} columns, as {name}[0], got {row.shape[1]}")
    return found


def _static(given: Any, count: int, one: bool, names: dict[str, Any]) -> F64:
    if given is None:
        return np.zeros((count, 0))
    array = np.asarray(_plain(given), np.float64)
    array = array[None] if one and array.ndim == 1 else array
    if array.ndim != 2 or len(array) != count:
        form = "[S]" if one else f"[N, S] with N = {count}"
        raise ValueError(f"static must be {form}, what does not change in each series, got shape {list(array.shape)}")
    names["static"] = names.get("static") or first_names([given])
    array = _in_order("static", given, array, names["static"])
    if not np.isfinite(array).all():
        raise ValueError(f"static[{np.argwhere(~np.isfinite(array))[0][0]}] has something that is no finite number")
    return array


def _names(given: Any) -> tuple[str, ...] | None:
    columns = getattr(given, "columns", None)
    names = () if columns is None else tuple(str(name) for name in columns)
    # A name that two columns have tells neither.
    return names if names and len(set(names)) == len(names) else None
