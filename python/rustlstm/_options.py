"""Checks of options that say which one, what it must be, and what it was."""

from __future__ import annotations

import operator
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
