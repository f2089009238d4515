"""A label for each step: words and their kinds, moments and whether they are odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import losses
from ..datasets import Batch
from ..nn import Linear, Module, Sequential
from ..ops import softmax
from ..tensor import Array, Tensor
from ..training import Callback
from ._estimator import Index, as_pair
from ._inputs import Tokens, samples
from ._labels import all_labels, different, places, step_labels
from ._sequences import FromSequences, as_many


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceTagger(FromSequences):
    """Says for each step of a sequence which class it belongs to.

    Args:
        bidirectional: on, so that a step is judged by what follows too; switch it off where labels are wanted while the
            sequence is still going on.

    A string is cut into units, and each has a label.

    After ``fit``: ``classes_``, ``network_``, ``history_``, ``inputs_``.

    >>> import rustlstm as rl
    >>> text = ["a b a c a".split(), "b b a c".split(), "c a b".split()] * 10
    >>> kinds = [["vowel" if letter == "a" else "consonant" for letter in row] for row in text]
    >>> model = rl.SequenceTagger(hidden_size=8, epochs=30).fit(text, kinds)
    >>> model.predict([["b", "a"]])[0].tolist()
    ['consonant', 'vowel']
    """

    bidirectional: bool = True

    _learns: ClassVar[dict[str, Any]] = {**FromSequences._learns, "classes_": np.ndarray}
    # Of scikit-learn's classifiers a sample has one label; lists of labels it refuses to fold for them.
    _estimator_type: ClassVar[str | None] = None
    _problem: ClassVar[str] = "tagging"

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        lengths: npt.ArrayLike | None = None,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> SequenceTagger:
        """Learn from sequences and a label for each of their steps.

        Args:
            X: [N, T, C], [N, T], a list of [T, C] or [T], of strings, or of lists of tokens; or a ``Dataset``.
            y: a list of [T] labels.
            lengths: [N], the valid steps of each row of a padded array X, and of its row of y.
            validation: (X, y) to choose the best epoch by, in place of a share of X.
            callbacks: for the training loop.
        """
        self._fit(X, _cut(y, lengths), lengths, validation, callbacks)
        return self

    def predict_proba(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> list[Array]:
        """Return for each sequence the probability of each class at each step: [T, K]."""
        rows = self._encoded(X, lengths)
        found = self._apply(rows, lambda x, ends: softmax(self.network_(x, lengths=ends)))
        return [one[: len(row)] for one, row in zip(found, rows, strict=True)]

    def predict(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> list[npt.NDArray[Any]]:
        """Return for each sequence its labels: [T]."""
        return [self.classes_[row.argmax(axis=1)] for row in self.predict_proba(X, lengths=lengths)]

    def score(self, X: Any, y: Any = None, *, lengths: npt.ArrayLike | None = None) -> float:
        """Return the share of steps whose label is right."""
        self._fitted()
        X, y = as_pair(X, y)
        rows = samples("X", X, lengths)
        found = self.predict(rows)
        labels = all_labels("y", self._step_labels("y", rows, _cut(y, lengths)))
        places("y", labels, self.classes_)
        if not len(labels):
            raise ValueError("X has only empty sequences; there is nothing to score")
        return float(np.mean(np.concatenate(found) == labels))

    def _step_labels(self, name: str, rows: list[Any], y: Any) -> list[npt.NDArray[Any]]:
        strings = isinstance(self.inputs_, Tokens)
        cut = [self.inputs_.vocabulary.cut(row) if strings and isinstance(row, str) else row for row in rows]
        return step_labels(name, cut, as_many(name, rows, y))

    def _check_options(self) -> None:
        super()._check_options()
        if self.longest is not None:
            raise ValueError("longest would leave steps out that have a label; cut X and y before")

    def _learn_targets(self, rows: list[Any], y: Any, train: Index) -> None:
        self.classes_ = different(all_labels("y", self._step_labels("y", rows, y)))

    def _targets(self, name: str, rows: list[Any], y: Any) -> list[npt.NDArray[np.int64]]:
        found = self._step_labels(name, rows, y)
        all_labels(name, found)
        return [places(name, labels, self.classes_) for labels in found]

    def _network(self) -> Module:
        # A model of one direction knows nothing of what follows, neither through its convolution.
        front, width = self._front(padding="same" if self.bidirectional else "causal")
        lstm = self._lstm_layer(width, self.seed + 2, bidirectional=self.bidirectional)
        head = Linear(lstm.output_size, self._outputs(), seed=self.seed + 5)
        return Sequential(*front, lstm, *self._dropped(), head)

    def _outputs(self) -> int:
        return len(self.classes_)

    def _loss(self, network: Any, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        scores = network(batch.x, lengths=batch.lengths)
        there = batch.y >= 0
        right = float(np.mean((scores.numpy().argmax(axis=-1) == batch.y)[there])) if there.any() else 0.0
        return losses.cross_entropy(scores, batch.y), {"accuracy": right}


def _cut(y: Any, lengths: npt.ArrayLike | None) -> Any:
    """Return padded labels without the padding; what is wrong with either is said where they are checked."""
    if lengths is None or not hasattr(y, "__len__") or np.ndim(lengths) != 1 or len(y) != np.size(lengths):
        return y
    ends = np.asarray(lengths)
    return [row[:end] for row, end in zip(y, ends.tolist(), strict=True)] if ends.dtype.kind in "iu" else y
