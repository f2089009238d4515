"""Sequential: lengths on their way through layers, names of parameters, and what a list is for Python."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import same_as_alone
from rustlstm.nn import LSTM, AvgPool1d, Conv1d, Dropout, LayerNorm, MaxPool1d, Pool, Sequential

RNG = np.random.default_rng(0)
ROWS = [RNG.standard_normal((length, 3)).astype(np.float32) for length in (9, 4, 14)]


def cnn_lstm(*last: Any) -> Sequential:
    return Sequential(
        Conv1d(3, 8, 3, padding="same"), LayerNorm(8), rl.ops.sigmoid, MaxPool1d(2), Dropout(0.5), LSTM(8, 5), *last
    )


def test_it_is_its_modules_one_after_another() -> None:
    model = cnn_lstm(Pool("mean")).eval()
    x = RNG.standard_normal((2, 10, 3)).astype(np.float32)
    conv, norm, squash, pool, _, lstm, last = model
    assert model(x).data.tobytes() == last(lstm(pool(squash(norm(conv(x)))))[0]).data.tobytes()


@pytest.mark.parametrize("last", [[], [Pool("last")], [Pool("max")]], ids=["steps", "last", "max"])
def test_a_sequence_is_what_it_is_alone(last: list[Any]) -> None:
    same_as_alone(cnn_lstm(*last).eval(), 3, lengths=(9, 4, 2, 12))


def test_lengths_follow_the_layers() -> None:
    model = cnn_lstm()
    assert model.out_lengths([9, 4, 0]).tolist() == [4, 2, 0]
    assert cnn_lstm(Pool("max")).out_lengths([9, 4, 0]) is None
    y = model(ROWS)
    assert y.shape == (3, 7, 5)
    assert not y.data[0, 4:].any() and not y.data[1, 2:].any() and y.data[1, 1].any()
    nested = Sequential(Sequential(Conv1d(3, 8, 3), AvgPool1d(2)), Sequential(LSTM(8, 5)), Pool("last"))
    assert nested.out_lengths([9]) is None and nested[:2].out_lengths([9]).tolist() == [3]
    flat = Sequential(nested[0][0], nested[0][1], nested[1][0], nested[2])
    assert nested(ROWS).data.tobytes() == flat(ROWS).data.tobytes()


def test_a_function_leaves_the_padding_zero() -> None:
    seen = []

    def shifted(x: rl.Tensor) -> rl.Tensor:
        seen.append(x.shape)
        return x + 1

    y = Sequential(shifted, LayerNorm(3))(ROWS)
    assert seen == [(3, 14, 3)]
    assert not y.data[1, 4:].any()
    assert not Sequential(shifted)(ROWS).data[1, 4:].any()
    wide = Sequential(lambda x: x.reshape(3, 14, 3, 1) + 1)(ROWS)
    assert wide.shape == (3, 14, 3, 1) and not wide.data[1, 4:].any()


def test_gradients_reach_every_parameter() -> None:
    model = cnn_lstm(Pool("max"))
    y = model(ROWS)
    y.backward(np.ones(y.shape))
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_names_are_places() -> None:
    model = Sequential(Conv1d(3, 8, 3), rl.ops.relu, Sequential(LayerNorm(8)), LSTM(8, 5))
    names = ["0.weight", "0.bias", "2.0.weight", "2.0.bias", "3.weight_ih_l0", "3.weight_hh_l0", "3.bias_l0"]
    assert list(model.state_dict()) == names
    other = Sequential(Conv1d(3, 8, 3, seed=7), rl.ops.relu, Sequential(LayerNorm(8)), LSTM(8, 5, seed=7))
    other.load_state_dict(model.state_dict())
    assert other(ROWS).data.tobytes() == model(ROWS).data.tobytes()
    assert "3.bias_ih_l0" in model.state_dict(torch=True)

    class Wrapped(rl.nn.Module):
        def __init__(self) -> None:
            self.body = model

    assert "body.2.0.weight" in Wrapped().state_dict()


def test_modes_reach_every_module() -> None:
    model = cnn_lstm()
    assert not any(module.training for _, module in model.eval().named_modules())
    assert model.train()[4].training


def test_it_is_a_list() -> None:
    model = cnn_lstm()
    assert len(model) == 6 and model[0] is next(iter(model)) and model[-1] is model[5]
    assert isinstance(model[1:3], Sequential) and model[1:3][0] is model[1]
    with pytest.raises(IndexError):
        model[6]
    assert repr(Sequential(LayerNorm(3), rl.ops.relu, Pool("last"))) == "Sequential(LayerNorm(3), relu, Pool('last'))"
    x = rl.Tensor(np.ones((1, 2, 3)))
    assert Sequential()(x) is x


def test_copies() -> None:
    model = cnn_lstm(Pool("mean"))
    model(ROWS)
    again = pickle.loads(pickle.dumps(model))
    assert again[4].draws == 1
    assert again(ROWS).data.tobytes() == model(ROWS).data.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Sequential(LayerNorm(3), 5),
            TypeError,
            "module 1 must be a module or a function of one tensor, got int",
        ),
        (lambda: Sequential(Dropout), TypeError, "module 0 must be .* got the class Dropout"),
        (
            lambda: Sequential(LayerNorm(3))(ROWS, lengths=[1, 2, 3]),
            ValueError,
            "a list of sequences brings its lengths",
        ),
        (lambda: cnn_lstm()(np.ones((2, 9, 4))), ValueError, r"x must have shape \[.., T, C=3\]"),
    ],
)
def test_mistakes(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]


def test_what_takes_no_lengths_must_go_step_by_step() -> None:
    class Mine(rl.nn.Module):
        def __call__(self, x: rl.Tensor) -> rl.Tensor:
            return x

    rows = [np.ones((3, 4)), np.ones((4, 4))]
    with pytest.raises(ValueError, match=r"must keep the axes \[B, T, ..\].*got \[2, 4\] from \[2, 4, 4\]"):
        Sequential(lambda t: t.mean(axis=1))(rows)
    with pytest.raises(TypeError, match="Mine takes no lengths, so it would take padding for data"):
        Sequential(Mine())(rows)
    assert Sequential(Mine())(np.ones((2, 4, 4))).shape == (2, 4, 4)


def test_a_pass_that_fails_draws_nothing() -> None:
    dropout, lstm = Dropout(0.5), LSTM(3, 4, 2, dropout=0.5)
    for layer in (dropout, lstm):
        with pytest.raises(ValueError, match="x must|lengths"):
            layer(np.ones((2, 3)), lengths=[1, 1])
        assert layer.draws == 0


def test_images_of_different_lengths() -> None:
    model = Sequential(
        rl.nn.Conv2d(1, 4, 3), rl.nn.MaxPool2d(2), lambda x: x.reshape(*x.shape[:2], 16), LSTM(16, 5), Pool("last")
    )
    videos = [RNG.standard_normal((length, 6, 6, 1)).astype(np.float32) for length in (4, 0, 7)]
    y = model(videos)
    assert y.shape == (3, 5) and not y.data[1].any()
    assert model(videos[2:]).data.tobytes() == y.data[2:].tobytes()
