"""The datasets of sequence to sequence: each output is right, and follows from the input alone."""

from __future__ import annotations

import contextlib
import datetime
import io
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import Dataset, seq2seq

pytestmark = pytest.mark.once


def pairs(data: Dataset) -> list[tuple[str, str]]:
    assert len(set(data.x)) == len(data.x), "an input twice"
    assert (data.metric, data.optimum) == ("exact_match", 1.0)
    return list(zip(data.x, data.y, strict=True))


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (seq2seq.copy, lambda x: x),
        (seq2seq.reverse, lambda x: "".join(reversed(x))),
        (seq2seq.sort, lambda x: "".join(c * x.count(c) for c in "abcdefghijklmnopqrstuvwxyz")),
    ],
    ids=["copy", "reverse", "sort"],
)
def test_strings(make: Any, change: Any) -> None:
    data = make(500, length=(2, 6), letters=5, seed=1)
    assert all(change(x) == y for x, y in pairs(data))
    assert {len(x) for x in data.x} == {2, 3, 4, 5, 6} and set("".join(data.x)) == set("abcde")
    assert {len(x) for x in make(20, length=4).x} == {4}
    assert len(make(8, length=3, letters=2).x) == 8, "all there are"


@pytest.mark.parametrize(("n", "digits"), [(55, 1), (30, 1), (2000, 2), (1000, 3), (100, 18)])
def test_addition(n: int, digits: int) -> None:
    data = seq2seq.addition(n, digits=digits, seed=1)
    added = [tuple(map(int, x.split("+"))) for x, _ in pairs(data)]
    assert [str(a + b) for a, b in added] == data.y
    assert len({tuple(sorted(pair)) for pair in added}) == n, "a pair twice, the other way round"
    assert max(map(max, added)) < 10**digits
    if n >= 1000:
        smaller_first = np.mean([a < b for a, b in added])
        assert smaller_first == pytest.approx(0.5, abs=0.06)


def test_dates() -> None:
    data = seq2seq.dates(3000, first=1999, last=2004, seed=1)
    months = [datetime.date(2000, month, 1).strftime("%m") for month in range(1, 13)]
    names = "jan feb mar apr may jun jul aug sep oct nov dec".split()
    shapes = Counter()
    for x, y in pairs(data):
        day = datetime.date.fromisoformat(y)
        assert 1999 <= day.year <= 2004
        numbers = [int(number) for number in re.findall(r"\d+", x)]
        if "/" in x and not re.match(r"\d{4}/", x):
            assert numbers == [day.month, day.day, day.year]
        elif "/" in x:
            assert numbers == [day.year, day.month, day.day]
        elif "." in x:
            assert numbers == [day.day, day.month, day.year]
        else:
            assert numbers == [day.day, day.year] and names[day.month - 1] in x.lower()
        if "day," in x:
            assert x.split(",")[0].lower()[:3] == "mon tue wed thu fri sat sun".split()[day.weekday()]
        if found := re.search(r"(\d+)(st|nd|rd|th)\b", x):
            assert found[2] == {"1": "st", "2": "nd", "3": "rd", "21": "st", "22": "nd", "23": "rd", "31": "st"}.get(
                found[1], "th"
            )
        shapes[re.sub(r"[A-Z]\w+", "M", re.sub(r"\d+", "0", x))] += 1
    assert len(months) == 12 and len(shapes) >= 9 and len(data.details["formats"]) == 14
    assert any(y.endswith("02-29") for y in data.y)


def test_a_text_of_a_date_means_one_day() -> None:
    first, second = (dict(pairs(seq2seq.dates(3000, first=2000, last=2000, seed=seed))) for seed in (1, 2))
    both = first.keys() & second.keys()
    assert len(both) > 500 and all(first[x] == second[x] for x in both)


def run(program: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    return printed.getvalue().strip()


@pytest.mark.parametrize(("length", "nesting", "mixed"), [(1, 1, False), (3, 2, False), (4, 5, False), (5, 3, True)])
def test_programs_print_what_is_said(length: int, nesting: int, mixed: bool) -> None:
    data = seq2seq.programs(300, length=length, nesting=nesting, mixed=mixed, seed=1)
    assert all(run(x) == y for x, y in pairs(data))
    text = "\n".join(data.x)
    assert all(sign in text for sign in ("+", "-", "*", "if", "for", "="))
    assert max(len(number) for x in data.x for number in re.findall(r"\d+", x)) == max(length, len(str(4 * length)))


def test_programs_grow_with_their_difficulty() -> None:
    sizes = [
        [np.mean([len(x) for x in seq2seq.programs(200, length=length, nesting=nesting).x]) for length in (2, 4, 6)]
        for nesting in (1, 2, 3)
    ]
    assert (np.diff(sizes, axis=0) > 0).all() and (np.diff(sizes, axis=1) > 0).all()
    mixed = np.mean([len(x) for x in seq2seq.programs(200, length=6, nesting=3, mixed=True).x])
    assert sizes[0][0] < mixed < sizes[-1][-1]


def test_curriculum_strategies() -> None:
    def sizes(strategy: str) -> Any:
        stages = list(seq2seq.curriculum(strategy, 300, length=4, nesting=3, seed=1))
        assert len(stages) == 12 and all(run(x) == y for stage in stages for x, y in pairs(stage[:10]))
        assert len({stage.x[0] for stage in stages}) == 12, "each stage is another draw"
        return np.array([np.mean([len(x) for x in stage.x]) for stage in stages])

    baseline, naive, mixed, combined = (sizes(name) for name in ("baseline", "naive", "mixed", "combined"))
    assert np.ptp(baseline) < 0.2 * baseline.mean() and np.ptp(mixed) < 0.3 * mixed.mean()
    assert naive[0] < 0.4 * naive[-1] and naive[-1] == pytest.approx(baseline.mean(), rel=0.1)
    assert combined == pytest.approx((naive + mixed) / 2, rel=0.2)
    assert [stage.details["difficulty"] for stage in seq2seq.curriculum("naive", 5, length=2, nesting=2)] == [
        (1, 1),
        (2, 1),
        (1, 2),
        (2, 2),
    ]


VERBS = {"see": "vid", "love": "am", "follow": "sek", "hear": "aud", "find": "trov", "fear": "tem"}
ADJECTIVES = {"small": "pik", "big": "gran", "old": "sen", "red": "rub", "good": "bon"}
NOUNS = {"dog": "kano", "horse": "balo", "child": "timo", "king": "ruko", "tree": "lopo", "cat": "misa"}
NOUNS |= {"bird": "vela", "queen": "sira", "house": "doma", "river": "nala"}
TIMES = {"today": "hodi", "often": "sepe", "now": "nun"}


class Translator:
    """The translation once more, by taking the sentence apart."""

    def __init__(self, sentence: str) -> None:
        self.words = sentence.split()

    def sentence(self) -> str:
        subject, many = self.noun()
        verb = self.verb(many)
        thing, _ = self.noun()
        time = [TIMES[self.words.pop(0)]] if self.words else []
        assert not self.words
        return " ".join([*time, subject, thing, verb])

    def noun(self) -> tuple[str, bool]:
        article = self.words.pop(0) if self.words[0] in ("the", "a", "an") else ""
        adjective = self.words.pop(0) if self.words[0] in ADJECTIVES else ""
        noun = self.words.pop(0)
        many = noun not in NOUNS
        assert many != (article in ("a", "an")) or article == "the"
        there = NOUNS["child" if noun == "children" else noun[:-1] if many else noun]
        ending = there[-1] + "s" * many
        parts = [("l" if article == "the" else "") + ending, there + "s" * many]
        parts += [ADJECTIVES[adjective] + ending] if adjective else []
        if self.words and self.words[0] == "that":
            self.words.pop(0)
            verb = self.verb(many)
            parts += ["ke", self.noun()[0], verb, "ek"]
        return " ".join(parts), many

    def verb(self, many: bool) -> str:
        first = self.words.pop(0)
        denied = first in ("do", "does")
        if denied:
            assert (first == "do") == many and self.words.pop(0) == "not"
            first = self.words.pop(0)
        elif not many:
            assert first[-1] == "s"
            first = first[:-1]
        return ("ne " if denied else "") + VERBS[first] + ("ent" if many else "et")


@pytest.mark.parametrize("clauses", [0.0, 0.2, 0.45])
def test_translation_follows_from_the_sentence(clauses: float) -> None:
    data = seq2seq.translation(1000, clauses=clauses, seed=1)
    for x, y in pairs(data):
        assert Translator(x).sentence() == y, x
    assert any(" that " in x for x in data.x) == (clauses > 0)
    assert all(any(word in x.split() for x in data.x) for word in ("not", "an", "often", "children"))


def test_compression_keeps_what_is_needed() -> None:
    data = seq2seq.compression(1000, seed=1)
    for x, y in pairs(data):
        rest = iter(x.split())
        assert all(word in rest for word in y.split()), "the words of y stand in x in this order"
        words = re.sub(r", who .*? ,", "", x).split()
        if "," in words:
            words = words[words.index(",") + 1 :]
        people = "teacher doctor farmer painter baker singer".split()
        verbs = "puts hides leaves cleans sells paints breaks".split()
        things = "lamp book chair cup clock letter".split()
        person, verb, thing = (next(w for w in words if w in kind) for kind in (people, verbs, things))
        expected = f"the {person} {verb} the {thing}"
        if verb in ("puts", "hides", "leaves"):
            expected += " " + re.findall(r"(?:on|under|beside|behind) the (?!\w*ing)\w+", " ".join(words))[0]
        assert y == expected, x
    share = sum(len(y.split()) for y in data.y) / sum(len(x.split()) for x in data.x)
    assert data.details["kept"] == pytest.approx(share) and 0.3 < share < 0.8


def test_multi_step_counting() -> None:
    data = seq2seq.multi_step(500, length=5, horizon=4, kind="counting", seed=1)
    assert data.x.shape == (500, 5, 1) and data.y.shape == (500, 4, 1) and (data.metric, data.optimum) == ("mse", 0)
    series = np.concatenate([data.x, data.y], axis=1)[..., 0]
    assert (np.diff(series, axis=1) == np.diff(series, axis=1)[:, :1]).all()
    assert set(np.diff(series, axis=1)[:, 0].tolist()) == set(range(-9, 10))


def test_multi_step_floor_is_reached_and_not_undercut() -> None:
    data = seq2seq.multi_step(20_000, length=6, horizon=4, noise=0.5, seed=1)
    first, second = data.details["coefficients"]
    x, y = data.x[..., 0].astype(np.float64), data.y[..., 0].astype(np.float64)
    steps = [x[:, -2], x[:, -1]]
    for _ in range(4):
        steps.append(first * steps[-1] + second * steps[-2])
    errors = np.mean((y - np.stack(steps[2:], axis=1)) ** 2, axis=0)
    assert errors == pytest.approx(data.details["mse_by_step"], rel=0.04)
    assert errors.mean() == pytest.approx(data.optimum, rel=0.03)
    fitted, *_ = np.linalg.lstsq(x[:10_000], y[:10_000], rcond=None)
    assert np.mean((y[10_000:] - x[10_000:] @ fitted) ** 2) > 0.97 * errors.mean()
    assert np.concatenate([x, y], axis=1).var(axis=0) == pytest.approx(x.var(), rel=0.05), "stationary from the start"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: seq2seq.copy(9, length=3, letters=2), ValueError, "n asks for 9 different strings, .* only 8"),
        (lambda: seq2seq.copy(letters=27), ValueError, "letters must be at most 26, got 27"),
        (lambda: seq2seq.reverse(length=(1, 2, 3)), ValueError, "length must be a number or .least, greatest."),
        (lambda: seq2seq.sort(length=0), ValueError, "length must be at least 1, got 0"),
        (lambda: seq2seq.addition(56, digits=1), ValueError, "n must be at most 55"),
        (lambda: seq2seq.addition(digits=19), ValueError, "digits must be at most 18, got 19"),
        (lambda: seq2seq.dates(first=2000, last=1999), ValueError, "must be years in order, to 9999"),
        (lambda: seq2seq.dates(first=999), ValueError, "first must be at least 1000, got 999"),
        (lambda: seq2seq.programs(length=13), ValueError, "length must be at most 12, got 13"),
        (lambda: seq2seq.programs(mixed="yes"), TypeError, "mixed must be True or False, got 'yes'"),
        (lambda: seq2seq.programs(nesting=0), ValueError, "nesting must be at least 1, got 0"),
        (lambda: seq2seq.curriculum("fast"), ValueError, "strategy must be 'baseline' or"),
        (lambda: seq2seq.translation(clauses=0.5), ValueError, "clauses must be below 0.5"),
        (lambda: seq2seq.compression(n=-1), ValueError, "n must be at least 1, got -1"),
        (lambda: seq2seq.multi_step(kind="sine"), ValueError, "kind must be 'counting' or 'autoregressive'"),
        (lambda: seq2seq.multi_step(noise=0), ValueError, "noise must be above 0, got 0"),
    ],
)
def test_mistakes_are_named(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()
