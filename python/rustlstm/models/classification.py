"""A label for each sequence: 1 2 3 4 5 -> "good"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import losses
from .._options import choice, count, not_negative, share
from ..datasets import Batch
from ..nn import AttentionPool, Linear, Module, Pool, Sequential
from ..ops import softmax
from ..tensor import Array, Tensor
from ..training import Callback
from ._estimator import Index, as_pair
from ._inputs import samples
from ._labels import as_labels, different, places
from ._networks import LastState
from ._sequences import FromSequences, as_many

POOLS = ("last", "mean", "max", "attention")


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceClassifier(FromSequences):
    """Says which class a sequence belongs to.

    Args:
        pool: what the LSTM's steps become one row by: ``"last"`` where the end tells, ``"max"`` or ``"mean"`` where a
            sign may stand anywhere, ``"attention"`` to learn where to look (``attention(X)`` shows it).
        conv_pool: with ``conv``, the largest of so many neighbouring steps goes on: the LSTM's sequence gets shorter.
        class_weight: ``"balanced"``, or a weight for each label, where some labels are rare.
        label_smoothing: the part of the target that is spread over all classes; 0.1 keeps large models from certainty.

    After ``fit``: ``classes_``, ``network_``, ``history_``, ``inputs_``.

    >>> import numpy as np, rustlstm as rl
    >>> up = [np.arange(5.0) + start for start in range(20)]
    >>> down = [row[::-1].copy() for row in up]
    >>> model = rl.SequenceClassifier(hidden_size=8).fit(up + down, ["up"] * 20 + ["down"] * 20)
    >>> model.predict([[3, 4, 5, 6, 7], [9, 8, 7, 6, 5]]).tolist()
    ['up', 'down']
    """

    pool: str = "last"
    conv_pool: int = 1
    class_weight: str | Mapping[Any, float] | None = None
    label_smoothing: float = 0.0

    _learns: ClassVar[dict[str, Any]] = {
        **FromSequences._learns,
        "classes_": np.ndarray,
        "class_weights_": (np.ndarray, type(None)),
    }
    _estimator_type: ClassVar[str | None] = "classifier"
    _problem: ClassVar[str] = "classification"

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        lengths: npt.ArrayLike | None = None,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> SequenceClassifier:
        """Learn from sequences and their labels.

        Args:
            X: [N, T, C], [N, T], a list of [T, C] or [T], of strings, or of lists of tokens; or a ``Dataset``.
            y: [N] labels: strings, integers or truth values.
            lengths: [N], the valid steps of each row of a padded array X.
            validation: (X, y) to choose the best epoch by, in place of a share of X.
            callbacks: for the training loop.
        """
        self._fit(X, y, lengths, validation, callbacks)
        return self

    def predict_proba(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> Array:
        """Return the probability of each class of ``classes_``: [N, K]."""
        rows = self._encoded(X, lengths)
        found = self._apply(rows, lambda x, ends: softmax(self.network_(x, lengths=ends)))
        return np.array(found, np.float32).reshape(len(rows), len(self.classes_))

    def predict(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Return the most probable label of each sequence: [N]."""
        labels: npt.NDArray[Any] = self.classes_[self.predict_proba(X, lengths=lengths).argmax(axis=1)]
        return labels

    def score(self, X: Any, y: Any = None, *, lengths: npt.ArrayLike | None = None) -> float:
        """Return the share of labels that are right."""
        self._fitted()
        X, y = as_pair(X, y)
        labels = as_labels("y", as_many("y", samples("X", X, lengths), y))
        places("y", labels, self.classes_)
        return float(np.mean(self.predict(X, lengths=lengths) == labels))

    def attention(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> list[Array]:
        """Return where ``pool="attention"`` looked: for each sequence a weight of each step, 1 in sum."""
        rows = self._encoded(X, lengths)
        pool = next((module for _, module in self.network_.named_modules() if isinstance(module, AttentionPool)), None)
        if pool is None:
            raise ValueError(f'only pool="attention" has weights to show, this model has pool={self.pool!r}')

        def look(x: Any, ends: Any) -> Array:
            self.network_(x, lengths=ends)
            assert pool.weights is not None
            return pool.weights

        steps = self._apply(rows, look)
        return [weights[: len(row) // self.conv_pool] for weights, row in zip(steps, rows, strict=True)]

    def _check_options(self) -> None:
        super()._check_options()
        choice("pool", self.pool, *POOLS)
        share("label_smoothing", self.label_smoothing)
        count("conv_pool", self.conv_pool)
        if isinstance(self.class_weight, Mapping):
            for label, weight in self.class_weight.items():
                not_negative(f"class_weight[{label!r}]", weight)
        elif self.class_weight is not None and self.class_weight != "balanced":
            raise ValueError(f"class_weight must be None, 'balanced' or a dict of weights, got {self.class_weight!r}")

    def _learn_targets(self, rows: list[Any], y: Any, train: Index) -> None:
        self.classes_ = different(as_labels("y", y))
        self.class_weights_ = self._class_weights(places("y", as_labels("y", y), self.classes_)[train])

    def _targets(self, name: str, rows: list[Any], y: Any) -> npt.NDArray[np.int64]:
        return places(name, as_labels(name, y), self.classes_)

    def _network(self) -> Module:
        front, width = self._front(self.conv_pool)
        lstm = self._lstm_layer(width, self.seed + 2, bidirectional=self.bidirectional)
        width = lstm.output_size
        if self.pool == "last":
            last = LastState(lstm)
            reader: list[Any] = [last]
            width = last.output_size
        else:
            pool = AttentionPool(width, seed=self.seed + 3) if self.pool == "attention" else Pool(self.pool)
            reader = [lstm, pool]
        return Sequential(*front, *reader, *self._dropped(), Linear(width, self._outputs(), seed=self.seed + 5))

    def _outputs(self) -> int:
        return len(self.classes_)

    def _loss(self, network: Any, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        scores = network(batch.x, lengths=batch.lengths)
        right = float(np.mean(scores.numpy().argmax(axis=1) == batch.y))
        weights, smoothing = self.class_weights_, self.label_smoothing
        return losses.cross_entropy(scores, batch.y, class_weights=weights, label_smoothing=smoothing), {
            "accuracy": right
        }

    def _class_weights(self, ids: npt.NDArray[np.int64]) -> Array | None:
        if self.class_weight is None:
            return None
        if self.class_weight == "balanced":
            counts = np.bincount(ids, minlength=len(self.classes_))
            return np.asarray(len(ids) / (len(counts) * np.maximum(counts, 1)), np.float32)
        assert isinstance(self.class_weight, Mapping)
        strange = set(self.class_weight) - set(self.classes_.tolist())
        if strange:
            raise ValueError(f"class_weight names {sorted(map(repr, strange))[0]}, which is none of the labels")
        return np.array([self.class_weight.get(label, 1.0) for label in self.classes_.tolist()], np.float32)
