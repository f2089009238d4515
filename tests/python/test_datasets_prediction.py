"""The datasets of prediction: each is what it says, and its optimum is reached and not undercut."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import prediction

pytestmark = pytest.mark.once


def mse(true: Any, pred: Any) -> float:
    return float(np.mean((np.asarray(true, np.float64) - np.asarray(pred, np.float64)) ** 2))


@pytest.mark.parametrize(("length", "low", "high"), [(2, 1, 30), (3, 4, 64), (5, 100, 400)])
def test_counting_is_decided_by_the_history_alone(length: int, low: int, high: int) -> None:
    data = prediction.counting(400, length=length, low=low, high=high, seed=3)
    assert data.x.shape == (400, length, 1) and data.y.shape == (400,)
    targets = defaultdict(set)
    of_last: dict[float, Counter[float]] = defaultdict(Counter)
    for row, y in zip(data.x[..., 0].tolist(), data.y.tolist(), strict=True):
        up = y == row[-1] + 1 and all(b - a == 1 for a, b in itertools.pairwise(row))
        doubles = y == 2 * row[-1] and all(b == 2 * a for a, b in itertools.pairwise(row))
        assert up or doubles
        assert low <= row[-1] <= high
        targets[tuple(row)].add(y)
        of_last[row[-1]][y] += 1
    assert all(len(each) == 1 for each in targets.values()), "a history with two continuations"
    best = sum(max(each.values()) for each in of_last.values()) / 400
    assert best == data.details["exact_of_last"] == 0.5
    means = {last: np.average(list(each), weights=list(each.values())) for last, each in of_last.items()}
    error = mse(data.y, [means[last] for last in data.x[:, -1, 0].tolist()])
    assert error == pytest.approx(data.details["mse_of_last"])


def test_counting_splits_by_the_last_number() -> None:
    data = prediction.counting(400)
    train, test = data.split(0.25, groups=data.x[:, -1, 0])
    assert not set(train.x[:, -1, 0]) & set(test.x[:, -1, 0])


@pytest.mark.parametrize(
    ("make", "low", "target", "variance"),
    [
        (prediction.adding, -1, lambda a, b: 0.5 + (a + b) / 4, 1 / 24),
        (lambda n, **o: prediction.adding(n, signed=False, **o), 0, lambda a, b: (a + b) / 2, 1 / 24),
        (prediction.multiplication, 0, lambda a, b: a * b, 7 / 144),
    ],
    ids=["adding", "adding unsigned", "multiplication"],
)
def test_marked_numbers_make_the_target(make: Any, low: int, target: Any, variance: float) -> None:
    data = make(4000, length=30, seed=1)
    marks = []
    for x, y in zip(data.x, data.y, strict=True):
        assert x.ndim == 2 and 30 <= len(x) <= 33 and low <= x[:, 0].min() and x[:, 0].max() <= 1
        first, second = np.flatnonzero(x[:, 1] == 1)
        assert x[0, 1] == x[-1, 1] == -1 and np.count_nonzero(x[:, 1]) == 4
        assert 1 <= first < 10 and second < 15
        assert y == pytest.approx(target(x[first, 0], x[second, 0]), abs=1e-6)
        marks += [first, second]
    assert set(marks) == set(range(1, 15))
    assert {len(x) for x in data.x} == {30, 31, 32, 33}
    assert data.details["variance"] == variance
    # The variance of a square is below 1/16 here, so that of a mean of 4000 below (1 / 250) ** 2; three of them.
    assert mse(data.y, data.details["mean"]) == pytest.approx(variance, abs=0.004)


@pytest.mark.parametrize("length", [6, 7, 11])
def test_short_marked_sequences_are_whole(length: int) -> None:
    for x in prediction.adding(200, length=length).x:
        assert np.count_nonzero(x[:, 1] == 1) == 2 and np.count_nonzero(x[:, 1] == -1) == 2


def test_sine_with_noise_has_the_noise_as_floor() -> None:
    data = prediction.sine(20_000, period=12.5, noise=0.3, seed=2)
    angle = 2 * np.pi / 12.5 * np.arange(20_000)
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, data.x, rcond=None)
    assert np.hypot(*weights) == pytest.approx(1, abs=0.02)
    assert data.optimum == pytest.approx(0.09)
    assert mse(data.x, basis @ weights) == pytest.approx(0.09, rel=0.05)
    clean = prediction.sine(200, period=12.5, seed=2)
    step = 2 * np.pi / 12.5
    assert mse(clean.x[2:], 2 * np.cos(step) * clean.x[1:-1] - clean.x[:-2]) < 1e-10 and clean.optimum == 0


@pytest.mark.parametrize("coefficients", [[0.9], [0.6, -0.3], [1.6, -0.8], [0.2, 0.3, -0.4]])
def test_autoregressive_floor_variance_and_last_value(coefficients: list[float]) -> None:
    data = prediction.autoregressive(60_000, coefficients=coefficients, noise=0.5, seed=4)
    order, x = len(coefficients), data.x.astype(np.float64)
    past = np.stack([x[order - 1 - lag : len(x) - 1 - lag] for lag in range(order)], axis=1)
    assert data.optimum == 0.25
    assert mse(x[order:], past @ coefficients) == pytest.approx(0.25, rel=0.03)
    more = np.stack([x[9 - lag : len(x) - 1 - lag] for lag in range(10)], axis=1)
    fitted, *_ = np.linalg.lstsq(more, x[10:], rcond=None)
    assert mse(x[10:], more @ fitted) > 0.25 * 0.97, "no longer memory does better"
    assert x.var() == pytest.approx(data.details["variance"], rel=0.06)
    assert mse(x[1:], x[:-1]) == pytest.approx(data.details["mse_of_last"], rel=0.06)


def test_autoregressive_begins_as_if_it_had_always_run() -> None:
    make = prediction.autoregressive
    begins = np.array([make(2, coefficients=[1.6, -0.8], seed=seed).x for seed in range(3000)])
    variance = make(2, coefficients=[1.6, -0.8]).details["variance"]
    assert begins.var(axis=0) == pytest.approx([variance, variance], rel=0.1)


@pytest.mark.parametrize("delay", [17, 30])
def test_mackey_glass_follows_its_equation(delay: int) -> None:
    x = prediction.mackey_glass(3000, delay=delay).x.astype(np.float64)
    assert 0.2 < x.min() < 0.6 and 1.2 < x.max() < 1.5
    stencil = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60  # a derivative of sixth order from seven neighbours
    slope = sum(weight * x[at : len(x) - 6 + at] for at, weight in enumerate(stencil))
    now, before = x[3:-3], np.concatenate([np.full(delay, np.nan), x])[3 : len(x) - 3]
    expected = 0.2 * before / (1 + before**10) - 0.1 * now
    assert np.nanmean(np.abs(slope - expected)) < 0.001 * np.abs(slope).mean()
    assert np.array_equal(prediction.mackey_glass(100, delay=delay, every=6).x, x[:600:6].astype(np.float32))


def test_lorenz_follows_its_equations() -> None:
    states = prediction.lorenz(4000, interval=0.005).x.astype(np.float64)
    x, y, z = states[1:-1].T
    slope = (states[2:] - states[:-2]) / 0.01
    expected = np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)
    assert np.abs(slope - expected).mean() < 0.01 * np.abs(slope).mean()
    assert x.min() < -5 and x.max() > 5, "both wings"
    every_fourth = prediction.lorenz(100, interval=0.02).x
    assert every_fourth[:50] == pytest.approx(prediction.lorenz(100, interval=0.01).x[::2], abs=1e-3)


def test_weather_has_the_floors_that_it_says() -> None:
    options = {"mean": 8.0, "season": 12.0, "trend": 0.5, "noise": 1.5, "persistence": 0.6}
    data = prediction.weather(40_000, seed=5, **options)
    days = np.arange(40_000)
    angle = 2 * np.pi * days / data.details["period"]
    basis = np.stack([np.ones(40_000), days / 365.25, np.sin(angle), np.cos(angle)], axis=1)
    weights, *_ = np.linalg.lstsq(basis, data.x, rcond=None)
    assert weights[:2] == pytest.approx([8, 0.5], abs=0.2) and np.hypot(*weights[2:]) == pytest.approx(12, abs=0.1)
    rest = data.x - basis @ weights
    assert rest.var() == pytest.approx(data.details["mse_of_season"], rel=0.05)
    assert data.optimum == 2.25 and mse(rest[1:], 0.6 * rest[:-1]) == pytest.approx(2.25, rel=0.03)
    firsts = np.array([prediction.weather(1, seed=seed, **options).x[0] for seed in range(2000)])
    assert firsts.var() == pytest.approx(data.details["mse_of_season"], rel=0.12), "lasting weather from the first day"
    assert data.x[:365].argmin() < 60 or data.x[:365].argmin() > 330, "winter is cold"


def test_random_walk_is_best_predicted_by_its_last_value() -> None:
    data = prediction.random_walk(50_000, start=20.0, noise=0.4, seed=6)
    x = data.x.astype(np.float64)
    assert x[0] == 20 and data.optimum == pytest.approx(0.16)
    assert mse(x[1:], x[:-1]) == pytest.approx(0.16, rel=0.03)
    changes = np.diff(x)
    assert abs(np.corrcoef(changes[1:], changes[:-1])[0, 1]) < 0.02


@pytest.mark.parametrize("order", [1, 2])
def test_shopping_entropy_and_hit_rate(order: int) -> None:
    options: dict[str, Any] = {"items": 6, "order": order, "choices": 2, "length": (2, 5), "shop": 3}
    first, second = prediction.shopping(40_000, seed=0, **options), prediction.shopping(40_000, seed=1, **options)
    assert first.details == second.details, "the customers follow from the shop alone"
    seen: dict[Any, Counter[str]] = defaultdict(Counter)
    for session, item in zip(first.x, first.y, strict=True):
        seen[tuple(session[-order:])][item] += 1
    rates = {context: {i: n / sum(c.values()) for i, n in c.items()} for context, c in seen.items()}
    nats, hits = 0.0, 0
    for session, item in zip(second.x, second.y, strict=True):
        guess = rates[tuple(session[-order:])]
        nats -= math.log(guess.get(item, 1e-4))
        hits += item == max(guess, key=lambda name: guess[name])
    assert nats / 40_000 == pytest.approx(first.optimum, abs=0.02)
    assert hits / 40_000 == pytest.approx(first.details["hit_rate"][1], abs=0.01)
    by_order = first.details["nats_by_order"]
    assert by_order[-1] == first.optimum and all(a > b + 0.02 for a, b in itertools.pairwise(by_order))
    popular = Counter(second.y).most_common(1)[0][1] / 40_000
    assert popular == pytest.approx(first.details["popular_hit_rate"][1], abs=0.01)
    assert {len(session) for session in first.x} == {2, 3, 4, 5}
    assert set(itertools.chain(*first.x, first.y)) <= set(first.details["items"])


def test_noise_task_2a_has_two_sequences() -> None:
    data = prediction.noise_task(100, lag=50)
    assert Counter(data.y) == {"x": 50, "y": 50}
    assert {tuple(x) for x in data.x} == {(s, *(f"a{i}" for i in range(1, 50))) for s in "xy"}
    assert all(x[0] == y and len(x) == 50 for x, y in zip(data.x, data.y, strict=True))


def test_noise_task_2b_has_any_distractors() -> None:
    data = prediction.noise_task(100, lag=20, task="2b")
    assert len({tuple(x[1:]) for x in data.x}) == 100
    assert all(x[0] == y and len(x) == 20 for x, y in zip(data.x, data.y, strict=True))
    assert set(itertools.chain(*(x[1:] for x in data.x))) == {f"a{i}" for i in range(1, 20)}


def test_noise_task_2c_has_any_length() -> None:
    data = prediction.noise_task(4000, lag=20, task="2c")
    assert all(x[0] == "b" and x[1] == y and x[-1] == "e" for x, y in zip(data.x, data.y, strict=True))
    more = np.array([len(x) - 3 - 20 for x in data.x])
    assert more.min() == 0 and more.mean() == pytest.approx(9, abs=0.6)
    assert (
        set(itertools.chain(*data.x))
        == set(data.details["symbols"])
        == {"b", "e", "x", "y"} | {f"a{i}" for i in range(1, 21)}
    )


# The grammar once more, as all that may follow a string, found by search instead of by a table of states.
INNER = {"": "B", "B": "TP"}
EDGES = [("a", "T", "b"), ("a", "P", "c"), ("b", "S", "b"), ("b", "X", "d"), ("c", "T", "c"), ("c", "V", "e")]
EDGES += [("d", "X", "c"), ("d", "S", "end"), ("e", "P", "d"), ("e", "V", "end")]


def legal_after(prefix: str) -> set[str]:
    """Return what may follow the beginning of an embedded string."""
    if len(prefix) < 3:
        return [set("B"), set("TP"), set("B")][len(prefix)]
    place = "a"
    for at, symbol in enumerate(prefix[3:]):
        if place == "end":
            rest = prefix[3 + at :]
            return {"E": {prefix[1]}, "E" + prefix[1]: {"E"}}[rest]
        (place,) = [to for begin, by, to in EDGES if (begin, by) == (place, symbol)]
    return {"E"} if place == "end" else {by for begin, by, _ in EDGES if begin == place}


def test_embedded_reber_knows_what_may_follow() -> None:
    data = prediction.embedded_reber(300, seed=1)
    symbols, strings = data.details["symbols"], data.details["strings"]
    assert len(set(strings)) == 300
    for string, x, y in zip(strings, data.x, data.y, strict=True):
        assert x.shape == y.shape == (len(string) - 1, 7)
        assert "".join(symbols[at] for at in x.argmax(axis=1)) == string[:-1] and (x.sum(axis=1) == 1).all()
        for at, row in enumerate(y):
            assert {symbol for symbol, value in zip(symbols, row, strict=True) if value} == legal_after(
                string[: at + 1]
            )
        assert string[1] == string[-2] and y[-2].sum() == 1
    assert {string[1] for string in strings} == {"T", "P"}


def test_continual_reber_is_strings_end_to_end() -> None:
    data = prediction.continual_reber(4, length=500, seed=1)
    assert data.x.shape == data.y.shape == (4, 500, 7)
    for stream, x, y in zip(data.details["strings"], data.x, data.y, strict=True):
        assert "".join("BTPSXVE"[at] for at in x.argmax(axis=1)) == stream
        prefix = ""
        for symbol, row in zip(stream, y, strict=True):
            prefix += symbol
            ended = len(prefix) > 3 and prefix[-1] == "E" and prefix[-3] == "E"
            expected = {"B"} if ended else legal_after(prefix)
            prefix = "" if ended else prefix
            assert {s for s, value in zip("BTPSXVE", row, strict=True) if value} == expected


def test_reber_success_needs_every_step() -> None:
    data = prediction.embedded_reber(20)
    almost = [y.copy() for y in data.y]
    almost[3][5] = 0
    assert prediction.reber_success(data.y, almost) == 0.95
    blind = [y.copy() for y in data.y]  # knows the grammar, but not the second symbol
    for y in blind:
        y[-2, [1, 2]] = 0.5
    assert prediction.reber_success(data.y, blind) == 0
    assert prediction.reber_success(data.y, [y - 7 for y in data.y]) == 1


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: prediction.counting(3), ValueError, "n must be even, because the samples come in pairs, got 3"),
        (lambda: prediction.counting(length=1), ValueError, "length must be at least 2, got 1"),
        (lambda: prediction.counting(length=25), ValueError, "length must be at most 24"),
        (
            lambda: prediction.counting(low=5, high=7),
            ValueError,
            "low to high must include a multiple of 4, got 5 to 7",
        ),
        (lambda: prediction.counting(high=10**9), ValueError, "high must be at most"),
        (lambda: prediction.adding(0), ValueError, "n must be at least 1, got 0"),
        (lambda: prediction.adding(length=5), ValueError, "length must be at least 6, got 5"),
        (lambda: prediction.adding(signed=1), TypeError, "signed must be True or False, got 1"),
        (lambda: prediction.sine(period=2), ValueError, "period must be above 2 steps, got 2"),
        (lambda: prediction.sine(noise=-1), ValueError, "noise must be at least 0, got -1"),
        (lambda: prediction.autoregressive(coefficients=[1.0]), ValueError, "make a stationary series, got .1.0."),
        (lambda: prediction.autoregressive(coefficients=[]), ValueError, "coefficients must be one number at least"),
        (lambda: prediction.autoregressive(coefficients=["a"]), TypeError, r"coefficients\[0\] must be a number"),
        (lambda: prediction.mackey_glass(delay=0), ValueError, "delay must be at least 1, got 0"),
        (lambda: prediction.lorenz(interval=0), ValueError, "interval must be above 0, got 0"),
        (lambda: prediction.weather(persistence=1), ValueError, r"persistence must be in \[0, 1\), got 1"),
        (lambda: prediction.random_walk(seed=1.5), TypeError, "seed must be an integer, got float"),
        (lambda: prediction.shopping(order=3), ValueError, "order must be 1 or 2, got 3"),
        (
            lambda: prediction.shopping(choices=21),
            ValueError,
            "choices must be at most 20, the number of items, got 21",
        ),
        (lambda: prediction.shopping(length=(5, 3)), ValueError, r"length must be \(least, greatest\), got \(5, 3\)"),
        (lambda: prediction.noise_task(task="3"), ValueError, "task must be '2a' or '2b' or '2c', got '3'"),
        (lambda: prediction.noise_task(lag=1), ValueError, "lag must be at least 2, got 1"),
        (lambda: prediction.continual_reber(length=0), ValueError, "length must be at least 1, got 0"),
        (lambda: prediction.reber_success([], []), ValueError, "must be as many, 1 at least, got 0 and 0"),
        (lambda: prediction.reber_success([np.ones((2, 7))], [np.ones(7)]), ValueError, r"y_pred\[0\] must have shape"),
    ],
)
def test_mistakes_are_named(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()
