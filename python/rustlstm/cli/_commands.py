"""What the commands do: train, predict, evaluate, generate, info."""

from __future__ import annotations

import ast
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from .. import forecasting
from ..baselines import compare
from ..datasets import Dataset, split
from ..models import Seq2Seq, SequenceClassifier, SequenceGenerator, SequencePredictor, SequenceTagger, load
from ..nn import Module
from ..ops import build_info
from ..training import Progress
from ._files import problem_of, read, series

ESTIMATORS: dict[str, Any] = {
    "classification": SequenceClassifier,
    "tagging": SequenceTagger,
    "generation": SequenceGenerator,
    "seq2seq": Seq2Seq,
    "prediction": SequencePredictor,
    "forecast": forecasting.Forecaster,
    "anomaly": forecasting.AnomalyDetector,
}


def train(chosen: Namespace) -> None:
    """Train on a file, say how good the model is on a part that it has not seen, and save it."""
    if not 0 <= chosen.test < 1:
        raise ValueError(f"--test must be a share from 0 to below 1, got {chosen.test}")
    folder = Path(chosen.to).parent
    if not folder.is_dir():
        raise ValueError(f"--to must be in a folder that is there, got {chosen.to}; there is no {folder}")
    problem = chosen.problem or problem_of(chosen.file)
    options = _options(chosen.set)
    model = ESTIMATORS[problem](**options)
    y = None
    if problem in ("forecast", "anomaly"):
        X, target = series(chosen.file, chosen)
        if "target" not in options and (problem == "forecast" or chosen.target):
            model.set_params(target=target)
    else:
        X, y = read(chosen.file, problem, chosen)
    known, unseen = _parts(X, y, chosen.test)
    model.fit(*(part for part in known if part is not None), callbacks=[Progress()])
    model.save(chosen.to)
    print(f"saved {chosen.to}: {model!r}")
    if unseen is None:
        return
    if problem == "forecast":
        found = model.backtest(X, start=len(known[0])).metrics  # each forecast knows all that was before it
        print(f"on {_much(unseen[0])} never seen: " + "  ".join(f"{name} {value:.4g}" for name, value in found.items()))
    elif problem == "anomaly":
        print(f"on {_much(unseen[0])} never seen: {len(_alarms(model, X, len(known[0])))} alarms")
    else:
        score = model.score(*(part for part in unseen if part is not None))
        print(f"score on {_much(unseen[0])} never seen: {score:.4f}")


def predict(chosen: Namespace) -> None:
    """Write a line for each sequence of a file, for each step ahead of a series, or for each step that is an alarm."""
    model = load(chosen.model)
    if isinstance(model, forecasting.Forecaster):
        for row in model.predict(chosen.horizon, series=_history(model, chosen)):
            print(*(f"{value:.6g}" for value in np.atleast_1d(row)), sep="\t")
        return
    if isinstance(model, forecasting.AnomalyDetector):
        for step, score in _alarms(model, _history(model, chosen)):
            print(f"{step}\t{score:.6g}")
        return
    if isinstance(model, SequenceGenerator):
        raise ValueError(f"{chosen.model} holds a SequenceGenerator, which writes: rustlstm generate {chosen.model}")
    X, _ = read(chosen.file, _problem(model), chosen, answers=False)
    for answer in model.predict(X):
        print(answer if isinstance(answer, str) or np.ndim(answer) == 0 else "\t".join(map(str, answer)))


def evaluate(chosen: Namespace) -> None:
    """Judge a model by a file, and baselines that learn from the same file's first half."""
    model = load(chosen.model)
    if isinstance(model, forecasting.Forecaster):
        _beside_naive(model, _history(model, chosen), chosen.season)
        return
    problem = _problem(model)
    if problem == "anomaly":
        raise ValueError(f"a .csv does not say what is an anomaly; rustlstm predict {chosen.model} lists the alarms")
    X, y = read(chosen.file, problem, chosen)
    known, unseen = _parts(X, y, 0.5)
    if unseen is None:
        raise ValueError(f"{chosen.file} has too little to judge a model by")
    print("the second half of the file is judged; baselines have learned from the first")
    compare(model, None, Dataset("first half", problem, "", *known), test=Dataset("second half", problem, "", *unseen))


def generate(chosen: Namespace) -> None:
    """Let a model write, each piece as it comes."""
    model = load(chosen.model)
    if not isinstance(model, SequenceGenerator):
        raise ValueError(f"{chosen.model} holds a {type(model).__name__}; a SequenceGenerator is needed to write")
    print(chosen.prompt, end="", flush=True)
    options = {"temperature": chosen.temperature, "top_k": chosen.top_k, "top_p": chosen.top_p, "seed": chosen.seed}
    for piece in model.stream(chosen.prompt, chosen.length, **options):
        print(piece, end="", flush=True)
    print()


def info(chosen: Namespace) -> None:
    """Say what a file holds, or what this build is."""
    if chosen.model is None:
        for name, value in build_info().items():
            print(f"{name:<12}{value}")
        return
    model = load(chosen.model)
    print(model if isinstance(model, Module) else f"{model!r}\n")
    (model if isinstance(model, Module) else model.network_).summary()
    if not isinstance(model, Module) and len(model.history_):
        print(f"\n{model.history_!r}")


def _history(model: Any, chosen: Namespace) -> Any:
    """Return the series that a model goes on with."""
    history, target = series(chosen.file, chosen)
    if chosen.target and isinstance(model.target, int) and target != model.target:
        raise ValueError(
            f"the model has learned column {model.target + 1} of its files, --target is column {target + 1}"
        )
    return history


def _alarms(model: Any, history: Any, start: int = 0) -> list[tuple[int, float]]:
    """Return the steps of a series that raise an alarm, from 0, with their scores."""
    scores = model.score_samples(history)
    return [(at, float(scores[at])) for at in np.flatnonzero(scores > model.threshold_).tolist() if at >= start]


def _beside_naive(model: Any, history: Any, season: int | None) -> None:
    """Print the errors of a forecaster beside those of who repeats what was, from the same origins."""
    season = season or model.season
    found = model.backtest(history)
    start, horizon = int(found.origins[0]), found.forecasts.shape[1]
    rivals = {"last value": 1}
    if season:
        start = max(season, start)
        found = model.backtest(history, start=start)
        rivals[f"a season of {season} before"] = season
    table = {"Forecaster": found.metrics}
    own = history[:, model.inputs_.targets]
    for name, back in rivals.items():
        table[name] = forecasting.backtest(
            lambda known, ahead, back=back: known[len(known) - back + np.arange(ahead) % back],
            own,
            horizon=horizon,
            start=start,
            season=model.season,
        ).metrics
    print(f"{len(found):,} forecasts of {horizon} ahead:")
    print(f"{'':<24}" + "".join(f"{name:>11}" for name in found.metrics))
    for name, errors in table.items():
        print(f"{name:<24}" + "".join(f"{value:>11.4g}" for value in errors.values()))
    if not season:
        print("(--season says how many steps a season has, and puts what was a season before beside it)")


def _options(given: list[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as options; a value is a Python literal, or else a string."""
    found = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not name.isidentifier():
            raise ValueError(f"--set must be NAME=VALUE, got {pair!r}")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def _parts(X: Any, y: Any, share: float) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
    """Return what is trained on and what is judged by: the end of a text or series, samples by chance of others."""
    if isinstance(X, (str, np.ndarray)):
        cut = len(X) - round(len(X) * share)
        return (X[:cut], None), ((X[cut:], None) if cut < len(X) else None)
    if not share:
        return (X, y), None
    known, unseen = split(len(X), share)
    return ([X[at] for at in known], [y[at] for at in known]), ([X[at] for at in unseen], [y[at] for at in unseen])


def _problem(model: Any) -> str:
    for problem, kind in ESTIMATORS.items():
        if isinstance(model, kind):
            return problem
    raise ValueError(f"a {type(model).__name__} has no files of its own; load it with rustlstm.load")


def _much(X: Any) -> str:
    what = "characters" if isinstance(X, str) else "steps" if isinstance(X, np.ndarray) else "sequences"
    return f"{len(X):,} {what}"
