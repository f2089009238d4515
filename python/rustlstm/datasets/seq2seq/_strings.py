"""Strings of letters: copied, reversed, sorted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._options import count
from .._dataset import Dataset
from .._draw import distinct, generator, span, whole

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def copy(n: int = 1000, *, length: int | tuple[int, int] = (3, 8), letters: int = 8, seed: int = 0) -> Dataset:
    """Return strings of letters, to be repeated.

    Args:
        n: samples; all strings are different.
        length: letters in a string, one number or (least, greatest). To judge on longer ones, make another set.
        letters: how many of the alphabet there are, at most 26.
        seed: the draw.

    Returns:
        x a list of strings, y the same strings; "exact_match" at best 1. Details: ``letters``.

    >>> data = copy(3, letters=4)
    >>> data.x == data.y
    True
    """
    return _strings("copy", "say it again", lambda text: text, n, length, letters, seed)


def reverse(n: int = 1000, *, length: int | tuple[int, int] = (3, 8), letters: int = 8, seed: int = 0) -> Dataset:
    """Return strings of letters and the same from their end to their beginning; arguments as in ``copy``.

    >>> data = reverse(3)
    >>> data.x[0][::-1] == data.y[0]
    True
    """
    return _strings("reverse", "say it backwards", lambda text: text[::-1], n, length, letters, seed)


def sort(n: int = 1000, *, length: int | tuple[int, int] = (3, 8), letters: int = 8, seed: int = 0) -> Dataset:
    """Return strings of letters and the same letters in the order of the alphabet; arguments as in ``copy``.

    >>> data = sort(3)
    >>> "".join(sorted(data.x[0])) == data.y[0]
    True
    """
    return _strings("sort", "put the letters in order", lambda text: "".join(sorted(text)), n, length, letters, seed)


def _strings(
    name: str, meaning: str, change: Callable[[str], str], n: Any, length: Any, letters: Any, seed: Any
) -> Dataset:
    n, letters, (least, greatest) = count("n", n), count("letters", letters), span("length", length)
    if letters > len(LETTERS):
        raise ValueError(f"letters must be at most {len(LETTERS)}, got {letters}")
    draw, alphabet = generator(seed), LETTERS[:letters]

    def make() -> str:
        size = whole(draw, least, greatest)
        return "".join(alphabet[at] for at in draw.integers(letters, size=size).tolist())

    x = distinct(make, n, "strings")
    details = {"letters": alphabet}
    return Dataset(name, "seq2seq", meaning, x, [change(text) for text in x], "exact_match", 1.0, details)
