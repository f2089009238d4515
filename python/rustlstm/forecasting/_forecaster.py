"""What comes next in a series: the steps ahead, intervals around them, and how good they would have been."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._options import choice, count
from ..models._outputs import OUTPUTS, Output
from ..training import Callback
from ._backtest import Backtest, judged, rolling
from ._panel import F64, Index, Panel, as_panel, blocks, rows_of
from ._series_estimator import MANY, FromSeries

STRATEGIES = ("recursive", "direct", "joint")
# How many futures are drawn where only one step is learned and quantiles of a later one are asked for.
PATHS = 200
# Levels that differ by less are the same: (1 - 0.9) / 2 is not quite 0.05.
CLOSE = 1e-9


@dataclass(kw_only=True, eq=False, repr=False)
class Forecaster(FromSeries):
    """Forecasts series: one, several columns of one, or many series by one model.

    Args:
        horizon: how many steps ahead.
        strategy: ``"joint"`` learns one network with an answer for each step ahead: quick, and nothing adds up.
            ``"direct"`` learns a network for each step, side by side: sometimes better far ahead, as many times slower.
            ``"recursive"`` learns one step and reads its own answers: for any horizon, but errors add up, and every
            column must be predicted.
        output: ``"point"`` predicts a number, ``"quantile"`` the ``quantiles`` of what may come, ``"gaussian"`` a mean
            and a deviation.
        quantiles: levels between 0 and 1, rising.

    The share ``validation`` of each series is its last part; it chooses the best epoch, and what the forecasts missed
    there is kept as ``residuals_``, from which the intervals of points come.

    After ``fit``: ``network_``, ``history_``, ``inputs_``, ``residuals_``, and ``last_``, the end of the series.

    >>> import numpy as np, rustlstm as rl
    >>> series = 20 + 5 * np.sin(np.arange(200) * 2 * np.pi / 12)
    >>> model = rl.Forecaster(horizon=3, window=12, hidden_size=8, learning_rate=0.01).fit(series)
    >>> np.abs(model.predict() - 20 - 5 * np.sin(np.arange(200, 203) * 2 * np.pi / 12)).max() < 0.5
    np.True_
    """

    horizon: int = 1
    strategy: str = "joint"
    output: str = "point"
    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)

    _problem: ClassVar[str] = "prediction"
    _learns: ClassVar[dict[str, Any]] = {**FromSeries._learns, "last_": dict, "residuals_": np.ndarray}
    _meaning: ClassVar[tuple[str, ...]] = (*FromSeries._meaning, "horizon", "strategy", "output", "quantiles")
    _answering: ClassVar[tuple[str, ...]] = ("seed",)

    def fit(
        self,
        series: Any,
        *,
        past: Any = None,
        future: Any = None,
        static: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> Forecaster:
        """Learn from series.

        Args:
            series: [T], [T, C], a frame, or a list of them, whose lengths may differ; or a ``Dataset`` of one series.
                The columns of later frames are found by their names.
            past: further columns [T, P], known as far as the series; a list of such for a list.
            future: columns [T + .., F] that are known in advance, such as a calendar's. What goes on behind the end of
                the series is kept for ``predict``.
            static: [S], or [N, S] of N series: what does not change.
            callbacks: for the training loop.
        """
        self._fit(series, past, future, static, callbacks)
        return self

    def predict(
        self,
        horizon: int | None = None,
        *,
        series: Any = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> F64:
        """Return what comes next: [H], [H, K] of several columns, and with a first axis [N] of a list.

        Args:
            horizon: steps ahead; the model's own if left out.
            series: what it goes on from; the end of what was learned from if left out.
            past: as in ``fit``.
            future: as in ``fit``, with the steps ahead; of these steps only, [H, F], where series is left out.
            static: as in ``fit``.
        """
        panel, which, at, steps = self._asked(horizon, series, past, future, static)
        return self._shaped(panel, self._points(panel, which, at, steps))

    def predict_interval(
        self,
        horizon: int | None = None,
        coverage: float = 0.9,
        *,
        series: Any = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> F64:
        """Return bounds that shall hold what comes with this chance: [.., 2] behind the axes of ``predict``.

        Of points it is split conformal: as wide as the share ``coverage`` of what was missed on the held-out last part
        of the series, step ahead by step ahead, in units of the window where the normalisation is ``"window"``. Of
        quantiles and normal distributions it is what the model says, unchecked.

        Args:
            horizon: as in ``predict``.
            coverage: in (0, 1).
            series: as in ``predict``, as the others.
            past: see there.
            future: see there.
            static: see there.
        """
        if not isinstance(coverage, (float, int)) or not 0 < coverage < 1:
            raise ValueError(f"coverage must be between 0 and 1, got {coverage!r}")
        panel, which, at, steps = self._asked(horizon, series, past, future, static)
        if self.options_["output"] != "point":
            levels = [(1 - coverage) / 2, (1 + coverage) / 2]
            return self._shaped(panel, self._levels(panel, which, at, steps, levels))
        missed = np.sort(np.abs(self._residuals(steps)), axis=0)
        place = math.ceil((len(missed) + 1) * coverage)
        if place > len(missed):
            raise ValueError(
                f"coverage {coverage} needs at least {math.ceil(coverage / (1 - coverage))} held-out forecasts, there "
                f"are {len(missed)}; raise validation, or ask for less"
            )
        half = missed[place - 1] * self._units(panel, which, at)
        points = self._points(panel, which, at, steps)
        return self._shaped(panel, np.stack([points - half, points + half], axis=-1))

    def predict_quantiles(
        self,
        horizon: int | None = None,
        levels: Sequence[float] | None = None,
        *,
        series: Any = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> F64:
        """Return quantiles of what comes: [.., Q] behind the axes of ``predict``.

        Of points they are those of what was missed on the held-out last part of the series.

        Args:
            horizon: as in ``predict``.
            levels: Q numbers between 0 and 1; ``quantiles`` if left out.
            series: as in ``predict``, as the others.
            past: see there.
            future: see there.
            static: see there.
        """
        self._fitted()
        chosen = checked_levels("levels", self.options_["quantiles"] if levels is None else levels)
        panel, which, at, steps = self._asked(horizon, series, past, future, static)
        if self.options_["output"] != "point":
            return self._shaped(panel, self._levels(panel, which, at, steps, chosen))
        off = np.quantile(self._residuals(steps), chosen, axis=0)
        points, units = self._points(panel, which, at, steps), self._units(panel, which, at)
        return self._shaped(panel, np.stack([points + one * units for one in off], axis=-1))

    def backtest(
        self,
        series: Any,
        *,
        horizon: int | None = None,
        start: int | None = None,
        stride: int = 1,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Backtest:
        """Return the forecasts from origins all along series, beside what came.

        Each forecast is what ``predict`` would say of the steps before its origin. Where the normalisation is not
        ``"window"``, the state is carried along, so that the series is read once.

        Args:
            series: as in ``fit``, as the others.
            horizon: steps ahead; the model's own if left out.
            start: steps that are known at the first origin; as few as the model needs if left out.
            stride: so many steps from origin to origin.
            past: see ``fit``.
            future: see there.
            static: see there.
        """
        panel = self._panel(series, past, future, static)
        steps = self._horizon(horizon)
        which, at = rolling(panel, start, self.inputs_.needs, steps, stride)
        points = self._points(self.inputs_.scaled(panel), which, at, steps)
        return judged(panel, which, at, points, self.inputs_.targets, self.flat_, self.options_["season"])

    def score(self, series: Any, *, past: Any = None, future: Any = None, static: Any = None) -> float:
        """Return R² of the forecasts from all origins: 1 at best, and 0 for the mean of what came."""
        return self.backtest(series, past=past, future=future, static=static).r2

    # --- what a fit learns

    def _ahead(self) -> int:
        return 1 if self._recursive() else self._own_horizon()

    def _own_horizon(self) -> int:
        horizon: int = self.options_["horizon"]
        return horizon

    def _recursive(self) -> bool:
        return bool(self.options_["strategy"] == "recursive")

    def _readers(self) -> int:
        return self._own_horizon() if self.options_["strategy"] == "direct" else 1

    def _output(self) -> Output:
        return Output(self.options_["output"], self.loss, self.options_["quantiles"])

    def _check_options(self) -> None:
        count("horizon", self.horizon)
        choice("strategy", self.strategy, *STRATEGIES)
        choice("output", self.output, *OUTPUTS)
        checked_levels("quantiles", self.quantiles)
        super()._check_options()

    def _refuse(self, panel: Panel) -> None:
        targeted = panel.own if self.target is None else len(np.atleast_1d(np.asarray(self.target, object)))
        if self.strategy == "recursive" and panel.values.shape[1] != targeted:
            raise ValueError(
                "strategy='recursive' reads its own answers, so it must predict every column; give what is known in "
                "advance as future, or take strategy='joint'"
            )

    def _learn_usual(self, panel: Panel, scaled: Panel, cuts: Index) -> None:
        self.last_ = self._end(panel)
        self.residuals_ = self._missed(panel, scaled, cuts)

    def _end(self, panel: Panel) -> dict[str, Any]:
        """Return what ``predict`` goes on from: all of the series where a state is carried along it, else its end."""
        series, future = [], []
        for begin, length, rows in zip(panel.begins.tolist(), panel.lengths.tolist(), panel.rows.tolist(), strict=True):
            from_ = begin if self._whole() else begin + length - self.inputs_.needs
            series.append(panel.values[from_ : begin + length].copy())
            future.append(panel.future[from_ : begin + rows].copy())
        known = bool(panel.future.shape[1])
        return {
            "series": series,
            "future": future if known else None,
            "static": panel.static.copy() if panel.static.shape[1] else None,
            "one": panel.one,
        }

    def _missed(self, panel: Panel, scaled: Panel, cuts: Index) -> F64:
        """Return what was missed on the held-out parts, in units of the frames: [n, H, K]."""
        steps = self._own_horizon()
        which, at = self._validating(panel, cuts, MANY * 4, steps)
        if not len(at):
            return np.zeros((0, steps, len(self.inputs_.targets)))
        actuals = panel.values[at[:, None] + np.arange(steps)][..., self.inputs_.targets]
        found: F64 = (actuals - self._points(scaled, which, at, steps)) / self._units(scaled, which, at)
        return found

    def _look(self) -> None:
        super()._look()
        coder, steps = self.inputs_, self._own_horizon()
        if self._recursive() and coder.targets != list(range(coder.columns)):
            raise ValueError(f"a recursive forecaster must predict all of {coder.columns} columns, got {coder.targets}")
        if self.residuals_.shape[1:] != (steps, len(coder.targets)) or not np.isfinite(self.residuals_).all():
            raise ValueError(f"residuals_ must be finite numbers [n, {steps}, {len(coder.targets)}]")
        panel = self._remembered(None)
        coder.scaled(panel)
        self._long_enough(panel, coder.needs, f" with {self._told()}")

    # --- answers

    def _horizon(self, horizon: int | None) -> int:
        self._fitted()
        steps = self._own_horizon() if horizon is None else count("horizon", horizon)
        if not self._recursive() and steps > self.inputs_.horizon:
            strategy = self.options_["strategy"]
            raise ValueError(
                f"horizon must be at most {self.inputs_.horizon}, which strategy={strategy!r} was fitted for, got "
                f"{steps}; fit with horizon={steps}, or strategy='recursive'"
            )
        return steps

    def _asked(
        self, horizon: int | None, series: Any, past: Any, future: Any, static: Any
    ) -> tuple[Panel, Index, Index, int]:
        """Return the scaled panel, and the series and rows behind their ends."""
        steps = self._horizon(horizon)
        if series is None:
            if past is not None or static is not None:
                raise ValueError("past and static belong to a series; without one, predict goes on from that of fit")
            panel = self._remembered(future)
        else:
            panel = self._panel(series, past, future, static)
        self._long_enough(panel, self.inputs_.needs, f" with {self._told()}")
        which = np.arange(len(panel))
        at = panel.begins + panel.lengths
        self._known_ahead(panel, at, which, steps)
        return self.inputs_.scaled(panel), which, at, steps

    def _shaped(self, panel: Panel, values: F64) -> F64:
        """Return values [N, H, K, ..] without the axes that the series had not."""
        if self.flat_:
            values = values[:, :, 0]
        found: F64 = values[0] if panel.one else values
        return found

    def _remembered(self, future: Any) -> Panel:
        """Return the end of the series of fit, and what is known of the time behind it."""
        last = self.last_
        series, known = list(last["series"]), last["future"]
        if future is not None:
            if known is None:
                raise ValueError("future was not there in fit, so the model knows none")
            parts = [future] if last["one"] else list(future)
            if len(parts) != len(series):
                raise ValueError(f"future must be a list of {len(series)}, one for each series, got {len(parts)}")
            names = self.inputs_.names.get("future")
            called = ["future" if last["one"] else f"future[{at}]" for at in range(len(parts))]
            given = [rows_of(name, part, names) for name, part in zip(called, parts, strict=True)]
            for each in given:
                if each.shape[1] != known[0].shape[1]:
                    raise ValueError(f"future must have {known[0].shape[1]} columns, as in fit, got {each.shape[1]}")
            known = [
                np.concatenate([had[: len(row)], coming]) for row, had, coming in zip(series, known, given, strict=True)
            ]
        panel = as_panel(series, None, known, last["static"])
        return Panel(**{**vars(panel), "one": last["one"]})

    def _points(self, panel: Panel, which: Index, at: Index, steps: int) -> F64:
        """Return means or medians at places of a scaled panel: [N, H, K]."""
        if self._recursive():
            return self._rolled(panel, which, at, steps, None)
        parts, base, unit = self._answers(panel, which, at)
        return (base + unit * self._output().points(parts))[:, :steps]

    def _levels(self, panel: Panel, which: Index, at: Index, steps: int, levels: Sequence[float]) -> F64:
        """Return quantiles: [N, H, K, Q]."""
        known = self.options_["quantiles"]
        within = known[0] - CLOSE <= min(levels) <= max(levels) <= known[-1] + CLOSE
        if self.options_["output"] == "quantile" and not within:
            raise ValueError(
                f"levels must be within those of fit, {known[0]} to {known[-1]}, got "
                f"{min(levels):.4g} to {max(levels):.4g}"
            )
        if self._recursive() and steps > 1:
            several = np.repeat(np.arange(len(at)), PATHS)
            # The same for each series, so that none depends on its company; and step by step, so that none depends on
            # how many follow. The paths of a step share the distribution out evenly, in a random order.
            draws = np.random.Generator(np.random.PCG64(self.options_["seed"]))
            order = draws.random((steps, PATHS, len(self.inputs_.targets))).argsort(axis=1)
            shares = (np.moveaxis(order, 0, 1) + 0.5) / PATHS
            paths = self._rolled(panel, which[several], at[several], steps, np.tile(shares, (len(at), 1, 1)))
            paths = paths.reshape(len(at), PATHS, *paths.shape[1:])
            return np.moveaxis(np.quantile(paths, levels, axis=1), 0, -1)
        parts, base, unit = self._answers(panel, which, at)
        return (base[..., None] + unit[..., None] * self._output().at(parts, levels))[:, :steps]

    def _units(self, panel: Panel, which: Index, at: Index) -> F64:
        """Return the units of the frames: [N, 1, K]."""
        found = [
            self.inputs_.encode(panel, which[begin : begin + MANY], at[begin : begin + MANY]).unit
            for begin in range(0, len(at), MANY)
        ]
        return np.concatenate(found)

    def _residuals(self, steps: int) -> F64:
        found: F64 = self.residuals_
        if not len(found):
            raise ValueError(
                "intervals of points need a held-out part of the series that is at least one horizon long; "
                "fit with a larger validation, or output='quantile'"
            )
        if steps > found.shape[1]:
            raise ValueError(
                f"intervals are known for {found.shape[1]} steps ahead, got horizon={steps}; fit with that"
            )
        return found[:, :steps]

    def _rolled(self, panel: Panel, which: Index, at: Index, steps: int, shares: F64 | None) -> F64:
        """Return what comes of reading its own answers, or values drawn at these shares of them: [N, H, K]."""
        made = [
            self._roll(panel, which[part], at[part], steps, None if shares is None else shares[part])
            for part in (slice(begin, begin + MANY) for begin in range(0, len(at), MANY))
        ]
        return np.concatenate(made)

    def _roll(self, panel: Panel, which: Index, at: Index, steps: int, shares: F64 | None) -> F64:
        coder, output = self.inputs_, self._output()
        own = blocks(panel, which, at, coder.needs, steps)
        ids = np.arange(len(at))
        first = own.begins + coder.needs
        state: Any = None
        for step in range(steps):
            coded = coder.encode(own, ids, first + step)
            if not self._whole():
                raw, _ = self._said(coded.x, coded.z)
            elif step == 0:
                raw, state = self._states(panel, which, at)
            else:
                raw, state = self._said(coded.x, coded.z, state)
            parts = raw.astype(np.float64).reshape(len(at), 1, len(coder.targets), output.each)
            told = output.points(parts) if shares is None else output.draw(parts, shares[:, step : step + 1])
            own.values[(first + step)[:, None], coder.targets] = (coded.base + coded.unit * told)[:, 0]
        return own.values.reshape(len(at), -1, own.values.shape[1])[:, coder.needs :, coder.targets]

    def _states(self, panel: Panel, which: Index, at: Index) -> tuple[npt.NDArray[Any], Any]:
        """Return the answers at some places, and the states there side by side."""
        raw: list[Any] = [None] * len(at)
        states: list[Any] = [None] * len(at)
        for series in np.unique(which).tolist():
            asked = np.flatnonzero(which == series)
            for there, answers, state in self._along(panel, series, at[asked], states=True):
                for place, answer in zip(asked[there].tolist(), answers, strict=True):
                    raw[place], states[place] = answer, state
        return np.stack(raw), _joined(states)


def checked_levels(name: str, levels: Any) -> list[float]:
    """Return levels of quantiles."""
    found = list(levels)
    if not found or found != sorted(set(found)) or not 0 < found[0] <= found[-1] < 1:
        raise ValueError(f"{name} must be rising numbers between 0 and 1, got {levels!r}")
    return [float(level) for level in found]


def _joined(states: Sequence[Any]) -> Any:
    """Return states of one row each as a state of as many rows."""
    if isinstance(states[0], (tuple, list)):
        return type(states[0])(_joined(parts) for parts in zip(*states, strict=True))
    return np.concatenate([np.asarray(state) for state in states], axis=1)
