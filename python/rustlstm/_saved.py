"""Checks of what a saved state holds. It may be of another version, of something else, or made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def part(state: Any, name: str, *kinds: type) -> Any:
    """Return a part of a state, of one of these types if any are given."""
    if not isinstance(state, Mapping) or name not in state:
        raise ValueError(f"the state has no {name!r}")
    value = state[name]
    if kinds and not isinstance(value, kinds):
        expected = " or ".join("dict" if kind is Mapping else kind.__name__ for kind in kinds)
        raise TypeError(f"{name} of the state must be {expected}, got {type(value).__name__}")
    return value


def rows(state: Any, name: str) -> list[Mapping[str, Any]]:
    """Return a part of a state that is a list of dicts."""
    found: list[Mapping[str, Any]] = part(state, name, list)
    for index, row in enumerate(found):
        if not isinstance(row, Mapping):
            raise TypeError(f"{name}[{index}] of the state must be dict, got {type(row).__name__}")
    return found
