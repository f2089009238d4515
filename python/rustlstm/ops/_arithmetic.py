"""Element by element: arithmetic with broadcasting, powers, and choices between elements.

numpy adds, multiplies and divides, which round correctly and so give the same bits everywhere. Its exponentials and
powers do not; those are Rust.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._options import number
from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._values import LARGEST, ArrayLike, constant, values

# From the gradient of the result to that of one operand, before broadcasting is undone.
Slope: TypeAlias = Callable[[Array], Array]


def add(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a + b, with broadcasting as in numpy."""
    (x, y), operands = _operands(a, b)
    return _result(np.add(x, y), operands, lambda grad: grad, lambda grad: grad)


def subtract(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a - b."""
    (x, y), operands = _operands(a, b)
    return _result(np.subtract(x, y), operands, lambda grad: grad, np.negative)


def multiply(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a * b."""
    (x, y), operands = _operands(a, b)
    return _result(np.multiply(x, y), operands, lambda grad: grad * y, lambda grad: grad * x)


def divide(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a / b."""
    (x, y), operands = _operands(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.divide(x, y)
    return _result(result, operands, lambda grad: grad / y, lambda grad: -grad * result / y)


def power(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a to the power of b, NaN for a negative a unless b is whole."""
    if not isinstance(b, Tensor) and np.ndim(b) == 0:
        return _constant_power(a, float(b))  # type: ignore[arg-type]
    (x, y), operands = _operands(a, b)
    result = _core.powers(*np.broadcast_arrays(x, y))

    def of_base(grad: Array) -> Array:
        return grad * y * _core.powers(*np.broadcast_arrays(x, np.where(y == 0, np.float32(1), y) - np.float32(1)))

    def of_exponent(grad: Array) -> Array:
        return np.where((x == 0) & (y >= 0), 0, grad * result * _core.unary("log", x))

    return _result(result, operands, of_base, of_exponent)


def _constant_power(a: ArrayLike, exponent: float) -> Tensor:
    (x,), operands = _operands(a)
    if exponent == 2.0:  # by far the most frequent
        return _result(x * x, operands, lambda grad: grad * (2 * x))
    below = exponent - 1.0 if exponent else 1.0  # times an exponent of 0 it must not be infinite
    return _result(
        _core.power(x, exponent), operands, lambda grad: grad * (np.float32(exponent) * _core.power(x, below))
    )


def negative(a: ArrayLike) -> Tensor:
    """Return -a."""
    (x,), operands = _operands(a)
    return _result(np.negative(x), operands, np.negative)


def absolute(a: ArrayLike) -> Tensor:
    """Return the absolute values; the slope at 0 is 0."""
    (x,), operands = _operands(a)
    return _result(np.abs(x), operands, lambda grad: np.where(x == 0, 0, grad * np.sign(x)))


def sqrt(a: ArrayLike) -> Tensor:
    """Return the square roots."""
    (x,), operands = _operands(a)
    with np.errstate(invalid="ignore"):
        result = np.sqrt(x)
    return _result(result, operands, lambda grad: grad / (2 * result))


def exp(a: ArrayLike) -> Tensor:
    """Return e to the power of a."""
    (x,), operands = _operands(a)
    result = _core.unary("exp", x)
    return _result(result, operands, lambda grad: grad * result)


def log(a: ArrayLike) -> Tensor:
    """Return the natural logarithms."""
    (x,), operands = _operands(a)
    return _result(_core.unary("log", x), operands, lambda grad: grad / x)


def tanh(a: ArrayLike) -> Tensor:
    """Return the hyperbolic tangents."""
    (x,), operands = _operands(a)
    result = _core.unary("tanh", x)
    return _result(result, operands, lambda grad: grad * (1 - result * result))


def sigmoid(a: ArrayLike) -> Tensor:
    """Return 1 / (1 + exp(-a))."""
    (x,), operands = _operands(a)
    result = _core.unary("sigmoid", x)
    return _result(result, operands, lambda grad: grad * (result * (1 - result)))


def softplus(a: ArrayLike) -> Tensor:
    """Return log(1 + exp(a)): a positive number from any, for scales and variances."""
    (x,), operands = _operands(a)
    return _result(_core.unary("softplus", x), operands, lambda grad: grad * _core.unary("sigmoid", x))


def relu(a: ArrayLike) -> Tensor:
    """Return max(a, 0); NaN stays NaN, the slope at 0 is 0."""
    (x,), operands = _operands(a)
    return _result(np.maximum(x, np.float32(0)), operands, lambda grad: np.where(x > 0, grad, 0))


def maximum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the larger of each pair; equal ones share the gradient."""
    (x, y), operands = _operands(a, b)
    return _result(np.maximum(x, y), operands, lambda grad: _share(grad, x, y), lambda grad: _share(grad, y, x))


def minimum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the smaller of each pair; equal ones share the gradient."""
    (x, y), operands = _operands(a, b)
    return _result(np.minimum(x, y), operands, lambda grad: _share(grad, y, x), lambda grad: _share(grad, x, y))


def clip(a: ArrayLike, low: float | None = None, high: float | None = None) -> Tensor:
    """Return a within [low, high]; no gradient flows to what lay outside."""
    if low is None and high is None:
        raise ValueError("clip needs low, high or both")
    (x,), operands = _operands(a)
    least, most = _bound("low", low, -np.inf), _bound("high", high, np.inf)
    if least > most:
        raise ValueError(f"low must not be above high, got {low} and {high}")
    return _result(np.clip(x, least, most), operands, lambda grad: np.where((x >= least) & (x <= most), grad, 0))


def where(condition: npt.ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a where condition is true and b elsewhere, with broadcasting; condition is an array of booleans."""
    chosen = np.array(values(condition))
    if chosen.dtype != np.bool_:
        raise TypeError(f"condition must be an array of booleans, got dtype {chosen.dtype}")
    (x, y), operands = _operands(a, b)
    return _result(
        np.where(chosen, x, y), operands, lambda grad: np.where(chosen, grad, 0), lambda grad: np.where(chosen, 0, grad)
    )


def _bound(name: str, given: Any, none: float) -> Any:
    """Return a bound, infinite if it is beyond float32."""
    bound = none if given is None else number(name, given)
    bound = np.inf if bound > LARGEST else -np.inf if bound < -LARGEST else bound
    return np.float32(bound)


def _operands(*given: ArrayLike) -> tuple[list[Array], tuple[Any, ...]]:
    return [value.data if isinstance(value, Tensor) else constant(value) for value in given], given


def _result(data: Any, operands: tuple[Any, ...], *slopes: Slope) -> Tensor:
    """Return the result of an operation that broadcasts, on the tape if one of its operands is."""
    data = np.asarray(data, np.float32)  # numpy returns scalars for arrays without axes
    parents = [operand for operand in operands if isinstance(operand, Tensor)]
    if not recording(*parents):
        return wrap(data)
    pairs = [pair for pair in zip(operands, slopes, strict=True) if isinstance(pair[0], Tensor)]

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [reduced_to(operand.shape, slope(grad)) if operand.requires_grad else None for operand, slope in pairs]

    return attach([data], parents, backward)[0]


def reduced_to(shape: tuple[int, ...], grad: Array) -> Array:
    """Undo broadcasting: sum over the axes that were added or stretched."""
    if grad.shape == shape:
        return np.asarray(grad, np.float32)
    extra = grad.ndim - len(shape)
    stretched = [axis + extra for axis, extent in enumerate(shape) if extent == 1 and grad.shape[axis + extra] != 1]
    grad = grad.sum(axis=(*range(extra), *stretched), keepdims=True, dtype=np.float32)
    return np.asarray(grad, np.float32).reshape(shape)


def _share(grad: Array, x: Array, y: Array) -> Array:
    """Return the gradient where x > y, half of it where they are equal, else 0: not what is infinite times 0."""
    return np.where(x > y, grad, np.where(x == y, np.float32(0.5) * grad, 0))
