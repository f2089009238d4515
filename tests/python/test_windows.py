"""Windows of a series, held against loops."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import windows

pytestmark = pytest.mark.once


def slow(series: Any, length: int, horizon: int, stride: int, gap: int) -> tuple[Any, Any]:
    x, y = [], []
    start = 0
    while start + length + gap + horizon <= len(series):
        x.append(series[start : start + length])
        y.append(series[start + length + gap : start + length + gap + horizon])
        start += stride
    return np.array(x), np.array(y)


@pytest.mark.parametrize(("length", "horizon", "stride", "gap"), list(product([1, 4], [1, 3], [1, 2, 50], [0, 2])))
def test_as_loops_do(length: int, horizon: int, stride: int, gap: int) -> None:
    series = np.random.Generator(np.random.PCG64(0)).normal(size=(23, 3))
    for steps in range(length + gap + horizon, 24):
        x, y = windows(series[:steps], length, horizon=horizon, stride=stride, gap=gap)
        slow_x, slow_y = slow(series[:steps], length, horizon, stride, gap)
        np.testing.assert_array_equal(x, slow_x)
        np.testing.assert_array_equal(y, slow_y)
        assert len(x) == (steps - length - gap - horizon) // stride + 1


@pytest.mark.parametrize(
    ("columns", "target", "shape"),
    [
        (None, None, (7, 2)),
        (3, None, (7, 2, 3)),
        (1, None, (7, 2, 1)),
        (3, 1, (7, 2)),
        (3, [1], (7, 2, 1)),
        (3, [2, 0], (7, 2, 2)),
        (None, 0, (7, 2)),
        (None, [0], (7, 2, 1)),
    ],
)
def test_target(columns: int | None, target: Any, shape: tuple[int, ...]) -> None:
    series = np.arange(12.0) if columns is None else np.arange(12.0 * columns).reshape(12, columns)
    x, y = windows(series, 4, horizon=2, target=target)
    table = series.reshape(12, -1)
    chosen = table if target is None else table[:, np.atleast_1d(target)]
    assert x.shape == (7, 4, columns or 1) and y.shape == shape
    np.testing.assert_array_equal(x, slow(table, 4, 2, 1, 0)[0])
    np.testing.assert_array_equal(y.reshape(7, 2, -1), slow(chosen, 4, 2, 1, 0)[1])


def test_views() -> None:
    series = np.arange(20, dtype=np.float32).reshape(10, 2)
    x, y = windows(series, 3, target=1)
    assert np.shares_memory(x, series) and np.shares_memory(y, series)
    assert not x.flags.writeable and not y.flags.writeable
    assert x.dtype == y.dtype == np.float32


def test_a_list_of_series() -> None:
    series = [np.arange(5.0), np.arange(10.0, 14.0)]
    x, y = windows(series, 3)
    assert x[:, :, 0].tolist() == [[0, 1, 2], [1, 2, 3], [10, 11, 12]] and y.tolist() == [[3], [4], [13]]


@pytest.mark.parametrize(
    ("series", "options", "error", "says"),
    [
        (np.zeros(5), {"length": 0}, ValueError, "length must be at least 1, got 0"),
        (np.zeros(5), {"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        (np.zeros(5), {"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        (np.zeros(5), {"gap": -1}, ValueError, "gap must be at least 0, got -1"),
        (np.zeros(2), {}, ValueError, "series has 2 steps, too few for length 2 and horizon 1: at least 3"),
        (np.zeros(3), {"gap": 1}, ValueError, "too few for length 2, gap 1 and horizon 1: at least 4"),
        (np.zeros((5, 2)), {"target": 2}, ValueError, r"target must be in \[0, 2\), got 2"),
        (np.zeros((5, 2)), {"target": [-1]}, ValueError, r"target must be in \[0, 2\), got -1"),
        (np.zeros((5, 2)), {"target": "load"}, TypeError, "target must be a column's number or a list of such"),
        (np.zeros((5, 2)), {"target": []}, TypeError, "target must be"),
        (np.zeros((5, 2, 2)), {}, ValueError, r"series must be \[T, C\] or \[T\], got shape \[5, 2, 2\]"),
        (np.array(["a"] * 5), {}, TypeError, "series must hold numbers"),
        ([np.zeros(5), np.zeros(2)], {}, ValueError, r"series\[1\] has 2 steps"),
        (
            [np.zeros((5, 2)), np.zeros(5)],
            {},
            ValueError,
            r"series\[1\] must have 2 columns, as series\[0\] has, got 1",
        ),
    ],
)
def test_mistakes(series: Any, options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        windows(series, **{"length": 2, **options})
