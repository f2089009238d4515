"""New sequences like those of a corpus: text by characters, words or bytes, or any other tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import losses, ops, sampling
from .._options import choice, count, flag, not_negative
from ..datasets import Batch, Dataset, Streams, Vocabulary
from ..nn import LanguageModel, Module
from ..sampling import Filter, Greedy, Temperature, TopK, TopP
from ..tensor import Tensor, no_grad
from ..training import Callback
from ._estimator import Estimator
from ._inputs import IGNORED
from ._inputs import samples as sequences
from ._pairs import BEGIN, BEGIN_ID, END, END_ID, UNKNOWN, Ids, check_alike, check_row, check_rows, encoded
from ._undo import or_as_before


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceGenerator(Estimator):
    """Learns which token follows which, and writes more of the kind.

    Args:
        unit: what a text is cut into: ``"character"``, ``"word"`` or ``"byte"``.
        steps: how far gradients go back; the state goes on from chunk to chunk all the same.
        embedding_size: numbers for each token; if ``None`` 64, or ``hidden_size`` where that is less or ``tied``.
        tied: let the output layer share the embedding: fewer numbers to learn, which helps with many words.
        vocabulary_size: the most frequent tokens that are told apart; ``None`` for all.
        least: how often a token must be seen to be one of them.

    A corpus is one long text, or a list of texts or of lists of tokens. Of a list each sequence begins and ends, and
    so do those that are sampled.

    After ``fit``: ``network_``, ``history_``, ``vocabulary_``, and ``whole_``, which says whether it was one text.

    >>> import rustlstm as rl
    >>> model = rl.SequenceGenerator(hidden_size=32).fit("the cat sat on the mat. " * 100)
    >>> model.sample("the c", 12, temperature=0)
    'the cat sat on th'
    """

    unit: str = "character"
    steps: int = 64
    embedding_size: int | None = None
    tied: bool = False
    vocabulary_size: int | None = None
    least: int = 1

    _learns: ClassVar[dict[str, Any]] = {**Estimator._learns, "whole_": bool, "vocabulary_": Vocabulary}
    _problem: ClassVar[str] = "generation"

    def fit(
        self, X: Any, y: None = None, *, validation: Any = None, callbacks: Sequence[Callback] = ()
    ) -> SequenceGenerator:
        """Learn from a corpus.

        Args:
            X: a text or bytes; a list of texts, or of lists of tokens; or a ``Dataset``.
            y: nothing; it is there for scikit-learn.
            validation: another corpus to choose the best epoch by, in place of the last share of X.
            callbacks: for the training loop.
        """
        with or_as_before(self):
            train, held = self._prepared(X, validation)
            data = self._streams(train, self.batch_size, shuffle=True)
            other = None if held is None else self._streams(held, 8, shuffle=False)
            # Of a token that training has nothing of, only that it gets ever less likely could be learned from those
            # held.
            unknown = self.vocabulary_.index[UNKNOWN]
            seen = any(bool((ids == unknown).any()) for ids in train)
            run = self._ready(partial(_loss, ignored=None if seen else unknown), data, other, callbacks)
        run()
        return self

    # --- judging

    def log_probabilities(self, X: Any) -> list[npt.NDArray[np.float64]]:
        """Return the logarithm of the probability of each token, given those before it, for each sequence.

        The first token of a single text has none before it, and is left out.
        """
        self._fitted()
        found = []
        self.network_.eval()
        with no_grad():
            for ids in self._ids("X", X):
                state, parts = None, []
                for begin in range(0, len(ids) - 1, 1024):
                    chunk, wanted = ids[begin:-1][:1024], ids[begin + 1 :][:1024]
                    logits, state = self.network_(chunk[None], state)
                    logs = ops.log_softmax(logits).numpy()[0]
                    parts.append(logs[np.arange(len(chunk)), wanted].astype(np.float64))
                found.append(np.concatenate(parts) if parts else np.zeros(0))
        return found

    def nats(self, X: Any) -> float:
        """Return how many nats a token of a corpus takes on average: the cross-entropy."""
        return float(-np.concatenate(self.log_probabilities(X)).mean())

    def bits(self, X: Any) -> float:
        """Return the same in bits: per character, where these are the tokens."""
        return self.nats(X) / math.log(2)

    def perplexity(self, X: Any) -> float:
        """Return among how many equally likely tokens the model would be as unsure."""
        return math.exp(self.nats(X))

    def score(self, X: Any, y: None = None) -> float:
        """Return minus ``nats``, so that more is better."""
        return -self.nats(X)

    # --- writing

    def token_stream(self, batch_size: int = 1) -> Any:
        """Return the network as ``rustlstm.sampling`` takes it: tokens in, logits out, one step at a time."""
        self._fitted()
        return self.network_.eval().token_stream(batch_size)

    @property
    def begin_tokens(self) -> list[int]:
        """What stands before every sequence, for ``rustlstm.sampling``."""
        self._fitted()
        return [] if self.whole_ else [BEGIN_ID]

    @property
    def end_tokens(self) -> list[int]:
        """What ends every sequence."""
        self._fitted()
        return [] if self.whole_ else [END_ID]

    @property
    def silent_tokens(self) -> list[int]:
        """What is never written, as it stands for no token, or only for a beginning."""
        self._fitted()
        return [*self.begin_tokens, self.vocabulary_.index[UNKNOWN]]

    def sample(
        self,
        prompt: Any = "",
        length: int = 400,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        filters: Filter | Sequence[Filter] = (),
        stop: Any = (),
        seed: int = 0,
        samples: int = 1,
    ) -> Any:
        """Return a prompt and what the model writes behind it: a text, or a list of tokens as those of the corpus.

        Args:
            prompt: what comes before. Nothing begins a new sequence of a list, and a new line of a text.
            length: the most tokens to write.
            temperature: below 1 more of what is likely, above 1 wilder; 0 always takes the likeliest.
            top_k: only so many of the likeliest tokens.
            top_p: only the likeliest that have so much of the probability together.
            filters: further ones of ``rustlstm.sampling``; they come before these, which keep the order above.
            stop: a text, or several, that end the writing and are not part of it.
            seed: the same seed writes the same.
            samples: how many; a list of them if more than one.
        """
        written, chosen = self._begun(prompt), self._chain(temperature, top_k, top_p, filters)
        made = sampling.generate(
            self, written, length=length, filters=chosen, stop=self._stops(stop), seed=seed, samples=samples
        )
        texts = [self._joined(prompt, one.text) for one in (made if samples > 1 else [made])]
        return texts if samples > 1 else texts[0]

    def stream(
        self,
        prompt: Any = "",
        length: int | None = 400,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        filters: Filter | Sequence[Filter] = (),
        stop: Any = (),
        seed: int = 0,
    ) -> Iterator[Any]:
        """Yield what ``sample`` writes behind the prompt, piece by piece; ``length=None`` has no end of its own."""
        written, chosen = self._begun(prompt), self._chain(temperature, top_k, top_p, filters)
        pieces = sampling.stream(self, written, length=length, filters=chosen, stop=self._stops(stop), seed=seed)
        return self._behind(prompt, pieces)

    def predict(self, X: Any) -> list[Any]:
        """Return the likeliest next token for each prompt of a list; ``None`` where the sequence ends."""
        self._fitted()
        if isinstance(X, Dataset):
            X = X.x
        if isinstance(X, (str, bytes)):
            raise TypeError(f"X must be a list of prompts, got one string; put it into a list: [{X!r:.40}]")
        if not isinstance(X, (list, tuple, np.ndarray)):
            raise TypeError(f"X must be a list of prompts, got {type(X).__name__}")
        prompts = [self._begun(prompt, f"X[{at}]") for at, prompt in enumerate(X)]
        if not prompts:
            raise ValueError("X is empty; give at least one prompt")
        made = sampling.generate(self, prompts, length=1, filters=self._chain(0, None, None, ()), stop=self._stops(()))
        return [self.vocabulary_.tokens[one.tokens[0]] if len(one.tokens) else None for one in made]

    def _chain(
        self, temperature: float, top_k: int | None, top_p: float | None, filters: Filter | Sequence[Filter]
    ) -> list[Filter]:
        """Return filters in the order in which they are applied: those given, temperature, top-k, top-p."""
        self._fitted()
        given = [filters] if isinstance(filters, Filter) else filters
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"filters must be a list of filters, got {type(given).__name__}")
        found: list[Filter] = [*given]
        if not_negative("temperature", temperature) == 0:
            return [*found, Greedy()]
        found += [Temperature(temperature)] * (temperature != 1)
        found += [] if top_k is None else [TopK(top_k)]
        return found + ([] if top_p is None else [TopP(top_p)])

    def _begun(self, prompt: Any, name: str = "prompt") -> Ids:
        """Return the ids that the writing goes on from; there is at least one."""
        self._fitted()
        ids = np.zeros(0, np.int64)
        if not _nothing(prompt):
            check_row(name, prompt, self.vocabulary_)
            ids = self.vocabulary_.encode(prompt) if self.whole_ else encoded(name, prompt, self.vocabulary_)
        if not self.whole_:
            return np.concatenate([[BEGIN_ID], ids])
        line = {"character": "\n", "byte": 10}.get(self.vocabulary_.unit)
        return ids if len(ids) else np.array([self.vocabulary_.index.get(line, 0)], np.int64)

    def _stops(self, stop: Any) -> list[list[int]]:
        """Return the ids of each stop."""
        several = isinstance(stop, (list, tuple, set, frozenset))
        found = []
        for at, one in enumerate(stop if several else [stop]):
            name = f"stop[{at}]" if several else "stop"
            row = [one] if self.vocabulary_.unit == "item" and not isinstance(one, (list, tuple)) else one
            check_row(name, row, self.vocabulary_)
            tokens = self.vocabulary_.cut(row)
            if not tokens:
                raise ValueError(f"{name} must have at least one token, got {one!r}")
            for token in tokens:
                if token not in self.vocabulary_.index:
                    raise ValueError(f"{name} must be of the vocabulary, which does not have {token!r}")
            found.append([self.vocabulary_.index[token] for token in tokens])
        return found

    def _joined(self, prompt: Any, text: Any) -> Any:
        if not isinstance(text, str):
            return text if _nothing(prompt) else [*self.vocabulary_.cut(prompt), *text]
        return _text(prompt) + (self._between(prompt) + text if text else "")

    def _behind(self, prompt: Any, pieces: Iterator[Any]) -> Iterator[Any]:
        between = self._between(prompt)
        for piece in pieces:
            yield between + piece if isinstance(piece, str) and self.vocabulary_.unit != "item" else piece
            between = ""

    def _between(self, prompt: Any) -> str:
        """Return what stands between a prompt and the words behind it."""
        text = _text(prompt) if self.vocabulary_.unit == "word" else ""
        return " " if text and not text[-1].isspace() else ""

    # --- for fit

    def _check_options(self) -> None:
        super()._check_options()
        choice("unit", self.unit, "character", "word", "byte")
        count("steps", self.steps)
        count("least", self.least)
        flag("tied", self.tied)
        for name in ("embedding_size", "vocabulary_size"):
            if getattr(self, name) is not None:
                count(name, getattr(self, name))

    def _prepared(self, X: Any, validation: Any) -> tuple[list[Ids], list[Ids] | None]:
        """Learn all but the weights; return what to train and to validate on."""
        self._check_options()
        corpus = _corpus("X", X)
        if self._goes_on():
            self._check_form("X", corpus)
            unit = self.vocabulary_.unit
        else:
            self.whole_ = not isinstance(corpus, list)
            unit = "byte" if isinstance(corpus, bytes) else self.unit
            unit = unit if self.whole_ or isinstance(corpus[0], str) else "item"
        rows = Vocabulary((), unit=unit).cut(corpus) if self.whole_ else corpus
        train, held = self._last_held(rows) if validation is None else (rows, None)
        if self._goes_on():
            self._check_same(self._network())
        else:
            self.vocabulary_: Vocabulary = Vocabulary.of(
                [train] if self.whole_ else train,
                unit=unit,
                most=self.vocabulary_size,
                least=self.least,
                specials=() if self.whole_ else (BEGIN, END),
                unknown=UNKNOWN,
            )
            self.network_ = self._network()
        if validation is not None:
            return self._numbered("X", train), self._ids("validation", validation)
        return self._numbered("X", train), None if held is None else self._numbered("X", held, first=len(train))

    def _last_held(self, rows: list[Any]) -> tuple[list[Any], list[Any] | None]:
        """Return the corpus without its last share, and that; the future is no part of the training."""
        least = 2 if self.whole_ else 1  # tokens, of which one follows another
        held = round(len(rows) * self.validation)
        if self.validation and held < least:
            held = least
        return (rows[:-held], rows[-held:]) if held and len(rows) - held >= least else (rows, None)

    def _ids(self, name: str, given: Any) -> list[Ids]:
        """Return the ids of a corpus that has the form of that in ``fit``."""
        self._fitted()
        corpus = _corpus(name, given)
        self._check_form(name, corpus)
        return self._numbered(name, corpus)

    def _check_form(self, name: str, corpus: Any) -> None:
        if isinstance(corpus, list) == self.whole_:
            expected = "one text" if self.whole_ else "a list of sequences"
            raise TypeError(f"{name} must be {expected}, as the model was fitted on, got {type(corpus).__name__}")
        if self.whole_:
            check_row(name, corpus, self.vocabulary_)
        else:
            check_rows(name, corpus, self.vocabulary_)

    def _numbered(self, name: str, rows: Any, first: int = 0) -> list[Ids]:
        if not self.whole_:
            found = [encoded(f"{name}[{at}]", row, self.vocabulary_) for at, row in enumerate(rows, first)]
            return [np.concatenate([[BEGIN_ID], ids, [END_ID]]) for ids in found]
        ids = self.vocabulary_.encode(rows)
        if len(ids) < 2:
            unit = self.vocabulary_.unit
            raise ValueError(f"{name} must have at least 2 {unit}s, one to follow another, got {len(ids)}")
        return [ids]

    def _streams(self, ids: list[Ids], rows: int, shuffle: bool) -> Streams:
        if not self.whole_:
            return Streams(ids, steps=self.steps, batch_size=min(rows, len(ids)), shuffle=shuffle, seed=self.seed)
        # Each row needs a step and the one that follows it.
        most = max(1, (len(ids[0]) - 1) // 2)
        return Streams(ids[0], steps=self.steps, batch_size=min(rows, most), seed=self.seed)

    def _network(self) -> Module:
        size = len(self.vocabulary_)
        hidden = self._hidden_size()
        width = hidden if isinstance(hidden, int) else hidden[-1]
        return LanguageModel(
            size,
            self.embedding_size or (width if self.tied else min(64, width)),
            hidden,
            self.num_layers,
            tied=self.tied,
            **{"dropout": self.dropout, "seed": self.seed, **(self.lstm or {})},
        )

    def _restore(self, description: Mapping[str, Any], network: Module) -> None:
        super()._restore(description, network)
        tokens = self.vocabulary_.tokens
        if not isinstance(network, LanguageModel) or network.vocabulary_size != len(tokens):
            raise ValueError(f"the network must be a LanguageModel of {len(tokens)} tokens")
        if self.vocabulary_.unknown != UNKNOWN or (not self.whole_ and tokens[:2] != (BEGIN, END)):
            raise ValueError(f"the vocabulary must have {UNKNOWN}, and of a list begin with {BEGIN} and {END}")


def _loss(network: Any, batch: Batch, state: Any, ignored: int | None) -> tuple[Tensor, Any]:
    logits, state = network(batch.x, state, lengths=batch.lengths)
    return losses.cross_entropy(logits, np.where(batch.y == ignored, IGNORED, batch.y)), state


def _corpus(name: str, given: Any) -> Any:
    """Return a text, bytes or a list of sequences, after a look at what it is."""
    if isinstance(given, Dataset):
        given = given.x
    if isinstance(given, (str, bytes)):
        return given
    if not isinstance(given, (list, tuple, np.ndarray)) and not hasattr(given, "to_numpy"):
        raise TypeError(f"{name} must be a text or a list of texts or of lists of tokens, got {type(given).__name__}")
    rows = sequences(name, given)
    if not rows:
        raise ValueError(f"{name} is empty; give at least one sequence")
    check_alike(name, rows)
    return rows


def _nothing(prompt: Any) -> bool:
    return isinstance(prompt, (str, bytes, list, tuple, np.ndarray)) and not len(prompt)


def _text(prompt: Any) -> str:
    if _nothing(prompt):
        return ""
    return prompt.decode(errors="replace") if isinstance(prompt, bytes) else str(prompt)
