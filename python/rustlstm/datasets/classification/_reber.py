"""Strings that the embedded Reber grammar allows, and strings that break it in one symbol."""

from __future__ import annotations

from ..._options import choice
from .._dataset import Dataset
from .._draw import distinct, even, generator, pick
from .._reber import SYMBOLS, embedded_string, successors


def embedded_reber(n: int = 1000, *, wrong: str = "both", seed: int = 0) -> Dataset:
    """Return strings of the embedded Reber grammar, and strings in which one symbol is wrong.

    Each illegal string is a string of the grammar, but no legal one of this set, with one symbol replaced. All strings
    are different.

    Args:
        n: samples, an even number.
        wrong: which symbol. "far": the last but one, T for P or P for T, which only the second symbol of the string
            shows to be wrong; "near": any other but these two, which its neighbours show; "both": half of the
            illegal strings are of each kind.
        seed: the draw.

    Returns:
        x a list of strings of B, T, P, S, X, V, E; y a list of "legal" and "illegal", half of each; "accuracy" at best
        1. Details: ``symbols``; ``without_memory``, the best share for one who does not compare the second symbol with
        the last but one.

    >>> data = embedded_reber(4, wrong="far")
    >>> sorted((string[1] == string[-2], y) for string, y in zip(data.x, data.y))
    [(False, 'illegal'), (False, 'illegal'), (True, 'legal'), (True, 'legal')]
    """
    n, half = even("n", n), even("n", n) // 2
    choice("wrong", wrong, "both", "far", "near")
    draw = generator(seed)
    strings = distinct(lambda: embedded_string(draw), n, "strings")
    far = {"both": half // 2, "far": half, "near": 0}[wrong]
    illegal: dict[str, None] = {}
    for at, string in enumerate(strings[half:]):
        broken = _far(string)
        while at >= far and (broken in illegal or successors(broken) is not None or broken == _far(string)):
            place = pick(draw, [0, *range(2, len(string) - 2), len(string) - 1])
            broken = string[:place] + pick(draw, SYMBOLS.replace(string[place], "")) + string[place + 1 :]
        illegal[broken] = None
    x, y = strings[:half] + list(illegal), ["legal"] * half + ["illegal"] * half
    order = draw.permutation(n).tolist()
    details = {"symbols": list(SYMBOLS), "without_memory": 1 - far / n}
    meaning = "does the grammar allow the string?"
    x, y = [x[at] for at in order], [y[at] for at in order]
    return Dataset("embedded_reber", "classification", meaning, x, y, "accuracy", 1.0, details)


def _far(string: str) -> str:
    return f"{string[:-2]}{'P' if string[-2] == 'T' else 'T'}E"
