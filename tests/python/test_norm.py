"""Layer normalisation: values and gradients, ragged batches, and mistakes refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points, same_as_alone
from rustlstm import ops
from rustlstm.nn import LayerNorm


def reference(x: Any, weight: Any, bias: Any = 0.0, eps: float = 1e-5) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * weight + bias


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 17), (2, 2, 2, 6)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients(shape: tuple[int, ...], bias: bool) -> None:
    given = points(len(shape), shape, shape[-1:], shape[-1:])
    if bias:
        check(lambda x, w, b: ops.layer_norm(x, w, b), reference, given)
    else:
        check(lambda x, w: ops.layer_norm(x, w, eps=0.1), lambda x, w: reference(x, w, eps=0.1), given[:2])


def test_constants_need_no_gradient() -> None:
    x, weight = points(1, (3, 4), (4,))
    leaf = rl.Tensor(weight, requires_grad=True)
    y = ops.layer_norm(x, leaf, np.zeros(4))
    x[:] = 0
    y.backward(np.ones((3, 4)))
    (before, _) = points(1, (3, 4), (4,))
    np.testing.assert_allclose(leaf.grad, reference(before.astype(np.float64), 1.0).sum(0), atol=1e-5)
    assert ops.layer_norm(x, weight).requires_grad is False


def test_a_sequence_is_what_it_is_alone() -> None:
    layer = LayerNorm(7)
    layer.weight.assign(points(2, (7,))[0])
    same_as_alone(layer, 7)


def test_padding_counts_for_no_parameter() -> None:
    layer = LayerNorm(5)
    (x,) = points(3, (3, 6, 5))
    dy = np.ones((3, 6, 5), np.float32)
    layer(x, lengths=[6, 2, 0]).backward(dy)
    got = layer.weight.grad, layer.bias.grad
    layer.zero_grad()
    layer([x[0], x[1, :2], x[2, :0]]).backward(dy)
    assert got[0].tobytes() == layer.weight.grad.tobytes() and got[1].tobytes() == layer.bias.grad.tobytes()
    assert got[1].tolist() == [8.0] * 5


def test_first_values_names_and_copies() -> None:
    layer = LayerNorm(3, eps=1e-3, bias=False)
    assert list(layer.state_dict()) == ["weight"] and layer.bias is None
    assert list(LayerNorm(3).state_dict()) == ["weight", "bias"]
    assert LayerNorm(3).weight.tolist() == [1, 1, 1] and LayerNorm(3).bias.tolist() == [0, 0, 0]
    again = pickle.loads(pickle.dumps(layer))
    assert repr(again) == "LayerNorm(3, eps=0.001, bias=False)"
    assert again(np.eye(3)).data.tobytes() == layer(np.eye(3)).data.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LayerNorm(0), ValueError, "size must be at least 1, got 0"),
        (lambda: LayerNorm(3, eps=-1), ValueError, "eps must be a finite number from 0 on, got -1"),
        (lambda: LayerNorm(3, bias="no"), TypeError, "bias must be True or False"),
        (lambda: LayerNorm(3)(np.ones((2, 4))), ValueError, r"x must have shape \[.., C=3\], got \[2, 4\]"),
        (
            lambda: LayerNorm(3)(np.ones((2, 4)), lengths=[1, 1]),
            ValueError,
            r"x must have shape \[B, T, C=3\], got \[2, 4\]",
        ),
        (lambda: ops.layer_norm(np.ones(3), np.ones(3), np.ones(2)), ValueError, r"bias must have shape \[C=3\]"),
    ],
)
def test_mistakes(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]
