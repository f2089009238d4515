"""Baselines for numbers that learn nothing, or next to nothing: what an LSTM must beat before it is worth anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._options import choice, count
from ._series import Floats, SeriesBaseline


class LastValue(SeriesBaseline):
    """What comes next is what came last (a random walk's best forecast).

    Args:
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted; the first if left out.

    >>> LastValue(horizon=2).fit([[1.0, 5.0]]).predict([[1.0, 2.0, 3.0]])
    array([[3., 3.]])
    """

    def __init__(self, *, horizon: int | None = None, target: int | Sequence[int] | None = None) -> None:
        self.horizon = horizon
        self.target = target

    def _forecast(self, series: list[Floats]) -> Floats:
        last = np.stack([row[-1, self.targets_] for row in series])
        return np.repeat(last[:, None], self.horizon_, axis=1)


class SeasonalNaive(SeriesBaseline):
    """What comes next is what came a season before.

    Args:
        period: steps of a season.
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted; the first if left out.

    >>> SeasonalNaive(2, horizon=3).fit([[1.0, 5.0]]).predict([[9.0, 1.0, 2.0]])
    array([[1., 2., 1.]])
    """

    def __init__(
        self, period: int = 1, *, horizon: int | None = None, target: int | Sequence[int] | None = None
    ) -> None:
        self.period = period
        self.horizon = horizon
        self.target = target

    def _forecast(self, series: list[Floats]) -> Floats:
        period = count("period", self.period)
        for at, row in enumerate(series):
            if len(row) < period:
                raise ValueError(f"X[{at}] must have at least {period} steps, one period, got {len(row)}")
        season = np.stack([row[-period:][:, self.targets_] for row in series])
        return season[:, np.arange(self.horizon_) % period]


class Drift(SeriesBaseline):
    """The line through the first and the last value goes on.

    Args:
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted; the first if left out.

    >>> Drift(horizon=2).fit([[1.0, 5.0]]).predict([[1.0, 0.0, 3.0]])
    array([[4., 5.]])
    """

    def __init__(self, *, horizon: int | None = None, target: int | Sequence[int] | None = None) -> None:
        self.horizon = horizon
        self.target = target

    def _forecast(self, series: list[Floats]) -> Floats:
        last = np.stack([row[-1, self.targets_] for row in series])
        slope = np.stack([(row[-1, self.targets_] - row[0, self.targets_]) / max(len(row) - 1, 1) for row in series])
        return last[:, None] + np.arange(1, self.horizon_ + 1)[:, None] * slope[:, None]


class Mean(SeriesBaseline):
    """What comes next is the mean: of the targets in ``fit``, or of the series that is to be continued.

    Args:
        of: "targets", or "series". Without y it is the series in any case.
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted; the first if left out.

    >>> Mean().fit([[1.0], [2.0]], [10.0, 20.0]).predict([[7.0]])
    array([15.])
    """

    def __init__(
        self, of: str = "targets", *, horizon: int | None = None, target: int | Sequence[int] | None = None
    ) -> None:
        self.of = of
        self.horizon = horizon
        self.target = target

    def fit(self, X: object, y: object = None) -> Mean:
        """Learn the mean of the targets; arguments as in all baselines for numbers."""
        choice("of", self.of, "targets", "series")
        self._by_series = self.of == "series" or y is None
        return super().fit(X, y)

    def _learn(self, series: list[Floats], targets: Floats) -> None:
        self.mean_ = targets.mean(axis=0)

    def _forecast(self, series: list[Floats]) -> Floats:
        if not self._by_series:
            return np.repeat(self.mean_[None], len(series), axis=0)
        means = np.stack([row[:, self.targets_].mean(axis=0) for row in series])
        return np.repeat(means[:, None], self.horizon_, axis=1)
