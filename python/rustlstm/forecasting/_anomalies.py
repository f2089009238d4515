"""What should not have come: steps that a forecast misses by more than it usually does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._options import count, positive
from ..training import Callback
from ._panel import F64, Index, Panel
from ._series_estimator import FromSeries, origins

# A median of absolute deviations times this is the standard deviation of a normal distribution.
NORMAL = 1.4826
# Where the tail of the scores begins, from which rarer ones are reckoned.
TAIL = 0.9


@dataclass(kw_only=True, eq=False, repr=False)
class AnomalyDetector(FromSeries):
    """Scores each step of a series by how far it is from its forecast, in units of what is usual, and raises alarms.

    The usual is learned from a series that should have few anomalies: the median of the absolute errors, and their
    median deviation from it. So a score of 0 is an ordinary miss, and one of 10 lies ten deviations beyond. Both, and
    the threshold, come from the held-out last part of the series, the share ``validation``; from all of it where that
    is 0, which makes them too small for a network that has learned the series by heart.

    Args:
        ahead: how many steps before a step its forecast is made. 1 is the sharpest; more sees what comes on slowly.
        smoothing: each score is the mean of so many, up to its own.
        quantile: the share of the scores in ``fit`` that raise no alarm.
        rate: the share of alarms that is expected instead, and may be rarer than the series of ``fit`` is long: the
            tenth of the largest scores is continued as an exponential tail.
        merge: alarms that are at most so many steps apart are one, in ``alarms``.

    After ``fit``: ``network_``, ``history_``, ``inputs_``, ``threshold_``, ``scores_`` (those in ``fit``, in
    rising order), ``usual_`` (median and deviation of the errors).

    >>> import numpy as np, rustlstm as rl
    >>> series = np.sin(np.arange(300) * 0.3) + 0.05 * np.random.default_rng(0).standard_normal(300)
    >>> detector = rl.AnomalyDetector(window=12, hidden_size=8, rate=1e-4, learning_rate=0.01).fit(series[:200])
    >>> series[250] += 1.5
    >>> int(detector.alarms(series)[0][0])
    250
    """

    ahead: int = 1
    smoothing: int = 1
    quantile: float = 0.99
    rate: float | None = None
    merge: int = 0

    _problem: ClassVar[str] = "prediction"
    _learns: ClassVar[dict[str, Any]] = {
        **FromSeries._learns,
        "usual_": np.ndarray,
        "scores_": np.ndarray,
        "threshold_": float,
    }
    _meaning: ClassVar[tuple[str, ...]] = (*FromSeries._meaning, "ahead")
    _answering: ClassVar[tuple[str, ...]] = ("smoothing",)

    def fit(
        self,
        series: Any,
        *,
        past: Any = None,
        future: Any = None,
        static: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> AnomalyDetector:
        """Learn what is usual.

        Args:
            series: as for ``Forecaster.fit``; with few anomalies, or none.
            past: further columns that are read, but not scored.
            future: columns that are known in advance, such as a calendar's.
            static: what does not change.
            callbacks: for the training loop.
        """
        self._fit(series, past, future, static, callbacks)
        return self

    def score_samples(self, series: Any, *, past: Any = None, future: Any = None, static: Any = None) -> Any:
        """Return a score for each step: [T], or a list of such; NaN for the first steps, which nothing is known before.

        Of several columns it is the root of the mean of their squares.
        """
        panel = self._panel(series, past, future, static)
        found = [self._scores(each) for each in self._errors(self.inputs_.scaled(panel))]
        return found[0] if panel.one else found

    def predict(self, series: Any, *, past: Any = None, future: Any = None, static: Any = None) -> Any:
        """Return for each step whether its score is above the threshold: [T] of truth values, or a list of such."""
        scores = self.score_samples(series, past=past, future=future, static=static)
        return [one > self.threshold_ for one in scores] if isinstance(scores, list) else scores > self.threshold_

    def alarms(self, series: Any, *, past: Any = None, future: Any = None, static: Any = None) -> Any:
        """Return the first step of each alarm and the one behind its last, those near one another as one: [A, 2].

        A list gives a list.
        """
        flags = self.predict(series, past=past, future=future, static=static)
        return [self._merged(one) for one in flags] if isinstance(flags, list) else self._merged(flags)

    def stream(self, static: Any = None) -> Detection:
        """Return a detection that takes one step at a time, and says what ``score_samples`` says of the whole.

        Args:
            static: [S], where there was some in ``fit``.
        """
        self._fitted()
        return Detection(self, static)

    # --- what a fit learns

    def _ahead(self) -> int:
        ahead: int = self.options_["ahead"]
        return ahead

    def _learn_usual(self, panel: Panel, scaled: Panel, cuts: Index) -> None:
        errors = self._held_out_errors(scaled, cuts)
        known = np.concatenate([each[np.isfinite(each[:, 0])] for each in errors])
        middle = np.median(known, axis=0)
        spread = NORMAL * np.median(np.abs(known - middle), axis=0)
        # Where more than half of the errors are the same, the mean tells what the median cannot.
        spread = np.where(spread > 0, spread, np.abs(known - middle).mean(axis=0))
        self.usual_ = np.stack([middle, np.where(spread > 0, spread, 1.0)])
        scores = np.concatenate([self._scores(each) for each in errors])
        self.scores_ = np.sort(scores[np.isfinite(scores)])
        self.threshold_ = self._threshold()

    def _check_options(self) -> None:
        count("ahead", self.ahead)
        count("smoothing", self.smoothing)
        count("merge", self.merge, 0)
        if not 0 < positive("quantile", self.quantile) < 1:
            raise ValueError(f"quantile must be between 0 and 1, got {self.quantile!r}")
        if self.rate is not None and not 0 < positive("rate", self.rate) < 1:
            raise ValueError(f"rate must be between 0 and 1, got {self.rate!r}")
        super()._check_options()

    def _look(self) -> None:
        super()._look()
        columns = len(self.inputs_.targets)
        if self.usual_.shape != (2, columns) or not np.isfinite(self.usual_).all() or not (self.usual_[1] > 0).all():
            raise ValueError(f"usual_ must be finite numbers [2, {columns}], the deviations above 0")
        if self.scores_.ndim != 1 or not math.isfinite(self.threshold_):
            raise ValueError("scores_ must be [n], and threshold_ a finite number")

    def _threshold(self) -> float:
        """Return the score above which there is an alarm."""
        scores: F64 = self.scores_
        if self.rate is None:
            return float(np.quantile(scores, self.quantile))
        edge = float(np.quantile(scores, TAIL))
        if self.rate >= 1 - TAIL:
            return float(np.quantile(scores, 1 - self.rate))
        beyond = scores[scores > edge] - edge
        return edge + (float(beyond.mean()) if len(beyond) else 0.0) * math.log((1 - TAIL) / self.rate)

    # --- scores

    def _errors(self, panel: Panel) -> list[F64]:
        """Return the absolute errors of a scaled panel, NaN for the first steps of a series: a list of [T, K]."""
        coder = self.inputs_
        which, at = origins(panel, coder.needs, panel.begins + panel.lengths - coder.horizon)
        found = [np.full((length, len(coder.targets)), np.nan) for length in panel.lengths.tolist()]
        if len(at):
            parts, base, unit = self._answers(panel, which, at)
            told = (base + unit * self._output().points(parts))[:, -1]
            step = at + coder.horizon - 1
            errors = np.abs(panel.values[step][:, coder.targets] - told)
            for series, each in enumerate(found):
                there = which == series
                each[step[there] - panel.begins[series]] = errors[there]
        return found

    def _held_out_errors(self, panel: Panel, cuts: Index) -> list[F64]:
        """Return the errors on the parts that were not trained on, or all where there are none.

        What was learned by heart is missed by less than what comes, so it would make a threshold too low.
        """
        errors = self._errors(panel)
        held = cuts - panel.begins
        if (held < panel.lengths).any():
            errors = [each[begin:] for each, begin in zip(errors, held.tolist(), strict=True)]
        return errors

    def _scores(self, errors: F64) -> F64:
        """Return errors [T, K] as scores [T]."""
        middle, spread = self.usual_
        known = errors[np.isfinite(errors[:, 0])]
        scaled = (known - middle) / spread
        # One column keeps its sign, so that what is better than usual is below 0.
        smoothing = self.options_["smoothing"]
        raw = scaled[:, 0] if scaled.shape[1] == 1 else np.sqrt((np.maximum(scaled, 0) ** 2).mean(axis=1))
        found = np.full(len(errors), np.nan)
        found[len(errors) - len(raw) :] = [_mean(raw[max(at + 1 - smoothing, 0) : at + 1]) for at in range(len(raw))]
        return found

    def _merged(self, flags: npt.NDArray[np.bool_]) -> Index:
        """Return runs of alarms as [A, 2]."""
        steps = np.flatnonzero(flags)
        if not len(steps):
            return np.zeros((0, 2), np.int64)
        new = np.flatnonzero(np.diff(steps) > max(self.merge, 1))
        firsts = steps[np.concatenate([[0], new + 1])]
        return np.stack([firsts, steps[np.concatenate([new, [len(steps) - 1]])] + 1], axis=1).astype(np.int64)


class Detection:
    """Scores of a series that is still coming. ``AnomalyDetector.stream`` makes it.

    >>> import numpy as np, rustlstm as rl
    >>> series = np.sin(np.arange(100) * 0.3)
    >>> detector = rl.AnomalyDetector(window=5, hidden_size=4, epochs=1).fit(series)
    >>> stream = detector.stream()
    >>> scores = [stream.update(value) for value in series[:20]]
    >>> np.array_equal(scores, detector.score_samples(series[:20]), equal_nan=True)
    True
    """

    def __init__(self, detector: AnomalyDetector, static: Any) -> None:
        self._detector = detector
        self._static = static
        self._steps = 0
        self._values: list[F64] = []
        self._future: list[F64] = []
        self._recent: list[F64] = []
        self._state: Any = None

    def update(self, value: Any, *, past: Any = None, future: Any = None) -> float:
        """Take the next step and return its score; NaN for the first steps.

        Args:
            value: a number, or [C].
            past: [P], of this step.
            future: [F], what was known in advance of this step.
        """
        row = np.concatenate(
            [np.atleast_1d(np.asarray(part, np.float64)) for part in (value, past) if part is not None]
        )
        known = np.atleast_1d(np.asarray(() if future is None else future, np.float64))
        for name, part in (("value", row), ("future", known)):
            if part.ndim != 1 or not np.isfinite(part).all():
                raise ValueError(f"{name} must hold finite numbers of one step, got {part.tolist()}")
        detector = self._detector
        coder = detector.inputs_
        keep = coder.needs + coder.horizon
        values, coming = [*self._values, row][-keep:], [*self._future, known][-keep:]
        panel = detector._panel(np.stack(values), None, np.stack(coming) if known.size else None, self._static)
        self._values, self._future = values, coming
        self._steps += 1
        if self._steps < keep:
            return math.nan
        error = self._error(coder.scaled(panel))
        self._recent = [*self._recent, error][-detector.options_["smoothing"] :]
        return float(detector._scores(np.stack(self._recent))[-1])

    def is_anomaly(self, score: float) -> bool:
        """Return whether a score is above the threshold."""
        return bool(score > self._detector.threshold_)

    def _error(self, panel: Panel) -> F64:
        """Return the absolute error of the last step of a scaled panel: [K]."""
        detector = self._detector
        coder = detector.inputs_
        at = np.array([coder.needs])
        coded = coder.encode(panel, np.zeros(1, np.int64), at)
        raw, state = detector._said(coded.x, coded.z, self._state)
        self._state = state if detector._whole() else None
        parts = np.asarray(raw, np.float64).reshape(*coded.base.shape, -1)
        told = (coded.base + coded.unit * detector._output().points(parts))[0, -1]
        found: F64 = np.abs(panel.values[coder.needs + coder.horizon - 1, coder.targets] - told)
        return found


def _mean(scores: F64) -> float:
    """Return a mean that is the same for the same numbers, wherever in an array they stand."""
    return math.fsum(scores.tolist()) / len(scores)
