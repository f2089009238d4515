"""How a module is made again: the class and the arguments that made it, as plain values.

A constructor stores each argument under its own name; that is all that this asks of a class. Parameters among the
arguments are left out, for they are values, not choices.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import numpy as np

from ._parameter import Parameter

_C = TypeVar("_C", bound=type)
_classes: dict[str, type] = {}
_ABSENT = object()


def register(cls: _C) -> _C:
    """Let ``build`` make this class, if it is one of the package."""
    if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
        known = _classes.setdefault(cls.__name__, cls)
        if known.__module__ != cls.__module__:
            raise TypeError(f"{known} and {cls} have one name, so files could not tell them apart")
    return cls


def describe(thing: Any) -> Any:
    """Return an argument, or a thing made of arguments, as plain values: ``build`` makes it again from these."""
    if isinstance(thing, np.generic):
        return thing.item()
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if isinstance(thing, (list, tuple)):
        return type(thing)(describe(item) for item in thing)
    if isinstance(thing, dict):
        return {"class": "dict", "arguments": {key: describe(item) for key, item in thing.items()}}
    name = type(thing).__name__
    if _classes.get(name) is not type(thing):
        raise TypeError(f"{name} is not a class of rustlstm, so a file cannot say how it is made")
    return {"class": name, "arguments": _arguments(thing)}


def _arguments(thing: Any) -> dict[str, Any]:
    arguments = {}
    for option in inspect.signature(type(thing)).parameters.values():
        value = getattr(thing, option.name, _ABSENT)
        if value is _ABSENT or option.kind is option.VAR_KEYWORD:
            raise TypeError(f"{type(thing).__name__} does not keep its argument {option.name} under this name")
        if isinstance(value, Parameter):
            continue
        # What an option switched off is None where it would be: the parameter ``bias`` after ``bias=False``.
        arguments[option.name] = False if value is None and option.default is True else describe(value)
    return arguments


def build(description: Any) -> Any:
    """Return what ``describe`` described. A ``ValueError`` says what is wrong with the description."""
    if isinstance(description, (list, tuple)):
        return type(description)(build(item) for item in description)
    if not isinstance(description, dict):
        return description
    name, arguments = description.get("class"), description.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError(f"a description needs a class and arguments, got {sorted(description)}")
    made = {option: build(value) for option, value in arguments.items()}
    if name == "dict":
        return made
    if name not in _classes:
        raise ValueError(f"{name} is not a class of rustlstm")
    cls = _classes[name]
    several = [o.name for o in inspect.signature(cls).parameters.values() if o.kind is o.VAR_POSITIONAL]
    positional = [item for option in several for item in made.pop(option, ())]
    try:
        return cls(*positional, **made)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} cannot be made: {error}") from error
