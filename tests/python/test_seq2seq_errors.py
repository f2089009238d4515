"""Wrong input of every kind to Seq2Seq: sentences that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import complaint
from seq2seq_cases import (
    BACK,
    CASES,
    FLAT,
    NAMES,
    NEXT,
    QUICK,
    SERIES,
    TOKENS,
    WORDS,
    Seq2Seq,
    check,
    every,
    fitted,
)

pytestmark = pytest.mark.once


# --- what is wrong


def test_before_fit(tmp_path: Path) -> None:
    model = Seq2Seq()
    calls: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(WORDS),
        "predict_best": lambda: model.predict_best(WORDS),
        "attention_weights": lambda: model.attention_weights(WORDS, BACK),
        "score": lambda: model.score(WORDS, BACK),
        "save": lambda: model.save(tmp_path / "model"),
        "summary": model.summary,
        **{
            name: lambda name=name: getattr(model, name)
            for name in ("network_", "history_", "inputs_", "targets_", "longest_")
        },
    }
    wrong = {name: complaint(call, rl.models.NotFittedError, "call fit") for name, call in calls.items()}
    assert not any(wrong.values()), wrong


WRONG_X: list[tuple[Any, type[Exception], str]] = [
    (None, TypeError, "X must be an array or a list of sequences, got NoneType"),
    (5, TypeError, "X must be an array or a list of sequences, got int"),
    ({"a": 1}, TypeError, "X must be an array or a list of sequences, got dict"),
    (range(3), TypeError, "X must be an array or a list of sequences, got range"),
    ("abc", TypeError, "X must be several sequences, got one string; put it into a list: ['abc']"),
    ([], ValueError, "X is empty"),
    ([5], ValueError, "X must hold sequences, but X[0] is 5"),
    (["a", 5], ValueError, "X must hold sequences, but X[1] is 5"),
    (np.zeros(3), ValueError, "got shape [3]; a single sequence goes into a list: [X]"),
    (np.zeros((2, 3, 4, 5)), ValueError, "X must be [N, T] or [N, T, C], got shape [2, 3, 4, 5]"),
    ([["a", None]], TypeError, "X[0] must hold "),
    ([["a", 1.5]], TypeError, "X[0] must hold "),
    (["a", ["b"]], TypeError, "X[..] must "),
    ([np.full((3, 2), np.nan)], (TypeError, ValueError), "X[0] "),  # type: ignore[list-item]
    ([np.zeros((0, 2))], (TypeError, ValueError), ""),  # type: ignore[list-item]
]


@every
def test_wrong_sequences(case: str) -> None:
    model, y = fitted(case), CASES[case][1]
    methods = {"predict": model.predict}
    if not model.targets_.numbers:
        methods["predict_best"] = model.predict_best
    if model.attention:
        methods["attention_weights"] = lambda X: model.attention_weights(X, y)
    table = [
        (f"{name} {at}", lambda X=X, call=call: call(X), kind, words)
        for at, (X, kind, words) in enumerate(WRONG_X)
        for name, call in methods.items()
    ]
    check(table)


def fit(X: Any, y: Any = None, **options: Any) -> Callable[[], Any]:
    return lambda: Seq2Seq(**{**QUICK, **options}).fit(X, y)


def test_wrong_pairs() -> None:
    strings, tokens, numbers, flat = (fitted(case) for case in ("strings", "tokens", "numbers", "flat numbers"))
    pair = "validation must be (X, y) or a Dataset, got"
    lengths = "numbers have no sign for an end, so all targets must be equally long"
    check(
        [
            ("no y", fit(WORDS), ValueError, "y is missing: one for each of the 24 sequences of X"),
            ("few", fit(WORDS, BACK[:3]), ValueError, "X has 24 sequences and y has 3; they must be as many"),
            ("a number", fit(WORDS, 5), TypeError, "y must hold one for each sequence of X, got 5"),
            ("a string", fit(WORDS, "abc"), TypeError, "y must hold one for each sequence of X, got 'abc'"),
            ("labels", fit(WORDS, [1] * 24), ValueError, "y must hold sequences, but y[0] is 1"),
            ("none", fit([], []), ValueError, "X is empty; there is nothing to learn from"),
            ("mixed X", fit(["ab", ["c"]] * 4, ["a"] * 8), TypeError, "X["),
            ("mixed y", fit(["a"] * 8, ["ab", ["c"]] * 4), TypeError, "y["),
            ("None in y", fit(["a"] * 8, [["a", None]] * 8), TypeError, "y[0] must hold tokens"),
            ("lengths", fit(SERIES, FLAT), ValueError, lengths),
            ("lengths", fit(SERIES, FLAT), ValueError, "] has "),
            (
                "channels",
                fit(SERIES, [*NEXT[:23], NEXT[0][:, :1]], validation=0),
                ValueError,
                "y[23] must have 2 channels",
            ),
            ("nan", fit(SERIES, np.where(NEXT > 5, np.nan, NEXT)), ValueError, "has nan at step"),
            ("no steps", fit(SERIES, np.zeros((24, 0, 2))), ValueError, "is empty; leave it out"),
            ("a share", lambda: made_with(validation=0.2), TypeError, f"{pair} 0.2; a share of X is an option"),
            ("X alone", lambda: made_with(validation=WORDS), TypeError, pair),
            ("nothing", lambda: made_with(validation=([], [])), ValueError, "validation X is empty"),
            (
                "few",
                lambda: made_with(validation=(WORDS, BACK[:2])),
                ValueError,
                "X has 24 sequences and validation y has",
            ),
            ("no y", lambda: made_with(validation=(WORDS, None)), ValueError, "validation y is missing"),
            ("form", lambda: made_with(validation=(TOKENS, BACK)), TypeError, "validation X[0] must be a string, as"),
            ("form", lambda: made_with(validation=(WORDS, NAMES)), TypeError, "validation y[0] must be a string, as"),
            ("callbacks", lambda: made_with(callbacks=3), TypeError, "callbacks must be a list of callbacks"),
            # of a fitted model
            ("form", lambda: strings.predict(TOKENS), TypeError, "X[0] must be a string, as the model was fitted on"),
            ("form", lambda: tokens.predict(WORDS), TypeError, "X[0] must be a list of tokens, as the model was"),
            ("form", lambda: numbers.predict(WORDS), TypeError, "X[0] must hold numbers, [T] or [T, C], as the model"),
            (
                "channels",
                lambda: numbers.predict(FLAT),
                ValueError,
                "X[0] must have 2 channels, as the first has, got 1",
            ),
            ("score", lambda: strings.score(WORDS), ValueError, "y is missing"),
            ("score", lambda: strings.score(WORDS, BACK[:1]), ValueError, "they must be as many"),
            (
                "score",
                lambda: strings.score(WORDS, NAMES),
                TypeError,
                "y[0] must be a string, as the model was fitted on",
            ),
            ("score", lambda: tokens.score(TOKENS, BACK), TypeError, "y[0] must be a list of tokens, as the model was"),
            ("score", lambda: numbers.score(SERIES, FLAT), ValueError, "y[0] must have 2 channels"),
            (
                "score",
                lambda: numbers.score(SERIES, NEXT[:, :2]),
                ValueError,
                f"y[0] has 2 steps and must have 3, as the others: {lengths}",
            ),
            ("score", lambda: flat.score(FLAT, BACK), TypeError, "y[0] must hold numbers"),
            ("score", lambda: strings.score([], []), ValueError, "X is empty"),
            ("look", lambda: strings.attention_weights(WORDS, BACK[:2]), ValueError, "they must be as many"),
            ("look", lambda: strings.attention_weights(WORDS, None), ValueError, "y is missing"),
            ("look", lambda: strings.attention_weights(WORDS, NAMES), TypeError, "y[0] must be a string"),
            ("best", lambda: numbers.predict_best(SERIES), ValueError, "there are no likeliest answers among numbers"),
            ("best", lambda: strings.predict_best(WORDS, 0), ValueError, "n must be at least 1, got 0"),
            ("best", lambda: strings.predict_best(WORDS, 2.5), TypeError, "n must be an integer, got float"),
            (
                "best",
                lambda: strings.predict_best(WORDS, 3, beam_width=2),
                ValueError,
                "beam_width must be at least 3, got 2",
            ),
            (
                "best",
                lambda: strings.predict_best(WORDS, beam_width="a"),
                TypeError,
                "beam_width must be an integer, got",
            ),
        ]
    )


def made_with(**options: Any) -> Any:
    return Seq2Seq(**QUICK).fit(WORDS, BACK, **options)


WRONG_OPTIONS: list[tuple[str, Any, type[Exception], str]] = [
    ("attention", 1, TypeError, "attention must be True or False, got 1"),
    ("bidirectional", "yes", TypeError, "bidirectional must be True or False, got 'yes'"),
    ("unit", "letter", ValueError, "unit must be 'character' or 'word' or 'byte', got 'letter'"),
    ("embedding_size", 0, ValueError, "embedding_size must be at least 1, got 0"),
    ("beam_width", 0, ValueError, "beam_width must be at least 1, got 0"),
    ("beam_width", 1.5, TypeError, "beam_width must be an integer, got float"),
    ("length_penalty", "a", TypeError, "length_penalty must be a number, got 'a'"),
    ("length_penalty", 9, ValueError, "length_penalty must be from -4 to 4, got 9"),
    ("length_penalty", float("nan"), ValueError, "length_penalty must be from -4 to 4, got nan"),
    ("longest", 0, ValueError, "longest must be at least 1, got 0"),
    ("hidden_size", 7, ValueError, "hidden_size must be even with bidirectional=True, got 7"),
    (
        "hidden_size",
        [8, 8],
        TypeError,
        "hidden_size must be one number, as both LSTMs share it, got [8, 8]; num_layers",
    ),
    ("hidden_size", 0, ValueError, "hidden_size must be at least 1, got 0"),
    ("num_layers", 0, ValueError, "num_layers must be at least 1, got 0"),
    ("dropout", 1.0, ValueError, "dropout must be in [0, 1), got 1.0"),
    ("lstm", 3, TypeError, "lstm must be a dict of options of nn.LSTM, got int"),
    ("lstm", {"colour": 3}, TypeError, "unexpected keyword argument 'colour'"),
    ("lstm", {"proj_size": 4}, ValueError, "lstm must not say proj_size, which follows from the other options, got 4"),
    ("lstm", {"bidirectional": True}, ValueError, "lstm must not say bidirectional"),
]


def test_the_marks_of_a_beginning_and_an_end_in_a_target() -> None:
    with pytest.raises(ValueError, match=r"y\[1\] has the token '</s>', by which the model marks"):
        Seq2Seq(**QUICK).fit([["a"], ["b"]], [["A"], ["</s>"]])
    # What is read has none.
    assert Seq2Seq(**QUICK).fit([["<s>"], ["b"]] * 4, [["A"], ["B"]] * 4).predict([["<s>"]])


def test_options() -> None:
    check(
        [
            (f"{name}={value!r}", fit(WORDS, BACK, **{name: value}), kind, words)
            for name, value, kind, words in WRONG_OPTIONS
        ]
    )
    for right in ({"hidden_size": np.int64(8)}, {"hidden_size": 7, "bidirectional": False}, {"seed": 2**64 - 1}):
        assert len(Seq2Seq(**{**QUICK, **right}).fit(WORDS, BACK).predict(["abc"])) == 1
