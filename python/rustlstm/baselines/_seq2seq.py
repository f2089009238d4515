"""Baselines for sequence to sequence: give back what was asked, or the answer to the most similar question."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import metrics
from .._options import choice, count
from ..metrics._text import edit_distances
from ._base import Baseline, same_length
from ._tokens import Tokens, samples, tokens

Index: TypeAlias = npt.NDArray[np.int64]


class CopyInput(Baseline):
    """The answer is the question.

    >>> CopyInput().fit(["ab"], ["ba"]).predict(["cd"])
    ['cd']
    """

    def fit(self, X: Any, y: Any = None) -> CopyInput:
        """Learn nothing; that there are as many answers as questions is checked."""
        X = samples("X", X)
        if y is not None:
            same_length(X, y)
        self.samples_ = len(X)
        return self

    def predict(self, X: Any) -> list[Any]:
        """Return the sequences as they are."""
        self._fitted()
        return list(samples("X", X))

    def score(self, X: Any, y: Any) -> float:
        """Return the share of answers that are right in every token."""
        return metrics.exact_match(y, self.predict(X))


class NearestNeighbour(Baseline):
    """The answer to the most similar question of ``fit``; of equally similar ones to the first.

    This is for small sets: each question is compared with all of ``fit``, thousands at most.

    Args:
        similarity: "edit" counts the edits that make one question of the other; "ngrams" the n-grams, of one token to
            n, that both have, out of all that either has.
        n: tokens of the longest n-grams.
        unit: how strings are cut: "character", "word" (at white space), or None: "word" if a question of ``fit`` has
            white space.

    >>> model = NearestNeighbour().fit(["jump twice", "walk left"], ["J J", "L W"])
    >>> model.predict(["run left"])
    ['L W']
    """

    def __init__(self, similarity: str = "edit", *, n: int = 2, unit: str | None = None) -> None:
        self.similarity = similarity
        self.n = n
        self.unit = unit

    def fit(self, X: Any, y: Any) -> NearestNeighbour:
        """Keep questions and answers.

        Args:
            X: N strings, or N sequences of tokens.
            y: N answers, of any kind.
        """
        choice("similarity", self.similarity, "edit", "ngrams")
        count("n", self.n)
        X = samples("X", X)
        same_length(X, y)
        if self.unit is None:
            spaced = any(isinstance(row, str) and len(row.split()) > 1 for row in X)
            self.unit_ = "word" if spaced else "character"
        else:
            self.unit_ = choice("unit", self.unit, "character", "word")
        rows = [tokens(f"X[{at}]", row, self.unit_) for at, row in enumerate(X)]
        self._index = {token: at for at, token in enumerate(dict.fromkeys(token for row in rows for token in row))}
        self.answers_ = list(y)
        self._lengths = np.array([len(row) for row in rows], np.int64)
        self._padded = np.full((len(rows), int(self._lengths.max(initial=0))), -1, np.int64)
        for at, row in enumerate(rows):
            self._padded[at, : len(row)] = self._numbers(row)
        self._grams: dict[tuple[Any, ...], list[tuple[int, int]]] = {}  # by n-gram: which questions have it, how often
        self._sizes = np.zeros(len(rows))
        if self.similarity == "ngrams":
            for at, row in enumerate(rows):
                for gram, times in self._counted(row).items():
                    self._grams.setdefault(gram, []).append((at, times))
                    self._sizes[at] += times
        return self

    def predict(self, X: Any) -> list[Any]:
        """Return the answers of the most similar questions."""
        self._fitted()
        rows = [tokens(f"X[{at}]", row, self.unit_) for at, row in enumerate(samples("X", X))]
        return [self.answers_[self._nearest(row)] for row in rows]

    def score(self, X: Any, y: Any) -> float:
        """Return the share of answers that are right in every token."""
        return metrics.exact_match(y, self.predict(X))

    def _nearest(self, row: Tokens) -> int:
        if self.similarity == "edit":
            return int(edit_distances(self._numbers(row), self._padded, self._lengths).argmin())
        shared = np.zeros(len(self.answers_))
        counted = self._counted(row)
        for gram, times in counted.items():
            for at, there in self._grams.get(gram, ()):
                shared[at] += min(times, there)
        either = self._sizes + sum(counted.values()) - shared
        return int((shared / np.maximum(either, 1)).argmax())

    def _numbers(self, row: Tokens) -> Index:
        """Return the numbers of tokens; those that are new have numbers that no question has."""
        new = len(self._index)
        return np.array([self._index.get(token, new) for token in row], np.int64)

    def _counted(self, row: Tokens) -> Counter[tuple[Any, ...]]:
        sizes = range(1, self.n + 1)
        return Counter(tuple(row[at : at + size]) for size in sizes for at in range(len(row) - size + 1))
