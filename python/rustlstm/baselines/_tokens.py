"""How baselines cut sequences into tokens."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

Tokens = Sequence[Hashable]

_WORD = re.compile(r"\w+(?:'\w+)?")


def samples(name: str, given: Any) -> Any:
    """Return a list of sequences, at least one; a single string is none."""
    if hasattr(given, "to_numpy"):
        given = given.to_numpy()
    plain = isinstance(given, (str, bytes, dict)) or not hasattr(given, "__len__") or not hasattr(given, "__getitem__")
    if plain or len(given) == 0:
        raise ValueError(f"{name} must be a list of sequences, at least one, got {short(given)}")
    return given


def words(text: str) -> list[str]:
    """Return the words of a text in small letters, without punctuation."""
    return _WORD.findall(text.lower())


def tokens(name: str, given: Any, unit: str = "character") -> Tokens:
    """Return a sequence as tokens: of a string what ``unit`` says, words as white space parts them; else its items."""
    if isinstance(given, str) and unit == "byte":
        return given.encode()
    if isinstance(given, str):
        return given.split() if unit == "word" else given
    if isinstance(given, bytes):
        return given
    if isinstance(given, np.ndarray):
        if given.ndim != 1 or given.dtype.kind == "f":
            kind = f"{given.dtype} of shape {list(given.shape)}"
            raise TypeError(f"{name} must be a string or a sequence of tokens [T], got {kind}")
        found: Tokens = given.tolist()
        return found
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"{name} must be a string or a sequence of tokens, got {short(given)}")
    items = [item.item() if isinstance(item, np.generic) else item for item in given]
    for at, item in enumerate(items):
        if isinstance(item, (float, list, dict, set, np.ndarray)) or item is None:
            raise TypeError(f"{name}[{at}] must be a token such as a word or a whole number, got {short(item)}")
    return items


def short(given: Any) -> str:
    """Return how something is written, cut where it is long."""
    shown = repr(given)
    return shown if len(shown) <= 60 else f"{type(given).__name__} {shown[:50]}…"
