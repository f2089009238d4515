"""What the commands do: train, predict, evaluate, generate, info."""

from __future__ import annotations

import ast
from argparse import Namespace
from typing import Any

import numpy as np

from .. import forecasting
from ..baselines import compare
from ..datasets import Dataset, split
from ..models import Seq2Seq, SequenceClassifier, SequenceGenerator, SequenceTagger, load
from ..nn import Module
from ..ops import build_info
from ..training import Progress
from ._files import problem_of, read

ESTIMATORS: dict[str, Any] = {
    "classification": SequenceClassifier,
    "tagging": SequenceTagger,
    "generation": SequenceGenerator,
    "seq2seq": Seq2Seq,
    "forecast": forecasting.Forecaster,
}


def train(chosen: Namespace) -> None:
    """Train on a file, say how good the model is on a part that it has not seen, and save it."""
    problem = chosen.problem or problem_of(chosen.file)
    model = ESTIMATORS[problem](**_options(chosen.set))
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
    else:
        score = model.score(*(part for part in unseen if part is not None))
        print(f"score on {_much(unseen[0])} never seen: {score:.4f}")


def predict(chosen: Namespace) -> None:
    """Write a line for each sequence of a file, or for each step ahead of a series."""
    model = load(chosen.model)
    if isinstance(model, forecasting.Forecaster):
        series, _ = read(chosen.file, "forecast", chosen)
        for row in np.atleast_2d(np.asarray(model.predict(chosen.horizon, series=series)).T).T:
            print(*(f"{value:.6g}" for value in np.atleast_1d(row)), sep="\t")
        return
    X, _ = read(chosen.file, _problem(model), chosen)
    for answer in model.predict(X):
        print(answer if isinstance(answer, str) or np.ndim(answer) == 0 else "\t".join(map(str, answer)))


def evaluate(chosen: Namespace) -> None:
    """Judge a model by a file, and baselines that learn from the same file's first half."""
    model = load(chosen.model)
    problem = "forecast" if isinstance(model, forecasting.Forecaster) else _problem(model)
    X, y = read(chosen.file, problem, chosen)
    if problem == "forecast":
        found = model.backtest(X)
        print("  ".join(f"{name} {value:.4g}" for name, value in found.metrics.items()))
        return
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
    problem = getattr(type(model), "_problem", "")
    if problem not in ESTIMATORS:
        raise ValueError(f"a {type(model).__name__} has no files of its own; load it with rustlstm.load")
    return str(problem)


def _much(X: Any) -> str:
    what = "characters" if isinstance(X, str) else "steps" if isinstance(X, np.ndarray) else "sequences"
    return f"{len(X):,} {what}"
