"""Between series and a network: what it sees of the past, what it is asked, and what its answers mean.

At row ``at``, the first that is not known yet, the network has read the steps before it and answers for h from it on:

    x      [w, ..]    the columns of each step; beside it what is known of the step after it: the value one season
                      before, and the future covariates; and what is static
    z      [Z]        what is known of the h steps ahead: the same; and the last ``lags`` values, static
    answer [h, K]     y = base + unit · answer

``base`` is the value one season before, or else the middle of the frame. The frame is that of each window (its last
value, its deviation), or the same everywhere (mean and deviation of what was trained on, or 0 and 1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._options import count
from ..datasets import Scaler
from ..models._plain import keeps
from ..tensor import Array
from ._panel import F64, Index, Names, Panel

# The least unit of a window, relative to its values: a window in which nothing moves must not make its noise huge.
LEAST_UNIT = 1e-3


class Coded(NamedTuple):
    """What a network sees at N places, and how to read what it says."""

    x: Array  # [N, w, X]
    z: Array | None  # [N, Z]
    base: F64  # [N, h, K]
    unit: F64  # [N, 1, K]


@keeps
class Coder:
    """See above.

    Args:
        window: w; 1 where the network carries a state along the whole series.
        horizon: h.
        season: its steps, or None.
        lags: how many of the last values the answer sees directly.
        targets: the K columns that are predicted.
        scaler: of all columns; None where each window has a frame of its own.
        future: scaler of what is known in advance, or None where there is nothing.
        static: scaler of what does not change, or None.
        columns: how many the series have, those of ``past`` included.
        names: of the columns of all that was there in fit.
    """

    def __init__(
        self,
        window: int,
        horizon: int,
        season: int | None,
        lags: int,
        targets: list[int],
        scaler: Scaler | None,
        future: Scaler | None,
        static: Scaler | None,
        columns: int,
        names: Names,
    ) -> None:
        self.window = window
        self.horizon = horizon
        self.season = season
        self.lags = lags
        self.targets = list(targets)
        self.scaler = scaler
        self.future = future
        self.static = static
        self.columns = columns
        self.names = dict(names)

    @property
    def needs(self) -> int:
        """How many steps must be known."""
        return max(self.window + (self.season or 1) - 1, self.lags)

    @property
    def widths(self) -> tuple[int, int]:
        """The columns of x and of z."""
        known, fixed, own = self._known, self._fixed, len(self.targets)
        each = known + own * (self.season is not None)
        return self.columns + each + fixed, self.horizon * each + fixed + self.lags * own

    @property
    def _known(self) -> int:
        return 0 if self.future is None or self.future.shift is None else len(self.future.shift)

    @property
    def _fixed(self) -> int:
        return 0 if self.static is None or self.static.shift is None else len(self.static.shift)

    def look(self) -> None:
        """Fail if the parts do not fit one another, as in a file that was changed."""
        count("window", self.window)
        count("horizon", self.horizon)
        count("lags", self.lags, 0)
        count("columns", self.columns)
        if self.season is not None:
            count("season", self.season)
        targets = [count("targets", target, 0) for target in self.targets]
        if not targets or len(set(targets)) < len(targets) or max(targets) >= self.columns:
            raise ValueError(f"targets must be some of {self.columns} columns, got {targets}")
        for name in ("scaler", "future", "static"):
            scaler = getattr(self, name)
            if scaler is not None and (not isinstance(scaler, Scaler) or scaler.shift is None):
                raise ValueError(f"{name} must be a fitted Scaler")
        scaled = self.columns if self.scaler is None or self.scaler.shift is None else len(self.scaler.shift)
        if scaled != self.columns:
            raise ValueError(f"scaler must be of {self.columns} columns, got {scaled}")
        for name, columns in self.names.items():
            if columns is not None and not (
                isinstance(columns, tuple) and all(isinstance(one, str) for one in columns)
            ):
                raise ValueError(f"names of {name} must be texts, got {columns!r}")

    def scaled(self, panel: Panel) -> Panel:
        """Return a panel whose covariates are of size one, after a look whether they are those of fit."""
        columns = panel.values.shape[1]
        if columns != self.columns:
            raise ValueError(f"series and past must have {self.columns} columns together, as in fit, got {columns}")
        for name, scaler, given in (
            ("future", self._known, panel.future.shape[1]),
            ("static", self._fixed, panel.static.shape[1]),
        ):
            if scaler != given:
                raise ValueError(f"{name} must have {scaler} columns, as in fit, got {given or 'none'}")
        future = panel.future if self.future is None else self.future.transform(panel.future).astype(np.float64)
        static = panel.static if self.static is None else self.static.transform(panel.static).astype(np.float64)
        return Panel(**{**vars(panel), "future": future, "static": static})

    def encode(self, panel: Panel, which: Index, at: Index) -> Coded:
        """Return what the network sees at some places.

        Args:
            panel: scaled.
            which: [N], the series.
            at: [N], the first row that is not known.
        """
        steps = at[:, None] + np.arange(-self.window, 0)
        values = panel.values[steps]
        middle, unit = self._frames(values)
        own_middle, own_unit = middle[..., self.targets], unit[..., self.targets]
        x = [(values - middle) / unit]
        ahead = at[:, None] + np.arange(self.horizon)
        z = []
        base = np.broadcast_to(own_middle, (len(at), self.horizon, len(self.targets)))
        if self.season is not None:
            x.append((panel.values[steps + 1 - self.season][..., self.targets] - own_middle) / own_unit)
            back = self.season * (np.arange(self.horizon) // self.season + 1)
            base = panel.values[ahead - back][..., self.targets]
            z.append((base - own_middle) / own_unit)
        if self._known:
            x.append(panel.future[steps + 1])
            z.append(panel.future[ahead])
        if self._fixed:
            fixed = panel.static[which][:, None]
            x.append(np.broadcast_to(fixed, (len(at), self.window, self._fixed)))
            z.append(fixed)
        if self.lags:
            last = panel.values[at[:, None] + np.arange(-self.lags, 0)][..., self.targets]
            z.append((last - own_middle) / own_unit)
        beside = np.concatenate([part.reshape(len(at), -1) for part in z], axis=1).astype(np.float32) if z else None
        unit_of = np.broadcast_to(own_unit, (len(at), 1, len(self.targets)))
        return Coded(np.concatenate(x, axis=2).astype(np.float32), beside, base, unit_of)

    def wanted(self, panel: Panel, at: Index, coded: Coded) -> Array:
        """Return what the answers should be: [N, h, K]."""
        values = panel.values[at[:, None] + np.arange(self.horizon)][..., self.targets]
        return np.asarray((values - coded.base) / coded.unit, np.float32)

    def _frames(self, values: F64) -> tuple[F64, F64]:
        """Return the middle and the unit of each column, [N, 1, C] or [1, 1, C]."""
        if self.scaler is not None:
            assert self.scaler.shift is not None and self.scaler.scale is not None
            return self.scaler.shift[None, None], self.scaler.scale[None, None]
        least = LEAST_UNIT * np.abs(values).mean(axis=1, keepdims=True)
        unit = np.sqrt(values.var(axis=1, keepdims=True) + least**2)
        return values[:, -1:], np.where(unit > 0, unit, 1.0)

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        scalers = {name: getattr(self, name) for name in ("scaler", "future", "static")}
        plain = {name: None if one is None else one.to_plain() for name, one in scalers.items()}
        return {**vars(self), **plain}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Coder:
        """Do the reverse."""
        scalers = {
            name: None if plain[name] is None else Scaler.from_plain(plain[name])
            for name in ("scaler", "future", "static")
        }
        return cls(**{**plain, **scalers})
