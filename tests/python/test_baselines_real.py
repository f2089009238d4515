"""Baselines on real data reach the floors that are known of them; the protocol is said with each."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rustlstm import baselines as bl
from rustlstm import metrics

DATA = Path(os.environ.get("RUSTLSTM_DATA", Path(__file__).parents[3] / "shared" / "data"))

pytestmark = [
    pytest.mark.once,
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"real data are not at {DATA}; RUSTLSTM_DATA says where"),
]


def test_shakespeare() -> None:
    """The first 90 % of the characters as training, the last 10 % as test; all 65 characters are known."""
    text = (DATA / "text/tinyshakespeare.txt").read_bytes().decode()
    cut = int(0.9 * len(text))
    assert round(bl.NGram(order=5).fit(text[:cut]).nats(text[cut:]), 3) == 1.669


def test_films() -> None:
    """Each user's last film by time (ties as in the file) is to be found among all that the user has not seen."""
    with gzip.open(DATA / "recommendation/ml-100k.inter.gz", "rt") as file:
        rows = [line.split("\t") for line in file.read().splitlines()[1:]]
    users: dict[str, list[tuple[float, int, str]]] = {}
    for at, (user, item, _, when) in enumerate(rows):
        users.setdefault(user, []).append((float(when), at, item))
    sequences = [[item for _, _, item in sorted(seen)] for seen in users.values()]
    past, last = [row[:-1] for row in sequences], [row[-1] for row in sequences]
    rates = {}
    for model in (bl.Popularity(), bl.MarkovChain()):
        rates[type(model)] = round(metrics.hit_rate(last, model.fit(past).top(past, k=10, new=True)), 3)
    assert rates == {bl.Popularity: 0.086, bl.MarkovChain: 0.145}


def test_reviews() -> None:
    """Each second of 20,000 reviews as training, each tenth of the 25,000 of the test set; 200 words of each."""

    def read(part: str, step: int) -> tuple[list[str], list[int]]:
        with gzip.open(DATA / f"text/imdb/{part}.jsonl.gz", "rt") as file:
            rows = [json.loads(line) for line in list(file)[::step]]
        return [" ".join(row["text"].split()[:200]) for row in rows], [row["label"] for row in rows]

    assert bl.NaiveBayes().fit(*read("train", 2)).score(*read("test", 10)) > 0.81


def test_genome() -> None:
    """Which strand codes, told by windows of 99 bp side by side that lie in coding regions of one strand alone.

    The last 25 % of the genome is the test. What is learned from a window on one strand holds for its complement on the
    other, so both are given.
    """
    with gzip.open(DATA / "dna/ct.gbk.gz", "rt") as file:
        features, origin = file.read().split("ORIGIN")
    genome = re.sub("[^acgtn]", "", origin).upper()
    strands = np.zeros((2, len(genome)), bool)
    for place in re.findall(r"^     CDS             (.*)$", features, re.MULTILINE):
        ends = [int(number) for number in re.findall(r"\d+", place)]
        strands[int("complement" in place), ends[0] - 1 : ends[-1]] = True
    parts: tuple[list[Any], list[Any]] = ([], [])
    for at in range(0, len(genome) - 99, 99):
        inside = strands[:, at : at + 99]
        if inside.all(axis=1).any() and not inside.any(axis=1).all():
            parts[int(at >= 0.75 * len(genome))].append((genome[at : at + 99], int(inside[0, 0])))
    (X, y), (X_test, y_test) = (list(map(list, zip(*part, strict=True))) for part in parts)
    other = [window.translate(str.maketrans("ACGT", "TGCA"))[::-1] for window in X]
    model = bl.Hexamer().fit(X + other, y + [1 - label for label in y])
    assert model.score(X_test, y_test) > 0.82
    assert bl.Hexamer().fit(X, y).score(X_test, y_test) > 0.80


def test_resumes() -> None:
    """The tag that a character has most often in the training set; the spans of the test set."""

    def read(part: str) -> tuple[list[list[str]], list[list[str]]]:
        lines = (DATA / f"tagging/resume_ner/{part}.char.bmes").read_text(encoding="utf-8").split("\n\n")
        pairs = [[line.split(" ") for line in block.splitlines()] for block in lines if block.strip()]
        return [[token for token, _ in block] for block in pairs], [[tag for _, tag in block] for block in pairs]

    X, y = read("test")
    found = bl.MostFrequentTag().fit(*read("train")).predict(X)
    assert 0.22 < metrics.span_f1(y, found, scheme="BMES") < 0.4


def test_temperatures() -> None:
    """Daily minima: the last two years foretold a day ahead; persistence 2.481 and AR(7) 2.240 are known."""
    lines = (DATA / "series/daily-min-temperatures.csv").read_text().splitlines()[1:]
    series = np.array([float(line.split(",")[1].strip('"')) for line in lines])
    x, y = np.lib.stride_tricks.sliding_window_view(series, 7)[:-1], series[7:]
    cut = int(len(y) * 0.8)
    scores = [
        metrics.rmse(y[cut:], model.fit(x[:cut], y[:cut]).predict(x[cut:]))
        for model in (bl.LastValue(), bl.LinearAutoregression())
    ]
    assert 2.3 < scores[0] < 2.6 and scores[1] < 0.93 * scores[0]
