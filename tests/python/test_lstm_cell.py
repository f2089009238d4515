"""LSTMCell: a loop of steps is the layer, forward and backward; names, copies, and mistakes refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import points
from rustlstm.nn import LSTM, Cell, Init, LSTMCell

CELLS = [Cell(), Cell.peephole_2002(clip=0.7), Cell.original_1997(forget_bias=None), Cell.ablation("NOAF")]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_loop_is_the_layer(cell: Cell) -> None:
    step, layer = LSTMCell(3, 5, cell=cell, seed=4), LSTM(3, 5, cell=cell, seed=4)
    x, h, c, dy = points(1, (2, 7, 3), (2, 5), (2, 5), (2, 7, 5))
    leaves = [rl.Tensor(given, requires_grad=True) for given in (x, h, c)]
    state: Any = tuple(leaves[1:])
    outputs = []
    for t in range(7):
        y, state = step(leaves[0][:, t], state)
        outputs.append(y)
    looped = rl.ops.stack(outputs, 1)
    rl.backward([looped, state[1]], [dy, np.ones((2, 5))])
    whole = [rl.Tensor(given, requires_grad=True) for given in (x, h[None], c[None])]
    y, (_, c_last) = layer(whole[0], (whole[1], whole[2]))
    rl.backward([y, c_last], [dy, np.ones((1, 2, 5))])
    assert y.numpy().tobytes() == looped.numpy().tobytes()
    assert c_last.numpy().tobytes() == state[1].numpy().tobytes()
    for one, other in zip(leaves, whole, strict=True):
        np.testing.assert_allclose(one.grad, other.grad.reshape(one.shape), rtol=1e-5, atol=1e-6)
    for name, parameter in step.named_parameters():
        np.testing.assert_allclose(parameter.grad, getattr(layer, f"{name}_l0").grad, rtol=1e-5, atol=1e-6)


def test_a_state_may_be_left_out() -> None:
    step = LSTMCell(3, 5)
    (x,) = points(2, (4, 3))
    zeros = np.zeros((4, 5))
    expected = step(x, (zeros, zeros))[0].numpy().tobytes()
    for state in (None, (None, None), (zeros, None), [None, zeros]):
        assert step(x, state)[0].numpy().tobytes() == expected
    h, (same, c) = step(x)
    assert same is h and c.shape == (4, 5)


def test_names_first_values_and_copies() -> None:
    step = LSTMCell(3, 5, cell=Cell(peephole=True), init=Init("orthogonal", t_max=20), seed=2)
    layer = LSTM(3, 5, cell=Cell(peephole=True), init=Init("orthogonal", t_max=20), seed=2)
    assert list(step.state_dict()) == ["weight_ih", "weight_hh", "bias", "weight_peephole"]
    for name, value in step.state_dict().items():
        assert value.tobytes() == getattr(layer, f"{name}_l0").data.tobytes()
    assert repr(LSTMCell(3, 5, seed=1)) == "LSTMCell(3, 5, seed=1)"
    again = pickle.loads(pickle.dumps(step))
    assert again(np.eye(3))[0].numpy().tobytes() == step(np.eye(3))[0].numpy().tobytes()
    torch = step.state_dict(torch=True)
    assert sorted(torch) == ["bias_hh", "bias_ih", "weight_hh", "weight_ih", "weight_peephole"]
    torch["bias_hh"] = np.ones(20, np.float32)
    again.load_state_dict(torch)
    np.testing.assert_array_equal(again.bias.data, step.bias.data + np.float32(1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LSTMCell(3, 0), ValueError, "hidden_size must be at least 1, got 0"),
        (lambda: LSTMCell(3, 5, cell="plain"), TypeError, "cell must be a Cell or None, got str"),
        (lambda: LSTMCell(3, 5, init="he"), ValueError, "init must be one of"),
        (lambda: LSTMCell(3, 5)(np.ones(3)), ValueError, r"x must have shape \[B, C=3\], got \[3\]"),
        (lambda: LSTMCell(3, 5)(np.ones((2, 3)), np.ones((2, 5))), TypeError, r"state must be a pair \(h, c\)"),
        (
            lambda: LSTMCell(3, 5)(np.ones((2, 3)), (np.ones((1, 5)), None)),
            ValueError,
            r"h of state must have shape \[B=2, H=5\], got \[1, 5\]",
        ),
    ],
)
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
