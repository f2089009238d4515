"""Losses against numpy in float64: values, gradients by finite differences, masks, poison, errors, the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from loss_problems import RNG, Problem, problems
from rustlstm import Tensor, losses

PROBLEMS = problems()
LENGTHS = np.array([4, 0, 2])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_values_and_gradients_of_every_argument(problem: Problem, ragged: bool, weighted: bool, reduction: Any) -> None:
    shape = problem.shape
    mask = np.ones(shape, bool)
    if ragged:
        mask &= (np.arange(4) < LENGTHS[:, None]).reshape(3, 4, *[1] * (len(shape) - 2))
    if problem.ignored is not None:
        mask &= problem.target != problem.ignored
    weights = RNG.uniform(0.0, 2.0, (3, 4)).astype(np.float32)
    wide = weights.reshape(3, 4, *[1] * (len(shape) - 2)) * np.ones(shape) if weighted else np.ones(shape)
    options: dict[str, Any] = {"reduction": reduction}
    if ragged:
        options["lengths"] = LENGTHS
    if weighted:
        options["weights"] = weights

    tensors = [Tensor(argument, requires_grad=True) for argument in problem.arguments]
    loss = problem.ours(list(tensors), problem.target, **options)
    arguments = [argument.astype(np.float64) for argument in problem.arguments]
    expected = problem.total(arguments, mask, wide, reduction)
    assert loss.shape == np.shape(expected)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=2e-5, atol=2e-6)
    with rl.no_grad():
        assert problem.ours(list(tensors), problem.target, **options).numpy().tobytes() == loss.numpy().tobytes()

    arriving = RNG.uniform(-2.0, 2.0, np.shape(expected)).astype(np.float32)
    loss.backward(arriving)
    for n, tensor in enumerate(tensors):
        assert tensor.grad is not None
        truth = np.zeros(tensor.shape)
        for place in np.ndindex(tensor.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [argument.copy() for argument in arguments]
                moved[n][place] += step
                ends.append((arriving * problem.total(moved, mask, wide, reduction)).sum())
            truth[place] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(tensor.grad, truth, rtol=1e-4, atol=2e-6 * max(1.0, abs(truth).max()))


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_padding_and_ignored_rows_are_not_felt(problem: Problem) -> None:
    for reduction in ("mean", "none"):
        tensors = [Tensor(argument, requires_grad=True) for argument in problem.arguments]
        clean = problem.ours(list(tensors), problem.target, lengths=LENGTHS, reduction=reduction)
        clean.backward(np.ones(clean.shape))

        dirty = [argument.copy() for argument in problem.arguments]
        target = problem.target.copy()
        padding = np.arange(4) >= LENGTHS[:, None]
        for argument in dirty:
            if argument.shape[:2] == (3, 4):
                argument[padding] = np.nan
                if problem.ignored is not None:
                    argument[problem.target == problem.ignored] = np.nan
        target[padding] = 10**6
        others = [Tensor(argument, requires_grad=True) for argument in dirty]
        lengths = LENGTHS.copy()
        loss = problem.ours(list(others), target, lengths=lengths, reduction=reduction)
        lengths[:] = 4  # ours is not changed by what becomes of the caller's array
        arriving = np.ones(loss.shape, np.float32)
        if reduction == "none":
            arriving[padding] = np.inf
        loss.backward(arriving)
        assert loss.numpy().tobytes() == clean.numpy().tobytes()
        for tensor, other in zip(tensors, others, strict=True):
            np.testing.assert_array_equal(tensor.grad, other.grad)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_poison_comes_out(problem: Problem, poison: float) -> None:
    place = (0, 1, 0)
    if problem.ignored is not None and problem.target[place] == problem.ignored:
        place = tuple(np.argwhere(problem.target != problem.ignored)[0])
    poisoned = [argument.copy() for argument in problem.arguments]
    poisoned[0][place] = poison
    if "probabilities" in problem.name and np.isinf(poison):
        with pytest.raises(ValueError, match=r"prediction\[0, 1, 0\] must be from 0 to 1, got inf"):
            problem.ours(list(poisoned), problem.target)
        return
    assert not np.isfinite(problem.ours(list(poisoned), problem.target).item())
    if problem.target.dtype == float:
        target = problem.target.copy()
        target[place] = poison
        if problem.name.startswith("binary") and np.isinf(poison):
            with pytest.raises(ValueError, match=r"target\[0, 1, 0\] must be from 0 to 1, got inf"):
                problem.ours(list(problem.arguments), target)
        else:
            assert not np.isfinite(problem.ours(list(problem.arguments), target).item())


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_where_nothing_counts_loss_and_gradient_are_zero(problem: Problem) -> None:
    tensor = Tensor(problem.arguments[0], requires_grad=True)
    arguments = [tensor, *problem.arguments[1:]]
    loss = problem.ours(arguments, problem.target, lengths=[0, 0, 0])
    loss.backward()
    assert loss.item() == 0.0
    assert tensor.grad is not None and not tensor.grad.any()
    assert problem.ours(arguments, problem.target, weights=np.zeros((3, 4))).item() == 0.0


def test_empty_arrays() -> None:
    assert losses.mse(np.zeros((0, 3)), np.zeros((0, 3))).item() == 0.0
    assert losses.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)).item() == 0.0
    assert losses.mse(np.float32(3.0), np.float32(1.0)).item() == 4.0
    assert losses.mse(np.zeros((2, 0)), np.zeros((2, 0)), reduction="none").shape == (2, 0)


ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: losses.mse(np.zeros((3, 1)), np.zeros(3)),
        ValueError,
        r"target must have shape \[3, 1\] to go with prediction, got \[3\]",
    ),
    (lambda: losses.mse(np.zeros(3), 1.0), ValueError, r"target must have shape \[3\]"),
    (lambda: losses.mse(["a"], [1.0]), TypeError, "prediction must be an array of real numbers"),
    (lambda: losses.mse([1.0], [1j]), TypeError, "target must be an array of real numbers"),
    (lambda: losses.mse([1.0], [1.0], lengths=[1]), ValueError, "lengths must be left out where there are no steps"),
    (
        lambda: losses.mse(np.zeros((2, 3)), np.zeros((2, 3)), lengths=[1, 4]),
        ValueError,
        r"lengths\[1\] must be between 0 and T=3",
    ),
    (
        lambda: losses.mse(np.zeros((2, 3)), np.zeros((2, 3)), weights=[1, 2, 3]),
        ValueError,
        r"weights must have shape \[2, 3\]",
    ),
    (
        lambda: losses.mse(np.zeros((2, 3)), np.zeros((2, 3)), weights=[1, -1]),
        ValueError,
        r"weights\[1, 0\] must be at least 0, got -1",
    ),
    (
        lambda: losses.mse([1.0], [1.0], reduction="avg"),
        ValueError,
        'reduction must be "mean", "sum" or "none", got "avg"',
    ),  # type: ignore[arg-type]
    (
        lambda: losses.mse([1.0], Tensor([1.0], requires_grad=True)),
        ValueError,
        r"target requires a gradient.*target.detach\(\)",
    ),
    (
        lambda: losses.mse([1.0], [1.0], weights=Tensor([1.0], requires_grad=True)),
        ValueError,
        "weights requires a gradient",
    ),
    (lambda: losses.huber([1.0], [1.0], delta=-1.0), ValueError, "delta must be a number above 0, got -1"),
    (lambda: losses.quantile([1.0], [1.0], q=1.0), ValueError, "q must be between 0 and 1"),
    (
        lambda: losses.quantile(np.zeros((4, 3)), np.zeros(4), q=[0.5, 0.6]),
        ValueError,
        r"prediction must have shape \[..., Q=2\], got \[4, 3\]",
    ),
    (
        lambda: losses.quantile(np.zeros((4, 2)), np.zeros((4, 2)), q=[0.5, 0.6]),
        ValueError,
        r"target must have shape \[4\]",
    ),
    (
        lambda: losses.cross_entropy(np.zeros((2, 3)), [0, 3]),
        ValueError,
        r"target\[1\] must be a class from 0 to V-1=2, or -100, got 3",
    ),
    (lambda: losses.cross_entropy(np.zeros((2, 3)), [0.0, 1.0]), TypeError, "target must be an array of integers"),
    (
        lambda: losses.cross_entropy(np.zeros((2, 3)), [[0], [1]]),
        ValueError,
        r"target must have shape \[2\] to go with logits, got \[2, 1\]",
    ),
    (
        lambda: losses.cross_entropy(np.zeros((2, 3)), [0, 1], class_weights=[1.0]),
        ValueError,
        r"class_weights must have shape \[V=3\]",
    ),
    (
        lambda: losses.cross_entropy(np.zeros((2, 3)), [0, 1], label_smoothing=2.0),
        ValueError,
        "label_smoothing must be from 0 to 1, got 2",
    ),
    (lambda: losses.cross_entropy(3.0, 0), ValueError, r"logits must have shape \[..., V\]"),
    (lambda: losses.binary_cross_entropy([0.0], [2.0]), ValueError, r"target\[0\] must be from 0 to 1, got 2"),
    (
        lambda: losses.binary_cross_entropy([1.5], [1.0], probabilities=True),
        ValueError,
        r"prediction\[0\] must be from 0 to 1",
    ),
    (
        lambda: losses.binary_cross_entropy([0.5], [1.0], pos_weight=[1.0, 2.0]),
        ValueError,
        "pos_weight must have shape",
    ),
    (lambda: losses.gaussian_nll([0.0], [1.0], [-1.0]), ValueError, r"variance\[0\] must be at least 0, got -1"),
    (
        lambda: losses.gaussian_nll(np.zeros((2, 3)), np.zeros((2, 3)), [1.0, 1.0, 1.0]),
        ValueError,
        r"variance must have shape \[2, 3\]",
    ),
    (lambda: losses.student_t_nll([0.0], [1.0], [1.0], 0.0), ValueError, r"df\[0\] must be above 0"),
    (
        lambda: losses.negative_binomial_nll([1.0], [1.5], 1.0),
        ValueError,
        r"target\[0\] must be a whole number from 0 up, got 1.5",
    ),
    (lambda: losses.temporal_activation_regulariser([1.0]), ValueError, r"y must have shape \[B, T, …\], got \[1\]"),
]


@pytest.mark.once
def test_errors_are_sentences() -> None:
    wrong = []
    for number, (call, kind, message) in enumerate(ERRORS):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which kind is looked at below
            call()
        if not (isinstance(caught.value, kind) and caught.match(message)):
            wrong.append(f"{number}: {caught.value!r} instead of {message}")
    assert not wrong, "\n".join(wrong)


def test_a_loss_is_an_end_of_the_tape() -> None:
    lstm = rl.nn.LSTM(3, 4, seed=0)
    x = RNG.standard_normal((2, 5, 3)).astype(np.float32)
    target = RNG.standard_normal((2, 5, 4)).astype(np.float32)
    y, _ = lstm(x, lengths=[5, 2])
    losses.mse(y, target, lengths=[5, 2]).backward()
    got = [parameter.grad for parameter in lstm.parameters()]
    lstm.zero_grad()
    y, _ = lstm(x, lengths=[5, 2])
    valid = np.zeros((2, 5, 1), np.float32)
    valid[0], valid[1, :2] = 1.0, 1.0
    y.backward(2.0 * (y.numpy() - target) * valid / 28.0)
    for ours, expected in zip(got, (parameter.grad for parameter in lstm.parameters()), strict=True):
        assert ours is not None and expected is not None
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)


def test_backward_takes_what_arrives_and_leaves_the_arguments_alone() -> None:
    x = Tensor([1.0, 3.0], requires_grad=True)
    target = np.array([0.0, 0.0], np.float32)
    loss = losses.mse(x, target, reduction="sum")
    target[:] = 9.0  # too late to matter
    loss.backward(0.5)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad, [1.0, 3.0])
    np.testing.assert_array_equal(x.numpy(), [1.0, 3.0])


def test_only_what_requires_a_gradient_gets_one() -> None:
    mean, scale = Tensor([1.0, 2.0]), Tensor([1.0, 2.0], requires_grad=True)
    losses.student_t_nll(mean, [0.0, 0.0], scale, 3.0).backward()
    assert mean.grad is None and scale.grad is not None
    assert not losses.mse(mean, [0.0, 0.0]).requires_grad


def test_regularisers() -> None:
    y = RNG.standard_normal((3, 4, 2)).astype(np.float32)
    valid = (np.arange(4) < LENGTHS[:, None])[..., None] * np.ones((3, 4, 2), bool)
    changed = valid[:, 1:]
    for function, mask, values in [
        (losses.activation_regulariser, valid, lambda y: y**2),
        (losses.temporal_activation_regulariser, changed, lambda y: (y[:, 1:] - y[:, :-1]) ** 2),
    ]:
        dirty = np.where(valid, y, np.nan)
        tensor = Tensor(dirty, requires_grad=True)
        loss = function(tensor, lengths=LENGTHS)
        np.testing.assert_allclose(loss.item(), values(y.astype(float))[mask].mean(), rtol=1e-6)
        loss.backward()
        assert tensor.grad is not None
        for place in np.ndindex(y.shape):
            moved = [y.astype(float), y.astype(float)]
            moved[0][place] += 1e-6
            moved[1][place] -= 1e-6
            slope = (values(moved[0])[mask].mean() - values(moved[1])[mask].mean()) / 2e-6
            np.testing.assert_allclose(tensor.grad[place], slope, rtol=1e-4, atol=1e-6)
        whole = function(y)
        np.testing.assert_allclose(whole.item(), values(y.astype(float)).mean(), rtol=1e-6)


@pytest.mark.once
def test_large_losses_have_the_same_bits_on_any_number_of_threads() -> None:
    before = rl.get_num_threads()
    logits, ids = RNG.standard_normal((5000, 70)), RNG.integers(0, 70, 5000)
    results = []
    try:
        for threads in (1, 2, 4):
            rl.set_num_threads(threads)
            tensor = Tensor(logits, requires_grad=True)
            loss = losses.cross_entropy(tensor, ids)
            loss.backward()
            assert tensor.grad is not None
            results.append(loss.numpy().tobytes() + tensor.grad.tobytes())
    finally:
        rl.set_num_threads(before)
    assert len(set(results)) == 1
