"""The metrics, against cases worked out by hand. `test_metrics_sklearn.py` compares with scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import metrics

pytestmark = pytest.mark.once

HALF = [[0.5, 0.5], [0.5, 0.5]]

CASES: list[tuple[str, Any, Any, dict[str, Any], float]] = [
    ("accuracy", ["a", "b", "b"], ["a", "b", "a"], {}, 2 / 3),
    ("accuracy", [["a", "b"], ["b"]], [["a", "b"], ["a"]], {}, 2 / 3),
    ("accuracy", np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]]), {}, 0.75),
    ("accuracy", [True, False], np.array([1, 1]), {}, 0.5),
    ("accuracy", [1, "b"], [1, "c"], {}, 0.5),
    ("balanced_accuracy", [0, 0, 0, 1], [0, 0, 0, 0], {}, 0.5),
    ("precision", [1, 1, 0, 0], [1, 0, 0, 0], {"average": "binary"}, 1.0),
    ("recall", [1, 1, 0, 0], [1, 0, 0, 0], {"average": "binary"}, 0.5),
    ("recall", ["n", "y", "y"], ["n", "y", "n"], {"average": "binary", "positive": "y"}, 0.5),
    ("f1", [0, 1, 2, 2], [0, 2, 2, 2], {}, (1 + 0 + 0.8) / 3),
    ("f1", [0, 1, 2, 2], [0, 2, 2, 2], {"average": "micro"}, 0.75),
    ("f1", [0, 1, 2, 2], [0, 2, 2, 2], {"average": "weighted"}, (1 + 0 + 1.6) / 4),
    ("f1", [0, 1, 2, 2], [0, 2, 2, 2], {"labels": [2, 5]}, 0.4),
    ("log_loss", ["n", "y"], [0.25, 0.25], {}, -(math.log(0.75) + math.log(0.25)) / 2),
    ("log_loss", ["y"], [[1.0, 0.0]], {"labels": ["n", "y"]}, -math.log(1e-15)),
    ("auc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], {}, 0.75),
    ("auc", [0, 1], [0.5, 0.5], {}, 0.5),
    ("mse", [1.0, 2.0], [1.0, 4.0], {}, 2.0),
    ("mse", [[1.0], [2.0, 3.0]], [[1.0], [2.0, 6.0]], {}, 3.0),
    ("rmse", [0.0, 0.0], [3.0, 3.0], {}, 3.0),
    ("mae", [[0, 0], [0, 0]], [[1, -1], [2, 0]], {}, 1.0),
    ("mape", [2.0, -4.0], [1.0, -4.0], {}, 25.0),
    ("smape", [100.0, 0.0], [50.0, 0.0], {}, 100 / 3),
    ("smape", [1.0], [-1.0], {}, 200.0),
    ("mase", [5.0, 6.0], [5.0, 7.0], {"history": [1.0, 2.0, 3.0, 4.0]}, 0.5),
    ("mase", [5.0], [7.0], {"history": [1.0, 9.0, 2.0, 10.0], "period": 2}, 2.0),
    ("mase", [[5.0], [5.0]], [[6.0], [5.0]], {"history": [[1.0, 2.0], [1.0, 2.0, 3.0]]}, 0.5),
    ("r2", [1.0, 2.0, 3.0], [1.0, 2.0, 4.0], {}, 0.5),
    ("r2", [1.0, 1.0], [1.0, 1.0], {}, 1.0),
    ("r2", [1.0, 1.0], [1.0, 2.0], {}, 0.0),
    ("pinball", [10.0, 10.0], [8.0, 12.0], {"quantile": 0.9}, (1.8 + 0.2) / 2),
    ("pinball", [10.0], [[8.0, 12.0]], {"quantile": [0.1, 0.9]}, 0.2),
    ("interval_width", [0.0, 0.0], [[0.0, 1.0], [-1.0, 2.0]], {}, 2.0),
    ("gaussian_nll", [1.0], ([0.0], [2.0]), {}, 0.125 + math.log(2) + 0.5 * math.log(2 * math.pi)),
    ("crps", [3.0], [[0.0, 1e-13]], {}, 3.0),
    ("nats", [0, 1], HALF, {}, math.log(2)),
    ("nats", [0, -100], HALF, {}, math.log(2)),
    ("nats", [[0], [1, 1]], [np.log([[0.5, 0.5]]), np.log([[0.75, 0.25]] * 2)], {"log": True}, math.log(32) / 3),
    ("nats", [1], [[1.0, 0.0]], {}, math.inf),
    ("bits", [0, 1], HALF, {}, 1.0),
    ("perplexity", [0, 1], HALF, {}, 2.0),
    ("hit_rate", ["tea", "rum"], [["ale", "tea"], ["ale", "tea"]], {"k": 2}, 0.5),
    ("hit_rate", ["tea"], [["ale", "tea"]], {"k": 1}, 0.0),
    ("hit_rate", [2, 0], np.array([[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]]), {"k": 1}, 0.5),
    ("hit_rate", [0], np.array([[0.5, 0.5, 0.5]]), {"k": 2}, 0.0),
    ("mrr", ["tea", "rum", "gin"], [["ale", "tea"], ["rum"], []], {}, 0.5),
    ("mrr", ["tea"], [["ale", "tea"]], {"k": 1}, 0.0),
    ("mrr", [{"tea", "rum"}], [["ale", "rum", "tea"]], {}, 0.5),
    ("ndcg", ["tea"], [["ale", "tea"]], {}, 1 / math.log2(3)),
    ("ndcg", [["tea", "ale"]], [["ale", "tea"]], {}, 1.0),
    ("ndcg", [["a", "b", "c"]], [["a"]], {"k": 1}, 1.0),
    ("exact_match", ["a b", ["x", "y"]], ["a b", ["x"]], {}, 0.5),
    ("exact_match", [np.array([1, 2])], [[1, 2]], {}, 1.0),
    ("edit_distance", ["kitten", ""], ["sitting", "ab"], {}, 2.5),
    ("edit_distance", ["a b c"], ["a c"], {"unit": "word"}, 1.0),
    ("character_error_rate", ["abcd", "ab"], ["abc", "abc"], {}, 2 / 6),
    ("word_error_rate", ["walk to the left"], ["walk the left"], {}, 0.25),
    ("word_error_rate", ["a"], ["b c d"], {}, 3.0),
    ("token_f1", ["the cat sat", ""], ["the dog sat", ""], {}, (2 / 3 + 1) / 2),
    ("bleu", ["a b c d"], ["a b c d"], {}, 1.0),
    ("bleu", ["a b c d e"], ["a b c d"], {}, math.exp(1 - 5 / 4)),
    ("bleu", ["a b c"], ["a b c"], {}, 0.0),
    ("bleu", ["a b x d"], ["a b c d"], {"order": 2}, math.sqrt(3 / 4 * 1 / 3)),
    ("bleu", ["a a"], ["a a a a"], {"order": 1}, 0.5),
    ("bleu", [["a b c", "a b x d"]], ["a b x"], {"order": 1, "several": True}, 1.0),
    ("bleu", ["a b x d"], ["a b c d"], {"smooth": True}, (3 / 4 * 2 / 4 * 1 / 3 * 1 / 2) ** 0.25),
    ("bleu", ["a b c d", "q"], ["a b c d", "r"], {"order": 1}, 0.8),
    ("span_f1", [["B-A", "I-A", "O"]], [["B-A", "O", "O"]], {}, 0.0),
    ("span_f1", [["B-A", "O"], ["B-B", "B-B"]], [["B-A", "B-A"], ["B-B", "O"]], {}, 2 / 3),
    ("span_f1", [["O"]], [["O"]], {}, 1.0),
    ("span_precision", [["B-A", "O"]], [["B-A", "B-A"]], {}, 0.5),
    ("span_recall", [["B-A", "B-A"]], [["B-A", "O"]], {}, 0.5),
    ("span_f1", [["B-A", "M-A", "E-A", "S-B"]], [["B-A", "M-A", "E-A", "O"]], {"scheme": "BMES"}, 2 / 3),
    ("anomaly_f1", [(0, 2), (5, 8)], [1, 3], {}, 0.5),
]


@pytest.mark.parametrize(("name", "true", "pred", "options", "expected"), CASES)
def test_by_hand(name: str, true: Any, pred: Any, options: dict[str, Any], expected: float) -> None:
    found = metrics.get(name)(true, pred, **options)
    assert type(found) is float and found == pytest.approx(expected, rel=1e-12)


def test_every_metric_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(metrics.names())
    assert rl.metrics.get("mse") is metrics.mse


def test_which_way_is_better() -> None:
    perfect = {"accuracy": True, "mse": False, "r2": True, "bleu": True, "nats": False, "mrr": True, "smape": False}
    assert {name: metrics.greater_is_better(name) for name in perfect} == perfect
    assert all(isinstance(metrics.greater_is_better(name), bool) for name in metrics.names())


def test_confusion() -> None:
    true, pred = ["a", "b", "b", "c"], ["a", "b", "a", "b"]
    assert metrics.confusion_matrix(true, pred).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert metrics.confusion_matrix(true, pred, labels=["b", "z", "a"]).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


def test_coverage() -> None:
    assert metrics.coverage([1.0, 2.0, 3.0], [[0, 1], [2, 2], [4, 5]]) == pytest.approx(2 / 3)


def test_crps_is_the_integral() -> None:
    """CRPS is the integral of (F(z) - [z >= y])^2."""
    grid = np.linspace(-30, 30, 60001)
    below = np.array([0.5 * (1 + math.erf((z - 1) / (2 * math.sqrt(2)))) for z in grid])
    integral = float((((below - (grid >= 3.5)) ** 2) * (grid[1] - grid[0])).sum())
    assert metrics.crps([3.5], ([1.0], [2.0])) == pytest.approx(integral, abs=1e-3)


def test_levenshtein_is_the_usual_table() -> None:
    random = np.random.Generator(np.random.PCG64(0))

    def slow(a: str, b: str) -> int:
        row = list(range(len(b) + 1))
        for i, token in enumerate(a, 1):
            last, row[0] = row[0], i
            for j, other in enumerate(b, 1):
                last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (token != other))
        return row[-1]

    for _ in range(200):
        a, b = ("".join(random.choice(list("abc"), random.integers(0, 9))) for _ in range(2))
        assert metrics.levenshtein(a, b) == slow(a, b), (a, b)


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("BIO", "B-A I-A B-A O", [(0, 2, "A"), (2, 3, "A")]),
        ("BIO", "O I-A I-B", [(1, 2, "A"), (2, 3, "B")]),
        ("BIO", "B-A I-A", [(0, 2, "A")]),
        ("BMES", "B-A E-A S-A", [(0, 2, "A"), (2, 3, "A")]),
        ("BMES", "B-A M-A O E-A", []),
        ("BMES", "B-A M-B E-A", []),
        ("BMES", "B-A B-A I-A E-A", [(1, 4, "A")]),
        ("BMES", "M-A E-A B-A", []),
    ],
)
def test_spans(scheme: str, tags: str, expected: list[Any]) -> None:
    assert metrics.spans(tags.split(), scheme=scheme) == expected


def test_anomaly_windows() -> None:
    windows = [(10, 20), (50, 60)]
    assert metrics.anomaly_windows(windows, [12, 13, 30, 31]) == (2, 1, 4, 2)
    assert metrics.anomaly_windows(windows, [12, 13, 30, 31], merge=1) == (2, 1, 2, 1)
    assert metrics.anomaly_windows(windows, [19, 20, 49], merge=0) == (2, 1, 3, 2), "the end is not in the window"
    assert metrics.anomaly_windows(windows, [19, 21], merge=2) == (2, 1, 1, 0), "an alarm that reaches in is inside"
    assert metrics.anomaly_windows(windows, []) == (2, 0, 0, 0)
    true, pred = np.zeros(100, bool), np.zeros(100, bool)
    true[10:20] = true[50:60] = pred[[15, 55, 70]] = True
    score = metrics.anomaly_windows(true, pred)
    assert score == (2, 2, 3, 1) and (score.recall, score.precision, score.f1) == (1.0, pytest.approx(2 / 3), 0.8)


ERRORS: list[tuple[str, Any, Any, dict[str, Any], str]] = [
    ("mse", [1.0, 2.0], [[1.0], [2.0]], {}, r"y_pred must have the shape of y_true, \[2\], got \[2, 1\]"),
    ("mse", [], [], {}, "y_true must hold at least one value"),
    ("mse", [1.0], [math.nan], {}, r"y_pred must be finite, got nan at \[0\]"),
    ("mse", ["a"], [1.0], {}, r"y_true must be numbers, got \['a'\]"),
    ("mse", [[1.0], [1.0, 2.0]], [[1.0, 2.0], [1.0]], {}, r"y_pred\[0\] must have 1 steps"),
    ("mape", [0.0], [1.0], {}, "y_true must not hold 0 for mape"),
    ("mase", [1.0], [1.0], {"history": [2.0]}, "history must be a series of more than 1 steps"),
    ("mase", [1.0], [1.0], {"history": [2.0, 2.0]}, "history must change over a period of 1"),
    ("mase", [[1.0]], [[1.0]], {"history": [[1.0, 2.0]] * 2}, "history must hold 1 series"),
    ("pinball", [1.0], [1.0], {"quantile": 1.0}, r"quantile must be in \(0, 1\), got 1.0"),
    (
        "pinball",
        [1.0],
        [1.0],
        {"quantile": [0.1]},
        r"y_pred must have shape \[1, 1\], a number for each quantile, got \[1\]",
    ),
    ("interval_width", [1.0], [[2.0, 1.0]], {}, "y_pred must have lower <= upper, got 2.0 and 1.0"),
    ("interval_width", [1.0], [1.0], {}, r"a tuple \(lower, upper\) or an array of shape \[1, 2\]"),
    ("crps", [1.0], [[1.0, 0.0]], {}, "standard deviations above 0, got 0.0"),
    ("accuracy", [0, 1], ["0", "1"], {}, "y_pred must hold labels of the kind of y_true, such as 0, got '0'"),
    ("accuracy", [0, 1], [0], {}, "y_pred must have 2 labels"),
    ("accuracy", [["a", "b"], ["c"]], [["a"], ["b", "c"]], {}, r"y_pred\[0\] must have 2 steps"),
    ("accuracy", np.zeros((2, 1)), np.zeros(2), {}, r"y_pred must have the shape of y_true, \[2, 1\], got \[2\]"),
    ("accuracy", "abc", "abc", {}, "y_true must be a list with an item for each sample, got 'abc'"),
    ("accuracy", [0, None], [0, 0], {}, "y_true must hold labels, got None"),
    ("f1", [0, 1, 2], [0, 1, 2], {"average": "binary"}, "average='binary' needs two labels"),
    ("f1", [0, 2], [0, 2], {"average": "binary"}, "positive must be one of the labels"),
    ("f1", [0], [0], {"average": "mean"}, "average must be 'macro' or 'micro'"),
    ("f1", [0], [0], {"labels": [1, 1]}, "labels must be different"),
    ("log_loss", ["a", "b"], [[0.9, 0.9], [1.0, 0.0]], {}, "y_pred must be probabilities"),
    ("log_loss", ["a", "b"], [[1.0], [1.0]], {}, "labels says what the columns are"),
    ("log_loss", ["c"], [[0.5, 0.5]], {"labels": ["a", "b"]}, "y_true must hold only the labels"),
    ("log_loss", ["a", "b"], [0.5, 0.5], {"least": 0}, "least must be above 0"),
    ("auc", [1, 1], [0.5, 0.5], {"labels": [0, 1]}, "y_true must hold both sides"),
    ("nats", [0], [[0.5, 0.2]], {}, "whose sum is 1, got a row with the sum 0.7"),
    ("nats", [2], [[0.5, 0.5]], {}, "y_true must be tokens from 0 to 1, got 2 to 2"),
    ("nats", [0.5], [[0.5, 0.5]], {}, "y_true must be whole numbers, got 0.5"),
    ("nats", [0], [0.5, 0.5], {}, r"y_pred must have shape \[1, V\], V probabilities each, got \[2\]"),
    ("nats", [-100], [[0.5, 0.5]], {}, "y_true must hold at least one value"),
    ("hit_rate", [1], [[1]], {"k": 0}, "k must be at least 1, got 0"),
    ("hit_rate", [1, 2], [[1]], {}, "y_pred must have 2 samples"),
    ("hit_rate", [1], ["tea"], {}, r"y_pred\[0\] must be a ranking"),
    ("mrr", [1], [[2, 2]], {}, "must rank each item once"),
    ("ndcg", [[]], [[2]], {}, r"y_true\[0\] must hold at least one item"),
    ("ndcg", [3], np.zeros((1, 2)), {}, "items from 0 to 1, the columns of y_pred, got 3"),
    ("exact_match", [1], [1], {}, r"y_true\[0\] must be a string or a list of tokens, got 1"),
    ("edit_distance", ["a"], ["a"], {"unit": "letter"}, "unit must be 'character' or 'word', got 'letter'"),
    ("word_error_rate", [""], ["a"], {}, "at least one token"),
    ("bleu", ["a"], ["a"], {"order": 0}, "order must be at least 1"),
    ("bleu", [[]], ["a"], {"several": True}, "at least one right answer"),
    ("span_f1", ["B-A"], ["B-A"], {}, "y_true must be a list of sequences of tags, got one sequence"),
    ("span_f1", [["X-A"]], [["O"]], {}, r"tags\[0\] must be O or one of BI with a kind, such as 'B-NAME', got 'X-A'"),
    ("span_f1", [["O"]], [["O"]], {"scheme": "IO"}, "scheme must be 'BIO' or 'BMES', got 'IO'"),
    ("anomaly_f1", [(3, 3)], [1], {}, "0 <= begin < end"),
    ("anomaly_f1", [1, 2, 3], [1], {}, r"windows \[W, 2\], got shape \[3\]"),
    ("anomaly_f1", np.zeros(3, bool), np.zeros(4, bool), {}, "y_pred must have 3 steps"),
    ("anomaly_f1", [(1, 2)], [-1], {}, "steps from 0 on"),
]


@pytest.mark.parametrize(("name", "true", "pred", "options", "message"), ERRORS)
def test_errors_are_sentences(name: str, true: Any, pred: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        metrics.get(name)(true, pred, **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("msee", "name must be one of .*mse.*; got 'msee'"),
        ("coverage", "as large as promised"),
        (3, "must be the name"),
    ],
)
def test_names_that_are_none(name: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        metrics.get(name)
    with pytest.raises((ValueError, TypeError), match=message):
        metrics.greater_is_better(name)
