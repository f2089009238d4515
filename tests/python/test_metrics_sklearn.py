"""The metrics against scikit-learn's, where that is installed; it is needed nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rustlstm import metrics

pytestmark = pytest.mark.once

sk: Any = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

RANDOM = np.random.Generator(np.random.PCG64(1))
TRUE, PRED = RANDOM.integers(0, 4, 300), RANDOM.integers(0, 4, 300)
WORDS = np.array(["ale", "gin", "rum", "tea"])
YES, SURE = RANDOM.integers(0, 2, 300), RANDOM.integers(0, 20, 300) / 20
CHANCES = RANDOM.dirichlet(np.ones(4), 300)
Y, P = RANDOM.normal(3, 1, (300, 2)), RANDOM.normal(3, 1, (300, 2))

CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "accuracy": (lambda: metrics.accuracy(TRUE, PRED), lambda: sk.accuracy_score(TRUE, PRED)),
    "balanced": (lambda: metrics.balanced_accuracy(TRUE, PRED), lambda: sk.balanced_accuracy_score(TRUE, PRED)),
    "confusion": (
        lambda: metrics.confusion_matrix(WORDS[TRUE], WORDS[PRED], labels=["tea", "ale"]),
        lambda: sk.confusion_matrix(WORDS[TRUE], WORDS[PRED], labels=["tea", "ale"]),
    ),
    "log_loss": (lambda: metrics.log_loss(TRUE, CHANCES), lambda: sk.log_loss(TRUE, CHANCES)),
    "auc": (lambda: metrics.auc(YES, SURE), lambda: sk.roc_auc_score(YES, SURE)),
    "auc of four": (lambda: metrics.auc(TRUE, CHANCES), lambda: sk.roc_auc_score(TRUE, CHANCES, multi_class="ovr")),
    "mse": (lambda: metrics.mse(Y, P), lambda: sk.mean_squared_error(Y, P)),
    "mae": (lambda: metrics.mae(Y, P), lambda: sk.mean_absolute_error(Y, P)),
    "mape": (lambda: metrics.mape(Y, P), lambda: 100 * sk.mean_absolute_percentage_error(Y, P)),
    "r2": (lambda: metrics.r2(Y, P), lambda: sk.r2_score(Y, P)),
    "pinball": (lambda: metrics.pinball(Y, P, quantile=0.2), lambda: sk.mean_pinball_loss(Y, P, alpha=0.2)),
    "ndcg": (lambda: metrics.ndcg(TRUE, CHANCES, k=3), lambda: sk.ndcg_score(np.eye(4)[TRUE], CHANCES, k=3)),
    "mrr": (
        lambda: metrics.mrr(TRUE, CHANCES),
        lambda: sk.label_ranking_average_precision_score(np.eye(4)[TRUE], CHANCES),
    ),
    "hit_rate": (
        lambda: metrics.hit_rate(TRUE, CHANCES, k=2),
        lambda: sk.top_k_accuracy_score(TRUE, CHANCES, k=2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_same(name: str) -> None:
    ours, theirs = CASES[name]
    np.testing.assert_allclose(ours(), theirs(), rtol=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("labels", [None, [0, 2]])
def test_precision_recall_f1(average: str, labels: list[int] | None) -> None:
    options: dict[str, Any] = {"average": average, "labels": labels}
    theirs = sk.precision_recall_fscore_support(TRUE, PRED, zero_division=0, **options)[:3]
    ours = [metric(TRUE, PRED, **options) for metric in (metrics.precision, metrics.recall, metrics.f1)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_binary() -> None:
    theirs = sk.precision_recall_fscore_support(YES, SURE > 0.4, average="binary")[:3]
    ours = [m(YES, SURE > 0.4, average="binary") for m in (metrics.precision, metrics.recall, metrics.f1)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
