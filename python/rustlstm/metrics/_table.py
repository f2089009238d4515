"""The table of metrics: by name, which way is better, and how a score over many samples is made of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import _anomalies, _labels, _numbers, _ranking, _spans, _text, _tokens

Metric = Callable[..., float]


@dataclass(frozen=True)
class Entry:
    """What is known of a metric.

    Attributes:
        function: the metric.
        greater: whether a greater score is better.
        mean: of what the score is the mean: "samples", "steps" (all the single values), or "" if it is none.
        given: what ``y_pred`` is: "values" as ``predict`` returns them, "probabilities", "rankings" or "spreads".
    """

    function: Metric
    greater: bool
    mean: str = ""
    given: str = "values"


TABLE: dict[str, Entry] = {
    "accuracy": Entry(_labels.accuracy, True, "steps"),
    "balanced_accuracy": Entry(_labels.balanced_accuracy, True),
    "precision": Entry(_labels.precision, True),
    "recall": Entry(_labels.recall, True),
    "f1": Entry(_labels.f1, True),
    "log_loss": Entry(_labels.log_loss, False, "samples", "probabilities"),
    "auc": Entry(_labels.auc, True, "", "probabilities"),
    "mse": Entry(_numbers.mse, False, "steps"),
    "rmse": Entry(_numbers.rmse, False),
    "mae": Entry(_numbers.mae, False, "steps"),
    "mape": Entry(_numbers.mape, False, "steps"),
    "smape": Entry(_numbers.smape, False, "steps"),
    "mase": Entry(_numbers.mase, False, "samples"),
    "r2": Entry(_numbers.r2, True),
    "pinball": Entry(_numbers.pinball, False, "steps"),
    "interval_width": Entry(_numbers.interval_width, False, "steps", "spreads"),
    "gaussian_nll": Entry(_numbers.gaussian_nll, False, "steps", "spreads"),
    "crps": Entry(_numbers.crps, False, "steps", "spreads"),
    "nats": Entry(_tokens.nats, False, "steps", "probabilities"),
    "bits": Entry(_tokens.bits, False, "steps", "probabilities"),
    "perplexity": Entry(_tokens.perplexity, False, "", "probabilities"),
    "hit_rate": Entry(_ranking.hit_rate, True, "samples", "rankings"),
    "mrr": Entry(_ranking.mrr, True, "samples", "rankings"),
    "ndcg": Entry(_ranking.ndcg, True, "samples", "rankings"),
    "exact_match": Entry(_text.exact_match, True, "samples"),
    "edit_distance": Entry(_text.edit_distance, False, "samples"),
    "character_error_rate": Entry(_text.character_error_rate, False),
    "word_error_rate": Entry(_text.word_error_rate, False),
    "bleu": Entry(_text.bleu, True),
    "token_f1": Entry(_text.token_f1, True, "samples"),
    "span_f1": Entry(_spans.span_f1, True),
    "span_precision": Entry(_spans.span_precision, True),
    "span_recall": Entry(_spans.span_recall, True),
    "anomaly_f1": Entry(_anomalies.anomaly_f1, True),
}

# In the table no further, because neither more nor less of it is better, or it is not one number.
OTHERS: dict[str, str] = {
    "coverage": "should be as large as promised",
    "confusion_matrix": "is a table",
    "anomaly_windows": "is several counts; anomaly_f1 is one number of them",
}


def get(name: str) -> Metric:
    """Return a metric by name.

    >>> get("mse")([1.0], [3.0])
    4.0
    """
    return entry(name).function


def greater_is_better(name: str) -> bool:
    """Return whether a greater score of a metric is better.

    >>> greater_is_better("accuracy"), greater_is_better("mse")
    (True, False)
    """
    return entry(name).greater


def names() -> list[str]:
    """Return the names of the metrics that ``get`` knows, sorted."""
    return sorted(TABLE)


def entry(name: str) -> Entry:
    """Return what is known of a metric."""
    if not isinstance(name, str):
        raise TypeError(f"name must be the name of a metric, got {name!r}")
    if name in OTHERS:
        raise ValueError(f"{name} is no score to compare by: it {OTHERS[name]}")
    if name not in TABLE:
        raise ValueError(f"name must be one of {', '.join(names())}; got {name!r}")
    return TABLE[name]
