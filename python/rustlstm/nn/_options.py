"""Checks of options that say which one, what it must be, and what it was."""

from __future__ import annotations

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
