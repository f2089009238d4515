"""The readers on real files, which are not part of the project: see CONTRIBUTING."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rustlstm.datasets import (
    Genome,
    coding_windows,
    piano_roll,
    read_conll,
    read_csv,
    read_genbank,
    read_jsonl,
    read_pairs,
    read_strokes,
    read_text,
    reverse_complement,
    split,
)

pytestmark = [pytest.mark.once, pytest.mark.realdata]

DATA = Path(os.environ.get("RUSTLSTM_DATA", Path(__file__).parents[3] / "shared" / "data"))


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


@pytest.mark.parametrize(
    ("name", "options", "shape", "step", "ends"),
    [
        ("ETTh1.csv", {}, (17420, 7), np.timedelta64(1, "h"), "2018-06-26T19"),
        ("daily-min-temperatures.csv", {}, (3650, 1), None, "1990-12-31"),
        ("seattle-weather.csv", {"labels": ["weather"]}, (1461, 4), np.timedelta64(1, "D"), "2015-12-31"),
        ("nab_nyc_taxi.csv", {}, (10320, 1), np.timedelta64(30, "m"), "2015-01-31T23:30"),
        ("sp500.csv.gz", {}, (5031, 6), None, "2018-12-31"),
        ("m4_hourly_train.csv.gz", {"labels": ["V1"]}, (414, 960), None, None),
    ],
)
def test_tables(
    name: str, options: dict[str, list[str]], shape: tuple[int, int], step: object, ends: str | None
) -> None:
    table = read_csv(real(f"series/{name}"), **options)  # type: ignore[arg-type]
    assert table.values.shape == shape and table.step == step
    assert (table.times is None) == (ends is None)
    if table.times is not None:
        assert table.times[-1] == np.datetime64(ends or "", "us") and not table.missing  # type: ignore[call-overload]


def test_a_column_of_words_is_named() -> None:
    with pytest.raises(ValueError, match="line 2, column 'weather': expected a number, got 'drizzle'"):
        read_csv(real("series/seattle-weather.csv"))


def test_times_in_seconds() -> None:
    table = read_csv(real("recommendation/ml-100k.inter.gz"), time="timestamp:float", time_format="s")
    assert table.values.shape == (100_000, 3) and table.values[0].tolist() == [196, 242, 3]
    assert table.times is not None and table.times[0] == np.datetime64("1997-12-04T15:55:49")


def test_texts() -> None:
    text = read_text(real("text/tinyshakespeare.txt"))
    assert len(text) == 1_115_394 and len(set(text)) == 65
    reviews, labels = read_jsonl(real("text/imdb/val.jsonl.gz"), "text", "label")
    assert len(reviews) == len(labels) == 5000 and set(labels) == {0, 1}


def test_pairs() -> None:
    commands, actions = read_pairs(real("seq2seq/scan/tasks_test_simple.txt"), prefix="IN: ", separator=" OUT: ")
    assert len(commands) == 4182 and actions[1].split()[:2] == ["I_TURN_RIGHT", "I_WALK"]
    folder = real("seq2seq/multi30k")
    german, english = read_pairs(folder / "train.lc.norm.tok.de.gz", folder / "train.lc.norm.tok.en.gz")
    assert len(german) == len(english) == 29_000 and english[0].startswith("two young , white males")
    path = real("seq2seq/sentence_compression/pairs.csv.gz")
    long, short = read_pairs(path, separator=",", columns=("original", "compressed"))
    assert len(long) == 10_000 and all(len(b) <= len(a) + 20 for a, b in zip(long, short, strict=True))


@pytest.mark.parametrize(("name", "sentences"), [("dev", 463), ("test", 477)])
def test_tags(name: str, sentences: int) -> None:
    letters, tags = read_conll(real(f"tagging/resume_ner/{name}.char.bmes"))
    assert len(letters) == len(tags) == sentences
    assert {tag[0] for sentence in tags for tag in sentence} >= set("BMEO")


def test_strokes() -> None:
    parts = read_strokes(real("strokes/short_kanji.npz"))
    assert {name: len(part) for name, part in parts.items()} == {"train": 10_000, "valid": 600, "test": 500}
    assert all(drawing[-1, 2] == 1 for drawing in parts["test"])


def test_chorales() -> None:
    pieces = json.loads(read_text(real("music/jsb_chorales.json")))
    rolls = [piano_roll(piece) for piece in pieces["train"]]
    assert (
        len(rolls) == 229
        and {roll.shape[1] for roll in rolls} == {88}
        and max(roll.sum(1).max() for roll in rolls) == 4
    )


@pytest.fixture(scope="module")
def genome() -> Genome:
    (genome,) = read_genbank(real("dna/ct.gbk.gz"))
    return genome


CODE = dict(
    zip(
        [a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"],
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)


def test_genome(genome: Genome) -> None:
    assert len(genome.sequence) == 1_042_519
    coding = [feature for feature in genome.features if feature.kind == "CDS"]
    assert len(coding) == 895 and all(len(genome.read(feature)) % 3 == 0 for feature in coding)
    # The file has the protein of each, so that strands, joins and ends are right if they all agree. The first letter
    # is not asked: a protein begins with M, whatever starts it. One gene lies across the ends of the circle.
    across = 0
    for feature in coding:
        if {0, len(genome.sequence)} & {end for part in feature.parts for end in part[:2]}:
            across += 1
            continue
        bases = genome.read(feature)
        protein = "".join(CODE[bases[at : at + 3]] for at in range(0, len(bases), 3)).removesuffix("*")
        assert protein[1:] == feature.qualifiers["translation"][1:], feature
    assert across == 2


def hexamers(window: str) -> list[str]:
    return [window[at : at + 6] for at in range(len(window) - 5)]


def test_what_can_be_told_from_hexamers(genome: Genome) -> None:
    """Hexamers alone tell the strand of 82 of 100 windows of the last quarter: the floor for a model."""
    x, y, start = coding_windows(genome)
    train, test = split(len(x), 0.25, by="time", groups=start)
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for at in train:
        counts[y[at]].update(hexamers(x[at]))
    against, coding = ({word: np.log(count[word] + 1) for word in {*counts[0], *counts[1]}} for count in counts)
    offset = sum(np.log(sum(count.values()) + 4096) * sign for count, sign in zip(counts, (1, -1), strict=True))
    right = 0
    for at in test:
        words = hexamers(x[at])
        score = sum(coding.get(word, 0.0) - against.get(word, 0.0) + offset for word in words)
        right += (score > 0) == y[at]
    assert 0.815 < right / len(test) < 0.83
    assert {x[at] for at in test}.isdisjoint(x[at] for at in train)
    assert reverse_complement(x[0]) == x[1]
