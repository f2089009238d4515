"""Series as one long array: regular, chaotic and random ones, each with the error that cannot be undercut."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._options import count, not_negative, number, positive, share
from .._dataset import Dataset
from .._draw import generator

Floats = npt.NDArray[np.float64]
State = tuple[float, float, float]


def sine(n: int = 1000, *, period: float = 25.0, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Return a sine of amplitude 1, with noise on it or without.

    Args:
        n: steps.
        period: steps of one turn, above 2.
        noise: standard deviation of what is added to each step, independent of all others.
        seed: where the sine begins, and the noise.

    Returns:
        x [n]; "mse" at best noise ** 2, which only who knows the sine reaches. Details: ``period``.

    >>> sine(100).x.shape
    (100,)
    """
    n, period, noise = count("n", n), positive("period", period), not_negative("noise", noise)
    if period <= 2:
        raise ValueError(f"period must be above 2 steps, got {period}")
    draw = generator(seed)
    begin = draw.uniform(0, 2 * math.pi)
    x = np.sin(begin + 2 * math.pi / period * np.arange(n)) + noise * draw.standard_normal(n)
    return _series("sine", "a sine", x, noise**2, period=period)


def autoregressive(
    n: int = 1000, *, coefficients: Sequence[float] = (0.6, -0.3), noise: float = 1.0, seed: int = 0
) -> Dataset:
    """Return a series in which each step is a weighted sum of the last ones and noise.

    Args:
        n: steps.
        coefficients: the weight of the last step, of the one before it, and so on. The series must be stationary.
        noise: standard deviation of what is new in each step.
        seed: the noise.

    Returns:
        x [n], which begins as if it had always run; "mse" at best noise ** 2. Details: ``coefficients``; ``variance``,
        the error of always predicting the mean 0; ``mse_of_last``, the error of predicting the last value.

    >>> data = autoregressive(coefficients=[0.5])
    >>> round(data.details["variance"], 3)
    1.333
    """
    n, noise = count("n", n), positive("noise", noise)
    weights = np.array([number(f"coefficients[{at}]", value) for at, value in enumerate(coefficients)], float)
    order = len(weights)
    if not order:
        raise ValueError("coefficients must be one number at least, got none")
    companion = np.eye(order, k=-1)
    companion[0] = weights
    if not np.isfinite(weights).all() or np.abs(np.linalg.eigvals(companion)).max() >= 1:
        raise ValueError(f"coefficients must make a stationary series, got {weights.tolist()}")
    new = np.zeros(order * order)
    new[0] = noise**2
    covariance = np.linalg.solve(np.eye(order * order) - np.kron(companion, companion), new).reshape(order, order)
    draw = generator(seed)
    values = (np.linalg.cholesky(covariance) @ draw.standard_normal(order))[::-1].tolist()
    backwards = weights[::-1].tolist()
    for fresh in (noise * draw.standard_normal(n)).tolist():
        values.append(sum(map(float.__mul__, backwards, values[-order:])) + fresh)
    variance = float(covariance[0, 0])
    following = float(weights @ covariance[0])  # the covariance of two neighbours
    details = {"coefficients": weights.tolist(), "variance": variance, "mse_of_last": 2 * (variance - following)}
    return _series("autoregressive", "a weighted sum of the last steps and noise", values[-n:], noise**2, **details)


def mackey_glass(n: int = 1000, *, delay: int = 17, every: int = 1, seed: int = 0) -> Dataset:
    """Return the chaotic series of Mackey and Glass: x' = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x.

    Integrated by the method of Runge and Kutta of fourth order in tenths of a unit of time; the first 1000 units of
    time are left out.

    Args:
        n: steps.
        delay: in units of time; from 17 on the series is chaotic.
        every: units of time from step to step; 6 is another usual choice.
        seed: the value before time 0, from 0.8 to 1.6.

    Returns:
        x [n]; "mse" at best 0, as nothing in it is chance. Details: ``delay``, ``every``.

    >>> mackey_glass(50).x.shape
    (50,)
    """
    n, delay, every = count("n", n), count("delay", delay), count("every", every)
    parts = 10
    size, past, discard = 1 / parts, delay * parts, 1000 * parts
    values = [float(generator(seed).uniform(0.8, 1.6))] * (past + 1)

    def gain(before: float) -> float:
        return 0.2 * before / (1 + before**10)

    for at in range(discard + n * every * parts):
        x, then, later = values[-1], gain(values[at]), gain(values[at + 1])
        between = gain((values[at] + values[at + 1]) / 2)
        k1 = then - 0.1 * x
        k2 = between - 0.1 * (x + size / 2 * k1)
        k3 = between - 0.1 * (x + size / 2 * k2)
        k4 = later - 0.1 * (x + size * k3)
        values.append(x + size / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    series = values[past + discard :: every * parts][:n]
    return _series("mackey_glass", "a chaotic series with a delay", series, 0.0, delay=delay, every=every)


def lorenz(n: int = 1000, *, interval: float = 0.02, seed: int = 0) -> Dataset:
    """Return the chaotic system of Lorenz: x' = 10 (y - x), y' = x (28 - z) - y, z' = xy - 8/3 z.

    Integrated by the method of Runge and Kutta of fourth order in steps of at most 0.01; the first 20 units of time
    are left out.

    Args:
        n: steps.
        interval: the time from step to step.
        seed: where it begins.

    Returns:
        x [n, 3]; "mse" at best 0, as nothing in it is chance. Details: ``interval``.

    >>> lorenz(50).x.shape
    (50, 3)
    """
    n, interval = count("n", n), positive("interval", interval)
    parts = math.ceil(interval / 0.01)
    size = interval / parts
    state: State = tuple(generator(seed).uniform(5, 15, 3).tolist())
    for _ in range(math.ceil(20 / size)):
        state = _runge_kutta(_lorenz, state, size)
    states = []
    for _ in range(n):
        states.append(state)
        for _ in range(parts):
            state = _runge_kutta(_lorenz, state, size)
    return _series("lorenz", "a chaotic system of three numbers", states, 0.0, interval=interval)


def weather(
    n: int = 3650,
    *,
    mean: float = 10.0,
    season: float = 10.0,
    trend: float = 0.03,
    noise: float = 2.0,
    persistence: float = 0.7,
    seed: int = 0,
) -> Dataset:
    """Return daily temperatures: a season, a trend, and weather that lasts for some days.

    Args:
        n: days; the first is the first of January.
        mean: of the first year.
        season: half of the difference between summer and winter.
        trend: by how much a year is warmer than the one before.
        noise: standard deviation of what is new in each day.
        persistence: the share of yesterday's departure from the season that is left today, in [0, 1).
        seed: the noise.

    Returns:
        x [n]; "mse" at best noise ** 2, of one who knows season, trend and persistence. Details: ``period``, 365.25;
        ``mse_of_season``, the error of one who knows season and trend, but not the last days.

    >>> data = weather()
    >>> data.optimum, round(data.details["mse_of_season"], 2)
    (4.0, 7.84)
    """
    n, noise, persistence = count("n", n), not_negative("noise", noise), share("persistence", persistence)
    mean, season, trend = (float(number(*item)) for item in (("mean", mean), ("season", season), ("trend", trend)))
    draw = generator(seed)
    new = noise * draw.standard_normal(n)
    new[0] /= math.sqrt(1 - persistence**2)
    departures = [float(new[0])]
    for fresh in new[1:].tolist():
        departures.append(persistence * departures[-1] + fresh)
    period, coldest = 365.25, 20
    days = np.arange(n)
    x = mean - season * np.cos(2 * math.pi * (days - coldest) / period) + trend * days / period + departures
    of_season = noise**2 / (1 - persistence**2)
    return _series("weather", "daily temperatures", x, noise**2, period=period, mse_of_season=of_season)


def random_walk(n: int = 1000, *, start: float = 100.0, noise: float = 1.0, seed: int = 0) -> Dataset:
    """Return a price that goes up or down by chance: nothing predicts it better than its last value.

    Args:
        n: steps.
        start: the first price.
        noise: standard deviation of the change from step to step.
        seed: the changes.

    Returns:
        x [n]; "mse" at best noise ** 2, the error of the last value.

    >>> random_walk(3).x[0].item()
    100.0
    """
    n, start, noise = count("n", n), float(number("start", start)), positive("noise", noise)
    changes = noise * generator(seed).standard_normal(n)
    changes[0] = start
    return _series("random_walk", "a price without a memory", np.cumsum(changes), noise**2)


def _series(name: str, meaning: str, x: Any, optimum: float, **details: Any) -> Dataset:
    return Dataset(name, "prediction", meaning, np.asarray(x, np.float32), None, "mse", float(optimum), details)


def _lorenz(state: State) -> State:
    x, y, z = state
    return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z


def _runge_kutta(slope: Callable[[State], State], state: State, size: float) -> State:
    def ahead(slopes: State, share: float) -> State:
        x, y, z = (value + share * size * each for value, each in zip(state, slopes, strict=True))
        return x, y, z

    k1 = slope(state)
    k2 = slope(ahead(k1, 1 / 2))
    k3 = slope(ahead(k2, 1 / 2))
    k4 = slope(ahead(k3, 1))
    a, b, c, d = (np.array(k) for k in (k1, k2, k3, k4))
    x, y, z = (np.array(state) + size / 6 * (a + 2 * b + 2 * c + d)).tolist()
    return x, y, z
