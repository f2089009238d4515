"""One table of the estimators with small data for each, for the tests that ask the same of all."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

import rustlstm as rl

QUICK: dict[str, Any] = {"hidden_size": 4, "epochs": 2, "batch_size": 8, "progress": False}
Classifier, Tagger, Predictor = rl.SequenceClassifier, rl.SequenceTagger, rl.SequencePredictor
ESTIMATORS: list[type] = [Classifier, Tagger, Predictor]
# What can be asked of some of the models that an estimator makes.
SOMETIMES = ("predict_proba", "attention", "predict_quantiles", "predict_deviation", "recommend")


@dataclass(frozen=True)
class Case:
    """An estimator, what it learns from, and which methods its model has beside ``predict``."""

    cls: type
    X: list[Any]
    y: list[Any] | None
    options: dict[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ()

    def make(self, **options: Any) -> Any:
        return self.cls(**{**QUICK, **self.options, **options})

    def fitted(self, **options: Any) -> Any:
        return self.make(**options).fit(self.X, self.y)

    def outputs(self, model: Any, X: Any = None) -> list[list[Any]]:
        """Return what each method says of each sequence, as lists: equal bits are equal lists."""
        X = self.X if X is None else X
        return [[plain(one) for one in self.ask(model, name, X)] for name in ("predict", *self.methods)]

    @staticmethod
    def ask(model: Any, name: str, X: Any) -> Any:
        return model.recommend(X, 2) if name == "recommend" else getattr(model, name)(X)


def plain(value: Any) -> Any:
    return np.asarray(value).tolist()


def random(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def numbers(channels: int | None = 2, samples: int = 20, seed: int = 0) -> list[Any]:
    """Return sequences of 1 to 7 steps."""
    shape = () if channels is None else (channels,)
    rng = random(seed)
    return [rng.normal(size=(1 + 3 * at % 7, *shape)) for at in range(samples)]


ROWS = numbers()
LONG = [row for row in numbers(samples=28, seed=1) if len(row) > 1]
WORDS = ["a good film", "a bad film", "so so", "good", "what a bad bad film"] * 4
TOKENS = [text.split() for text in WORDS]
LABELS = ["good", "bad", "even", "good", "bad"] * 4
ITEMS = [[at % 5, (at + 1) % 5, (at + 2) % 5][at % 3 :] for at in range(20)]
VALUES = [float(row[-1].sum()) for row in ROWS]
PAIRS = [row[-1].tolist() for row in ROWS]
STEPS = [(row[:, 0] > 0).tolist() for row in ROWS]
KINDS = [["noun" if word == "film" else "other" for word in row] for row in TOKENS]

PROBA = ("predict_proba",)
CASES: dict[str, Case] = {
    "classifier of numbers": Case(Classifier, ROWS, LABELS, {}, PROBA),
    "classifier of text": Case(Classifier, WORDS, LABELS, {"pool": "max", "conv": 3, "dropout": 0.2}, PROBA),
    "classifier of tokens": Case(Classifier, TOKENS, [1, 2, 3, 1, 2] * 4, {"pool": "mean", "num_layers": 2}, PROBA),
    "classifier of items": Case(
        Classifier, ITEMS, [True, False] * 10, {"inputs": "items", "pool": "attention"}, (*PROBA, "attention")
    ),
    "classifier with all": Case(
        Classifier,
        ROWS,
        LABELS,
        {
            "pool": "attention",
            "conv": 3,
            "conv_pool": 2,
            "bidirectional": True,
            "class_weight": "balanced",
            "lstm": {"layer_norm": True, "zoneout": 0.1, "cell": rl.nn.Cell(peephole=True)},
        },
        (*PROBA, "attention"),
    ),
    "tagger of numbers": Case(Tagger, ROWS, STEPS, {"conv": 3}, PROBA),
    "tagger of text": Case(Tagger, WORDS, KINDS, {"bidirectional": False}, PROBA),
    "tagger of tokens": Case(Tagger, TOKENS, KINDS, {"num_layers": 2, "dropout": 0.1}, PROBA),
    "points": Case(Predictor, ROWS, VALUES),
    "points of pairs": Case(Predictor, ROWS, PAIRS, {"conv": 3, "loss": "huber"}),
    "points in windows": Case(Predictor, ROWS, VALUES, {"scale": "window", "target": 1}),
    "quantiles": Case(Predictor, ROWS, PAIRS, {"output": "quantile"}, ("predict_quantiles",)),
    "distributions": Case(Predictor, ROWS, VALUES, {"output": "gaussian"}, ("predict_quantiles", "predict_deviation")),
    "items": Case(Predictor, TOKENS, [row[0] for row in TOKENS], {}, (*PROBA, "recommend")),
    "next steps": Case(Predictor, LONG, None, {"conv": 3}),
    "next items": Case(Predictor, [row for row in TOKENS if len(row) > 1], None, {}, (*PROBA, "recommend")),
}

# Values that are no option's default.
OTHERS: dict[str, Any] = {
    "hidden_size": [8, 4],
    "num_layers": 2,
    "dropout": 0.25,
    "lstm": {"layer_norm": True},
    "epochs": 3,
    "batch_size": 7,
    "learning_rate": 0.01,
    "optimizer": "sgd",
    "weight_decay": 0.1,
    "schedule": "plateau",
    "clip_norm": None,
    "validation": 0.5,
    "patience": 3,
    "warm_start": True,
    "seed": 9,
    "progress": False,
    "conv": 4,
    "kernel_size": 3,
    "inputs": "items",
    "scale": "robust",
    "unit": "byte",
    "vocabulary_size": None,
    "least": 2,
    "longest": 5,
    "embedding_size": 6,
    "pool": "max",
    "conv_pool": 2,
    "class_weight": {"a": 2.0},
    "label_smoothing": 0.1,
    "output": "gaussian",
    "loss": "mae",
    "quantiles": (0.2, 0.8),
    "target": 1,
}


def others(cls: type) -> dict[str, Any]:
    """Return another value than the default for each option."""
    names = [one.name for one in fields(cls)]
    return {name: OTHERS[name] if name in OTHERS else not getattr(cls, name) for name in names}


def complaint(call: Callable[[], Any], expected: type[Exception], words: str) -> str | None:
    """Return what is wrong with the error that a call must raise: its class or its words, in which ``..`` is any."""
    try:
        result = call()
    except expected as error:
        pattern = ".*".join(re.escape(part) for part in words.split(".."))
        return None if re.search(pattern, str(error), re.DOTALL) else f"says {str(error)!r}, not {words!r}"
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"
    return f"returns {result!r:.80}"
