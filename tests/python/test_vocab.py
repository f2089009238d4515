"""The vocabulary: order, units, unknown tokens, and the way to a file and back."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.datasets import Vocabulary

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("sequences", "options", "expected"),
    [
        (["abba", "c"], {"unit": "character"}, ("a", "b", "c")),
        ("hello", {"unit": "character"}, ("l", "h", "e", "o")),
        (["the cat", " the\tdog\n"], {"unit": "word"}, ("the", "cat", "dog")),
        ("one two one", {"unit": "word"}, ("one", "two")),
        (["é"], {"unit": "byte"}, (0xC3, 0xA9)),
        ([b"aab"], {"unit": "byte"}, (97, 98)),
        ([["x", "y"], ["y"]], {}, ("y", "x")),
        ([np.array([3, 1, 1])], {}, (1, 3)),
        ([[(1, 2), (3,)], [(3,)]], {}, ((3,), (1, 2))),
        (["aaabbc"], {"unit": "character", "most": 2}, ("a", "b")),
        (["aaabbc"], {"unit": "character", "least": 2}, ("a", "b")),
        (["aaabbc"], {"unit": "character", "most": 1, "specials": ["<s>"], "unknown": "?"}, ("<s>", "?", "a")),
        (["aabc"], {"unit": "character", "specials": ["?", "b"], "unknown": "?"}, ("?", "b", "a", "c")),
        ([], {}, ()),
    ],
)
def test_order(sequences: Any, options: dict[str, Any], expected: tuple[Any, ...]) -> None:
    vocabulary = Vocabulary.of(sequences, **options)
    assert vocabulary.tokens == expected
    assert vocabulary.index == {token: at for at, token in enumerate(expected)}
    assert len(vocabulary) == len(expected)


@pytest.mark.parametrize(
    ("unit", "sequence", "back"),
    [
        ("character", "to be, or é 日", "to be, or é 日"),
        ("word", " to  be\nor ", "to be or"),
        ("byte", "é 日", "é 日"),
        ("byte", b"plain", "plain"),
        ("item", ["NN", 3, (60, 64)], ["NN", 3, (60, 64)]),
        ("item", [], []),
        ("word", ["to", "be"], "to be"),
    ],
)
def test_there_and_back(unit: str, sequence: Any, back: Any) -> None:
    vocabulary = Vocabulary.of([sequence], unit=unit)
    numbers = vocabulary.encode(sequence)
    assert numbers.dtype == np.int64 and numbers.ndim == 1
    assert vocabulary.decode(numbers) == back


def test_all_bytes() -> None:
    vocabulary = Vocabulary(range(256), unit="byte")
    assert vocabulary.encode("é").tolist() == [0xC3, 0xA9]
    assert vocabulary.decode([0xC3, 104]) == "�h"
    assert Vocabulary([*range(256), "<end>"], unit="byte").decode([104, 256]) == "h<end>"


def test_unknown() -> None:
    known = Vocabulary(["a", "?"], unit="character", unknown="?")
    assert known.encode("abba").tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="token 'b' at 1 is not in the vocabulary"):
        Vocabulary(["a"], unit="character").encode("ab")


@pytest.mark.parametrize(
    ("vocabulary"),
    [
        Vocabulary("abc", unit="character", unknown="c"),
        Vocabulary([*range(256), "<end>"], unit="byte"),
        Vocabulary([np.int64(3), "x", 1.5, (60, (64, "y")), ()], unknown="x"),
        Vocabulary([]),
    ],
)
def test_saved(vocabulary: Vocabulary) -> None:
    again = Vocabulary.from_plain(json.loads(json.dumps(vocabulary.to_plain())))
    assert again == vocabulary and hash(again) == hash(vocabulary)
    assert again.tokens == vocabulary.tokens and again.unit == vocabulary.unit and again.unknown == vocabulary.unknown
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary


def test_equality() -> None:
    assert Vocabulary("ab") != Vocabulary("ba")
    assert Vocabulary("ab") != Vocabulary("ab", unit="character")
    assert Vocabulary("ab") != Vocabulary("ab", unknown="a")
    assert Vocabulary("ab") != "ab"
    assert repr(Vocabulary("ab", unit="word", unknown="a")) == "Vocabulary(2 tokens, unit 'word', unknown 'a')"


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Vocabulary("aba"), ValueError, "'a' is there twice"),
        (lambda: Vocabulary("ab", unit="syllable"), ValueError, "unit must be .* got 'syllable'"),
        (lambda: Vocabulary("ab", unknown="?"), ValueError, r"unknown must be one of tokens, got '\?'"),
        (lambda: Vocabulary(["a", 3], unit="word"), TypeError, r"tokens\[1\] must be a string for unit 'word', got 3"),
        (lambda: Vocabulary([256], unit="byte"), TypeError, r"tokens\[0\] must be an integer in \[0, 256\)"),
        (lambda: Vocabulary([["a"]]), TypeError, "hashable"),
        (lambda: Vocabulary.of("ab", most=0), ValueError, "most must be at least 1, got 0"),
        (lambda: Vocabulary.of("ab", least=0), ValueError, "least must be at least 1, got 0"),
        (lambda: Vocabulary.of(["ab"]), TypeError, "must be a list of tokens for unit 'item', got str"),
        (lambda: Vocabulary.of([3], unit="word"), TypeError, "a string or a list of words for unit 'word', got int"),
        (lambda: Vocabulary.of([b"a"], unit="character"), TypeError, "got bytes"),
        (lambda: Vocabulary("ab").decode([0, 2]), ValueError, r"numbers\[1\] must be in \[0, 2\), got 2"),
        (lambda: Vocabulary("ab").decode([-1]), ValueError, r"numbers\[0\] must be in \[0, 2\), got -1"),
        (lambda: Vocabulary("ab").decode([0.0]), TypeError, "numbers must be integers"),
        (lambda: Vocabulary([frozenset("a")]).to_plain(), TypeError, r"tokens\[0\] must be a string, a number"),
        (lambda: Vocabulary.from_plain({"tokens": "ab"}), TypeError, "tokens of the state must be list"),
        (lambda: Vocabulary.from_plain({"tokens": []}), ValueError, "the state has no 'unit'"),
    ],
)
def test_mistakes(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n", []),
        ("It's good, isn't it?", ["it's", "good", ",", "isn't", "it", "?"]),
        ("'quoted' well-made --", ["'", "quoted", "'", "well-made", "-", "-"]),
        ("Größe 3.5 a_b", ["größe", "3", ".", "5", "a", "_", "b"]),
    ],
)
def test_words_of_running_text(text: str, expected: list[str]) -> None:
    assert rl.datasets.words(text) == expected
    # Nothing but spaces is lost.
    assert "".join(rl.datasets.words(text, lower=False)) == "".join(text.split())


def test_words_want_a_text() -> None:
    with pytest.raises(TypeError, match="text must be a string, got list"):
        rl.datasets.words(["a"])  # type: ignore[arg-type]
