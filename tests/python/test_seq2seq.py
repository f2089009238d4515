"""Sequence to sequence: what is learned, and what is written, held against the network step by step."""

from __future__ import annotations

import copy
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import random
from rustlstm.checkpoint import DamagedFileError
from seq2seq_cases import (
    AFTER,
    BACK,
    CASES,
    FLAT,
    NEXT,
    QUICK,
    SERIES,
    WORDS,
    Seq2Seq,
    Writer,
    every,
    fitted,
    made,
    plain,
    written,
)

pytestmark = pytest.mark.once


# --- learning


def strings(n: int, letters: str, longest: int, seed: int = 0) -> list[str]:
    rng = random(seed)
    return ["".join(rng.choice(list(letters), rng.integers(1, longest + 1))) for _ in range(n)]


LEARNING: dict[str, Any] = {"hidden_size": 32, "epochs": 12, "learning_rate": 1e-2, "batch_size": 32, "progress": False}


def test_reversing_is_learned() -> None:
    X, new = strings(600, "abcde", 6), strings(100, "abcde", 6, seed=1)
    model = Seq2Seq(**LEARNING).fit(X, [one[::-1] for one in X])
    right = [one[::-1] for one in new]
    score = model.score(new, right)
    assert score > 0.95 and score == np.mean(
        [one == other for one, other in zip(model.predict(new), right, strict=True)]
    )
    assert model.history_["val_exact"][-1] > 0.9
    # It looks at the letter that it writes: the last one first.
    (weights,) = model.attention_weights(["abcde"], ["edcba"])
    assert weights.shape == (6, 5)
    assert weights[:5].argmax(axis=1).tolist() == [4, 3, 2, 1, 0] or weights[:5][:, ::-1].trace() > 2
    # Beams find it too, with a probability near 1.
    (best,) = model.predict_best(["abcde"], 2)
    assert best[0][0] == "edcba" and -0.3 < best[0][1] < 0


@pytest.mark.parametrize(
    "options",
    [{"attention": False}, {"bidirectional": False}, {"num_layers": 2}, {"lstm": {"layer_norm": True}}],
    ids=str,
)
def test_copying_is_learned(options: dict[str, Any]) -> None:
    X = [list(one) for one in strings(300, "abc", 3)]
    model = Seq2Seq(**LEARNING, **options).fit(X, [[token.upper() for token in one] for one in X])
    assert model.score([["a", "b", "c"], ["c"], ["b", "b"]], [["A", "B", "C"], ["C"], ["B", "B"]]) == 1
    assert model.predict([["b", "a", "c"]]) == [["B", "A", "C"]]


def test_the_next_numbers_are_learned() -> None:
    """1 2 3 4 5 -> 6 7 8 9 10."""
    rng = random(3)
    begin, slope = rng.uniform(-5, 5, 300)[:, None], rng.uniform(-2, 2, 300)[:, None]
    series = begin + slope * np.arange(10)
    model = Seq2Seq(**LEARNING).fit(series[:250, :5], series[:250, 5:])
    assert model.score(series[250:, :5], series[250:, 5:]) > 0.95
    (found,) = model.predict([[1, 2, 3, 4, 5]])
    assert np.abs(found - [6, 7, 8, 9, 10]).max() < 1


def test_numbers_become_words_and_words_numbers() -> None:
    rng = random(4)
    X = rng.normal(size=(300, 4))
    y = [["up" if value > 0 else "down" for value in row] for row in X]
    assert Seq2Seq(**LEARNING).fit(X, y).predict([[1.0, -1.0, -1.0, 1.0]]) == [["up", "down", "down", "up"]]
    back = [np.array([1.0 if word == "up" else -1.0 for word in row]) for row in y]
    (found,) = Seq2Seq(**LEARNING).fit(y, back).predict([["up", "up", "down", "up"]])
    np.testing.assert_allclose(found, [1, 1, -1, 1], atol=0.2)


# --- answers


@every
def test_answers_are_those_of_the_network_step_by_step(case: str) -> None:
    model, X = fitted(case), CASES[case][0]
    found = model.predict(X[:8])
    for one, source in zip(found, X[:8], strict=True):
        if model.targets_.numbers:
            np.testing.assert_allclose(one, Writer(model, source).numbers(), rtol=1e-5, atol=1e-5)
        else:
            assert one == Writer(model, source).greedy()
    assert len({str(one) for one in model.predict(X)}) > 2, "answers that are one would test little"


@every
def test_an_answer_does_not_depend_on_the_batch(case: str) -> None:
    model, X = fitted(case), list(CASES[case][0])
    together = plain(model.predict(X))
    assert [plain(model.predict([row]))[0] for row in X[:8]] == together[:8]
    assert plain(model.predict(X[::-1] * 9)) == together[::-1] * 9
    assert model.network_.training is False


@written
def test_beams(case: str) -> None:
    model, X = fitted(case), CASES[case][0][:6]
    one = copy.copy(model).set_params(length_penalty=0.0)
    assert [best[0][0] for best in one.predict_best(X, 1)] == model.predict(X), "a single beam is greedy"
    for source, best in zip(X, model.predict_best(X, 3, beam_width=5), strict=True):
        assert len(best) == 3 and len({str(answer) for answer, _ in best}) == 3
        writer, scores = Writer(model, source), []
        for answer, log_probability in best:
            if "\ufffd" in answer:
                continue  # bytes that are no text cannot be taken apart again
            ids = [model.targets_.vocabulary.index[token] for token in model.targets_.vocabulary.cut(answer)]
            total = sum(writer.logs(ids[:at])[token] for at, token in enumerate(ids))
            # Where there is room for it, the end is part of the answer.
            ended = total + writer.logs(ids)[1]
            expected = ended if len(ids) < model.longest_ else total
            assert log_probability == pytest.approx(expected, abs=1e-4)
            scores.append(log_probability / (len(ids) + (len(ids) < model.longest_)))
        assert scores == sorted(scores, reverse=True)
    assert [best[0] for best in model.predict_best(X, 1, beam_width=5)] == [
        best[0] for best in model.predict_best(X, 3, beam_width=5)
    ]
    wide = copy.copy(model).set_params(beam_width=4)
    assert wide.predict(X) == [best[0][0] for best in wide.predict_best(X, 1)]


@pytest.mark.parametrize("penalty", [0.0, 1.0, -0.5])
def test_beams_as_wide_as_the_tree_find_the_best_of_all(penalty: float) -> None:
    model = Seq2Seq(**QUICK, longest=3, length_penalty=penalty).fit(["a", "b", "ab"] * 8, ["a", "b", "ba"] * 8)
    for parameter in model.network_.parameters():
        parameter.assign(random(int(parameter.data.size)).normal(size=parameter.shape))
    a, b = (model.targets_.vocabulary.index[letter] for letter in "ab")
    for source, best in zip(["a", "bb", ""], model.predict_best(["a", "bb", ""], 15, beam_width=20), strict=True):
        writer, everything = Writer(model, source), []
        for count in range(4):
            for ids in product((a, b), repeat=count):
                total = sum(writer.logs(list(ids[:at]))[token] for at, token in enumerate(ids))
                total += writer.logs(list(ids))[1] if count < 3 else 0
                everything.append((total / min(count + 1, 3) ** penalty, model.targets_.decode(list(ids)), total))
        everything.sort(reverse=True)
        assert [answer for answer, _ in best] == [answer for _, answer, _ in everything]
        np.testing.assert_allclose([total for _, total in best], [total for *_, total in everything], atol=1e-4)


@written
def test_answers_end(case: str) -> None:
    X, y, _ = CASES[case]
    assert fitted(case).longest_ == 2 * max(len(fitted(case).targets_.vocabulary.cut(row)) + 1 for row in y)
    for longest in (1, 2, 5):
        model = made(case, longest=longest)
        assert model.longest_ == longest
        answers = [*model.predict(X), *(answer for best in model.predict_best(X[:3], 4) for answer, _ in best)]
        # Words have blanks between them.
        assert max(len(one.split() if " " in one else one) for one in answers) <= longest


@written
def test_what_is_no_token_is_not_written(case: str) -> None:
    model, X = copy.deepcopy(fitted(case)), CASES[case][0][:4]
    bias = model.network_.head.bias
    bias.assign(np.where(np.isin(np.arange(len(bias.data)), model.targets_.silent), 100, bias.data))
    for answer in [*model.predict(X), *(one for best in model.predict_best(X, 3) for one, _ in best)]:
        assert not {"<s>", "</s>", "<unknown>"} & set(answer) and "<" not in answer


@every
def test_where_it_looks(case: str) -> None:
    model, (X, y, _) = fitted(case), CASES[case]
    if not model.attention:
        with pytest.raises(ValueError, match="a model with attention=False has no weights to show"):
            model.attention_weights(X, y)
        return
    found = model.attention_weights(X[:8], y[:8])
    sources, targets = model.inputs_.encode("X", X[:8]), model.targets_.encode("y", y[:8])
    for weights, source, target in zip(found, sources, targets, strict=True):
        assert weights.shape == (len(target), len(source)) and (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    data = rl.datasets.Dataset("d", "seq2seq", "m", X[:8], y[:8])
    assert [one.tolist() for one in model.attention_weights(data)] == [one.tolist() for one in found]


def test_empty_sequences() -> None:
    model = made("strings")
    assert isinstance(model.predict([""])[0], str) and model.predict(["", "abc", ""])[1] == model.predict(["abc"])[0]
    assert model.attention_weights([""], ["ab"])[0].shape == (3, 0)
    assert len(model.predict_best([""], 2)[0]) == 2
    both = Seq2Seq(**LEARNING).fit(["", "a", "ab"] * 30, ["x", "", "yx"] * 30)
    assert both.predict(["", "a", "ab"]) == ["x", "", "yx"] and both.score([""], ["x"]) == 1
    nothing = Seq2Seq(**QUICK).fit(["", ""] * 4, ["", ""] * 4)
    assert nothing.predict([""]) == [""]
    assert made("tokens").predict([[]]) == [made("tokens").predict([[], ["a"]])[0]]


def test_unknown_tokens() -> None:
    model = made("strings")
    assert model.predict(["xÄ"]) == model.predict(["?!"]), "to the model they are one"
    assert model.score(["abc"], ["xyz"]) == 0
    assert len(model.attention_weights(["xÄ"], ["?"])[0]) == 2


def test_unknown_tokens_of_the_validation_choose_no_epoch() -> None:
    options = {**LEARNING, "epochs": 5, "learning_rate": 3e-3}
    one = Seq2Seq(**options).fit(WORDS * 5, BACK * 5, validation=(WORDS, BACK))
    other = Seq2Seq(**options).fit(WORDS * 5, BACK * 5, validation=(WORDS * 2, BACK + ["xyz" * 9] * 24))
    assert np.argmin(one.history_["val_loss"]) == np.argmin(other.history_["val_loss"]) == 4
    assert other.history_["val_exact"][-1] < 1


def test_numbers_come_back_in_their_form() -> None:
    for X, y, shape in (
        (SERIES, NEXT, (3, 2)),
        (SERIES, list(NEXT), (3, 2)),
        (FLAT, AFTER, (4,)),
        (FLAT, AFTER.tolist(), (4,)),
        (AFTER, AFTER[:, :, None], (4, 1)),
    ):
        model = Seq2Seq(**QUICK).fit(X, y)
        found = model.predict(X)
        assert isinstance(found, list) and all(one.shape == shape for one in found)
        made_, given = np.stack(found), np.asarray(y)
        # Of each number that is written, and their mean, as scikit-learn has it.
        each = 1 - ((made_ - given) ** 2).sum(axis=0) / ((given - given.mean(axis=0)) ** 2).sum(axis=0)
        assert model.score(X, y) == pytest.approx(each.mean())
    constant = Seq2Seq(**QUICK).fit(FLAT, np.ones((24, 2)))
    assert np.isfinite(constant.score(FLAT, np.ones((24, 2))))


# --- fit


@every
def test_fit_is_the_same_for_the_same_seed_and_goes_on_if_it_shall(case: str) -> None:
    X, y, _ = CASES[case]
    model, again = made(case, warm_start=True, schedule="constant"), made(case, schedule="constant")
    assert plain(model.predict(X)) == plain(again.predict(X))
    network, first = model.network_, model.history_["loss"]
    assert again.history_["loss"] == first
    model.fit(X, y)
    assert model.network_ is network and model.history_["loss"][0] < first[0]
    again.fit(X, y)
    assert again.history_["loss"] == first, "without warm_start it begins anew"
    assert made(case, schedule="constant", seed=1).history_["loss"] != first


@every
def test_validation(case: str) -> None:
    X, y, _ = CASES[case]
    none = made(case, validation=0)
    assert "val_loss" not in none.history_
    model = Seq2Seq(**{**QUICK, **CASES[case][2]})
    given = copy.copy(model).fit(X, y, validation=(X, y))
    assert given.history_["loss"] == none.history_["loss"] and len(given.history_["val_loss"]) == 2
    data = rl.datasets.Dataset("d", "seq2seq", "m", X, y)
    again = copy.copy(model).fit(data, validation=data)
    assert plain(again.predict(data)) == plain(given.predict(X)) and again.score(data) == given.score(X, y)


@every
def test_a_fit_that_fails_leaves_what_was_there(case: str) -> None:
    X, y, _ = CASES[case]
    model = made(case)
    before, answers = dict(vars(model)), plain(model.predict(X))
    other = (FLAT, AFTER) if case != "flat numbers" else (SERIES, NEXT)
    for validation in (3, (X, y[:3]), ([], [])):
        with pytest.raises((TypeError, ValueError)):
            model.fit(*other, validation=validation)
        assert vars(model) == before
    assert plain(model.predict(X)) == answers
    unfitted = Seq2Seq()
    with pytest.raises((TypeError, ValueError)):
        unfitted.fit(X, y, validation=3)
    assert set(vars(unfitted)) == set(unfitted.get_params())


# --- copies and files


@every
def test_files_and_copies(case: str, tmp_path: Path) -> None:
    model, (X, y, _) = fitted(case), CASES[case]
    model.save(tmp_path / "one")
    rl.save(model, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    copies = [Seq2Seq.load(tmp_path / "one"), rl.load(tmp_path / "two")]
    copies += [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for other in copies:
        assert type(other) is Seq2Seq and other.get_params() == model.get_params()
        assert plain(other.predict(X)) == plain(model.predict(X)) and other.score(X, y) == model.score(X, y)
        assert other.longest_ == model.longest_ and other.history_.rows == model.history_.rows
        if not model.targets_.numbers:
            assert other.predict_best(X[:2], 2) == model.predict_best(X[:2], 2)
    copies[0].set_params(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="holds a Seq2Seq, not a SequenceGenerator"):
        rl.SequenceGenerator.load(tmp_path / "one")


def test_a_file_that_lies_is_refused(tmp_path: Path) -> None:
    words, numbers = made("strings"), made("numbers")
    for name, value in {
        "inputs_": numbers.inputs_,
        "targets_": numbers.targets_,
        "longest_": 0,
        "network_": numbers.network_,
    }.items():
        liar = copy.copy(words)
        setattr(liar, name, value)
        liar.save(tmp_path / "liar")
        with pytest.raises(DamagedFileError, match="cannot be made"):
            rl.load(tmp_path / "liar")
    for name, value in {"steps": 0, "size": 3, "flat": 2}.items():
        liar = copy.deepcopy(numbers)
        setattr(liar.targets_, name, value)
        liar.save(tmp_path / "liar")
        with pytest.raises(DamagedFileError, match="cannot be made"):
            rl.load(tmp_path / "liar")
    liar = copy.deepcopy(words)
    liar.targets_.vocabulary = rl.datasets.Vocabulary("abcdef", unit="character")
    liar.save(tmp_path / "liar")
    with pytest.raises(DamagedFileError, match="must begin with <s> and </s>"):
        rl.load(tmp_path / "liar")


def test_scikit_learn() -> None:
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    from sklearn.model_selection import GridSearchCV, cross_val_score

    twin = base.clone(fitted("tokens"))
    assert twin.get_params() == fitted("tokens").get_params() and "network_" not in vars(twin)
    grid = {"attention": [False, True], "hidden_size": [4]}
    search = GridSearchCV(Seq2Seq(**QUICK), grid, cv=2, error_score="raise").fit(WORDS, BACK)
    assert isinstance(search.best_estimator_.predict(["abc"])[0], str)
    assert np.isfinite(cross_val_score(Seq2Seq(**QUICK), AFTER, AFTER, cv=2, error_score="raise")).all()
