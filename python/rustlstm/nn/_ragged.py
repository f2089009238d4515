"""Batches of sequences of different lengths, as every layer takes them: a list, or padded with ``lengths``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops


def as_batch(x: Any, lengths: Any, channels: int | None = None) -> tuple[Any, npt.NDArray[np.int64] | Any | None]:
    """Return a batch ``[B, T, ...]`` and its lengths: a list of sequences is padded with zeros and brings its own."""
    if not isinstance(x, (list, tuple)):
        return x, lengths
    if lengths is not None:
        raise ValueError("a list of sequences brings its lengths; give lengths only with a padded array x [B, T, C]")
    return ops.pad(x, channels)
