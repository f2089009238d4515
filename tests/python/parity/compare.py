"""How far two results are apart, and the bounds that the tests hold them to."""

from __future__ import annotations

import numpy as np

from .problem import Arrays

# The largest difference within an array, as a part of the largest value in it.
FORWARD_BOUND = 2e-6
GRADIENT_BOUND = 2e-5


def is_gradient(name: str) -> bool:
    """Whether a result's array is a gradient (`dx`, `dh0`, `dc0`, `grad.…`) and not an output."""
    return name not in ("y", "h", "c")


def differences(ours: Arrays, reference: Arrays) -> dict[str, float]:
    """Per array of the reference: its largest difference, relative to its largest value.

    Infinite where shapes differ, where an array is missing and where a value is not finite; an array that is zero
    throughout must be met exactly.
    """
    found = {}
    for name, expected in reference.items():
        got = ours.get(name)
        if got is None or got.shape != expected.shape or not np.isfinite(got).all():
            found[name] = float("inf")
        elif expected.size == 0:
            found[name] = 0.0
        else:
            largest = float(np.abs(got.astype(np.float64) - expected).max())
            scale = float(np.abs(expected).max())
            found[name] = largest / scale if scale > 0.0 else (0.0 if largest == 0.0 else float("inf"))
    return found


def failures(found: dict[str, float], forward: float = FORWARD_BOUND, gradient: float = GRADIENT_BOUND) -> list[str]:
    """One line per array that is further off than its bound."""
    lines = []
    for name, difference in found.items():
        bound = gradient if is_gradient(name) else forward
        if not difference <= bound:
            lines.append(f"{name}: off by {difference:.2e} of its largest value, allowed {bound:.0e}")
    return lines
