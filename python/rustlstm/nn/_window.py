"""The options of windows, as convolutions and pools take them, and the axes that follow."""

from __future__ import annotations

from typing import Any

from .._options import count
from ..ops import Axis


def whole_or_pair(name: str, value: Any, least: int = 1) -> int | tuple[int, int]:
    """Return a whole number, or a pair of them for height and width."""
    if not isinstance(value, (tuple, list)):
        return count(name, value, least)
    if len(value) != 2:
        raise ValueError(f"{name} must be a whole number or a pair (height, width), got {len(value)} numbers")
    return count(f"{name}[0]", value[0], least), count(f"{name}[1]", value[1], least)


def padding_1d(value: Any) -> int | str:
    """Return a padding: a number of zeros on both sides, or what shall be kept."""
    return _padding(value, ("same", "causal")) if isinstance(value, str) else count("padding", value, 0)


def padding_2d(value: Any) -> int | tuple[int, int] | str:
    """Return a padding of images."""
    return _padding(value, ("same",)) if isinstance(value, str) else whole_or_pair("padding", value, 0)


def _padding(value: str, names: tuple[str, ...]) -> str:
    if value not in names:
        raise ValueError(f"padding must be a whole number or {' or '.join(map(repr, names))}, got {value!r}")
    return value


def axis(kernel: int, stride: int, padding: int | str, dilation: int) -> Axis:
    """Return a window along one axis. "same" keeps the length, "causal" too and sees only the past."""
    covered = dilation * (kernel - 1)
    if padding == "same":
        if stride != 1:
            raise ValueError(f'padding="same" needs stride=1, got {stride}')
        # Of an odd number, torch too puts the larger half behind.
        return Axis(kernel, stride, dilation, covered // 2, covered - covered // 2)
    if isinstance(padding, str):
        return Axis(kernel, stride, dilation, covered, 0)
    return Axis(kernel, stride, dilation, padding, padding)


def both(value: Any) -> tuple[Any, Any]:
    """Return an option of height and width as a pair."""
    return value if isinstance(value, tuple) else (value, value)
