"""How far predicted numbers are from the true ones, and how good a predicted spread is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._options import count, number
from ._checks import Floats, number_pair, numbers, rows, two


def mse(y_true: Any, y_pred: Any) -> float:
    """Return the mean squared error.

    Args:
        y_true: numbers of any shape, or a list of sequences of different lengths.
        y_pred: the same shape.

    Returns:
        The mean over all numbers.

    >>> mse([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
    1.3333333333333333
    """
    true, pred = number_pair(y_true, y_pred)
    return float(np.mean((true - pred) ** 2))


def rmse(y_true: Any, y_pred: Any) -> float:
    """Return the root of the mean squared error; shapes as in ``mse``."""
    return math.sqrt(mse(y_true, y_pred))


def mae(y_true: Any, y_pred: Any) -> float:
    """Return the mean absolute error; shapes as in ``mse``."""
    true, pred = number_pair(y_true, y_pred)
    return float(np.mean(np.abs(true - pred)))


def mape(y_true: Any, y_pred: Any) -> float:
    """Return the mean absolute error in percent of the true value; shapes as in ``mse``.

    A true value of 0 has no percentage and is refused: use ``smape`` or ``mase``.
    """
    true, pred = number_pair(y_true, y_pred)
    if (true == 0).any():
        raise ValueError("y_true must not hold 0 for mape, which divides by it; use smape or mase")
    return float(100 * np.mean(np.abs((true - pred) / true)))


def smape(y_true: Any, y_pred: Any) -> float:
    """Return the symmetric mean absolute error in percent, as the M4 competition defines it: 0 to 200.

    Each term is 200 |y - p| / (|y| + |p|), and 0 where both are 0. Shapes as in ``mse``.

    >>> smape([100.0], [50.0])
    66.66666666666667
    """
    true, pred = number_pair(y_true, y_pred)
    size = np.abs(true) + np.abs(pred)
    return float(np.mean(200 * np.abs(true - pred) / np.where(size == 0, 1, size)))


def mase(y_true: Any, y_pred: Any, *, history: Any, period: int = 1) -> float:
    """Return the mean absolute error in units of the seasonal-naive error on the history.

    Args:
        y_true: what followed: [K] of one series, [N, K] of N, or a list of N sequences [K_n].
        y_pred: the same shape.
        history: what was known before: [T] of one series; [N, T] or a list of N sequences [T_n] of N.
        period: steps of a season; 1 compares with the last value.

    Returns:
        The mean over the series; below 1 is better than naive forecasts one season ahead were in the past.

    >>> mase([5.0, 6.0], [5.0, 7.0], history=[1.0, 2.0, 3.0, 4.0])
    0.5
    """
    period = count("period", period)
    one = np.ndim(y_true[0]) == 0 if len(rows("y_true", y_true)) else False
    if one:
        y_true, y_pred, history = [y_true], [y_pred], [history]
    number_pair(y_true, y_pred)
    if len(rows("history", history)) != len(y_true):
        raise ValueError(f"history must hold {len(y_true)} series, as y_true does, got {len(history)}")
    errors = []
    for at, (true, pred, past) in enumerate(zip(y_true, y_pred, history, strict=True)):
        name = "history" if one else f"history[{at}]"
        known = numbers(name, past)
        if known.ndim != 1 or len(known) <= period:
            raise ValueError(f"{name} must be a series of more than {period} steps, got shape {list(known.shape)}")
        scale = float(np.mean(np.abs(known[period:] - known[:-period])))
        if scale == 0:
            raise ValueError(
                f"{name} must change over a period of {period}; the naive error is 0, and mase divides by it"
            )
        errors.append(mae(true, pred) / scale)
    return float(np.mean(errors))


def r2(y_true: Any, y_pred: Any) -> float:
    """Return the share of the variance that is explained: 1 is perfect, 0 is as good as the mean of y_true.

    Args:
        y_true: [N], or [N, ...] with several columns, over which the mean is taken.
        y_pred: the same shape.

    Returns:
        At most 1. A column of y_true that is constant counts 1 if it is met exactly, else 0.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    true, pred = number_pair(y_true, y_pred)
    true, pred = true.reshape(len(np.atleast_1d(true)), -1), pred.reshape(len(np.atleast_1d(pred)), -1)
    left = ((true - pred) ** 2).sum(axis=0)
    whole = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    constant = whole == 0
    scores = np.where(constant, left == 0, 1 - left / np.where(constant, 1, whole))
    return float(scores.mean())


def pinball(y_true: Any, y_pred: Any, *, quantile: Any = 0.5) -> float:
    """Return the quantile loss: q times the error of a prediction too low, 1 - q times that of one too high.

    Args:
        y_true: numbers [...].
        y_pred: the same shape; or [..., Q] where quantile is a list of Q.
        quantile: in (0, 1), or a list of them, over which the mean is taken.

    >>> pinball([10.0], [8.0], quantile=0.9)
    1.8
    """
    several = np.ndim(quantile) > 0
    levels = [float(number("quantile", each)) for each in (quantile if several else [quantile])]
    for level in levels:
        if not 0 < level < 1:
            raise ValueError(f"quantile must be in (0, 1), got {level}")
    if not several:
        true, pred = number_pair(y_true, y_pred)
        pred = pred[..., None]
    else:
        true, pred = numbers("y_true", y_true), numbers("y_pred", y_pred)
        if pred.shape != (*true.shape, len(levels)):
            expected = [*true.shape, len(levels)]
            raise ValueError(f"y_pred must have shape {expected}, a number for each quantile, got {list(pred.shape)}")
    low = true[..., None] - pred
    q = np.array(levels)
    return float(np.mean(np.maximum(q * low, (q - 1) * low)))


def coverage(y_true: Any, y_pred: Any) -> float:
    """Return the share of true values that lie within their interval.

    It has no better or worse by itself: an interval of 90 % should have a coverage of 0.9.

    Args:
        y_true: numbers [...].
        y_pred: a tuple (lower, upper) of arrays [...], or an array [..., 2].

    >>> coverage([1.0, 2.0], ([0.0, 3.0], [2.0, 4.0]))
    0.5
    """
    true, lower, upper = _interval(y_true, y_pred)
    return float(np.mean((lower <= true) & (true <= upper)))


def interval_width(y_true: Any, y_pred: Any) -> float:
    """Return the mean width of intervals; arguments as in ``coverage``."""
    _, lower, upper = _interval(y_true, y_pred)
    return float(np.mean(upper - lower))


def gaussian_nll(y_true: Any, y_pred: Any) -> float:
    """Return the mean negative log density in nats under normal distributions, log sqrt(2π) included.

    Args:
        y_true: numbers [...].
        y_pred: a tuple (mean, standard deviation) of arrays [...], or an array [..., 2].

    >>> round(gaussian_nll([0.0], ([0.0], [1.0])), 6)
    0.918939
    """
    z, sigma = _standardised(y_true, y_pred)
    return float(np.mean(0.5 * z**2 + np.log(sigma) + 0.5 * math.log(2 * math.pi)))


def crps(y_true: Any, y_pred: Any) -> float:
    """Return the continuous ranked probability score of normal distributions; arguments as in ``gaussian_nll``.

    It is in units of y, and the absolute error where the standard deviation goes to 0.

    >>> round(crps([0.0], ([0.0], [1.0])), 6)
    0.233695
    """
    z, sigma = _standardised(y_true, y_pred)
    below = 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2)))
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return float(np.mean(sigma * (z * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi))))


def _interval(y_true: Any, y_pred: Any) -> tuple[Floats, Floats, Floats]:
    true = numbers("y_true", y_true)
    lower, upper = two("y_pred", y_pred, "lower, upper", true.shape)
    number_pair(true, lower)
    if (lower > upper).any():
        at = np.argwhere(lower > upper)[0].tolist()
        raise ValueError(f"y_pred must have lower <= upper, got {lower[tuple(at)]} and {upper[tuple(at)]} at {at}")
    return true, lower, upper


def _standardised(y_true: Any, y_pred: Any) -> tuple[Floats, Floats]:
    true = numbers("y_true", y_true)
    mean, sigma = two("y_pred", y_pred, "mean, standard deviation", true.shape)
    number_pair(true, mean)
    if (sigma <= 0).any():
        raise ValueError(f"y_pred must have standard deviations above 0, got {sigma.min()}")
    return (true - mean) / sigma, sigma
