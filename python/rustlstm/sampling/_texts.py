"""Prompts, stops and results: what people write, and the numbers that a model reads.

A model is anything with ``token_stream(batch_size)``. If it has a ``vocabulary_`` with ``encode`` and ``decode``,
prompts and stops may be texts, and what is drawn is handed out as text. It may also have ``begin_tokens``, which stand
before every text, ``end_tokens``, each of which ends what is written, and ``silent_tokens``, which are never written.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import _core

Ids = npt.NDArray[np.int64]


class TokenModel(Protocol):
    """What can be sampled from; a ``vocabulary_`` is optional."""

    def token_stream(self, batch_size: int = 1) -> _core.TokenStream:
        """Return a stream that takes a token of each row and gives the logits of the next ones."""


def checked(model: Any) -> Any:
    """Return the vocabulary of a model, or None."""
    if not callable(getattr(model, "token_stream", None)):
        raise TypeError(f"model must have a method token_stream(batch_size), got {type(model).__name__}")
    return getattr(model, "vocabulary_", None)


def ids_of(name: str, given: Any, vocabulary: Any) -> list[int]:
    """Return the numbers of some tokens: a number, a text, or a list of numbers and texts."""
    if isinstance(given, str):
        # A vocabulary of items has strings as tokens, and does not cut them.
        text = [given] if getattr(vocabulary, "unit", None) == "item" else given
        return [int(token) for token in encoded(name, text, vocabulary, exact=True)]
    if isinstance(given, (list, tuple, np.ndarray)):
        return [token for part in given for token in ids_of(name, part, vocabulary)]
    try:
        token = operator.index(given)
    except TypeError:
        raise TypeError(f"{name} must be numbers of tokens or texts, got {given!r}") from None
    if not 0 <= token < 2**32:
        raise ValueError(f"{name} must be from 0 on, got {token}")
    return [token]


def one_id(name: str, given: Any, vocabulary: Any) -> int:
    """Return the number of a single token."""
    ids = ids_of(name, given, vocabulary)
    if len(ids) != 1:
        raise ValueError(f"{name} must be one token, got {given!r}, which is {len(ids)}")
    return ids[0]


def encoded(name: str, text: Any, vocabulary: Any, exact: bool = False) -> Ids:
    """Return the numbers of a text; ``exact`` refuses what the vocabulary only knows as unknown."""
    if vocabulary is None:
        raise TypeError(f"{name} must be numbers of tokens, as the model has no vocabulary_, got {text!r}")
    ids = np.asarray(vocabulary.encode(text), np.int64)
    if exact and getattr(vocabulary, "unknown", None) is not None:
        strange = [token for token in vocabulary.cut(text) if token not in vocabulary.index]
        if strange:
            raise ValueError(f"{name} must be of the vocabulary, which does not have {strange[0]!r}")
    return ids


def prompts_of(prompt: Any, vocabulary: Any, begin: Sequence[int] = ()) -> tuple[list[Ids], bool]:
    """Return the numbers of each prompt, and whether there were several; ``begin`` stands before each text."""
    if isinstance(prompt, np.ndarray) and prompt.ndim == 2:
        return [_numbers(f"prompt[{at}]", row) for at, row in enumerate(prompt)], True
    if isinstance(prompt, (str, bytes, np.ndarray)) or not isinstance(prompt, Sequence):
        return [_one("prompt", prompt, vocabulary, begin)], False
    if _is_one(prompt, vocabulary):
        return [_one("prompt", prompt, vocabulary, begin)], False
    return [_one(f"prompt[{at}]", one, vocabulary, begin) for at, one in enumerate(prompt)], True


def _is_one(prompt: Sequence[Any], vocabulary: Any) -> bool:
    """Say whether a list is a prompt, and no list of prompts."""
    if len(prompt) == 0:
        return True
    if getattr(vocabulary, "unit", None) == "item":
        # Tokens may be tuples: what the vocabulary has is a token.
        return not isinstance(prompt[0], (list, np.ndarray)) and (
            not isinstance(prompt[0], tuple) or prompt[0] in vocabulary.index
        )
    return all(isinstance(token, (int, np.integer)) and not isinstance(token, bool) for token in prompt)


def _one(name: str, prompt: Any, vocabulary: Any, begin: Sequence[int]) -> Ids:
    items = getattr(vocabulary, "unit", None) == "item" and isinstance(prompt, (list, tuple))
    if items or isinstance(prompt, (str, bytes)):
        ids = np.concatenate([np.asarray(begin, np.int64), encoded(name, prompt, vocabulary)])
    else:
        ids = _numbers(name, prompt)
    if ids.size == 0:
        raise ValueError(f"{name} must hold at least one token, as a model gives logits for what follows one")
    return ids


def _numbers(name: str, prompt: Any) -> Ids:
    ids = np.asarray(prompt)
    if ids.ndim != 1 or (ids.dtype.kind not in "iu" and ids.size):
        raise TypeError(f"{name} must be a text or numbers of tokens [T], got {ids.dtype} of shape {list(ids.shape)}")
    return ids.astype(np.int64)


def stops_of(stop: Any, vocabulary: Any) -> tuple[list[list[int]], list[Any]]:
    """Return the numbers of each stop, and each as it was given."""
    given = list(stop) if isinstance(stop, (list, tuple, set, frozenset)) else [stop]
    ids = [ids_of(f"stop[{at}]", one, vocabulary) for at, one in enumerate(given)]
    for at, one in enumerate(ids):
        if not one:
            raise ValueError(f"stop[{at}] must have at least one token, got {given[at]!r}")
    return ids, given


def text_of(ids: Ids, vocabulary: Any) -> Any:
    """Return what numbers stand for; None without a vocabulary."""
    return None if vocabulary is None else vocabulary.decode(ids)
