"""Sequences of numbers whose target is a number: counting or doubling, adding, multiplication."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._options import count, flag
from .._dataset import Dataset
from .._draw import even, generator, whole


def counting(n: int = 1000, *, length: int = 3, low: int = 4, high: int = 64, seed: int = 0) -> Dataset:
    """Return numbers that count or double: 6 7 8 -> 9, but 2 4 8 -> 16.

    Each last number is drawn for a pair of samples, one that counts up to it and one that doubles up to it. So the last
    number does not tell what comes next, and a model of it alone is right half of the time at most.

    There are only as many different samples as there are last numbers in the range, times two. To judge on numbers
    that were never seen, make the test with another range, or split by the last number as below.

    Args:
        n: samples, an even number.
        length: how many numbers are given, 2 at least.
        low: the last number is at least this; it is a multiple of 2 ** (length - 1), so that it can be halved so often.
        high: and at most this.
        seed: the draw.

    Returns:
        x [n, length, 1], y [n] the next number; "mse" at best 0. Details: ``exact``, the best share of right numbers
        after rounding; ``exact_of_last``, at most so many for a model of the last number alone; ``mse_of_last``, the
        least squared error of such a model.

    >>> data = counting(2, low=8, high=8)
    >>> sorted((x.ravel().tolist(), y.item()) for x, y in zip(data.x, data.y))
    [([2.0, 4.0, 8.0], 16.0), ([6.0, 7.0, 8.0], 9.0)]
    >>> train, test = counting().split(groups=counting().x[:, -1, 0])
    """
    n, length = even("n", n), count("length", length, 2)
    if length > 24:
        raise ValueError(f"length must be at most 24, so that doubled numbers stay exact in float32, got {length}")
    low, high, halved = count("low", low), count("high", high), 2 ** (length - 1)
    if length == 2:
        low = max(low, 3)  # 1 2 both counts and doubles
    first, last = -(-low // halved), high // halved
    if first > last:
        raise ValueError(f"low to high must include a multiple of {halved}, got {low} to {high}")
    if high > 2**23:
        raise ValueError(f"high must be at most 2 ** 23, so that numbers stay exact in float32, got {high}")
    draw = generator(seed)
    ends = draw.integers(first, last, n // 2, endpoint=True) * halved
    back = np.arange(length - 1, -1, -1)
    counted, doubled = ends[:, None] - back, ends[:, None] // 2**back
    order = draw.permutation(n)
    x = np.concatenate([counted, doubled])[order, :, None].astype(np.float32)
    y = np.concatenate([ends + 1, 2 * ends])[order].astype(np.float32)
    details = {"exact": 1.0, "exact_of_last": 0.5, "mse_of_last": float(np.mean((ends - 1.0) ** 2 / 4))}
    return Dataset("counting", "prediction", "count on or double: what is next?", x, y, "mse", 0.0, details)


def adding(n: int = 1000, *, length: int = 100, signed: bool = True, seed: int = 0) -> Dataset:
    """Return the adding problem: the sum of two marked numbers among many.

    Hochreiter and Schmidhuber 1997, section 5.4. A sequence has from ``length`` to a tenth more steps of (value,
    marker). One of the first ten steps is marked with 1, and another of the first half; the first and the last step
    have the marker -1, all others 0. Unlike there, the first step is never one of the marked, which would count as 0.

    Args:
        n: samples.
        length: the least length, 6 at least; the least lag from the second mark to the end is half of it.
        signed: whether values are in [-1, 1] and the target is 0.5 + sum / 4, as in the paper; or in [0, 1], and the
            target is sum / 2. In both cases it is in [0, 1].
        seed: the draw.

    Returns:
        x a list of arrays [T, 2], y [n]; "mse" at best 0. Details: ``variance``, the error of always predicting the
        mean, 1/24; ``mean``, 1/2; ``tolerance``, 0.04: a sequence counts as solved where the error is below it.

    >>> data = adding(3, length=20)
    >>> value, marker = data.x[0].T
    >>> bool(np.isclose(0.5 + value[marker == 1].sum() / 4, data.y[0]))
    True
    """
    signed = flag("signed", signed)
    x, pairs = _marked(n, length, -1.0 if signed else 0.0, seed)
    y = 0.5 + pairs.sum(axis=1) / 4 if signed else pairs.sum(axis=1) / 2
    details = {"variance": 1 / 24, "mean": 0.5, "tolerance": 0.04}
    meaning = "the sum of two marked numbers among many"
    return Dataset("adding", "prediction", meaning, x, y.astype(np.float32), "mse", 0.0, details)


def multiplication(n: int = 1000, *, length: int = 100, seed: int = 0) -> Dataset:
    """Return the multiplication problem: the product of two marked numbers among many.

    Hochreiter and Schmidhuber 1997, section 5.5: as ``adding``, with values in [0, 1] and the product as the target.

    Args:
        n: samples.
        length: the least length, 6 at least.
        seed: the draw.

    Returns:
        x a list of arrays [T, 2], y [n]; "mse" at best 0. Details: ``variance``, the error of always predicting the
        mean, 7/144; ``mean``, 1/4; ``tolerance``, 0.04: a sequence counts as solved where the error is below it.

    >>> multiplication(3, length=20)
    Dataset(multiplication: prediction, 3 samples, mse at best 0)
    """
    x, pairs = _marked(n, length, 0.0, seed)
    details = {"variance": 7 / 144, "mean": 0.25, "tolerance": 0.04}
    meaning = "the product of two marked numbers among many"
    y = pairs.prod(axis=1).astype(np.float32)
    return Dataset("multiplication", "prediction", meaning, x, y, "mse", 0.0, details)


def _marked(n: Any, length: Any, lowest: float, seed: Any) -> tuple[list[Any], Any]:
    """Return sequences [T, 2] of values and markers, and the two marked values of each, [n, 2]."""
    n, length = count("n", n), count("length", length, 6)
    draw = generator(seed)
    half = length // 2
    sequences, pairs = [], np.empty((n, 2))
    for row in range(n):
        size = whole(draw, length, length + length // 10)
        sequence = np.zeros((size, 2), np.float32)
        sequence[:, 0] = draw.uniform(lowest, 1, size)
        first = whole(draw, 1, min(10, half) - 1)
        second = whole(draw, 1, half - 2)
        second += second >= first
        sequence[[0, -1], 1] = -1
        sequence[[first, second], 1] = 1
        pairs[row] = sequence[[first, second], 0]
        sequences.append(sequence)
    return sequences, pairs
