"""How baselines for numbers read series and their targets, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .. import metrics
from .._options import count
from ._base import Baseline, same_length

Floats: TypeAlias = npt.NDArray[np.float64]
Self = TypeVar("Self", bound="SeriesBaseline")


class SeriesBaseline(Baseline):
    """Predicts the next K steps of the target columns of each series.

    K follows from y in ``fit``. Without y it is ``horizon``, and what has to be learned is learned from X itself.
    """

    horizon: int | None
    target: int | Sequence[int] | None
    learns = False  # whether fit needs pairs of a series and what follows

    def fit(self: Self, X: Any, y: Any = None) -> Self:
        """Learn from series and what follows them.

        Args:
            X: a list of arrays [T, C] or [T], or an array [N, T] or [N, T, C].
            y: [N] or [N, K] of one target column, [N, K, D] of D; or None, if ``horizon`` is given.
        """
        series = read_series("X", X)
        self.channels_ = series[0].shape[1]
        if y is None:
            self.horizon_ = count("horizon", 1 if self.horizon is None else self.horizon)
            self.shape_: tuple[int, ...] = (self.horizon_,)
            self.targets_ = self._columns(1)
            if self.learns:
                series, targets = self._cut(series)
            else:
                targets = np.zeros((len(series), self.horizon_, len(self.targets_)))
            if len(self.targets_) > 1:
                self.shape_ = (self.horizon_, len(self.targets_))
        else:
            same_length(X, y)
            given = read_targets("y", y)
            self.shape_ = given.shape[1:]
            self.horizon_ = given.shape[1] if given.ndim > 1 else 1
            if self.horizon is not None and count("horizon", self.horizon) != self.horizon_:
                raise ValueError(f"horizon must be {self.horizon_}, the steps of y, or left out, got {self.horizon}")
            self.targets_ = self._columns(given.shape[2] if given.ndim == 3 else 1)
            if given.ndim < 3 and len(self.targets_) > 1:
                raise ValueError(
                    f"y must be [N, K, {len(self.targets_)}] for target={self.target!r}, got {given.shape}"
                )
            targets = given.reshape(len(given), self.horizon_, len(self.targets_))
        self._learn(series, targets)
        return self

    def predict(self, X: Any) -> Floats:
        """Return what follows each series.

        Args:
            X: as in ``fit``.

        Returns:
            [N], [N, K] or [N, K, D], as y was in ``fit``; without y [N, K].
        """
        self._fitted()
        series = read_series("X", X)
        if series[0].shape[1] != self.channels_:
            raise ValueError(f"X must have {self.channels_} channels, as in fit, got {series[0].shape[1]}")
        return self._forecast(series).reshape(len(series), *self.shape_)

    def score(self, X: Any, y: Any) -> float:
        """Return R² of the predictions: 1 is perfect, 0 as good as the mean of y."""
        return metrics.r2(read_targets("y", y), self.predict(X))

    def _learn(self, series: list[Floats], targets: Floats) -> None:
        """Learn from series [T_n, C] and targets [N, K, D]; most have nothing to learn."""

    def _forecast(self, series: list[Floats]) -> Floats:
        """Return [N, K, D]."""
        raise NotImplementedError

    def _past(self) -> int:
        """Return how many steps of a series a learner without y looks at."""
        raise NotImplementedError

    def _columns(self, outputs: int) -> list[int]:
        """Return the target columns: as said, else the first."""
        if self.target is None:
            chosen = list(range(outputs))
        else:
            given = [self.target] if isinstance(self.target, (int, np.integer)) else list(self.target)
            chosen = [count("target", each, 0) for each in given]
            if outputs > 1 and len(chosen) != outputs:
                raise ValueError(f"target must name {outputs} columns, as many as y has, got {self.target!r}")
        if not chosen or max(chosen) >= self.channels_:
            raise ValueError(f"target must be columns of X, from 0 to {self.channels_ - 1}, got {chosen}")
        return chosen

    def _cut(self, series: list[Floats]) -> tuple[list[Floats], Floats]:
        """Return all windows of the series and what follows each."""
        past, steps = self._past(), self.horizon_
        windows, targets = [], []
        for row in series:
            for at in range(len(row) - past - steps + 1):
                windows.append(row[at : at + past])
                targets.append(row[at + past : at + past + steps, self.targets_])
        if not windows:
            longest = max(map(len, series))
            raise ValueError(f"X must hold a series of at least {past + steps} steps if there is no y, got {longest}")
        return windows, np.stack(targets)


def read_series(name: str, given: Any) -> list[Floats]:
    """Return series as a list of [T, C]."""
    if hasattr(given, "to_numpy"):
        given = given.to_numpy()
    if isinstance(given, (str, bytes)) or not hasattr(given, "__len__") or len(given) == 0:
        raise ValueError(
            f"{name} must be an array [N, T] or [N, T, C] or a list of series, at least one, got {given!r}"
        )
    found: list[Floats] = []
    for at, row in enumerate(given):
        try:
            array = np.asarray(row, np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{name}[{at}] must be a series of numbers, got {row!r}") from None
        if array.ndim not in (1, 2):
            raise ValueError(f"{name}[{at}] must be a series [T] or [T, C], got shape {list(array.shape)}")
        if array.size == 0:
            raise ValueError(f"{name}[{at}] must have at least one step, got none")
        array = array.reshape(len(array), -1)
        if array.shape[1] != (found[0].shape[1] if found else array.shape[1]):
            raise ValueError(f"{name}[{at}] must have {found[0].shape[1]} channels, as {name}[0], got {array.shape[1]}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}[{at}] must be finite, got NaN or infinity")
        found.append(array)
    return found


def read_targets(name: str, given: Any) -> Floats:
    """Return targets as [N], [N, K] or [N, K, D]."""
    try:
        array = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numbers [N], [N, K] or [N, K, D], as many for each sample") from None
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise ValueError(f"{name} must have shape [N], [N, K] or [N, K, D], got {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def last_steps(series: list[Floats], steps: int, name: str) -> Floats:
    """Return the last ``steps`` steps of each series as [N, steps * C]."""
    for at, row in enumerate(series):
        if len(row) < steps:
            raise ValueError(f"X[{at}] must have at least {steps} steps for {name}={steps}, got {len(row)}")
    return np.stack([row[-steps:].reshape(-1) for row in series])
