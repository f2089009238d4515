"""Every loss with arguments for it, and the same in float64 numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rustlstm import Tensor, losses

Array = npt.NDArray[Any]
RNG = np.random.default_rng(7)


class Problem:
    """A loss with its arguments, and the same in float64 as a function of them, element by element."""

    def __init__(
        self,
        name: str,
        loss: Callable[..., Tensor],
        arguments: list[Array],
        target: Array,
        element: Callable[..., Array],
        count: Callable[[Array], Array] | None = None,
        ignored: int | None = None,
        **options: Any,
    ) -> None:
        self.name, self.loss, self.target, self.element = name, loss, target, element
        self.arguments = [np.asarray(argument, np.float32) for argument in arguments]
        self.count = count or (lambda target: np.ones(self.shape))
        self.ignored, self.options = ignored, options

    def __repr__(self) -> str:
        return self.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the losses, one by one."""
        return self.element(self.target, *(argument.astype(np.float64) for argument in self.arguments)).shape

    def ours(self, arguments: list[Any], target: Any, **options: Any) -> Tensor:
        first, *rest = arguments
        return self.loss(first, target, *rest, **self.options, **options)

    def total(self, arguments: list[Array], mask: Array, weights: Array, reduction: str) -> Any:
        each = np.where(mask, weights * self.element(self.target, *arguments), 0.0)
        if reduction == "none":
            return each
        scale = np.where(mask, weights * self.count(self.target), 0.0).sum() if reduction == "mean" else 1.0
        return each.sum() / scale if scale else 0.0


def lgamma(x: Array) -> Array:
    return np.vectorize(math.lgamma, otypes=[float])(x)


def cross_entropy(target: Array, logits: Array, weights: Array | None = None, smoothing: float = 0.0) -> Array:
    classes = logits.shape[-1]
    weight = np.ones(classes) if weights is None else weights
    log = np.log(np.exp(logits).sum(-1, keepdims=True)) - logits
    valid = np.where(target < 0, 0, target)
    hard = weight[valid] * np.take_along_axis(log, valid[..., None], -1)[..., 0]
    return (1 - smoothing) * hard + smoothing / classes * (weight * log).sum(-1)


def binary(target: Array, logits: Array, weight: Any = 1.0) -> Array:
    return weight * target * np.log1p(np.exp(-logits)) + (1 - target) * np.log1p(np.exp(logits))


def student_t(target: Array, mean: Array, scale: Array, df: Array) -> Array:
    y = (target - mean) / scale
    constant = lgamma(df / 2) - lgamma((df + 1) / 2) + 0.5 * np.log(df * np.pi)
    return np.log(scale) + constant + 0.5 * (df + 1) * np.log1p(y * y / df)


def negative_binomial(target: Array, mean: Array, dispersion: Array) -> Array:
    r = 1 / dispersion
    p = mean / (mean + r)
    return lgamma(r) + lgamma(target + 1) - lgamma(r + target) - target * np.log(p) - r * np.log1p(-p)


def normal(*shape: int) -> Array:
    return RNG.standard_normal(shape)


def positive(*shape: int) -> Array:
    return RNG.uniform(0.3, 3.0, shape)


def problems() -> list[Problem]:
    shape = (3, 4, 2)  # [B, T, C]
    x, t = normal(*shape), normal(*shape)
    q = np.array([0.1, 0.5, 0.8])
    pinball = lambda t, x, q: np.maximum(q * (t - x), (q - 1) * (t - x))  # noqa: E731
    ids = RNG.integers(0, 5, shape)
    some = np.where(RNG.random(shape) < 0.3, -100, ids)
    class_weights = RNG.uniform(0.2, 2.0, 5)
    of_class = lambda t: class_weights[np.where(t < 0, 0, t)]  # noqa: E731
    logits = normal(*shape, 5)
    soft, per_channel = RNG.random(shape), np.array([2.0, 0.5])
    p = RNG.uniform(0.05, 0.95, shape)
    counts = RNG.poisson(4.0, shape).astype(float)
    huber = lambda t, x, d: np.where(abs(t - x) < d, (t - x) ** 2 / 2, d * (abs(t - x) - d / 2))  # noqa: E731
    gauss = lambda t, m, v: 0.5 * (np.log(v) + (m - t) ** 2 / v)  # noqa: E731
    by_p = lambda t, p: -t * np.log(p) - (1 - t) * np.log1p(-p)  # noqa: E731
    return [
        Problem("mse", losses.mse, [x], t, lambda t, x: (x - t) ** 2),
        Problem("mae", losses.mae, [x], t, lambda t, x: abs(x - t)),
        Problem("huber", losses.huber, [x], t, lambda t, x: huber(t, x, 1.0)),
        Problem("huber delta", losses.huber, [x], t, lambda t, x: huber(t, x, 0.4), delta=0.4),
        Problem("quantile", losses.quantile, [x], t, lambda t, x: pinball(t, x, 0.3), q=0.3),
        Problem("quantiles", losses.quantile, [normal(*shape, 3)], t, lambda t, x: pinball(t[..., None], x, q), q=q),
        Problem("cross-entropy", losses.cross_entropy, [logits], ids, cross_entropy),
        Problem("cross-entropy ignoring", losses.cross_entropy, [logits], some, cross_entropy, ignored=-100),
        Problem(
            "cross-entropy weighted",
            losses.cross_entropy,
            [logits],
            some,
            lambda t, x: cross_entropy(t, x, class_weights),
            of_class,
            ignored=-100,
            class_weights=class_weights,
        ),
        Problem(
            "cross-entropy smoothed and weighted",
            losses.cross_entropy,
            [logits],
            np.where(some < 0, -1, some),
            lambda t, x: cross_entropy(t, x, class_weights, 0.2),
            of_class,
            ignored=-1,
            class_weights=class_weights,
            label_smoothing=0.2,
            ignore_index=-1,
        ),
        Problem("binary", losses.binary_cross_entropy, [x], soft, binary),
        Problem(
            "binary weighted", losses.binary_cross_entropy, [x], soft, lambda t, x: binary(t, x, 3.0), pos_weight=3.0
        ),
        Problem(
            "binary by channel",
            losses.binary_cross_entropy,
            [x],
            soft,
            lambda t, x: binary(t, x, per_channel),
            pos_weight=per_channel,
        ),
        Problem("binary of probabilities", losses.binary_cross_entropy, [p], soft, by_p, probabilities=True),
        Problem("gaussian", losses.gaussian_nll, [x, positive(*shape)], t, gauss),
        Problem(
            "gaussian full",
            losses.gaussian_nll,
            [x, positive(*shape)],
            t,
            lambda t, m, v: gauss(t, m, v) + 0.5 * np.log(2 * np.pi),
            full=True,
        ),
        Problem("gaussian, shared variance", losses.gaussian_nll, [x, positive(1, 1, 2)], t, gauss),
        Problem("student t", losses.student_t_nll, [x, positive(*shape), 4 * positive(*shape)], t, student_t),
        Problem("student t, shared", losses.student_t_nll, [x, positive(1), 4 * positive()], t, student_t),
        Problem(
            "negative binomial",
            losses.negative_binomial_nll,
            [positive(*shape), positive(*shape)],
            counts,
            negative_binomial,
        ),
        Problem(
            "negative binomial, shared",
            losses.negative_binomial_nll,
            [positive(*shape), positive(3, 1, 1)],
            counts,
            negative_binomial,
        ),
    ]
