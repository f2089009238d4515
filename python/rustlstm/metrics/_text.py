"""How like the right answer a written one is: texts, or lists of tokens.

A string is cut to characters or, where a metric is about words, at white space; a list counts as tokens already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from .._options import choice, count, flag
from ._checks import Index, row_pair

Tokens = Sequence[Hashable]


def exact_match(y_true: Any, y_pred: Any) -> float:
    """Return the share of answers that are right in every token.

    Args:
        y_true: N strings or N lists of tokens.
        y_pred: the same.

    >>> exact_match(["jump", "walk left"], ["jump", "walk"])
    0.5
    """
    return _mean(y_true, y_pred, "character", lambda true, pred: float(true == pred))


def edit_distance(y_true: Any, y_pred: Any, *, unit: str = "character") -> float:
    """Return how many insertions, deletions and replacements make an answer right, as a mean over the answers.

    Args:
        y_true: N strings or N lists of tokens.
        y_pred: the same.
        unit: how strings are cut, "character" or "word".

    >>> edit_distance(["kitten"], ["sitting"])
    3.0
    """
    return _mean(y_true, y_pred, unit, lambda true, pred: float(levenshtein(true, pred)))


def character_error_rate(y_true: Any, y_pred: Any) -> float:
    """Return all edits over all characters of the right answers; arguments as in ``edit_distance``.

    It may be above 1: an answer may be longer than the right one.
    """
    return _error_rate(y_true, y_pred, "character")


def word_error_rate(y_true: Any, y_pred: Any) -> float:
    """Return all edits of words over all words of the right answers; arguments as in ``edit_distance``.

    >>> word_error_rate(["walk to the left"], ["walk the left"])
    0.25
    """
    return _error_rate(y_true, y_pred, "word")


def token_f1(y_true: Any, y_pred: Any, *, unit: str = "word") -> float:
    """Return the harmonic mean of precision and recall of tokens whatever their order, as a mean over the answers.

    Arguments as in ``edit_distance``. Two empty answers are alike: 1.

    >>> token_f1(["the cat sat"], ["the dog sat"])
    0.6666666666666666
    """

    def score(true: Tokens, pred: Tokens) -> float:
        if not true and not pred:
            return 1.0
        return 2 * (Counter(true) & Counter(pred)).total() / (len(true) + len(pred))

    return _mean(y_true, y_pred, unit, score)


def bleu(
    y_true: Any, y_pred: Any, *, order: int = 4, unit: str = "word", several: bool = False, smooth: bool = False
) -> float:
    """Return corpus BLEU, 0 to 1: the geometric mean of n-gram precisions, times a penalty for brevity.

    Args:
        y_true: N right answers, strings or lists of tokens; with ``several`` a list of right answers for each.
        y_pred: N answers.
        order: the longest n-grams that count.
        unit: how strings are cut, "word" or "character".
        several: whether each item of y_true is a list of answers that are all right.
        smooth: add one to the counts of n-grams of two tokens and more, so that short texts do not come to 0.

    >>> bleu(["the cat sat on the mat"], ["the cat sat on the mat"])
    1.0
    >>> round(bleu(["the cat sat on the mat"], ["the cat sat on mat"]), 6)
    0.57893
    """
    order = count("order", order)
    several, smooth = flag("several", several), flag("smooth", smooth)
    cut = _cutter(unit)
    true, pred = row_pair(y_true, y_pred)
    hits, said = [0] * order, [0] * order
    length = nearest = 0
    for at, (rights, answer) in enumerate(zip(true, pred, strict=True)):
        references = [cut(f"y_true[{at}]", each) for each in (rights if several else [rights])]
        if not references:
            raise ValueError(f"y_true[{at}] must hold at least one right answer, got none")
        tokens = cut(f"y_pred[{at}]", answer)
        length += len(tokens)
        nearest += min((abs(len(each) - len(tokens)), len(each)) for each in references)[1]
        for n in range(1, order + 1):
            grams = _grams(tokens, n)
            most: Counter[Tokens] = Counter()
            for each in references:
                most |= _grams(each, n)
            hits[n - 1] += (grams & most).total()
            said[n - 1] += max(len(tokens) - n + 1, 0)
    add = [int(smooth and n > 0) for n in range(order)]
    if not all(hit + more for hit, more in zip(hits, add, strict=True)):
        return 0.0
    logs = [math.log((hit + more) / (all_ + more)) for hit, all_, more in zip(hits, said, add, strict=True)]
    return math.exp(sum(logs) / order + min(0.0, 1 - nearest / length))


def levenshtein(a: Tokens, b: Tokens) -> int:
    """Return how many insertions, deletions and replacements of single tokens make ``b`` of ``a``.

    >>> levenshtein("kitten", "sitting")
    3
    """
    index: dict[Hashable, int] = {}
    first, second = (np.array([index.setdefault(token, len(index)) for token in each], np.int64) for each in (a, b))
    return int(edit_distances(first, second[None], np.array([len(second)]))[0])


def edit_distances(query: Index, others: Index, lengths: Index) -> Index:
    """Return the edit distance of one sequence from each of many.

    Args:
        query: [Q] numbers of tokens.
        others: [N, T] numbers of tokens, padded.
        lengths: [N], the valid steps of each row.

    Returns:
        [N].
    """
    # One row of the usual table for all others at once. What comes from the left is a running minimum:
    # row[j] = min over i <= j of best[i] + (j - i).
    steps = np.arange(others.shape[1] + 1)
    row = np.broadcast_to(steps, (len(others), len(steps)))
    for token in query.tolist():
        best = row + 1
        np.minimum(best[:, 1:], row[:, :-1] + (others != token), out=best[:, 1:])
        row = np.minimum.accumulate(best - steps, axis=1) + steps
    found: Index = row[np.arange(len(others)), lengths]
    return found


def _cutter(unit: str) -> Callable[[str, Any], Tokens]:
    choice("unit", unit, "character", "word")

    def cut(name: str, given: Any) -> Tokens:
        if isinstance(given, str):
            return given.split() if unit == "word" else given
        if isinstance(given, np.ndarray) and given.ndim == 1:
            found: Tokens = given.tolist()
            return found
        if isinstance(given, (list, tuple, bytes)):
            return list(given)
        raise TypeError(f"{name} must be a string or a list of tokens, got {given!r}")

    return cut


def _mean(y_true: Any, y_pred: Any, unit: str, score: Callable[[Tokens, Tokens], float]) -> float:
    cut = _cutter(unit)
    true, pred = row_pair(y_true, y_pred)
    pairs = enumerate(zip(true, pred, strict=True))
    return sum(score(cut(f"y_true[{at}]", a), cut(f"y_pred[{at}]", b)) for at, (a, b) in pairs) / len(true)


def _error_rate(y_true: Any, y_pred: Any, unit: str) -> float:
    cut = _cutter(unit)
    true, _ = row_pair(y_true, y_pred)
    whole = sum(len(cut(f"y_true[{at}]", each)) for at, each in enumerate(true))
    if not whole:
        raise ValueError("y_true must hold at least one token, got only empty answers")
    return edit_distance(y_true, y_pred, unit=unit) * len(true) / whole


def _grams(tokens: Tokens, n: int) -> Counter[Tokens]:
    return Counter(tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1))
