"""What is compared on what: reading the data, choosing baselines and a metric, and asking contestants for answers."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._options import positive
from ..metrics._labels import flat_labels
from ..metrics._table import TABLE, Entry, entry
from ._items import MarkovChain, NGram, Popularity
from ._labels import Hexamer, MostFrequent, MostFrequentTag, NaiveBayes
from ._naive import LastValue, Mean, SeasonalNaive
from ._regression import LinearAutoregression, WindowMLP
from ._seq2seq import CopyInput, NearestNeighbour
from ._tokens import short, tokens

PROBLEMS = ("prediction", "classification", "tagging", "generation", "seq2seq")
FEW = 5000  # questions that NearestNeighbour is still quick with
INPUTS = 512  # numbers that the regressions still see at once
NUMBERS = ("mse", "rmse", "mae", "mape", "smape", "mase", "r2", "pinball")  # they are about quantities
SCORED = ("nats", "bits", "perplexity")  # what generators are judged by, through their own ``nats``


@dataclass(frozen=True)
class Contest:
    """Data in two parts, and what is known of them."""

    problem: str
    train: tuple[Any, Any]
    test: tuple[Any, Any]
    metric: str | None = None
    optimum: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_time(self) -> bool:
        """Whether neighbouring samples are alike, because they are windows of one series or pieces of one text."""
        return self.problem in ("prediction", "generation")


def read(data: Any, test: Any, seed: int) -> Contest:
    """Return the data as a contest."""
    if data is None:
        raise ValueError("data must be a Dataset or a pair (train, test), got None")
    first, second = data, test
    if _is_dataset(data) and (test is None or isinstance(test, (int, float))):
        by = "time" if data.problem in ("prediction", "generation") else "chance"
        first, second = data.split(test=0.2 if test is None else positive("test", test), by=by, seed=seed)
    elif test is None:
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise ValueError(f"data must be a Dataset or a pair (train, test), got {short(data)}")
        first, second = data
    parts = []
    for name, part in (("train", first), ("test", second)):
        if _is_dataset(part):
            parts.append((part.x, part.y))
        elif isinstance(part, (tuple, list)) and len(part) == 2:
            parts.append((part[0], part[1]))
        else:
            why = "must be a Dataset or a pair (X, y); give data=((X, y), (X_test, y_test))"
            raise ValueError(f"{name} {why}, got {short(part)}")
    for name, (X, y) in zip(("train", "test"), parts, strict=True):
        if y is not None and len(X) != len(y):
            raise ValueError(f"{name} has {len(X)} samples in X and {len(y)} in y; they must be as many")
        if len(X) == 0:
            raise ValueError(f"{name} must hold at least one sample, got none")
    known = first if _is_dataset(first) else None
    if known is None:
        return Contest(_problem(*parts[0]), parts[0], parts[1])
    if known.problem not in PROBLEMS:
        raise ValueError(f"data.problem must be one of {', '.join(PROBLEMS)}, got {known.problem!r}")
    return Contest(known.problem, parts[0], parts[1], known.metric, known.optimum, known.details)


def choose(contest: Contest, metric: str, unit: str) -> list[Any]:
    """Return the baselines that a problem and a metric have; of a text those that cut it as ``unit`` says."""
    X, y = contest.train
    if contest.problem == "generation":
        return [NGram(unit=unit), MarkovChain(unit=unit)]
    if contest.problem == "tagging":
        return [MostFrequentTag()]
    if contest.problem == "seq2seq" and _kind(y) != "numbers":
        return [CopyInput(), *([NearestNeighbour()] if len(X) <= FEW and _has_tokens(X) else [])]
    if contest.problem == "classification":
        if not _has_tokens(X):
            return [MostFrequent()]
        dna = all(isinstance(row, str) and set(row.upper()) <= set("ACGTN") for row in X)
        return [MostFrequent(), NaiveBayes(), *([Hexamer()] if dna else [])]
    if _kind(y) != "numbers" and metric not in NUMBERS:
        return [Popularity(), MarkovChain()] if _has_tokens(X) else [MostFrequent()]
    first = np.asarray(X[0])
    channels = first.shape[1] if first.ndim > 1 else 1
    steps = max(1, min(min(len(row) for row in X), INPUTS // channels))
    found = [LastValue(), Mean(), LinearAutoregression(steps), WindowMLP(steps)]
    period = contest.details.get("period")
    if isinstance(period, (int, float, np.integer)) and 1 < round(period) <= min(len(row) for row in X):
        found.insert(1, SeasonalNaive(round(period)))
    return found


def choose_metric(contest: Contest, given: Any) -> tuple[str, Entry]:
    """Return the name of a metric and what is known of it."""
    if given is None:
        usual = {"classification": "accuracy", "tagging": "accuracy", "generation": "nats", "seq2seq": "exact_match"}
        kind = _kind(contest.train[1])
        number = "mse" if kind == "numbers" else "hit_rate"
        given = contest.metric or (number if kind == "numbers" else usual.get(contest.problem, number))
    if isinstance(given, str):
        return given, entry(given)
    for name, known in TABLE.items():
        if known.function is given:
            return name, known
    if not callable(given) or not isinstance(getattr(given, "greater_is_better", None), bool):
        raise ValueError(
            f"metric must be a name such as 'mse', a function of rustlstm.metrics, or a function with an attribute "
            f"greater_is_better that is True or False, got {given!r}"
        )
    return getattr(given, "__name__", "metric"), Entry(given, given.greater_is_better)


def is_fitted(model: Any) -> bool:
    """Return whether a model has a learned name, one that ends in ``_``."""
    return any(name.endswith("_") and not name.startswith("_") for name in getattr(model, "__dict__", {}))


def cloned(model: Any) -> Any:
    """Return a model with the same options that is not fitted, where it tells its options; else the model itself."""
    if not callable(getattr(model, "get_params", None)):
        return model
    options = model.get_params(deep=False)
    known = inspect.signature(type(model)).parameters
    return type(model)(**{name: copy.deepcopy(value) for name, value in options.items() if name in known})


def fit(model: Any, contest: Contest) -> None:
    """Fit a model to the training part."""
    X, y = contest.train
    if y is None:
        model.fit(X)
    else:
        model.fit(X, y)


def scorer(contest: Contest, name: str, known: Entry, model: Any) -> Callable[[Any, Any], float]:
    """Return the metric as a function of the targets and of what ``answer`` returned."""
    if known.given == "probabilities" and name in ("log_loss", "auc"):
        return lambda y, given: known.function(y, given, labels=labels_of(model))
    if name in SCORED and any(hasattr(model, each) for each in ("classes_", "items_")):
        return lambda y, given: known.function(*_numbered(y, given, labels_of(model)))
    if name.startswith("span_") and _is_bmes(contest.train[1]):
        return lambda y, given: known.function(y, given, scheme="BMES")
    return known.function


def answer(contest: Contest, name: str, known: Entry, model: Any) -> Any:
    """Return what a model says of the test part, in the form that the metric needs."""
    X = contest.test[0]
    if known.given == "values":
        return _asked(model, "predict", name)(X)
    if known.given == "probabilities":
        return _asked(model, "predict_proba", name)(X)
    if known.given == "rankings":
        if callable(getattr(model, "top", None)):
            return model.top(X, 100)
        chances = np.asarray(_asked(model, "predict_proba", name)(X))
        labels = labels_of(model)
        order = np.argsort(-chances, axis=1, kind="stable")[:, :100]
        return [[labels[at] for at in row] for row in order.tolist()]
    raise ValueError(f"metric={name!r} needs a predicted spread, which compare does not ask for; use another")


def _numbered(y: Any, given: Any, labels: list[Any]) -> tuple[Any, Any]:
    """Return the column of each true label, and columns with one more: of labels that a model does not know."""
    chances = np.asarray(given)
    index = {label: at for at, label in enumerate(labels)}
    never = np.zeros((*chances.shape[:-1], 1))
    columns = [index.get(label, len(labels)) for label in flat_labels("y", y)]
    return columns, np.concatenate([chances.reshape(-1, len(labels)), never.reshape(-1, 1)], axis=1)


def labels_of(model: Any) -> list[Any]:
    """Return the labels of the columns of a model's probabilities."""
    for name in ("classes_", "items_"):
        if hasattr(model, name):
            return flat_labels(name, getattr(model, name))
    raise ValueError(f"{type(model).__name__} has no classes_, so the columns of its probabilities have no names")


def generated(
    contest: Contest, name: str, model: Any, unit: str
) -> tuple[float, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a generator's score on held-out text, that of each piece of it in nats, and the sizes of the pieces."""
    if name not in SCORED:
        raise ValueError(f"metric must be 'nats', 'bits' or 'perplexity' for generation, got {name!r}")
    X = contest.test[0]
    nats = _asked(model, "nats", name)
    whole = float(nats(X))
    # A text has no samples: pieces of it stand for them. Their first items lack what came before, for all alike.
    pieces = _pieces(X, unit)
    sizes = [float(sum(len(tokens("X", row, unit)) for row in rows_of(piece))) for piece in pieces]
    found = np.array([float(nats(piece)) for piece in pieces])
    return of_nats(name, whole), found, np.array(sizes)


def of_nats(name: str, nats: float) -> float:
    """Return nats in another unit."""
    return {"nats": nats, "bits": nats / math.log(2), "perplexity": float(np.exp(nats))}[name]


def unit_of(model: Any, contest: Contest) -> str:
    """Return how a model cuts strings, or as the data say, if it does not."""
    vocabulary = getattr(model, "vocabulary_", None)
    unit = getattr(vocabulary, "unit", None) or getattr(model, "unit", None) or contest.details.get("unit")
    return unit if unit in ("word", "byte") else "character"


def rows_of(X: Any) -> Any:
    """Return one text as a list of it, and sequences as they are."""
    return [X] if isinstance(X, (str, bytes)) else X


def _pieces(X: Any, unit: str) -> list[Any]:
    most = 50
    if isinstance(X, (str, bytes)):
        whole: Any = X.split() if isinstance(X, str) and unit == "word" else X
        size = max(-(-len(whole) // most), min(200, len(whole)))
        found = [whole[at : at + size] for at in range(0, len(whole), size)]
        # A short rest has hardly anything to go by, so it goes to the piece before.
        if len(found) > 1 and 2 * len(found[-1]) < size:
            found[-2:] = [found[-2] + found[-1]]
        return [" ".join(piece) for piece in found] if isinstance(whole, list) else found
    rows = [row for row in X if len(row)]
    size = -(-len(rows) // most)
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _asked(model: Any, method: str, metric: str) -> Callable[..., Any]:
    found = getattr(model, method, None)
    if not callable(found):
        raise TypeError(f"{type(model).__name__} has no {method}, which metric={metric!r} needs")
    asked: Callable[..., Any] = found
    return asked


def _is_dataset(given: Any) -> bool:
    return all(hasattr(given, name) for name in ("x", "y", "problem", "split"))


def _problem(X: Any, y: Any) -> str:
    """Return what problem data without a name are."""
    if y is None and isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return "prediction"
    if y is None:
        return "generation"
    kind = _kind(y)
    if kind == "numbers":
        return "prediction"
    if kind == "labels":
        return "classification"
    aligned = all(
        not isinstance(a, str) and not isinstance(b, str) and len(a) == len(b) for a, b in zip(X, y, strict=True)
    )
    return "tagging" if aligned else "seq2seq"


def _kind(y: Any) -> str:
    """Return "numbers", "labels" (one for each sample) or "sequences"."""
    if y is None:
        return "labels"
    first: Any = y[0]
    if isinstance(y, np.ndarray) and y.ndim > 1:
        return "numbers" if y.dtype.kind == "f" else "sequences"
    if isinstance(first, (list, tuple, np.ndarray)) and np.ndim(first) > 0:
        floats = np.asarray(first).dtype.kind == "f" and len({len(row) for row in y}) == 1
        return "numbers" if floats else "sequences"
    if isinstance(first, str):
        spaced: Sequence[Any] = y
        return "sequences" if all(" " in each for each in spaced[:20]) else "labels"
    return "numbers" if isinstance(first, (float, np.floating)) else "labels"


def _has_tokens(X: Any) -> bool:
    first: Any = X[0]
    if isinstance(first, (str, bytes)):
        return True
    array = np.asarray(first)
    return array.ndim == 1 and array.dtype.kind in "biuUS"


def _is_bmes(y: Any) -> bool:
    return any(str(tag)[:2] in ("M-", "E-", "S-") for row in y for tag in row)
