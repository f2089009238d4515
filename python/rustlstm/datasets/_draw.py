"""What the generators of samples have in common: checks of ranges, balanced labels, and draws without repetition."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from .._options import count, seed_number

Item = TypeVar("Item", bound=Hashable)

# So many draws in a row that bring nothing new mean that there is nothing new.
PATIENCE = 1000


def generator(seed: Any) -> np.random.Generator:
    """Return the generator of random numbers of a seed."""
    return np.random.Generator(np.random.PCG64(seed_number(seed)))


def even(name: str, value: Any) -> int:
    """Return an even number from 2 on: the samples come in pairs."""
    whole = count(name, value, 2)
    if whole % 2:
        raise ValueError(f"{name} must be even, because the samples come in pairs, got {whole}")
    return whole


def span(name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """Return the least and the greatest of a length, given as one number or as two."""
    if not isinstance(value, (tuple, list)):
        whole = count(name, value, least)
        return whole, whole
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or (least, greatest), got {value!r}")
    low, high = count(f"{name}[0]", value[0], least), count(f"{name}[1]", value[1], least)
    if low > high:
        raise ValueError(f"{name} must be (least, greatest), got {value!r}")
    return low, high


def whole(draw: np.random.Generator, low: int, high: int) -> int:
    """Return a whole number from low to high, both included."""
    return int(draw.integers(low, high, endpoint=True))


def pick(draw: np.random.Generator, items: Sequence[Any]) -> Any:
    """Return one of a few things."""
    return items[int(draw.integers(len(items)))]


def balanced(draw: np.random.Generator, labels: Sequence[Any], n: int) -> list[Any]:
    """Return n labels in random order; no label is there more than once more often than another."""
    return [labels[at % len(labels)] for at in draw.permutation(n).tolist()]


def distinct(make: Callable[[], Item], n: int, what: str) -> list[Item]:
    """Return n different things, in the order in which ``make`` drew them."""
    found: dict[Item, None] = {}
    in_vain = 0
    while len(found) < n:
        before = len(found)
        found[make()] = None
        in_vain = in_vain + 1 if len(found) == before else 0
        if in_vain > PATIENCE * (1 + len(found)) ** 0.5:
            raise ValueError(f"n asks for {n} different {what}, but there seem to be only {len(found)}")
    return list(found)
