"""Small corpora of every form, and generators of them that are fitted once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import rustlstm as rl

Generator = rl.SequenceGenerator
QUICK: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "batch_size": 4, "steps": 16, "progress": False}
TEXT = "the cat sat on the mat.\n" * 20
LINES = ["abc", "cab", "b", "", "acab"] * 6
TOKENS = [list("abc"), ["x", "y"], ["x"]] * 8
NUMBERS = [[1, 2, 3], [7, 2]] * 10
CORPORA: dict[str, tuple[dict[str, Any], Any]] = {
    "characters": ({}, TEXT),
    "words": ({"unit": "word"}, TEXT),
    "bytes": ({"unit": "byte"}, "grün " + TEXT),
    "raw bytes": ({}, TEXT.encode() + b"\xff\x00"),
    "lines": ({}, LINES),
    "lines of words": ({"unit": "word"}, ["the cat sat", "the mat", "on the mat"] * 8),
    "tokens": ({}, TOKENS),
    "numbers": ({}, NUMBERS),
}
# What each can go on from.
PROMPTS: dict[str, Any] = {
    "characters": "the c",
    "words": "the cat",
    "bytes": "grü",
    "raw bytes": b"the c",
    "lines": "ab",
    "lines of words": "the",
    "tokens": ["x"],
    "numbers": [7],
}
every = pytest.mark.parametrize("kind", CORPORA)
_fitted: dict[str, Any] = {}


def made(kind: str, **options: Any) -> Any:
    own, corpus = CORPORA[kind]
    return Generator(**{**QUICK, **own, **options}).fit(corpus)


def fitted(kind: str) -> Any:
    """Return a model of a kind that no test changes."""
    if kind not in _fitted:
        _fitted[kind] = made(kind)
    return _fitted[kind]


def plain_logs(model: Any, ids: Any) -> list[float]:
    """Return the logarithm of the probability of each id but the first, token by token."""
    stream, found = model.token_stream(), []
    for before, after in pairwise(ids):
        logits = stream.step([before])[0].astype(np.float64)
        found.append(float(logits[after] - logits.max() - np.log(np.exp(logits - logits.max()).sum())))
    return found


def ids_of(model: Any, corpus: Any) -> list[list[int]]:
    index, cut = model.vocabulary_.index, model.vocabulary_.cut
    if isinstance(corpus, list):
        return [[index["<s>"], *(index[token] for token in cut(row)), index["</s>"]] for row in corpus]
    return [[index[token] for token in cut(corpus)]]
