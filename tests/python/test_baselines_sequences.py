"""Baselines for labels, items and answers."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from rustlstm import baselines as bl
from rustlstm import metrics

pytestmark = pytest.mark.once


def test_most_frequent() -> None:
    model = bl.MostFrequent().fit(np.zeros((4, 2, 1)), ["b", "a", "b", "a"])
    assert model.predict(np.zeros((2, 5, 1))).tolist() == ["a", "a"], "the first of two that are as frequent"
    assert model.predict_proba([0, 0]).tolist() == [[0.5, 0.5]] * 2 and model.classes_.tolist() == ["a", "b"]
    assert bl.MostFrequent().fit([1, 2, 3], [7, 7, 8]).score([1, 2], [7, 8]) == 0.5


def test_naive_bayes_by_hand() -> None:
    model = bl.NaiveBayes().fit(["good good film", "Bad film!", "bad"], ["up", "down", "down"])
    # Words: good, film, bad. Under "up" 1, 1, 0 (each word once), under "down" 0, 1, 2; and one more each.
    up, down = 1 / 3 * (2 / 5), 2 / 3 * (1 / 6)
    np.testing.assert_allclose(model.predict_proba(["GOOD plot"]), [[down / (up + down), up / (up + down)]])
    assert model.predict(["good", "bad", "?"]).tolist() == ["up", "down", "down"]
    often = bl.NaiveBayes(once=False).fit(["good good film", "bad film", "bad"], ["up", "down", "down"])
    up = 1 / 3 * (3 / 6) ** 2
    down = 2 / 3 * (1 / 6) ** 2
    np.testing.assert_allclose(often.predict_proba(["good good"]), [[down / (up + down), up / (up + down)]])
    numbers = bl.NaiveBayes().fit([np.array([1, 2]), np.array([3])], [True, False])
    assert numbers.predict([[2, 2], [3]]).tolist() == [True, False]


def test_hexamer() -> None:
    random = np.random.Generator(np.random.PCG64(0))

    def window(rich: bool) -> str:
        return "".join(random.choice(list("ACGT"), 60, p=[0.2, 0.3, 0.3, 0.2] if rich else [0.3, 0.2, 0.2, 0.3]))

    y = random.integers(0, 2, 400)
    X = [window(bool(label)) for label in y]
    assert bl.Hexamer(k=2).fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.85
    framed = bl.Hexamer(k=3, framed=True).fit(["ATGATG", "TGATGA"], [0, 1])
    assert framed.predict(["atgatg", "TGATGANN"]).tolist() == [0, 1], "small letters, and unsure ones"
    np.testing.assert_allclose(framed.predict_proba(["ATG"]), [[0.75, 0.25]])  # (2 + 1) / 66 against 1 / 66
    unframed = bl.Hexamer(k=3).fit(["ATGATG", "TGATGA"], [0, 1])
    np.testing.assert_allclose(unframed.predict_proba(["ATG"]), [[0.6, 0.4]])  # twice against once, and one more each
    assert framed.predict(["NNNN", ""]).tolist() == [0, 0]


def test_most_frequent_tag() -> None:
    model = bl.MostFrequentTag().fit([["a", "b", "a"], ["a"]], [["X", "O", "Y"], ["Y"]])
    assert model.predict([["a", "b", "?"]]) == [["Y", "O", "Y"]] and model.score([["a", "b"]], [["Y", "X"]]) == 0.5
    assert bl.MostFrequentTag().fit(["ab"], [[1, 0]]).predict(["ba", ""]) == [[0, 1], []]
    assert bl.MostFrequentTag().fit(np.zeros((1, 3, 2)), [[1, 1, 0]]).predict(np.zeros((1, 2, 2))) == [[1, 1]]


def slow_witten_bell(train: str, context: str, item: str, order: int) -> float:
    """Return p(item | context) straight from the formula."""
    items = sorted(set(train))
    chance = 1 / (len(items) + 1)
    for length in range(order):
        if length > len(context):
            break
        after = context[len(context) - length :]
        followers = [train[at + length] for at in range(len(train) - length) if train[at : at + length] == after]
        if not followers:
            break
        kinds = len(set(followers))
        chance = (followers.count(item) + kinds * chance) / (len(followers) + kinds)
    return chance


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_n_grams_are_the_formula(order: int) -> None:
    random = np.random.Generator(np.random.PCG64(order))
    train, held = ("".join(random.choice(list("abcd"), size)) for size in (80, 60))
    held += "?a"  # an item that was never seen
    model = bl.NGram(order).fit(train)
    logs = [math.log(slow_witten_bell(train, held[:at], held[at], order)) for at in range(len(held))]
    assert model.nats(held) == pytest.approx(-np.mean(logs), rel=1e-12)
    for context in ("", "a", "abc", "dcba", "a?b"):
        expected = np.array([slow_witten_bell(train, context, item, order) for item in "abcd"])
        np.testing.assert_allclose(model.predict_proba(context), expected / expected.sum(), rtol=1e-12)


def test_sequences_do_not_run_into_each_other() -> None:
    model = bl.NGram(2).fit([["a", "b"], ["c", "a"]])
    chances = dict(zip(model.items_, model.predict_proba([["b"]])[0], strict=True))
    assert chances["a"] > chances["c"], "c never follows b: after b nothing is known, and a is most frequent"
    model = bl.NGram(3).fit(["ab", "ca"])
    assert model.nats(["ab", "b"]) == pytest.approx((2 * model.nats(["ab"]) + model.nats(["b"])) / 3)
    assert math.isfinite(bl.NGram(9).fit(["ab", "c"]).nats(["abcabcabc", "c"]))


def test_add_one() -> None:
    model = bl.NGram(2, "add-one").fit("aab")
    np.testing.assert_allclose(model.predict_proba("a"), [0.5, 0.5])  # a a and a b, and one more each
    assert model.nats("a") == pytest.approx(-math.log(3 / 6))  # twice of three, and one more of each and of a new one


def test_items() -> None:
    sequences = [["tea", "milk"], ["tea", "milk"], ["tea", "rum"], ["ale"]]
    chain = bl.MarkovChain().fit(sequences)
    assert chain.predict([["ale", "tea"], []]) == ["milk", "tea"]
    assert chain.top([["tea"]], k=2) == [["milk", "rum"]]
    assert chain.top([["milk", "tea"]], k=2, new=True) == [["rum", "ale"]]
    assert bl.Popularity().fit(sequences).top([["ale"]], k=9) == [["tea", "milk", "ale", "rum"]]
    assert bl.MarkovChain(2).fit([[1, 2, 3], [4, 2, 5]]).predict([[1, 2], [4, 2]]) == [3, 5]
    given = bl.MarkovChain().fit([["tea"], ["tea"]], ["milk", "rum"])
    assert given.nats([["tea"]], ["rum"]) == pytest.approx(-math.log((1 + 2 * 0.25) / (2 + 2)))
    assert bl.MarkovChain().fit([np.array([1, 2]), np.array([1, 2])]).predict([np.array([1])]) == [2]


def test_score_with_y_is_that_of_the_last_items() -> None:
    model = bl.MarkovChain().fit(["abab"])
    whole, first = model.nats(["ab"]) * 2, model.nats(["a"])
    assert model.nats(["a"], ["b"]) == pytest.approx(whole - first)


def test_samples() -> None:
    model = bl.NGram(3).fit("abcabcabc" * 20)
    text = model.sample(200, seed=1)
    assert text == model.sample(200, seed=1) != model.sample(200, seed=2) and len(text) == 200
    assert text.count("abc") > 50 and model.sample(0) == ""
    assert model.sample(1, seed=3, prompt="xab") == "c"
    assert bl.NGram(2, unit="word").fit("to be or not to be").sample(3).count(" ") == 2
    assert isinstance(bl.NGram(2).fit(b"abab").sample(4), bytes)
    assert all(item in (1, 2) for item in bl.NGram(2).fit([[1, 2, 1]]).sample(5))
    assert pickle.loads(pickle.dumps(model)).sample(50) == model.sample(50)


def test_sampling_follows_the_chances() -> None:
    model = bl.Popularity().fit("aaab")
    text = model.sample(4000, seed=0)
    assert abs(text.count("a") / 4000 - model.predict_proba("")[0]) < 0.02


def test_answers() -> None:
    questions, answers = ["jump twice", "walk left", "walk right twice"], ["J J", "L W", "R W R W"]
    for similarity in ("edit", "ngrams"):
        model = bl.NearestNeighbour(similarity).fit(questions, answers)
        assert model.unit_ == "word" and model.predict(["run left", "walk right now"]) == ["L W", "R W R W"]
        assert model.score(questions, answers) == 1.0
    long = bl.NearestNeighbour("ngrams").fit(["a b c d e f", "a b"], [1, 2])
    assert long.predict(["a b"]) == [2], "what a question has besides counts against it"
    assert bl.NearestNeighbour().fit(["abc", "xyz"], [1, 2]).predict(["abz", "xy"]) == [1, 2]
    numbers = bl.NearestNeighbour().fit([np.array([1, 2]), np.array([3])], [np.array([5]), np.array([6])])
    assert numbers.predict([[3, 9]])[0].tolist() == [6]
    assert (
        bl.CopyInput().fit(["a"], ["b"]).predict(["c"]) == ["c"] and bl.CopyInput().fit(["a"]).score(["a"], ["a"]) == 1
    )


def test_the_nearest_is_the_least_edits() -> None:
    random = np.random.Generator(np.random.PCG64(3))
    rows = ["".join(random.choice(list("abc"), random.integers(1, 8))) for _ in range(60)]
    model = bl.NearestNeighbour().fit(rows[:40], rows[:40])
    for query, found in zip(rows[40:], model.predict(rows[40:]), strict=True):
        edits = [metrics.levenshtein(query, row) for row in rows[:40]]
        assert found == rows[edits.index(min(edits))]


ERRORS: list[tuple[Any, Any, Any, str]] = [
    (bl.MostFrequent(), ["a"], ["x", "y"], "X has 1 samples and y has 2"),
    (bl.MostFrequent(), "ab", [1, 2], "X must be a list of sequences, at least one, got 'ab'"),
    (bl.MostFrequent(), ["a"], [[1]], "y must be a label for each sample, got shape"),
    (bl.MostFrequent(), ["a"], [None], "y must be strings or numbers"),
    (bl.NaiveBayes(), [np.zeros((2, 1))], [1], r"X\[0\] must be a string or a sequence of tokens \[T\], got float64"),
    (bl.NaiveBayes(), [[0.5]], [1], r"X\[0\]\[0\] must be a token such as a word or a whole number, got 0.5"),
    (bl.NaiveBayes(alpha=0), ["a"], [1], "alpha must be above 0"),
    (bl.NaiveBayes(once=1), ["a"], [1], "once must be True or False, got 1"),
    (bl.NaiveBayes(), [""], [1], "X must hold at least one token"),
    (bl.Hexamer(), ["hello"], [1], r"X\[0\] must be a string of A, C, G and T, got 'hello'"),
    (bl.Hexamer(k=20), ["ACGT"], [1], "k must be at most 12"),
    (bl.Hexamer(framed="yes"), ["ACGT"], [1], "framed must be True or False, got 'yes'"),
    (bl.MostFrequentTag(), [["a", "b"]], [["X"]], r"y\[0\] must have 2 tags, one for each step of X\[0\], got 1"),
    (bl.MostFrequentTag(), [[]], [[]], "at least one tag"),
    (bl.NGram(0), "abc", None, "order must be at least 1"),
    (bl.NGram(3, "kneser"), "abc", None, "smoothing must be 'witten-bell' or 'add-one', got 'kneser'"),
    (bl.NGram(unit="line"), "abc", None, "unit must be 'character' or 'word' or 'byte', got 'line'"),
    (bl.NGram(), "", None, "X must hold at least one item, got none"),
    (bl.NGram(), "abc", ["d"], "y is for a list of sequences, got one text as X"),
    (bl.NGram(), 5, None, "X must be a text or a list of sequences"),
    (bl.MarkovChain(), [1, 2], None, "put a single sequence in a list"),
    (bl.MarkovChain(), [[1, 2]], [1, 2], "X has 1 samples and y has 2"),
    (bl.NearestNeighbour("cosine"), ["a"], ["b"], "similarity must be 'edit' or 'ngrams', got 'cosine'"),
    (bl.NearestNeighbour(n=0), ["a"], ["b"], "n must be at least 1"),
    (bl.NearestNeighbour(), ["a"], ["b", "c"], "X has 1 samples and y has 2"),
    (bl.CopyInput(), [], [], "X must be a list of sequences, at least one"),
]


@pytest.mark.parametrize(("model", "X", "y", "message"), ERRORS)
def test_errors_are_sentences(model: Any, X: Any, y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y)


@pytest.mark.parametrize("kind", [bl.MostFrequent, bl.MostFrequentTag, bl.NGram, bl.NearestNeighbour, bl.CopyInput])
def test_not_fitted(kind: Any) -> None:
    with pytest.raises(RuntimeError, match=f"{kind.__name__} is not fitted yet: call fit first"):
        kind().predict(["a"])


def test_errors_of_items() -> None:
    model = bl.NGram().fit("abc")
    with pytest.raises(ValueError, match="length must be at least 0, got -1"):
        model.sample(-1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        model.top("a", k=0)
    with pytest.raises(ValueError, match="X must hold at least one item"):
        model.nats("")
