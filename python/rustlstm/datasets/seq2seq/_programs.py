"""Small programs and what they print (Zaremba and Sutskever 2014, "Learning to Execute")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._options import choice, count, flag
from .._dataset import Dataset
from .._draw import distinct, generator, pick, whole

STRATEGIES = ("baseline", "naive", "mixed", "combined")


def programs(n: int = 1000, *, length: int = 3, nesting: int = 2, mixed: bool = False, seed: int = 0) -> Dataset:
    """Return small Python programs and what they print.

    A program is made of sums, differences, products with a small number, comparisons ("a if b>c else d"), variables
    and loops. Each operation stands upon the results of others, down to plain numbers.

    Args:
        n: samples; all programs are different.
        length: the numbers in the program have at most so many digits, 12 at most.
        nesting: how many operations stand upon one another.
        mixed: whether each program has a length from 1 to ``length`` and a nesting from 1 to ``nesting``, drawn for it.
        seed: the draw.

    Returns:
        x a list of programs, y a list of what they print; "exact_match" at best 1. Details: ``difficulty``, (length,
        nesting).

    >>> data = programs(1, length=2, seed=1)
    >>> print(data.x[0])
    h=(6*5)
    for x in range(7):h-=85
    print(h)
    >>> data.y[0]
    '-565'
    """
    n, length, nesting = count("n", n), count("length", length), count("nesting", nesting)
    return _programs(n, length, nesting, 1.0 if flag("mixed", mixed) else 0.0, (length, nesting), seed)


def curriculum(
    strategy: str = "combined", n: int = 1000, *, length: int = 3, nesting: int = 2, seed: int = 0
) -> Iterator[Dataset]:
    """Yield ``programs`` for one stage of training after the other, up to the difficulty that is wanted.

    There are length * nesting stages: the length grows from 1 to its end, then the nesting grows by one and the length
    begins again.

    Args:
        strategy: "baseline": every stage has the last difficulty; "naive": each has its own; "mixed": in every stage
            length and nesting are drawn for each program; "combined": half of each stage is naive and half mixed.
        n: samples of each stage.
        length: digits at the end.
        nesting: nesting at the end.
        seed: the draw; each stage has another.

    >>> [data.details["difficulty"] for data in curriculum("naive", 5)]
    [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2)]
    """
    choice("strategy", strategy, *STRATEGIES)
    n, length, nesting = count("n", n), count("length", length), count("nesting", nesting)
    seeds = generator(seed).integers(2**62, size=length * nesting).tolist()
    share = {"baseline": 0.0, "naive": 0.0, "mixed": 1.0, "combined": 0.5}[strategy]
    return (_stage(strategy, n, (length, nesting), at, share, seed) for at, seed in enumerate(seeds))


def _stage(strategy: str, n: int, end: tuple[int, int], at: int, share: float, seed: int) -> Dataset:
    own = (1 + at % end[0], 1 + at // end[0])
    return _programs(n, *end, share, own if strategy in ("naive", "combined") else end, seed)


def _programs(n: int, length: int, nesting: int, mixed: float, own: tuple[int, int], seed: Any) -> Dataset:
    """Return programs, a share of which has a difficulty drawn up to (length, nesting), and the others their own."""
    if length > 12:
        raise ValueError(f"length must be at most 12, got {length}")
    draw = generator(seed)
    printed: dict[str, str] = {}

    def make() -> str:
        difficulty = own if draw.random() >= mixed else (whole(draw, 1, length), whole(draw, 1, nesting))
        program = _Program(draw, difficulty[0])
        text, value = program.expression(difficulty[1])
        lines = "\n".join([*program.lines, f"print({text})"])
        printed[lines] = str(value)
        return lines

    x = distinct(make, n, "programs")
    y = [printed[lines] for lines in x]
    meaning = "what does the program print?"
    return Dataset("programs", "seq2seq", meaning, x, y, "exact_match", 1.0, {"difficulty": own})


class _Program:
    """A program under construction: the lines so far, and the names that are taken."""

    def __init__(self, draw: np.random.Generator, length: int) -> None:
        self.draw = draw
        self.length = length
        self.lines: list[str] = []
        self.letters = ["abcdefghij"[at] for at in draw.permutation(10).tolist()]
        self.taken = 0

    def expression(self, nesting: int) -> tuple[str, int]:
        """Return an expression with so many operations above one another, and its value."""
        if nesting == 0:
            value = self.number()
            return str(value), value
        operation = pick(self.draw, (self.sum, self.product, self.comparison, self.variable, self.loop))
        made: tuple[str, int] = operation(nesting)
        return made

    def name(self) -> str:
        """Return a name that is still free: one letter, for as long as there are some."""
        self.taken += 1
        number, letter = divmod(self.taken - 1, len(self.letters))
        return f"{self.letters[letter]}{number or ''}"

    def number(self) -> int:
        digits = whole(self.draw, 1, self.length)
        return whole(self.draw, 10 ** (digits - 1), 10**digits - 1)

    def sum(self, nesting: int) -> tuple[str, int]:
        (a, left), (b, right) = self.operands(nesting)
        if self.draw.random() < 0.5:
            return f"({a}+{b})", left + right
        return f"({a}-{b})", left - right

    def product(self, nesting: int) -> tuple[str, int]:
        (a, value), factor = self.expression(nesting - 1), whole(self.draw, 2, 4 * self.length)
        return (f"({a}*{factor})" if self.draw.random() < 0.5 else f"({factor}*{a})"), value * factor

    def comparison(self, nesting: int) -> tuple[str, int]:
        (a, left), (b, right) = self.operands(nesting)
        first, second, sign = self.number(), self.number(), pick(self.draw, "<>")
        holds = first < second if sign == "<" else first > second
        return f"({a} if {first}{sign}{second} else {b})", left if holds else right

    def variable(self, nesting: int) -> tuple[str, int]:
        (a, left), (b, right) = self.operands(nesting)
        name = self.name()
        self.lines.append(f"{name}={a}")
        return (f"({name}+{b})", left + right) if self.draw.random() < 0.5 else (f"({name}-{b})", left - right)

    def loop(self, nesting: int) -> tuple[str, int]:
        (a, value), name = self.expression(nesting - 1), self.name()
        times, more, sign = whole(self.draw, 1, 4 * self.length), self.number(), pick(self.draw, "+-")
        self.lines += [f"{name}={a}", f"for x in range({times}):{name}{sign}={more}"]
        return name, value + times * more if sign == "+" else value - times * more

    def operands(self, nesting: int) -> tuple[tuple[str, int], tuple[str, int]]:
        """Return two expressions; one of them has the whole nesting, the other may be a plain number."""
        deep, flat = self.expression(nesting - 1), self.expression(whole(self.draw, 0, 1) * (nesting - 1))
        return (deep, flat) if self.draw.random() < 0.5 else (flat, deep)
