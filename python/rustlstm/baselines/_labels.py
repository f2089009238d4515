"""Baselines for labels: of a whole sequence, and of each of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .. import metrics
from .._options import count, flag, positive
from ..metrics._labels import sorted_labels
from ._base import Baseline, same_length
from ._tokens import Tokens, samples, short, tokens, words

Floats: TypeAlias = npt.NDArray[np.float64]
Self = TypeVar("Self", bound="LabelBaseline")


class LabelBaseline(Baseline):
    """Gives each sequence one of the labels of ``fit``, by their probabilities."""

    def fit(self: Self, X: Any, y: Any) -> Self:
        """Learn from sequences and their labels.

        Args:
            X: N sequences.
            y: N labels, strings or numbers.
        """
        X = samples("X", X)
        same_length(X, y)
        labels = np.asarray(y)
        if labels.ndim != 1:
            raise ValueError(f"y must be a label for each sample, got shape {list(labels.shape)}")
        if labels.dtype.kind not in "biufUS":
            raise TypeError(f"y must be strings or numbers, all of one kind, got {short(labels.tolist())}")
        self.classes_, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        self.prior_ = sizes / sizes.sum()
        self._learn(X, numbers.reshape(-1))
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most likely label of each sequence; of equally likely ones the first in sorted order."""
        best: npt.NDArray[Any] = self.classes_[self._logs(X).argmax(axis=1)] if self._ready() else np.empty(0)
        return best

    def predict_proba(self, X: Any) -> Floats:
        """Return the probabilities of the labels ``classes_``: [N, K]."""
        self._ready()
        logs = self._logs(X)
        odds = np.exp(logs - logs.max(axis=1, keepdims=True))
        found: Floats = odds / odds.sum(axis=1, keepdims=True)
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy."""
        return metrics.accuracy(y, self.predict(X))

    def _ready(self) -> bool:
        self._fitted()
        return True

    def _learn(self, X: Any, numbers: npt.NDArray[np.int64]) -> None:
        """Learn from sequences and the numbers of their labels."""

    def _logs(self, X: Any) -> Floats:
        """Return log probabilities [N, K], up to a constant of each row."""
        raise NotImplementedError


class MostFrequent(LabelBaseline):
    """The label that is most frequent, whatever the sequence.

    >>> MostFrequent().fit(["x", "y", "z"], ["no", "yes", "no"]).predict(["x", "w"]).tolist()
    ['no', 'no']
    """

    def _logs(self, X: Any) -> Floats:
        return np.repeat(np.log(self.prior_)[None], len(samples("X", X)), axis=0)


class NaiveBayes(LabelBaseline):
    """The label under which the tokens of a sequence are most likely, whatever their order.

    Strings are split into words. Tokens that ``fit`` did not see do not count.

    Args:
        alpha: added to the count of each token under each label.
        once: count a token once in a sequence, however often it is there; for texts this is mostly better.

    >>> model = NaiveBayes().fit(["good film", "bad film"], ["up", "down"])
    >>> model.predict(["a good one"]).tolist()
    ['up']
    """

    def __init__(self, alpha: float = 1.0, *, once: bool = True) -> None:
        self.alpha = alpha
        self.once = once

    def _learn(self, X: Any, numbers: npt.NDArray[np.int64]) -> None:
        alpha = positive("alpha", self.alpha)
        flag("once", self.once)
        index: dict[Hashable, int] = {}
        rows = [[index.setdefault(token, len(index)) for token in self._bag(at, row)] for at, row in enumerate(X)]
        if not index:
            raise ValueError("X must hold at least one token, got only empty sequences")
        self.tokens_ = index
        labels = np.repeat(numbers, [len(row) for row in rows])
        flat = np.array([number for row in rows for number in row], np.int64)
        size = len(index)
        counts = np.bincount(labels * size + flat, minlength=len(self.classes_) * size).reshape(-1, size) + alpha
        self.log_chances_ = np.log(counts / counts.sum(axis=1, keepdims=True)).T  # [V, K]

    def _logs(self, X: Any) -> Floats:
        index = self.tokens_
        logs = np.tile(np.log(self.prior_), (len(samples("X", X)), 1))
        for at, row in enumerate(X):
            known = [index[token] for token in self._bag(at, row) if token in index]
            logs[at] += self.log_chances_[known].sum(axis=0)
        return logs

    def _bag(self, at: int, row: Any) -> Tokens:
        bag = words(row) if isinstance(row, str) else tokens(f"X[{at}]", row)
        return list(dict.fromkeys(bag)) if self.once else bag


class Hexamer(LabelBaseline):
    """The label under which the words of six letters of a DNA string are most likely.

    Words with another letter than A, C, G and T do not count, nor do capitals matter.

    Args:
        k: letters of a word.
        framed: count only the words that begin at every third letter of the string, which tells coding windows that
            are in frame; otherwise those that begin anywhere.
        alpha: added to the count of each word under each label.

    >>> model = Hexamer(k=2).fit(["ACACAC", "GTGTGT"], ["first", "second"])
    >>> model.predict(["CACA"]).tolist()
    ['first']
    """

    def __init__(self, k: int = 6, *, framed: bool = False, alpha: float = 1.0) -> None:
        self.k = k
        self.framed = framed
        self.alpha = alpha

    def _learn(self, X: Any, numbers: npt.NDArray[np.int64]) -> None:
        alpha = positive("alpha", self.alpha)
        if count("k", self.k) > 12:
            raise ValueError(f"k must be at most 12, 16 million words, got {self.k}")
        flag("framed", self.framed)
        size = 4**self.k
        counts = np.full((len(self.classes_), size), alpha)
        found = [self._words(at, row) for at, row in enumerate(X)]
        for label in range(len(self.classes_)):
            chosen = [found[at] for at in np.flatnonzero(numbers == label)]
            counts[label] += np.bincount(np.concatenate(chosen), minlength=size)
        self.log_chances_ = np.log(counts / counts.sum(axis=1, keepdims=True)).T

    def _logs(self, X: Any) -> Floats:
        rows = [self.log_chances_[self._words(at, row)].sum(axis=0) for at, row in enumerate(samples("X", X))]
        found: Floats = np.log(self.prior_) + np.stack(rows)
        return found

    def _words(self, at: int, row: Any) -> npt.NDArray[np.int64]:
        """Return the numbers of the words of a string."""
        text = row if isinstance(row, str) else "".join(map(str, tokens(f"X[{at}]", row)))
        letters = _LETTERS[np.frombuffer(text.encode("utf-8", "replace"), np.uint8)]
        if not (letters >= 0).any() and text.upper().strip("NRYSWKMBDHVU-"):  # the codes of unsure letters
            raise ValueError(f"X[{at}] must be a string of A, C, G and T, got {short(text)}")
        if len(letters) < self.k:
            return np.empty(0, np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(letters, self.k)[:: 3 if self.framed else 1]
        found: npt.NDArray[np.int64] = (windows @ (4 ** np.arange(self.k)))[(windows >= 0).all(axis=1)]
        return found


class MostFrequentTag(Baseline):
    """Each token gets the tag that it has most often; one that ``fit`` did not see, that of all most frequent.

    Steps that are arrays of numbers are no tokens: each gets the most frequent tag.

    >>> model = MostFrequentTag().fit([["Rome", "is", "old"]], [["B-CITY", "O", "O"]])
    >>> model.predict([["Rome", "was"]])
    [['B-CITY', 'O']]
    """

    def fit(self, X: Any, y: Any) -> MostFrequentTag:
        """Learn from sequences and their tags.

        Args:
            X: N sequences of tokens [T_n].
            y: N sequences of tags [T_n].
        """
        X = samples("X", X)
        same_length(X, y)
        seen: dict[Hashable, Counter[Hashable]] = {}
        tags: Counter[Hashable] = Counter()
        for at, (row, given) in enumerate(zip(X, y, strict=True)):
            steps, its = _steps(at, row), tokens(f"y[{at}]", given)
            if len(steps) != len(its):
                raise ValueError(f"y[{at}] must have {len(steps)} tags, one for each step of X[{at}], got {len(its)}")
            tags.update(its)
            for token, tag in zip(steps, its, strict=True):
                seen.setdefault(token, Counter())[tag] += 1
        if not tags:
            raise ValueError("y must hold at least one tag, got none")
        self.tag_ = _most(tags)
        self.tags_ = {token: _most(counted) for token, counted in seen.items()}
        self.classes_ = sorted_labels(set(tags))
        return self

    def predict(self, X: Any) -> list[list[Any]]:
        """Return N lists of tags."""
        self._fitted()
        return [
            [self.tags_.get(token, self.tag_) for token in _steps(at, row)] for at, row in enumerate(samples("X", X))
        ]

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy over all steps."""
        return metrics.accuracy(y, self.predict(X))


_LETTERS = np.full(256, -1, np.int64)
for _number, _letter in enumerate("ACGT"):
    _LETTERS[[ord(_letter), ord(_letter.lower())]] = _number


def _steps(at: int, row: Any) -> Tokens:
    """Return the tokens of a sequence; a step of numbers is none, so all such are alike."""
    if isinstance(row, np.ndarray) and row.ndim and (row.ndim > 1 or row.dtype.kind == "f"):
        return [None] * len(row)
    return tokens(f"X[{at}]", row)


def _most(counted: Counter[Hashable]) -> Hashable:
    """Return what is most frequent; of several the first in sorted order."""
    most = max(counted.values())
    first: Hashable = sorted_labels({item for item, times in counted.items() if times == most})[0]
    return first
