"""Baselines for numbers, and the habits that all baselines have."""

from __future__ import annotations

import builtins
import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import baselines as bl

pytestmark = pytest.mark.once

RANDOM = np.random.Generator(np.random.PCG64(0))
X1 = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]])
X2 = np.stack([X1, 10 * X1], axis=2)  # [2, 3, 2]

# model, X, y of fit, X of predict, expected
NAIVE: list[tuple[Any, Any, Any, Any]] = [
    (bl.LastValue(), X1, [0.0, 0.0], [4.0, 0.0]),
    (bl.LastValue(), X1, np.zeros((2, 2)), [[4.0, 4.0], [0.0, 0.0]]),
    (bl.LastValue(), X2, np.zeros((2, 2)), [[4.0, 4.0], [0.0, 0.0]]),
    (bl.LastValue(target=1), X2, [0.0, 0.0], [40.0, 0.0]),
    (bl.LastValue(), X2, np.zeros((2, 1, 2)), [[[4.0, 40.0]], [[0.0, 0.0]]]),
    (bl.LastValue(target=[1, 0]), X2, np.zeros((2, 1, 2)), [[[40.0, 4.0]], [[0.0, 0.0]]]),
    (bl.LastValue(), X1, None, [[4.0], [0.0]]),
    (bl.LastValue(horizon=2, target=[0, 1]), X2, None, [[[4.0, 40.0]] * 2, [[0.0, 0.0]] * 2]),
    (bl.SeasonalNaive(2), X1, np.zeros((2, 3)), [[2.0, 4.0, 2.0], [1.0, 0.0, 1.0]]),
    (bl.Drift(), X1, np.zeros((2, 2)), [[5.5, 7.0], [0.0, 0.0]]),
    (bl.Drift(horizon=1), [[3.0], [4.0]], None, [[3.0], [4.0]]),
    (bl.Mean(), X1, [1.0, 3.0], [2.0, 2.0]),
    (bl.Mean(), X1, [[1.0, 5.0], [3.0, 5.0]], [[2.0, 5.0]] * 2),
    (bl.Mean("series"), X1, [1.0, 3.0], [7 / 3, 1 / 3]),
    (bl.Mean(horizon=1), X1, None, [[7 / 3], [1 / 3]]),
]


@pytest.mark.parametrize(("model", "X", "y", "expected"), NAIVE)
def test_naive(model: Any, X: Any, y: Any, expected: Any) -> None:
    assert model.fit(X, y) is model
    for given in (X, [np.asarray(row) for row in X]):
        found = model.predict(given)
        np.testing.assert_allclose(found, expected)
        assert found.shape == np.shape(expected) and found.dtype == np.float64


def test_series_of_different_lengths() -> None:
    assert bl.LastValue().fit([[1.0], [2.0, 3.0]], [0.0, 0.0]).predict([[1.0, 7.0], [5.0]]).tolist() == [7.0, 5.0]


def test_autoregression_finds_the_rule() -> None:
    """Of two channels, one the sum of the last values of both: exact without a ridge, near with a small one."""
    x = RANDOM.normal(size=(200, 5, 2))
    y = x[:, -1].sum(axis=1) + 3
    exact = bl.LinearAutoregression(lags=2, alpha=0).fit(x, y)
    np.testing.assert_allclose(exact.predict(x), y, atol=1e-10)
    np.testing.assert_allclose(exact.coef_.ravel(), [0, 0, 1, 1], atol=1e-10)
    assert exact.score(x, y) == pytest.approx(1)
    assert 0.99 < bl.LinearAutoregression(alpha=1e-2).fit(x, y).score(x, y) < 1


def test_both_systems_of_a_ridge_have_one_solution() -> None:
    x, y = RANDOM.normal(size=(30, 29)), RANDOM.normal(size=(30, 2))
    small = bl.LinearAutoregression(alpha=0.1).fit(x, y)
    wide = bl.LinearAutoregression(alpha=0.1).fit(x[:28], y[:28])  # more inputs than samples
    by_hand = (x[:28] - x[:28].mean(0)) / x[:28].std(0)
    weights = np.linalg.solve(by_hand.T @ by_hand + 2.8 * np.eye(29), by_hand.T @ (y[:28] - y[:28].mean(0)))
    np.testing.assert_allclose(wide.coef_ * x[:28].std(0)[:, None], weights, atol=1e-10)
    assert small.predict(x).shape == (30, 2)


def test_the_series_themselves_are_learned_without_y() -> None:
    wave = np.sin(np.arange(300) / 2)
    model = bl.LinearAutoregression(lags=4, alpha=1e-8, horizon=3).fit([wave[:200], wave[100:]])
    np.testing.assert_allclose(model.predict([wave])[0], np.sin(np.arange(300, 303) / 2), atol=1e-4)
    assert bl.LinearAutoregression().fit([wave]).lags_ == 32
    with pytest.raises(ValueError, match="at least 7 steps if there is no y, got 5"):
        bl.LinearAutoregression(lags=4, horizon=3).fit([wave[:5]])


def test_the_network_learns_what_is_not_linear() -> None:
    x = RANDOM.normal(size=(1500, 3))
    y = np.stack([x[:, 0] * x[:, 2], np.abs(x[:, 1])], axis=1)
    model = bl.WindowMLP(epochs=60).fit(x[:1200], y[:1200])
    assert model.score(x[1200:], y[1200:]) > 0.9 > 0.1 > bl.LinearAutoregression().fit(x, y).score(x, y)
    again = bl.WindowMLP(epochs=60).fit(x[:1200], y[:1200])
    assert (model.predict(x) == again.predict(x)).all()
    other = bl.WindowMLP(epochs=60, seed=1).fit(x[:1200], y[:1200])
    assert (model.predict(x) != other.predict(x)).any()


def test_the_network_stops_and_keeps_the_best() -> None:
    x, y = RANDOM.normal(size=(100, 4)), RANDOM.normal(size=100)  # noise: it can only get worse
    model = bl.WindowMLP(hidden=16, patience=3, lr=1e-2).fit(x, y)
    assert model.epochs_ < 60
    held = np.random.Generator(np.random.PCG64(0)).permutation(100)[:10]
    centre, scale = y.mean(), y.std()
    loss = float(np.mean(((model.predict(x[held]) - y[held]) / scale) ** 2))
    assert loss == pytest.approx(model.loss_) and centre != 0


def test_constant_inputs_and_a_single_sample() -> None:
    ones = np.ones((5, 3))
    for model in (bl.LinearAutoregression(), bl.WindowMLP(epochs=2)):
        np.testing.assert_allclose(model.fit(ones, ones[:, 0]).predict(ones), 1.0, atol=0.2)
        assert np.isfinite(model.fit(ones[:1], [2.0]).predict(ones)).all()


def test_arima_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("statsmodels"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"ARIMA needs statsmodels: pip install 'rustlstm\[arima\]'"):
        bl.ARIMA().fit([[1.0, 2.0]])


def test_arima() -> None:
    pytest.importorskip("statsmodels", reason="statsmodels is not installed")
    noise = RANDOM.normal(size=(2, 300))
    x = np.zeros((2, 300))
    for at in range(1, 300):
        x[:, at] = 0.8 * x[:, at - 1] + noise[:, at]
    found = bl.ARIMA((1, 0, 0), horizon=2).fit(x).predict(x + 5)
    np.testing.assert_allclose(found - 5, x[:, -1:] * [0.8, 0.64], atol=0.5)
    line = bl.ARIMA((0, 2, 0)).fit([[1.0] * 9], [[0.0, 0.0]]).predict([np.arange(9.0)])
    np.testing.assert_allclose(line, [[9.0, 10.0]], atol=1e-6)


ERRORS: list[tuple[Any, Any, Any, str]] = [
    (bl.LastValue(), X1, [1.0], "X has 2 samples and y has 1"),
    (bl.LastValue(), X1, ["a", "b"], "y must be numbers"),
    (bl.LastValue(), X1, [1.0, np.nan], "y must be finite"),
    (bl.LastValue(), X1, 3.0, "y must hold a target for each sample"),
    (bl.LastValue(), [], [], "X must be an array"),
    (bl.LastValue(), ["ab"], [1.0], r"X\[0\] must be a series of numbers, got 'ab'"),
    (bl.LastValue(), [[1.0], []], [1.0, 2.0], r"X\[1\] must have at least one step"),
    (bl.LastValue(), [[[1.0]], [[1.0, 2.0]]], [1.0, 2.0], r"X\[1\] must have 1 channels"),
    (bl.LastValue(), [[1.0, np.inf]], [1.0], r"X\[0\] must be finite"),
    (bl.LastValue(), np.zeros((1, 2, 3, 4)), [1.0], r"series \[T\] or \[T, C\], got shape \[2, 3, 4\]"),
    (bl.LastValue(target=2), X2, [1.0, 2.0], "target must be columns of X, from 0 to 1"),
    (bl.LastValue(target=[0, 1]), X2, [1.0, 2.0], r"y must be \[N, K, 2\]"),
    (bl.LastValue(target=[0]), X2, np.zeros((2, 1, 2)), "target must name 2 columns"),
    (bl.LastValue(), X1, np.zeros((2, 1, 2)), "target must be columns of X, from 0 to 0"),
    (bl.LastValue(horizon=3), X1, np.zeros((2, 2)), "horizon must be 2, the steps of y, or left out, got 3"),
    (bl.LastValue(horizon=0), X1, None, "horizon must be at least 1"),
    (bl.Mean("y"), X1, [1.0, 2.0], "of must be 'targets' or 'series', got 'y'"),
    (bl.LinearAutoregression(lags=4), X1, [1.0, 2.0], r"X\[0\] must have at least 4 steps for lags=4, got 3"),
    (bl.LinearAutoregression(alpha=-1), X1, [1.0, 2.0], "alpha must be at least 0"),
    (bl.WindowMLP(hidden=0), X1, [1.0, 2.0], "hidden must be at least 1"),
    (bl.WindowMLP(held=1), X1, [1.0, 2.0], r"held must be in \(0, 1\), got 1"),
    (bl.WindowMLP(seed=-1), X1, [1.0, 2.0], "seed must be in"),
]


@pytest.mark.parametrize(("model", "X", "y", "message"), ERRORS)
def test_errors_are_sentences(model: Any, X: Any, y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y)


def test_errors_of_predict() -> None:
    with pytest.raises(RuntimeError, match="LastValue is not fitted yet: call fit first"):
        bl.LastValue().predict(X1)
    with pytest.raises(ValueError, match="X must have 1 channels, as in fit, got 2"):
        bl.LastValue().fit(X1, [1.0, 2.0]).predict(X2)
    with pytest.raises(ValueError, match=r"X\[0\] must have at least 4 steps, one period, got 3"):
        bl.SeasonalNaive(4).fit(X1, [1.0, 2.0]).predict(X1)


EVERY = [
    getattr(bl, name) for name in dir(bl) if isinstance(getattr(bl, name), type) and name not in ("Row", "Comparison")
]


@pytest.mark.parametrize("kind", EVERY)
def test_habits(kind: Any) -> None:
    """What scikit-learn's clone asks: options are stored as they are, and a copy is made of them alone."""
    model = kind()
    options = model.get_params()
    assert set(vars(model)) == set(options) and repr(model) == f"{kind.__name__}()"
    again = kind(**options)
    assert again.get_params() == options and again is not model
    if options:
        name = next(iter(options))
        marker = object()
        assert model.set_params(**{name: marker}) is model and getattr(model, name) is marker
    with pytest.raises(ValueError, match=f"{kind.__name__} has no option 'colour'"):
        model.set_params(colour=1)


def test_there_are_all() -> None:
    assert len(EVERY) == 16 and rl.baselines is bl and repr(bl.SeasonalNaive(24)) == "SeasonalNaive(period=24)"


def test_pickle() -> None:
    model = bl.LinearAutoregression().fit(X1, [1.0, 2.0])
    assert (pickle.loads(pickle.dumps(model)).predict(X1) == model.predict(X1)).all()


def test_clone_of_scikit_learn() -> None:
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    for kind in EVERY:
        assert base.clone(kind()).get_params() == kind().get_params()
