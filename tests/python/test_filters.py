"""Every filter against a plain version in numpy, and what filters promise for every row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plain_filters import apply
from rustlstm import _core, sampling
from rustlstm.sampling import (
    Ban,
    Bias,
    Filter,
    Force,
    FrequencyPenalty,
    Greedy,
    MaxLength,
    MinLength,
    MinP,
    NoRepeat,
    PresencePenalty,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    Typical,
    filter_logits,
)

CASES, PART = 10_000, 100
Make = Callable[[np.random.Generator, int], Filter]


def window(rng: np.random.Generator) -> int | None:
    return None if rng.random() < 0.5 else int(rng.integers(1, 12))


def some(rng: np.random.Generator, v: int) -> list[int]:
    return [int(token) for token in rng.choice(v, int(rng.integers(1, v + 1)), replace=False)]


def schedule(rng: np.random.Generator) -> Temperature:
    return Temperature(float(rng.uniform(0.1, 3)), until=float(rng.uniform(0.1, 3)), over=int(rng.integers(1, 8)))


FILTERS: dict[str, Make] = {
    "Greedy": lambda rng, v: Greedy(),
    "Temperature": lambda rng, v: schedule(rng) if rng.random() < 0.5 else Temperature(float(rng.uniform(0.05, 4))),
    "TopK": lambda rng, v: TopK(int(rng.integers(1, v + 3))),
    "TopP": lambda rng, v: TopP(float(1 - rng.random() ** 2)),
    "MinP": lambda rng, v: MinP(float(1 - rng.random())),
    "Typical": lambda rng, v: Typical(float(1 - rng.random() ** 2)),
    "RepetitionPenalty": lambda rng, v: RepetitionPenalty(float(rng.uniform(0.3, 3)), window(rng)),
    "FrequencyPenalty": lambda rng, v: FrequencyPenalty(float(rng.normal()), window(rng)),
    "PresencePenalty": lambda rng, v: PresencePenalty(float(rng.normal()), window(rng)),
    "NoRepeat": lambda rng, v: NoRepeat(int(rng.integers(1, 5))),
    "Ban": lambda rng, v: Ban(some(rng, v)),
    "Force": lambda rng, v: Force([int(token) for token in rng.integers(0, v, 3)], at=int(rng.integers(0, 5))),
    "Bias": lambda rng, v: Bias({token: float(rng.normal() * 3) for token in some(rng, v)}),
    "MinLength": lambda rng, v: MinLength(int(rng.integers(0, 8))),
    "MaxLength": lambda rng, v: MaxLength(int(rng.integers(0, 8))),
}


def rows(rng: np.random.Generator, v: int) -> tuple[Any, list[list[int]], list[int]]:
    """Return logits, of which some are equal and some impossible, histories, and how much was drawn."""
    logits = (rng.normal(size=(PART, v)) * rng.uniform(0.1, 6)).astype(np.float32)
    even = rng.random(PART) < 0.3
    logits[even] = np.round(logits[even])
    logits[(rng.random((PART, v)) < 0.2) & (rng.random((PART, 1)) < 0.3)] = -np.inf
    logits[~(logits > -np.inf).any(axis=1), 0] = 0.5
    histories = [[int(token) for token in rng.integers(0, v, rng.integers(0, 30))] for _ in range(PART)]
    drawn = [int(rng.integers(0, min(8, len(history)) + 1)) for history in histories]
    return logits, histories, drawn


def test_all_filters_are_here() -> None:
    public = {name for name, thing in vars(sampling).items() if isinstance(thing, type) and issubclass(thing, Filter)}
    assert public - {"Filter"} == set(FILTERS)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_its_plain_version(name: str) -> None:
    rng = np.random.default_rng(list(FILTERS).index(name))
    wrong, left_open = [], 0
    for part in range(CASES // PART):
        v = [2, 3, 7, 20, 96, 200][part % 6]
        filter, ends = FILTERS[name](rng, v), some(rng, v)[:2]
        logits, histories, drawn = rows(rng, v)
        got = filter_logits(logits, [filter], history=histories, drawn=drawn, ends=ends)
        expected, sure = np.empty((PART, v)), np.ones((PART, v), bool)
        for row in range(PART):
            expected[row], unsure = apply(filter, logits[row], histories[row], drawn[row], ends)
            sure[row, unsure] = False
        left_open += PART - sure.all(axis=1).sum()
        gone = np.isneginf(expected)
        near = abs(np.where(gone, 0, got - np.where(gone, 0, expected))) <= 1e-6 + 3e-7 * abs(
            np.where(gone, 0, expected)
        )
        same = (~sure | ((np.isneginf(got) == gone) & near)).all(axis=1) & (got > -np.inf).any(axis=1)
        wrong += [
            f"{filter}, ends {ends}, drawn {drawn[row]}, {histories[row]}: {logits[row]} {got[row]}"
            for row in np.flatnonzero(~same)
        ]
    assert not wrong, f"{len(wrong)} of {CASES}, the first: {wrong[0]}"
    assert left_open < CASES * 0.02, f"{left_open} cases were too close to a border to decide"


def test_many_tokens() -> None:
    """More than are sorted at once."""
    rng = np.random.default_rng(5)
    for v in (1000, 20_000):
        x = rng.normal(size=v).astype(np.float32) * 2
        for filter in (TopP(0.2), TopP(0.9), TopP(0.999), Typical(0.3), Typical(0.95), TopK(500), MinP(0.01)):
            expected, unsure = apply(filter, x, [], 0, [])
            sure = ~np.isin(np.arange(v), unsure)
            assert np.array_equal(filter_logits(x, filter)[sure], expected[sure]), f"{filter} of {v}"


def test_filters_follow_one_another() -> None:
    x = [0.0, 1.0, 2.0, 3.0]
    assert filter_logits(x, [TopK(2), Ban([3])]).tolist() == [-np.inf, -np.inf, 2.0, -np.inf]
    assert filter_logits(x, [Ban([3]), TopK(2)]).tolist() == [-np.inf, 1.0, 2.0, -np.inf]
    assert filter_logits(x, [Ban([0, 1, 2, 3])]).tolist() == [-np.inf, -np.inf, -np.inf, 3.0]
    assert filter_logits(x, [Ban([3]), Force([3])]).tolist() == [-np.inf, -np.inf, -np.inf, 0.0]
    assert filter_logits(x, [Force([2]), TopK(1), Temperature(0.5)]).tolist() == [-np.inf, -np.inf, 4.0, -np.inf]
    assert filter_logits(x, []).tolist() == x
    assert filter_logits([2.0, 2.0, 2.0], Greedy()).tolist() == [2.0, -np.inf, -np.inf]


def test_large_numbers_stay_numbers() -> None:
    huge = 3e38
    cases: list[tuple[list[Filter], list[float]]] = [
        ([Temperature(1e-30)], [5.0, 4.0, -huge]),
        ([Temperature(1e30)], [5.0, 4.0, -huge]),
        ([Temperature(1e-30)], [-huge, -huge, -3e37]),
        ([RepetitionPenalty(1e-30)], [huge, 1.0, -huge]),
        ([RepetitionPenalty(1e30)], [-huge, -huge, -huge]),
        ([FrequencyPenalty(huge)], [huge, -huge, 0.0]),
        ([FrequencyPenalty(-huge)], [-np.inf, huge, 0.0]),
        ([Bias({0: huge, 1: -huge}), TopP(0.5), Typical(0.5), MinP(0.5)], [huge, -huge, 0.0]),
        ([Typical(0.9), TopP(0.9)], [huge, -huge, -huge]),
    ]
    for filters, logits in cases:
        got = filter_logits(logits, filters, history=[0, 0, 1, 2])
        assert not np.isnan(got).any() and got.max() < np.inf and got.max() > -np.inf, f"{filters}: {got}"
        assert (got[np.isneginf(logits)] == -np.inf).all(), f"{filters}: what was removed stays so"


@pytest.mark.once
def test_filters_are_values() -> None:
    assert TopP(0.9) == TopP(0.9) != MinP(0.9)
    assert FrequencyPenalty(1.0) != PresencePenalty(1.0)
    assert len({Greedy(), Greedy(), TopK(3), MinLength(3), MaxLength(3)}) == 4
    assert [repr(one) for one in (Greedy(), MinP(0.5), MaxLength(3))] == ["Greedy()", "MinP(p=0.5)", "MaxLength(n=3)"]
    for one, name in ((TopP(0.9), "p"), (PresencePenalty(1.0), "amount"), (MinLength(1), "n"), (TopK(2), "k")):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)


@pytest.mark.once
def test_wrong_arguments_are_named() -> None:
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: Temperature(0), r"must be above 0, got 0; Greedy\(\)"),
        (lambda: Temperature(-1.0), "value of Temperature must be above 0"),
        (lambda: Temperature(float("nan")), "value of Temperature must be above 0"),
        (lambda: Temperature(float("inf")), "value of Temperature must be finite"),
        (lambda: Temperature(1.0, until=0.5), "until and over of Temperature belong together"),
        (lambda: Temperature("hot"), "value of Temperature must be a number"),
        (lambda: TopK(0), "k of TopK must be at least 1"),
        (lambda: TopP(0.0), "p of TopP must be above 0"),
        (lambda: TopP(1.5), "p of TopP must be above 0 and at most 1"),
        (lambda: MinP(float("nan")), "p of MinP"),
        (lambda: Typical("much"), "p of Typical must be a number"),
        (lambda: RepetitionPenalty(0), "factor of RepetitionPenalty must be above 0"),
        (lambda: RepetitionPenalty(1.2, window=0), "window of RepetitionPenalty must be at least 1"),
        (lambda: FrequencyPenalty(float("inf")), "amount of FrequencyPenalty must be finite"),
        (lambda: NoRepeat(0), "n of NoRepeat must be at least 1"),
        (lambda: Bias([1]), "amounts of Bias must be a dict"),
        (lambda: Bias({1: float("nan")}), "the amount of Bias for 1 must be finite"),
        (lambda: MinLength(-1), "n of MinLength must be at least 0"),
        (lambda: filter_logits([1.0, 2.0], [TopK]), r"filters\[0\] must be a filter, got .*; make one"),
        (lambda: filter_logits([1.0, 2.0], [Ban("a")]), "tokens of Ban must be numbers of tokens"),
        (lambda: filter_logits([1.0, 2.0], [Ban([2])]), "a banned token must be from 0 to V - 1 = 1, got 2"),
        (lambda: filter_logits([1.0, 2.0], [Ban([-1])]), "tokens of Ban must be from 0 on, got -1"),
        (lambda: filter_logits([1.0, 2.0], [Force([7])]), "a forced token must be from 0 to V - 1 = 1"),
        (lambda: filter_logits([1.0, 2.0], [Bias({9: 1.0})]), "a token with a bias must be from 0 to V - 1 = 1"),
        (lambda: filter_logits([1.0, 2.0], [MaxLength(3)]), "a maximum length must be given together with a token"),
        (lambda: filter_logits([1.0, 2.0], [Temperature(1e-60)]), "the temperature must be above 0"),
        (lambda: filter_logits([1.0, float("nan")], []), "must be numbers, .* got NaN for token 1"),
        (lambda: filter_logits([float("inf"), 1.0], []), "got inf for token 0"),
        (lambda: filter_logits([-np.inf, -np.inf], []), "got -inf for every token"),
        (lambda: filter_logits([1.0, 2.0], [], history=[2]), r"history\[0\]\[0\] must be from 0 to V - 1 = 1, got 2"),
        (lambda: filter_logits([[1.0], [2.0]], [], history=[[0]]), r"must have shape \[N=2\]"),
        (lambda: filter_logits([1.0], [], ends=[4]), r"stop\[0\] must be tokens from 0 to V - 1 = 0"),
        (lambda: filter_logits(1.0, []), r"logits must have shape \[V\] or \[N, V\]"),
        (lambda: _core.filter_logits([[1.0]], [[0]], [0], [("top_k", [1.0], [])], []), "filter must be a filter"),
        (lambda: _core.filter_logits([[1.0]], [[0]], [0], [("nothing", [], [])], []), "filter must be a filter"),
        (lambda: _core.filter_logits([[1.0]], [[0]], [0], [("top_k", [], [0])], []), "k of top-k must be at least 1"),
        (lambda: _core.filter_logits([[1.0]], [[0]], [0], [("top_p", [2.0], [])], []), "p of top-p must be above 0"),
    ]
    for call, sentence in cases:
        with pytest.raises((ValueError, TypeError), match=sentence):
            call()
