"""The datasets of classification: labels are right and balanced, and only who sees what matters can tell them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import classification, prediction

pytestmark = pytest.mark.once


def best_share(seen: list[Any], labels: list[Any]) -> float:
    """Return the share of right labels of the best rule about what is seen."""
    counts: dict[Any, Counter[Any]] = defaultdict(Counter)
    for key, label in zip(seen, labels, strict=True):
        counts[key][label] += 1
    return sum(max(each.values()) for each in counts.values()) / len(labels)


RULES: dict[str, Any] = {
    "ascending": lambda changes: (changes > 0).all(),
    "descending": lambda changes: (changes < 0).all(),
    "alternating": lambda changes: (changes[::2] > 0).all() and (changes[1::2] < 0).all(),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("length", [2, 5, 6])
def test_orderings_follow_their_rule(rule: str, length: int) -> None:
    data = classification.orderings(400, length=length, rule=rule, seed=2)
    assert data.x.shape == (400, length, 1) and Counter(data.y) == {"good": 200, "bad": 200}
    for row, label in zip(data.x[..., 0], data.y, strict=True):
        assert RULES[rule](np.diff(row)) == (label == "good")
        assert len(set(row)) == length and row.min() >= 0 and row.max() <= 99
    # Good and bad ones come in twins, so the numbers without their order do not help.
    assert best_share([tuple(sorted(row)) for row in data.x[..., 0]], data.y) == data.details["bag_of_numbers"]


@pytest.mark.parametrize(
    ("relevant", "length", "windows"),
    [
        (2, 100, [(10, 20), (50, 60)]),
        (3, 100, [(10, 20), (33, 43), (66, 76)]),
        (2, 20, [(2, 4), (10, 12)]),
        (3, 20, [(2, 4), (6, 8), (13, 15)]),
    ],
)
def test_temporal_order_is_the_class(relevant: int, length: int, windows: list[tuple[int, int]]) -> None:
    data = classification.temporal_order(800, length=length, relevant=relevant, seed=1)
    classes = data.details["classes"]
    expected = {"Q": "XX", "R": "XY", "S": "YX", "U": "YY"}
    if relevant == 3:
        expected = dict(zip("QRSUVABC", ["XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY"], strict=True))
    assert classes == expected
    places = []
    for x, label in zip(data.x, data.y, strict=True):
        assert length <= len(x) <= length + length // 10 and x[0] == "E" and x[-1] == "B"
        assert set(x[1:-1]) <= set("abcdXY")
        where = [at for at, symbol in enumerate(x) if symbol in "XY"]
        assert "".join(x[at] for at in where) == classes[label]
        places.append(where)
    found = list(zip(np.min(places, axis=0).tolist(), np.max(places, axis=0).tolist(), strict=True))
    assert found == windows
    assert set(Counter(data.y).values()) == {800 // 2**relevant}


@pytest.mark.parametrize(("telling", "noise"), [(3, 0.2), (3, 2.0), (1, 1.0)])
def test_two_sequence_is_told_by_its_beginning(telling: int, noise: float) -> None:
    data = classification.two_sequence(20_000, length=20, telling=telling, noise=noise, seed=1)
    assert Counter(data.y) == {"plus": 10_000, "minus": 10_000}
    assert {len(x) for x in data.x} == {20, 21, 22} and data.x[0].shape[1] == 1
    sign = np.where(np.array(data.y) == "plus", 1, -1)
    right = float(np.mean(np.sign([x[:telling].mean() for x in data.x]) == sign))
    assert data.optimum is not None and right == pytest.approx(data.optimum, abs=0.01)
    rest = np.concatenate([x[telling:] for x in data.x])
    assert rest.mean() == pytest.approx(0, abs=0.02) and rest.std() == pytest.approx(noise, rel=0.02)
    # A sum of all values is a worse judge, as most of it is noise.
    of_all = float(np.mean(np.sign([x.sum() for x in data.x]) == sign))
    assert of_all <= right
    assert classification.two_sequence(4, noise=0).optimum == 1


@pytest.mark.parametrize(("wrong", "without_memory"), [("both", 0.75), ("far", 0.5), ("near", 1.0)])
def test_illegal_strings_are_wrong_in_one_symbol(wrong: str, without_memory: float) -> None:
    data = classification.embedded_reber(400, wrong=wrong, seed=1)
    assert Counter(data.y) == {"legal": 200, "illegal": 200} and len(set(data.x)) == 400
    assert data.details["without_memory"] == without_memory
    language = set(prediction.embedded_reber(1500, seed=7).details["strings"])
    short = [(x, y) for x, y in zip(data.x, data.y, strict=True) if len(x) <= 14]
    assert all((x in language) == (y == "legal") for x, y in short) and len(short) > 40
    far = sum(y == "illegal" and x[1] != x[-2] for x, y in zip(data.x, data.y, strict=True))
    assert 1 - far / 400 == without_memory
    for x, y in short:
        if y == "illegal":
            neighbours = {x[:at] + s + x[at + 1 :] for at in range(len(x)) for s in "BTPSXVE"}
            assert neighbours & language
        elif wrong == "far":
            assert x[1] == x[-2]
    if wrong == "far":  # an illegal string with its last but one symbol put right is legal
        assert all(x[:-2] + x[1] + x[-1] in language for x, y in short)


def test_coding_dna_codes() -> None:
    data = classification.coding_dna(6000, length=60, frame="known", seed=1)
    assert Counter(data.y) == {"coding": 3000, "noncoding": 3000} and {len(x) for x in data.x} == {60}
    genes = [x for x, y in zip(data.x, data.y, strict=True) if y == "coding"]
    codons = Counter(x[at : at + 3] for x in genes for at in range(0, 60, 3))
    assert not {"TAA", "TAG", "TGA"} & set(codons) and len(codons) == 61
    usage = data.details["codons"]
    assert all(codons[codon] / 60_000 == pytest.approx(share, abs=0.004) for codon, share in usage.items())
    for label in ("coding", "noncoding"):
        bases = Counter("".join(x for x, y in zip(data.x, data.y, strict=True) if y == label))
        assert all(bases[b] / 180_000 == pytest.approx(share, abs=0.006) for b, share in data.details["bases"].items())


def codons_of(x: str, offset: int) -> list[str]:
    return [x[at : at + 3] for at in range(offset, len(x) - 2, 3)]


@pytest.mark.parametrize("frame", ["known", "random"])
def test_coding_dna_optimum_is_reached_and_the_rule_of_stops_is_as_said(frame: str) -> None:
    data = classification.coding_dna(4000, length=60, frame=frame, seed=3)
    usage, bases = data.details["codons"], data.details["bases"]
    inside: dict[tuple[int, str], float] = defaultdict(float)  # a part of a codon, by where in it the part begins
    for codon, share in usage.items():
        for begin, end in [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]:
            inside[begin, codon[begin:end]] += share

    def of_frame(x: str, begin: int) -> float:
        """Return the probability of a stretch that begins so many bases within a codon, the slow way."""
        parts, at = [], 0
        while at < len(x):
            extent = 3 - begin
            parts.append(inside[begin, x[at : at + extent]])
            at, begin = at + extent, 0
        return math.prod(parts)

    right = stops = 0
    begins = range(1 if frame == "known" else 3)
    for x, y in zip(data.x, data.y, strict=True):
        coding = sum(of_frame(x, begin) for begin in begins) / len(begins)
        alone = math.prod(bases[base] for base in x)
        right += (coding > alone) == (y == "coding")
        free = any(not {"TAA", "TAG", "TGA"} & set(codons_of(x, offset)) for offset in begins)
        stops += free == (y == "coding")
    assert data.optimum is not None
    assert right / 4000 == pytest.approx(data.optimum, abs=0.015)
    assert stops / 4000 == pytest.approx(data.details["stop_rule"], abs=0.02)
    assert data.details["stop_rule"] < data.optimum - 0.05


@pytest.mark.parametrize("kind", ["spike", "freeze", "turn"])
def test_anomalies_are_what_and_where_they_are_said_to_be(kind: str) -> None:
    data = classification.anomalies(50, length=200, period=20, noise=0.0, kind=kind, seed=1)
    assert data.x.shape == (50, 200, 1) and data.y.shape == (50, 200) and data.y.dtype == np.int64
    for series, marks in zip(data.x[..., 0].astype(float), data.y, strict=True):
        # The unmarked steps lie on one sine of the period; so what it says of the marked ones was changed.
        angle = 2 * np.pi * np.arange(200) / 20
        basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        usual = marks == 0
        weights, *_ = np.linalg.lstsq(basis[usual], series[usual], rcond=None)
        rest = series - basis @ weights
        assert np.hypot(*weights) == pytest.approx(1, abs=1e-4) and np.abs(rest[usual]).max() < 1e-4
        begins = np.flatnonzero(np.diff(marks) == 1) + 1
        ends = np.flatnonzero(np.diff(marks) == -1) + 1
        assert len(begins) == len(ends) == 2 and marks[0] == marks[-1] == 0
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            if kind == "spike":
                assert end - begin == 1 and 1.5 <= abs(rest[begin]) <= 3
            else:
                assert 10 <= end - begin <= 20
            if kind == "freeze":
                assert (series[begin:end] == series[begin - 1]).all()
            if kind == "turn":
                assert series[begin:end] == pytest.approx(-(basis @ weights)[begin:end], abs=1e-4)


def test_anomalies_of_one_value_are_seen_by_it_and_others_are_not() -> None:
    of_value = {
        kind: classification.anomalies(kind=kind).details["f1_of_value"] for kind in ("spike", "freeze", "turn")
    }
    assert of_value["spike"] > 0.9 > 0.6 > max(of_value["freeze"], of_value["turn"])
    data = classification.anomalies(seed=2)
    assert data.details["share"] == data.y.mean()

    def f1(marked: Any, label: int) -> float:
        hits = np.sum((marked == label) & (data.y == label))
        return float(2 * hits / (np.sum(marked == label) + np.sum(data.y == label)))

    rules = [(np.abs(data.x[..., 0]) >= limit).astype(int) for limit in np.linspace(0.01, 3, 300)]
    best = max((f1(marked, 0) + f1(marked, 1)) / 2 for marked in rules)
    assert best == pytest.approx(data.details["f1_of_value"], abs=0.01)


@pytest.mark.parametrize("turned", [0.0, 0.5, 0.9])
def test_sentiment_is_not_in_the_bag_of_words(turned: float) -> None:
    data = classification.sentiment(30_000, turned=turned, seed=1)
    assert Counter(data.y) == {"positive": 15_000, "negative": 15_000}
    # Degrees and things say nothing; without them there are few bags, so that their shares are well known.
    neutral = set("the was it really quite very film plot music cast ending book story play".split())
    bags = [tuple(sorted(word for word in x.split() if word not in neutral)) for x in data.x]
    assert best_share(bags, data.y) == pytest.approx(data.details["bag_of_words"], abs=0.03)


def test_sentiment_can_be_understood() -> None:
    praise = set("good great fine lovely clever funny moving fresh".split())
    for x, y in zip(*(lambda d: (d.x, d.y))(classification.sentiment(2000, seed=3)), strict=True):
        words = x.replace(" , it was", " but it was").split(" but ")[-1].split()
        positive = (words[-1] in praise) != bool({"not", "never"} & set(words))
        assert positive == (y == "positive"), x


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: classification.orderings(5), ValueError, "n must be even, because the samples come in pairs, got 5"),
        (lambda: classification.orderings(rule="odd"), ValueError, "rule must be 'ascending' or"),
        (lambda: classification.orderings(high=3), ValueError, "high must be from 4, for 5 different numbers"),
        (lambda: classification.temporal_order(length=10), ValueError, "length must be at least 20, got 10"),
        (lambda: classification.temporal_order(relevant=4), ValueError, "relevant must be 2 or 3, got 4"),
        (lambda: classification.two_sequence(length=3), ValueError, "length must be at least 4, got 3"),
        (lambda: classification.two_sequence(noise=-0.1), ValueError, "noise must be at least 0, got -0.1"),
        (lambda: classification.embedded_reber(wrong="all"), ValueError, "wrong must be 'both' or 'far' or 'near'"),
        (lambda: classification.coding_dna(length=100), ValueError, "length must be a multiple of 3, got 100"),
        (lambda: classification.coding_dna(frame="2"), ValueError, "frame must be 'known' or 'random', got '2'"),
        (lambda: classification.anomalies(length=50), ValueError, "length must be at least 96, got 50"),
        (lambda: classification.anomalies(kind="odd"), ValueError, "kind must be 'all' or 'spike' or"),
        (lambda: classification.sentiment(turned=1), ValueError, r"turned must be in \[0, 1\), got 1"),
        (lambda: classification.sentiment(seed="a"), TypeError, "seed must be an integer, got str"),
    ],
)
def test_mistakes_are_named(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()
