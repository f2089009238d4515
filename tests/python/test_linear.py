"""The linear layer: values and gradients, ragged batches, shared weights, and mistakes refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points, same_as_alone
from rustlstm import ops
from rustlstm.nn import Embedding, Linear


def reference(x: Any, weight: Any, bias: Any = 0.0) -> Any:
    return x @ weight.T + bias


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 17), (2, 2, 2, 6)])
@pytest.mark.parametrize("outputs", [1, 9])
def test_values_and_gradients(shape: tuple[int, ...], outputs: int) -> None:
    given = points(len(shape), shape, (outputs, shape[-1]), (outputs,))
    check(ops.linear, reference, given)
    check(ops.linear, reference, given[:2])


def test_only_what_is_wanted_is_computed() -> None:
    x, weight, bias = points(1, (3, 4), (2, 4), (2,))
    for wanted in ((True, False, False), (False, True, False), (False, False, True)):
        leaves = [rl.Tensor(given, requires_grad=need) for given, need in zip((x, weight, bias), wanted, strict=True)]
        ops.linear(*leaves).backward(np.ones((3, 2)))
        assert tuple(leaf.grad is not None for leaf in leaves) == wanted
    assert ops.linear(x, weight, bias).requires_grad is False


def test_arrays_may_change_before_backward() -> None:
    x, weight = points(1, (3, 4), (2, 4))
    leaf = rl.Tensor(weight, requires_grad=True)
    y = ops.linear(x, leaf)
    expected = x.sum(0)
    x[:] = 7
    y.backward(np.ones((3, 2)))
    np.testing.assert_allclose(leaf.grad[0], expected, rtol=1e-6)


def test_a_sequence_is_what_it_is_alone() -> None:
    same_as_alone(Linear(70, 33, seed=1), 70)


def test_padding_counts_for_no_parameter() -> None:
    layer = Linear(5, 3)
    (x,) = points(3, (3, 6, 5))
    x[1, 2:] = np.nan
    y = layer(x, lengths=[6, 2, 0])
    y.backward(np.ones(y.shape))
    assert layer.bias.grad.tolist() == [8.0] * 3
    np.testing.assert_allclose(layer.weight.grad[0], x[0].sum(0) + x[1, :2].sum(0), rtol=1e-5)


def test_first_values_names_and_copies() -> None:
    layer = Linear(9, 400, seed=3)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert 0.32 < abs(layer.weight.data).max() <= 1 / 3 and 0.3 < abs(layer.bias.data).max() <= 1 / 3
    assert layer.weight.data.tobytes() != Linear(9, 400).weight.data.tobytes()
    assert not Linear(9, 4, init="glorot").bias.data.any()
    square = Linear(16, 16, init="orthogonal").weight.data.astype(np.float64)
    np.testing.assert_allclose(square @ square.T, np.eye(16), atol=1e-6)
    again = pickle.loads(pickle.dumps(layer))
    assert again(np.eye(9)).data.tobytes() == layer(np.eye(9)).data.tobytes()
    assert repr(Linear(3, 4, bias=False, init="glorot", seed=2)) == "Linear(3, 4, bias=False, init='glorot', seed=2)"
    assert Linear(3, 4, bias=False).bias is None


def test_a_tied_output_layer() -> None:
    words = Embedding(11, 6)
    out = Linear(6, 11, weight=words.weight)
    assert out.weight is words.weight
    (logits,) = (out(words([[1, 2, 3]])),)
    logits.backward(np.ones(logits.shape))
    # Through the table as embedding and as output layer.
    expected = np.broadcast_to(words.weight.data[[1, 2, 3]].sum(0), (11, 6)).copy()
    for word in (1, 2, 3):
        expected[word] += words.weight.data.sum(0)
    np.testing.assert_allclose(words.weight.grad, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Linear(0, 1), ValueError, "in_features must be at least 1, got 0"),
        (lambda: Linear(3, 1.5), TypeError, "out_features must be an integer, got float"),
        (lambda: Linear(3, 1, bias=1), TypeError, "bias must be True or False"),
        (
            lambda: Linear(3, 1, init="he"),
            ValueError,
            "init must be one of .*, got 'he'",
        ),
        (lambda: Linear(3, 1, weight=np.ones((1, 3))), TypeError, "weight must be a Parameter of another layer"),
        (
            lambda: Linear(3, 1, weight=Linear(2, 1).weight),
            ValueError,
            r"weight must have shape \[1, 3\], got \[1, 2\]",
        ),
        (lambda: Linear(3, 1)(np.ones((2, 4))), ValueError, r"x must have shape \[.., C=3\], got \[2, 4\]"),
        (lambda: Linear(3, 1)(np.ones((2, 3)), lengths=[1]), ValueError, r"x must have shape \[B, T, C=3\]"),
        (lambda: Linear(3, 1)(np.ones((1, 2, 3)), lengths=[3]), ValueError, r"lengths\[0\] must be between 0 and T=2"),
        (lambda: Linear(3, 1)([np.ones((2, 3))], lengths=[2]), ValueError, "a list of sequences brings its lengths"),
    ],
)
def test_mistakes(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
