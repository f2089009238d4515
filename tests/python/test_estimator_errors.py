"""Wrong input of every kind to every estimator: a sentence that names the argument and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import (
    CASES,
    ESTIMATORS,
    ITEMS,
    LABELS,
    LONG,
    PAIRS,
    QUICK,
    ROWS,
    STEPS,
    TOKENS,
    VALUES,
    WORDS,
    Case,
    complaint,
    others,
)

pytestmark = pytest.mark.once

Classify, Tag, Predict = rl.SequenceClassifier, rl.SequenceTagger, rl.SequencePredictor
CUBE = np.zeros((20, 4, 2))
NUMBERS = {name: case for name, case in CASES.items() if isinstance(case.X[0], np.ndarray)}
SYMBOLS = {name: case for name, case in CASES.items() if name not in NUMBERS}


def failures(table: list[tuple[str, Callable[[], Any], type[Exception], str]]) -> list[str]:
    """Return what is wrong with the errors of a table of calls."""
    found = ((name, complaint(call, expected, words)) for name, call, expected, words in table)
    return [f"{name}: {wrong}" for name, wrong in found if wrong]


def replaced(rows: Any, at: int, row: Any) -> list[Any]:
    """Return the rows with another one in a place."""
    return [*rows[:at], row, *rows[at + 1 :]]


# Wrong X for models of numbers with two channels: what, which error, and its words.
GAP = np.array([[1.0, 2.0], [1.0, np.nan]])
WRONG_NUMBERS: list[tuple[Any, type[Exception], str]] = [
    ([], ValueError, "X is empty"),
    (np.zeros((0, 3, 2)), ValueError, "X is empty"),
    (None, TypeError, "X must be an array or a list of sequences, got NoneType"),
    (3, TypeError, "X must be an array or a list of sequences, got int"),
    ({"a": 1}, TypeError, "X must be an array or a list of sequences, got dict"),
    ((row for row in ROWS), TypeError, "X must be an array or a list of sequences, got generator"),
    ("text", TypeError, "X must be several sequences, got one string; put it into a list: ['text']"),
    (b"text", TypeError, "X must be several sequences, got one string"),
    (np.float64(3), ValueError, "X must be [N, T], [N, T, C] or a list of sequences, got shape []"),
    (np.zeros(20), ValueError, "got shape [20]; a single sequence goes into a list: [X]"),
    (np.zeros((20, 3, 2, 2)), ValueError, "X must be [N, T] or [N, T, C], got shape [20, 3, 2, 2]"),
    ([1.0] * 20, ValueError, "X must hold sequences, but X[0] is 1.0; a single sequence goes into a list: [X]"),
    (replaced(ROWS, 3, 7), ValueError, "but X[3] is 7"),
    (replaced(ROWS, 3, {1, 2}), ValueError, "but X[3] is {1, 2}"),
    (replaced(ROWS, 3, None), ValueError, "but X[3] is None"),
    (replaced(ROWS, 3, np.zeros((0, 2))), ValueError, "X[3] is empty; leave it out, or give it at least one step"),
    (replaced(ROWS, 3, []), ValueError, "X[3]"),
    (replaced(ROWS, 3, GAP), ValueError, "X[3] has nan at step 1, channel 1; fill gaps, or leave it out"),
    (replaced(ROWS, 3, [[1, -np.inf]] * 2), ValueError, "X[3] has -inf at step 0, channel 1"),
    (replaced(ROWS, 3, [[1, None]] * 2), ValueError, "X[3] has nan at step 0, channel 1"),
    (replaced(ROWS, 3, np.zeros((4, 3))), ValueError, "X[3] must have 2 channels, as the first has, got 3"),
    (replaced(ROWS, 3, np.zeros((4, 2, 2))), ValueError, "X[3] must have shape [T] or [T, C], got [4, 2, 2]"),
    (replaced(ROWS, 3, [[1, 2], [3]]), TypeError, "X[3] must hold numbers, [T] or [T, C]..; got [[1, 2], [3]]"),
    (replaced(ROWS, 3, "abc"), TypeError, "X[3] must hold numbers..; got 'abc'"),
    (replaced(ROWS, 3, [["1", "2"]] * 2), TypeError, "X[3] must hold numbers..; got [['1', '2']"),
    (replaced(ROWS, 3, np.array([["1", 2]] * 2, object)), TypeError, "X[3] must hold numbers"),
    (replaced(ROWS, 3, np.ones((4, 2), complex)), TypeError, "X[3] must hold numbers"),
    (replaced(ROWS, 3, np.ones((4, 2), "M8[D]")), TypeError, "X[3] must hold numbers"),
]


@pytest.mark.parametrize("case", NUMBERS.values(), ids=NUMBERS)
def test_wrong_sequences_of_numbers(case: Case) -> None:
    """The same words in fit and in each method of the fitted model."""
    model = case.fitted()
    # What belongs to the steps, or is made of them, is looked at before the numbers are.
    learns = [] if case.cls is Tag or case.y is None else ["fit"]

    def call(name: str, X: Any) -> Any:
        return case.make().fit(X, case.y) if name == "fit" else Case.ask(model, name, X)

    table = [
        (f"{name} {at}", lambda X=X, name=name: call(name, X), kind, words)
        for at, (X, kind, words) in enumerate(WRONG_NUMBERS)
        for name in (*learns, "predict", *case.methods)
    ]
    assert failures(table) == []
    huge = replaced(ROWS, 3, np.full((2, 2), 1e300))
    if case.options.get("scale") != "window":
        words = "X[3] has numbers too large for float32 after scaling, 1e+300 for one"
        assert complaint(lambda: model.predict(huge), ValueError, words) is None


WRONG_SYMBOLS: list[tuple[Any, type[Exception], str]] = [
    ([], ValueError, "X is empty"),
    ("a good film", TypeError, "X must be several sequences, got one string; put it into a list: ['a good film']"),
    (7, TypeError, "X must be an array or a list of sequences, got int"),
    (["a", 3], ValueError, "X must hold sequences, but X[1] is 3"),
    ([["a", 0.5]], TypeError, "X[0] must hold tokens, which are strings or integers, got 0.5"),
    ([["a", None]], TypeError, "X[0] must hold tokens, which are strings or integers, got None"),
    ([["a", ["b"]]], TypeError, "X[0] must hold tokens, which are strings or integers, got ['b']"),
    (np.zeros((2, 3)), TypeError, "X[0] must hold tokens, which are strings or integers, got 0.0"),
]


@pytest.mark.parametrize("case", SYMBOLS.values(), ids=SYMBOLS)
def test_wrong_sequences_of_symbols(case: Case) -> None:
    model = case.fitted()
    table = [
        (f"{name} {at}", lambda X=X, name=name: Case.ask(model, name, X), kind, words)
        for at, (X, kind, words) in enumerate(WRONG_SYMBOLS)
        for name in ("predict", *case.methods)
    ]
    strings = isinstance(case.X[0], str)
    other: list[Any] = TOKENS if strings else WORDS
    expected = "a string" if strings else "a list of tokens"
    words = f"X[0] must be {expected}, as the model was fitted on, got"
    table.append(("other form", lambda: model.predict(other), TypeError, words))
    if not strings:
        known, strange = ("int", "a") if case.X is ITEMS else ("str", 7)
        words = f"X[0] must hold tokens of type {known}, as the model was fitted on, got {strange!r}"
        table.append(("other type", lambda: model.predict([[strange]]), TypeError, words))
    assert failures(table) == []


def test_other_channels_than_in_fit() -> None:
    table = []
    for name, case in NUMBERS.items():
        model = case.fitted()
        for X in (np.zeros((2, 4, 3)), np.zeros((2, 4)), [np.zeros((4, 1))]):
            words = "X[0] must have 2 channels, as the first has, got"
            table.append((name, lambda model=model, X=X: model.predict(X), ValueError, words))
        words = "X[0] must hold numbers, [T] or [T, C], as the model was fitted on; got"
        table.append((name, lambda model=model: model.predict(["text"]), TypeError, words))
    assert failures(table) == []


def test_lengths() -> None:
    padded = np.zeros((20, 4, 2))
    lies: list[tuple[Any, Any, str]] = [
        (ROWS, [1] * 20, "a list brings its lengths; give lengths only with a padded array X [N, T, C]"),
        (padded, [5] * 20, "lengths[0] must be in [0, 4], got 5"),
        (padded, [-1] * 20, "lengths[0] must be in [0, 4], got -1"),
        (padded, [0] * 20, "X[0] is empty; leave it out"),
        (padded, [4] * 19, "lengths must be 20 integers, got int64 of shape [19]"),
        (padded, [4.0] * 20, "lengths must be 20 integers, got float64 of shape [20]"),
        (padded, 4, "lengths must be 20 integers, got int64 of shape []"),
        (padded, [[4] * 20], "lengths must be 20 integers, got int64 of shape [1, 20]"),
        (padded, "all", "lengths must be 20 integers"),
    ]
    table = []
    for name, case in NUMBERS.items():
        model = case.fitted()
        y = np.zeros((20, 4)) if case.cls is Tag else case.y
        for X, lengths, words in lies:
            call = lambda case=case, X=X, y=y, n=lengths: case.make().fit(X, y, lengths=n)  # noqa: E731
            if case.y is not None and not (case.cls is Tag and 0 in np.ravel(lengths)):
                table.append((f"{name} fit", call, ValueError, words))
            for method in ("predict", *case.methods):
                call = lambda m=model, q=method, X=X, n=lengths: getattr(m, q)(X, lengths=n)  # noqa: E731
                table.append((f"{name} {method}", call, ValueError, words))
    assert failures(table) == []


def fit(cls: type, X: Any, y: Any = None, **options: Any) -> Callable[[], Any]:
    """Return a call of fit."""
    return lambda: cls(**{**QUICK, **options}).fit(X, y)


def test_what_belongs_to_the_sequences() -> None:
    unlike = "X has 20 sequences and y has 3; they must be as many"
    missing = "y is missing: one for each of the 20 sequences of X"
    no_label = "y must hold labels, got numbers such as 0.5; to predict numbers use SequencePredictor"
    one_type = "y must hold labels of one type, got strings and"
    table = [
        ("none", fit(Classify, ROWS), ValueError, missing),
        ("none", fit(Tag, ROWS), ValueError, missing),
        *(("few", fit(cls, ROWS, LABELS[:3]), ValueError, unlike) for cls in ESTIMATORS),
        *(("a number", fit(cls, ROWS, 3), TypeError, "y must hold one for each..got 3") for cls in ESTIMATORS),
        *(("an array []", fit(cls, ROWS, np.array(3)), TypeError, "y must hold one for each") for cls in ESTIMATORS),
        *(("a string", fit(cls, ROWS, "a" * 20), TypeError, "y must hold one for each..'aa") for cls in ESTIMATORS),
        *(("a set", fit(cls, ROWS, set(range(20))), TypeError, "y must hold one for each") for cls in ESTIMATORS),
        # labels
        ("fractions", fit(Classify, ROWS, [0.5, 1.0] * 10), ValueError, no_label),
        ("nan", fit(Classify, ROWS, [np.nan, 1.0] * 10), ValueError, "y has nan; every sequence needs a label"),
        ("nan", fit(Classify, ROWS, ["a", np.nan] * 10), TypeError, f"{one_type} nan"),
        ("none", fit(Classify, ROWS, ["a", None] * 10), TypeError, "strings, integers or truth values, got None"),
        ("mixed", fit(Classify, ROWS, ["a", 1] * 10), TypeError, f"{one_type} 1"),
        ("mixed", fit(Classify, ROWS, np.array(["a", 1] * 10, object)), TypeError, f"{one_type} 1"),
        ("bytes", fit(Classify, ROWS, [b"a", b"b"] * 10), TypeError, "strings, integers or truth values, got |S1"),
        ("dates", fit(Classify, ROWS, np.zeros(20, "M8[D]")), TypeError, "strings, integers or truth values"),
        ("two axes", fit(Classify, ROWS, np.zeros((20, 2))), ValueError, "y must be [N] labels..got shape [20, 2]"),
        ("ragged", fit(Classify, ROWS, [[1], [1, 2]] * 10), ValueError, "y must be [N] labels, one for each sequence"),
        ("one class", fit(Classify, ROWS, ["a"] * 20), ValueError, "y must have at least two classes, got only 'a'"),
        ("one sequence", fit(Classify, ROWS[:1], ["a"]), ValueError, "at least two classes"),
        # labels of steps
        ("one for all", fit(Tag, ROWS, LABELS), TypeError, "y[0] must hold a label for each step, got 'good'"),
        ("numbers", fit(Tag, ROWS, VALUES), TypeError, "y[0] must hold a label for each step"),
        ("short", fit(Tag, ROWS, replaced(STEPS, 3, [True])), ValueError, "X[3] has 3 steps and y[3] has 1 labels"),
        ("words", fit(Tag, WORDS, [list(text) for text in WORDS]), ValueError, "X[0] has 3 steps and y[0] has 11"),
        ("fractions", fit(Tag, ROWS, [np.full(len(row), 0.5) for row in ROWS]), ValueError, f"y[0]{no_label[1:]}"),
        ("mixed", fit(Tag, ROWS, replaced(STEPS, 3, ["a"] * 3)), TypeError, f"{one_type} numbers"),
        ("one class", fit(Tag, ROWS, [[1] * len(row) for row in ROWS]), ValueError, "at least two classes, got only"),
        ("empty", fit(Tag, [""] * 4, [[]] * 4), ValueError, "at least two classes, got none"),
        # numbers
        ("labels", fit(Predict, ROWS, LABELS), TypeError, "got 'good'; labels are for SequenceClassifier"),
        ("digits", fit(Predict, ROWS, ["1.5"] * 20), TypeError, "y must hold numbers [N] or [N, K], got '1.5'"),
        (
            "nan",
            fit(Predict, ROWS, replaced(VALUES, 3, np.nan)),
            ValueError,
            "is nan; every sequence needs numbers",
        ),
        ("inf", fit(Predict, ROWS, replaced(PAIRS, 3, [1, np.inf])), ValueError, "is inf; every sequence needs"),
        ("none", fit(Predict, ROWS, replaced(VALUES, 3, None)), ValueError, "is nan; every sequence needs numbers"),
        ("ragged", fit(Predict, ROWS, STEPS), TypeError, "y must hold numbers [N] or [N, K]"),
        ("three axes", fit(Predict, ROWS, np.zeros((20, 2, 2))), ValueError, "y must be [N] or [N, K], got shape"),
        ("no axis", fit(Predict, ROWS, np.zeros((20, 0))), ValueError, "y must be [N] or [N, K], got shape [..0]"),
        (
            "far off",
            fit(Predict, ROWS, replaced(VALUES, 3, 1e300), scale="window"),
            ValueError,
            "y[3] is [1e+300], too far from what X and the other targets are",
        ),
        ("huge", fit(Predict, ROWS, replaced(VALUES, 3, 1e300)), ValueError, "y cannot be scaled: "),
        # items
        ("lists", fit(Predict, TOKENS, TOKENS, output="item"), TypeError, "must be an item, which is a string or an"),
        ("objects", fit(Predict, TOKENS, [object()] * 20, output="item"), TypeError, "must be an item"),
        ("none", fit(Predict, TOKENS, [None] * 20), TypeError, "must be an item..got None"),
        ("nan", fit(Predict, TOKENS, [np.nan] * 20, output="item"), TypeError, "must be an item..got nan"),
        # no y
        ("single", fit(Predict, replaced(LONG, 3, ROWS[0])), ValueError, "X[3] must have at least 2 steps where no y"),
        ("window", fit(Predict, LONG, scale="window"), ValueError, 'scale="window" needs y'),
        ("both ways", fit(Predict, LONG, bidirectional=True), ValueError, "bidirectional needs y"),
        ("both ways", fit(Predict, LONG, lstm={"bidirectional": True}), ValueError, "bidirectional needs y"),
        ("longest", fit(Predict, TOKENS, longest=3), ValueError, "longest needs y"),
        ("strings", fit(Predict, WORDS), TypeError, "X[0] must be a list of tokens where no y says what follows"),
        ("points", fit(Predict, [t * 2 for t in TOKENS], output="point"), ValueError, "what follows tokens is a token"),
    ]
    assert failures(table) == []


def test_what_fit_and_score_have_not_in_common() -> None:
    classifier, tagger = CASES["classifier of numbers"].fitted(), CASES["tagger of numbers"].fitted()
    pairs, points, items = (CASES[name].fitted() for name in ("points of pairs", "points", "items"))
    steps = CASES["next steps"].fitted()
    known = "y has 'new', which was never seen in fit; known are 'bad', 'even', 'good'"
    table = [
        ("label", lambda: classifier.score(ROWS, replaced(LABELS, 3, "new")), ValueError, known),
        (
            "label",
            lambda: tagger.score(ROWS, replaced(STEPS, 3, [5, 5, 5])),
            ValueError,
            "y has 5, which was never",
        ),
        ("none", lambda: classifier.score(ROWS), ValueError, "y is missing"),
        ("none", lambda: tagger.score(ROWS), ValueError, "y is missing"),
        ("none", lambda: points.score(ROWS), ValueError, "y is missing"),
        ("few", lambda: tagger.score(ROWS, STEPS[:3]), ValueError, "they must be as many"),
        ("shape", lambda: pairs.score(ROWS, VALUES), ValueError, "y must be [N, 2], as in fit, got shape [20]"),
        ("shape", lambda: points.score(ROWS, PAIRS), ValueError, "y must be [N], as in fit, got shape [20, 2]"),
        ("single", lambda: steps.score(ROWS), ValueError, "X[0] must have at least 2 steps"),
        ("k", lambda: items.recommend(TOKENS, 99), ValueError, "k must be at most 6, the number of items, got 99"),
        ("k", lambda: items.recommend(TOKENS, 0), ValueError, "k must be at least 1, got 0"),
        ("k", lambda: items.recommend(TOKENS, 2.5), TypeError, "k must be an integer, got float"),
        (
            "seen",
            lambda: items.recommend([["a", "good", "so"]], 4, exclude_seen=True),
            ValueError,
            "k must be at most 3, the number of items that X[0] has not, got 4",
        ),
        ("quantiles", lambda: points.predict_quantiles(ROWS), ValueError, "needs output='quantile' or 'gaussian'"),
        (
            "deviation",
            lambda: points.predict_deviation(ROWS),
            ValueError,
            "needs output='gaussian', the model has",
        ),
        ("items", lambda: points.recommend(ROWS), ValueError, "this needs output='item', the model has 'point'"),
        ("attention", lambda: classifier.attention(ROWS), ValueError, 'only pool="attention" has weights to show'),
    ]
    assert failures(table) == []


# Values that an option cannot have, for every estimator that has it.
WRONG_OPTIONS: list[tuple[str, Any, type[Exception], str]] = [
    ("hidden_size", 0, ValueError, "hidden_size must be at least 1, got 0"),
    ("hidden_size", None, TypeError, "hidden_size must be an integer, got NoneType"),
    ("hidden_size", 2.5, TypeError, "hidden_size must be an integer, got float"),
    ("hidden_size", "many", TypeError, "hidden_size must be an integer, got str"),
    ("hidden_size", [4, 0], ValueError, "hidden_size[1] must be at least 1, got 0"),
    ("hidden_size", [], ValueError, "hidden_size"),
    ("num_layers", 0, ValueError, "num_layers must be at least 1, got 0"),
    ("num_layers", "two", TypeError, "num_layers must be an integer, got str"),
    ("dropout", 1.0, ValueError, "dropout must be in [0, 1), got 1.0"),
    ("dropout", "some", TypeError, "dropout must be a number, got 'some'"),
    ("lstm", 3, TypeError, "lstm must be a dict of options of nn.LSTM, got int"),
    ("lstm", {"colour": 3}, TypeError, "unexpected keyword argument 'colour'"),
    ("lstm", {"zoneout": 2.0}, ValueError, "zoneout (of h) must be from 0 to 1"),
    ("epochs", 0, ValueError, "epochs must be at least 1, got 0"),
    ("epochs", 2.0, TypeError, "epochs must be an integer, got float"),
    ("batch_size", 0, ValueError, "batch_size must be at least 1, got 0"),
    ("batch_size", None, TypeError, "batch_size must be an integer, got NoneType"),
    ("learning_rate", 0, ValueError, "learning_rate must be above 0, got 0"),
    ("learning_rate", float("nan"), ValueError, "learning_rate must be above 0, got nan"),
    ("learning_rate", "high", TypeError, "learning_rate must be a number, got 'high'"),
    (
        "optimizer",
        "lbfgs",
        ValueError,
        "optimizer must be 'sgd' or 'rmsprop' or 'adam' or..got 'lbfgs'",
    ),
    ("weight_decay", -1, ValueError, "weight_decay must be at least 0, got -1"),
    ("schedule", "slow", ValueError, "schedule must be 'constant' or 'cosine' or 'onecycle' or 'plateau', got 'slow'"),
    ("clip_norm", 0, ValueError, "clip_norm must be above 0, got 0"),
    ("validation", 1, ValueError, "validation must be in [0, 1), got 1"),
    ("validation", None, TypeError, "validation must be a number, got None"),
    ("validation", ([], []), TypeError, "validation must be a number"),
    ("patience", 0, ValueError, "patience must be at least 1, got 0"),
    ("warm_start", 1, TypeError, "warm_start must be True or False, got 1"),
    ("seed", -1, ValueError, "seed must be in [0, 2**64), got -1"),
    ("seed", None, TypeError, "seed must be an integer, got NoneType"),
    ("progress", "no", TypeError, "progress must be True or False, got 'no'"),
    ("bidirectional", "yes", TypeError, "bidirectional must be True or False, got 'yes'"),
    ("conv", 0, ValueError, "conv must be at least 1, got 0"),
    ("kernel_size", 0, ValueError, "kernel_size must be at least 1, got 0"),
    ("inputs", "words", ValueError, "inputs must be 'auto' or 'numbers' or 'items', got 'words'"),
    ("inputs", "items", TypeError, "X[0] must hold tokens, which are strings or integers"),
    ("scale", "big", ValueError, "scale must be 'standard' or 'minmax' or 'robust' or 'none' or 'window', got 'big'"),
    ("unit", "letter", ValueError, "unit must be 'word' or 'character' or 'byte', got 'letter'"),
    ("vocabulary_size", 0, ValueError, "vocabulary_size must be at least 1, got 0"),
    ("least", 0, ValueError, "least must be at least 1, got 0"),
    ("longest", 0, ValueError, "longest must be at least 1, got 0"),
    ("embedding_size", 0, ValueError, "embedding_size must be at least 1, got 0"),
    ("pool", "best", ValueError, "pool must be 'last' or 'mean' or 'max' or 'attention', got 'best'"),
    ("conv_pool", 0, ValueError, "conv_pool must be at least 1, got 0"),
    ("class_weight", "even", ValueError, "class_weight must be None, 'balanced' or a dict of weights, got 'even'"),
    ("class_weight", 5, ValueError, "class_weight must be None, 'balanced' or a dict of weights, got 5"),
    ("class_weight", {"new": 1}, ValueError, "class_weight names 'new', which is none of the labels"),
    ("class_weight", {"good": -1}, ValueError, "class_weight['good'] must be at least 0, got -1"),
    ("class_weight", {"good": "x"}, TypeError, "class_weight['good'] must be a number, got 'x'"),
    ("label_smoothing", 1.0, ValueError, "label_smoothing must be in [0, 1), got 1.0"),
    ("output", "number", ValueError, "output must be 'auto' or 'point' or 'quantile' or 'gaussian' or 'item'"),
    ("loss", "mape", ValueError, "loss must be 'mse' or 'mae' or 'huber', got 'mape'"),
    ("quantiles", (), ValueError, "quantiles must be rising numbers between 0 and 1, got ()"),
    ("quantiles", (0.9, 0.1), ValueError, "quantiles must be rising numbers between 0 and 1, got (0.9, 0.1)"),
    ("quantiles", (0.5, 0.5), ValueError, "quantiles must be rising"),
    ("quantiles", (0.5, 1.0), ValueError, "quantiles must be rising"),
    ("quantiles", 0.5, TypeError, "quantiles must be rising numbers between 0 and 1, got 0.5"),
    ("quantiles", ("a",), TypeError, "quantiles[0] must be a number, got 'a'"),
    ("target", -1, ValueError, "target must be at least 0, got -1"),
]


@pytest.mark.parametrize("name", ["classifier of numbers", "tagger of numbers", "points"])
def test_wrong_options(name: str) -> None:
    case = CASES[name]
    wrong = [
        (f"{option}={value!r}", lambda option=option, value=value: case.fitted(**{option: value}), kind, words)
        for option, value, kind, words in WRONG_OPTIONS
        if hasattr(case.cls, option)
    ]
    assert failures(wrong) == []


def test_each_option_has_a_wrong_value() -> None:
    assert {name for cls in ESTIMATORS for name in others(cls)} == {name for name, *_ in WRONG_OPTIONS}


def test_options_that_do_not_go_together() -> None:
    table = [
        ("longest", fit(Tag, WORDS, STEPS, longest=3), ValueError, "longest would leave steps out that have a label"),
        ("target", fit(Predict, ROWS, VALUES, scale="window", target=2), ValueError, "target must be a channel of X"),
        (
            "patience",
            fit(Classify, ROWS, LABELS, patience=3, validation=0),
            ValueError,
            "patience waits for a better validation loss; give validation, or patience=None",
        ),
        ("kinds", fit(Classify, [*ROWS, "text"], [*LABELS, "bad"]), TypeError, "must hold numbers"),
        ("kinds", fit(Classify, ["text", *ROWS], [*LABELS, "bad"]), TypeError, "must hold tokens"),
        ("kinds", fit(Classify, WORDS, LABELS, inputs="numbers"), TypeError, "must hold numbers"),
        ("kinds", fit(Classify, [*WORDS, ["a"]], [*LABELS, "bad"]), TypeError, "X[20] must be a string"),
    ]
    assert failures(table) == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_validation_and_callbacks(case: Case) -> None:
    pair = "validation must be (X, y) or a Dataset, got"
    X, y, own = case.X, case.y, case.cls is Predict

    def call(**options: Any) -> Callable[[], Any]:
        return lambda: case.make().fit(X, y, **options)

    table = [
        ("a share", call(validation=0.2), TypeError, f"{pair} 0.2; a share of X is an option of the constructor"),
        ("X alone", call(validation=X), TypeError, pair),
        ("empty", call(validation=([], [])), ValueError, "validation X is empty"),
        (
            "one callback",
            call(callbacks=rl.training.EarlyStopping()),
            TypeError,
            "callbacks must be a list of callbacks",
        ),
        ("a function", call(callbacks=[print]), TypeError, "callbacks must be a list of callbacks, got [<built-in"),
        (
            "y or none",
            call(validation=(X, None if y is not None else [1] * len(X))),
            ValueError,
            "validation y must be None"
            if not y
            else "validation y must be given"
            if own
            else "validation y is missing",
        ),
    ]
    assert failures(table) == []


def test_validation_that_was_never_seen() -> None:
    words = "validation y has 'new', which was never seen in fit; known are 'bad', 'even', 'good'"
    call = lambda: Classify(**QUICK).fit(ROWS, LABELS, validation=(ROWS, ["new"] * 20))  # noqa: E731
    assert complaint(call, ValueError, words) is None
    words = "validation y has no item that fit has seen; got 'new', for one"
    items = CASES["items"]
    call = lambda: items.make().fit(items.X, items.y, validation=(items.X, ["new"] * 20))  # noqa: E731
    assert complaint(call, ValueError, words) is None
    words = "validation X[0] must have 2 channels, as the first has, got 1"
    call = lambda: Classify(**QUICK).fit(ROWS, LABELS, validation=(np.zeros((20, 3)), LABELS))  # noqa: E731
    assert complaint(call, ValueError, words) is None


def test_a_validation_of_unknown_items_chooses_no_epoch() -> None:
    """Its loss would be 0 from the first epoch on, which would be kept for the best."""
    rows = [[str(at)] for at in range(20)]
    model = Predict(**QUICK, validation=0.5).fit(rows, [str(at) for at in range(20)])
    assert "val_loss" not in model.history_
