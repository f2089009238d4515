"""What an estimator has learned, as plain values for a file, and back: vocabularies, scalers, labels, histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from ..datasets import Scaler, Vocabulary
from ..nn._config import build, describe
from ..training import History
from ._labels import as_items

_C = TypeVar("_C", bound=type)


class Plain(Protocol):
    """A thing that can say what it is in plain values."""

    def to_plain(self) -> dict[str, Any]:
        """Return dicts, lists, texts and numbers."""

    @classmethod
    def from_plain(cls, plain: dict[str, Any], /) -> Any:
        """Do the reverse."""


_kinds: dict[str, Any] = {}
# What options may hold beside numbers, texts, lists and dicts. A layer could be of any size, so a file may name none.
SETTINGS = ("Cell", "Init")


def keeps(cls: _C) -> _C:
    """Let files hold things of this class."""
    if _kinds.setdefault(cls.__name__, cls) is not cls:
        raise TypeError(f"{_kinds[cls.__name__]} and {cls} have one name, so files could not tell them apart")
    return cls


for known in (Scaler, Vocabulary):
    keeps(known)


def as_plain(value: Any) -> Any:
    """Return a value for ``checkpoint``: dicts, lists, numbers, texts and arrays of numbers."""
    if type(value).__name__ in _kinds:
        return {"is": type(value).__name__, "of": as_plain(value.to_plain())}
    if isinstance(value, History):
        return {"is": "History", "of": value.rows}
    if isinstance(value, np.ndarray) and value.dtype.kind not in "fiub":
        return {"is": "labels", "of": [as_plain(item) for item in value.tolist()]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        items = [as_plain(item) for item in value]
        return items if isinstance(value, list) else {"is": "tuple", "of": items}
    if isinstance(value, Mapping):
        return {"is": "dict", "of": [[as_plain(key), as_plain(item)] for key, item in value.items()]}
    if value is None or isinstance(value, (bool, int, float, str, np.ndarray)):
        return value
    if type(value).__name__ not in SETTINGS:
        raise TypeError(f"a file cannot hold a {type(value).__name__} among an estimator's options and what it learned")
    return {"is": "made", "of": describe(value)}


def from_plain(value: Any) -> Any:
    """Do the reverse. A ``ValueError`` says that the values are none of ``as_plain``'s."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, inside = value.get("is"), value.get("of")
    if kind == "dict" and isinstance(inside, list):
        return {from_plain(key): from_plain(item) for key, item in inside}
    if kind == "tuple" and isinstance(inside, list):
        return tuple(from_plain(item) for item in inside)
    if kind == "labels" and isinstance(inside, list):
        return as_items([from_plain(item) for item in inside])
    if kind == "History" and isinstance(inside, list):
        return History(inside)
    if kind == "made":
        _refuse_others(inside)
        return build(inside)
    if isinstance(kind, str) and kind in _kinds:
        return _kinds[kind].from_plain(from_plain(inside))
    raise ValueError(f"the file holds a {kind!r}, which this version does not know")


def _refuse_others(description: Any) -> None:
    """Fail if a description is one of more than settings."""
    if isinstance(description, dict):
        if "class" in description and description["class"] not in SETTINGS:
            raise ValueError(f"an option cannot be a {description['class']!r}")
        for inside in description.values():
            _refuse_others(inside)
    elif isinstance(description, (list, tuple)):
        for inside in description:
            _refuse_others(inside)
