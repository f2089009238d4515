"""A table: channels of numbers, when each row was, and columns of words beside them.

Where a table comes from, a file or a frame, is for other files; what its columns hold is found out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._options import choice
from ._times import Times, calendar, calendar_names, read_times

# What stands for a value that is not there, in any case of letters.
MISSING = frozenset(["", "?", "-", "na", "n/a", "nan", "null", "none", "nat", "<na>", "."])


@dataclass(frozen=True, eq=False)
class Table:
    """Rows in an order, usually of time.

    Attributes:
        values: [T, C], float32; what is missing is NaN.
        columns: the C names.
        times: [T], datetime64, or None where there was no column of times. Those with a zone are in UTC.
        labels: the columns of words by name, each [T] of strings; what is missing is "".
    """

    values: npt.NDArray[np.float32]
    columns: tuple[str, ...]
    times: Times | None = None
    labels: dict[str, npt.NDArray[np.str_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> Any:
        if name in self.labels:
            return self.labels[name]
        return self.values[:, self._place(name)]

    @property
    def missing(self) -> dict[str, int]:
        """How many values are missing in each column that lacks any."""
        lacking = np.isnan(self.values).sum(axis=0).tolist()
        words = {name: int((words == "").sum()) for name, words in self.labels.items()}
        return {name: n for name, n in [*zip(self.columns, lacking, strict=True), *words.items()] if n}

    @property
    def step(self) -> np.timedelta64 | None:
        """The time from row to row, or None where that is not always the same or not known."""
        if self.times is None or len(self.times) < 2:
            return None
        steps = np.diff(self.times)
        return steps[0] if (steps == steps[0]).all() else None

    def only(self, *columns: str) -> Table:
        """Return the table with these columns of numbers, in this order."""
        places = [self._place(name) for name in columns]
        return Table(self.values[:, places], columns, self.times, self.labels)

    def with_calendar(self, *parts: str) -> Table:
        """Return the table with a sine and a cosine for each of some parts of the time: see ``calendar``."""
        if self.times is None:
            raise ValueError("a calendar needs times, and this table has none")
        return self._with(calendar(self.times, *parts), calendar_names(*parts))

    def with_one_hot(self, label: str) -> Table:
        """Return the table with a column of zeros and ones for each word of a column of labels, in order of the words.

        Where the word is missing, all are 0.
        """
        words = self.labels[choice("label", label, *self.labels)]
        kinds = [word for word in np.unique(words).tolist() if word]
        hot = np.stack([words == word for word in kinds], axis=1) if kinds else np.zeros((len(self), 0))
        return self._with(hot, [f"{label}={word}" for word in kinds])

    def _with(self, more: npt.NDArray[Any], names: Sequence[str]) -> Table:
        values = np.concatenate([self.values, more.astype(np.float32)], axis=1)
        return Table(values, _distinct([*self.columns, *names]), self.times, self.labels)

    def _place(self, name: str) -> int:
        if name not in self.columns:
            raise KeyError(f"{name!r}; there are {', '.join(self.columns) or 'no columns of numbers'}")
        return self.columns.index(name)

    def __repr__(self) -> str:
        when = ""
        if self.times is not None and len(self):
            when = ", " + " to ".join(np.datetime_as_string(self.times[[0, -1]], unit="auto").tolist())
        lacking = sum(self.missing.values())
        shown = f", {lacking} values missing" if lacking else ""
        words = f", labels {', '.join(self.labels)}" if self.labels else ""
        return f"Table({len(self)} rows of {', '.join(self.columns)}{words}{when}{shown})"


def assembled(
    called: str,
    given: Mapping[str, Any],
    *,
    time: str | None,
    columns: Iterable[str] | None,
    labels: Iterable[str],
    skip: Iterable[str],
    time_format: str | None,
    decimal: str = ".",
    rows: Sequence[int] | None = None,
) -> Table:
    """Return a table of columns by name, each a list of strings or an array of anything.

    ``called`` is what errors call the origin, ``rows`` the line of each row where errors are to name lines; the other
    options are those of ``read_csv``.
    """
    _distinct(given)
    labels, skip = _names("labels", labels), _names("skip", skip)
    wanted = None if columns is None else _names("columns", columns)
    for option, names in [
        ("time", [time] if time else []),
        ("columns", wanted or []),
        ("labels", labels),
        ("skip", skip),
    ]:
        for name in names:
            if name not in given:
                raise ValueError(
                    f"{option} must name columns of {called}, which has no {name!r}, but {', '.join(given)}"
                )
    if time is None and given:
        first = next(iter(given))
        explicit = first in labels or first in skip or (wanted is not None and first in wanted)
        time = first if not explicit and _looks_like_times(given[first]) else None
    if wanted is None:
        wanted = [name for name in given if name != time and name not in labels and name not in skip]
    where = _Where(called, rows)
    numbers = [_numbers(where, name, given[name], decimal) for name in wanted]
    steps = len(next(iter(given.values()))) if given else 0
    return Table(
        np.stack(numbers, axis=1) if numbers else np.zeros((steps, 0), np.float32),
        tuple(wanted),
        None if time is None else read_times(given[time], time_format, lambda at, says: where.fault(time, at, says)),
        {name: _words(given[name]) for name in labels},
    )


@dataclass
class _Where:
    called: str
    rows: Sequence[int] | None

    def fault(self, column: str, row: int | None, says: str) -> ValueError:
        line = "" if row is None else f", row {row}" if self.rows is None else f", line {self.rows[row]}"
        return ValueError(f"{self.called}{line}, column {column!r}: {says}")


def _numbers(where: _Where, name: str, given: Any, decimal: str) -> npt.NDArray[np.float32]:
    """Return a column as numbers, NaN where they are missing."""
    array = None if isinstance(given, list) else np.asarray(given)
    if array is not None and array.dtype.kind in "fiub":
        found = array.astype(np.float64)
    elif array is not None and array.dtype.kind in "mM":
        raise where.fault(
            name, None, f"expected numbers, got {array.dtype}; name it as time=, or leave it out with skip="
        )
    else:
        texts = [str(value).strip() for value in (given if array is None else array.tolist())]
        if decimal != ".":
            texts = [text.replace(decimal, ".") for text in texts]
        texts = ["nan" if text.lower() in MISSING else text for text in texts]
        try:
            found = np.array([float(text) for text in texts], np.float64)
        except ValueError:
            row = next(at for at, text in enumerate(texts) if not _is_number(text))
            says = (
                f"expected a number, got {texts[row][:40]!r}; declare the column in labels=, or leave it out with skip="
            )
            raise where.fault(name, row, says) from None
    large = np.abs(found) > np.finfo(np.float32).max
    large &= np.isfinite(found)
    if large.any():
        raise where.fault(name, int(large.argmax()), f"expected a number that float32 can hold, got {found[large][0]}")
    return found.astype(np.float32)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _words(given: Any) -> npt.NDArray[np.str_]:
    """Return a column as strings, "" where they are missing; a word that is "-" or "." stays one."""
    listed = given if isinstance(given, list) else np.asarray(given).tolist()
    texts = ["" if value is None else str(value).strip() for value in listed]
    return np.array(["" if text.lower() in MISSING - {"-", ".", "?", "none"} else text for text in texts], np.str_)


def _looks_like_times(given: Any) -> bool:
    """Return whether a column begins with a date, as nothing else is written."""
    if not isinstance(given, list):
        array = np.asarray(given)
        if array.dtype.kind in "fiub":
            return False
        if array.dtype.kind == "M":
            return True
        given = array[:1].tolist()
    if not given or _is_number(str(given[0])):
        return False
    try:
        read_times(given[:1], None, lambda _, says: ValueError(says), ambiguous=True)
    except ValueError:
        return False
    return True


def _names(option: str, given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise TypeError(f"{option} must be a list of names, got the string {given!r}")
    return list(given)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    found = tuple(names)
    if len(set(found)) < len(found):
        twice = next(name for at, name in enumerate(found) if name in found[:at])
        raise ValueError(f"columns must have different names, {twice!r} is there twice")
    return found
