"""A model held against baselines in one line, with a plain word on whether it is worth it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TextIO

import numpy as np

from .._options import seed_number
from ..metrics._table import Entry
from . import _bootstrap as bootstrap
from ._contest import (
    Contest,
    answer,
    choose,
    choose_metric,
    cloned,
    fit,
    generated,
    is_fitted,
    of_nats,
    read,
    scorer,
    unit_of,
)
from ._items import ItemBaseline
from ._rolling import Rolling, is_series
from ._stands import SameTokens, inner, tokens_of


@dataclass(frozen=True)
class Row:
    """How one contestant did.

    Attributes:
        name: what it is called.
        score: by the metric, on the test part.
        fit_seconds: how long it took to fit; None if it was fitted before.
        predict_seconds: how long it took to predict the test part.
        distance: how much worse than the optimum; None where that is not known.
    """

    name: str
    score: float
    fit_seconds: float | None
    predict_seconds: float
    distance: float | None


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison; ``print`` shows it as a table.

    Attributes:
        metric: the name of the metric.
        greater_is_better: which way is better.
        rows: one for each contestant, the best first.
        model: the name of the model.
        rival: the name of the best baseline.
        worth_it: whether the model is better than that by more than the sampling error.
        gain: by how much the model is better; below 0 it is worse.
        interval: where 95 % of the gains lie if test samples are drawn anew; None if they could not be.
        optimum: the best score that can be reached, None where it is not known.
        models: the fitted contestants by name.
    """

    metric: str
    greater_is_better: bool
    rows: list[Row]
    model: str
    rival: str
    worth_it: bool
    gain: float
    interval: tuple[float, float] | None
    optimum: float | None = None
    models: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def verdict(self) -> str:
        """One sentence on whether the model is worth it."""
        ours, theirs = (next(row.score for row in self.rows if row.name == name) for name in (self.model, self.rival))
        scores = f"{self.metric} {ours:.4g} against {theirs:.4g}"
        if self.interval is None:
            sure = "too few test samples to tell how sure that is"
        else:
            sure = f"95 % of resampled gains lie between {self.interval[0]:.2g} and {self.interval[1]:.2g}"
        if self.worth_it:
            return f"{self.model} is worth it: {scores} of the best baseline, {self.rival} ({sure})."
        if self.gain <= 0:
            how = "is as good" if self.gain == 0 else "is better"
            return f"{self.model} is not worth it here: {self.rival} {how}, {scores} ({sure})."
        return f"{self.model} is not worth it here: {scores} of {self.rival} is within the sampling error ({sure})."

    def to_dict(self) -> dict[str, Any]:
        """Return all but the contestants themselves, as plain values."""
        plain = {name: getattr(self, name) for name in ("metric", "greater_is_better", "model", "rival", "worth_it")}
        interval = None if self.interval is None else list(self.interval)
        rows = [asdict(row) for row in self.rows]
        return {**plain, "gain": self.gain, "interval": interval, "optimum": self.optimum, "rows": rows} | {
            "verdict": self.verdict
        }

    def __str__(self) -> str:
        known = self.optimum is not None
        head = ["", self.metric, "fit s", "predict s", *(["from optimum"] if known else [])]
        lines = [head]
        for row in self.rows:
            fitted = "before" if row.fit_seconds is None else f"{row.fit_seconds:.2f}"
            line = [row.name, f"{row.score:.4g}", fitted, f"{row.predict_seconds:.2f}"]
            lines.append([*line, *([f"{row.distance:.4g}"] if row.distance is not None else [])])
        widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
        table = [
            "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(pair)).rstrip()
            for pair in (list(zip(line, widths, strict=True)) for line in lines)
        ]
        return "\n".join([*table, self.verdict])


def compare(
    model: Any,
    baselines: Iterable[Any] | Mapping[str, Any] | None = None,
    data: Any = None,
    *,
    test: Any = None,
    metric: Any = None,
    file: TextIO | None = None,
    seed: int = 0,
) -> Comparison:
    """Hold a model against baselines on the same data, and say plainly whether it is worth it.

    A contestant that is not fitted is cloned, if it tells its options by ``get_params``, and fitted to the training
    part; the one given stays as it is. One that is fitted already is used as it is: see to it that it has not seen the
    test part.

    Of texts, baselines that count have the model's tokens, and its unknown one for all that it does not know. Of one
    series, all forecast as many steps and columns as the model, from the same origins of the test part.

    Args:
        model: an estimator with ``fit`` and ``predict``; for generation ``fit(text)`` and ``nats(text)``; for one
            series without y a ``Forecaster``, or what has ``fit(series)`` and ``backtest``.
        baselines: estimators, or a dict of them by name; those that suit the problem if left out.
        data: a Dataset, which is split, by time for series and texts, else by chance; or a pair (train, test) of
            Datasets or of (X, y).
        test: the test part, if data is the training part alone; or the share of a Dataset that is split off.
        metric: the name of a metric or a function of ``rustlstm.metrics``; the Dataset's, or one that suits y, if
            left out.
        file: where the table is printed; the standard output if left out.
        seed: of the split and of the resampling.

    Returns:
        The comparison. The model is worth it if it is better than the best baseline in 97.5 % of the draws when the
        test samples are drawn anew; neighbouring windows of a series are drawn together, because they are alike.

    >>> import io
    >>> import rustlstm as rl
    >>> wave = np.sin(np.arange(300.0))
    >>> x, y = np.stack([wave[at : at + 8] for at in range(290)]), wave[8:298]
    >>> rivals, table = [rl.baselines.LastValue()], io.StringIO()
    >>> found = compare(
    ...     rl.baselines.LinearAutoregression(), rivals, data=((x[:200], y[:200]), (x[200:], y[200:])), file=table
    ... )
    >>> found.worth_it, found.rival
    (True, 'LastValue')
    """
    seed = seed_number(seed)
    contest = read(data, test, seed)
    rolling = Rolling(contest, model) if is_series(contest) else None
    contest = contest if rolling is None else rolling.contest
    if rolling is None and hasattr(model, "backtest"):
        raise ValueError(
            f"a {type(model).__name__} is compared on one series without y: give a Dataset such as "
            "rl.datasets.prediction.sine(), or data=((series, None), (what came later, None))"
        )
    name, known = choose_metric(contest, metric)
    if name != contest.metric:
        contest = replace(contest, optimum=None)  # it is that of the Dataset's own metric
    unit = unit_of(model, contest)
    if baselines is None:
        baselines = choose(contest, name, unit) if rolling is None else rolling.baselines()
    contestants = _named(model, baselines)
    rows, answers = [], {}
    models: dict[str, Any] = {}
    # Baselines that count come last: they are asked for the tokens that the models tell apart.
    for each, given in sorted(contestants.items(), key=lambda pair: isinstance(pair[1], ItemBaseline)):
        try:
            if contest.problem == "generation":
                given = _of_same_tokens(given, models, unit)
            if rolling is not None:
                given = rolling.stand(given)
            row, answers[each], models[each] = _play(each, given, contest, name, known, unit)
            if contest.problem == "generation":
                _told_apart_alike(models, each, contest)
        except (ValueError, TypeError, RuntimeError) as error:
            if type(error) not in (ValueError, TypeError, RuntimeError):
                raise  # another kind may be made otherwise
            raise type(error)(f"{each}: {error}") from error
        rows.append(row)
    sign = 1 if known.greater else -1
    rows.sort(key=lambda row: -sign * row.score if row.score == row.score else np.inf)  # NaN comes last
    ours = next(iter(contestants))
    rival = next(row.name for row in rows if row.name != ours)
    scores = {row.name: row.score for row in rows}
    gain = sign * (scores[ours] - scores[rival])
    interval = _interval(contest, name, known, (answers[ours], answers[rival]), (models[ours], models[rival]), seed)
    found = Comparison(
        metric=name,
        greater_is_better=known.greater,
        rows=rows,
        model=ours,
        rival=rival,
        worth_it=bool(interval is not None and gain > 0 and interval[0] > 0),
        gain=float(gain),
        interval=interval,
        optimum=contest.optimum,
        models={each: inner(models[each]) for each in contestants},
    )
    print(found, file=sys.stdout if file is None else file)
    return found


def _named(model: Any, baselines: Any) -> dict[str, Any]:
    """Return the contestants by name, the model first."""
    given = baselines
    if isinstance(baselines, Mapping):
        pairs = [(str(name), each) for name, each in baselines.items()]
    else:
        if not isinstance(baselines, Iterable) or isinstance(baselines, str):
            given = [baselines]
        pairs = [(_name(each), each) for each in given]
    if not pairs:
        raise ValueError("baselines must hold at least one, got none")
    found: dict[str, Any] = {}
    for name, each in [(_name(model), model), *pairs]:
        if isinstance(each, (str, type)) or not (hasattr(each, "predict") or hasattr(each, "score")):
            raise TypeError(f"a contestant must be an estimator with fit and predict, got {each!r}")
        free, number = name, 2
        while free in found:
            free, number = f"{name} {number}", number + 1
        found[free] = each
    return found


def _name(model: Any) -> str:
    """Return how a contestant is called: with its options if that is short."""
    shown = repr(model)
    plain = type(model).__name__
    return shown.removesuffix("()") if shown.startswith(plain) and len(shown) <= 40 else plain


def _of_same_tokens(given: Any, models: Mapping[str, Any], unit: str) -> Any:
    """Return a baseline as one that counts the tokens of a model that is fitted already, if there is one."""
    first = next(
        (model for model in models.values() if hasattr(model, "vocabulary_") and hasattr(model, "whole_")), None
    )
    if not isinstance(given, ItemBaseline):
        return given
    if first is not None:
        return SameTokens(given if is_fitted(given) else cloned(given), first)
    if given.unit != unit:
        raise ValueError(f"it counts {given.unit}s and the model {unit}s, which cannot be compared; give unit={unit!r}")
    return given


def _told_apart_alike(models: Mapping[str, Any], name: str, contest: Contest) -> None:
    """Refuse two models of which one is asked for fewer tokens, because it does not know some."""
    found = {each: tokens_of(model, contest.test[0]) for each, model in models.items()}
    for each, tokens in found.items():
        if tokens is not None and found[name] is not None and tokens != found[name]:
            raise ValueError(f"it tells other tokens apart than {each}; give both the same unit and vocabulary_size")


def _play(name: str, given: Any, contest: Contest, metric: str, known: Entry, unit: str) -> tuple[Row, Any, Any]:
    """Fit a contestant if need be, and score it."""
    model, seconds = given, None
    if not is_fitted(given):
        model = cloned(given)
        begin = time.perf_counter()
        fit(model, contest)
        seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    found: Any
    if contest.problem == "generation":
        score, *found = generated(contest, metric, model, unit)
        took = time.perf_counter() - begin
    else:
        found = answer(contest, metric, known, model)
        took = time.perf_counter() - begin
        score = scorer(contest, metric, known, model)(contest.test[1], found)
    best = contest.optimum
    distance = None if best is None else float((best - score) * (1 if known.greater else -1))
    return Row(name, float(score), seconds, took, distance), found, model


def _interval(
    contest: Contest, name: str, known: Entry, answers: tuple[Any, Any], models: tuple[Any, Any], seed: int
) -> tuple[float, float] | None:
    """Return where 95 % of the gains of the first over the second lie, None if there are too few samples to draw."""
    sign = 1 if known.greater else -1
    if contest.problem == "generation":
        (ours, sizes), (theirs, _) = answers
        if len(ours) < 2:
            return None
        chosen = list(bootstrap.draws(len(ours), bootstrap.DRAWS, 1, seed))
        drawn = [
            [of_nats(name, float(np.average(each[at], weights=sizes[at]))) for at in chosen] for each in (ours, theirs)
        ]
        with np.errstate(invalid="ignore"):
            return bootstrap.interval(sign * (np.array(drawn[0]) - np.array(drawn[1])))
    y = contest.test[1]
    if len(y) < 2:
        return None
    block = max(1, round(len(y) ** 0.5)) if contest.in_time else 1
    first, second = (scorer(contest, name, known, model) for model in models)
    if not known.mean:
        low_high = bootstrap.of_scores(first, y, answers[0], answers[1], block, seed)
    else:
        each = [
            np.array([score(y[at : at + 1], said[at : at + 1]) for at in range(len(y))])
            for score, said in zip((first, second), answers, strict=True)
        ]
        weights = np.ones(len(y))
        if known.mean == "steps":
            weights = np.array([float(np.size(y[at])) for at in range(len(y))])
        low_high = bootstrap.of_means(each[0], each[1], weights, block, seed)
    return low_high if low_high is None or sign > 0 else (-low_high[1], -low_high[0])
