"""Tokens and their numbers: how text, bytes or lists of anything become what an embedding reads, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._options import choice, count
from .._saved import part


class Vocabulary:
    """Tokens in an order; the number of a token is its place.

    Args:
        tokens: all different. Characters and words are strings, bytes are integers, items are anything hashable.
        unit: how a sequence is cut: a string in "character", in "word" by white space, in "byte" by its UTF-8; for
            "item" a sequence is a list of tokens already. A list is never cut further.
        unknown: the token, one of ``tokens``, that stands for all that are not there; if left out, they are an error.

    >>> words = Vocabulary.of(["a rose is a rose", "is it"], unit="word", unknown="?")
    >>> words.tokens
    ('?', 'a', 'rose', 'is', 'it')
    >>> words.encode("it is a daisy")
    array([4, 3, 1, 0])
    >>> words.decode([4, 3, 1, 0])
    'it is a ?'
    """

    def __init__(self, tokens: Iterable[Any], *, unit: str = "item", unknown: Any = None) -> None:
        self.unit = choice("unit", unit, "item", "character", "word", "byte")
        self.tokens: tuple[Any, ...] = tuple(_plain(token) for token in tokens)
        self.unknown = _plain(unknown)
        self.index: dict[Any, int] = {token: at for at, token in enumerate(self.tokens)}
        if len(self.index) < len(self.tokens):
            twice = next(token for at, token in enumerate(self.tokens) if self.index[token] != at)
            raise ValueError(f"tokens must all be different, {twice!r} is there twice")
        for at, token in enumerate(self.tokens):
            byte = unit == "byte" and isinstance(token, int) and 0 <= token < 256
            if unit != "item" and not byte and not isinstance(token, str):
                expected = "an integer in [0, 256), or a string," if unit == "byte" else "a string"
                raise TypeError(f"tokens[{at}] must be {expected} for unit {unit!r}, got {token!r}")
        if unknown is not None and self.unknown not in self.index:
            raise ValueError(f"unknown must be one of tokens, got {unknown!r}")

    @classmethod
    def of(
        cls,
        sequences: Iterable[Any],
        *,
        unit: str = "item",
        most: int | None = None,
        least: int = 1,
        specials: Iterable[Any] = (),
        unknown: Any = None,
    ) -> Vocabulary:
        """Return the vocabulary of some sequences, the most frequent token first, equals by first appearance.

        Args:
            sequences: strings or lists of tokens, as ``unit`` says; a single string is one sequence.
            unit: see the class.
            most: how many tokens to keep, specials not counted; all if left out.
            least: how often a token must be there to be kept.
            specials: tokens that come before all others, as "<end>".
            unknown: the token for all others; it comes after ``specials`` unless it is one of them.

        >>> Vocabulary.of("abracadabra", unit="character", most=3, specials=["<end>"]).tokens
        ('<end>', 'a', 'b', 'r')
        """
        most = None if most is None else count("most", most)
        least = count("least", least)
        cut = cls((), unit=unit).cut
        found: Counter[Any] = Counter()
        for sequence in [sequences] if isinstance(sequences, (str, bytes)) else sequences:
            found.update(cut(sequence))
        first = list(dict.fromkeys(specials))
        if unknown is not None and unknown not in first:
            first.append(unknown)
        known = set(first)
        frequent = [token for token, times in found.most_common() if times >= least and token not in known]
        return cls([*first, *frequent[:most]], unit=unit, unknown=unknown)

    def __len__(self) -> int:
        return len(self.tokens)

    def cut(self, sequence: Any) -> list[Any]:
        """Return the tokens of a sequence, known or not."""
        if isinstance(sequence, np.ndarray) and sequence.ndim == 1:
            return list(sequence.tolist())
        if not isinstance(sequence, (str, bytes)) and isinstance(sequence, Sequence):
            return [_plain(token) for token in sequence]
        if self.unit == "byte" and isinstance(sequence, (str, bytes)):
            return list(sequence.encode() if isinstance(sequence, str) else sequence)
        if not isinstance(sequence, str) or self.unit == "item":
            expected = {"item": "a list of tokens", "byte": "a string, bytes or a list of bytes"}
            wanted = expected.get(self.unit, f"a string or a list of {self.unit}s")
            raise TypeError(f"a sequence must be {wanted} for unit {self.unit!r}, got {type(sequence).__name__}")
        return sequence.split() if self.unit == "word" else list(sequence)

    def encode(self, sequence: Any) -> npt.NDArray[np.int64]:
        """Return the numbers of the tokens of a sequence, [T]."""
        tokens = self.cut(sequence)
        if self.unknown is not None:
            other = self.index[self.unknown]
            return np.array([self.index.get(token, other) for token in tokens], np.int64)
        try:
            return np.array([self.index[token] for token in tokens], np.int64)
        except KeyError:
            at = next(at for at, token in enumerate(tokens) if token not in self.index)
        raise ValueError(f"token {tokens[at]!r} at {at} is not in the vocabulary, and it has no token for unknown ones")

    def decode(self, numbers: npt.ArrayLike) -> Any:
        """Return what numbers [T] stand for: a string, or for "item" a list.

        Words are joined by blanks. Bytes that are no UTF-8 become the replacement character.
        """
        given = np.asarray(numbers)
        if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size):
            raise TypeError(f"numbers must be integers [T], got {given.dtype} of shape {list(given.shape)}")
        places = given.astype(np.int64).tolist()
        for at, place in enumerate(places):
            if not 0 <= place < len(self):
                raise ValueError(f"numbers[{at}] must be in [0, {len(self)}), got {place}")
        tokens = [self.tokens[place] for place in places]
        if self.unit == "item":
            return tokens
        if self.unit == "byte":
            parts = (token.encode() if isinstance(token, str) else bytes([token]) for token in tokens)
            return b"".join(parts).decode(errors="replace")
        return (" " if self.unit == "word" else "").join(tokens)

    def to_plain(self) -> dict[str, Any]:
        """Return all of it as values that JSON knows. Tokens are strings, numbers, or tuples of such."""
        for at, token in enumerate(self.tokens):
            if not _is_plain(token):
                raise TypeError(
                    f"tokens[{at}] must be a string, a number or a tuple of such to be saved, got {token!r}"
                )
        return {"unit": self.unit, "unknown": _lists(self.unknown), "tokens": [_lists(token) for token in self.tokens]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Vocabulary:
        """Return the vocabulary that ``to_plain`` was called on."""
        tokens = [_tuples(token) for token in part(plain, "tokens", list)]
        return cls(tokens, unit=part(plain, "unit", str), unknown=_tuples(part(plain, "unknown")))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.unit, self.unknown, self.tokens) == (other.unit, other.unknown, other.tokens)

    def __hash__(self) -> int:
        return hash((self.unit, self.unknown, self.tokens))

    def __repr__(self) -> str:
        unknown = "" if self.unknown is None else f", unknown {self.unknown!r}"
        return f"Vocabulary({len(self)} tokens, unit {self.unit!r}{unknown})"


def _plain(token: Any) -> Any:
    """Return a token without numpy: its scalars are those of Python."""
    if isinstance(token, np.generic):
        token = token.item()
    if not isinstance(token, Hashable):
        raise TypeError(f"a token must be hashable, as a string, a number or a tuple, got {token!r}")
    return token


def _is_plain(token: Any) -> bool:
    if isinstance(token, tuple):
        return all(_is_plain(item) for item in token)
    return token is None or isinstance(token, (str, int, float))


def _lists(token: Any) -> Any:
    return [_lists(item) for item in token] if isinstance(token, tuple) else token


def _tuples(token: Any) -> Any:
    return tuple(_tuples(item) for item in token) if isinstance(token, list) else token
