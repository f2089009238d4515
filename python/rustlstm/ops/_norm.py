"""Layer normalisation over the last axis."""

from __future__ import annotations

import numpy.typing as npt

from .. import _core
from ..tensor import Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, kept, kept_lengths, values


def layer_norm(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    lengths: npt.ArrayLike | None = None,
) -> Tensor:
    """Bring each row of x to mean 0 and variance 1, then scale and shift each channel.

    Args:
        x: ``[B, T, C]``, or without lengths any axes ``[.., C]``.
        weight: ``[C]``.
        bias: ``[C]`` or ``None``.
        eps: added to the variance.
        lengths: ``[B]`` integers; what stands behind a row's end becomes zero and does not count.
    """
    inputs = (x, weight, bias)
    parents = [given for given in inputs if isinstance(given, Tensor)]
    record = recording(*parents)
    data = kept(x) if record else values(x)
    y, rows = _core.layer_norm(data, lengths, values(weight), values(bias), eps, record)
    if rows is None:
        return wrap(y)
    gain, ends = kept(weight), kept_lengths(lengths)
    need_dx = isinstance(x, Tensor) and x.requires_grad

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        parts = _core.layer_norm_backward(data, ends, gain, rows, grad, need_dx)
        return [part for part, given in zip(parts, inputs, strict=True) if isinstance(given, Tensor)]

    return attach([y], parents, backward)[0]
