"""Sums, dates, and the next steps of a series."""

from __future__ import annotations

import datetime
import math

import numpy as np

from ..._options import choice, count, positive
from .._dataset import Dataset
from .._draw import distinct, generator, pick, whole


def addition(n: int = 1000, *, digits: int = 3, seed: int = 0) -> Dataset:
    """Return sums as strings: "123+45" -> "168".

    No two numbers are added twice, in neither order, so a split has no sum in both parts.

    Args:
        n: samples; at most as many as there are pairs of numbers.
        digits: the numbers have at most so many, 18 at most.
        seed: the draw.

    Returns:
        x a list of strings, y a list of strings; "exact_match" at best 1.

    >>> data = addition(3)
    >>> all(sum(map(int, x.split("+"))) == int(y) for x, y in zip(data.x, data.y))
    True
    """
    n, digits = count("n", n), count("digits", digits)
    if digits > 18:
        raise ValueError(f"digits must be at most 18, got {digits}")
    numbers = 10**digits
    pairs = numbers * (numbers + 1) // 2
    if n > pairs:
        raise ValueError(
            f"n must be at most {pairs}, as there are no more pairs of numbers of {digits} digits, got {n}"
        )
    draw = generator(seed)
    if n > pairs // 2:
        # Most pairs are wanted, so that drawing until each is found would be slow.
        every = [(a, b) for a in range(numbers) for b in range(a, numbers)]
        chosen = [every[at] for at in draw.permutation(pairs)[:n].tolist()]
    else:
        chosen = distinct(lambda: _pair(whole(draw, 0, numbers - 1), whole(draw, 0, numbers - 1)), n, "pairs")
    turned = draw.integers(2, size=n).tolist()
    x = [f"{b}+{a}" if turn else f"{a}+{b}" for (a, b), turn in zip(chosen, turned, strict=True)]
    y = [str(a + b) for a, b in chosen]
    return Dataset("addition", "seq2seq", "what is the sum?", x, y, "exact_match", 1.0, {"digits": digits})


def dates(n: int = 1000, *, first: int = 1950, last: int = 2049, seed: int = 0) -> Dataset:
    """Return dates as people write them, and the same as year-month-day.

    A date with points has the day first, one with slashes the month first; years always have four digits.

    Args:
        n: samples; all inputs are different.
        first: the first year, from 1000 on.
        last: the last year, to 9999.
        seed: the draw.

    Returns:
        x a list of strings, y a list of strings such as "2024-02-29"; "exact_match" at best 1. Details: ``formats``.

    >>> data = dates(4)
    >>> list(zip(data.x, data.y))[0]
    ('24.1.2035', '2035-01-24')
    """
    n, first, last = count("n", n), count("first", first, 1000), count("last", last, 1000)
    if not first <= last <= 9999:
        raise ValueError(f"first and last must be years in order, to 9999, got {first} and {last}")
    draw = generator(seed)
    begin, end = (datetime.date(*day).toordinal() for day in ((first, 1, 1), (last, 12, 31)))
    right: dict[str, str] = {}

    def make() -> str:
        day = datetime.date.fromordinal(whole(draw, begin, end))
        month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
        words = {"month": month, "short": month[:3], "weekday": weekday, "th": _ordinal(day.day)}
        text = str(pick(draw, FORMATS)).format(d=day.day, m=day.month, y=day.year, **words)
        right[text] = day.isoformat()
        return text

    x = distinct(make, n, "dates")
    y = [right[text] for text in x]
    details = {"formats": list(FORMATS)}
    return Dataset("dates", "seq2seq", "write the date as year-month-day", x, y, "exact_match", 1.0, details)


def multi_step(
    n: int = 1000,
    *,
    length: int = 20,
    horizon: int = 5,
    kind: str = "autoregressive",
    noise: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Return pieces of numeric series and their next steps.

    Args:
        n: samples.
        length: steps that are given, 2 at least.
        horizon: steps that follow.
        kind: "counting", 1 2 3 4 5 -> 6 7 8 9 10, where the first number (0 to 99) and the step (-9 to 9) differ from
            sample to sample; or "autoregressive", the swinging series x(t) = 1.6 x(t - 1) - 0.8 x(t - 2) + noise.
        noise: standard deviation of the noise of "autoregressive".
        seed: the draw.

    Returns:
        x [n, length, 1], y [n, horizon, 1]; "mse", at best 0 of "counting" and the mean error of the best prediction
        over all steps of the horizon of "autoregressive". Details: ``mse_by_step`` [horizon], the best of each step;
        ``coefficients``.

    >>> data = multi_step(kind="counting", length=5)
    >>> data.x.shape, data.y.shape
    ((1000, 5, 1), (1000, 5, 1))
    """
    n, length, horizon = count("n", n), count("length", length, 2), count("horizon", horizon)
    choice("kind", kind, "counting", "autoregressive")
    noise, draw = positive("noise", noise), generator(seed)
    if kind == "counting":
        begin, step = draw.integers(100, size=(n, 1)), draw.integers(-9, 10, size=(n, 1))
        series = begin + step * np.arange(length + horizon)
        by_step, details = np.zeros(horizon), {}
    else:
        first, second = 1.6, -0.8
        variance = noise**2 * (1 - second) / ((1 + second) * ((1 - second) ** 2 - first**2))
        beside = variance * first / (1 - second)  # the covariance of two neighbours
        series = noise * draw.standard_normal((n, length + horizon))
        series[:, 0] *= math.sqrt(variance) / noise
        series[:, 1] *= math.sqrt(variance - beside**2 / variance) / noise
        series[:, 1] += beside / variance * series[:, 0]
        for at in range(2, length + horizon):
            series[:, at] += first * series[:, at - 1] + second * series[:, at - 2]
        weights = [0.0, 1.0]  # how a noise lives on in the steps after it
        for _ in range(horizon - 1):
            weights.append(first * weights[-1] + second * weights[-2])
        by_step, details = noise**2 * np.cumsum(np.square(weights[1:])), {"coefficients": [first, second]}
    x, y = np.split(series[..., None].astype(np.float32), [length], axis=1)
    details = {"mse_by_step": by_step.tolist(), **details}
    meaning = "the next steps of a series"
    return Dataset("multi_step", "seq2seq", meaning, x, y, "mse", float(by_step.mean()), details)


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a <= b else (b, a)


def _ordinal(day: int) -> str:
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
FORMATS = (
    "{d} {month} {y}",
    "{d} {short} {y}",
    "{month} {d}, {y}",
    "{short} {d}, {y}",
    "{month} {th}, {y}",
    "the {th} of {month} {y}",
    "{weekday}, {d} {month} {y}",
    "{weekday}, {month} {th}, {y}",
    "{d}.{m}.{y}",
    "{d:02}.{m:02}.{y}",
    "{m}/{d}/{y}",
    "{m:02}/{d:02}/{y}",
    "{y}/{m:02}/{d:02}",
    "{d}-{short}-{y}",
)
