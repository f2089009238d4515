"""ARIMA by statsmodels, fitted to each series on its own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._options import count
from ._series import Floats, SeriesBaseline


class ARIMA(SeriesBaseline):
    """An autoregressive integrated moving average of each series; slow, and good where series are few and short.

    ``fit`` learns only how many steps are asked for. ``predict`` fits a model to each series, by itself, and needs
    statsmodels: ``pip install 'rustlstm[arima]'``.

    Args:
        order: (p, d, q): autoregressive steps, differences, moving-average steps.
        seasonal: (P, D, Q, period), the same of the season; (0, 0, 0, 0) for none.
        horizon: how many steps to predict; follows from y where there is one.
        target: which column or columns of X are predicted, each by itself; the first if left out.
    """

    def __init__(
        self,
        order: tuple[int, int, int] = (1, 0, 0),
        seasonal: tuple[int, int, int, int] = (0, 0, 0, 0),
        *,
        horizon: int | None = None,
        target: int | Sequence[int] | None = None,
    ) -> None:
        self.order = order
        self.seasonal = seasonal
        self.horizon = horizon
        self.target = target

    def fit(self, X: Any, y: Any = None) -> ARIMA:
        """Learn how many steps are asked for; arguments as in all baselines for numbers."""
        _model()
        for name, given, letters in (("order", self.order, "p, d, q"), ("seasonal", self.seasonal, "P, D, Q, period")):
            if not isinstance(given, (tuple, list)) or len(given) != len(letters.split(",")):
                raise ValueError(f"{name} must be ({letters}), got {given!r}")
            for at, each in enumerate(given):
                count(f"{name}[{at}]", each, 0)
        return super().fit(X, y)

    def _forecast(self, series: list[Floats]) -> Floats:
        return np.stack([np.stack([self._one(row[:, column]) for column in self.targets_], axis=1) for row in series])

    def _one(self, values: Floats) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # statsmodels warns of each start value it replaces
            fitted = _model()(values, order=tuple(self.order), seasonal_order=tuple(self.seasonal)).fit()
            found: Floats = np.asarray(fitted.forecast(self.horizon_), np.float64)
        return found


def _model() -> Any:
    try:
        from statsmodels.tsa.arima import model
    except ImportError as error:
        raise ImportError("ARIMA needs statsmodels: pip install 'rustlstm[arima]'") from error
    return model.ARIMA
