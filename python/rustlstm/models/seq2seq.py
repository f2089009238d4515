"""A sequence out of a sequence: 1 2 3 4 5 -> 6 7 8 9 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import losses, metrics, sampling
from .._options import choice, count, flag, number
from ..datasets import Batch, Batches
from ..nn import EncoderDecoder, Module
from ..sampling import Ban
from ..tensor import Array, Tensor, no_grad
from ..training import Callback
from ._estimator import Estimator, Index, as_pair, taken, validation_parts
from ._inputs import IGNORED, Numbers, Tokens, kind_of, samples
from ._pairs import BEGIN_ID, END_ID, Ids, SeriesTargets, TokenTargets, check_alike
from ._sequences import as_many
from ._undo import or_as_before


@dataclass(kw_only=True, eq=False, repr=False)
class Seq2Seq(Estimator):
    """Writes a sequence for each sequence that it reads: answers, translations, the next steps of a series.

    Args:
        attention: look back at the source with each step that is written; without it all of the source must fit into
            one state, which holds only for short ones.
        bidirectional: read the source from both ends; ``hidden_size`` must be even then.
        unit: what a string is cut into: ``"character"``, ``"word"`` or ``"byte"``.
        embedding_size: numbers for each token; ``hidden_size`` if ``None``.
        beam_width: how many beginnings ``predict`` follows at a time; 1 takes the likeliest next token each time.
        length_penalty: 0 judges answers by their probability, which favours short ones; 1 by that of their mean token.
        longest: the most tokens of an answer; twice the longest of those in ``fit`` if ``None``.

    Strings, lists of tokens and numbers may stand on both sides. Tokens are strings: integers are numbers. Numbers are
    returned as [T] or [T, C], all equally long. Both LSTMs have ``hidden_size`` units, which is one number.

    After ``fit``: ``network_``, ``history_``, ``inputs_``, ``targets_``, ``longest_``.

    >>> import rustlstm as rl
    >>> words = ["abc", "cab", "bca", "acb", "ba", "ca", "bc"] * 20
    >>> model = rl.Seq2Seq(hidden_size=32, seed=1).fit(words, [word[::-1] for word in words])
    >>> model.predict(["abc", "ba"])
    ['cba', 'ab']
    """

    attention: bool = True
    bidirectional: bool = True
    unit: str = "character"
    embedding_size: int | None = None
    beam_width: int = 1
    length_penalty: float = 1.0
    longest: int | None = None

    _learns: ClassVar[dict[str, Any]] = {
        **Estimator._learns,
        "inputs_": (Numbers, Tokens),
        "targets_": (TokenTargets, SeriesTargets),
        "longest_": int,
    }
    _problem: ClassVar[str] = "seq2seq"

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Seq2Seq:
        """Learn from pairs.

        Args:
            X: a list of strings, of lists of tokens, or of numbers [S, C] or [S]; or a ``Dataset``.
            y: what is to be written for each: strings, lists of tokens, or numbers [T, C] or [T].
            validation: (X, y) to choose the best epoch by, in place of a share of X.
            callbacks: for the training loop.
        """
        with or_as_before(self):
            data, other = self._prepared(X, y, validation)
            run = self._ready(self._loss, data, other, callbacks)
        run()
        return self

    def predict(self, X: Any) -> list[Any]:
        """Return what is written for each sequence of X, in the form of the targets in ``fit``."""
        rows = self._encoded(X)
        if self.targets_.numbers:
            return [self.targets_.decode(row) for row in self._apply(rows, self._numbers)]
        if self.beam_width > 1:
            return [best[0][0] for best in self.predict_best(X, n=1)]
        return [self.targets_.decode(ids.tolist()) for ids in self._apply(rows, self._greedy)]

    def predict_best(self, X: Any, n: int = 5, *, beam_width: int | None = None) -> list[list[tuple[Any, float]]]:
        """Return for each sequence of X the n best answers and the logarithms of their probabilities, best first.

        Args:
            X: sequences.
            n: how many answers for each.
            beam_width: how many beginnings are followed; ``beam_width`` of the model, and at least n, if left out.
        """
        count("n", n)
        rows = self._encoded(X)
        if self.targets_.numbers:
            raise ValueError("there are no likeliest answers among numbers; use predict")
        width = max(n, self.beam_width) if beam_width is None else count("beam_width", beam_width, n)
        found = []
        for row in rows:
            best = sampling.beam_search(
                _Writing(self.network_, row),
                [BEGIN_ID],
                width=width,
                n_best=n,
                length=self.longest_,
                stop=[END_ID],
                length_penalty=self.length_penalty,
                filters=[Ban(self.targets_.silent)],
            )
            found.append([(self.targets_.decode(one.tokens.tolist()), one.log_probability) for one in best])
        return found

    def attention_weights(self, X: Any, y: Any = None) -> list[Array]:
        """Return where the model looks: for each pair the weight of each step of X at each step of y, [T, S].

        Tokens have a row more: where the model looks when it ends.
        """
        self._fitted()
        if not self.network_.attention:
            raise ValueError("a model with attention=False has no weights to show")
        X, y = as_pair(X, y)
        source = self._encoded(X)
        target = self.targets_.encode("y", samples("y", as_many("y", source, y)))
        found = []
        self.network_.eval()
        with no_grad():
            for one, other in zip(source, target, strict=True):
                self.network_(one[None], self.targets_.shifted(other[None]))
                found.append(self.network_.weights[0])
        return found

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of answers that are right to the last token; of numbers R²."""
        self._fitted()
        X, y = as_pair(X, y)
        rows = samples("X", X)
        wanted = samples("y", as_many("y", rows, y))
        self.targets_.encode("y", wanted)  # says what is wrong with them
        found = self.predict(rows)
        if self.targets_.numbers:
            given = np.stack([np.asarray(row, np.float64).reshape(self.targets_.steps, -1) for row in wanted])
            return metrics.r2(given, np.stack(found).reshape(given.shape))
        return float(np.mean([_same(one, other) for one, other in zip(found, wanted, strict=True)]))

    # --- for fit

    def _check_options(self) -> None:
        super()._check_options()
        if isinstance(self._hidden_size(), list):
            raise TypeError(
                f"hidden_size must be one number, as both LSTMs share it, got {self.hidden_size}; "
                "num_layers says how many layers there are"
            )
        flag("attention", self.attention)
        flag("bidirectional", self.bidirectional)
        choice("unit", self.unit, "character", "word", "byte")
        count("beam_width", self.beam_width)
        if not -4 <= number("length_penalty", self.length_penalty) <= 4:
            raise ValueError(f"length_penalty must be from -4 to 4, got {self.length_penalty}")
        for name in ("longest", "embedding_size"):
            if getattr(self, name) is not None:
                count(name, getattr(self, name))

    def _prepared(self, X: Any, y: Any, validation: Any) -> tuple[Batches, Batches | None]:
        """Learn all but the weights; return what to train and to validate on."""
        self._check_options()
        X, y = as_pair(X, y)
        rows = samples("X", X)
        wanted = samples("y", as_many("y", rows, y))
        train, held = self._held_out(len(rows), self.validation if validation is None else 0.0)
        if not self._goes_on():
            self._learn(rows, wanted, train)
        source, target = self.inputs_.encode("X", rows), self.targets_.encode("y", wanted)
        other = None
        if validation is not None:
            X, y, lengths = validation_parts(validation)
            rows = samples("validation X", X, lengths)
            if not rows:
                raise ValueError("validation X is empty; give validation=None where there is none")
            wanted = samples("validation y", as_many("validation y", rows, y))
            coded = self.inputs_.encode("validation X", rows), self.targets_.encode("validation y", wanted)
            other = self._batches(*coded, shuffle=False)
        elif len(held):
            other = self._batches(taken(source, held), taken(target, held), shuffle=False)
        if self._goes_on():
            self._check_same(self._network())
        else:
            self.longest_ = self.longest or 2 * max(map(len, target))
            self.network_ = self._network()
        return self._batches(taken(source, train), taken(target, train)), other

    def _learn(self, rows: list[Any], wanted: list[Any], train: Index) -> None:
        """Learn what is read and written from those pairs that are trained on."""
        numbers = kind_of(rows, "auto") == "numbers", kind_of(wanted, "auto") == "numbers"
        rows, wanted = taken(rows, train), taken(wanted, train)
        if numbers[0]:
            self.inputs_ = Numbers.of("X", rows, "standard")
        else:
            check_alike("X", rows)
            self.inputs_ = Tokens.of("X", rows, self.unit, None, 1, None)
        self.targets_: Any = SeriesTargets.of("y", wanted) if numbers[1] else TokenTargets.of("y", wanted, self.unit)

    def _network(self) -> Module:
        numbers = isinstance(self.inputs_, Numbers)
        hidden = self._hidden_size()
        assert isinstance(hidden, int)
        return EncoderDecoder(
            self.inputs_.channels if numbers else len(self.inputs_.vocabulary),
            self.targets_.size,
            hidden,
            self.num_layers,
            source_numbers=numbers,
            target_numbers=self.targets_.numbers,
            embedding_size=self.embedding_size,
            bidirectional=self.bidirectional,
            attention=self.attention,
            dropout=self.dropout,
            lstm=self.lstm,
            seed=self.seed,
        )

    def _loss(self, network: Any, batch: Batch) -> tuple[Tensor, dict[str, float]] | Tensor:
        given = self.targets_.shifted(batch.y)
        outputs = network(batch.x, given, lengths=batch.lengths, target_lengths=batch.y_lengths)
        if self.targets_.numbers:
            return losses.mse(outputs, batch.y, lengths=batch.y_lengths)
        right = (outputs.numpy().argmax(axis=-1) == batch.y) | (batch.y < 0)
        # Of unknown tokens, only that they get ever less likely could be learned from those held out.
        known = np.where(batch.y == self.targets_.unknown, IGNORED, batch.y)
        return losses.cross_entropy(outputs, known), {"exact": float(right.all(axis=1).mean())}

    def _batches(self, source: list[Any], target: list[Any], shuffle: bool = True) -> Batches:
        size = self.batch_size if shuffle else max(self.batch_size, 128)
        return Batches(source, target, batch_size=size, shuffle=shuffle, bucketed=True, seed=self.seed)

    def _restore(self, description: Mapping[str, Any], network: Module) -> None:
        super()._restore(description, network)
        numbers = isinstance(self.inputs_, Numbers)
        size = self.inputs_.channels if numbers else len(self.inputs_.vocabulary)
        expected = (numbers, size, self.targets_.numbers, self.targets_.size)
        names = ("source_numbers", "source_size", "target_numbers", "target_size")
        if not isinstance(network, EncoderDecoder) or tuple(getattr(network, name) for name in names) != expected:
            given = ", ".join(f"{name}={value}" for name, value in zip(names, expected, strict=True))
            raise ValueError(f"the network must be an EncoderDecoder with {given}")
        count("longest_", self.longest_)

    # --- writing

    def _encoded(self, X: Any) -> list[npt.NDArray[Any]]:
        self._fitted()
        rows = samples("X", X)
        if not rows:
            raise ValueError("X is empty; give at least one sequence")
        return list(self.inputs_.encode("X", rows))

    def _greedy(self, x: Any, lengths: Any) -> Ids:
        """Write the likeliest token each time, for a whole batch, until all have come to an end."""
        stream = self.network_.token_stream(x, lengths)
        last = np.full(len(x), BEGIN_ID)
        done = np.zeros(len(x), bool)
        written: list[Ids] = []
        while len(written) < self.longest_ and not done.all():
            logits = stream.step(last)
            logits[:, self.targets_.silent] = -np.inf
            last = logits.argmax(axis=1)
            written.append(last)
            done |= last == END_ID
        return np.stack([*written, np.full(len(x), END_ID)], axis=1)

    def _numbers(self, x: Any, lengths: Any) -> Array:
        memory, state = self.network_.encode(x, lengths)
        seen = self.network_.looked_at(memory, lengths)
        last = np.zeros((len(x), 1, self.targets_.size), np.float32)
        written = []
        for _ in range(self.targets_.steps):
            outputs, state = self.network_.decode(last, state, seen, lengths)
            last = outputs.numpy()
            written.append(last[:, 0])
        return np.stack(written, axis=1)


class _Writing:
    """The answer to one source, as ``sampling`` takes a model."""

    def __init__(self, network: EncoderDecoder, source: npt.NDArray[Any]) -> None:
        self.network = network
        self.source = source

    def token_stream(self, batch_size: int = 1) -> Any:
        return self.network.token_stream(np.repeat(self.source[None], batch_size, axis=0))


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) if isinstance(other, str) else list(one) == list(other)
