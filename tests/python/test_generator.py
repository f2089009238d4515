"""The generator: what it is taught, how it judges, and what it writes, held against the network by hand."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import random
from generator_cases import (
    CORPORA,
    LINES,
    PROMPTS,
    QUICK,
    TEXT,
    TOKENS,
    Generator,
    every,
    fitted,
    ids_of,
    made,
    plain_logs,
)
from rustlstm.checkpoint import DamagedFileError
from rustlstm.sampling import Ban, Force, TopK

pytestmark = pytest.mark.once


# --- learning


def test_a_markov_text_is_learned_to_its_entropy() -> None:
    known: dict[str, Any] = {"order": 2, "letters": 5, "choices": 3}
    data = rl.datasets.generation.markov_text(20_000, **known)
    more = rl.datasets.generation.markov_text(5_000, **known, seed=1)
    model = Generator(hidden_size=32, epochs=12, steps=32, batch_size=16, learning_rate=1e-2, progress=False)
    nats = model.fit(data).nats(more.x)
    assert data.optimum is not None
    # What it sees of one character less is far off.
    assert data.details["nats_by_order"][-2] > 1.2 * data.optimum
    assert data.optimum * 0.96 < nats < data.optimum * 1.06
    # Written text has the same entropy under the model as the text that it has learned from.
    written = model.sample(more.x[:20], 3_000)
    assert abs(model.nats(written) - nats) < 0.06


def test_the_end_of_sequences_is_learned() -> None:
    model = Generator(hidden_size=24, epochs=30, batch_size=8, learning_rate=1e-2, progress=False)
    model.fit([["do", "re", "mi"], ["mi", "re"], ["so"]] * 20)
    found = {tuple(one) for one in model.sample([], 10, samples=40)}
    assert found == {("do", "re", "mi"), ("mi", "re"), ("so",)}
    assert model.predict([["do", "re"], ["do", "re", "mi"], ["mi"], ["so"]]) == ["mi", None, "re", None]
    # The least is not to know which of three it is.
    assert abs(model.nats([["do", "re", "mi"], ["mi", "re"], ["so"]]) - 3 * math.log(3) / 9) < 0.05


def test_a_text_is_continued() -> None:
    model = Generator(hidden_size=32, epochs=20, batch_size=4, learning_rate=1e-2, progress=False).fit(TEXT)
    assert model.sample("the cat s", 15, temperature=0) == "the cat sat on the mat.\n"
    assert model.sample("\nthe", 200, stop=".\n", temperature=0.1) == "\nthe cat sat on the mat"
    assert model.predict(["the ca", "the c"]) == ["t", "a"]


# --- judging


@every
def test_log_probabilities_are_those_of_the_network(kind: str) -> None:
    model, corpus = fitted(kind), CORPORA[kind][1]
    part = corpus[:11]
    found = model.log_probabilities(part)
    expected = [plain_logs(model, ids) for ids in ids_of(model, part)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    mean = -np.mean([value for row in expected for value in row])
    assert model.nats(part) == pytest.approx(mean, abs=1e-5)
    assert model.bits(part) == pytest.approx(mean / math.log(2), abs=1e-5)
    assert model.perplexity(part) == pytest.approx(math.exp(mean), abs=1e-4)
    assert model.score(part) == -model.nats(part) == model.score(part, None)


@pytest.mark.parametrize("length", [1023, 1024, 1025, 1026, 2049])
def test_the_state_goes_on_over_chunks(length: int) -> None:
    model = fitted("characters")
    text = "".join(random(1).choice(list("the cat\n"), length))
    (found,) = model.log_probabilities(text)
    assert len(found) == length - 1
    np.testing.assert_allclose(found, plain_logs(model, ids_of(model, text)[0]), atol=1e-5)


def test_unknown_tokens() -> None:
    model = made("characters", epochs=10, learning_rate=1e-2)
    assert model.score("the ÄÖ cat") < model.score("the ca cat")
    assert model.sample("ÄÖ", 5).startswith("ÄÖ") and len(model.sample("ÄÖ", 5)) == 7
    assert fitted("tokens").sample(["never"], 3)[0] == "never"
    for kind in CORPORA:
        written = fitted(kind).sample([], 300, temperature=20.0)
        tokens = written if isinstance(written, list) else fitted(kind).vocabulary_.cut(written)
        assert not {"<unknown>", "<s>", "</s>"} & set(tokens), "what is no token is not written"


def test_rare_tokens_are_unknown() -> None:
    text = "the cat saw a dog . " * 10 + "zebra . "
    words = Generator(**QUICK, unit="word", least=2, validation=0).fit(text)
    assert words.vocabulary_.tokens[0] == "<unknown>" and "zebra" not in words.vocabulary_.index
    most = Generator(**QUICK, unit="word", vocabulary_size=3).fit(text)
    assert len(most.vocabulary_) == 4
    assert most.nats("the zebra saw a dog .") == most.nats("the horse saw a dog .")


# --- writing


@every
def test_sampling_is_the_same_again_alone_among_others_and_in_a_stream(kind: str) -> None:
    model, prompt = fitted(kind), PROMPTS[kind]
    several = model.sample(prompt, 12, samples=4, seed=3)
    assert several == model.sample(prompt, 12, samples=4, seed=3) != model.sample(prompt, 12, samples=4, seed=4)
    assert model.sample(prompt, 12, seed=3) == several[0]
    again = made(kind)
    assert again.sample(prompt, 12, samples=4, seed=3) == several, "a fit is the same for the same seed"
    for options in ({}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.5}, {"filters": [TopK(3)]}):
        whole = model.sample(prompt, 12, seed=5, **options)
        pieces = list(model.stream(prompt, 12, seed=5, **options))
        if isinstance(whole, str):
            text = prompt.decode() if isinstance(prompt, bytes) else prompt
            assert text + "".join(pieces) == whole and whole.startswith(text)
        else:
            assert [*prompt, *pieces] == whole


@every
def test_sampling_draws_from_the_network(kind: str) -> None:
    """The likeliest token each time, by hand."""
    model, prompt = fitted(kind), PROMPTS[kind]
    index = model.vocabulary_.index
    banned = [index[one] for one in ("<unknown>", "<s>") if one in index]
    ids = [index[token] for token in model.vocabulary_.cut(prompt)]
    stream, written = model.token_stream(), []
    for one in ids if model.whole_ else [index["<s>"], *ids]:
        logits = stream.step([one])[0]
    for _ in range(10):
        logits[banned] = -np.inf
        best = int(logits.argmax())
        if best == index.get("</s>"):
            break
        written.append(best)
        logits = stream.step([best])[0]
    expected = model.vocabulary_.decode(np.array([*ids, *written], np.int64))
    assert model.sample(prompt, 10, temperature=0) == expected
    assert model.sample(prompt, 10, top_k=1, seed=8) == expected
    first = model.vocabulary_.tokens[written[0]] if written else None
    assert model.predict([prompt]) == [first]


@every
def test_a_prompt_of_nothing(kind: str) -> None:
    model = fitted(kind)
    written = model.sample("", 6, seed=2)
    assert written == model.sample([], 6, seed=2) == model.sample(length=6, seed=2)
    pieces = list(model.stream([], 6, seed=2))
    assert written == ("".join(pieces) if isinstance(written, str) else pieces)
    if kind == "characters":
        # A new line begins.
        assert written == model.sample("\n", 6, seed=2)[1:]
    if not model.whole_:
        # Half of the probability of a first token, as the network has it behind a beginning.
        drawn = model.sample([], 1, samples=400)
        ids = model.vocabulary_.index
        logits = model.token_stream().step([ids["<s>"]])[0].astype(np.float64)
        logits[[ids["<s>"], ids["<unknown>"]]] = -np.inf
        chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        ended = sum(not one for one in drawn) / 400
        assert abs(ended - chances[ids["</s>"]]) < 0.1


def test_lengths() -> None:
    model = fitted("characters")
    assert model.sample("the", 0) == "the" and model.sample("", 0) == "" and fitted("tokens").sample([], 0) == []
    assert len(model.sample("the", 7)) == 10
    endless = model.stream("the", None)
    assert len([next(endless) for _ in range(500)]) == 500
    assert model.sample("the", 5, samples=1) == model.sample("the", 5)
    assert len(set(model.sample("the", 9, samples=5))) > 1


def test_filters_come_in_their_order() -> None:
    model = fitted("characters")
    assert model.sample("", 3, filters=Force("cat")) == "cat" == model.sample("", 3, filters=[Force("cat")], top_k=1)
    assert "t" not in model.sample("", 200, filters=[Ban("t")])
    assert set(model.sample("", 50, filters=(Ban([t for t in "the casonm.\n" if t not in "ab"]),))) == {"a"}


def test_stops() -> None:
    text, tokens, numbers = fitted("characters"), fitted("tokens"), fitted("numbers")
    written = text.sample("the ", 300)[4:]
    for stop in ("a", ["a"], ("a", "zz"[:0] or "t"), {"a"}):
        ends = [stop] if isinstance(stop, str) else list(stop)
        first = min(written.index(end) for end in ends)
        assert text.sample("the ", 300, stop=stop) == "the " + written[:first]
        assert "".join(text.stream("the ", 300, stop=stop)) == written[:first]
    pair = written[40:42]
    assert text.sample("the ", 300, stop=pair)[4:] == written[: written.index(pair)]
    raw = fitted("raw bytes")
    assert "t" not in raw.sample("", 300, stop=b"t") and raw.sample("", 300, stop=b"t") == raw.sample("", 300, stop="t")
    words = fitted("words").sample("the", 60, seed=1).split()[1:]
    ended = fitted("words").sample("the", 60, seed=1, stop="the mat.").split()[1:]
    places = [at for at in range(len(words) - 1) if words[at : at + 2] == ["the", "mat."]]
    assert ended == words[: places[0] if places else None]
    # A stop is a token of theirs and not its number.
    for model, known in ((tokens, "abcxy"), (numbers, (1, 2, 3, 7))):
        for stop in known:
            for given in (stop, [stop], [[stop]]):
                found = model.sample([], 30, stop=given, samples=30, temperature=3.0)
                assert all(stop not in one for one in found) and any(found)


def test_words_have_blanks_between_them() -> None:
    model = fitted("words")
    plain = model.sample("the cat", 3, seed=4).split()
    assert model.sample("the cat ", 3, seed=4) == " ".join(plain)
    assert model.sample("the cat\n", 3, seed=4) == "the cat\n" + " ".join(plain[2:])
    assert not model.sample("", 3).startswith(" ") and model.sample("the cat", 0) == "the cat"


def test_predict_takes_many_prompts() -> None:
    model = fitted("characters")
    prompts = ["the", "", "c", "the cat sat", "ÄÖ"] * 70
    found = model.predict(prompts)
    assert found[:5] * 70 == found
    assert found[3:4] == model.predict(prompts[3:4])
    assert fitted("raw bytes").predict([b"th", "th"])[0] in set(TEXT.encode())
    assert fitted("tokens").predict(np.array([["a", "b"], ["x", "y"]])) == fitted("tokens").predict(
        [["a", "b"], ["x", "y"]]
    )


def test_sampling_takes_the_model() -> None:
    model = fitted("characters")
    one = rl.sampling.generate(model, "the", length=5, filters=[Ban(0)])
    assert "the" + one.text == model.sample("the", 5)


def test_sampling_knows_the_manners_of_a_generator() -> None:
    model = rl.SequenceGenerator(hidden_size=16).fit(["ab", "abd", "bd"] * 20)
    for one in rl.sampling.generate(model, ["a", ""], samples=20)[0]:
        assert set(one.text) <= set("abd") and one.stopped == "</s>"
    assert rl.sampling.generate(model, "a", seed=3).text == model.sample("a", seed=3)[1:]
    assert "a" + "".join(rl.sampling.stream(model, "a", seed=3)) == model.sample("a", seed=3)
    assert all(one.stopped == "</s>" for one in rl.sampling.beam_search(model, "a", width=3, n_best=2))


# --- fit


def test_validation_is_the_end_of_the_corpus() -> None:
    text = "ab" * 90 + "xy" * 10
    model = Generator(**QUICK).fit(text)
    assert set(model.vocabulary_.tokens) == {"<unknown>", "a", "b"}, "what is held out is not looked at"
    lines = Generator(**QUICK, validation=0.25).fit(["a", "b", "c"] * 5 + ["z"] * 5)
    assert set(lines.vocabulary_.tokens) == {"<s>", "</s>", "<unknown>", "a", "b", "c"}
    # The same as if it were given, but for the batches: rows of what is held are as long as can be.
    given = Generator(**QUICK).fit("ab" * 90, validation="xy" * 10)
    assert given.history_["loss"] == model.history_["loss"] and given.history_["val_loss"] == model.history_["val_loss"]
    assert "val_loss" not in Generator(**QUICK, validation=0).fit(text).history_
    data = rl.datasets.Dataset("d", "generation", "m", "ab" * 90)
    assert Generator(**QUICK).fit(data, validation=data).nats(data) == Generator(**QUICK).fit(
        data.x, validation=data.x
    ).nats(data.x)


def test_tokens_of_the_validation_that_training_has_not_choose_no_epoch() -> None:
    """That they get ever less likely says nothing of how good the model is."""
    text = "the cat sat . the dog sat . " * 20
    model = Generator(**{**QUICK, "epochs": 6, "learning_rate": 1e-2}, unit="word")
    without = copy.copy(model).fit(text, validation="the cat sat . " * 10)
    strange = copy.copy(model).fit(text, validation="the cat sat . " * 10 + "new " * 40)
    assert np.argmin(strange.history_["val_loss"]) == np.argmin(without.history_["val_loss"]) == 5


@pytest.mark.parametrize("text", ["ab", "abc", "abcd", "hello", "hello hello", "aaaaaaaaa"])
def test_short_texts(text: str) -> None:
    model = Generator(**QUICK).fit(text)
    assert isinstance(model.sample(text, 5), str)
    assert ("val_loss" in model.history_) == (len(text) >= 4)
    assert "val_loss" in Generator(**QUICK, unit="word").fit("a rose is a rose").history_
    assert Generator(**QUICK).fit([text]).sample("", 3) is not None


@pytest.mark.parametrize(
    "options",
    [
        {"tied": True},
        {"tied": True, "embedding_size": 5},
        {"embedding_size": 3},
        {"hidden_size": [6, 9]},
        {"hidden_size": (6, 9), "tied": True},
        {"hidden_size": np.int64(6)},
        {"hidden_size": 100},
        {"num_layers": 2, "dropout": 0.3},
        {"lstm": {"layer_norm": True, "zoneout": 0.1}},
        {"lstm": {"recurrent_dropout": 0.2, "weight_drop": 0.1, "cell": rl.nn.Cell(peephole=True)}},
        {"lstm": {"proj_size": 3, "learn_initial_state": True}},
        {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "onecycle"},
    ],
    ids=str,
)
def test_options(options: dict[str, Any], tmp_path: Path) -> None:
    model = Generator(**{**QUICK, **options}).fit(TEXT)
    assert np.isfinite(model.nats(TEXT)) and model.history_["loss"][1] < model.history_["loss"][0]
    assert model.sample("the", 5) == model.sample("the", 5), "evaluation mode"
    model.save(tmp_path / "model")
    loaded = rl.load(tmp_path / "model")
    assert loaded.sample("the", 20) == model.sample("the", 20) and loaded.get_params() == model.get_params()
    sizes = {name: one.shape for name, one in model.network_.state_dict().items()}
    hidden = options.get("hidden_size", 8)
    last = hidden if isinstance(hidden, (int, np.integer)) else hidden[-1]
    expected = options.get("embedding_size") or (last if options.get("tied") else min(64, last))
    assert sizes["embedding.weight"] == (len(model.vocabulary_), expected)
    tied = model.network_.head.weight is model.network_.embedding.weight
    assert tied == bool(options.get("tied"))


@every
def test_warm_start_goes_on(kind: str) -> None:
    model = made(kind, warm_start=True, schedule="constant")
    network, vocabulary, first = model.network_, model.vocabulary_, model.history_["loss"]
    model.fit(CORPORA[kind][1])
    assert model.network_ is network and model.vocabulary_ is vocabulary
    assert model.history_["loss"][0] < first[0]
    again = made(kind).fit(CORPORA[kind][1])
    assert again.nats(CORPORA[kind][1]) == fitted(kind).nats(CORPORA[kind][1]), "without it begins anew"


def test_warm_start_takes_what_was_fitted() -> None:
    model = made("characters", warm_start=True)
    model.fit("the new text, with ÄÖ" * 4)
    assert "Ä" not in model.vocabulary_.index
    with pytest.raises(TypeError, match="X must be one text, as the model was fitted on, got list"):
        model.fit(LINES)


@every
def test_a_fit_that_fails_leaves_what_was_there(kind: str) -> None:
    model = made(kind)
    before, score = dict(vars(model)), model.nats(CORPORA[kind][1])
    other = LINES if model.whole_ else TEXT
    for options in ({"validation": 3}, {"validation": CORPORA[kind][1]}):
        with pytest.raises((TypeError, ValueError)):
            model.fit(other, **options)
        assert vars(model) == before
    assert model.nats(CORPORA[kind][1]) == score
    unfitted = Generator()
    with pytest.raises(TypeError):
        unfitted.fit(TEXT, validation=3)
    assert set(vars(unfitted)) == set(unfitted.get_params())


# --- copies and files


@every
def test_files_and_copies(kind: str, tmp_path: Path) -> None:
    model, prompt, corpus = fitted(kind), PROMPTS[kind], CORPORA[kind][1]
    expected = model.sample(prompt, 20, samples=3)
    model.save(tmp_path / "one")
    rl.save(model, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    copies = [Generator.load(tmp_path / "one"), rl.load(tmp_path / "two")]
    copies += [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for other in copies:
        assert type(other) is Generator and other.get_params() == model.get_params()
        assert other.sample(prompt, 20, samples=3) == expected
        assert other.nats(corpus) == model.nats(corpus)
        assert other.vocabulary_ == model.vocabulary_ and other.whole_ is model.whole_
        assert other.history_.rows == model.history_.rows
    copies[0].set_params(warm_start=True).fit(corpus)
    assert copies[0].nats(corpus) != model.nats(corpus)
    with pytest.raises(ValueError, match="holds a SequenceGenerator, not a Seq2Seq"):
        rl.Seq2Seq.load(tmp_path / "one")


def test_a_file_that_lies_is_refused(tmp_path: Path) -> None:
    model = made("lines")
    other = rl.datasets.Vocabulary(["<s>", "</s>", "<unknown>", "a"], unknown="<unknown>")
    for name, value in {"vocabulary_": other, "whole_": "yes", "network_": rl.nn.Linear(2, 3)}.items():
        liar = copy.copy(model)
        setattr(liar, name, value)
        liar.save(tmp_path / "liar")
        with pytest.raises(DamagedFileError, match="cannot be made"):
            rl.load(tmp_path / "liar")


def test_scikit_learn(tmp_path: Path) -> None:
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    from sklearn.model_selection import GridSearchCV

    model = fitted("tokens")
    twin = base.clone(model)
    assert twin.get_params() == model.get_params() and "network_" not in vars(twin)
    search = GridSearchCV(twin, {"hidden_size": [2, 6], "tied": [False, True]}, cv=2, error_score="raise").fit(TOKENS)
    assert search.best_score_ < 0 and isinstance(search.best_estimator_, Generator)
    assert search.best_estimator_.sample(["x"], 3)[0] == "x"
