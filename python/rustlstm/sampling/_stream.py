"""A sample token by token, while it is drawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import numpy as np

from .. import _core
from ._filters import Filter
from ._generate import sampler_of
from ._texts import TokenModel

# What stands for bytes that are no character, or the beginning of one.
REPLACEMENT = "\ufffd"


def stream(
    model: TokenModel,
    prompt: Any,
    *,
    length: int | None = 100,
    filters: Filter | Sequence[Filter] = (),
    stop: Any = (),
    seed: int = 0,
    sample: int = 0,
) -> Iterator[Any]:
    """Hand out a sample while it is drawn: the tokens of ``generate`` with the same arguments.

    What may be the beginning of a stop is held back until that is known.

    Args:
        model: as for ``generate``.
        prompt: a single one.
        length: the most tokens to draw; ``None`` goes on until a stop, or for ever.
        filters: as for ``generate``.
        stop: as for ``generate``.
        seed: as for ``generate``.
        sample: the number of the sample.

    Returns:
        An iterator over pieces of text, which joined are the sample's text; over items if the vocabulary has such; over
        numbers without a vocabulary.

    >>> import rustlstm as rl
    >>> model = rl.nn.LanguageModel(20, 8, 16)
    >>> tokens = list(rl.sampling.stream(model, [1, 2, 3], length=5))
    >>> tokens == rl.sampling.generate(model, [1, 2, 3], length=5).tokens.tolist()
    True
    """
    sampler, vocabulary = sampler_of(model, prompt, length, filters, stop, seed, sample)
    return _pieces(sampler, _Text(vocabulary))


def astream(
    model: TokenModel,
    prompt: Any,
    *,
    length: int | None = 100,
    filters: Filter | Sequence[Filter] = (),
    stop: Any = (),
    seed: int = 0,
    sample: int = 0,
) -> AsyncIterator[Any]:
    """Do what ``stream`` does for ``async for``: each token is drawn in another thread, and the event loop goes on.

    >>> import asyncio, rustlstm as rl
    >>> async def tokens():
    ...     return [token async for token in rl.sampling.astream(rl.nn.LanguageModel(20, 8, 16), [1], length=3)]
    >>> len(asyncio.run(tokens()))
    3
    """
    sampler, vocabulary = sampler_of(model, prompt, length, filters, stop, seed, sample)
    return _awaited(sampler, _Text(vocabulary))


def _pieces(sampler: _core.Sampler, text: _Text) -> Iterator[Any]:
    while tokens := sampler.next():
        yield from text.add(tokens)
    yield from text.rest()


async def _awaited(sampler: _core.Sampler, text: _Text) -> AsyncIterator[Any]:
    import asyncio  # where it is used, there is an event loop; it takes too long for everybody else's import

    while tokens := await asyncio.to_thread(sampler.next):
        for piece in text.add(tokens):
            yield piece
    for piece in text.rest():
        yield piece


class _Text:
    """What tokens stand for, piece by piece.

    A piece is what a text is longer by than the text without its last tokens: words have blanks between them, and a
    character may be several bytes.
    """

    def __init__(self, vocabulary: Any) -> None:
        self.vocabulary = vocabulary
        self.before: list[int] = []
        self.open: list[int] = []

    def add(self, tokens: list[int]) -> list[Any]:
        if self.vocabulary is None:
            return tokens
        pieces = []
        for token in tokens:
            self.open.append(token)
            pieces += self._piece(False)
        return pieces

    def rest(self) -> list[Any]:
        """Return what was held back as the beginning of a character."""
        return self._piece(True) if self.open else []

    def _piece(self, last: bool) -> list[Any]:
        old = self.vocabulary.decode(np.array(self.before, np.int64))
        new = self.vocabulary.decode(np.array(self.before + self.open, np.int64))
        if not last and isinstance(new, str) and new.endswith(REPLACEMENT):
            return []
        # As few tokens as the next piece needs to see whether a blank belongs before it.
        self.before, self.open = self.open, []
        piece = new[len(old) :]
        return piece if isinstance(piece, list) else [piece] if piece else []
