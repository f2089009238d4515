"""Splits: exact sizes, nothing in both parts, whole groups, and the past before the future."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import split

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("by", "test"), list(product(["chance", "time"], [0.01, 0.2, 0.25, 0.5, 0.99])))
def test_sizes(by: str, test: float) -> None:
    for samples in range(2, 60):
        train, held = split(samples, test, by=by)
        assert len(held) == min(max(int(samples * test + 0.5), 1), samples - 1)
        assert sorted([*train, *held]) == list(range(samples))
        assert (np.diff(train) > 0).all() and (np.diff(held) > 0).all()
        assert train.dtype == held.dtype == np.int64
        if by == "time":
            assert train.max() < held.min()


def test_given_as_a_number_or_as_sequences() -> None:
    sequences = [np.zeros(3)] * 20
    for held in (5, np.int64(5), 0.25, np.float32(0.25)):
        np.testing.assert_array_equal(split(20, held)[1], split(sequences, 5)[1])
    assert len(split(np.zeros((20, 3)), 5)[1]) == 5


def test_seed() -> None:
    first, again, other = (split(1000, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again and first != other
    assert split(10, by="time", seed=3)[1].tolist() == split(10, by="time")[1].tolist() == [8, 9]
    # An even draw: the mean of 200 of 1000 is off by more than 100 once in 10^7 seeds.
    assert abs(np.mean(first) - 499.5) < 100


def test_the_draw_stays_the_same() -> None:
    assert split(20, 5)[1].tolist() == [6, 8, 9, 17, 19]


@pytest.mark.parametrize("by", ["chance", "time"])
@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_groups(by: str, kind: Any) -> None:
    names = [f"person {at % 7}" for at in range(50)]
    train, held = split(50, 0.3, by=by, groups=kind(names))
    of_train, of_test = {names[at] for at in train}, {names[at] for at in held}
    assert not of_train & of_test
    assert len(of_test) == 2 and len(of_train) == 5  # floor(7 * 0.3 + 1/2)
    assert len(train) + len(held) == 50
    if by == "time":
        assert of_test == {"person 5", "person 6"}


def test_gap() -> None:
    train, held = split(20, 4, by="time", gap=3)
    assert train.tolist() == list(range(13)) and held.tolist() == [16, 17, 18, 19]
    train, held = split(6, 1, by="time", gap=1, groups="aabbcc")
    assert train.tolist() == [0, 1] and held.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((1,), {}, ValueError, "a split needs at least 2 samples, got 1"),
        ((0,), {}, ValueError, "n_or_sequences must be at least 1, got 0"),
        (([],), {}, ValueError, "at least 2 samples, got 0"),
        ((3.5,), {}, TypeError, "n_or_sequences must be an integer, got float"),
        ((10, 0.0), {}, ValueError, r"test must be a share in \(0, 1\) or an integer, got 0.0"),
        ((10, 1.0), {}, ValueError, "test must be a share"),
        ((10, float("nan")), {}, ValueError, "test must be a share"),
        ((10, 10), {}, ValueError, "from 1 to 9 samples, got 10"),
        ((10, 0), {}, ValueError, "from 1 to 9 samples, got 0"),
        ((10, True), {}, TypeError, "test must be a share or a number of samples, got True"),
        ((10, "half"), {}, TypeError, "test must be a share or a number of samples, got 'half'"),
        ((10,), {"by": "size"}, ValueError, "by must be 'chance' or 'time', got 'size'"),
        ((10,), {"gap": 1}, ValueError, "gap is for a split by time"),
        ((10,), {"gap": -1, "by": "time"}, ValueError, "gap must be at least 0"),
        ((10,), {"gap": 8, "by": "time"}, ValueError, "2 for the test and a gap of 8 leave none for training"),
        ((10,), {"seed": -1}, ValueError, "seed must be"),
        ((10,), {"groups": "abc"}, ValueError, "groups must be one for each of the 10 samples, got 3"),
        ((3,), {"groups": "aaa"}, ValueError, "a split needs at least 2 groups, got 1"),
    ],
)
def test_mistakes(arguments: Any, options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        split(*arguments, **options)
