"""A stack of LSTM layers as one node on the tape, and what its state needs on the way there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .._core import LstmCore
from ..tensor import Array, Gradients, Tensor, Versioned, attach, nothing, recording, wrap
from ._values import ArrayLike, kept, values


def expand_batch(tensor: Tensor, batch: int) -> Tensor:
    """Repeat ``[N, 1, H]`` to ``[N, B, H]``."""
    data = np.repeat(tensor.data, batch, axis=1)
    if not recording(tensor):
        return wrap(data)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [grad.sum(axis=1, keepdims=True)]

    return attach([data], [tensor], backward)[0]


def lstm(
    core: LstmCore,
    params: Sequence[Versioned],
    x: ArrayLike,
    lengths: npt.ArrayLike | None,
    h: Sequence[ArrayLike] | None,
    c: Sequence[ArrayLike] | None,
    draw: tuple[int, int] | None,
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Run a stack of LSTM layers over a batch: y ``[B, T, D*H]`` and the last state in parts ``[.., B, H]``.

    Args:
        core: the arithmetic.
        params: in the order of its ``specs``.
        x: ``[B, T, C]``.
        lengths: ``[B]`` integers.
        h: one array ``[L*D, B, H]``, or a ``[D, B, H_l]`` for each layer.
        c: the same.
        draw: (seed, step) of the masks of a training pass.
    """
    h_given, c_given = h or (), c or ()
    parents = [given for given in (x, *h_given, *c_given) if isinstance(given, Tensor)]
    parents += params
    record = recording(*parents)
    data = kept(x) if record else values(x)
    h_data = None if h is None else [values(part) for part in h]
    c_data = None if c is None else [values(part) for part in c]
    arrays, versions = [param.data for param in params], [param.version for param in params]
    y, h_last, c_last, cache = core.forward(arrays, versions, data, lengths, h_data, c_data, draw, record)
    if cache is None:
        return wrap(y), [wrap(part) for part in h_last], [wrap(part) for part in c_last]
    need_dx = isinstance(x, Tensor) and x.requires_grad

    def backward(grads: Gradients) -> Gradients:
        split = 1 + len(h_last)
        dh, dc = dense(grads[1:split], h_last), dense(grads[split:], c_last)
        dx, dh0, dc0, sums = cache.backward(grads[0], dh, dc, need_dx)
        pairs = zip((x, *h_given, *c_given), [dx, *like(dh0, h_given), *like(dc0, c_given)], strict=True)
        return [*(grad for given, grad in pairs if isinstance(given, Tensor)), *sums]

    y_tensor, *rest = attach([y, *h_last, *c_last], parents, backward, fresh=True)
    return y_tensor, rest[: len(h_last)], rest[len(h_last) :]


def dense(grads: Gradients, shapes: Sequence[Array]) -> list[Array] | None:
    """Put zeros for the gradients that are missing; return ``None`` if all are."""
    if nothing(grads):
        return None
    pairs = zip(grads, shapes, strict=True)
    return [np.zeros(part.shape, np.float32) if grad is None else grad for grad, part in pairs]


def like(grads: Sequence[Array], given: Sequence[object]) -> Sequence[Array]:
    """Cut state gradients as the state was given: one array may have come as a list by layers."""
    if len(grads) == 1 and len(given) > 1:
        return [np.ascontiguousarray(part) for part in np.split(grads[0], len(given))]
    return grads if given else ()
