"""Functions of numpy on tensors: on the tape, or refused; and corners where a wrong slope would be NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points
from rustlstm import ops

pytestmark = pytest.mark.once

FUNCTIONS: list[tuple[Callable[..., Any], list[tuple[int, ...]]]] = [
    (lambda a: np.sum(a, axis=1, keepdims=True), [(3, 4)]),
    (lambda a: np.mean(a), [(3, 4)]),
    (lambda a: np.max(a, axis=(0, 1)), [(3, 4, 2)]),
    (lambda a: np.min(a), [(3, 4)]),
    (lambda a: np.clip(a, -0.5, 0.5), [(3, 4)]),
    (lambda a, b: np.where(np.eye(3, dtype=bool), a, b), [(3, 3), (3,)]),
    (lambda a, b: np.concatenate([a, b]), [(2, 3), (1, 3)]),
    (lambda a, b: np.concatenate([a, b], axis=1), [(2, 3), (2, 1)]),
    (lambda a, b: np.stack([a, b], axis=-1), [(2, 3), (2, 3)]),
    (lambda a: np.reshape(a, (2, 6)), [(3, 4)]),
    (lambda a: np.transpose(a), [(3, 4)]),
    (lambda a: np.transpose(a, (2, 0, 1)), [(3, 4, 2)]),
    (lambda a: np.swapaxes(a, 0, 1), [(3, 4)]),
    (lambda a: np.squeeze(np.expand_dims(a, 1)), [(3, 4)]),
]


@pytest.mark.parametrize(("function", "shapes"), FUNCTIONS)
def test_functions_stay_on_the_tape(function: Callable[..., Any], shapes: list[tuple[int, ...]]) -> None:
    check(function, function, points(1, *shapes))


@pytest.mark.parametrize("name", ["std", "cumsum", "split", "einsum"])
def test_functions_that_would_leave_the_tape_say_so(name: str) -> None:
    t = rl.Tensor(np.ones((2, 2)), requires_grad=True)
    arguments = {"split": (t, 2), "einsum": ("ij->i", t)}.get(name, (t,))
    with pytest.raises(TypeError, match=rf"np\.{name} would leave the tape"):
        getattr(np, name)(*arguments)
    constants = [one.detach() if isinstance(one, rl.Tensor) else one for one in arguments]
    getattr(np, name)(*constants)


def test_questions_are_answered() -> None:
    t = rl.Tensor([[1.0, 3.0], [2.0, 0.0]], requires_grad=True)
    assert np.shape(t) == (2, 2) and np.ndim(t) == 2 and np.size(t) == 4
    assert np.argmax(t, axis=1).tolist() == [1, 0]
    assert np.allclose(t, t.numpy()) and np.array_equal(t, t)
    assert (t == 3.0).tolist() == [[False, True], [False, False]] and (t != t).any() is np.False_
    assert {t: 1}[t] == 1


def test_powers_of_numbers_by_numbers() -> None:
    x = np.array([-2.0, -3.0, 0.0, 0.0, 2.0, np.nan, 3.0, -2.0, 0.5], np.float32)
    p = np.array([2.0, 3.0, 0.0, 2.0, 30.0, 0.0, 10.0, 0.5, np.inf], np.float32)
    found = ops.power(rl.Tensor(x), p).tolist()
    assert found[:7] == [4.0, -27.0, 1.0, 0.0, 2.0**30, 1.0, 59049.0]
    assert np.isnan(found[7]) and found[8] == 0.0
    rng = np.random.default_rng(0)
    x, p = rng.uniform(0.1, 5, 20_000).astype(np.float32), rng.uniform(-8, 8, 20_000).astype(np.float32)
    exact = x.astype(np.float64) ** p.astype(np.float64)
    assert np.abs(ops.power(x, p).numpy() / exact - 1).max() < 1.2e-7


def slope(function: Callable[[Any], Any], *at: float) -> list[float]:
    leaves = [rl.Tensor(one, requires_grad=True) for one in at]
    function(*leaves).backward()
    return [leaf.grad.item() for leaf in leaves]


def test_slopes_at_the_corners() -> None:
    assert slope(lambda a, b: a**b, 0.0, 2.0) == [0.0, 0.0]
    assert slope(lambda a: a**0, 0.0) == [0.0]
    for squash in (ops.relu, lambda a: ops.clip(a, 0.0), lambda a: ops.maximum(a, 0.0)):
        # The slope of the root is infinite, but nothing flows back past the corner.
        assert slope(lambda a, squash=squash: ops.sqrt(squash(a)), -1.0) == [0.0]
    assert slope(lambda a: ops.clip(a, 0, np.float64(0.1)), 0.1) == [1.0]  # type: ignore[arg-type]
    assert slope(lambda a: a.sum(axis=0), 5.0) == [1.0]
    with pytest.raises(ValueError, match="low must not be above high, got 1 and 0"):
        ops.clip(rl.Tensor(1.0), 1, 0)
    with pytest.raises(ValueError, match="axis|axes"):
        ops.transpose(rl.Tensor(np.ones((2, 3))), 0, 3)
