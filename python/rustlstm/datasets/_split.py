"""Which samples are for training and which for the test, so that the test is about what was never seen."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sized
from numbers import Real
from typing import Any

import numpy as np

from .._options import choice, count, seed_number
from ._columns import Index, permutation

# Makes the draw another one than that of batches with the same seed.
_DRAW = 0x5EED


def split(
    n_or_sequences: int | Sized,
    test: float = 0.2,
    *,
    by: str = "chance",
    groups: Iterable[Any] | None = None,
    gap: int = 0,
    seed: int = 0,
) -> tuple[Index, Index]:
    """Return the places of the samples for training and of those for the test, each in ascending order.

    Of n samples, ``floor(n * test + 1/2)`` are for the test, at least one, and at least one is left for training. With
    groups it is so many of the groups, each with all its samples.

    Args:
        n_or_sequences: how many samples there are, or the samples.
        test: which share is for the test, in (0, 1); or how many, an integer.
        by: "chance" draws them; "time" takes the last ones.
        groups: the group of each sample, as the person it comes from; no group is in both parts. By time, groups
            follow one another as they first appear.
        gap: by time, how many samples (or groups) before the test are in neither part, as where windows overlap.
        seed: of the draw.

    >>> split(10, 0.3, by="time", gap=1)
    (array([0, 1, 2, 3, 4, 5]), array([7, 8, 9]))
    >>> train, test = split(6, 0.5, groups=["ann", "ann", "bob", "bob", "cat", "dan"])
    >>> train, test
    (array([0, 1, 2, 3]), array([4, 5]))
    """
    by, gap, seed = choice("by", by, "chance", "time"), count("gap", gap, least=0), seed_number(seed)
    if gap and by == "chance":
        raise ValueError(f"gap is for a split by time, got {gap} with by='chance'")
    samples = len(n_or_sequences) if isinstance(n_or_sequences, Sized) else count("n_or_sequences", n_or_sequences)
    unit = np.arange(samples) if groups is None else _numbered(groups, samples)
    units = int(unit.max(initial=-1)) + 1
    called = "samples" if groups is None else "groups"
    tested = _wanted(test, units, called)
    if units - tested - gap < 1:
        raise ValueError(f"of {units} {called}, {tested} for the test and a gap of {gap} leave none for training")
    order = np.arange(units) if by == "time" else permutation(units, seed, _DRAW)
    place = np.empty(units, np.int64)
    place[order] = np.arange(units)
    ranks = place[unit]
    return np.flatnonzero(ranks < units - tested - gap), np.flatnonzero(ranks >= units - tested)


def _wanted(test: Any, units: int, called: str) -> int:
    """Return how many of the units are for the test."""
    if units < 2:
        raise ValueError(f"a split needs at least 2 {called}, got {units}")
    if isinstance(test, bool) or not isinstance(test, (Real, np.integer)):
        raise TypeError(f"test must be a share or a number of {called}, got {test!r}")
    if isinstance(test, (int, np.integer)):
        if not 1 <= operator.index(test) < units:
            raise ValueError(f"test must be a share in (0, 1) or from 1 to {units - 1} {called}, got {test}")
        return operator.index(test)
    if not 0 < float(test) < 1:
        raise ValueError(f"test must be a share in (0, 1) or an integer, got {test}")
    return min(max(math.floor(units * float(test) + 0.5), 1), units - 1)


def _numbered(groups: Iterable[Any], samples: int) -> Index:
    """Return the number of the group of each sample, in the order in which they first appear."""
    numbers: dict[Any, int] = {}
    listed = groups.tolist() if isinstance(groups, np.ndarray) else list(groups)
    if len(listed) != samples:
        raise ValueError(f"groups must be one for each of the {samples} samples, got {len(listed)}")
    return np.array([numbers.setdefault(group, len(numbers)) for group in listed], np.int64)
