"""Losses: what training makes small.

Every loss is a function of a prediction and a target that returns a ``Tensor``, and takes these options:

    lengths    [B] integers, with arrays [B, T, ...]: only the first steps of each row count, as if the padding were not
               there, whatever it holds.
    weights    how much each element counts: of the shape of the losses, with 1 where a weight is shared, or with the
               first axes only, as in [B] for rows and [B, T] for steps. A weight of 0 does not hide NaN; lengths do.
    reduction  "mean": sum(weights * losses) / sum(weights), or 0 where nothing counts; "sum": the first of these sums;
               "none": weights * losses, with zeros in the padding.

The target must have exactly the shape that is documented: nothing is broadcast. It is a constant; a tensor that
requires a gradient is refused. NaN or infinity anywhere in what counts makes the loss NaN or infinite.

>>> import numpy as np
>>> from rustlstm import Tensor, losses
>>> prediction = Tensor([[1.0, 2.0, 9.0], [3.0, 5.0, 9.0]], requires_grad=True)  # [B, T]
>>> loss = losses.mse(prediction, [[1.0, 4.0, 0.0], [7.0, 5.0, 0.0]], lengths=[2, 2])
>>> loss.backward()
>>> loss.item(), prediction.grad.tolist()
(5.0, [[0.0, -1.0, 0.0], [-2.0, 0.0, 0.0]])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from . import ops
from ._options import number
from .ops import ArrayLike, Reduction
from .tensor import Tensor


def mse(
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the squared error (prediction - target)².

    Args:
        prediction: an array of any shape.
        target: an array of that shape.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``prediction``.

    >>> mse([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """
    return ops.regression_loss("mse", prediction, target, (), lengths, weights, reduction)


def mae(
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the absolute error abs(prediction - target).

    Args:
        prediction: an array of any shape.
        target: an array of that shape.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``prediction``.

    >>> mae([1.0, 2.0], [1.0, 4.0], weights=[1.0, 3.0]).item()
    1.5
    """
    return ops.regression_loss("mae", prediction, target, (), lengths, weights, reduction)


def huber(
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    delta: float = 1.0,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return half the squared error up to an error of ``delta``, and from there on a straight line.

    Args:
        prediction: an array of any shape.
        target: an array of that shape.
        delta: where the line begins; above 0.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``prediction``.

    >>> huber([0.5, 3.0], [0.0, 0.0], reduction="none").tolist()
    [0.125, 2.5]
    """
    return ops.regression_loss("huber", prediction, target, (number("delta", delta),), lengths, weights, reduction)


def quantile(
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    q: float | Sequence[float],
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the quantile (pinball) loss: q times the error of a prediction too low, 1 - q times that of one too high.

    Args:
        prediction: for one q an array of any shape; for a list of Q of them ``[..., Q]``.
        target: the shape of ``prediction``; for a list the shape without the last axis.
        q: the quantile or quantiles, between 0 and 1.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, the mean over all quantiles, or with ``reduction="none"`` the shape of ``prediction``.

    >>> quantile([[1.0, 2.0, 3.0]], [5.0], q=[0.25, 0.5, 0.75], reduction="none").tolist()
    [[1.0, 1.5, 1.5]]
    """
    if isinstance(q, (int, float)):
        return ops.regression_loss("quantile", prediction, target, (q,), lengths, weights, reduction)
    levels = [number(f"q[{index}]", level) for index, level in enumerate(q)]
    return ops.regression_loss("quantiles", prediction, target, levels, lengths, weights, reduction)


def cross_entropy(
    logits: ArrayLike,
    target: npt.ArrayLike,
    *,
    class_weights: npt.ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the cross-entropy of the softmax of ``logits`` and the classes in ``target``.

    Args:
        logits: scores ``[..., V]``, not yet normalised.
        target: class ids ``[...]``, integers from 0 to V - 1.
        class_weights: ``[V]``; the mean is then over the weights of the targets' classes, as in torch.
        ignore_index: rows with this target do not count, whatever their logits.
        label_smoothing: from 0 to 1: the part of the target that is spread evenly over all classes.
        lengths: see above, as for all losses; with logits ``[B, T, ..., V]``.
        weights: see above; they belong to the rows ``[...]``.
        reduction: see above. Where every row is ignored the mean is 0, and not NaN as in torch.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``target``.

    >>> round(cross_entropy([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]], [0, 1, -100]).item(), 4)
    0.2201
    """
    return ops.cross_entropy(logits, target, class_weights, ignore_index, label_smoothing, lengths, weights, reduction)


def binary_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: npt.ArrayLike | None = None,
    probabilities: bool = False,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the cross-entropy of yes-or-no predictions.

    Args:
        logits: scores of any shape; the probability is their logistic function.
        target: an array of that shape, 0 or 1 or anything between.
        pos_weight: how much more the positive class counts: a number, or one for each entry of the last axis.
        probabilities: say that ``logits`` holds probabilities from 0 to 1 instead. Their logarithms are cut at -100.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``logits``.

    >>> round(binary_cross_entropy([0.0, 100.0], [1.0, 1.0]).item(), 4)
    0.3466
    """
    return ops.binary_cross_entropy(logits, target, pos_weight, probabilities, lengths, weights, reduction)


def gaussian_nll(
    mean: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    *,
    full: bool = False,
    eps: float = 1e-6,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the negative log-likelihood of normal distributions: ½ (ln variance + (mean - target)² / variance).

    Gradients go to ``mean`` and to ``variance``.

    Args:
        mean: an array of any shape.
        target: an array of that shape.
        variance: the same shape, with 1 where it is shared, or a single number; at least 0.
        full: add the constant ½ ln 2π.
        eps: variances below this count as this; the gradient passes as if they were, as in torch.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``mean``.

    >>> gaussian_nll([1.0, 2.0], [1.0, 4.0], 1.0).item()
    1.0
    """
    return ops.gaussian_nll(mean, target, variance, full, eps, lengths, weights, reduction)


def student_t_nll(
    mean: ArrayLike,
    target: ArrayLike,
    scale: ArrayLike,
    df: ArrayLike,
    *,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the negative log-likelihood of Student's t distributions, which forgive outliers.

    Gradients go to ``mean``, ``scale`` and ``df``.

    Args:
        mean: an array of any shape.
        target: an array of that shape.
        scale: the same shape, with 1 where it is shared, or a single number; above 0.
        df: the degrees of freedom, likewise.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``mean``.

    >>> round(student_t_nll([0.0], [1.0], 1.0, 3.0).item(), 4)
    1.5763
    """
    return ops.student_t_nll(mean, target, scale, df, lengths, weights, reduction)


def negative_binomial_nll(
    mean: ArrayLike,
    target: ArrayLike,
    dispersion: ArrayLike,
    *,
    lengths: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the negative log-likelihood of negative binomial distributions, for counts.

    The variance is mean + dispersion * mean². In the form with a total count r and a probability p, as in torch:
    r = 1 / dispersion and p = mean / (mean + r). Gradients go to ``mean`` and to ``dispersion``.

    Args:
        mean: an array of any shape; at least 0.
        target: an array of that shape; whole numbers from 0 up.
        dispersion: the same shape, with 1 where it is shared, or a single number; above 0.
        lengths: see above, as for all losses.
        weights: see above.
        reduction: see above.

    Returns:
        A single number, or with ``reduction="none"`` the shape of ``mean``.

    >>> round(negative_binomial_nll([2.0], [3.0], 0.5).item(), 4)
    2.0794
    """
    return ops.negative_binomial_nll(mean, target, dispersion, lengths, weights, reduction)


def activation_regulariser(y: ArrayLike, *, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Return the mean of y² over the valid elements, to be added to a loss times a small number.

    Args:
        y: an array of any shape; with ``lengths`` ``[B, T, ...]``.
        lengths: ``[B]`` integers.

    >>> activation_regulariser([[1.0, 3.0]]).item()
    5.0
    """
    return ops.activation_regulariser(y, False, lengths)


def temporal_activation_regulariser(y: ArrayLike, *, lengths: npt.ArrayLike | None = None) -> Tensor:
    """Return the mean of (y[:, t] - y[:, t - 1])² over the valid steps but the first: 0 where there is only one.

    Args:
        y: ``[B, T, ...]``.
        lengths: ``[B]`` integers.

    >>> temporal_activation_regulariser([[[1.0], [3.0], [3.0]]]).item()
    2.0
    """
    return ops.activation_regulariser(y, True, lengths)
