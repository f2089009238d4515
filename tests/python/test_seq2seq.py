"""Sequence to sequence: what is learned, and what is written, held against the network step by step."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import complaint, random
from rustlstm.checkpoint import DamagedFileError
from rustlstm.nn import EncoderDecoder

pytestmark = pytest.mark.once

Seq2Seq = rl.Seq2Seq
QUICK: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "batch_size": 4, "progress": False}
WORDS = ["abc", "cab", "bca", "acb", "ba", "ca", "bc", "a"] * 3
BACK = [word[::-1] for word in WORDS]
TOKENS = [list(word) for word in WORDS]
NAMES = [[letter.upper() for letter in word] for word in WORDS]
SERIES = [random(at).normal(size=(2 + at % 4, 2)) for at in range(24)]
FLAT = [random(at).normal(size=3 + at % 3) for at in range(24)]
NEXT = random(1).normal(size=(24, 3, 2)) * 5 + 3
AFTER = random(2).normal(size=(24, 4))
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "strings": (WORDS, BACK, {}),
    "strings by words": (["a b c", "b a", "c"] * 8, ["c b a", "a b", "c"] * 8, {"unit": "word"}),
    "strings by bytes": (["äb", "bä", "a"] * 8, ["bä", "äb", "a"] * 8, {"unit": "byte"}),
    "tokens": (TOKENS, NAMES, {"num_layers": 2, "dropout": 0.2}),
    "strings to tokens": (WORDS, NAMES, {"attention": False}),
    "tokens to strings": (TOKENS, BACK, {"bidirectional": False, "hidden_size": 7}),
    "numbers": (SERIES, NEXT, {}),
    "flat numbers": (FLAT, AFTER, {"attention": False, "num_layers": 2}),
    "numbers to tokens": (SERIES, NAMES, {"lstm": {"layer_norm": True, "zoneout": 0.1}}),
    "tokens to numbers": (TOKENS, list(AFTER), {"bidirectional": False}),
    "numbers to strings": (np.stack([row[:2] for row in SERIES]), BACK, {"embedding_size": 5}),
    "strings to numbers": (WORDS, list(NEXT), {"lstm": {"cell": rl.nn.Cell(peephole=True)}}),
}
every = pytest.mark.parametrize("case", CASES)
WRITTEN = [name for name in CASES if not name.endswith("numbers")]
written = pytest.mark.parametrize("case", WRITTEN)
_fitted: dict[str, Any] = {}


def made(case: str, **options: Any) -> Any:
    X, y, own = CASES[case]
    return Seq2Seq(**{**QUICK, **own, **options}).fit(X, y)


def fitted(case: str) -> Any:
    """Return a model that no test changes, with weights that tell its answers apart."""
    if case not in _fitted:
        model = made(case)
        first = {name: parameter.data.copy() for name, parameter in model.network_.named_parameters()}
        for seed in range(50):
            rng = random(seed)
            for name, parameter in model.network_.named_parameters():
                parameter.assign(first[name] + rng.normal(size=parameter.shape) * (0.5 if "ln_" not in name else 0))
            if len({str(answer) for answer in model.predict(CASES[case][0])}) > 2:
                break
        _fitted[case] = model
    return _fitted[case]


def plain(rows: Any) -> list[Any]:
    return [row if isinstance(row, str) else np.asarray(row).tolist() for row in rows]


def log_softmax(logits: Any, banned: list[int]) -> Any:
    logits = logits.astype(np.float64)
    logits[banned] = -np.inf
    return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


class Writer:
    """The network for one source, a step at a time by ``decode``."""

    def __init__(self, model: Any, source: Any) -> None:
        self.network = model.network_.eval()
        self.model = model
        (ids,) = model.inputs_.encode("X", [source])
        with rl.no_grad():
            self.memory, self.state = self.network.encode(ids[None])
            self.seen = self.network.looked_at(self.memory)

    def step(self, last: Any, state: Any) -> tuple[Any, Any]:
        with rl.no_grad():
            outputs, state = self.network.decode(last, state, self.seen)
        return outputs.numpy()[0, -1], state

    def logs(self, tokens: list[int]) -> Any:
        """Return the logarithms of what can follow some tokens."""
        with rl.no_grad():
            outputs, _ = self.network.decode(np.array([[0, *tokens]]), self.state, self.seen)
        return log_softmax(outputs.numpy()[0, -1], [0, self.model.targets_.unknown])

    def greedy(self) -> Any:
        found: list[int] = []
        while len(found) < self.model.longest_:
            best = int(self.logs(found).argmax())
            if best == 1:
                break
            found.append(best)
        return self.model.targets_.decode(found)

    def numbers(self) -> Any:
        last, state, found = np.zeros((1, 1, self.model.targets_.size), np.float32), self.state, []
        for _ in range(self.model.targets_.steps):
            output, state = self.step(last, state)
            last = output[None, None]
            found.append(output)
        return self.model.targets_.decode(np.stack(found))


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


# --- the network


def test_the_network_reads_each_row_alone() -> None:
    rng = random(5)
    for options in ({}, {"attention": False}, {"bidirectional": False}, {"num_layers": 2}):
        network = EncoderDecoder(9, 7, 6, seed=2, **options).eval()
        source, target = rng.integers(0, 9, (4, 5)), rng.integers(0, 7, (4, 6))
        lengths, target_lengths = [5, 2, 0, 3], [6, 1, 3, 0]
        whole = network(source, target, lengths=lengths, target_lengths=target_lengths)
        for b, (s, t) in enumerate(zip(lengths, target_lengths, strict=True)):
            alone = network(source[b : b + 1, :s], target[b : b + 1, :t])
            assert alone.data[0].tobytes() == whole.data[b, :t].tobytes()
            assert not whole.data[b, t:].any()
        whole.sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_writer_begins_where_the_reader_has_come_to() -> None:
    """From both ends, with the forward half first."""
    network = EncoderDecoder(4, 7, 6, 2).eval()
    ids = np.array([[1, 2, 3], [3, 0, 0]])
    memory, state = network.encode(ids, [3, 1])
    y, parts = network.encoder(network.source(ids, lengths=[3, 1]), lengths=[3, 1])
    assert memory.data.tobytes() == y.data.tobytes()
    for joined, part in zip(state, parts, strict=True):
        expected = np.concatenate([part.data[[0, 2]], part.data[[1, 3]]], axis=2)
        assert joined.data.tobytes() == expected.tobytes()
    assert np.array_equal(state[0].data[1, 0, :3], memory.data[0, 2, :3]), "the last step forwards"
    assert np.array_equal(state[0].data[1, 0, 3:], memory.data[0, 0, 3:]), "the first one backwards"


def test_a_stream_of_tokens_is_the_network() -> None:
    rng = random(6)
    for options in ({}, {"attention": False}, {"num_layers": 2, "source_numbers": True}, {"dropout": 0.5}):
        network = EncoderDecoder(4, 7, 6, seed=2, **options)
        numbers = options.get("source_numbers")
        source = rng.normal(size=(3, 5, 4)).astype(np.float32) if numbers else rng.integers(0, 4, (3, 5))
        target, lengths = rng.integers(0, 7, (3, 6)), [5, 2, 0]
        stream = network.token_stream(source, lengths)
        assert network.training, "the mode is as it was"
        expected = network.eval()(source, target, lengths=lengths)
        for t in range(6):
            assert stream.step(target[:, t]).tobytes() == np.ascontiguousarray(expected.data[:, t]).tobytes()
        network.train()
        with pytest.raises(ValueError, match="lengths"):
            network.token_stream(source, [9, 9, 9])
        assert network.training


def test_what_the_network_refuses() -> None:
    network = EncoderDecoder(4, 7, 6)
    numbers = EncoderDecoder(4, 7, 6, target_numbers=True)
    ids = np.zeros((2, 3), int)
    check(
        [
            (
                "odd",
                lambda: EncoderDecoder(4, 7, 5),
                ValueError,
                "hidden_size must be even with bidirectional=True, got 5",
            ),
            ("size", lambda: EncoderDecoder(0, 7, 6), ValueError, "source_size must be at least 1, got 0"),
            ("layers", lambda: EncoderDecoder(4, 7, 6, 0), ValueError, "num_layers must be at least 1, got 0"),
            ("flag", lambda: EncoderDecoder(4, 7, 6, attention=1), TypeError, "attention must be True or False, got 1"),
            *(
                (
                    name,
                    lambda name=name: EncoderDecoder(4, 7, 6, lstm={name: 3}),
                    ValueError,
                    f"lstm must not say {name}, which follows from the other options, got 3",
                )
                for name in ("hidden_size", "bidirectional", "merge", "proj_size", "seed")
            ),
            ("lists", lambda: network([[1, 2], [3]], ids), ValueError, "source must be an array; pad sequences"),
            ("lists", lambda: network(ids, [[1, 2], [3]]), ValueError, "target must be an array; pad sequences"),
            ("a stream", lambda: numbers.token_stream(ids), ValueError, "a target of numbers is not written in tokens"),
        ]
    )
    assert network(ids.tolist(), ids.tolist()).shape == (2, 3, 7)


def test_the_decoder_learns_no_state_that_it_never_begins_with() -> None:
    network = EncoderDecoder(4, 7, 6, lstm={"learn_initial_state": True})
    names = {name for name, _ in network.named_parameters() if "h0" in name}
    assert names == {"encoder.h0"}
    network(np.ones((2, 3), int), np.ones((2, 3), int)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


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


# --- what is wrong


def check(table: list[tuple[str, Callable[[], Any], type[Exception], str]]) -> None:
    found = [f"{name}: {wrong}" for name, call, kind, words in table if (wrong := complaint(call, kind, words))]
    assert not found, "\n".join(found)


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


def test_options() -> None:
    check(
        [
            (f"{name}={value!r}", fit(WORDS, BACK, **{name: value}), kind, words)
            for name, value, kind, words in WRONG_OPTIONS
        ]
    )
    for right in ({"hidden_size": np.int64(8)}, {"hidden_size": 7, "bidirectional": False}, {"seed": 2**64 - 1}):
        assert len(Seq2Seq(**{**QUICK, **right}).fit(WORDS, BACK).predict(["abc"])) == 1
