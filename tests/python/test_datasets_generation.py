"""The datasets of generation: what they hold, and that their entropies are those of what was drawn."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import generation

pytestmark = pytest.mark.once


def test_there_is_a_text_without_a_file() -> None:
    data = generation.characters()
    assert isinstance(data.x, str) and len(data.x) > 300_000 and data.is_one_sequence
    assert data.details["tokens"] == len(set(data.x))
    shares = [number / len(data.x) for number in Counter(data.x).values()]
    assert data.details["nats_of_frequencies"] == pytest.approx(-sum(share * math.log(share) for share in shares))
    assert generation.characters(500).x == data.x[:500]
    assert generation.bytes().x == data.x.encode()
    words = generation.words().x.split(" ")
    assert len(words) > 50_000 and all(word and word == word.lower() for word in words)
    assert all(word.isalnum() or "_" in word or len(word) == 1 for word in words[:5000])


def test_texts_are_read_from_files(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("Grüße, Welt!\nGrüße".encode())
    assert generation.characters(path=path).x == "Grüße, Welt!\nGrüße"
    assert generation.words(path=path).x == "grüße , welt ! grüße"
    assert generation.words(3, path=path).x == "grüße , welt"
    assert generation.bytes(path=str(path)).x == path.read_bytes()
    kinds = [getattr(generation, name)(path=path).details["unit"] for name in ("characters", "words", "bytes")]
    assert kinds == ["character", "word", "byte"] and generation.characters(path=path).meaning == "text.txt"
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    assert generation.bytes(path=tmp_path / "binary").x == b"\xff\x00"
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="path must be a file with something in it, .*empty is empty"):
        generation.characters(path=tmp_path / "empty")


@pytest.mark.parametrize("order", [1, 2, 3])
def test_markov_text_has_its_entropy(order: int) -> None:
    options: dict[str, Any] = {"order": order, "letters": 5, "choices": 2, "language": 2}
    first, second = (generation.markov_text(60_000, seed=seed, **options) for seed in (0, 1))
    assert first.details == second.details and first.x != second.x and len(first.x) == 60_000
    for seen in range(order + 1):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for at in range(order, 60_000):
            counts[first.x[at - seen : at]][first.x[at]] += 1
        nats = 0.0
        for at in range(order, 60_000):
            found = counts[second.x[at - seen : at]]
            nats -= math.log((found[second.x[at]] + 0.01) / (sum(found.values()) + 0.05))
        assert nats / (60_000 - order) == pytest.approx(first.details["nats_by_order"][seen], abs=0.02), seen
    assert first.optimum == first.details["nats_by_order"][-1]
    assert all(a > b + 0.01 for a, b in itertools.pairwise(first.details["nats_by_order"]))


def test_melodies_come_to_rest_and_have_their_entropy() -> None:
    first, second = (generation.melodies(6000, seed=seed) for seed in (0, 1))
    assert all(len(tune) == 32 and tune[7::8] == ["G4", "C4", "G4", "C4"] for tune in first.x)
    assert set(itertools.chain(*first.x)) == set(first.details["notes"]) and {tune[0] for tune in first.x} == {
        "C4",
        "E4",
        "G4",
    }

    def nats(key: Any) -> float:
        """Return what the second set costs one who counted the first one by a key."""
        counts: dict[Any, Counter[str]] = defaultdict(Counter)
        for tune in first.x:
            for at in range(1, 32):
                counts[key(tune, at)][tune[at]] += 1
        costs = []
        for tune in second.x:
            for at in range(1, 32):
                found = counts[key(tune, at)]
                costs.append(-math.log((found[tune[at]] + 0.01) / (sum(found.values()) + 0.08)))
        return float(np.mean(costs))

    assert nats(lambda tune, at: (tune[at - 1], (at + 1) % 16 in (0, 8), at % 16 > 8)) == pytest.approx(
        first.optimum, abs=0.01
    )
    assert nats(lambda tune, at: tune[at - 1]) == pytest.approx(first.details["nats_of_last"], abs=0.01)
    assert first.optimum is not None and first.details["nats_of_last"] > first.optimum + 0.1


def test_chorales_follow_the_rules_and_have_their_entropy() -> None:
    data = generation.chorales(4000, length=12, seed=1)
    names, keys = data.details["chords"], data.details["keys"]
    assert all(x.shape == (12, 88) and x.dtype == np.float32 and (x.sum(axis=1) == 4).all() for x in data.x)
    assert all(piece[0] == "I" and piece[-2:] == ["V", "I"] for piece in names) and set(keys) == set(range(-5, 7))
    in_c: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for x, piece, key in zip(data.x, names, keys, strict=True):
        for row, name in zip(x, piece, strict=True):
            in_c[name].add(tuple(np.flatnonzero(row) + data.details["lowest"] - key))
    classes = {name: {key % 12 for (keys_,) in [chords] for key in keys_} for name, chords in in_c.items()}
    assert classes == {
        "I": {0, 4, 7},
        "ii": {2, 5, 9},
        "iii": {4, 7, 11},
        "IV": {5, 9, 0},
        "V": {7, 11, 2},
        "vi": {9, 0, 4},
    }
    assert len({chords for (chords,) in in_c.values()}) == 6

    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for piece in names:
        for at in range(1, 12):
            counts[piece[at - 1], max(at, 9)][piece[at]] += 1
    whole, alone, steps = 0.0, 0.0, 4000 * 11
    for found in counts.values():
        total = sum(found.values())
        share = np.zeros(128)
        for name, number in found.items():
            whole -= number * math.log(number / total)
            share[list(next(iter(in_c[name])))] += number / total
        inside = share[(share > 0) & (share < 1 - 1e-9)]
        alone -= total * float((inside * np.log(inside) + (1 - inside) * np.log(1 - inside)).sum())
    assert whole / steps == pytest.approx(data.details["nats_of_chord"], abs=0.015)
    assert alone / steps == pytest.approx(data.details["nats_per_step"], abs=0.03)
    assert data.details["nats_per_step"] > data.details["nats_of_chord"]


def test_the_first_chord_of_a_chorale_tells_its_key() -> None:
    data = generation.chorales(200)
    firsts = {(key, tuple(np.flatnonzero(x[0]))) for x, key in zip(data.x, data.details["keys"], strict=True)}
    assert len(firsts) == len({first for _, first in firsts}) == 12


def test_strokes_draw_their_figures() -> None:
    data = generation.strokes(500, jitter=0.0, seed=1)
    figures = data.details["figures"]
    assert set(Counter(figures).values()) == {100}
    for x, name in zip(data.x, figures, strict=True):
        assert x.ndim == 2 and x.shape[1] == 3 and x.dtype == np.float32 and x[-1, 2] == 1
        assert x[:, 2].sum() == (2 if name == "cross" else 1)
        points = np.cumsum(x[:, :2], axis=0)
        radii = np.hypot(*points.T)
        assert 0.75 < radii.max() < 1.25 * math.sqrt(2) + 0.01
        closed = np.hypot(*(points[-1] - points[0])) < 1e-4
        assert closed == (name in ("circle", "square", "triangle"))
        if name == "circle":
            assert np.ptp(radii) < 1e-4
    trembling = generation.strokes(500, jitter=0.1, seed=1)
    assert max(np.abs(a - b).max() for a, b in zip(data.x, trembling.x, strict=True)) > 0.2


def test_a_picture_has_one_caption() -> None:
    data = generation.captions(8000, seed=1)
    assert data.x.shape == (8000, 16, 16) and set(np.unique(data.x)) == {0, 1} and data.optimum == 1
    of_picture: dict[bytes, set[str]] = defaultdict(set)
    for picture, caption in zip(data.x, data.y, strict=True):
        of_picture[picture.tobytes()].add(caption)
    assert all(len(each) == 1 for each in of_picture.values())
    assert len(set(data.y)) > 100 and {word for caption in data.y for word in caption.split()} == set(
        data.details["words"]
    )
    for picture, caption in zip(data.x, data.y, strict=True):
        quarters = [[picture[8 * r : 8 * r + 8, 8 * c : 8 * c + 8].any() for c in (0, 1)] for r in (0, 1)]
        if " at the " in caption:
            row, column = caption.split()[-2:]
            assert quarters == [[(r, c) == (row, column) for c in ("left", "right")] for r in ("top", "bottom")]
        elif " above " in caption:
            assert quarters in ([[True, False]] * 2, [[False, True]] * 2)
        else:
            assert quarters in ([[True, True], [False, False]], [[False, False], [True, True]])
    noisy = generation.captions(8000, seed=1, noise=0.5)
    assert noisy.optimum is None and (noisy.x - data.x).std() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: generation.characters(0), ValueError, "n must be at least 1, got 0"),
        (lambda: generation.markov_text(order=4), ValueError, "order must be from 1 to 3, got 4"),
        (lambda: generation.markov_text(letters=28), ValueError, "letters must be at most 27, got 28"),
        (lambda: generation.markov_text(letters=3), ValueError, "choices must be at most 3, the number of letters"),
        (lambda: generation.melodies(phrases=0), ValueError, "phrases must be at least 1, got 0"),
        (lambda: generation.chorales(length=2), ValueError, "length must be at least 3, got 2"),
        (lambda: generation.strokes(jitter=-1), ValueError, "jitter must be at least 0, got -1"),
        (lambda: generation.captions(noise="a"), TypeError, "noise must be a number, got 'a'"),
    ],
)
def test_mistakes_are_named(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()
