"""Sentences of small made-up grammars: translated, and shortened."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._options import count, share
from .._dataset import Dataset
from .._draw import distinct, generator, pick

# English to a made-up language. A noun has a class, o or a, with which all that belongs to it agrees.
NOUNS = {
    "dog": ("kan", "o"),
    "horse": ("bal", "o"),
    "child": ("tim", "o"),
    "king": ("ruk", "o"),
    "tree": ("lop", "o"),
    "cat": ("mis", "a"),
    "bird": ("vel", "a"),
    "queen": ("sir", "a"),
    "house": ("dom", "a"),
    "river": ("nal", "a"),
}
VERBS = {"see": "vid", "love": "am", "follow": "sek", "hear": "aud", "find": "trov", "fear": "tem"}
ADJECTIVES = {"small": "pik", "big": "gran", "old": "sen", "red": "rub", "good": "bon"}
TIMES = {"today": "hodi", "often": "sepe", "now": "nun"}


def translation(n: int = 1000, *, clauses: float = 0.2, seed: int = 0) -> Dataset:
    """Return English sentences and the same in a made-up language with another order of words.

    In the other language the verb is last in its clause, with "ne" before it where it is denied; an adjective follows
    its noun; the adverb of time is first. Article and adjective agree with the noun's class (-o, -a) and number (-s),
    and the verb with the number of its subject (-et, -ent): "the small cats do not see a dog today" becomes
    "hodi las misas pikas o kano ne vident". A clause with "that" ("the dog that fears a king sees ...") becomes one
    between "ke" and "ek".

    Args:
        n: samples; all sentences are different.
        clauses: the share of subjects and objects that have a clause, in [0, 0.5); a clause may hold another one.
        seed: the draw.

    Returns:
        x a list of sentences, y a list of sentences; "exact_match" at best 1. Details: ``dictionary``.

    >>> data = translation(1)
    >>> data.x[0], data.y[0]
    ('the red houses hear a river often', 'sepe las domas rubas a nala audent')
    """
    n, clauses = count("n", n), share("clauses", clauses)
    if clauses >= 0.5:
        raise ValueError(f"clauses must be below 0.5, so that sentences end, got {clauses}")
    draw = generator(seed)
    pairs = distinct(lambda: _sentence(draw, clauses), n, "sentences")
    words = {noun: root for noun, (root, _) in NOUNS.items()} | VERBS | ADJECTIVES | TIMES
    x, y = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    meaning = "say it in the other language"
    return Dataset("translation", "seq2seq", meaning, x, y, "exact_match", 1.0, {"dictionary": words})


def compression(n: int = 1000, *, seed: int = 0) -> Dataset:
    """Return sentences and the same without what could be left out.

    Adjectives, adverbs, clauses between commas, times and places are left out. A place stays where the verb needs it
    ("puts the lamp on the table"): then the first place belongs to the verb, and any other is left out.

    Args:
        n: samples; all sentences are different.
        seed: the draw.

    Returns:
        x a list of sentences, y a list of sentences, each a part of the words of x in their order; "exact_match" at
        best 1. Details: ``kept``, the share of the words that is kept.

    >>> data = compression(2)
    >>> data.x[1], data.y[1]
    ('the teacher sells the old letter on the wall', 'the teacher sells the letter')
    """
    n, draw = count("n", n), generator(seed)
    pairs = distinct(lambda: _long_and_short(draw), n, "sentences")
    x, y = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    kept = sum(len(short.split()) for short in y) / sum(len(long.split()) for long in x)
    return Dataset("compression", "seq2seq", "say it shorter", x, y, "exact_match", 1.0, {"kept": kept})


def _sentence(draw: np.random.Generator, clauses: float) -> tuple[str, str]:
    """Return a sentence in both languages."""
    subject, there_subject, many = _noun(draw, clauses)
    verb, there_verb = _verb(draw, many)
    thing, there_thing, _ = _noun(draw, clauses)
    here, there = [subject, verb, thing], [there_subject, there_thing, there_verb]
    if draw.random() < 0.4:
        time = pick(draw, tuple(TIMES))
        here.append(time)
        there.insert(0, TIMES[time])
    return " ".join(here), " ".join(there)


def _noun(draw: np.random.Generator, clauses: float) -> tuple[str, str, bool]:
    """Return a noun with all that belongs to it, in both languages, and whether it is many."""
    noun = pick(draw, tuple(NOUNS))
    root, kind = NOUNS[noun]
    many, known = bool(draw.random() < 0.5), bool(draw.random() < 0.5)
    ending = kind + ("s" if many else "")
    here, there = ["the"] if known else [] if many else ["a"], [("l" if known else "") + ending, root + ending]
    if draw.random() < 0.4:
        adjective = pick(draw, tuple(ADJECTIVES))
        if here == ["a"] and adjective[0] in "aeiou":
            here = ["an"]
        here.append(adjective)
        there.append(ADJECTIVES[adjective] + ending)
    here.append({"child": "children"}.get(noun, noun + "s") if many else noun)
    if draw.random() < clauses:
        verb, there_verb = _verb(draw, many)
        thing, there_thing, _ = _noun(draw, clauses)
        here += ["that", verb, thing]
        there += ["ke", there_thing, there_verb, "ek"]
    return " ".join(here), " ".join(there), many


def _verb(draw: np.random.Generator, many: bool) -> tuple[str, str]:
    verb = pick(draw, tuple(VERBS))
    there = VERBS[verb] + ("ent" if many else "et")
    if draw.random() < 0.3:
        return f"{'do' if many else 'does'} not {verb}", f"ne {there}"
    return verb if many else verb + "s", there


def _long_and_short(draw: np.random.Generator) -> tuple[str, str]:
    """Return a sentence, and what is left of it."""
    words: list[tuple[str, bool]] = []  # each with whether it stays

    def add(text: Any, stays: bool, chance: float = 1.0) -> None:
        if draw.random() < chance:
            words.extend((word, stays) for word in str(text).split())

    def thing(names: str) -> None:
        add("the", True)
        add(pick(draw, "old young tall quiet famous".split() if names is PEOPLE else DESCRIBING.split()), False, 0.5)
        add(pick(draw, names.split()), True)

    def place(stays: bool, chance: float = 1.0) -> None:
        add(f"{pick(draw, 'on under beside behind'.split())} the {pick(draw, PLACES.split())}", stays, chance)

    add(f"{pick(draw, WHEN)} ,", False, 0.3)
    thing(PEOPLE)
    add(f", who {pick(draw, CLAUSES)} ,", False, 0.3)
    add(pick(draw, "slowly quickly often gladly secretly".split()), False, 0.4)
    needs_place = draw.random() < 0.5
    add(pick(draw, "puts hides leaves".split() if needs_place else "cleans sells paints breaks".split()), True)
    thing(THINGS)
    if needs_place:
        place(True)
    place(False, 0.4)
    add(pick(draw, WHEN), False, 0.3)
    return " ".join(word for word, _ in words), " ".join(word for word, stays in words if stays)


PEOPLE = "teacher doctor farmer painter baker singer"
THINGS = "lamp book chair cup clock letter"
DESCRIBING = "red broken heavy old small"
PLACES = "table bed bridge door tree wall"
WHEN = ("on Monday", "in the morning", "after the war", "last week", "at night")
CLAUSES = ("lives in Rome", "likes the sea", "paints the wall", "sells cups at night", "is very tired")
