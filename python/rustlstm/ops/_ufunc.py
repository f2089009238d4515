"""numpy's functions on tensors: those that have a gradient here stay on the tape, the others say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arithmetic as arithmetic
from ._matmul import matmul
from ._values import values

ON_THE_TAPE: dict[np.ufunc, Callable[..., Any]] = {
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


def ufunc(function: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Do what numpy was asked for; see ``Tensor.__array_ufunc__``."""
    if method == "__call__" and not options and function in ON_THE_TAPE:
        return ON_THE_TAPE[function](*inputs)
    # What answers true or false has no gradient to lose.
    if method == "__call__" and not options and all(kind.endswith("?") for kind in function.types if kind[0] == "f"):
        return function(*map(values, inputs))
    name = f"np.{function.__name__}" + ("" if method == "__call__" else f".{method}")
    if options:
        name += f" with {', '.join(options)}"
    raise TypeError(
        f"{name} would leave the tape; take plain arrays with np.asarray(tensor), or write an operation with "
        "rustlstm.ops.custom"
    )
