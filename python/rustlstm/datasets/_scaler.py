"""Numbers of size one out of numbers of any size, per channel, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._options import choice
from .._saved import part
from ._columns import AnyArray, kept_dtype

Floats = npt.NDArray[np.float64]


class Scaler:
    """Shifts and scales each channel by what it saw in ``fit``.

    Args:
        kind: "standard" makes mean 0 and standard deviation 1, "minmax" the range [0, 1], "robust" median 0 and
            distance of the quartiles 1 (where that distance is 0, standard deviation 1); "none" changes nothing.

    An array is [..., C], or [T] of one channel; a list is one of sequences [T, C] or [T]. A channel that is constant
    becomes 0. NaN, a missing value, is not counted and stays NaN.

    Attributes:
        shift, scale: [C] of float64, so that ``transform(x)`` is ``(x - shift) / scale``; None before ``fit``.

    >>> scaler = Scaler("minmax").fit([[2.0, 4.0], [3.0, 6.0, 4.0]])
    >>> scaler.transform(np.array([2.0, 3.0, 8.0]))
    array([0.  , 0.25, 1.5 ], dtype=float32)
    >>> scaler.inverse([0.25])
    array([3.])
    """

    def __init__(self, kind: str = "standard") -> None:
        self.kind = choice("kind", kind, "standard", "minmax", "robust", "none")
        self.shift: Floats | None = None
        self.scale: Floats | None = None

    def fit(self, x: Any) -> Scaler:
        """Take the measures of the channels and return the scaler itself."""
        rows = _rows("x", x)
        channels = rows[0][1].shape[1]
        for name, row in rows:
            if row.shape[1] != channels:
                raise ValueError(f"{name} must have {channels} channels, as {rows[0][0]} has, got {row.shape[1]}")
        # Channel by channel, because each one lacks other values.
        measures = [self._measure(np.concatenate([row[:, c] for _, row in rows]), c) for c in range(channels)]
        shift, scale = np.array(measures, np.float64).reshape(channels, 2).T
        self.shift, self.scale = shift.copy(), scale.copy()
        return self

    def transform(self, x: Any) -> Any:
        """Return x scaled, of the same form, as float32."""
        shift, scale = self._fitted()
        return self._each(x, lambda row: ((row - shift) / scale).astype(np.float32))

    def inverse(self, x: Any) -> Any:
        """Return x as it was before ``transform``, in float64: the units of data may need more digits."""
        shift, scale = self._fitted()
        return self._each(x, lambda row: row * scale + shift)

    def only(self, channels: int | Sequence[int]) -> Scaler:
        """Return the scaler of some of the channels, as for predictions of these.

        >>> Scaler().fit([[[1.0, 5.0], [3.0, 9.0]]]).only(1).inverse(np.array([0.5]))
        array([8.])
        """
        shift, scale = self._fitted()
        chosen = np.atleast_1d(np.asarray(channels))
        if (
            chosen.dtype.kind not in "iu"
            or not chosen.size
            or not (-len(shift) <= chosen.min() <= chosen.max() < len(shift))
        ):
            raise ValueError(f"channels must be integers in [0, {len(shift)}), got {channels!r}")
        part_of = Scaler(self.kind)
        part_of.shift, part_of.scale = shift[chosen], scale[chosen]
        return part_of

    def to_plain(self) -> dict[str, Any]:
        """Return all of it as values that JSON knows."""
        shift, scale = (None if each is None else each.tolist() for each in (self.shift, self.scale))
        return {"kind": self.kind, "shift": shift, "scale": scale}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Scaler:
        """Return the scaler that ``to_plain`` was called on."""
        scaler = cls(part(plain, "kind", str))
        shift, scale = part(plain, "shift", list, type(None)), part(plain, "scale", list, type(None))
        if shift is None and scale is None:
            return scaler
        both = [np.array([] if each is None else each, np.float64) for each in (shift, scale)]
        if (
            both[0].ndim != 1
            or both[0].shape != both[1].shape
            or not np.isfinite(both).all()
            or not (both[1] > 0).all()
        ):
            raise ValueError("shift and scale of the state must be lists of as many finite numbers, scale above 0")
        scaler.shift, scaler.scale = both
        return scaler

    def _measure(self, values: Floats, channel: int) -> tuple[float, float]:
        """Return shift and scale of one channel."""
        there = values[~np.isnan(values)]
        if self.kind == "none":
            return 0.0, 1.0
        if not there.size:
            raise ValueError(f"x must have values to fit to, channel {channel} has none")
        low, high = float(there.min()), float(there.max())
        if not np.isfinite([low, high]).all():
            raise ValueError(f"x must be finite (NaN is a missing value), channel {channel} is not")
        if low == high:  # asked so because the mean of equal numbers may be off by a rounding, and the deviation not 0
            return low, 1.0
        with np.errstate(over="ignore"):
            if self.kind == "minmax":
                shift, scale = low, high - low
            else:
                shift, scale = float(there.mean()), float(there.std())
            if self.kind == "robust":
                first, shift, third = np.quantile(there, [0.25, 0.5, 0.75]).tolist()
                scale = third - first if third > first else scale
        if not np.isfinite([shift, scale]).all() or scale == 0:
            raise ValueError(f"x must be of a size that can be scaled, channel {channel} goes from {low} to {high}")
        return shift, scale

    def _fitted(self) -> tuple[Floats, Floats]:
        if self.shift is None or self.scale is None:
            raise ValueError("the scaler has seen no data yet; call fit first")
        return self.shift, self.scale

    def _each(self, x: Any, change: Any) -> Any:
        """Return the change of an array, or of each of a list."""
        shift, _ = self._fitted()

        def changed(name: str, row: AnyArray, given: AnyArray) -> AnyArray:
            if row.shape[1] != len(shift):
                raise ValueError(f"{name} must have {len(shift)} channels, as in fit, got {row.shape[1]}")
            result: AnyArray = change(row).reshape(given.shape)
            return result

        given = _given(x)
        rows = [changed(name, row, array) for (name, row), array in zip(_rows("x", x), given, strict=True)]
        return rows if is_panel(x) else rows[0]


def is_panel(x: Any) -> bool:
    """Return whether x is a list of sequences, and not one sequence or array."""
    return isinstance(x, (list, tuple)) and any(np.ndim(row) > 0 for row in x)


def _given(x: Any) -> list[AnyArray]:
    return [np.asarray(row) for row in x] if is_panel(x) else [np.asarray(x)]


def _rows(name: str, x: Any) -> list[tuple[str, Floats]]:
    """Return the arrays of x by name, each as [steps, C]."""
    rows = []
    for at, array in enumerate(_given(x)):
        called = f"{name}[{at}]" if is_panel(x) else name
        kept_dtype(array.dtype, called)
        if array.ndim == 0:
            raise ValueError(f"{called} must be an array [..., C] or [T], got a single number")
        channels = 1 if array.ndim == 1 else array.shape[-1]
        steps = array.size // channels if channels else 0
        rows.append((called, array.astype(np.float64).reshape(steps, channels)))
    return rows
