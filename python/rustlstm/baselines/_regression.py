"""Baselines for numbers that learn from the last steps: a straight line through them, and a small network.

Both see a window of fixed length and no state, standardised by what ``fit`` saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._options import count, not_negative, positive, seed_number
from ._series import Floats, SeriesBaseline, last_steps

# Without y the series themselves are cut into windows; so long if nothing is said, or a quarter of the longest series.
LAGS = 32


class LinearAutoregression(SeriesBaseline):
    """A linear function of the last steps of all channels, by least squares with a ridge.

    Args:
        lags: how many steps it sees; as many as the shortest series of ``fit`` has if left out.
        alpha: the ridge, in units of the number of samples and of standardised inputs.
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted; the first if left out.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(200.0))
    >>> model = LinearAutoregression(lags=4, alpha=0.0).fit([wave])
    >>> bool(abs(model.predict([wave])[0, 0] - np.sin(200)) < 1e-6)
    True
    """

    learns = True

    def __init__(
        self,
        lags: int | None = None,
        alpha: float = 1e-3,
        *,
        horizon: int | None = None,
        target: int | Sequence[int] | None = None,
    ) -> None:
        self.lags = lags
        self.alpha = alpha
        self.horizon = horizon
        self.target = target

    def fit(self, X: Any, y: Any = None) -> LinearAutoregression:
        """Learn from series and what follows them; arguments as in all baselines for numbers."""
        self.lags_ = _window("lags", self.lags, X, y)
        return super().fit(X, y)

    def _past(self) -> int:
        return self.lags_

    def _learn(self, series: list[Floats], targets: Floats) -> None:
        alpha = not_negative("alpha", self.alpha)
        inputs = last_steps(series, self.lags_, "lags")
        y = targets.reshape(len(targets), -1)
        centre, scale = _standard(inputs)
        Z = (inputs - centre) / scale
        middle = y.mean(axis=0)
        ridge = alpha * len(Z)
        # The smaller of the two systems of equations that have the same solution.
        if ridge == 0:
            weights = np.linalg.lstsq(Z, y - middle, rcond=None)[0]
        elif Z.shape[1] <= len(Z):
            weights = np.linalg.solve(Z.T @ Z + ridge * np.eye(Z.shape[1]), Z.T @ (y - middle))
        else:
            weights = Z.T @ np.linalg.solve(Z @ Z.T + ridge * np.eye(len(Z)), y - middle)
        self.coef_ = weights / scale[:, None]  # [lags * C, K * D]
        self.intercept_ = middle - centre @ self.coef_

    def _forecast(self, series: list[Floats]) -> Floats:
        found: Floats = last_steps(series, self.lags_, "lags") @ self.coef_ + self.intercept_
        return found


class WindowMLP(SeriesBaseline):
    """A network with one hidden layer that sees a window: the honest rival of a small LSTM.

    It trains with Adam, keeps a part of the samples aside, stops when these get no better, and keeps the best weights.

    Args:
        window: how many steps it sees; as many as the shortest series of ``fit`` has if left out.
        hidden: units of the hidden layer (tanh).
        epochs: at most so many.
        patience: stop after so many epochs without a better loss on the samples kept aside.
        lr: Adam's step.
        batch_size: samples of a step.
        decay: how much of the weights is taken off in each step, in units of lr.
        held: the share of the samples that is kept aside.
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted; the first if left out.
        seed: the first weights and the order of the samples follow from it.

    >>> import numpy as np
    >>> wave = np.sin(np.arange(300.0) / 3)
    >>> bool(WindowMLP(8, epochs=20).fit([wave]).predict([wave])[0, 0] < 1.2)
    True
    """

    learns = True

    def __init__(
        self,
        window: int | None = None,
        hidden: int = 32,
        *,
        epochs: int = 200,
        patience: int = 20,
        lr: float = 3e-3,
        batch_size: int = 64,
        decay: float = 1e-4,
        held: float = 0.1,
        horizon: int | None = None,
        target: int | Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        self.window = window
        self.hidden = hidden
        self.epochs = epochs
        self.patience = patience
        self.lr = lr
        self.batch_size = batch_size
        self.decay = decay
        self.held = held
        self.horizon = horizon
        self.target = target
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> WindowMLP:
        """Learn from series and what follows them; arguments as in all baselines for numbers."""
        self.window_ = _window("window", self.window, X, y)
        return super().fit(X, y)

    def _past(self) -> int:
        return self.window_

    def _learn(self, series: list[Floats], targets: Floats) -> None:
        inputs = last_steps(series, self.window_, "window")
        y = targets.reshape(len(targets), -1)
        self._x_scale, self._y_scale = _standard(inputs), _standard(y)
        self._train(_scaled(inputs, self._x_scale), _scaled(y, self._y_scale))

    def _forecast(self, series: list[Floats]) -> Floats:
        inputs = _scaled(last_steps(series, self.window_, "window"), self._x_scale)
        centre, scale = self._y_scale
        return _network(self.weights_, inputs)[1] * scale + centre

    def _train(self, Z: Floats, y: Floats) -> None:
        hidden, epochs = count("hidden", self.hidden), count("epochs", self.epochs)
        patience, size = count("patience", self.patience), count("batch_size", self.batch_size)
        lr, decay = positive("lr", self.lr), not_negative("decay", self.decay)
        if not 0 < positive("held", self.held) < 1:
            raise ValueError(f"held must be in (0, 1), got {self.held}")
        random = np.random.Generator(np.random.PCG64(seed_number(self.seed)))
        mixed = random.permutation(len(Z))
        aside = min(max(round(len(Z) * self.held), 1), len(Z) - 1)  # 0 of a single sample, which then judges itself
        check, rest = (mixed[:aside], mixed[aside:]) if aside else (mixed, mixed)
        weights = [
            random.normal(0, 1 / np.sqrt(Z.shape[1]), (Z.shape[1], hidden)),
            np.zeros(hidden),
            random.normal(0, 1 / np.sqrt(hidden), (hidden, y.shape[1])),
            np.zeros(y.shape[1]),
        ]
        first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
        best, waited, step = np.inf, 0, 0
        for self.epochs_ in range(1, epochs + 1):
            order = rest[random.permutation(len(rest))]
            for begin in range(0, len(order), size):
                step += 1
                at = order[begin : begin + size]
                rate = lr * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                for w, m, v, g in zip(weights, first, second, _gradients(weights, Z[at], y[at]), strict=True):
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    w -= rate * m / (np.sqrt(v) + 1e-8) + lr * decay * w
            loss = float(np.mean((_network(weights, Z[check])[1] - y[check]) ** 2))
            waited += 1
            if loss < best:
                best, waited = loss, 0
                self.weights_ = [w.copy() for w in weights]
            if waited >= patience:
                break
        self.loss_ = best


def _network(weights: list[Floats], Z: Floats) -> tuple[Floats, Floats]:
    """Return the hidden units and the output."""
    units = np.tanh(Z @ weights[0] + weights[1])
    return units, units @ weights[2] + weights[3]


def _gradients(weights: list[Floats], Z: Floats, y: Floats) -> list[Floats]:
    units, output = _network(weights, Z)
    error = 2 * (output - y) / y.size
    inner = (error @ weights[2].T) * (1 - units**2)
    return [Z.T @ inner, inner.sum(axis=0), units.T @ error, error.sum(axis=0)]


def _window(name: str, given: int | None, X: Any, y: Any) -> int:
    """Return how many steps are seen."""
    if given is not None:
        return count(name, given)
    lengths = [np.shape(row)[0] if np.ndim(row) else 1 for row in X] if hasattr(X, "__len__") else []
    if not lengths:
        return 1  # which is nothing that can be learned from; X is refused for what it is
    return max(1, min(lengths) if y is not None else min(LAGS, max(lengths) // 4))


def _standard(values: Floats) -> tuple[Floats, Floats]:
    """Return the centre and the spread of each column; 1 for one that is constant."""
    spread = values.std(axis=0)
    return values.mean(axis=0), np.where(spread < 1e-12, 1, spread)


def _scaled(values: Floats, by: tuple[Floats, Floats]) -> Floats:
    scaled: Floats = (values - by[0]) / by[1]
    return scaled
