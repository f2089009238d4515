"""Matrix products with the rules of ``np.matmul``, whose own sums differ from machine to machine."""

from __future__ import annotations

import math

import numpy as np

from .. import _core
from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._arithmetic import reduced_to
from ._values import ArrayLike, constant


def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the matrix product over the last axis of a and the last but one of b.

    Args:
        a: ``[.., R, K]``, or ``[K]`` for a row.
        b: ``[.., K, C]``, or ``[K]`` for a column. The axes in front are matched as numpy broadcasts.

    Returns:
        ``[.., R, C]``, without the axis that a vector lacks.
    """
    operands = (a, b)
    x, y = (given.data if isinstance(given, Tensor) else constant(given) for given in operands)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError("matmul needs arrays with at least one axis; multiply by a number with *")
    left = x[None] if x.ndim == 1 else x
    right = y[:, None] if y.ndim == 1 else y
    front = _front(left, right, (x.shape, y.shape))
    shape = (*front, left.shape[-2], right.shape[-1])
    # One matrix for all of a: its matrices are one with many rows.
    folded = right.ndim == 2
    count = math.prod(left.shape[:-1] if folded else front)
    flat = left.reshape(1, count, left.shape[-1]) if folded else _stack(left, front)
    stacks = flat, right[None] if folded else _stack(right, front)
    result = _product(*stacks).reshape(shape)
    result = result[..., 0, :] if x.ndim == 1 else result
    result = result[..., 0] if y.ndim == 1 else result
    parents = [given for given in operands if isinstance(given, Tensor)]
    if not recording(*parents):
        return wrap(result)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        whole = grad.reshape(1, count, shape[-1]) if folded else grad.reshape(count, *shape[-2:])
        transposes = [stack.swapaxes(1, 2) for stack in stacks]
        given: list[Array | None] = []
        for operand, side, (first, second) in zip(
            operands, (left, right), ((whole, transposes[1]), (transposes[0], whole)), strict=True
        ):
            if isinstance(operand, Tensor):
                wanted = operand.requires_grad
                given.append(_gradient(_product(first, second), side, front, operand.shape) if wanted else None)
        return given

    return attach([result], parents, backward)[0]


def _front(left: Array, right: Array, shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    try:
        if left.shape[-1] == right.shape[-2]:
            return np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError:
        pass
    raise ValueError(
        f"b must have shape [.., K={left.shape[-1]}, C] to follow a of shape {list(shapes[0])}, "
        f"with axes in front that broadcast, got {list(shapes[1])}"
    )


def _stack(side: Array, front: tuple[int, ...]) -> Array:
    """Return the matrices as ``[N, .., ..]``; a single one stands for all."""
    if math.prod(side.shape[:-2]) == 1:
        return side.reshape(1, *side.shape[-2:])
    return np.broadcast_to(side, (*front, *side.shape[-2:])).reshape(math.prod(front), *side.shape[-2:])


def _product(a: Array, b: Array) -> Array:
    (a, a_turned), (b, b_turned) = _as_it_lies(a), _as_it_lies(b)
    return _core.matmul(a, a_turned, b, b_turned)


def _as_it_lies(stack: Array) -> tuple[Array, bool]:
    """Return what can be read without a copy: the matrices, or their transposes where these are what lies there."""
    turned = stack.swapaxes(1, 2)
    if turned.flags.c_contiguous and not stack.flags.c_contiguous:
        return turned, True
    return stack, False


def _gradient(product: Array, side: Array, front: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Return the gradient of an operand of this shape from that of its stack."""
    if product.size == side.size:
        return product.reshape(shape)
    return reduced_to(side.shape, product.reshape(*front, *side.shape[-2:])).reshape(shape)
