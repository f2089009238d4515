"""Dataset: what it holds, how it is cut, and how it is split for a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl

pytestmark = pytest.mark.once


def numbers(size: int = 10, **more: Any) -> rl.datasets.Dataset:
    return rl.datasets.Dataset(
        "numbers", "prediction", "twice", list(range(size)), [2 * i for i in range(size)], **more
    )


def series(size: int = 10) -> rl.datasets.Dataset:
    return rl.datasets.Dataset("series", "prediction", "what comes", np.arange(size))


def text() -> rl.datasets.Dataset:
    return rl.datasets.Dataset("text", "generation", "letters", "abcdefghij")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (slice(2, 4), [2, 3]),
        ([3, 1], [3, 1]),
        (np.array([0, -1]), [0, 9]),
        (np.arange(10) > 7, [8, 9]),
        ([], []),
    ],
)
@pytest.mark.parametrize("kind", ["list", "array"])
def test_samples_are_chosen_with_their_targets(rows: Any, expected: list[int], kind: str) -> None:
    data = numbers(metric="mse", optimum=0.0, details={"factor": 2})
    if kind == "array":
        data = rl.datasets.Dataset("numbers", "prediction", "twice", np.array(data.x), np.array(data.y), "mse", 0.0)
    part = data[rows]
    assert list(part.x) == [i % 10 for i in expected]
    assert list(part.y) == [2 * (i % 10) for i in expected]
    assert (part.name, part.problem, part.metric, part.optimum) == ("numbers", "prediction", "mse", 0.0)
    assert type(part.x) is type(data.x)
    assert part.details == data.details


def test_a_split_by_chance_is_a_draw_without_loss() -> None:
    train, test = numbers(100).split(0.3, seed=1)
    assert len(test) == 30
    assert sorted(train.x + test.x) == list(range(100))
    assert train.x == sorted(train.x) and test.x == sorted(test.x)
    assert test.y == [2 * i for i in test.x]
    assert test.x != list(range(70, 100))
    assert numbers(100).split(0.3, seed=1)[1].x == test.x
    assert numbers(100).split(0.3, seed=2)[1].x != test.x
    assert len(numbers(100).split(7)[1]) == 7


@pytest.mark.parametrize("data", [series(), text()], ids=["series", "text"])
def test_one_sequence_is_cut_by_time(data: rl.datasets.Dataset) -> None:
    assert data.is_one_sequence
    train, test = data.split(0.3)
    assert (list(train.x), list(test.x)) == (list(data.x[:7]), list(data.x[7:]))
    with pytest.raises(ValueError, match='is one sequence, whose order matters: split it by="time"'):
        data.split(by="chance")


def test_many_samples_are_not_one_sequence() -> None:
    tokens = rl.datasets.Dataset("tunes", "generation", "notes", [["C", "D"], ["E", "F"]])
    rows = rl.datasets.Dataset("rows", "classification", "labels", np.zeros((4, 3)), [0, 1, 0, 1])
    many = rl.datasets.Dataset("many", "prediction", "series", [np.zeros(4), np.zeros(5)])
    assert [data.is_one_sequence for data in (numbers(), tokens, rows, many)] == [False] * 4


def test_by_time_the_last_are_the_test() -> None:
    train, test = numbers().split(0.25, by="time")
    assert train.x == [0, 1, 2, 3, 4, 5, 6, 7]  # round(2.5) is 2: half goes to the even number
    assert test.x == [8, 9]


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_in_both_parts(seed: int) -> None:
    groups = [f"speaker {i % 7}" for i in range(70)]
    train, test = numbers(70).split(0.3, groups=groups, seed=seed)
    inside = [{groups[i] for i in part.x} for part in (train, test)]
    assert not inside[0] & inside[1]
    assert len(test) == 20  # two groups of ten are nearest to 21


def test_one_group_at_least_stays_to_train_on() -> None:
    for seed in range(5):
        train, test = numbers(10).split(0.9, groups=[0] * 5 + [1] * 5, seed=seed)
        assert (len(train), len(test)) == (5, 5)


def test_small_sets_leave_something_in_both_parts() -> None:
    assert [len(part) for part in numbers(2).split(0.01)] == [1, 1]
    assert [len(part) for part in numbers(2).split(0.99)] == [1, 1]


def test_repr_says_what_it_is() -> None:
    assert repr(numbers(metric="mse", optimum=0.25)) == "Dataset(numbers: prediction, 10 samples, mse at best 0.25)"
    assert repr(text()) == "Dataset(text: generation, 10 characters)"
    assert repr(series()) == "Dataset(series: prediction, 10 steps)"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: rl.datasets.Dataset("a", "guessing", "", [1]), ValueError, "problem must be 'prediction' or"),
        (lambda: rl.datasets.Dataset("a", "tagging", "", [1], [1, 2]), ValueError, "x has 1 samples and y has 2"),
        (
            lambda: rl.datasets.Dataset("a", "tagging", "", 3),
            TypeError,
            "x must be a list, an array or a text, got int",
        ),
        (lambda: numbers()[3], TypeError, "samples are chosen by a slice, a list of numbers or a mask, got 3"),
        (lambda: numbers()[[0.5]], TypeError, "got float64 values"),
        (lambda: numbers()[[True, False]], ValueError, "a mask must have 10 values, one for each sample, got 2"),
        (lambda: text()[[1, 2]], TypeError, "a text is cut by a slice, got list"),
        (lambda: numbers().split(0), ValueError, "test must be at least 1, got 0"),
        (lambda: numbers().split(10), ValueError, "test must leave something of 10 samples to train on, got 10"),
        (lambda: numbers().split(1.0), ValueError, "test must be a share in .0, 1. or a number of samples, got 1.0"),
        (lambda: numbers().split("half"), TypeError, "test must be a number, got 'half'"),
        (lambda: numbers().split(by="luck"), ValueError, "by must be 'chance' or 'time', got 'luck'"),
        (lambda: numbers().split(seed=-1), ValueError, "seed must be in"),
        (lambda: numbers().split(groups=[1]), ValueError, "groups must name one group for each of 10 samples, got 1"),
        (lambda: numbers().split(groups=[1] * 10), ValueError, "groups must name at least 2 groups, got 1"),
        (lambda: numbers().split(by="time", groups=[1] * 10), ValueError, 'groups are for by="chance"'),
        (lambda: numbers(1).split(), ValueError, "a split needs at least 2 samples, got 1"),
    ],
)
def test_mistakes_are_named(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()
