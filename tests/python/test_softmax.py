"""Softmax and its logarithm: values and gradients, ragged rows, large numbers, and mistakes refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points
from rustlstm import ops


def reference(x: Any, axis: int = -1) -> Any:
    power = np.exp(x - x.max(axis, keepdims=True))
    return power / power.sum(axis, keepdims=True)


@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((3, 4), -1), ((3, 4), 0), ((2, 17, 3), 1), ((2, 3, 4), -3)])
def test_values_and_gradients(shape: tuple[int, ...], axis: int) -> None:
    given = points(len(shape), shape)
    check(lambda x: ops.softmax(x, axis), lambda x: reference(x, axis), given)
    check(lambda x: ops.log_softmax(x, axis), lambda x: np.log(reference(x, axis)), given)
    leaf = rl.Tensor(given[0])
    assert leaf.softmax(axis).numpy().tobytes() == ops.softmax(leaf, axis).numpy().tobytes()
    assert leaf.log_softmax(axis).numpy().tobytes() == ops.log_softmax(leaf, axis).numpy().tobytes()


def test_rows_of_different_lengths() -> None:
    (x,) = points(1, (3, 2, 6))
    x[1, :, 4:] = np.nan
    leaf = rl.Tensor(x, requires_grad=True)
    y = ops.softmax(leaf, lengths=[6, 4, 0])
    np.testing.assert_allclose(y.numpy()[1, :, :4], reference(x[1, :, :4].astype(np.float64)), rtol=1e-5)
    np.testing.assert_allclose(y.numpy().sum(-1), [[1, 1], [1, 1], [0, 0]], rtol=1e-6)
    dy = np.full((3, 2, 6), np.nan, np.float32)
    dy[0], dy[1, :, :4] = 1.0, np.arange(4)
    y.backward(dy)
    assert not leaf.grad[1, :, 4:].any() and not leaf.grad[2].any() and np.isfinite(leaf.grad).all()
    alone = rl.Tensor(x[1:2, :, :4], requires_grad=True)
    ops.softmax(alone).backward(dy[1:2, :, :4])
    assert alone.grad[0].tobytes() == leaf.grad[1, :, :4].tobytes()


def test_large_numbers() -> None:
    x = np.array([[1e30, 0.0, -1e30], [-np.inf, 0.0, 0.0], [88.0, 89.0, -1000.0]], np.float32)
    np.testing.assert_allclose(ops.softmax(x).numpy()[:2], [[1, 0, 0], [0, 0.5, 0.5]])
    assert ops.log_softmax(x).numpy()[0].tolist() == np.float32([0.0, -1e30, -2e30]).tolist()
    np.testing.assert_allclose(ops.log_softmax(x).numpy()[2, 2], -1089.3133, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.softmax(np.ones((2, 3)), 2), r"axis must be from -2 to 1 for x of shape \[2, 3\], got 2"),
        (lambda: ops.softmax(np.ones((2, 3)), 0, lengths=[1, 2]), "axis must be the last one where lengths are given"),
        (lambda: ops.softmax(np.ones((2, 3)), lengths=[1, 4]), "lengths"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
