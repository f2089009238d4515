"""The language model: its layers on the tape, and one token at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.nn import Cell, LanguageModel

V = 23
MODELS: list[dict[str, Any]] = [
    {"embedding_size": 8, "hidden_size": 16},
    {"embedding_size": 5, "hidden_size": [17, 33]},
    {"embedding_size": 16, "hidden_size": 16, "num_layers": 2, "tied": True},
    {"embedding_size": 7, "hidden_size": 20, "tied": True},
    {"embedding_size": None, "hidden_size": 19, "one_hot": True},
    {"embedding_size": None, "hidden_size": 40, "num_layers": 2, "one_hot": True, "layer_norm": True},
    {"embedding_size": 6, "hidden_size": 24, "proj_size": 10, "layer_norm": True},
    {"embedding_size": 6, "hidden_size": 24, "cell": Cell(peephole=True), "learn_initial_state": True},
    {"embedding_size": 6, "hidden_size": 24, "num_layers": 3, "dropout": 0.5, "input_dropout": 0.2, "zoneout": 0.1},
    {"embedding_size": 300, "hidden_size": 300},
]


def made(options: dict[str, Any], seed: int = 3) -> LanguageModel:
    model = LanguageModel(V, seed=seed, **options)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():  # no zeros, so that a bias left out shows
        parameter.assign(rng.normal(size=parameter.shape) * 0.3)
    return model.eval()


def ids(rows: int, steps: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, V, (rows, steps))


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_a_token_at_a_time_is_the_sequence(options: dict[str, Any]) -> None:
    model, x = made(options), ids(5, 9)
    logits, _ = model(x)
    whole, alone = model.token_stream(5), model.token_stream()
    for t in range(9):
        assert np.array_equal(whole.step(x[:, t]), logits.data[:, t]), f"step {t}"
        assert np.array_equal(alone.step(x[2:3, t]), logits.data[2:3, t]), f"row 2 alone, step {t}"


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_a_saved_model_is_the_same_model(options: dict[str, Any], tmp_path: Path) -> None:
    model, path = made(options), tmp_path / "model.safetensors"
    rl.save(model, path)
    loaded = rl.load(path).eval()
    assert loaded.config() == model.config()
    assert np.array_equal(loaded(ids(2, 4))[0].data, model(ids(2, 4))[0].data)
    assert len(list(loaded.parameters())) == len(list(model.parameters()))


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_lengths_and_lists_agree(options: dict[str, Any]) -> None:
    model, x = made(options), ids(3, 6)
    padded, (h, _) = model(x, lengths=[6, 2, 4])
    listed, _ = model([x[0], x[1, :2], x[2, :4]])
    alone, (h_alone, _) = model(x[1:2, :2])
    assert np.array_equal(padded.data, listed.data)
    assert np.array_equal(padded.data[1, :2], alone.data[0])
    assert not padded.data[1, 2:].any()
    if not isinstance(h, list):
        assert np.array_equal(h.data[:, 1], h_alone.data[:, 0])


def test_the_state_goes_on() -> None:
    model, x = made(MODELS[0]), ids(2, 8)
    whole, _ = model(x)
    first, state = model(x[:, :3])
    rest, _ = model(x[:, 3:], state)
    assert np.array_equal(whole.data, np.concatenate([first.data, rest.data], axis=1))


@pytest.mark.parametrize("options", [MODELS[0], MODELS[2], MODELS[3], MODELS[5]], ids=str)
def test_gradients(options: dict[str, Any]) -> None:
    model, x = made(options), ids(2, 4)
    weights = np.random.default_rng(1).normal(size=(2, 4, V)).astype(np.float32)

    def loss() -> rl.Tensor:
        return (model(x)[0] * weights).sum()

    loss().backward()
    rng = np.random.default_rng(2)
    for name, parameter in model.named_parameters():
        direction = rng.normal(size=parameter.shape)
        value, step = parameter.numpy(), 1e-2 / np.linalg.norm(direction)
        sides = []
        for sign in (1, -1):
            parameter.assign(value + sign * step * direction)
            sides.append(float(loss().data))
        parameter.assign(value)
        slope = (sides[0] - sides[1]) / (2 * step)
        assert parameter.grad is not None
        assert slope == pytest.approx(float((parameter.grad * direction).sum()), rel=0.02, abs=0.05), name


def test_a_tied_head_is_the_embedding() -> None:
    model = LanguageModel(V, 8, 12, tied=True)
    assert model.head.weight is model.embedding.weight
    assert model.projection is not None
    assert LanguageModel(V, 12, 12, tied=True).projection is None
    assert abs(LanguageModel(V, 12, 12, tied=True).head.weight.numpy()).max() <= 12**-0.5


def test_new_weights_make_a_new_stream() -> None:
    model = made(MODELS[3])

    def second(stream: Any) -> Any:
        stream.step([4])
        return stream.step([7])

    before = second(model.token_stream())
    assert np.array_equal(second(model.token_stream()), before)
    for name, parameter in model.named_parameters():
        old = model.token_stream()
        parameter.assign(parameter.numpy() * 1.5)
        after = second(model.token_stream())
        assert not np.array_equal(after, before), name
        assert np.array_equal(after, model([[4, 7]])[0].data[:, 1]), name
        assert np.array_equal(second(old), before), f"{name}: a stream keeps the weights that it began with"
        before = after


@pytest.mark.parametrize("options", [MODELS[1], MODELS[6], MODELS[7]], ids=str)
def test_rows_can_be_copied_and_dropped(options: dict[str, Any]) -> None:
    model, x = made(options), ids(3, 4)
    stream = model.token_stream(3)
    for t in range(3):
        stream.step(x[:, t])
    other = stream.fork()
    for rows in ([2, 0, 1], [1, 1, 1, 0, 2], [4], [0, 0]):
        other.select(rows)
        x = x[rows]
        expected, _ = model(x)
        assert other.batch_size == len(rows)
        assert np.array_equal(other.fork().step(x[:, 3]), expected.data[:, 3]), rows
    assert stream.batch_size == 3


def test_dropout_draws_in_training_only() -> None:
    model, x = made(MODELS[8]), ids(2, 5)
    assert np.array_equal(model(x)[0].data, model(x)[0].data)
    model.train()
    assert not np.array_equal(model(x)[0].data, model(x)[0].data)
    one = model.token_stream().step([1])
    assert np.array_equal(one, model.token_stream().step([1]))


@pytest.mark.once
def test_wrong_arguments_are_named() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: LanguageModel(0, 3, 4), "vocabulary_size must be at least 1"),
        (lambda: LanguageModel(5, None, 4), "embedding_size must be a number unless one_hot"),
        (lambda: LanguageModel(5, 3, 4, one_hot=True), "embedding_size must be None with one_hot, got 3"),
        (lambda: LanguageModel(5, None, 4, one_hot=True, tied=True), "tied shares the embedding"),
        (lambda: LanguageModel(5, 3, 4, dropout=2.0), "dropout must be"),
        (lambda: LanguageModel(5, 3, 4)([[5]]), "got 5"),
        (
            lambda: LanguageModel(5, None, 4, one_hot=True)([[0, -1]]),
            r"ids\[0, 1\] must be from 0 to V - 1 = 4, got -1",
        ),
        (lambda: LanguageModel(5, None, 4, one_hot=True)(np.ones((1, 2))), "ids must be integers"),
        (lambda: LanguageModel(5, 3, 4).token_stream(0), "batch_size must be at least 1"),
        (lambda: LanguageModel(5, 3, 4).token_stream(2**40), "batch_size must be at most"),
        (lambda: LanguageModel(5, 3, 4).token_stream().step([5]), r"tokens\[0\] must be from 0 to V - 1 = 4, got 5"),
        (lambda: LanguageModel(5, 3, 4).token_stream().step([1, 2]), r"tokens must have shape \[B=1\]"),
        (lambda: LanguageModel(5, 3, 4).token_stream().step([0.5]), "tokens must be an array of integers"),
        (lambda: LanguageModel(5, 3, 4).token_stream().select([1]), "rows must be from 0 to B - 1 = 0, got 1"),
        (lambda: LanguageModel(5, 3, 4).token_stream().select([]), "rows must be at least one, got none"),
    ]
    for call, sentence in cases:
        with pytest.raises((ValueError, TypeError), match=sentence):
            call()
