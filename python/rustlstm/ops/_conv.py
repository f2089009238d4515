"""Convolution of sequences and images, channels last."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from ..tensor import Gradients, Tensor, attach, recording, wrap
from ._values import ArrayLike, kept, kept_lengths, values


class Axis(NamedTuple):
    """How a window slides along one axis; before and after are zeros that are put there."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    def positions(self, lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return how many windows there are on so many places."""
        room = np.asarray(lengths, np.int64) + self.before + self.after - self.dilation * (self.kernel - 1) - 1
        return np.where(room < 0, 0, room // self.stride + 1)


# One axis for sequences [.., T, C], two for images [.., H, W, C].
Window: TypeAlias = tuple[Axis, ...]


def conv(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    window: Window,
    *,
    lengths: npt.ArrayLike | None = None,
) -> Tensor:
    """Convolve x with the weight.

    Args:
        x: ``[.., T, C]`` for a window with one axis, ``[.., H, W, C]`` for two.
        weight: ``[O, C, k]`` or ``[O, C, kh, kw]``, as torch has it.
        bias: ``[O]`` or ``None``.
        window: its axes.
        lengths: ``[B]`` integers for x ``[B, T, C]``: behind its end a sequence is seen as zeros, as if it were alone,
            and what stands behind the end of its windows becomes zero.

    Returns:
        ``[.., OT, O]`` or ``[.., OH, OW, O]``.
    """
    inputs: tuple[Any, ...] = (x, weight, bias)
    parents = [given for given in inputs if isinstance(given, Tensor)]
    record = recording(*parents)
    data = kept(x) if record else values(x)
    y = _core.conv(data, lengths, values(weight), values(bias), window)
    if not record:
        return wrap(y)
    matrix, ends = kept(weight), kept_lengths(lengths)
    need_dx = isinstance(x, Tensor) and x.requires_grad
    need_parameters = any(isinstance(given, Tensor) and given.requires_grad for given in (weight, bias))

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        parts = _core.conv_backward(data, ends, matrix, window, grad, need_dx, need_parameters)
        return [part for part, given in zip(parts, inputs, strict=True) if isinstance(given, Tensor)]

    return attach([y], parents, backward)[0]
