"""Times as they are written, and what of them comes round again: hours, weekdays, months, the days of a year."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..._options import choice

Times: TypeAlias = "npt.NDArray[np.datetime64]"

# Days as they are written other than by ISO 8601. Those of one line cannot be told apart before the 13th of a month.
_DAYS = [
    ("%Y/%m/%d",),
    ("%d.%m.%Y",),
    ("%m/%d/%Y", "%d/%m/%Y"),
    ("%m-%d-%Y", "%d-%m-%Y"),
    ("%m/%d/%y", "%d/%m/%y"),
    ("%Y%m%d",),
    ("%d %b %Y",),
    ("%d-%b-%Y",),
    ("%b %d, %Y",),
    ("%Y-%m",),
]
_HOURS = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S"]
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?)?)?")
_SINCE_1970 = {"s": 1_000_000, "ms": 1000, "us": 1}
_HOUR, _DAY = 3600.0, 86400.0
_PARTS = ("hour", "weekday", "month", "yearday")


def calendar(times: npt.ArrayLike, *parts: str) -> npt.NDArray[np.float32]:
    """Return where times are in cycles, as a sine and a cosine for each: so midnight is near 23:59.

    Args:
        times: [T], datetime64 or strings by ISO 8601.
        parts: some of "hour" (of the day, with minutes), "weekday" (with hours; 0 is Monday), "month" and "yearday".

    Returns:
        [T, 2 * parts], float32.

    >>> calendar(["2024-01-01T00:00", "2024-01-01T06:00"], "hour").round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    calendar_names(*parts)
    at = np.asarray(times, "datetime64[us]").ravel()
    days, months, years = (at.astype(f"datetime64[{unit}]") for unit in "DMY")
    seconds = (at - days).astype(np.float64) / 1e6
    year_days = (years + 1).astype("datetime64[D]") - years.astype("datetime64[D]")
    weekday = (days.astype(np.int64) + 3) % 7  # 1970 began with a Thursday
    shares = {
        "hour": seconds / _DAY,
        "weekday": (weekday + seconds / _DAY) / 7,
        "month": (months - years.astype("datetime64[M]")).astype(np.float64) / 12,
        "yearday": (days - years.astype("datetime64[D]")).astype(np.float64) / year_days.astype(np.float64),
    }
    turns = [2 * np.pi * shares[part] for part in parts]
    return np.stack([wave(turn) for turn in turns for wave in (np.sin, np.cos)], axis=1).astype(np.float32)


def calendar_names(*parts: str) -> list[str]:
    """Return what the columns of ``calendar`` are called."""
    if not parts:
        raise ValueError(f"a calendar needs parts: some of {', '.join(_PARTS)}")
    return [f"{choice('parts', part, *_PARTS)}_{wave}" for part in parts for wave in ("sin", "cos")]


def read_times(
    given: Any, time_format: str | None, fault: Callable[[int, str], Exception], *, ambiguous: bool = False
) -> Times:
    """Return a column as times.

    Args:
        given: a list of strings or an array.
        time_format: None to find it out; a format of ``strptime``; or "s", "ms", "us" for numbers since 1970.
        fault: makes the error from the row and what is wrong there.
        ambiguous: whether it is no error that a day may be read in two ways.
    """
    array = np.asarray(given, object) if isinstance(given, list) else np.asarray(given)
    if array.dtype.kind == "M":
        return _whole(array.astype("datetime64[us]"), fault)
    values = array.tolist()
    if time_format in _SINCE_1970:
        return _since_1970(values, _SINCE_1970[time_format], fault)
    if array.dtype.kind in "fiub":
        raise fault(
            0, f"expected a time, got the number {values[0]}; say time_format='s', 'ms' or 'us' if it is since 1970"
        )
    if any(isinstance(value, (datetime.datetime, datetime.date)) for value in values):
        return _whole(np.array([_utc(value) for value in values], "datetime64[us]"), fault)
    texts = [str(value).strip() for value in values]
    if time_format is not None:
        return _by_format(texts, time_format, fault)
    try:
        return _whole(np.array([_iso(text) for text in texts], "datetime64[us]"), fault)
    except ValueError:
        return _by_common_format(texts, fault, ambiguous, _fits(texts, lambda text: np.datetime64(_iso(text), "us")))


def _iso(text: str) -> Any:
    """Return a time by ISO 8601 as numpy reads it; one with a zone as UTC."""
    if text.endswith(("Z", "z")):
        text = text[:-1]
    elif len(text) > 10 and ("+" in text[10:] or "-" in text[10:]):
        return _utc(datetime.datetime.fromisoformat(text))
    if not _ISO.fullmatch(text):  # numpy would take more: "1981", "today", and what looks like a zone
        raise ValueError("not a time by ISO 8601")
    return text


def _utc(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    if value is None or value != value:
        return "NaT"
    return value


def _whole(times: Times, fault: Callable[[int, str], Exception]) -> Times:
    absent = np.isnat(times)
    if absent.any():
        raise fault(int(absent.argmax()), "expected a time, there is none")
    return times


def _since_1970(values: Sequence[Any], factor: int, fault: Callable[[int, str], Exception]) -> Times:
    found = []
    for at, value in enumerate(values):
        try:
            found.append(round(float(value) * factor))
        except (ValueError, OverflowError):
            raise fault(at, f"expected a number since 1970, got {value!r}") from None
        if not abs(found[-1]) < 1 << 62:
            raise fault(at, f"expected a number since 1970, got {value!r}")
    return np.array(found, np.int64).astype("datetime64[us]")


def _by_common_format(
    texts: list[str], fault: Callable[[int, str], Exception], ambiguous: bool, furthest: int
) -> Times:
    """Return times in a format that is found out; all must have the same one. One form fits ``furthest`` of them."""
    for days in _DAYS:
        for hours in _HOURS:
            fitting = []
            for day in days:
                fits = _fits(texts, _reader(day + hours))
                furthest = max(furthest, fits)
                if fits == len(texts):
                    fitting.append(day + hours)
            if len(fitting) > 1 and not ambiguous and len({tuple(map(_reader(each), texts)) for each in fitting}) > 1:
                says = f"{texts[0]!r} may be meant as {' or as '.join(fitting)}; say which by time_format="
                raise fault(0, says)
            if fitting:
                return _by_format(texts, fitting[0], fault)
    says = (
        f"expected a time as 2024-01-31 12:00:00, got {texts[furthest][:40]!r}; say time_format= if it has another form"
    )
    raise fault(furthest, says)


def _fits(texts: list[str], read: Callable[[str], Any]) -> int:
    """Return how many of the first texts can be read."""
    fits = 0
    with contextlib.suppress(ValueError):
        for text in texts:
            read(text)
            fits += 1
    return fits


def _reader(time_format: str) -> Callable[[str], datetime.datetime]:
    return lambda text: datetime.datetime.strptime(text, time_format)


def _by_format(texts: list[str], time_format: str, fault: Callable[[int, str], Exception]) -> Times:
    fits = _fits(texts, _reader(time_format))
    if fits < len(texts):
        raise fault(fits, f"expected a time as {time_format}, got {texts[fits][:40]!r}")
    return np.array([_utc(time) for time in map(_reader(time_format), texts)], "datetime64[us]")
