"""Series in which something goes wrong at times, with a label for each step."""

from __future__ import annotations

import math

import numpy as np

from ..._options import choice, count, not_negative
from .._dataset import Dataset
from .._draw import generator, pick, whole

KINDS = ("spike", "freeze", "turn")


def anomalies(
    n: int = 100, *, length: int = 200, period: int = 24, noise: float = 0.1, kind: str = "all", seed: int = 0
) -> Dataset:
    """Return seasonal series with anomalies, and a label for each step.

    The series is a sine of amplitude 1 with noise. About one piece of each hundred steps is anomalous:

    - "spike": one step lies 1.5 to 3 above or below what it would be.
    - "freeze": for half a period to a whole one, the value stands still, as if a sensor hung.
    - "turn": for half a period to a whole one, the season is turned upside down. Each value is a usual one: only with
      those before it is it wrong.

    Args:
        n: series.
        length: steps, four periods at least.
        period: steps of a season, 4 at least.
        noise: standard deviation of the noise.
        kind: one of the three, or "all".
        seed: the draw.

    Returns:
        x [n, length, 1], y [n, length] with 1 for each anomalous step, else 0; "f1", whose best value is not known,
        because noise hides where a piece begins. Details: ``share`` of anomalous steps; ``f1_of_value``, the same
        (the mean over both labels) for the best rule about one value alone, "anomalous where it is further from zero
        than a limit".

    >>> data = anomalies(3)
    >>> data.x.shape, data.y.shape
    ((3, 200, 1), (3, 200))
    """
    n, period = count("n", n), count("period", period, 4)
    length, noise = count("length", length, 4 * period), not_negative("noise", noise)
    kinds = KINDS if choice("kind", kind, "all", *KINDS) == "all" else (kind,)
    draw = generator(seed)
    x = np.empty((n, length, 1), np.float32)
    y = np.zeros((n, length), np.int64)
    for row, marks in zip(x[..., 0], y, strict=True):
        season = np.sin(2 * math.pi * (np.arange(length) / period + draw.random()))
        new = noise * draw.standard_normal(length)
        series = season + new
        for block in range(max(length // 100, 1)):
            # One piece in each block of a hundred steps, so that no two of them touch.
            size, found = min(length, 100), pick(draw, kinds)
            extent = 1 if found == "spike" else whole(draw, period // 2, min(period, size - period // 2 - 1))
            begin = block * 100 + whole(draw, min(period // 2, 50), size - extent - 1)
            piece = slice(begin, begin + extent)
            if found == "spike":
                series[begin] += pick(draw, (-1, 1)) * draw.uniform(1.5, 3)
            elif found == "freeze":
                series[piece] = series[begin - 1]
            else:
                series[piece] = new[piece] - season[piece]
            marks[piece] = 1
        row[:] = series
    details = {"share": float(y.mean()), "f1_of_value": _best_f1(np.abs(x).ravel(), y.ravel())}
    return Dataset("anomalies", "tagging", "at which steps is the series wrong?", x, y, "f1", None, details)


def _best_f1(values: np.typing.NDArray[np.float32], marks: np.typing.NDArray[np.int64]) -> float:
    """Return the best F1, as the mean over both labels, of "marked where the value is at least a limit"."""
    hits = np.cumsum(marks[np.argsort(-values, kind="stable")])
    size, found = len(hits), np.arange(1, len(hits) + 1)
    passed = size - found - (hits[-1] - hits)  # rightly not marked
    return float((hits / (found + hits[-1]) + passed / (2 * size - found - hits[-1])).max())
