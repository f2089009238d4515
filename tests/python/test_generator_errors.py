"""Wrong input of every kind to the generator: sentences that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import complaint
from generator_cases import (
    LINES,
    NUMBERS,
    QUICK,
    TEXT,
    TOKENS,
    Generator,
    every,
    fitted,
    made,
)

pytestmark = pytest.mark.once


# --- what is wrong


def test_before_fit(tmp_path: Path) -> None:
    model = Generator()
    calls: dict[str, Callable[[], Any]] = {
        **{
            name: lambda name=name: getattr(model, name)(TEXT)
            for name in ("nats", "bits", "perplexity", "score", "log_probabilities", "sample", "stream")
        },
        "predict": lambda: model.predict(["the"]),
        "token_stream": model.token_stream,
        "save": lambda: model.save(tmp_path / "model"),
        "summary": model.summary,
        **{name: lambda name=name: getattr(model, name) for name in ("network_", "history_", "vocabulary_", "whole_")},
    }
    wrong = {name: complaint(call, rl.models.NotFittedError, "call fit") for name, call in calls.items()}
    assert not any(wrong.values()), wrong


def check(table: list[tuple[str, Callable[[], Any], type[Exception], str]]) -> None:
    found = [f"{name}: {wrong}" for name, call, kind, words in table if (wrong := complaint(call, kind, words))]
    assert not found, "\n".join(found)


FORM = "must be a text or a list of texts or of lists of tokens, got"
WRONG_CORPORA: list[tuple[Any, type[Exception], str]] = [
    (None, TypeError, f"X {FORM} NoneType"),
    (5, TypeError, f"X {FORM} int"),
    ({"a": 1}, TypeError, f"X {FORM} dict"),
    (iter(["a"]), TypeError, f"X {FORM} list_iterator"),
    ([], ValueError, "X is empty"),
    ([1, 2], ValueError, "but X[0] is 1; a single sequence goes into a list: [X]"),
    (["a", 3], ValueError, "but X[1] is 3"),
    (np.zeros(5), ValueError, "got shape [5]; a single sequence goes into a list"),
    (np.zeros((3, 4)), TypeError, "X[0] must hold tokens, which are strings or integers, got 0.0"),
    ([["a", None]], TypeError, "X[0] must hold tokens, which are strings or integers, got None"),
    ([["a"], ["b", 1.5]], TypeError, "X[1] must hold tokens, which are strings or integers, got 1.5"),
]


@every
def test_wrong_corpora(kind: str) -> None:
    model = fitted(kind)
    table = []
    for at, (X, error, words) in enumerate(WRONG_CORPORA):
        table += [
            (f"fit {at}", lambda X=X: made_of(X), error, words),
            (f"score {at}", lambda X=X: model.score(X), error, words),
            (f"log_probabilities {at}", lambda X=X: model.log_probabilities(X), error, words),
            (
                f"validation {at}",
                lambda X=X: Generator(**QUICK).fit(TEXT, validation=X),
                error if X is not None else AssertionError,
                words.replace("X", "validation") if X is not None else "",
            ),
        ]
    check([row for row in table if row[2] is not AssertionError])


def made_of(X: Any, **options: Any) -> Any:
    return Generator(**{**QUICK, **options}).fit(X)


def test_wrong_forms() -> None:
    text, words, raw, lines, tokens, numbers = (
        fitted(kind) for kind in ("characters", "words", "raw bytes", "lines", "tokens", "numbers")
    )
    two = "must have at least 2"
    one_text = "X must be one text, as the model was fitted on, got list"
    check(
        [
            ("nothing", lambda: made_of(""), ValueError, f"X {two} characters, one to follow another, got 0"),
            ("one", lambda: made_of("a"), ValueError, f"X {two} characters, one to follow another, got 1"),
            ("one byte", lambda: made_of(b"a"), ValueError, f"X {two} bytes"),
            ("one word", lambda: made_of("word", unit="word"), ValueError, f"X {two} words"),
            (
                "blank",
                lambda: made_of("  \n ", unit="word"),
                ValueError,
                f"X {two} words, one to follow another, got 0",
            ),
            ("judge one", lambda: text.nats("a"), ValueError, f"X {two} characters"),
            (
                "validate one",
                lambda: Generator(**QUICK).fit(TEXT, validation="a"),
                ValueError,
                f"validation {two} characters",
            ),
            ("mixed", lambda: made_of(["ab", ["c"]]), TypeError, "X[1] must be a string, as X[0] is, got ['c']"),
            ("mixed", lambda: made_of([["c"], "ab"]), TypeError, "X[1] must be a list of tokens, as X[0] is, got 'ab'"),
            ("lines for a text", lambda: text.score(LINES), TypeError, one_text),
            ("a text for lines", lambda: lines.score(TEXT), TypeError, "X must be a list of sequences, as the model"),
            (
                "other validation",
                lambda: Generator(**QUICK).fit(TEXT, validation=LINES),
                TypeError,
                "validation must be one text, as the model was fitted on, got list",
            ),
            ("a share", lambda: Generator(**QUICK).fit(TEXT, validation=0.1), TypeError, "validation must be a text"),
            ("bytes for a text", lambda: text.score(b"the"), TypeError, "X must be a string, as the model was"),
            ("bytes for words", lambda: words.score(b"the cat"), TypeError, "X must be a string"),
            ("tokens for lines", lambda: lines.score(TOKENS), TypeError, "X[0] must be a string, as the model was"),
            ("lines for tokens", lambda: tokens.score(LINES), TypeError, "X[0] must be a list of tokens, as the model"),
            ("numbers for tokens", lambda: tokens.score(NUMBERS), TypeError, "X[0] must hold tokens of type str, as"),
            ("strings for numbers", lambda: numbers.score([["7"]]), TypeError, "X[0] must hold tokens of type int, as"),
            ("one callback", lambda: made("lines").fit(LINES, callbacks=3), TypeError, "callbacks must be a list"),
            # prompts
            *(
                (f"prompt {prompt!r}", lambda prompt=prompt: text.sample(prompt), TypeError, "prompt must be a string")
                for prompt in (None, 5, 2.5, ["the"], [1], b"the", np.array([1, 2]), {"a": 1})
            ),
            ("a list", lambda: raw.sample([1, 2]), TypeError, "prompt must be a string"),
            *(
                (f"prompt {prompt!r}", lambda prompt=prompt: tokens.sample(prompt), TypeError, words_of_it)
                for prompt, words_of_it in (
                    ("abc", "prompt must be a list of tokens, as the model was fitted on, got 'abc'"),
                    (5, "prompt must be a list of tokens"),
                    (None, "prompt must be a list of tokens"),
                    ([7], "prompt must hold tokens of type str, as the model was fitted on, got 7"),
                    ([None], "prompt must hold tokens of type str"),
                    ([["a"], ["b", "c"]], "must be hashable"),
                )
            ),
            ("a stream", lambda: text.stream(5), TypeError, "prompt must be a string"),
            ("one prompt", lambda: text.predict("the"), TypeError, "X must be a list of prompts, got one string; put"),
            ("no list", lambda: text.predict(5), TypeError, "X must be a list of prompts, got int"),
            ("none", lambda: text.predict([]), ValueError, "X is empty; give at least one prompt"),
            ("one of them", lambda: text.predict(["a", 3]), TypeError, "X[1] must be a string, as the model"),
            ("one prompt", lambda: tokens.predict(["a"]), TypeError, "X[0] must be a list of tokens"),
            # stops
            ("stop", lambda: text.sample("a", stop=5), TypeError, "stop must be a string, as the model was fitted on"),
            ("stop", lambda: text.sample("a", stop=None), TypeError, "stop must be a string"),
            ("stop", lambda: text.sample("a", stop=["a", 5]), TypeError, "stop[1] must be a string"),
            ("stop", lambda: text.sample("a", stop=""), ValueError, "stop must have at least one token, got ''"),
            ("stop", lambda: text.sample("a", stop="aÄ"), ValueError, "stop must be of the vocabulary, which does not"),
            (
                "stop",
                lambda: tokens.sample([], stop=["x", "z"]),
                ValueError,
                "stop[1] must be of the vocabulary, which",
            ),
            ("stop", lambda: tokens.sample([], stop=3), TypeError, "stop must hold tokens of type str"),
            ("stop", lambda: numbers.sample([], stop=9), ValueError, "stop must be of the vocabulary, which does not"),
        ]
    )


WRONG_ARGUMENTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"temperature": -1}, ValueError, "temperature must be at least 0, got -1"),
    ({"temperature": "hot"}, TypeError, "temperature must be a number, got 'hot'"),
    ({"temperature": None}, TypeError, "temperature must be a number, got None"),
    ({"temperature": float("nan")}, ValueError, "temperature must be at least 0, got nan"),
    ({"temperature": float("inf")}, ValueError, "Temperature must be finite, got inf"),
    ({"length": -1}, ValueError, "length must be at least 0, got -1"),
    ({"length": 2.5}, TypeError, "length must be an integer, got float"),
    ({"length": "all"}, TypeError, "length must be an integer, got str"),
    ({"top_k": 0}, ValueError, "k of TopK must be at least 1, got 0"),
    ({"top_k": 2.5}, TypeError, "k of TopK must be an integer, got float"),
    ({"top_p": 0}, ValueError, "p of TopP must be above 0 and at most 1, got 0"),
    ({"top_p": 2}, ValueError, "p of TopP must be above 0 and at most 1, got 2"),
    ({"top_p": "most"}, TypeError, "p of TopP must be a number, got 'most'"),
    ({"filters": 3}, TypeError, "filters must be a list of filters, got int"),
    ({"filters": [3]}, TypeError, "must be a filter, got 3"),
    ({"seed": -1}, ValueError, "seed must be in [0, 2**64), got -1"),
    ({"seed": "x"}, TypeError, "seed must be an integer, got str"),
]


def test_wrong_arguments_of_sampling() -> None:
    model = fitted("characters")
    table = [
        (f"{name}({options})", lambda call=call, o=options: call("the", **o), kind, words)
        for options, kind, words in WRONG_ARGUMENTS
        for name, call in (("sample", model.sample), ("stream", model.stream))
    ]
    table += [
        ("samples", lambda: model.sample("the", samples=0), ValueError, "samples must be at least 1, got 0"),
        ("samples", lambda: model.sample("the", samples="x"), TypeError, "samples must be an integer, got str"),
        ("endless", lambda: model.sample("the", None), TypeError, "length must be an integer, got NoneType"),
        ("rows", lambda: model.token_stream(0), ValueError, "batch_size must be at least 1, got 0"),
    ]
    check(table)


WRONG_OPTIONS: list[tuple[str, Any, type[Exception], str]] = [
    ("unit", "letter", ValueError, "unit must be 'character' or 'word' or 'byte', got 'letter'"),
    ("unit", "item", ValueError, "unit must be 'character' or 'word' or 'byte', got 'item'"),
    ("steps", 0, ValueError, "steps must be at least 1, got 0"),
    ("steps", "all", TypeError, "steps must be an integer, got str"),
    ("embedding_size", 0, ValueError, "embedding_size must be at least 1, got 0"),
    ("tied", "yes", TypeError, "tied must be True or False, got 'yes'"),
    ("vocabulary_size", 0, ValueError, "vocabulary_size must be at least 1, got 0"),
    ("least", 0, ValueError, "least must be at least 1, got 0"),
    ("hidden_size", 0, ValueError, "hidden_size must be at least 1, got 0"),
    ("hidden_size", [4, 0], ValueError, "hidden_size[1] must be at least 1, got 0"),
    ("hidden_size", "many", TypeError, "hidden_size must be an integer, got str"),
    ("lstm", {"colour": 3}, TypeError, "unexpected keyword argument 'colour'"),
    ("lstm", {"bidirectional": True}, TypeError, "unexpected keyword argument 'bidirectional'"),
    ("validation", 1.0, ValueError, "validation must be in [0, 1), got 1.0"),
    ("optimizer", "best", ValueError, "optimizer must be"),
]


def test_the_marks_of_a_beginning_and_an_end_in_a_corpus() -> None:
    with pytest.raises(ValueError, match=r"X\[1\] has the token '<s>', by which the model marks"):
        Generator(**QUICK).fit([["a"], ["b", "<s>"]])
    model = fitted("lines of words")
    with pytest.raises(ValueError, match="prompt has the token '</s>', by which the model marks"):
        model.sample("the </s>")
    # One text has no marks, and they are words as any others.
    assert "<s>" in Generator(unit="word", **QUICK).fit("a <s> b </s> " * 9).vocabulary_.tokens


def test_wrong_options() -> None:
    check(
        [
            (f"{name}={value!r}", lambda name=name, value=value: made_of(TEXT, **{name: value}), kind, words)
            for name, value, kind, words in WRONG_OPTIONS
        ]
    )
