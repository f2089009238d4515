"""How high the right items stand in what was recommended.

``y_true`` has for each sample the item that came, or a list or set of several that are right. ``y_pred`` has for each
sample a ranking, the best item first; or it is a float array [N, V] of scores, whose columns are the items 0 to V - 1.
Among equal scores the right item counts as the last, so that nobody gains by giving all items the same score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._options import count
from ._checks import row_pair


def hit_rate(y_true: Any, y_pred: Any, *, k: int = 10) -> float:
    """Return the share of samples with a right item among the first k (HR@k).

    Args:
        y_true: N items, or N lists of items.
        y_pred: N rankings, or [N, V] scores.
        k: how many places count.

    >>> hit_rate(["tea", "rum"], [["tea", "ale"], ["ale", "tea"]], k=2)
    0.5
    """
    k = count("k", k)
    return _mean(y_true, y_pred, k, lambda places, _: float(places.size > 0 and places[0] <= k))


def mrr(y_true: Any, y_pred: Any, *, k: int | None = None) -> float:
    """Return the mean of 1 / place of the first right item, 0 where there is none among the first k (or all)."""
    k = None if k is None else count("k", k)
    return _mean(y_true, y_pred, k, lambda places, _: 1 / float(places[0]) if places.size else 0.0)


def ndcg(y_true: Any, y_pred: Any, *, k: int = 10) -> float:
    """Return the normalised discounted gain of the first k: 1 where all right items stand first.

    Arguments as in ``hit_rate``; an item on place r gains 1 / log2(r + 1).

    >>> round(ndcg(["tea"], [["ale", "tea"]]), 6)
    0.63093
    """
    k = count("k", k)

    def gain(places: Any, right: int) -> float:
        best = np.arange(1, min(right, k) + 1)
        return float((1 / np.log2(places + 1)).sum() / (1 / np.log2(best + 1)).sum())

    return _mean(y_true, y_pred, k, gain)


def _mean(y_true: Any, y_pred: Any, k: int | None, value: Callable[[Any, int], float]) -> float:
    true, pred = row_pair(y_true, y_pred)
    scores = isinstance(pred, np.ndarray) and pred.dtype.kind == "f"
    if scores and np.ndim(pred) != 2:
        raise ValueError(f"y_pred must be rankings or scores [N, V], got shape {list(np.shape(pred))}")
    total = 0.0
    for at, (right, row) in enumerate(zip(true, pred, strict=True)):
        wanted = _several(right)
        if not wanted:
            raise ValueError(f"y_true[{at}] must hold at least one item, got none")
        places = _by_score(at, wanted, row) if scores else _by_rank(at, wanted, row)
        total += value(places if k is None else places[places <= k], len(wanted))
    return total / len(true)


def _several(right: Any) -> set[Any]:
    if isinstance(right, np.ndarray) and right.ndim > 0:
        return set(right.tolist())
    if isinstance(right, (list, tuple, set, frozenset)):
        return {item.item() if isinstance(item, np.generic) else item for item in right}
    return {right.item() if isinstance(right, (np.generic, np.ndarray)) else right}


def _by_rank(at: int, wanted: set[Any], row: Any) -> Any:
    if isinstance(row, (str, bytes)) or not hasattr(row, "__len__"):
        raise TypeError(f"y_pred[{at}] must be a ranking of items, the best first, got {row!r}")
    ranking = row.tolist() if isinstance(row, np.ndarray) else list(row)
    if len(set(ranking)) != len(ranking):
        raise ValueError(f"y_pred[{at}] must rank each item once, got one twice")
    return np.array([place for place, item in enumerate(ranking, 1) if item in wanted], np.int64)


def _by_score(at: int, wanted: set[Any], row: Any) -> Any:
    if not np.isfinite(row).all():
        raise ValueError(f"y_pred[{at}] must be finite")
    for item in wanted:
        if not isinstance(item, int) or not 0 <= item < len(row):
            raise ValueError(
                f"y_true[{at}] must be items from 0 to {len(row) - 1}, the columns of y_pred, got {item!r}"
            )
    right = np.zeros(len(row), bool)
    right[sorted(wanted)] = True
    order = np.lexsort((right, -row))  # among equal scores the wrong ones come first
    return np.flatnonzero(right[order]) + 1
