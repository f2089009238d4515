"""Texts: any file, or what every Python brings along; and a made-up one whose entropy is known."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._options import count
from .._chain import Chain, entropy
from .._dataset import Dataset
from .._draw import generator

Path_ = str | os.PathLike[str] | None

LETTERS = " abcdefghijklmnopqrstuvwxyz"


def characters(n: int | None = None, *, path: Path_ = None) -> Dataset:
    """Return a text to be learned character by character.

    Args:
        n: how many characters at most; all if left out.
        path: a text file in UTF-8. If left out, the help texts that come with Python, some 450,000 characters, which
            differ a little from one version of Python to the next.

    Returns:
        x one str; "nats" for each character, whose best value is not known. Details: ``unit``, "character";
        ``tokens``, how many different ones; ``nats_of_frequencies``, for one who knows only how frequent each is.

    >>> data = characters(1000)
    >>> len(data.x), data.details["unit"]
    (1000, 'character')
    """
    return _corpus("characters", "character", _text(path), n, path)


def words(n: int | None = None, *, path: Path_ = None) -> Dataset:
    """Return a text to be learned word by word: in lower case, each word or sign of punctuation between spaces.

    A split cuts the text at a character, so the word there may be cut in two.

    Args:
        n: how many words and signs at most; all if left out.
        path: a text file in UTF-8; if left out, as in ``characters``.

    Returns:
        x one str; "nats" for each word or sign, whose best value is not known. Details as of ``characters``, of words;
        ``unit``, "word".

    >>> words(4).x.split(" ") == words(9).x.split(" ")[:4]
    True
    """
    return _corpus("words", "word", re.findall(r"\w+|[^\w\s]", _text(path).lower()), n, path)


def bytes(n: int | None = None, *, path: Path_ = None) -> Dataset:
    """Return the bytes of any file, to be learned byte by byte.

    Args:
        n: how many bytes at most; all if left out.
        path: a file; if left out, the text of ``characters`` in UTF-8.

    Returns:
        x bytes; "nats" for each byte, whose best value is not known. Details as of ``characters``, of bytes;
        ``unit``, "byte".

    >>> bytes(1000).x.decode() == characters(1000).x
    True
    """
    return _corpus("bytes", "byte", _text(None).encode() if path is None else Path(path).read_bytes(), n, path)


def markov_text(
    n: int = 100_000, *, order: int = 2, letters: int = 27, choices: int = 4, language: int = 0, seed: int = 0
) -> Dataset:
    """Return a made-up text of which each character depends on those before it, so that its entropy is known.

    The language follows from ``language``, and the text from ``seed``: two seeds give more text of the same language.

    Args:
        n: characters.
        order: on how many characters the next one depends, 1 to 3.
        letters: how many characters there are, at most 27: the space, a, b, ...
        choices: how many of them are likely each time.
        language: another number is another language.
        seed: the text.

    Returns:
        x one str; "nats" for each character, at best the entropy of the language. Details: ``unit``, "character";
        ``letters``; ``nats_by_order``, the least nats for one who sees no character before it, the last, ...

    >>> data = markov_text(1000, letters=8)
    >>> [round(nats, 2) for nats in data.details["nats_by_order"]]
    [2.04, 1.87, 1.16]
    """
    n, order, letters, choices = (
        count("n", n),
        count("order", order),
        count("letters", letters, 2),
        count("choices", choices),
    )
    if order > 3:
        raise ValueError(f"order must be from 1 to 3, got {order}")
    if letters > len(LETTERS):
        raise ValueError(f"letters must be at most {len(LETTERS)}, got {letters}")
    if choices > letters:
        raise ValueError(f"choices must be at most {letters}, the number of letters, got {choices}")
    chain = Chain.random(generator(language), letters, order, choices)
    x = "".join(LETTERS[at] for at in chain.stream(generator(seed), n))
    by_order = [chain.nats(seen) for seen in range(order + 1)]
    details = {"unit": "character", "letters": LETTERS[:letters], "nats_by_order": by_order}
    return Dataset("markov_text", "generation", "a text by chance", x, None, "nats", by_order[-1], details)


def _corpus(name: str, unit: str, tokens: Sequence[Any], n: Any, path: Path_) -> Dataset:
    tokens = tokens if n is None else tokens[: count("n", n)]
    if not tokens:
        raise ValueError(f"path must be a file with something in it, {path} is empty")
    frequencies = np.array(list(Counter(tokens).values()))
    nats = float(entropy(frequencies / frequencies.sum()))
    details = {"unit": unit, "tokens": len(frequencies), "nats_of_frequencies": nats}
    x = " ".join(tokens) if isinstance(tokens, list) else tokens
    meaning = "help texts of Python" if path is None else Path(path).name
    return Dataset(name, "generation", meaning, x, None, "nats", None, details)


def _text(path: Path_) -> str:
    """Return the text of a file, or that of the help topics that every Python has."""
    if path is not None:
        return Path(path).read_text(encoding="utf-8")
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise ImportError("this Python has no help texts (pydoc_data); give the path of a text file") from error
    return "\n".join(topics[name] for name in sorted(topics))
