"""Small problems of sequence to sequence, and models of them that are fitted once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import complaint, random

Seq2Seq = rl.Seq2Seq
QUICK: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "batch_size": 4, "progress": False}
WORDS = ["abc", "cab", "bca", "acb", "ba", "ca", "bc", "a"] * 3
BACK = [word[::-1] for word in WORDS]
TOKENS = [list(word) for word in WORDS]
NAMES = [[letter.upper() for letter in word] for word in WORDS]
SERIES = [random(at).normal(size=(2 + at % 4, 2)) for at in range(24)]
FLAT = [random(at).normal(size=3 + at % 3) for at in range(24)]
NEXT = random(1).normal(size=(24, 3, 2)) * 5 + 3
AFTER = random(2).normal(size=(24, 4))
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "strings": (WORDS, BACK, {}),
    "strings by words": (["a b c", "b a", "c"] * 8, ["c b a", "a b", "c"] * 8, {"unit": "word"}),
    "strings by bytes": (["äb", "bä", "a"] * 8, ["bä", "äb", "a"] * 8, {"unit": "byte"}),
    "tokens": (TOKENS, NAMES, {"num_layers": 2, "dropout": 0.2}),
    "strings to tokens": (WORDS, NAMES, {"attention": False}),
    "tokens to strings": (TOKENS, BACK, {"bidirectional": False, "hidden_size": 7}),
    "numbers": (SERIES, NEXT, {}),
    "flat numbers": (FLAT, AFTER, {"attention": False, "num_layers": 2}),
    "numbers to tokens": (SERIES, NAMES, {"lstm": {"layer_norm": True, "zoneout": 0.1}}),
    "tokens to numbers": (TOKENS, list(AFTER), {"bidirectional": False}),
    "numbers to strings": (np.stack([row[:2] for row in SERIES]), BACK, {"embedding_size": 5}),
    "strings to numbers": (WORDS, list(NEXT), {"lstm": {"cell": rl.nn.Cell(peephole=True)}}),
}
every = pytest.mark.parametrize("case", CASES)
WRITTEN = [name for name in CASES if not name.endswith("numbers")]
written = pytest.mark.parametrize("case", WRITTEN)
_fitted: dict[str, Any] = {}


def made(case: str, **options: Any) -> Any:
    X, y, own = CASES[case]
    return Seq2Seq(**{**QUICK, **own, **options}).fit(X, y)


def fitted(case: str) -> Any:
    """Return a model that no test changes, with weights that tell its answers apart."""
    if case not in _fitted:
        model = made(case)
        first = {name: parameter.data.copy() for name, parameter in model.network_.named_parameters()}
        for seed in range(50):
            rng = random(seed)
            for name, parameter in model.network_.named_parameters():
                parameter.assign(first[name] + rng.normal(size=parameter.shape) * (0.5 if "ln_" not in name else 0))
            if len({str(answer) for answer in model.predict(CASES[case][0])}) > 2:
                break
        _fitted[case] = model
    return _fitted[case]


def plain(rows: Any) -> list[Any]:
    return [row if isinstance(row, str) else np.asarray(row).tolist() for row in rows]


def log_softmax(logits: Any, banned: list[int]) -> Any:
    logits = logits.astype(np.float64)
    logits[banned] = -np.inf
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


class Writer:
    """The network for one source, a step at a time by ``decode``."""

    def __init__(self, model: Any, source: Any) -> None:
        self.network = model.network_.eval()
        self.model = model
        (ids,) = model.inputs_.encode("X", [source])
        with rl.no_grad():
            self.memory, self.state = self.network.encode(ids[None])
            self.seen = self.network.looked_at(self.memory)

    def step(self, last: Any, state: Any) -> tuple[Any, Any]:
        with rl.no_grad():
            outputs, state = self.network.decode(last, state, self.seen)
        return outputs.numpy()[0, -1], state

    def logs(self, tokens: list[int]) -> Any:
        """Return the logarithms of what can follow some tokens."""
        with rl.no_grad():
            outputs, _ = self.network.decode(np.array([[0, *tokens]]), self.state, self.seen)
        return log_softmax(outputs.numpy()[0, -1], [0, self.model.targets_.unknown])

    def greedy(self) -> Any:
        found: list[int] = []
        while len(found) < self.model.longest_:
            best = int(self.logs(found).argmax())
            if best == 1:
                break
            found.append(best)
        return self.model.targets_.decode(found)

    def numbers(self) -> Any:
        last, state, found = np.zeros((1, 1, self.model.targets_.size), np.float32), self.state, []
        for _ in range(self.model.targets_.steps):
            output, state = self.step(last, state)
            last = output[None, None]
            found.append(output)
        return self.model.targets_.decode(np.stack(found))


def check(table: list[tuple[str, Callable[[], Any], type[Exception], str]]) -> None:
    found = [f"{name}: {wrong}" for name, call, kind, words in table if (wrong := complaint(call, kind, words))]
    assert not found, "\n".join(found)
