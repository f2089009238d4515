"""How well the next token was foretold, from its probability.

``y_pred`` has an axis more than ``y_true``: the probabilities of all V tokens, or with ``log=True`` their logarithms.
A true token of -100 is padding and does not count, as in ``losses.cross_entropy``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._options import flag
from ._checks import IGNORED, filled, integers, numbers, rows


def nats(y_true: Any, y_pred: Any, *, log: bool = False) -> float:
    """Return the mean negative log probability of the true tokens, in nats for each token.

    Args:
        y_true: whole numbers [...], from 0 to V - 1; or a list of sequences [T_n].
        y_pred: [..., V]; or a list of [T_n, V].
        log: whether y_pred holds logarithms of probabilities.

    Returns:
        Infinity where a true token was held to be impossible.

    >>> round(nats([0, 1], [[0.5, 0.5], [0.75, 0.25]]), 6)
    1.039721
    """
    log = flag("log", log)
    if isinstance(y_pred, (list, tuple)) and len({np.shape(row)[:1] for row in y_pred}) > 1:
        if len(rows("y_true", y_true)) != len(y_pred):
            raise ValueError(f"y_pred must hold {len(y_true)} sequences, as y_true does, got {len(y_pred)}")
        pieces = [_each(f"[{at}]", *pair, log) for at, pair in enumerate(zip(y_true, y_pred, strict=True))]
        found = np.concatenate(pieces)
    else:
        found = _each("", y_true, y_pred, log)
    filled(len(found))
    return float(-np.mean(found))


def bits(y_true: Any, y_pred: Any, *, log: bool = False) -> float:
    """Return the bits for each token: ``nats`` over log 2; arguments as there."""
    return nats(y_true, y_pred, log=log) / math.log(2)


def perplexity(y_true: Any, y_pred: Any, *, log: bool = False) -> float:
    """Return the exponential of ``nats``: among how many equal choices one seems to choose; arguments as there."""
    return float(np.exp(nats(y_true, y_pred, log=log)))


def _each(where: str, y_true: Any, y_pred: Any, log: bool) -> Any:
    """Return the log probability of each true token that counts."""
    true, pred = integers(f"y_true{where}", y_true), numbers(f"y_pred{where}", y_pred, finite=not log)
    if pred.ndim != true.ndim + 1 or pred.shape[:-1] != true.shape:
        axes = "".join(f"{extent}, " for extent in true.shape)
        raise ValueError(f"y_pred{where} must have shape [{axes}V], V probabilities each, got {list(pred.shape)}")
    size = pred.shape[-1]
    flat, rows_ = true.reshape(-1), pred.reshape(-1, size)
    flat, rows_ = flat[flat != IGNORED], rows_[flat != IGNORED]
    if len(flat) and not (flat.min() >= 0 and flat.max() < size):
        raise ValueError(f"y_true{where} must be tokens from 0 to {size - 1}, got {flat.min()} to {flat.max()}")
    total = np.exp(rows_).sum(axis=1) if log else rows_.sum(axis=1)
    if (not log and (rows_ < 0).any()) or not (abs(total - 1) <= 1e-3).all():
        kind = "logarithms of probabilities" if log else "probabilities (or log=True, their logarithms)"
        raise ValueError(f"y_pred{where} must be {kind}, whose sum is 1, got a row with the sum {_worst(total):.4g}")
    chosen = rows_[np.arange(len(flat)), flat]
    if log:
        return chosen
    return np.log(chosen, out=np.full(len(flat), -np.inf), where=chosen > 0)


def _worst(total: Any) -> float:
    return float(total[np.argmax(abs(total - 1))])
