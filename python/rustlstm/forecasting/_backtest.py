"""Forecasts from many origins along series, and what came: how good forecasts would have been."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import metrics
from .._options import count
from ._panel import F64, Index, Panel, as_panel

# The shortest past that a baseline which says nothing of it learns from, or a quarter of what is known.
LEAST = 32


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts and what came.

    Attributes:
        forecasts: [N, H], or [N, H, K] of K columns.
        actuals: the same of what came.
        origins: [N], how many steps were known: the first of a row is the forecast of this step.
        series: [N], of which series each row is; zeros where there is one.
        naive: [N] or [N, K], the mean change over a season, or from step to step, before the first origin of a series.
    """

    forecasts: F64
    actuals: F64
    origins: Index
    series: Index
    naive: F64

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def metrics(self) -> dict[str, float]:
        """Errors over all of it: mse, rmse, mae, smape in percent, and mase (NaN where the past did not change)."""
        errors = self.actuals - self.forecasts
        size = np.abs(self.actuals) + np.abs(self.forecasts)
        naive = np.where(self.naive > 0, self.naive, np.nan)
        mse = float(np.mean(errors**2))
        return {
            "mse": mse,
            "rmse": math.sqrt(mse),
            "mae": float(np.mean(np.abs(errors))),
            "smape": float(np.mean(200 * np.abs(errors) / np.where(size > 0, size, 1.0))),
            "mase": float(np.mean(np.abs(errors) / naive[:, None])),
        }

    def per_step(self) -> F64:
        """Return the mean squared error of each step ahead: [H]."""
        squares = (self.actuals - self.forecasts) ** 2
        found: F64 = squares.mean(axis=tuple(axis for axis in range(squares.ndim) if axis != 1))
        return found

    @property
    def r2(self) -> float:
        """1 at best, 0 for the mean of what came."""
        columns = self.actuals.shape[0] * self.actuals.shape[1], -1
        return metrics.r2(self.actuals.reshape(columns), self.forecasts.reshape(columns))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"Backtest({len(self)} origins, {self.forecasts.shape[1]} ahead: {shown})"


def backtest(
    model: Any,
    series: Any,
    *,
    horizon: int | None = None,
    start: int | None = None,
    stride: int = 1,
    season: int | None = None,
    lags: int | None = None,
    **covariates: Any,
) -> Backtest:
    """Forecast from every origin and compare; nothing is learned anew on the way.

    Args:
        model: a fitted ``Forecaster``; or a function of the history [T] or [T, C] and the horizon, which returns the
            forecasts [H] or [H, C], such as a naive one to compare with; or a baseline, as those of
            ``rustlstm.baselines``: a copy of it learns from all that comes before ``start``.
        series: [T], [T, C] or a list of them.
        horizon: how many steps ahead; of a ``Forecaster`` its own if left out.
        start: steps that are known at the first origin; as few as the model needs if left out, but a baseline's must
            be given.
        stride: so many steps from origin to origin.
        season: of the errors that mase compares with, for a function or a baseline.
        lags: how many of the last steps a baseline sees; its own ``lags`` or ``window`` if left out, and without them
            the whole past.
        **covariates: past, future and static, for a ``Forecaster``.

    >>> last = backtest(lambda history, horizon: np.repeat(history[-1], horizon), np.arange(10.0), horizon=2, start=5)
    >>> last
    Backtest(4 origins, 2 ahead: mse 2.5, rmse 1.581, mae 1.5, smape 24.5, mase 1.5)
    """
    learns = not isinstance(model, type) and hasattr(model, "fit") and hasattr(model, "predict")
    if lags is not None and (hasattr(model, "backtest") or not learns):
        raise TypeError("lags are for a baseline: a Forecaster has its own, and a function sees the whole past")
    if hasattr(model, "backtest") and not isinstance(model, type):
        found: Backtest = model.backtest(series, horizon=horizon, start=start, stride=stride, **covariates)
        return found
    if isinstance(model, type) or not (learns or callable(model)):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"model must be a Forecaster or a function of history and horizon, or a baseline, got {got}")
    if covariates:
        raise TypeError(f"a {'baseline' if learns else 'function'} takes no {', '.join(sorted(covariates))}")
    if horizon is None:
        raise ValueError(f"horizon must be given where the model is a {'baseline' if learns else 'function'}")
    panel = as_panel(series)
    steps = count("horizon", horizon)
    if learns:
        which, at, forecasts = _from_baseline(model, panel, start, steps, stride, lags)
    else:
        which, at = rolling(panel, start, 1, steps, stride)
        forecasts = _from_function(model, panel, which, at, steps)
    return judged(panel, which, at, forecasts, list(range(panel.own)), panel.flat, season)


def rolling(panel: Panel, start: Any, needs: int, horizon: int, stride: Any) -> tuple[Index, Index]:
    """Return series and rows of all origins."""
    count("stride", stride)
    begin = needs if start is None else count("start", start)
    if begin < needs:
        raise ValueError(f"start must be at least {needs}, the steps that the model needs, got {begin}")
    which, at = [], []
    for series, (row, length) in enumerate(zip(panel.begins.tolist(), panel.lengths.tolist(), strict=True)):
        if length < begin + horizon:
            raise ValueError(
                f"{panel.called(series)} has {length} steps; at least {begin + horizon} are needed: {begin} known at "
                f"the first origin, and {horizon} ahead"
            )
        rows = row + np.arange(begin, length - horizon + 1, stride)
        which.append(np.full(len(rows), series))
        at.append(rows)
    return np.concatenate(which), np.concatenate(at)


def judged(
    panel: Panel, which: Index, at: Index, forecasts: F64, targets: list[int], flat: bool, season: int | None
) -> Backtest:
    """Return forecasts [N, H, K] beside what came."""
    actuals = panel.values[at[:, None] + np.arange(forecasts.shape[1])][..., targets]
    naive = np.zeros((len(at), len(targets)))
    for series in np.unique(which).tolist():
        there = which == series
        known = panel.series(series)[: int(at[there].min() - panel.begins[series]), targets]
        back = season or 1
        naive[there] = np.abs(known[back:] - known[:-back]).mean(axis=0) if len(known) > back else 0.0
    begun = at - panel.begins[which]
    if flat:
        return Backtest(forecasts[..., 0], actuals[..., 0], begun, which, naive[:, 0])
    return Backtest(forecasts, actuals, begun, which, naive)


def _from_function(model: Callable[..., Any], panel: Panel, which: Index, at: Index, horizon: int) -> F64:
    """Return forecasts of a function: [N, H, C]."""
    expected = (horizon,) if panel.flat else (horizon, panel.own)
    made = []
    for series, row in zip(which.tolist(), at.tolist(), strict=True):
        # A copy: what the function does with it must not change what comes later.
        known = panel.values[panel.begins[series] : row].copy()
        known.flags.writeable = False
        answer = np.asarray(model(known[:, 0] if panel.flat else known, horizon), np.float64)
        if answer.shape != expected:
            raise ValueError(f"the function must return forecasts {list(expected)}, got shape {list(answer.shape)}")
        made.append(answer.reshape(horizon, panel.own))
    return np.stack(made)


def _from_baseline(
    model: Any, panel: Panel, start: Any, horizon: int, stride: Any, lags: int | None
) -> tuple[Index, Index, F64]:
    """Return origins, and the forecasts there of a baseline that has learned from what comes before them."""
    if start is None:
        raise ValueError("start must be given where the model is a baseline: it learns from the steps before")
    known = count("start", start)
    own = (getattr(model, name, None) for name in ("lags", "window"))
    length = next((one for one in (lags, *own) if one is not None), None)
    least = max(min(LEAST, known // 4), 1) if length is None else count("lags", length)
    which, at = rolling(panel, known, least + horizon, horizon, stride)
    values = panel.values.copy()
    values.flags.writeable = False
    values = values[:, 0] if panel.flat else values

    def before(series: Index, rows: Index) -> Any:
        begins = panel.begins[series] if length is None else rows - length
        seen = [values[begin:row] for begin, row in zip(begins.tolist(), rows.tolist(), strict=True)]
        return seen if length is None else np.stack(seen)

    places = np.arange(least, known - horizon + 1)
    series = np.repeat(np.arange(len(panel)), len(places))
    rows = panel.begins[series] + np.tile(places, len(panel))
    fitted = copy.deepcopy(model)
    fitted.fit(before(series, rows), values[rows[:, None] + np.arange(horizon)])
    made = np.asarray(fitted.predict(before(which, at)), np.float64)
    if made.size != len(at) * horizon * panel.own or len(made) != len(at):
        expected = [len(at), horizon] if panel.flat else [len(at), horizon, panel.own]
        raise ValueError(f"the baseline must return forecasts {expected}, got shape {list(made.shape)}")
    return which, at, made.reshape(len(at), horizon, panel.own)
