"""Matrix products with numpy's rules: values, gradients, broadcast axes, and mistakes refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points
from rustlstm import ops

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 4), (4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (4,)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 2)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 3, 1), (2, 1, 3)),
    ((5, 3, 4), (1, 4, 2)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_values_and_gradients(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    check(ops.matmul, lambda x, y: x @ y, points(len(a) + len(b), a, b))


@pytest.mark.parametrize(("a", "b"), [((0, 4), (4, 5)), ((3, 0), (0, 5)), ((0, 3, 4), (4, 2)), ((2, 3, 4), (2, 4, 0))])
def test_nothing(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    left, right = rl.Tensor(np.ones(a), requires_grad=True), rl.Tensor(np.ones(b), requires_grad=True)
    y = left @ right
    np.testing.assert_array_equal(y.numpy(), np.ones(a) @ np.ones(b))
    y.backward(np.ones(y.shape))
    assert left.grad.shape == a and right.grad.shape == b


def test_operators() -> None:
    a, b = points(1, (3, 4), (4, 5))
    leaf = rl.Tensor(a, requires_grad=True)
    expected = ops.matmul(a, b).numpy().tobytes()
    for y in (leaf @ b, np.matmul(leaf, b), leaf @ rl.Tensor(b)):
        assert y.requires_grad and y.numpy().tobytes() == expected
    right = a.T @ leaf
    assert right.requires_grad and right.shape == (4, 4)
    turned = rl.Tensor(np.asfortranarray(a), requires_grad=True)
    assert (turned.T.swapaxes(0, 1) @ b).numpy().tobytes() == expected


def test_the_bits_of_a_row_do_not_depend_on_the_others() -> None:
    a, b = points(2, (37, 129), (129, 70))
    whole = ops.matmul(a, b).numpy()
    for row in (0, 17, 36):
        assert ops.matmul(a[row], b).numpy().tobytes() == whole[row].tobytes()


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((3, 4), (3, 4), r"b must have shape \[.., K=4, C\] to follow a of shape \[3, 4\].*got \[3, 4\]"),
        ((2, 3, 4), (3, 4, 5), r"b must have shape \[.., K=4, C\] to follow a of shape \[2, 3, 4\].*got \[3, 4, 5\]"),
        ((4,), (3,), r"to follow a of shape \[4\].*got \[3\]"),
        ((), (3,), "at least one axis"),
    ],
)
def test_mistakes(a: Any, b: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.matmul(np.ones(a), np.ones(b))
