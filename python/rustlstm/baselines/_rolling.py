"""One series as a comparison: all forecast its last part from the same origins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ._contest import Contest, cloned, is_fitted
from ._naive import Drift, LastValue, SeasonalNaive
from ._regression import LinearAutoregression
from ._series import SeriesBaseline
from ._stands import Rolled

ORIGINS = 1000  # more are thinned out, so that baselines that read each history anew stay quick


class Rolling:
    """A series in two parts, the model's horizon and columns, and the origins: steps of the test part.

    Args:
        contest: with one series [T] or [T, C], without y.
        model: what is compared; its ``horizon`` (1 without one) and ``target`` are everybody's.
    """

    def __init__(self, contest: Contest, model: Any) -> None:
        known, later = (np.asarray(part[0], np.float64) for part in (contest.train, contest.test))
        self._series = np.concatenate([known, later])
        self._horizon = getattr(model, "horizon", None) or 1
        self._start = len(known)
        if len(later) < self._horizon:
            raise ValueError(
                f"the test part must have at least the {self._horizon} steps of the horizon, got {len(later)}"
            )
        last = len(self._series) - self._horizon
        self._stride = -(-(last + 1 - self._start) // ORIGINS)
        origins = np.arange(self._start, last + 1, self._stride)
        actuals = self._series[origins[:, None] + np.arange(self._horizon)]
        target = getattr(model, "target", None)
        self._target: Any = 0 if self._series.ndim == 1 else target
        if self._series.ndim == 2:
            self._target = list(range(self._series.shape[1])) if target is None else target
            actuals = actuals[..., self._target]
        self._shape = actuals.shape[1:]
        whole = self._horizon == 1 and target is None
        self.contest = replace(
            contest,
            train=([known], None),
            test=([self._series[:at] for at in origins.tolist()], actuals),
            metric=contest.metric or "mse",
            optimum=contest.optimum if whole else None,  # it is that of one step ahead
        )

    def baselines(self) -> list[Any]:
        """Return those that suit a series."""
        found: list[Any] = [LastValue(), Drift(), LinearAutoregression()]
        period = self.contest.details.get("period")
        if isinstance(period, (int, float, np.integer)) and 1 < round(period) <= self._start:
            found.insert(1, SeasonalNaive(round(period)))
        return found

    def stand(self, given: Any) -> Rolled:
        """Return a contestant as one that forecasts from the origins."""
        fitted = is_fitted(given)
        inner = given if fitted else cloned(given)
        if isinstance(given, SeriesBaseline):
            for name, value in (("horizon", self._horizon), ("target", self._target)):
                if not fitted and getattr(given, name) is None:
                    inner.set_params(**{name: value})
        elif not callable(getattr(given, "backtest", None)):
            raise ValueError(
                "it does not forecast one long series; cut that by rl.datasets.windows(series, length) and give "
                "data=((x, y), (x_test, y_test)), or compare a Forecaster"
            )
        return Rolled(inner, self._series, self._start, self._stride, self._shape, fitted)


def is_series(contest: Contest) -> bool:
    """Return whether the data are one series of numbers."""
    X, y = contest.train
    return contest.problem == "prediction" and y is None and isinstance(X, np.ndarray) and X.ndim <= 2
