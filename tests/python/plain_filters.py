"""The filters once more: one row at a time, in numpy's float64, as their papers say it. For the tests.

Each function returns the new logits and the tokens about which rounding may decide: those within ``CLOSE`` of a border.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rustlstm import sampling
from rustlstm.sampling import Filter

Row = npt.NDArray[Any]
CLOSE = 2e-6


def softmax(x: Row) -> Row:
    power = np.exp(np.asarray(x, np.float64) - np.max(x))
    return power / power.sum()


def log_softmax(x: Row) -> Row:
    shifted = np.asarray(x, np.float64) - np.max(x)
    return shifted - np.log(np.exp(shifted).sum())


def keep(x: Row, kept: Any) -> Row:
    """Keep these tokens, or the best one if that leaves none."""
    mask = np.zeros(len(x), bool)
    mask[kept] = True
    if not (mask & (x > -np.inf)).any():
        mask[:] = False
        mask[np.argmax(x)] = True
    return np.where(mask, x, np.float32(-np.inf))


def all_but(x: Row, gone: Any) -> Row:
    mask = np.ones(len(x), bool)
    mask[gone] = False
    return keep(x, mask)


def mass(x: Row, order: Row, p: float) -> tuple[Row, Row]:
    """Keep the first tokens of an order up to the one with which their probabilities reach p."""
    order = order[x[order] > -np.inf]
    before = np.cumsum(np.append(0.0, softmax(x)[order]))[:-1]
    return keep(x, order[before < p]), order[abs(before - p) < CLOSE]


def apply(filter: Filter, x: Row, history: list[int], drawn: int, ends: list[int]) -> tuple[Row, Any]:
    """Return new logits, and tokens that may be in or out."""
    f: Any = filter
    x = np.asarray(x, np.float32)
    tokens, sure = np.arange(len(x)), np.array([], int)
    window = getattr(f, "window", None)
    counted = history if window is None else history[max(0, len(history) - window) :]
    counts = np.bincount(np.array(counted, int), minlength=len(x))
    match f:
        case sampling.Greedy():
            return keep(x, [int(np.argmax(x))]), sure
        case sampling.Temperature():
            value = f.value
            if f.until is not None:
                value = f.value + (f.until - f.value) * min(drawn / f.over, 1.0)
            return x / np.float32(value), sure
        case sampling.TopK():
            return keep(x, np.lexsort([tokens, -x])[: f.k]), sure
        case sampling.TopP():
            return mass(x, np.lexsort([tokens, -x]), f.p)
        case sampling.MinP():
            share = np.exp(np.asarray(x, np.float64) - x.max())
            return keep(x, share >= f.p), tokens[abs(share - f.p) < CLOSE * f.p]
        case sampling.Typical():
            p, log_p = softmax(x), log_softmax(x)
            entropy = -(p[p > 0] * log_p[p > 0]).sum()
            far = abs(-log_p - entropy)
            kept, close = mass(x, np.lexsort([tokens, far]), f.p)
            # Two that are equally far from the entropy, one on each side of it, may change places.
            last = int(np.argmax(np.where(kept > -np.inf, far, -1.0)))
            rivals = tokens[(abs(far - far[last]) < CLOSE * (1 + far[last])) & (x != x[last])]
            return kept, np.concatenate([close, rivals, [last] if len(rivals) else []]).astype(int)
        case sampling.RepetitionPenalty():
            factor = np.float32(f.factor)
            return np.where(counts > 0, np.where(x > 0, x / factor, x * factor), x), sure
        case sampling.FrequencyPenalty():
            return x - np.float32(f.amount) * counts.astype(np.float32), sure
        case sampling.PresencePenalty():
            return x - np.float32(f.amount) * (counts > 0).astype(np.float32), sure
        case sampling.NoRepeat():
            runs = [history[at : at + f.n] for at in range(len(history) - f.n + 1)]
            tail = history[len(history) - f.n + 1 :]
            return all_but(x, [run[-1] for run in runs if run[:-1] == tail]), sure
        case sampling.Ban():
            return all_but(x, f.tokens), sure
        case sampling.Force():
            place = drawn - f.at
            if not 0 <= place < len(f.tokens):
                return x, sure
            token = f.tokens[place]
            forced = np.full_like(x, -np.inf)
            forced[token] = x[token] if x[token] > -np.inf else 0.0
            return forced, sure
        case sampling.Bias():
            biased = x.copy()
            for token, amount in f.amounts.items():
                biased[token] += np.float32(amount)
            return biased, sure
        case sampling.MinLength():
            return (all_but(x, ends), sure) if drawn < f.n else (x, sure)
        case sampling.MaxLength():
            return (keep(x, ends), sure) if drawn >= f.n else (x, sure)
    raise AssertionError(f"no plain version of {filter}")


def apply_all(filters: list[Filter], x: Row, history: list[int], drawn: int, ends: list[int]) -> Row:
    for filter in filters:
        x, _ = apply(filter, x, history, drawn, ends)
    return x
