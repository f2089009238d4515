"""What an optimizer is given: parameters in any of the usual forms, as a list of names and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

from .._errors import NonFiniteError
from ..tensor import Array, Versioned


class Trainable(Protocol):
    """What optimizers use of a parameter: they write through ``_buffer``, and call ``touch`` before and after."""

    grad: Array | None
    requires_grad: bool
    name: str
    version: int
    _buffer: Array

    def touch(self) -> None:
        """Say that the values change."""


class HasParameters(Protocol):
    """A module."""

    def named_parameters(self) -> Iterable[tuple[str, Any]]:
        """Yield each parameter once, with its path."""


Parameters: TypeAlias = HasParameters | Iterable[Any]
Named: TypeAlias = list[tuple[str, Trainable]]
# What parameters are called that have no name.
UNNAMED = "parameters"


def named(parameters: Parameters) -> Named:
    """Return names and parameters of a module, of an iterable of parameters, or of one of (name, parameter) pairs.

    A parameter that comes twice is listed once.
    """
    found: Named = []
    seen: set[int] = set()
    for index, item in enumerate(parameters if isinstance(parameters, (list, tuple)) else _items(parameters)):
        given, parameter = item if isinstance(item, tuple) and len(item) == 2 else ("", item)
        if not isinstance(parameter, Versioned):
            raise TypeError(f"parameters[{index}] must be a Parameter, got {type(parameter).__name__}")
        if id(parameter) not in seen:
            seen.add(id(parameter))
            found.append((given or parameter.name or f"{UNNAMED}[{index}]", cast(Trainable, parameter)))
    return found


def refuse_other_names(own: Sequence[str], given: Sequence[str]) -> None:
    """Fail if a state is of other parameters, or of the same in another order.

    The name of one may be the end of the other, as those of a layer and of a model that it is in.
    """
    for name, other in zip(own, given, strict=True):
        named = not name.startswith(f"{UNNAMED}[") and not other.startswith(f"{UNNAMED}[")
        if named and not f".{name}".endswith(f".{other}") and not f".{other}".endswith(f".{name}"):
            raise ValueError(f"the state has {other} in the place of {name}: it is of other parameters, or their order")


def _items(parameters: Any) -> Iterable[Any]:
    if isinstance(parameters, Versioned):
        raise TypeError("parameters must be a list of parameters, got a single one; write [parameter]")
    if hasattr(parameters, "named_parameters"):
        parameters = parameters.named_parameters()
    if isinstance(parameters, Mapping) or not isinstance(parameters, Iterable):
        raise TypeError(
            "parameters must be a module, or a list of parameters, of (name, parameter) pairs or of groups, "
            f"got {type(parameters).__name__}"
        )
    return parameters


def grouped(parameters: Parameters) -> list[dict[str, Any]]:
    """Return groups, dictionaries whose ``params`` is what ``named`` takes: one of all, if none are given."""
    # A module may be iterable too: over its modules.
    single = hasattr(parameters, "named_parameters") or isinstance(parameters, (Versioned, Mapping))
    if isinstance(parameters, Iterable) and not single:
        parameters = list(parameters)
        if any(isinstance(item, Mapping) for item in parameters):
            for index, item in enumerate(parameters):
                if not isinstance(item, Mapping):
                    raise TypeError(f"parameters[{index}] must be a group like the others, got {type(item).__name__}")
            return [dict(item) for item in parameters]
    return [{"params": parameters}]


def non_finite(what: str, array: Array, consequence: str) -> NonFiniteError:
    """Return the error that says what is not finite, and where."""
    place = np.argwhere(~np.isfinite(array))
    if not len(place):
        return NonFiniteError(f"{what} is not finite; {consequence}")
    at = tuple(int(index) for index in place[0])
    return NonFiniteError(f"{what} is not finite: {array[at]} at {list(at)}; {consequence}")
