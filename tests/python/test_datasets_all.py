"""What every made-up dataset promises: the same for the same seed, another for another one, and what it is."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from rustlstm import datasets

pytestmark = pytest.mark.once

MODULES = (datasets.prediction, datasets.classification, datasets.generation, datasets.seq2seq)
NOT_DATA = {"reber_success", "curriculum"}
FROM_FILES = {"characters", "words", "bytes"}
MAKERS = {
    f"{module.__name__.split('.')[-1]}.{name}": make
    for module in MODULES
    for name, make in inspect.getmembers(module, inspect.isfunction)
    if name not in NOT_DATA
}
SEEDED = [name for name in MAKERS if name.split(".")[1] not in FROM_FILES]
METRICS = {"mse", "accuracy", "nats", "f1", "exact_match"}


def plain(data: datasets.Dataset) -> bytes:
    """Return all that is in a dataset, as bytes that can be compared."""
    return pickle.dumps((data.name, data.problem, data.x, data.y, data.optimum, data.details))


def test_all_are_there() -> None:
    assert len(MAKERS) == 13 + 7 + 8 + 9, sorted(MAKERS)


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_makes_the_data(name: str) -> None:
    make: Callable[..., Any] = MAKERS[name]
    first, again, other = make(60, seed=5), make(60, seed=5), make(60, seed=6)
    assert plain(first) == plain(again)
    assert plain(other) != plain(first)
    assert pickle.dumps((first.x, first.y)) != pickle.dumps((other.x, other.y))
    assert len(first) == 60
    assert plain(make(60)) == plain(make(60, seed=0)), "the seed is 0 if left out"


@pytest.mark.parametrize("name", MAKERS)
def test_it_says_what_it_is(name: str) -> None:
    module, function = name.split(".")
    data = MAKERS[name](60)
    assert data.name.startswith(function)
    assert data.problem == ("tagging" if function == "anomalies" else module)
    assert data.meaning and "\n" not in data.meaning
    assert data.metric in METRICS or function == "chorales"
    assert (data.y is None) == (data.is_one_sequence or function in ("melodies", "chorales", "strokes"))
    train, test = data.split(0.25)
    assert len(test) == round(len(data) / 4) and len(train) + len(test) == len(data)
    assert len(data) == 60 or function == "words"
    assert data.details is train.details


@pytest.mark.parametrize("name", SEEDED)
def test_options_are_by_keyword_and_n_is_checked(name: str) -> None:
    parameters = list(inspect.signature(MAKERS[name]).parameters.values())
    assert parameters[0].name == "n" and parameters[0].default <= 100_000
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters[1:])
    with pytest.raises(ValueError, match="n must be at least"):
        MAKERS[name](0)
    with pytest.raises(TypeError, match="n must be an integer"):
        MAKERS[name](2.5)
    with pytest.raises(ValueError, match="seed must be in"):
        MAKERS[name](60, seed=-1)
