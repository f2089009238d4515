"""Functions of numpy on tensors: those that have a gradient here stay on the tape, the others say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import _arithmetic as arithmetic
from . import _reduce as reduce
from . import _shape as shape
from ._matmul import matmul

UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: arithmetic.add,
    np.subtract: arithmetic.subtract,
    np.multiply: arithmetic.multiply,
    np.true_divide: arithmetic.divide,
    np.power: arithmetic.power,
    np.negative: arithmetic.negative,
    np.absolute: arithmetic.absolute,
    np.sqrt: arithmetic.sqrt,
    np.exp: arithmetic.exp,
    np.log: arithmetic.log,
    np.tanh: arithmetic.tanh,
    np.maximum: arithmetic.maximum,
    np.minimum: arithmetic.minimum,
    np.matmul: matmul,
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: reduce.sum,
    np.mean: reduce.mean,
    np.max: reduce.max,
    np.min: reduce.min,
    np.clip: arithmetic.clip,
    np.where: arithmetic.where,
    np.concatenate: lambda parts, axis=0: shape.concat(parts, axis),
    np.stack: shape.stack,
    np.reshape: shape.reshape,
    np.transpose: lambda a, axes=None: shape.transpose(a, *(axes or ())),
    np.swapaxes: shape.swapaxes,
    np.squeeze: shape.squeeze,
    np.expand_dims: shape.expand_dims,
}
# What answers with no numbers of the tensor has no gradient to lose.
ANSWERS = {
    *(np.shape, np.ndim, np.size, np.argmax, np.argmin, np.argsort, np.allclose, np.isclose, np.array_equal),
    *(np.any, np.all, np.count_nonzero, np.nonzero, np.array2string, np.array_repr, np.array_str),
    *(np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.shares_memory, np.may_share_memory),
}


def ufunc(called: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Do what numpy was asked for; see ``Tensor.__array_ufunc__``."""
    if method == "__call__" and not options and called in UFUNCS:
        return UFUNCS[called](*inputs)
    if method == "__call__" and not options and all(kind.endswith("?") for kind in called.types if kind[0] == "f"):
        return called(*_plain(inputs))
    name = f"np.{called.__name__}" + ("" if method == "__call__" else f".{method}")
    raise _leaving(name + (f" with {', '.join(options)}" if options else ""))


def function(called: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Do what numpy was asked for; see ``Tensor.__array_function__``."""
    if called in FUNCTIONS and "out" not in options:
        return FUNCTIONS[called](*arguments, **options)
    if called not in ANSWERS and any(tensor.requires_grad for tensor in _tensors((arguments, options))):
        raise _leaving(f"np.{called.__name__}")
    return called(*_plain(arguments), **_plain(options))


def _leaving(name: str) -> TypeError:
    return TypeError(
        f"{name} would leave the tape; take plain arrays with np.asarray(tensor), or write an operation with "
        "rustlstm.ops.custom"
    )


def _tensors(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, (list, tuple, dict)):
        for part in given.values() if isinstance(given, dict) else given:
            yield from _tensors(part)


def _plain(given: Any) -> Any:
    """Return arguments with arrays in the place of tensors."""
    if isinstance(given, Tensor):
        return given.data
    if isinstance(given, dict):
        return {name: _plain(part) for name, part in given.items()}
    return type(given)([_plain(part) for part in given]) if type(given) in (list, tuple) else given
