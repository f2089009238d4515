"""Clipping of gradients, by their norm and by value."""

from __future__ import annotations

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.nn import Parameter
from rustlstm.optim import clip_grad_norm, clip_grad_value


def with_gradients(*grads: object) -> list[Parameter]:
    made = []
    for index, grad in enumerate(grads):
        parameter = Parameter(np.zeros(np.shape(grad)))  # type: ignore[arg-type]
        parameter.name = f"p{index}"
        parameter.grad = grad  # type: ignore[assignment]
        made.append(parameter)
    return made


def test_norm_is_returned_and_gradients_are_scaled_in_place() -> None:
    grads = [np.array([3.0], np.float32), np.array([[4.0, 0.0], [0.0, 12.0]], np.float32)]
    given = with_gradients(*grads)
    given.append(Parameter([1.0]))  # without a gradient
    assert clip_grad_norm(given, 1.3) == 13.0
    np.testing.assert_allclose(grads[0], [0.3], rtol=1e-6)
    np.testing.assert_allclose(grads[1], [[0.4, 0.0], [0.0, 1.2]], rtol=1e-6)
    assert clip_grad_norm(given, float("inf")) == pytest.approx(1.3, rel=1e-6)
    before = grads[1].copy()
    clip_grad_norm(given, 2.0)
    assert np.array_equal(grads[1], before), "a small gradient stays as it is"


def test_norm_of_nothing_is_zero() -> None:
    assert clip_grad_norm([Parameter([1.0])], 1.0) == 0.0
    clip_grad_value([Parameter([1.0])], 1.0)


def test_value() -> None:
    given = with_gradients(np.array([-3.0, -0.5, 0.0, 7.0], np.float32))
    clip_grad_value(given, 1.0)
    assert given[0].grad is not None
    assert given[0].grad.tolist() == [-1.0, -0.5, 0.0, 1.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nothing_is_clipped_where_a_gradient_is_not_finite(bad: float) -> None:
    given = with_gradients(np.full(3, 5.0, np.float32), np.array([[1.0, bad]], np.float32))
    for clip in (clip_grad_norm, clip_grad_value):
        with pytest.raises(rl.NonFiniteError, match=rf"the gradient of p1 is not finite: {bad} at \[0, 1\]"):
            clip(given, 1.0)
        assert given[0].grad is not None
        assert given[0].grad.tolist() == [5.0, 5.0, 5.0]


def test_gradients_that_cannot_be_written_are_replaced() -> None:
    fixed = np.array([3.0, 4.0], np.float32)
    fixed.flags.writeable = False
    square = np.asfortranarray(np.array([[3.0, 0.0], [4.0, 0.0]], np.float32))
    for grad in (fixed, [3.0, 4.0], np.array([3.0, 4.0]), square, np.array([3.0, 4.0], ">f4")):
        given = with_gradients(grad)
        assert clip_grad_norm(given, 1.0) == 5.0
        assert np.linalg.norm(np.asarray(given[0].grad)) == pytest.approx(1.0, rel=1e-5)
        assert np.linalg.norm(np.asarray(grad, np.float64)) == 5.0, "what the user gave is left alone"


def test_a_gradient_that_two_parameters_have_is_refused() -> None:
    grad = np.ones(3, np.float32)
    with pytest.raises(RuntimeError, match="is in use"):
        clip_grad_norm(with_gradients(grad, grad), 1.0)


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_mistakes_are_sentences(clip: object) -> None:
    assert callable(clip)
    with pytest.raises(ValueError, match=r"(max_norm|limit) must be at least 0, got -1"):
        clip(with_gradients(np.ones(1)), -1)
    with pytest.raises(TypeError, match=r"parameters\[0\] must be a Parameter, got int"):
        clip([3], 1.0)
