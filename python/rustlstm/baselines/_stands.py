"""What stands in for a contestant, so that all are asked the same: the same tokens of a text, the same origins."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._items import ItemBaseline
from ._series import Floats, SeriesBaseline


class SameTokens:
    """A baseline that counts the tokens which a fitted model tells apart, and no others.

    A token that the model has no number for is its unknown one here too: else a model that knows few would be asked
    less. The first token of a text is left out, as the model leaves it out, and the sequences of a list begin and end.

    Args:
        inner: the baseline.
        model: a generator with ``vocabulary_`` and ``whole_``.
    """

    def __init__(self, inner: ItemBaseline, model: Any) -> None:
        self.inner = inner
        self._vocabulary = model.vocabulary_
        self._whole = bool(model.whole_)
        if hasattr(inner, "items_"):
            self.fitted_ = True

    def fit(self, X: Any) -> SameTokens:
        """Count the tokens."""
        self.inner.fit(self._rows(X))
        return self

    def nats(self, X: Any) -> float:
        """Return the nats for each token that the model is judged by."""
        rows = self._rows(X)
        if hasattr(self, "fitted_"):
            same = self._whole and self.inner.unit == self._vocabulary.unit
            if not same or self._vocabulary.unknown in rows[0]:
                raise ValueError("it was fitted to other tokens than the model's; give it unfitted")
        return self.inner.nats_after_first(rows)

    def _rows(self, X: Any) -> list[list[Any]]:
        rows = [known_tokens(self._vocabulary, row) for row in ([X] if self._whole else X)]
        begin, end = self._vocabulary.tokens[:2]
        return rows if self._whole else [[begin, *row, end] for row in rows]


class Rolled:
    """A contestant that forecasts one series from many origins; its questions are histories.

    Args:
        inner: a baseline for series, or a model with ``fit(series)`` and ``backtest``.
        series: [T] or [T, C], all of it.
        start: steps that are known at the first origin.
        stride: from origin to origin.
        shape: of one forecast.
        fitted: whether it has learned already.
    """

    def __init__(self, inner: Any, series: Any, start: int, stride: int, shape: tuple[int, ...], fitted: bool) -> None:
        self.inner = inner
        self._series, self._start, self._stride, self._shape = series, start, stride, shape
        if fitted:
            self.fitted_ = True

    def fit(self, X: list[Any]) -> Rolled:
        """Learn from the only series of a list."""
        self.inner.fit(X if isinstance(self.inner, SeriesBaseline) else X[0])
        return self

    def predict(self, X: list[Floats]) -> Floats:
        """Return what follows each history."""
        if isinstance(self.inner, SeriesBaseline):
            found = np.concatenate([self.inner.predict([history]) for history in X])
        else:
            found = self.inner.backtest(self._series, start=self._start, stride=self._stride).forecasts
        if found.size != len(X) * int(np.prod(self._shape)):
            expected = "the model's horizon and target"
            raise ValueError(f"it must have {expected}: forecasts {list(self._shape)}, got {list(found.shape[1:])}")
        return np.asarray(found).reshape(len(X), *self._shape)


def tokens_of(model: Any, X: Any) -> list[list[Any]] | None:
    """Return the tokens that a fitted model tells apart in a text or in sequences; None if it has no vocabulary."""
    vocabulary = getattr(model, "vocabulary_", None)
    if vocabulary is None or not hasattr(model, "whole_"):
        return None
    return [known_tokens(vocabulary, row) for row in ([X] if isinstance(X, (str, bytes)) else X)]


def known_tokens(vocabulary: Any, sequence: Any) -> list[Any]:
    """Return the tokens of a sequence, the unknown one in place of each that a vocabulary has not."""
    return [vocabulary.tokens[at] for at in vocabulary.encode(sequence).tolist()]


def inner(model: Any) -> Any:
    """Return what another stands for, or itself."""
    return model.inner if isinstance(model, (SameTokens, Rolled)) else model
