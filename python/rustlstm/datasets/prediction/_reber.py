"""Strings of the embedded Reber grammar, and which symbols may come next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._options import count
from .._dataset import Dataset
from .._draw import distinct, generator
from .._reber import SYMBOLS, embedded_string, successors

_Floats = npt.NDArray[np.float32]


def embedded_reber(n: int = 500, *, seed: int = 0) -> Dataset:
    """Return strings of the embedded Reber grammar, with the symbols that may follow each symbol.

    The second symbol, T or P, comes again as the last but one, and must be remembered until then. Who knows only the
    last symbols cannot know it (Hochreiter and Schmidhuber 1997, section 5.1). All strings are different, so a split
    has no string in both parts; therefore many strings are longer than as many free draws would be.

    Args:
        n: strings.
        seed: the draw.

    Returns:
        x a list of arrays [T, 7], each symbol but the last as 0 and 1; y a list of arrays [T, 7], 1 for each symbol
        that may follow; "mse" at best 0. Details: ``symbols``, what the 7 columns are; ``strings``, the strings of x.
        The usual measure of success is ``reber_success``.

    >>> data = embedded_reber(10)
    >>> data.x[0].shape == data.y[0].shape == (len(data.details["strings"][0]) - 1, 7)
    True
    """
    n, draw = count("n", n), generator(seed)
    strings = distinct(lambda: embedded_string(draw), n, "strings")
    x = [_one_hot(string[:-1]) for string in strings]
    y = [_legal(string) for string in strings]
    details = {"symbols": list(SYMBOLS), "strings": strings}
    meaning = "which symbols may come next in a string?"
    return Dataset("embedded_reber", "prediction", meaning, x, y, "mse", 0.0, details)


def continual_reber(n: int = 32, *, length: int = 1000, seed: int = 0) -> Dataset:
    """Return streams of embedded Reber strings without a sign where one ends and the next begins.

    Gers, Schmidhuber and Cummins 2000. After the E that ends a string comes the B of the next one; the E inside is
    followed by T or P. A network must learn itself when to forget.

    Args:
        n: streams.
        length: symbols of each stream.
        seed: the draw.

    Returns:
        x [n, length, 7], the symbols as 0 and 1; y [n, length, 7], 1 for each symbol that may follow; "mse" at best 0.
        Details: ``symbols``, what the 7 columns are; ``strings``, the n streams. For success see ``reber_success``.

    >>> continual_reber(2, length=100).x.shape
    (2, 100, 7)
    """
    n, length, draw = count("n", n), count("length", length), generator(seed)
    x = np.zeros((n, length, 7), np.float32)
    y = np.zeros((n, length, 7), np.float32)
    streams = []
    for row in range(n):
        stream, legal = "", []
        while len(stream) < length:
            string = embedded_string(draw)
            stream += string
            legal += [_legal(string), _one_hot("B")]
        x[row], y[row] = _one_hot(stream[:length]), np.concatenate(legal)[:length]
        streams.append(stream[:length])
    details = {"symbols": list(SYMBOLS), "strings": streams}
    meaning = "which symbols may come next in a stream of strings?"
    return Dataset("continual_reber", "prediction", meaning, x, y, "mse", 0.0, details)


def reber_success(y_true: Any, y_pred: Any) -> float:
    """Return the share of sequences in which each step has all legal symbols above all others.

    Args:
        y_true: N arrays [T, 7], 1 for each legal symbol and 0 for others.
        y_pred: as many arrays [T, 7] of any numbers that are greater for what is thought more likely.

    >>> data = embedded_reber(10)
    >>> reber_success(data.y, data.y), reber_success(data.y, [0 * each for each in data.y])
    (1.0, 0.0)
    """
    if len(y_true) != len(y_pred) or not len(y_true):
        raise ValueError(f"y_true and y_pred must be as many, 1 at least, got {len(y_true)} and {len(y_pred)}")
    right = 0
    for at, (true, pred) in enumerate(zip(y_true, y_pred, strict=True)):
        legal, found = np.asarray(true) > 0.5, np.asarray(pred, np.float64)
        if legal.shape != found.shape:
            raise ValueError(f"y_pred[{at}] must have shape {list(legal.shape)}, got {list(found.shape)}")
        least = np.where(legal, found, np.inf).min(axis=-1)
        right += bool((least > np.where(legal, -np.inf, found).max(axis=-1)).all())
    return right / len(y_true)


def _one_hot(string: str) -> _Floats:
    return np.eye(7, dtype=np.float32)[[SYMBOLS.index(symbol) for symbol in string]]


def _legal(string: str) -> _Floats:
    following = successors(string)
    assert following is not None
    return np.array([[symbol in legal for symbol in SYMBOLS] for legal in following], np.float32)
