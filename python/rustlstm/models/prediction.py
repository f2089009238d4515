"""What comes next: 1 2 3 4 5 -> 6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import metrics
from .._options import choice, count, number
from ..datasets import Batch, Scaler
from ..nn import Linear, Module, Sequential
from ..ops import softmax
from ..tensor import Array, Tensor
from ..training import Callback
from ._estimator import Index, as_pair, taken
from ._inputs import Numbers, Tokens, samples
from ._networks import LastState
from ._sequences import FromSequences, as_many
from ._targets import ItemTargets, NumberTargets, as_numbers

OUTPUTS = ("auto", "point", "quantile", "gaussian", "item")
F64 = npt.NDArray[np.float64]


@dataclass(kw_only=True, eq=False, repr=False)
class SequencePredictor(FromSequences):
    """Says what follows a sequence: numbers, or the next item of a catalogue.

    Args:
        output: ``"point"`` predicts a number, ``"quantile"`` the ``quantiles`` of what may come, ``"gaussian"`` a mean
            and a deviation, ``"item"`` a probability for each item; ``"auto"``: item for tokens unless y has fractions
            or several numbers, and point for numbers.
        loss: of points: ``"mse"`` for means, ``"mae"`` for medians, ``"huber"`` between the two.
        quantiles: levels between 0 and 1, rising; those of a low, a middle and a high value unless given.
        target: the channel of X that y goes on with, the first unless given; it matters where ``scale="window"``.

    With ``scale="window"``, which y is seen in too, what was learned at one level holds at every other: for prices,
    counts, and whatever leaves the range that was trained on.

    After ``fit``: ``network_``, ``history_``, ``inputs_``, ``target_``; ``items_`` where there are some.

    >>> import numpy as np, rustlstm as rl
    >>> X = [np.arange(5) + start for start in range(40)]
    >>> y = [row[-1] + 1 for row in X]
    >>> model = rl.SequencePredictor(hidden_size=8, scale="window").fit(X, y)
    >>> model.predict([[1, 2, 3, 4, 5], [101, 102, 103, 104, 105]]).round().tolist()
    [6.0, 106.0]
    """

    output: str = "auto"
    loss: str = "mse"
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    target: int = 0

    _learns: ClassVar[dict[str, Any]] = {
        **FromSequences._learns,
        "target_": (NumberTargets, ItemTargets),
        "per_step_": bool,
    }
    _estimator_type: ClassVar[str | None] = "regressor"
    _problem: ClassVar[str] = "prediction"

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        lengths: npt.ArrayLike | None = None,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> SequencePredictor:
        """Learn from sequences and what follows them.

        Args:
            X: [N, T, C], [N, T], a list of [T, C] or [T], or of lists of items; or a ``Dataset``.
            y: [N] or [N, K] numbers, or [N] items; ``None`` lets each step of X be predicted from those before it, and
                ``predict`` says what follows the last.
            lengths: [N], the valid steps of each row of a padded array X.
            validation: (X, y) to choose the best epoch by, in place of a share of X.
            callbacks: for the training loop.
        """
        self._fit(X, y, lengths, validation, callbacks)
        return self

    def predict(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Return what follows each sequence: [N] or [N, K] as y was; the mean, the median or the likeliest item."""
        rows = samples("X", X, lengths)
        raw = self._raw(rows)
        if isinstance(self.target_, ItemTargets):
            found: npt.NDArray[Any] = self.items_[raw.argmax(axis=1)]
            return found
        points: F64 = self.target_.points(raw, rows)
        return points

    def predict_quantiles(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> F64:
        """Return the quantiles of what follows, of ``output="quantile"`` or ``"gaussian"``: [N, Q] or [N, K, Q]."""
        self._must_have("quantile", "gaussian")
        learned = self.target_.quantiles
        if self.target_.output == "quantile" and tuple(self.quantiles) != learned:
            raise ValueError(
                f"the model has learned the quantiles {learned}, not {tuple(self.quantiles)}; fit it again"
            )
        rows = samples("X", X, lengths)
        found: F64 = self.target_.at(self._raw(rows), rows, self.quantiles)
        return found

    def predict_deviation(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> F64:
        """Return the standard deviation of what follows, of ``output="gaussian"``: [N] or [N, K]."""
        self._must_have("gaussian")
        rows = samples("X", X, lengths)
        found: F64 = self.target_.deviations(self._raw(rows), rows)
        return found

    def predict_proba(self, X: Any, *, lengths: npt.ArrayLike | None = None) -> Array:
        """Return the probability of each item of ``items_`` to follow: [N, V]."""
        self._must_have("item")
        return np.asarray(softmax(self._raw(samples("X", X, lengths))))

    def recommend(
        self, X: Any, k: int = 10, *, exclude_seen: bool = False, lengths: npt.ArrayLike | None = None
    ) -> npt.NDArray[Any]:
        """Return the k items that are likeliest to follow, best first: [N, k].

        Args:
            X: sequences of items.
            k: how many.
            exclude_seen: leave out what is in the sequence already.
            lengths: [N], the valid steps of each row of a padded array X.
        """
        self._must_have("item")
        if count("k", k) > len(self.items_):
            raise ValueError(f"k must be at most {len(self.items_)}, the number of items, got {k}")
        rows = samples("X", X, lengths)
        raw = self._raw(rows)
        if exclude_seen:
            known = self.target_.vocabulary.index
            for at, row in enumerate(rows):
                cut = self.inputs_.vocabulary.cut(row) if isinstance(row, str) else row
                seen = {known[item] for item in cut if item in known}
                if k > len(known) - len(seen):
                    raise ValueError(
                        f"k must be at most {len(known) - len(seen)}, the number of items that X[{at}] has not, got {k}"
                    )
                raw[at, list(seen)] = -np.inf
        found: npt.NDArray[Any] = self.items_[np.argsort(-raw, axis=1, kind="stable")[:, :k]]
        return found

    def score(self, X: Any, y: Any = None, *, lengths: npt.ArrayLike | None = None) -> float:
        """Return the share of items that are right, or of numbers R², which is 1 at best and 0 for their mean.

        Without y, as in ``fit``, the last step of each sequence is what should follow those before it.
        """
        self._fitted()
        X, y = as_pair(X, y)
        rows = samples("X", X, lengths)
        if y is None and self.per_step_:
            rows, following = self._prepared("y", rows, None)
            y = [np.asarray(row)[-1] if self._has_numbers else row[-1] for row in following]
            y = np.reshape(y, (len(rows), *self.target_.shape)) if self._has_numbers else y
        wanted = as_many("y", rows, y)
        found = self.predict(rows)
        if isinstance(self.target_, ItemTargets):
            return float(np.mean([one == other for one, other in zip(found.tolist(), wanted, strict=True)]))
        return metrics.r2(as_numbers("y", wanted, self.target_.shape), found)

    @property
    def items_(self) -> npt.NDArray[Any]:
        """The items that can follow, in the order of ``predict_proba``."""
        self._must_have("item")
        items: npt.NDArray[Any] = self.target_.items
        return items

    # --- for fit

    @property
    def _has_numbers(self) -> bool:
        return isinstance(self.target_, NumberTargets)

    def _must_have(self, *outputs: str) -> None:
        self._fitted()
        found = "item" if isinstance(self.target_, ItemTargets) else self.target_.output
        if found not in outputs:
            raise ValueError(f"this needs output={' or '.join(map(repr, outputs))}, the model has {found!r}")

    def _check_options(self) -> None:
        super()._check_options()
        choice("output", self.output, *OUTPUTS)
        choice("loss", self.loss, "mse", "mae", "huber")
        count("target", self.target, 0)
        if not isinstance(self.quantiles, (tuple, list, np.ndarray)):
            raise TypeError(f"quantiles must be rising numbers between 0 and 1, got {self.quantiles!r}")
        levels = [number(f"quantiles[{at}]", level) for at, level in enumerate(self.quantiles)]
        if not levels or levels != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
            raise ValueError(f"quantiles must be rising numbers between 0 and 1, got {self.quantiles!r}")

    def _prepared(self, name: str, rows: list[Any], y: Any) -> tuple[list[Any], Any]:
        if name != "y" and (y is None) != self.per_step_:
            raise ValueError(f"{name} must be {'None, as y is' if self.per_step_ else 'given, as y is'}")
        self._per_step: bool = y is None
        if y is not None:
            return rows, as_many(name, rows, y)
        if self.scale == "window":
            raise ValueError('scale="window" needs y: seen from its last value, a sequence would tell its own future')
        if self.longest is not None:
            raise ValueError("longest needs y: it would leave out steps that are to be predicted; cut X before")
        for at, row in enumerate(rows):
            if isinstance(row, str):
                raise TypeError(f"X[{at}] must be a list of tokens where no y says what follows, got {row!r:.60}")
            if len(row) < 2:
                raise ValueError(f"X[{at}] must have at least 2 steps where no y says what follows, got {len(row)}")
        return [row[:-1] for row in rows], [row[1:] for row in rows]

    def _learn_targets(self, rows: list[Any], y: Any, train: Index) -> None:
        output = self.output
        if output == "auto":
            numeric = not self._per_step and any(isinstance(one, (float, np.floating, list, np.ndarray)) for one in y)
            output = "item" if isinstance(self.inputs_, Tokens) and not numeric else "point"
        self.per_step_: bool = self._per_step
        wanted = taken(y, train)
        if output == "item":
            items = isinstance(self.inputs_, Tokens) and self.inputs_.vocabulary.unit == "item"
            self.target_: Any = ItemTargets.of(wanted, self.per_step_, taken(rows, train) if items else ())
            return
        if isinstance(self.inputs_, Tokens) and self.per_step_:
            raise ValueError(f"what follows tokens is a token: output must be 'item' or y given, got {output!r}")
        window = self.scale == "window" and isinstance(self.inputs_, Numbers)
        if window and self.target >= self.inputs_.channels:
            raise ValueError(f"target must be a channel of X, from 0 to {self.inputs_.channels - 1}, got {self.target}")
        if self.per_step_:
            shape: tuple[int, ...] = (self.inputs_.channels,) if np.ndim(rows[0]) > 1 else ()
            scaler = self.inputs_.scaler
        else:
            numbers = as_numbers("y", wanted)
            shape = numbers.shape[1:]
            scaler = None if window else _scaler(numbers.reshape(len(numbers), -1))
        self.target_ = NumberTargets(output, self.loss, self.quantiles, shape, scaler, self.target)

    def _targets(self, name: str, rows: list[Any], y: Any) -> Any:
        return self.target_.encode(name, rows, y, self.per_step_)

    def _network(self) -> Module:
        front, width = self._front(padding="causal" if self.per_step_ else "same")
        lstm = self._lstm_layer(width, self.seed + 2, bidirectional=self.bidirectional)
        if self.per_step_ and lstm.bidirectional:
            raise ValueError("bidirectional needs y: read from its end, a sequence would tell its own future")
        reader = lstm if self.per_step_ else LastState(lstm)
        head = Linear(reader.output_size, self._outputs(), seed=self.seed + 5)
        return Sequential(*front, reader, *self._dropped(), head)

    def _outputs(self) -> int:
        return int(self.target_.width)

    def _loss(self, network: Any, batch: Batch) -> Tensor:
        lengths = batch.lengths if self.per_step_ else None
        found: Tensor = self.target_.loss(network(batch.x, lengths=batch.lengths), batch.y, lengths)
        return found

    def _raw(self, rows: list[Any]) -> Array:
        """Return the network's outputs after the last step of each row: [N, W]."""
        self._fitted()
        encoded = self.inputs_.encode("X", rows)
        made = self._apply(encoded, lambda x, ends: self.network_(x, lengths=ends))
        if self.per_step_:
            made = [one[len(row) - 1] for one, row in zip(made, encoded, strict=True)]
        return np.array(made, np.float32).reshape(len(rows), self.target_.width)


def _scaler(numbers: F64) -> Scaler:
    try:
        return Scaler("standard").fit(numbers)
    except ValueError as error:
        raise ValueError(f"y cannot be scaled: {error}") from error
