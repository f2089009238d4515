"""Checks of options that say which one, what it must be, and what it was."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np


def flag(name: str, value: Any) -> bool:
    """Return a truth value; a string or a number is a mistake."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def number(name: str, value: Any) -> Any:
    """Return a real number as it is; the range is checked where it is known."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return value


def not_negative(name: str, value: Any) -> float:
    """Return a number from 0 on."""
    return _within(name, value, lambda given: given >= 0, "at least 0")


def positive(name: str, value: Any) -> float:
    """Return a number above 0."""
    return _within(name, value, lambda given: given > 0, "above 0")


def share(name: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    return _within(name, value, lambda given: 0 <= given < 1, "in [0, 1)")


def betas(name: str, value: Any) -> tuple[float, float]:
    """Return two numbers in [0, 1)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, got {value!r}")
    return share(f"{name}[0]", value[0]), share(f"{name}[1]", value[1])


def count(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number from 1, or another least one, on."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}") from None
    if whole < least:
        raise ValueError(f"{name} must be at least {least}, got {whole}")
    return whole


def seed_number(value: Any) -> int:
    """Return a seed: a whole number of 64 bits."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"seed must be an integer, got {type(value).__name__}") from None
    if not 0 <= whole < 2**64:
        raise ValueError(f"seed must be in [0, 2**64), got {whole}")
    return whole


def choice(name: str, value: Any, *allowed: str) -> str:
    """Return one of a few words."""
    if value not in allowed:
        raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {value!r}")
    return str(value)


def _within(name: str, value: Any, fits: Callable[[float], bool], expected: str) -> float:
    found = float(number(name, value))
    if math.isnan(found) or not fits(found):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return found
