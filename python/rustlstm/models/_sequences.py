"""Estimators whose X is a set of sequences: how X and y come to the network, and what stands before its LSTM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._options import choice, count, flag
from ..datasets import Batch, Batches
from ..nn import Conv1d, Dropout, Linear, MaxPool1d, Module
from ..training import Callback
from ._estimator import Estimator, Index, as_pair, taken, validation_parts
from ._inputs import IGNORED, KINDS, SCALES, Numbers, Tokens, kind_of, samples
from ._networks import Relu
from ._undo import or_as_before


@dataclass(kw_only=True, eq=False, repr=False)
class FromSequences(Estimator):
    """An estimator that learns from sequences of numbers or tokens.

    Args:
        bidirectional: read from both ends; worth it where the whole sequence is there before the answer is due.
        conv: channels of a Conv1d in front of the LSTM, which sees ``kernel_size`` steps at a time; ``None`` for none.
            Long and noisy signals, and DNA, want one.
        kernel_size: steps that it sees; an odd number looks as far back as ahead.
        inputs: ``"items"`` takes integers for names and not for numbers; ``"auto"`` takes only strings so.
        scale: of numbers: ``"standard"`` (mean 0, deviation 1 in each channel), ``"minmax"``, ``"robust"``,
            ``"none"``, or ``"window"``: each sequence is seen from its last value and in units of its own deviation.
        unit: what a string is cut into: ``"word"``, at spaces, which needs the fewest steps (``datasets.words`` cuts
            running text better), ``"character"`` where words have no spaces between them or their spelling tells, or
            ``"byte"``.
        vocabulary_size: the most frequent tokens that are told apart; ``None`` for all.
        least: how often a token must be seen to be one of them; of what is seen once little can be learned.
        longest: of longer texts the middle is left out; ``None`` for none. Time grows with it.
        embedding_size: numbers for each token; follows from the vocabulary if ``None``.
    """

    bidirectional: bool = False
    conv: int | None = None
    kernel_size: int = 5
    inputs: str = "auto"
    scale: str = "standard"
    unit: str = "word"
    vocabulary_size: int | None = 20000
    least: int = 1
    longest: int | None = None
    embedding_size: int | None = None

    _learns: ClassVar[dict[str, Any]] = {**Estimator._learns, "inputs_": (Numbers, Tokens)}

    # --- what each kind of estimator says

    def _prepared(self, name: str, rows: list[Any], y: Any) -> tuple[list[Any], Any]:
        """Return the sequences and what belongs to them, where y says it in another form than one for each."""
        return rows, as_many(name, rows, y)

    def _learn_targets(self, rows: list[Any], y: Any, train: Index) -> None:
        """Learn what targets there are from those that are trained on."""
        raise NotImplementedError

    def _targets(self, name: str, rows: list[Any], y: Any) -> Any:
        """Return what the network shall come to for each sequence."""
        raise NotImplementedError

    def _network(self) -> Module:
        raise NotImplementedError

    def _outputs(self) -> int:
        """Return how many numbers the network gives for each sequence or step."""
        raise NotImplementedError

    def _loss(self, network: Any, batch: Batch) -> Any:
        raise NotImplementedError

    # --- what they have in common

    def _fit(
        self,
        X: Any,
        y: Any,
        lengths: npt.ArrayLike | None,
        validation: tuple[Any, Any] | None,
        callbacks: Sequence[Callback],
    ) -> None:
        with or_as_before(self):
            train, other = self._learn(X, y, lengths, validation)
            run = self._ready(self._loss, train, other, callbacks)
        run()

    def _learn(self, X: Any, y: Any, lengths: npt.ArrayLike | None, validation: Any) -> tuple[Batches, Batches | None]:
        """Learn all but the weights; return what to train and to validate on."""
        self._check_options()
        X, y = as_pair(X, y)
        rows = samples("X", X, lengths)
        train, held = self._held_out(len(rows), self.validation if validation is None else 0.0)
        rows, y = self._prepared("y", rows, y)
        if not self._goes_on():
            self._learn_inputs(rows, train)
            self._learn_targets(rows, y, train)
        encoded, targets = self.inputs_.encode("X", rows), self._targets("y", rows, y)
        other = None
        if validation is not None:
            X, y, lengths = validation_parts(validation)
            rows = samples("validation X", X, lengths)
            if not rows:
                raise ValueError("validation X is empty; give validation=None where there is none")
            rows, y = self._prepared("validation y", rows, y)
            coded = self.inputs_.encode("validation X", rows)
            other = self._batches(coded, self._targets("validation y", rows, y), shuffle=False)
        elif len(held) and not _ignored(taken(targets, held)):
            other = self._batches(taken(encoded, held), taken(targets, held), shuffle=False)
        if self._goes_on():
            self._check_same(self._network())
        else:
            self.network_ = self._network()
        return self._batches(taken(encoded, train), taken(targets, train)), other

    def _check_options(self) -> None:
        super()._check_options()
        choice("inputs", self.inputs, *KINDS)
        choice("scale", self.scale, *SCALES)
        choice("unit", self.unit, "word", "character", "byte")
        flag("bidirectional", self.bidirectional)
        count("least", self.least)
        count("kernel_size", self.kernel_size)
        for name in ("vocabulary_size", "longest", "embedding_size", "conv"):
            if getattr(self, name) is not None:
                count(name, getattr(self, name))

    def _learn_inputs(self, rows: list[Any], train: Index) -> None:
        chosen = taken(rows, train)
        if kind_of(rows, self.inputs) == "numbers":
            self.inputs_ = Numbers.of("X", chosen, self.scale)
        else:
            self.inputs_ = Tokens.of("X", chosen, self.unit, self.vocabulary_size, self.least, self.longest)

    def _encoded(self, X: Any, lengths: npt.ArrayLike | None = None) -> list[npt.NDArray[Any]]:
        """Return the sequences of X as the network takes them."""
        self._fitted()
        return list(self.inputs_.encode("X", samples("X", X, lengths)))

    def _restore(self, description: Mapping[str, Any], network: Module) -> None:
        super()._restore(description, network)
        found = [module.out_features for _, module in network.named_modules() if isinstance(module, Linear)]
        if found[-1:] != [self._outputs()]:
            raise ValueError(f"the network must have {self._outputs()} outputs, got {found[-1:]}")

    def _front(self, shorter: int = 1, padding: str = "same") -> tuple[list[Any], int]:
        """Return what stands before the LSTM, and the channels that it gives."""
        front, width = self.inputs_.front(self.embedding_size, self.dropout, self.seed)
        if self.conv is None:
            return front, width
        front += [Conv1d(width, self.conv, self.kernel_size, padding=padding, seed=self.seed + 1), Relu()]
        return front + [MaxPool1d(shorter)] * (shorter > 1), self.conv

    def _dropped(self) -> list[Module]:
        return [Dropout(self.dropout, seed=self.seed + 4)] * bool(self.dropout)

    def _batches(self, rows: list[Any], targets: Any, shuffle: bool = True) -> Batches:
        size = self.batch_size if shuffle else max(self.batch_size, 128)
        return Batches(rows, targets, batch_size=size, shuffle=shuffle, bucketed=True, seed=self.seed)


def as_many(name: str, X: list[Any], y: Any) -> Any:
    """Return y as a list or an array, after a look at how many it are."""
    if y is None:
        raise ValueError(f"{name} is missing: one for each of the {len(X)} sequences of X")
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    if isinstance(y, (str, bytes, set, dict)) or not hasattr(y, "__len__") or not getattr(y, "shape", (1,)):
        raise TypeError(f"{name} must hold one for each sequence of X, got {y!r:.60}")
    if len(y) != len(X):
        raise ValueError(f"X has {len(X)} sequences and {name} has {len(y)}; they must be as many")
    return y if isinstance(y, np.ndarray) else list(y)


def _ignored(targets: Any) -> bool:
    """Return whether no target counts in the loss: its items were never seen in training."""
    return all(np.asarray(one).dtype.kind == "i" and bool(np.all(np.asarray(one) == IGNORED)) for one in targets)
