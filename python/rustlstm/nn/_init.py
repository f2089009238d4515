"""How parameters begin. The draws themselves are Rust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import ops
from ..tensor import Array
from ._cell import Cell
from ._config import register
from ._parameter import Parameter, drawing

SCHEMES = ("uniform", "glorot", "orthogonal")


@register
@dataclass(frozen=True)
class Init:
    """First values of an LSTM's parameters.

    Args:
        scheme: ``"uniform"`` (within 1/sqrt(H), as torch), ``"glorot"`` (per gate, biases zero) or ``"orthogonal"``
            (recurrent matrices orthogonal per gate, input matrices glorot, biases zero: as Keras).
        t_max: chrono initialisation for dependencies of up to this many steps (Tallec and Ollivier, 2018): the forget
            bias is ln U(1, t_max - 1), the input bias minus that. It takes the place of ``Cell.forget_bias``.

    The same seed gives the same bits on every machine.

    >>> import rustlstm as rl
    >>> lstm = rl.nn.LSTM(3, 8, init=rl.nn.Init("orthogonal", t_max=500))
    """

    scheme: str = "uniform"
    t_max: float | None = None

    def __post_init__(self) -> None:
        hint = "; for chrono write Init(t_max=...)" if self.scheme == "chrono" else ""
        checked_scheme(self.scheme, hint)
        if self.t_max is not None and not self.t_max > 2:
            raise ValueError(f"t_max must be above 2, got {self.t_max}")

    @classmethod
    def chrono(cls, t_max: float, scheme: str = "uniform") -> Init:
        """Chrono initialisation for dependencies of up to ``t_max`` steps."""
        return cls(scheme, t_max)


def as_init(value: Any) -> Init:
    """Return the initialiser that an argument asks for."""
    if not isinstance(value, (str, Init)):
        raise TypeError(f"init must be a name or an Init, got {type(value).__name__}")
    return Init(value) if isinstance(value, str) else value


def first_parameters(core: ops.LstmCore, cell: Cell, init: Init, seed: int) -> dict[str, Parameter]:
    """Return the parameters of an LSTM by name; without values inside ``undrawn``."""
    specs = core.specs()
    if not drawing():
        return {name: Parameter.blank(shape) for name, shape in specs}
    values = core.init(init.scheme, cell.forget_bias, init.t_max, seed)
    return {name: Parameter(value) for (name, _), value in zip(specs, values, strict=True)}


def checked_scheme(value: Any, hint: str = "") -> str:
    """Return the name of a scheme."""
    if value not in SCHEMES:
        raise ValueError(f"init must be one of {', '.join(map(repr, SCHEMES))}, got {value!r}{hint}")
    return str(value)


def fan_in_bound(inputs: int) -> float:
    """Return the bound of torch's uniform draws for what adds up so many inputs."""
    return 1 / math.sqrt(inputs)


def matrix(scheme: str, shape: Sequence[int], seed: int, stream: int) -> Array:
    """Return first values of a matrix [outputs, inputs]."""
    return ops.draw(scheme, shape, fan_in_bound(shape[1]), seed, stream)
