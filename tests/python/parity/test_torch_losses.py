"""Every loss beside torch's: value and all gradients, over reductions, options and sizes.

The reference is torch in float64 on the same float32 numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from rustlstm import Tensor, losses

from .compare import FORWARD_BOUND, GRADIENT_BOUND, differences, failures

pytestmark = pytest.mark.torch

Pair = tuple[Callable[..., Tensor], Callable[..., torch.Tensor], list[np.ndarray], np.ndarray]
SHAPES = [(1,), (7, 1), (5, 17), (3, 8, 33)]


def reduced(each: torch.Tensor, reduction: str) -> torch.Tensor:
    return {"mean": each.mean, "sum": each.sum, "none": lambda: each}[reduction]()


def pairs(rng: np.random.Generator, shape: tuple[int, ...], reduction: str) -> dict[str, Pair]:
    """Return ours, torch's, the arguments with gradients and the target, by name; both take arguments, then target."""
    x, t = rng.standard_normal((2, *shape)) * 3.0
    p = rng.uniform(0.001, 0.999, shape)
    soft = rng.random(shape)
    hard = (soft < 0.5).astype(float)
    variance, scale, df = rng.uniform(0.05, 4.0, (3, *shape))
    mean, counts = rng.uniform(0.1, 20.0, shape), rng.poisson(6.0, shape).astype(float)
    channel = rng.uniform(0.2, 5.0, shape[-1]).astype(np.float32)
    wide = torch.from_numpy(channel).double()
    r: Any = {"reduction": reduction}

    def student(mean: torch.Tensor, scale: torch.Tensor, df: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return reduced(-torch.distributions.StudentT(df, mean, scale).log_prob(target), reduction)

    def counted(mean: torch.Tensor, dispersion: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        total = 1.0 / dispersion
        distribution = torch.distributions.NegativeBinomial(total, logits=torch.log(mean / total))
        return reduced(-distribution.log_prob(target), reduction)

    def pinball(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return reduced(torch.maximum(0.3 * (t - x), -0.7 * (t - x)), reduction)

    bce, with_logits = losses.binary_cross_entropy, functional.binary_cross_entropy_with_logits
    return {
        "mse": (lambda x, t: losses.mse(x, t, **r), lambda x, t: functional.mse_loss(x, t, **r), [x], t),
        "mae": (lambda x, t: losses.mae(x, t, **r), lambda x, t: functional.l1_loss(x, t, **r), [x], t),
        "mae of equals": (lambda x, t: losses.mae(x, t, **r), lambda x, t: functional.l1_loss(x, t, **r), [x], x),
        "huber": (lambda x, t: losses.huber(x, t, **r), lambda x, t: functional.huber_loss(x, t, **r), [x], t),
        "huber 0.3": (
            lambda x, t: losses.huber(x, t, delta=0.3, **r),
            lambda x, t: functional.huber_loss(x, t, delta=0.3, **r),
            [x],
            t,
        ),
        "quantile": (lambda x, t: losses.quantile(x, t, q=0.3, **r), pinball, [x], t),
        "binary": (lambda x, t: bce(x, t, **r), lambda x, t: with_logits(x, t, **r), [x], soft),
        "binary far": (lambda x, t: bce(x, t, **r), lambda x, t: with_logits(x, t, **r), [10.0 * x], hard),
        "binary pos_weight": (
            lambda x, t: bce(x, t, pos_weight=channel, **r),
            lambda x, t: with_logits(x, t, pos_weight=wide, **r),
            [x],
            soft,
        ),
        "binary weights": (
            lambda x, t: bce(x, t, weights=np.broadcast_to(channel, shape), reduction="none"),
            lambda x, t: with_logits(x, t, weight=wide, reduction="none"),
            [x],
            soft,
        ),
        "probabilities": (
            lambda x, t: bce(x, t, probabilities=True, **r),
            lambda x, t: functional.binary_cross_entropy(x, t, **r),
            [p],
            soft,
        ),
        "certain probabilities": (
            lambda x, t: bce(x, t, probabilities=True, **r),
            lambda x, t: functional.binary_cross_entropy(x, t, **r),
            [np.round(p)],
            hard,
        ),
        "gaussian": (
            lambda m, v, t: losses.gaussian_nll(m, t, v, **r),
            lambda m, v, t: functional.gaussian_nll_loss(m, t, v, **r),
            [x, variance],
            t,
        ),
        "gaussian full, cut": (
            lambda m, v, t: losses.gaussian_nll(m, t, v, full=True, eps=0.5, **r),
            lambda m, v, t: functional.gaussian_nll_loss(m, t, v, full=True, eps=0.5, **r),
            [x, variance],
            t,
        ),
        "student t": (lambda m, s, d, t: losses.student_t_nll(m, t, s, d, **r), student, [x, scale, 5.0 * df], t),
        "student t, many df": (
            lambda m, s, d, t: losses.student_t_nll(m, t, s, d, **r),
            student,
            [x, scale, 300 * df],
            t,
        ),
        "negative binomial": (
            lambda m, d, t: losses.negative_binomial_nll(m, t, d, **r),
            counted,
            [mean, variance],
            counts,
        ),
    }


def entropies(rng: np.random.Generator, shape: tuple[int, ...], classes: int, reduction: str) -> dict[str, Pair]:
    """The same for cross-entropy; torch has the classes on its second axis."""
    logits = rng.standard_normal((*shape, classes)) * 4.0
    target = rng.integers(0, classes, shape)
    ignoring = np.where(rng.random(shape) < 0.3, -100, target)
    ignoring.flat[0] = 0  # torch gives NaN where all are ignored
    weights = rng.uniform(0.1, 3.0, classes).astype(np.float32)
    wide = torch.from_numpy(weights).double()
    r: Any = {"reduction": reduction}

    def beside(**options: Any) -> tuple[Callable[..., Tensor], Callable[..., torch.Tensor]]:
        torchs = {
            ("weight" if k == "class_weights" else k): (wide if k == "class_weights" else v) for k, v in options.items()
        }

        def reference(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            loss = functional.cross_entropy(x.reshape(-1, classes), t.reshape(-1), **torchs, **r)
            return loss.reshape(t.shape) if reduction == "none" else loss

        return lambda x, t: losses.cross_entropy(x, t, **options, **r), reference

    return {
        "plain": (*beside(), [logits], target),
        "ignoring": (*beside(), [logits], ignoring),
        "ignoring a class": (*beside(ignore_index=classes - 1), [logits], np.where(ignoring < 0, classes - 1, 0)),
        "weighted": (*beside(class_weights=weights), [logits], ignoring),
        "smoothed": (*beside(label_smoothing=0.1), [logits], ignoring),
        "smoothed and weighted": (*beside(label_smoothing=0.3, class_weights=weights), [logits], ignoring),
        "wholly smoothed": (*beside(label_smoothing=1.0, class_weights=weights), [logits], ignoring),
        "sure": (*beside(), [30.0 * logits], target),
    }


def compare(pair: Pair, rng: np.random.Generator, measured: Callable[[dict[str, float]], None]) -> list[str]:
    ours, reference, arguments, target = pair
    singles = [argument.astype(np.float32) for argument in arguments]
    target = target if target.dtype == np.int64 else target.astype(np.float32)
    tensors = [Tensor(single, requires_grad=True) for single in singles]
    doubles = [torch.from_numpy(single.astype(np.float64)).requires_grad_() for single in singles]
    loss = ours(*tensors, target)
    wanted = torch.from_numpy(target if target.dtype == np.int64 else target.astype(np.float64))
    expected = reference(*doubles, wanted)
    arriving = rng.uniform(0.5, 2.0, loss.shape).astype(np.float32)
    loss.backward(arriving)
    expected.backward(torch.from_numpy(arriving.astype(np.float64)).reshape(expected.shape))
    got = {"y": loss.numpy()} | {f"grad.{n}": np.asarray(tensor.grad) for n, tensor in enumerate(tensors)}
    truth = {"y": expected.detach().numpy()} | {f"grad.{n}": double.grad.numpy() for n, double in enumerate(doubles)}
    found = differences(got, truth)
    measured(found)
    return failures(found, FORWARD_BOUND, GRADIENT_BOUND)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_losses_of_elements(
    shape: tuple[int, ...], reduction: str, measured: Callable[[dict[str, float]], None]
) -> None:
    rng = np.random.default_rng(len(shape))
    found = {name: compare(pair, rng, measured) for name, pair in pairs(rng, shape, reduction).items()}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("classes", [2, 16, 97])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy(
    shape: tuple[int, ...], classes: int, reduction: str, measured: Callable[[dict[str, float]], None]
) -> None:
    rng = np.random.default_rng(classes)
    found = {name: compare(pair, rng, measured) for name, pair in entropies(rng, shape, classes, reduction).items()}
    assert not {name: lines for name, lines in found.items() if lines}
