"""New sequences like those of a corpus: text by characters, words or bytes, or any other tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import losses, ops, sampling
from .._options import choice, count, flag, not_negative
from ..datasets import Batch, Dataset, Streams, Vocabulary
from ..nn import LanguageModel, Module
from ..sampling import Ban, Filter, Greedy, Temperature, TopK, TopP
from ..tensor import Tensor, no_grad
from ..training import Callback
from ._estimator import Estimator
from ._inputs import check_tokens
from ._pairs import BEGIN, BEGIN_ID, END, END_ID, UNKNOWN

Ids = npt.NDArray[np.int64]


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

    After ``fit``: ``network_``, ``history_``, ``vocabulary_``.

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
        self._check_options()
        corpus = _corpus("X", X)
        train, held = (corpus, validation) if validation is not None else self._last_held(corpus)
        if not self._goes_on():
            self.whole_ = not isinstance(corpus, list)
            self.vocabulary_ = self._learn(train)
            self.network_ = self._network()
        data = self._streams(self._ids("X", train), self.batch_size, shuffle=True)
        other = None
        if held is not None:
            other = self._streams(self._ids("validation", _corpus("validation", held)), 8, shuffle=False)
        self._run(_loss, data, other, callbacks)
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
            for ids in self._ids("X", _corpus("X", X)):
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
        found = np.concatenate(self.log_probabilities(X))
        if not len(found):
            raise ValueError("X has no token that follows another")
        return float(-found.mean())

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

    def sample(
        self,
        prompt: Any = "",
        length: int = 400,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        filters: Sequence[Filter] = (),
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
        filters: Sequence[Filter] = (),
        stop: Any = (),
        seed: int = 0,
    ) -> Iterator[Any]:
        """Yield what ``sample`` writes behind the prompt, piece by piece; ``length=None`` has no end of its own."""
        written, chosen = self._begun(prompt), self._chain(temperature, top_k, top_p, filters)
        return sampling.stream(self, written, length=length, filters=chosen, stop=self._stops(stop), seed=seed)

    def predict(self, X: Any) -> list[Any]:
        """Return the likeliest next token for each prompt of a list; ``None`` where the sequence ends."""
        if isinstance(X, (str, bytes)):
            raise TypeError(f"X must be a list of prompts, got one string; put it into a list: [{X!r:.40}]")
        prompts = [self._begun(prompt) for prompt in X]
        made = sampling.generate(self, prompts, length=1, filters=self._chain(0, None, None, ()), stop=self._stops(()))
        tokens = [self.vocabulary_.tokens[one.tokens[0]] if len(one.tokens) else None for one in made]
        return list(tokens)

    def _chain(
        self, temperature: float, top_k: int | None, top_p: float | None, filters: Sequence[Filter]
    ) -> list[Filter]:
        """Return filters in the order in which they are applied: those given, temperature, top-k, top-p."""
        self._fitted()
        # What stands for no token, or only for a beginning, is not written.
        silent = [self.vocabulary_.index[one] for one in (UNKNOWN, BEGIN) if one in self.vocabulary_.index]
        found: list[Filter] = [Ban(silent), *filters]
        if not_negative("temperature", temperature) == 0:
            return [*found, Greedy()]
        found += [Temperature(temperature)] * (temperature != 1)
        found += [] if top_k is None else [TopK(top_k)]
        return found + ([] if top_p is None else [TopP(top_p)])

    def _begun(self, prompt: Any) -> Ids:
        """Return the ids that the writing goes on from; there is at least one."""
        self._fitted()
        ids = self.vocabulary_.encode(prompt) if len(prompt) else np.zeros(0, np.int64)
        if not self.whole_:
            return np.concatenate([[BEGIN_ID], ids])
        line = {"character": "\n", "byte": 10}.get(self.unit)
        return ids if len(ids) else np.array([self.vocabulary_.index.get(line, 0)], np.int64)

    def _stops(self, stop: Any) -> list[Any]:
        given = [stop] if isinstance(stop, str) else list(stop)
        return given if self.whole_ else [*given, END_ID]

    def _joined(self, prompt: Any, text: Any) -> Any:
        if isinstance(text, str):
            between = " " if self.unit == "word" and prompt and text else ""
            return f"{prompt}{between}{text}"
        return [*prompt, *text]

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

    def _last_held(self, corpus: Any) -> tuple[Any, Any]:
        """Return the corpus without its last share, and that; the future is no part of the training."""
        size = len(corpus)
        held = round(size * self.validation)
        return (corpus[: size - held], corpus[size - held :]) if held and size - held else (corpus, None)

    def _learn(self, corpus: Any) -> Vocabulary:
        rows = [corpus] if self.whole_ else corpus
        unit = self.unit if isinstance(rows[0], (str, bytes)) else "item"
        # Of a whole text at its characters or bytes nothing need be unknown until something is.
        return Vocabulary.of(
            rows,
            unit="byte" if isinstance(rows[0], bytes) else unit,
            most=self.vocabulary_size,
            least=self.least,
            specials=() if self.whole_ else (BEGIN, END),
            unknown=UNKNOWN,
        )

    def _ids(self, name: str, corpus: Any) -> list[Ids]:
        if isinstance(corpus, list) == self.whole_:
            expected = "one text" if self.whole_ else "a list of sequences"
            raise TypeError(f"{name} must be {expected}, as the model was fitted on, got {type(corpus).__name__}")
        if self.whole_:
            return [self.vocabulary_.encode(corpus)]
        return [np.concatenate([[BEGIN_ID], self.vocabulary_.encode(row), [END_ID]]) for row in corpus]

    def _streams(self, ids: list[Ids], rows: int, shuffle: bool) -> Streams:
        if not self.whole_:
            return Streams(ids, steps=self.steps, batch_size=min(rows, len(ids)), shuffle=shuffle, seed=self.seed)
        # Each row needs a step and the one that follows it.
        most = max(1, (len(ids[0]) - 1) // 2)
        return Streams(ids[0], steps=self.steps, batch_size=min(rows, most), seed=self.seed)

    def _network(self) -> Module:
        size = len(self.vocabulary_)
        width = self.hidden_size if isinstance(self.hidden_size, int) else self.hidden_size[-1]
        return LanguageModel(
            size,
            self.embedding_size or (width if self.tied else min(64, width)),
            self.hidden_size if isinstance(self.hidden_size, int) else list(self.hidden_size),
            self.num_layers,
            tied=self.tied,
            **{"dropout": self.dropout, "seed": self.seed, **(self.lstm or {})},
        )


def _loss(network: Any, batch: Batch, state: Any) -> tuple[Tensor, Any]:
    logits, state = network(batch.x, state, lengths=batch.lengths)
    return losses.cross_entropy(logits, batch.y), state


def _corpus(name: str, given: Any) -> Any:
    """Return a text, bytes or a list of sequences, after a look at what it is."""
    if isinstance(given, Dataset):
        given = given.x
    if isinstance(given, (str, bytes)):
        if len(given) < 2:
            raise ValueError(f"{name} must have at least 2 characters, one to follow another, got {given!r}")
        return given
    if hasattr(given, "to_numpy"):
        given = given.to_numpy().tolist()
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"{name} must be a text or a list of texts or of lists of tokens, got {type(given).__name__}")
    if not given:
        raise ValueError(f"{name} is empty; there is nothing to learn from")
    check_tokens(name, given)
    return list(given)
