"""Sequences whose class lies in the order or in the beginning: orderings, temporal order, two sequences."""

from __future__ import annotations

import math

import numpy as np

from ..._options import choice, count, not_negative
from .._dataset import Dataset
from .._draw import balanced, even, generator, whole


def orderings(n: int = 1000, *, length: int = 5, rule: str = "ascending", high: int = 99, seed: int = 0) -> Dataset:
    """Return numbers that stand in order ("good"), or of which two neighbours were exchanged ("bad").

    Each good sequence has a bad one of the same numbers, so only their order tells.

    Args:
        n: samples, an even number.
        length: how many numbers, 2 at least.
        rule: what "good" is: "ascending"; "descending"; or "alternating", where they rise and fall in turn, beginning
            with a rise.
        high: the numbers are different whole numbers from 0 to this.
        seed: the draw.

    Returns:
        x [n, length, 1], y a list of "good" and "bad", half of each; "accuracy" at best 1. Details:
        ``bag_of_numbers``, 1/2, the best share for one who does not see the order.

    >>> data = orderings(2, seed=1)
    >>> sorted(zip(data.y, data.x[..., 0].tolist()))
    [('bad', [3.0, 14.0, 49.0, 93.0, 73.0]), ('good', [3.0, 14.0, 49.0, 73.0, 93.0])]
    """
    n, length, high = even("n", n), count("length", length, 2), count("high", high)
    choice("rule", rule, "ascending", "descending", "alternating")
    if high > 2**24 or high < length - 1:
        raise ValueError(f"high must be from {length - 1}, for {length} different numbers, to 2 ** 24, got {high}")
    draw = generator(seed)
    x = np.empty((n, length, 1), np.float32)
    order = draw.permutation(n).tolist()
    y = [""] * n
    for good, bad in zip(order[::2], order[1::2], strict=True):
        row = np.sort(draw.choice(high + 1, length, replace=False))
        if rule == "descending":
            row = row[::-1]
        elif rule == "alternating":
            middle = -(-length // 2)  # all numbers of the lower half are below all of the upper one
            row[::2], row[1::2] = draw.permutation(np.sort(row)[:middle]), draw.permutation(np.sort(row)[middle:])
        x[good, :, 0], y[good] = row, "good"
        at = whole(draw, 0, length - 2)
        x[bad], y[bad] = x[good], "bad"
        x[bad, [at, at + 1], 0] = row[[at + 1, at]]
    meaning = f"are the numbers {rule}?"
    return Dataset("orderings", "classification", meaning, x, y, "accuracy", 1.0, {"bag_of_numbers": 0.5})


def temporal_order(n: int = 1000, *, length: int = 100, relevant: int = 2, seed: int = 0) -> Dataset:
    """Return sequences whose class is the order of a few symbols X and Y, far apart among distractors.

    Hochreiter and Schmidhuber 1997, section 5.6. A sequence begins with E, ends with B, and has from ``length`` to a
    tenth more symbols; all others are drawn from a, b, c, d. Of two relevant ones (task 6a) one stands at a place from
    10 to 20, one from 50 to 60, out of 100; of three (task 6b) from 10 to 20, 33 to 43 and 66 to 76. With another
    length the places move in proportion.

    Args:
        n: samples.
        length: the least length, 20 at least.
        relevant: 2, for the 4 classes Q, R, S, U (XX, XY, YX, YY); or 3, for the 8 classes Q, R, S, U, V, A, B, C
            (XXX, XXY, ..., YYY).
        seed: the draw.

    Returns:
        x a list of lists of symbols, y a list of classes, each as frequent; "accuracy" at best 1. Details:
        ``classes``, the relevant symbols of each class; ``symbols``, all there are.

    >>> data = temporal_order(8)
    >>> x, y = data.x[0], data.y[0]
    >>> data.details["classes"][y] == "".join(symbol for symbol in x if symbol in "XY")
    True
    """
    n, length, relevant = count("n", n), count("length", length, 20), count("relevant", relevant, 2)
    if relevant > 3:
        raise ValueError(f"relevant must be 2 or 3, got {relevant}")
    begins = (10, 50) if relevant == 2 else (10, 33, 66)
    classes = {name: f"{at:0{relevant}b}".replace("0", "X").replace("1", "Y") for at, name in enumerate("QRSUVABC")}
    classes = dict(list(classes.items())[: 2**relevant])
    draw = generator(seed)
    x, y = [], balanced(draw, list(classes), n)
    for name in y:
        size = whole(draw, length, length + length // 10)
        sequence = ["E", *("abcd"[at] for at in draw.integers(4, size=size - 2).tolist()), "B"]
        for begin, symbol in zip(begins, classes[name], strict=True):
            sequence[whole(draw, begin * length // 100, (begin + 10) * length // 100)] = symbol
        x.append(sequence)
    details = {"classes": classes, "symbols": list("EBabcdXY")}
    meaning = "in which order do X and Y come?"
    return Dataset("temporal_order", "classification", meaning, x, y, "accuracy", 1.0, details)


def two_sequence(n: int = 1000, *, length: int = 100, telling: int = 3, noise: float = 0.2, seed: int = 0) -> Dataset:
    """Return Bengio's problem of two sequences: the first values tell the class, and noise follows.

    Bengio, Simard and Frasconi 1994; Hochreiter and Schmidhuber 1997, section 5.3. A sequence has from ``length`` to a
    tenth more values. The first ones are +1 or -1, by the class, plus noise; all others are noise of mean 0.

    Args:
        n: samples.
        length: the least length; more than ``telling``.
        telling: how many of the first values tell the class.
        noise: standard deviation of the noise, on all values.
        seed: the draw.

    Returns:
        x a list of arrays [T, 1], y a list of "plus" and "minus", as many; "accuracy", at best that of the sign of the
        mean of the first values.

    >>> two_sequence(4)
    Dataset(two_sequence: classification, 4 samples, accuracy at best 1)
    """
    n, telling, noise = count("n", n), count("telling", telling), not_negative("noise", noise)
    length = count("length", length, telling + 1)
    draw = generator(seed)
    x, y = [], balanced(draw, ("plus", "minus"), n)
    for name in y:
        sequence = noise * draw.standard_normal((whole(draw, length, length + length // 10), 1))
        sequence[:telling] += 1 if name == "plus" else -1
        x.append(sequence.astype(np.float32))
    best = 1.0 if noise == 0 else (1 + math.erf(math.sqrt(telling / 2) / noise)) / 2
    meaning = "did it begin with plus or minus one?"
    return Dataset("two_sequence", "classification", meaning, x, y, "accuracy", best, {"telling": telling})
