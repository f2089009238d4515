"""A linear map of the last axis."""

from __future__ import annotations

import numpy.typing as npt

from .. import _core
from ..tensor import Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, kept, kept_lengths, values


def linear(
    x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, *, lengths: npt.ArrayLike | None = None
) -> Tensor:
    """Return x · weightᵀ + bias.

    Args:
        x: ``[B, T, C]``, or without lengths any axes ``[.., C]``.
        weight: ``[O, C]``.
        bias: ``[O]`` or ``None``.
        lengths: ``[B]`` integers; what stands behind a row's end becomes zero and does not count.

    Returns:
        ``[.., O]``.
    """
    inputs = (x, weight, bias)
    parents = [given for given in inputs if isinstance(given, Tensor)]
    if not recording(*parents):
        return wrap(_core.linear(values(x), lengths, values(weight), values(bias)))
    data, matrix, ends = kept(x), kept(weight), kept_lengths(lengths)
    y = _core.linear(data, ends, matrix, values(bias))
    wanted = [isinstance(given, Tensor) and given.requires_grad for given in inputs]

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        parts = _core.linear_backward(data, ends, matrix, grad, wanted)
        return [part for part, given in zip(parts, inputs, strict=True) if isinstance(given, Tensor)]

    return attach([y], parents, backward, fresh=True)[0]
