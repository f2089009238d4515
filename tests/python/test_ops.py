"""Operations on tensors: values as numpy's, gradients as finite differences in float64 say, and mistakes refused."""

from __future__ import annotations

import array
from collections import UserList
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import ops

pytestmark = pytest.mark.once

# (name, on tensors, the same in float64, shapes of the operands, their range)
CASES: list[tuple[str, Callable[..., Any], Callable[..., Any], list[tuple[int, ...]], tuple[float, float]]] = [
    ("add", lambda a, b: a + b, lambda a, b: a + b, [(3, 4), (4,)], (-2, 2)),
    ("add a column", lambda a, b: a + b, lambda a, b: a + b, [(3, 4), (3, 1)], (-2, 2)),
    ("both stretch", lambda a, b: a * b, lambda a, b: a * b, [(3, 1, 2), (4, 1)], (-2, 2)),
    ("no axes", lambda a, b: a * b, lambda a, b: a * b, [(), (2, 3)], (-2, 2)),
    ("subtract", lambda a, b: a - b, lambda a, b: a - b, [(2, 3), (2, 3)], (-2, 2)),
    ("divide", lambda a, b: a / b, lambda a, b: a / b, [(2, 3), (3,)], (0.5, 2)),
    ("a number on the left", lambda a: 2 - 3 / a, lambda a: 2 - 3 / a, [(2, 3)], (0.5, 2)),
    ("an array on the left", lambda a: np.arange(3) * a, lambda a: np.arange(3) * a, [(2, 3)], (-2, 2)),
    ("negative", lambda a: -a, lambda a: -a, [(2, 3)], (-2, 2)),
    ("square", lambda a: a**2, lambda a: a**2, [(2, 3)], (-2, 2)),
    ("cube", lambda a: a**3, lambda a: a**3, [(2, 3)], (-2, 2)),
    ("reciprocal", lambda a: a**-1, lambda a: 1 / a, [(2, 3)], (0.5, 2)),
    ("root", lambda a: a**0.5, np.sqrt, [(2, 3)], (0.5, 2)),
    ("odd power", lambda a: a**1.7, lambda a: a**1.7, [(2, 3)], (0.5, 2)),
    ("a tensor as exponent", lambda a, b: a**b, lambda a, b: a**b, [(2, 3), (3,)], (0.5, 2)),
    ("two to the", lambda a: 2**a, lambda a: 2**a, [(2, 3)], (-2, 2)),
    ("exp", ops.exp, np.exp, [(2, 3)], (-2, 2)),
    ("log", ops.log, np.log, [(2, 3)], (0.5, 2)),
    ("sqrt", ops.sqrt, np.sqrt, [(2, 3)], (0.5, 2)),
    ("tanh", ops.tanh, np.tanh, [(2, 3)], (-2, 2)),
    ("sigmoid", ops.sigmoid, lambda a: 1 / (1 + np.exp(-a)), [(2, 3)], (-2, 2)),
    ("softplus", ops.softplus, lambda a: np.log1p(np.exp(a)), [(2, 3)], (-2, 2)),
    ("relu", ops.relu, lambda a: np.maximum(a, 0), [(5, 3)], (-2, 2)),
    ("abs", abs, np.abs, [(5, 3)], (-2, 2)),
    ("maximum", ops.maximum, np.maximum, [(5, 3), (3,)], (-2, 2)),
    ("minimum", ops.minimum, np.minimum, [(5, 3), (5, 1)], (-2, 2)),
    ("clip", lambda a: ops.clip(a, -1, 0.7), lambda a: np.clip(a, -1, 0.7), [(5, 3)], (-2, 2)),
    ("clip below", lambda a: a.clip(low=-0.5), lambda a: np.maximum(a, -0.5), [(5, 3)], (-2, 2)),
    (
        "where",
        lambda a, b: ops.where([[True], [False]], a, b),
        lambda a, b: np.where([[True], [False]], a, b),
        [(2, 3), (3,)],
        (-2, 2),
    ),
    ("sum", lambda a: a.sum(), np.sum, [(2, 3)], (-2, 2)),
    ("sum over an axis", lambda a: a.sum(1), lambda a: a.sum(1), [(2, 3, 2)], (-2, 2)),
    ("sum kept", lambda a: a.sum((0, -1), keepdims=True), lambda a: a.sum((0, 2), keepdims=True), [(2, 3, 2)], (-2, 2)),
    ("mean", lambda a: a.mean(-1), lambda a: a.mean(-1), [(2, 3)], (-2, 2)),
    ("max", lambda a: a.max(1), lambda a: a.max(1), [(2, 5, 3)], (-2, 2)),
    ("max of all", lambda a: a.max(), np.max, [(2, 3)], (-2, 2)),
    ("min", lambda a: a.min((0, 1)), lambda a: a.min((0, 1)), [(2, 3, 4)], (-2, 2)),
    ("row", lambda a: a[1], lambda a: a[1], [(3, 4)], (-2, 2)),
    ("last step", lambda a: a[:, -1], lambda a: a[:, -1], [(2, 3, 4)], (-2, 2)),
    ("backwards", lambda a: a[::-1, ..., None], lambda a: a[::-1, ..., None], [(3, 4)], (-2, 2)),
    ("picked twice", lambda a: a[[0, 2, 0]], lambda a: a[[0, 2, 0]], [(3, 4)], (-2, 2)),
    (
        "picked by place",
        lambda a: a[np.arange(3), [1, 1, 0]],
        lambda a: a[np.arange(3), [1, 1, 0]],
        [(3, 4)],
        (-2, 2),
    ),
    ("masked", lambda a: a[a > 0], lambda a: a[a > 0], [(3, 4)], (-2, 2)),
    ("reshape", lambda a: a.reshape(4, -1), lambda a: a.reshape(4, -1), [(2, 6)], (-2, 2)),
    ("transpose", lambda a: a.transpose(2, 0, 1), lambda a: a.transpose(2, 0, 1), [(2, 3, 4)], (-2, 2)),
    ("T", lambda a: a.T, lambda a: a.T, [(2, 3)], (-2, 2)),
    ("swapaxes", lambda a: a.swapaxes(0, -1), lambda a: a.swapaxes(0, -1), [(2, 3, 4)], (-2, 2)),
    ("squeeze", lambda a: a.squeeze(1), lambda a: a.squeeze(1), [(2, 1, 3)], (-2, 2)),
    ("expand_dims", lambda a: ops.expand_dims(a, 1), lambda a: a[:, None], [(2, 3)], (-2, 2)),
    (
        "concat",
        lambda a, b: ops.concat([a, np.ones((2, 1)), b], axis=1),
        lambda a, b: np.concatenate([a, np.ones((2, 1)), b], axis=1),
        [(2, 3), (2, 2)],
        (-2, 2),
    ),
    (
        "stack",
        lambda a, b: ops.stack([a, b, a], axis=1),
        lambda a, b: np.stack([a, b, a], axis=1),
        [(2, 3)] * 2,
        (-2, 2),
    ),
    (
        "custom",
        ops.custom(lambda a, b: (a * b, a + b), lambda grads, a, b: (grads[0] * b + grads[1], grads[0] * a + grads[1])),
        lambda a, b: (a * b, a + b),
        [(2, 3)] * 2,
        (-2, 2),
    ),
]


def total(result: Any, weights: list[np.ndarray]) -> Any:
    parts = result if isinstance(result, tuple) else (result,)
    return sum((part * weight).sum() for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_values_and_gradients(case: Any) -> None:
    name, on_tensors, in_numpy, shapes, (low, high) = case
    rng = np.random.default_rng(len(name))
    points = [rng.uniform(low, high, shape).astype(np.float32) for shape in shapes]
    wide = [point.astype(np.float64) for point in points]
    expected = in_numpy(*wide)
    parts = expected if isinstance(expected, tuple) else (expected,)
    weights = [rng.uniform(-1, 1, np.shape(part)).astype(np.float32) for part in parts]

    leaves = [rl.Tensor(point, requires_grad=True) for point in points]
    result = on_tensors(*leaves)
    for got, want in zip(result if isinstance(result, tuple) else (result,), parts, strict=True):
        assert got.data.dtype == np.float32
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6, atol=1e-6)
    total(result, weights).backward()

    eps = 1e-6
    for leaf, point in zip(leaves, wide, strict=True):
        slope = np.zeros_like(point)
        for place in np.ndindex(*point.shape):
            before = point[place]
            point[place] = before + eps
            above = total(in_numpy(*wide), weights)
            point[place] = before - eps
            below = total(in_numpy(*wide), weights)
            point[place] = before
            slope[place] = (above - below) / (2 * eps)
        assert leaf.grad.shape == slope.shape
        np.testing.assert_allclose(leaf.grad, slope, rtol=2e-5, atol=2e-5)


def test_equal_elements_share_the_gradient_of_an_extreme() -> None:
    a = rl.Tensor([1.0, 3.0, 3.0], requires_grad=True)
    a.max().backward()
    assert a.grad.tolist() == [0, 0.5, 0.5]
    b = rl.Tensor([1.0, 2.0], requires_grad=True)
    ops.maximum(b, [1.0, 0.0]).sum().backward()
    assert b.grad.tolist() == [0.5, 1]


@pytest.mark.parametrize("beyond", [1e300, np.float64(1e300), 10**400, np.inf], ids=range(4))
def test_bounds_beyond_float32_are_infinite(beyond: float) -> None:
    a = rl.Tensor([-np.inf, 1.0, np.inf], requires_grad=True)
    with np.errstate(all="raise"):
        assert [ops.clip(a, -beyond, beyond).tolist(), a.clip(high=beyond).tolist()] == [a.tolist()] * 2


def test_numpy_takes_part() -> None:
    a = rl.Tensor([[1.0, 4.0]], requires_grad=True)
    (np.sqrt(a) * np.array([1.0, 2.0]) + np.float64(1)).sum().backward()
    assert a.grad.tolist() == [[0.5, 0.5]]
    assert np.asarray(a).tolist() == [[1.0, 4.0]]
    assert np.isfinite(a).all()
    assert (a > 2).tolist() == [[False, True]]
    for leaving in (lambda: np.arctan(a), lambda: np.add(a, 1, out=np.zeros((1, 2))), lambda: np.add.reduce(a)):
        with pytest.raises(TypeError, match=r"would leave the tape.*np\.asarray"):
            leaving()
    values = np.ones((1, 2))
    with pytest.raises(TypeError, match="would leave the tape"):
        values += a


def test_operands_that_change_afterwards_do_not_matter() -> None:
    a, array = rl.Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0], np.float32)
    key = np.array([0, 0])
    y = (a * array)[key].sum()
    array[:] = 100
    key[:] = 1
    y.backward()
    assert a.grad.tolist() == [6, 0]


@pytest.mark.parametrize(
    "kind",
    [
        lambda place: array.array("q", [place]),
        lambda place: UserList([place]),
        lambda place: [place],
        lambda place: (UserList([place]),),
        lambda place: slice(np.array(place), np.array(place + 1)),
        lambda place: (slice(np.array(place), np.array(place + 1)), None),
    ],
    ids=["array.array", "UserList", "list", "in a tuple", "slice", "slice in a tuple"],
)
def test_an_index_that_changes_afterwards_does_not_matter(kind: Callable[[int], Any]) -> None:
    a, key = rl.Tensor([1.0, 2.0, 3.0], requires_grad=True), kind(0)
    y = a[key].sum()
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, slice):
            part.start[...], part.stop[...] = 2, 3
        elif part is not None:
            part[0] = 2
    y.backward()
    assert (y.item(), a.grad.tolist()) == (1.0, [1, 0, 0])


class Second:
    def __index__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "key",
    [[], ([], 0), (slice(None), []), range(0), range(2), np.array(1), slice(np.int64(1), None), Second(), True],
    ids=str,
)
def test_an_index_means_what_it_means_in_numpy(key: Any) -> None:
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    a = rl.Tensor(plain, requires_grad=True)
    y = a[key]
    np.testing.assert_array_equal(y, plain[key])
    y.backward(np.ones(y.shape))
    expected = np.zeros((2, 3))
    expected[key] = 1
    np.testing.assert_array_equal(a.grad, expected)


def test_what_is_given_back_or_replaced_afterwards_does_not_matter() -> None:
    rows = [rl.Tensor(np.ones((steps, 2)), requires_grad=True) for steps in (3, 2)]
    y, lengths = ops.pad(rows)
    lengths -= 1
    y.sum().backward()
    assert [row.grad.tolist() for row in rows] == [[[1.0, 1.0]] * 3, [[1.0, 1.0]] * 2]
    for extreme, slope in ((ops.max, [0, 1, 0]), (ops.min, [1, 0, 0])):
        a = rl.Tensor([1.0, 3.0, 2.0], requires_grad=True)
        y = extreme(a)
        a.data = a.data - 5
        y.backward()
        assert a.grad.tolist() == slope


def test_a_parameter_that_changed_is_refused() -> None:
    w = rl.nn.Parameter([1.0, 2.0])
    y = (w * w).sum()
    part = w[:1]
    w.assign([5.0, 6.0])
    assert part.tolist() == [1.0], "what was taken stays as it was"
    with pytest.raises(RuntimeError, match=r"of shape \[2\] was changed after the forward pass"):
        y.backward()
    assert w.grad is None


def test_values_cannot_be_written() -> None:
    a = rl.Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        a.data[0] = 3
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(a)[0] = 3
    with pytest.raises(TypeError):
        a[0] = 3  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (lambda a: a + "1", TypeError, "array of real numbers"),
        (lambda a: a * 1j, TypeError, "array of real numbers"),
        (lambda a: a * 1e300, ValueError, "beyond the range of float32"),
        (lambda a: bool(a), ValueError, "neither true nor false"),
        (lambda a: a[a], TypeError, "cannot be an index"),
        (lambda a: ops.clip(a), ValueError, "needs low, high or both"),
        (lambda a: np.clip(a, -1.0, a.sum()), TypeError, "high must be a number, got Tensor"),
        (lambda a: a.clip(a[0], 3.0), TypeError, "low must be a number, got Tensor"),
        (lambda a: a.clip(np.zeros(3), 3.0), TypeError, "low must be a number, got array"),
        (lambda a: a.clip(2, 1), ValueError, "low must not be above high, got 2 and 1"),
        (lambda a: rl.losses.huber(a, [0.0] * 3, delta=a[0]), TypeError, "delta must be a number, got Tensor"),
        (lambda a: rl.losses.quantile(a, 0.0, q=[a[0], 0.5]), TypeError, r"q\[0\] must be a number, got Tensor"),
        (lambda a: ops.where([1, 0, 1], a, a), TypeError, "array of booleans"),
        (lambda a: ops.concat(a), ValueError, "a list of at least one"),
        (lambda a: ops.stack([]), ValueError, "a list of at least one"),
        (lambda a: a + np.ones(4), ValueError, "broadcast"),
        (lambda a: a.reshape(2, 2), ValueError, "reshape"),
        (lambda a: a[7], IndexError, "out of bounds"),
        (lambda a: a["name"], IndexError, "must be of integer"),
        (lambda a: a[object()], TypeError, "cannot be interpreted as an integer"),
        (lambda a: a[a[0] :], TypeError, "cannot be interpreted as an integer"),
        (lambda a: a[1.0:], TypeError, "cannot be interpreted as an integer"),
        (lambda a: a.backward(), ValueError, r"needs its gradient"),
    ],
)
def test_mistakes_are_errors(wrong: Callable[[rl.Tensor], Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        wrong(rl.Tensor([1.0, 2.0, 3.0], requires_grad=True))


LISTS: dict[str, Callable[[rl.Tensor], Any]] = {
    "operand": lambda a: rl.Tensor([1.0, 2.0]) * [a[0], 3.0],
    "deep": lambda a: np.ones((1, 3, 2)) * rl.Tensor(2.0) + (((1.0, 2.0), [3.0, 4.0], [5.0, a[0]]),),
    "matmul": lambda a: rl.Tensor([[1.0, 2.0]]) @ [a, a],
    "where": lambda a: ops.where([True, False], rl.Tensor([0.0, 0.0]), [a[0], a[1]]),
    "concat": lambda a: ops.concat([a, [a.sum(), a.sum()]]),
    "custom": lambda a: ops.custom(lambda x, y: x * y, lambda grad, x, y: (grad * y, grad * x))(a, [a[0], a[1]]),
    "linear": lambda a: ops.linear([[a[0], a[1]]], rl.nn.Parameter(np.ones((3, 2)))),
    "loss": lambda a: rl.losses.mse([a[0], a[1]], [0.0, 0.0]),
    "sequence": lambda a: rl.nn.LSTM(2, 3)([[a, a]])[0],
    "state": lambda a: rl.nn.LSTM(2, 2)(np.ones((1, 1, 2)), state=([[a]], None))[0],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_does_not_swallow_gradients(name: str) -> None:
    a = rl.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"would lose it; join what is in it with rustlstm\.ops\.stack"):
        LISTS[name](a)
    with rl.no_grad():
        lost = LISTS[name](a).numpy()
    np.testing.assert_array_equal(LISTS[name](a.detach()), lost)


def test_gradients_reach_the_sequences_of_a_list() -> None:
    rows = [rl.Tensor(np.ones((steps, 2)), requires_grad=True) for steps in (2, 3)]
    y, _ = rl.nn.LSTM(2, 3)([*rows, [[1.0, 2.0]]])
    y.sum().backward()
    assert [row.grad.shape for row in rows] == [(2, 2), (3, 2)]


def test_mistakes_in_a_custom_operation_are_errors() -> None:
    a = rl.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="must return 1 gradients, one for each input, got 2"):
        ops.custom(lambda x: x, lambda grad, x: (grad, grad))(a).sum().backward()
    with pytest.raises(ValueError, match=r"gradient of input 0 must have shape \[2\], got \[1\]"):
        ops.custom(lambda x: x * 1, lambda grad, x: grad[:1])(a).sum().backward()
    with pytest.raises(ValueError, match="read-only"):
        ops.custom(lambda x: x.__imul__(2), lambda grad, x: grad)(a)
    assert a.grad is None


def test_iteration_and_unpacking() -> None:
    a = rl.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = a
    (first * second).sum().backward()
    assert a.grad.tolist() == [[3, 4], [1, 2]]


def test_nothing_is_kept_without_gradients() -> None:
    a = rl.Tensor([1.0], requires_grad=True)
    with rl.no_grad():
        assert not (a * 2 + a[0]).requires_grad
    assert not (rl.Tensor([1.0]) * 2).requires_grad
