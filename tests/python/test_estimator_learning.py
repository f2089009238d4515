"""What estimators learn: small problems whose answer is known, each beyond what a simpler model could do."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import random

pytestmark = pytest.mark.once

QUIET: dict[str, Any] = {"progress": False}


def test_classifier_learns_orderings() -> None:
    """Rows of the same numbers, rising or not: nothing but their order tells."""
    rng = random(0)
    X = [np.sort(rng.normal(size=rng.integers(3, 8))) for _ in range(300)]
    y = rng.choice(["up", "down", "mixed"], 300)
    for at, label in enumerate(y):
        X[at] = X[at][::-1] if label == "down" else np.roll(X[at], 1) if label == "mixed" else X[at]
    model = rl.SequenceClassifier(hidden_size=16, epochs=60, learning_rate=0.02, **QUIET).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) >= 0.93


NOT_BAGS = [
    ("good not bad", "bad not good"),
    ("i thought it bad but it is good", "i thought it good but it is bad"),
    ("less dull than the other", "the other less dull than"),
    ("never boring and always fun", "always boring and never fun"),
]


@pytest.mark.parametrize("pool", ["last", "mean", "max", "attention"])
def test_classifier_learns_what_no_bag_of_words_tells(pool: str) -> None:
    """Each pair has the same words, one of each is praise; what is put around them says nothing."""
    rng = random(1)
    fill = ["well", "so", "the film", "really", "a work"]
    texts, labels = [], []
    for _ in range(50):
        for pair in NOT_BAGS:
            for label, text in zip(["praise", "blame"], pair, strict=True):
                before, after = rng.choice(fill, 2)
                texts.append(f"{before} {text} {after}")
                labels.append(label)
    model = rl.SequenceClassifier(pool=pool, hidden_size=16, epochs=8, learning_rate=0.01, **QUIET)
    model.fit(texts[:300], labels[:300])
    assert model.score(texts[300:], labels[300:]) >= 0.97


@pytest.mark.parametrize("bidirectional", [True, False])
def test_tagger_learns_a_rule_of_both_sides(bidirectional: bool) -> None:
    """A step is high if both its neighbours are; the next one is out of sight for one direction."""
    rng = random(2)
    X = [rng.choice([-1.0, 1.0], rng.integers(3, 9)) for _ in range(300)]
    y = [(np.roll(row, 1) > 0) & (np.roll(row, -1) > 0) for row in X]
    for labels in y:
        labels[[0, -1]] = False
    model = rl.SequenceTagger(hidden_size=16, epochs=30, bidirectional=bidirectional, learning_rate=0.01, **QUIET)
    score = model.fit(X[:200], y[:200]).score(X[200:], y[200:])
    assert score >= 0.97 if bidirectional else 0.5 < score < 0.9


@pytest.mark.parametrize("conv", [None, 4])
def test_a_tagger_of_one_direction_does_not_look_ahead(conv: int | None) -> None:
    rng = random(3)
    X = rng.normal(size=(20, 9, 2))
    y = X[..., 0] > 0
    for bidirectional in (True, False):
        model = rl.SequenceTagger(bidirectional=bidirectional, conv=conv, hidden_size=4, epochs=2, **QUIET).fit(X, y)
        whole, begun = model.predict_proba(X), model.predict_proba(X[:, :5])
        same = all((one[:5] == other).all() for one, other in zip(whole, begun, strict=True))
        assert same is not bidirectional


@pytest.mark.parametrize("conv", [None, 4])
def test_next_steps_are_not_looked_at(conv: int | None) -> None:
    """What is said after a step is the same whether the sequence goes on or not."""
    walk = np.cumsum(random(4).normal(size=(60, 20, 1)), axis=1)
    options: dict[str, Any] = {"conv": conv, "hidden_size": 16, "epochs": 40, "learning_rate": 0.02}
    model = rl.SequencePredictor(kernel_size=3, **options, **QUIET).fit(walk)
    encoded = np.array(model.inputs_.encode("X", list(walk)))
    whole, begun = (np.asarray(model.network_(x)) for x in (encoded, encoded[:, :7]))
    assert (whole[:, :7] == begun).all()
    assert model.score(walk) > 0.8


def noisy(samples: int, seed: int = 5) -> tuple[Any, Any]:
    """Return rows of a level and a loudness, and what follows: normal with that mean and that deviation."""
    rng = random(seed)
    level, deviation = rng.uniform(-3, 3, samples), rng.choice([0.3, 1.5], samples)
    X = np.repeat(np.stack([level, deviation], axis=1)[:, None], 4, axis=1)
    return X, level + deviation * rng.normal(size=samples)


def test_points() -> None:
    X, y = noisy(800)
    model = rl.SequencePredictor(hidden_size=16, epochs=20, **QUIET).fit(X, y)
    X, y = noisy(800, 6)
    level = X[:, 0, 0]
    assert np.sqrt(np.mean((model.predict(X) - level) ** 2)) < 0.25
    best = 1 - np.mean((y - level) ** 2) / np.var(y)
    assert best - 0.03 < model.score(X, y) < best + 0.01


def test_losses_of_points() -> None:
    """Of what is seldom large, the mean and the median are far apart."""
    rng = random(7)
    X, y = np.zeros((1000, 2)), rng.exponential(size=1000)
    found = {}
    for loss in ("mse", "mae", "huber"):
        model = rl.SequencePredictor(loss=loss, hidden_size=2, epochs=15, learning_rate=0.03, **QUIET).fit(X, y)
        found[loss] = float(model.predict(X[:1])[0])
    assert abs(found["mse"] - 1) < 0.12 and abs(found["mae"] - np.log(2)) < 0.12
    assert found["mae"] < found["huber"] < found["mse"] + 0.05


def test_quantiles_cover() -> None:
    X, y = noisy(1500)
    levels = (0.1, 0.5, 0.9)
    model = rl.SequencePredictor(output="quantile", quantiles=levels, hidden_size=16, epochs=20, **QUIET).fit(X, y)
    X, y = noisy(1500, 6)
    found = model.predict_quantiles(X)
    assert np.allclose((y[:, None] <= found).mean(axis=0), levels, atol=0.05)
    assert (model.predict(X) == found[:, 1]).all(), "the median"
    width = found[:, 2] - found[:, 0]
    for deviation in (0.3, 1.5):
        assert np.isclose(width[X[:, 0, 1] == deviation].mean(), 2 * NormalDist().inv_cdf(0.9) * deviation, rtol=0.25)


def test_distributions_deviate() -> None:
    X, y = noisy(1500)
    model = rl.SequencePredictor(output="gaussian", hidden_size=16, epochs=20, **QUIET).fit(X, y)
    X, y = noisy(1500, 6)
    deviations = model.predict_deviation(X)
    for deviation in (0.3, 1.5):
        assert np.isclose(deviations[X[:, 0, 1] == deviation].mean(), deviation, rtol=0.2)
    within = np.abs(y - model.predict(X)) < deviations
    assert abs(within.mean() - 0.683) < 0.05
    low, middle, high = model.predict_quantiles(X).T
    assert np.allclose(middle, model.predict(X))
    assert np.allclose(high - low, 2 * NormalDist().inv_cdf(0.9) * deviations)


def test_windows_extrapolate() -> None:
    """A line goes on at a level and with a slope that were never seen; in scales of all of X it does not."""
    rng = random(8)

    def lines(level: float, slope: float) -> tuple[Any, Any]:
        slopes = rng.uniform(0.5, 1.5, (200, 1)) * slope
        steps = rng.uniform(-1, 1, (200, 1)) * level + slopes * np.arange(7)
        return steps[:, :6], steps[:, 6]

    X, y = lines(1, 1)
    far, target = lines(1000, 20)
    slopes = target - far[:, -1]
    errors = {}
    for scale in ("window", "standard"):
        model = rl.SequencePredictor(scale=scale, hidden_size=8, epochs=30, **QUIET).fit(X, y)
        errors[scale] = float(np.mean(np.abs(model.predict(far) - target) / slopes))
    assert errors["window"] < 0.1 and errors["standard"] > 5


def chain(samples: int, steps: int = 12, seed: int = 9) -> tuple[list[list[str]], float]:
    """Return walks through five items, and how many nats the best model of the next one needs."""
    rng = random(10)
    table = rng.dirichlet(np.full(5, 0.4), 5)
    rng = random(seed)
    rows = []
    for _ in range(samples):
        row = [int(rng.integers(5))]
        while len(row) < steps:
            row.append(int(rng.choice(5, p=table[row[-1]])))
        rows.append(row)
    now = np.array([row[:-1] for row in rows]).ravel()
    entropy = -(table * np.log(table)).sum(axis=1)
    return [["abcde"[item] for item in row] for row in rows], float(entropy[now].mean())


@pytest.mark.parametrize("per_step", [True, False])
def test_items_learn_a_markov_chain(per_step: bool) -> None:
    rows, _ = chain(400 if per_step else 1500)
    make = rl.SequencePredictor(hidden_size=16, epochs=12, learning_rate=0.01, **QUIET)
    model = make.fit(rows) if per_step else make.fit([row[:-1] for row in rows], [row[-1] for row in rows])
    rows, _ = chain(1000, 5, seed=11)
    table = random(10).dirichlet(np.full(5, 0.4), 5)
    proba = model.predict_proba([row[:-1] for row in rows])
    assert np.allclose(proba.sum(axis=1), 1, atol=1e-5)
    true = table[["abcde".index(row[-2]) for row in rows]][:, ["abcde".index(item) for item in model.items_]]
    entropy = -(true * np.log(true)).sum(axis=1).mean()
    found = -(true * np.log(proba)).sum(axis=1).mean()
    assert entropy <= found < entropy + 0.06
    best = model.recommend([row[:-1] for row in rows], 3)
    assert (best[:, 0] == model.predict([row[:-1] for row in rows])).all()
    assert (best == model.items_[np.argsort(-proba, axis=1, kind="stable")[:, :3]]).all()
    fresh = model.recommend([["a", "b"], ["c"]], 3, exclude_seen=True)
    assert not set(fresh[0]) & {"a", "b"} and "c" not in fresh[1] and len(set(fresh[0])) == 3


def test_recommending_to_strings_leaves_out_words_and_not_letters() -> None:
    texts, following = ["a bc", "bc d", "d a"] * 10, ["d", "a", "bc"] * 10
    model = rl.SequencePredictor(hidden_size=4, epochs=2, **QUIET).fit(texts, following)
    assert model.recommend(["a bc"], 1, exclude_seen=True).tolist() == [["d"]]


def test_class_weights_raise_the_recall_of_a_rare_class() -> None:
    rng = random(12)
    y = rng.random(600) < 0.06
    X = rng.normal(size=(600, 5, 1)) + 0.5 * y[:, None, None]
    train, test = slice(0, 400), slice(400, 600)
    recall = {}
    for weight in (None, "balanced", {True: 16.0}):
        model = rl.SequenceClassifier(class_weight=weight, hidden_size=8, epochs=10, **QUIET).fit(X[train], y[train])
        recall[str(weight)] = float(model.predict(X[test])[y[test]].mean())
    assert recall["balanced"] > recall["None"] + 0.3 and recall["{True: 16.0}"] > recall["None"] + 0.3


def test_label_smoothing_keeps_from_certainty() -> None:
    rng = random(13)
    X = rng.normal(size=(200, 4))
    y = X[:, -1] > 0
    least = {}
    for smoothing in (0.0, 0.2):
        model = rl.SequenceClassifier(label_smoothing=smoothing, hidden_size=8, epochs=40, learning_rate=0.02, **QUIET)
        least[smoothing] = float(model.fit(X, y).predict_proba(X).min(axis=1).mean())
    assert least[0.2] > 0.08 > 0.05 > least[0.0]


@pytest.mark.parametrize("conv", [None, 4])
def test_attention_sums_to_one_and_skips_padding(conv: int | None) -> None:
    rng = random(14)
    X = [rng.normal(size=(length, 1)) for length in [3, 9, 1, 6, 12] * 12]
    y = rng.random(60) < 0.5
    options: dict[str, Any] = {"pool": "attention", "conv": conv, "conv_pool": 2 if conv else 1, "kernel_size": 3}
    model = rl.SequenceClassifier(hidden_size=8, epochs=2, **options, **QUIET).fit(X, y)
    weights = model.attention(X)
    assert [len(one) for one in weights] == [len(row) // (2 if conv else 1) for row in X]
    for one in weights:
        assert not len(one) or (np.isclose(one.sum(), 1, atol=1e-5) and (one >= 0).all())


def test_attention_looks_where_the_sign_is() -> None:
    rng = random(15)
    X = rng.normal(scale=0.1, size=(400, 12, 2))
    y, place = rng.random(400) < 0.5, rng.integers(12, size=400)
    X[np.arange(400), place, 0] = np.where(y, 3.0, -3.0)
    X[np.arange(400), place, 1] = 3.0
    model = rl.SequenceClassifier(pool="attention", hidden_size=8, epochs=15, learning_rate=0.01, **QUIET).fit(X, y)
    assert model.score(X, y) > 0.97
    looked = np.array(model.attention(X))
    assert looked[np.arange(400), place].mean() > 2 / 12


def test_dropout_is_of_training_only() -> None:
    rng = random(16)
    X, y = rng.normal(size=(40, 5, 2)), rng.normal(size=40)
    model = rl.SequencePredictor(dropout=0.5, hidden_size=8, epochs=2, **QUIET).fit(X, y)
    assert model.predict(X).tolist() == model.predict(X).tolist()
    assert not model.network_.training
