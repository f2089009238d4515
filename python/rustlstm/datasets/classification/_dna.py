"""Made-up stretches of DNA: part of a gene, or not."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._options import choice, count
from .._dataset import Dataset
from .._draw import balanced, generator

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

BASES = "ACGT"
STOPS = ("TAA", "TAG", "TGA")
CODONS = ["".join(codon) for codon in product(BASES, repeat=3)]
# How even the usage of codons is, as the parameter of a Dirichlet distribution: about as uneven as in bacteria.
EVENNESS = 6.0
# So many stretches are judged to find the best share of right answers; its standard error is then below 0.002.
JUDGED = 20_000


def coding_dna(n: int = 1000, *, length: int = 99, frame: str = "random", organism: int = 0, seed: int = 0) -> Dataset:
    """Return stretches of DNA that code for a protein, and stretches of the same bases that do not.

    A coding stretch is made of codons, some more frequent than others and none of them a stop (TAA, TAG, TGA). In the
    other stretches each base is drawn alone, as frequent as in the coding ones.

    Args:
        n: samples.
        length: bases, a multiple of 3.
        frame: "known": a coding stretch begins with a codon; "random": it begins anywhere within one.
        organism: another number is another usage of codons.
        seed: the draw.

    Returns:
        x a list of strings of A, C, G, T; y a list of "coding" and "noncoding", as many; "accuracy", at best that of
        who knows the usage of codons, found by judging 20,000 stretches (standard error below 0.002). Details:
        ``codons``, their frequencies; ``bases``, theirs; ``stop_rule``, the share of right answers of the rule
        "coding if a frame (the first, if it is known) has no stop".

    >>> data = coding_dna(4)
    >>> len(data.x[0]), sorted(data.y)
    (99, ['coding', 'coding', 'noncoding', 'noncoding'])
    """
    n, length = count("n", n), count("length", length, 3)
    if length % 3:
        raise ValueError(f"length must be a multiple of 3, got {length}")
    offsets = 1 if choice("frame", frame, "known", "random") == "known" else 3
    usage = np.zeros(64)
    coding = [at for at, codon in enumerate(CODONS) if codon not in STOPS]
    usage[coding] = generator(organism).dirichlet(np.full(len(coding), EVENNESS))
    bases = sum(usage.reshape(4, 4, 4).sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))) / 3
    draw = generator(seed)
    y = balanced(draw, ("coding", "noncoding"), n)
    rows = np.where(
        np.array(y)[:, None] == "coding", _coding(draw, n, length, usage, offsets), draw.choice(4, (n, length), p=bases)
    )
    x = ["".join(BASES[base] for base in row) for row in rows.tolist()]
    best, by_stops = _judge(length, usage, np.asarray(bases), offsets)
    details = {
        "codons": {CODONS[at]: float(usage[at]) for at in coding},
        "bases": dict(zip(BASES, np.asarray(bases).tolist(), strict=True)),
        "stop_rule": by_stops,
    }
    return Dataset("coding_dna", "classification", "does the DNA code for a protein?", x, y, "accuracy", best, details)


def _coding(draw: np.random.Generator, n: int, length: int, usage: Floats, offsets: int) -> Rows:
    """Return n coding stretches as numbers of bases, [n, length]."""
    codons = draw.choice(64, (n, length // 3 + 1), p=usage)
    bases = np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=2).reshape(n, -1)
    begin = draw.integers(offsets, size=n)
    return np.take_along_axis(bases, begin[:, None] + np.arange(length), axis=1)


def _judge(length: int, usage: Floats, bases: Floats, offsets: int) -> tuple[float, float]:
    """Return the share of right answers of who knows all, and of the rule of stops."""
    draw = generator(0)
    half = JUDGED // 2
    rows = np.concatenate([_coding(draw, half, length, usage, offsets), draw.choice(4, (half, length), p=bases)])
    alone = np.log(bases)[rows].sum(axis=1)
    with np.errstate(divide="ignore"):
        each = np.stack([_log_coding(rows, usage, offset) for offset in range(offsets)])
        ratio = np.logaddexp.reduce(each, axis=0) - np.log(offsets) - alone
    right: Any = 1 / (1 + np.exp(-np.abs(np.clip(ratio, -500, 500))))  # the probability of the likelier answer
    numbers = rows[:, :-2] * 16 + rows[:, 1:-1] * 4 + rows[:, 2:]
    stops = np.isin(numbers, [CODONS.index(stop) for stop in STOPS])
    free = np.any([~stops[:, offset::3].any(axis=1) for offset in range(offsets)], axis=0)
    return float(right.mean()), float((free[:half].mean() + 1 - free[half:].mean()) / 2)


def _log_coding(rows: Rows, usage: Floats, offset: int) -> Any:
    """Return the log probability of stretches that begin ``offset`` bases within a codon."""
    table = usage.reshape(4, 4, 4)
    head = (3 - offset) % 3  # bases before the first whole codon
    tail = (rows.shape[1] - head) % 3
    end = rows.shape[1] - tail
    whole = rows[:, head:end].reshape(len(rows), -1, 3)
    total = np.log(table[whole[..., 0], whole[..., 1], whole[..., 2]]).sum(axis=1)
    if head:
        total += np.log(table.sum(axis=tuple(range(3 - head)))[tuple(rows[:, :head].T)])
    if tail:
        total += np.log(table.sum(axis=tuple(range(tail, 3)))[tuple(rows[:, end:].T)])
    return total
