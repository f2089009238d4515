"""Batches of sequences of different lengths, as every layer takes them: a list, or padded with ``lengths``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops


def as_batch(x: Any, lengths: Any, channels: int | None = None) -> tuple[Any, Any]:
    """Return a batch ``[B, T, ...]`` and its lengths: a list of sequences is padded with zeros and brings its own."""
    if not isinstance(x, (list, tuple)):
        return x, lengths
    _brings_its_own(lengths, "x [B, T, C]")
    return ops.pad(x, channels)


def as_ids(ids: Any, lengths: Any) -> tuple[Any, Any]:
    """Do the same for sequences of integers ``[T_b]``; a list of integers is an array."""
    if not isinstance(ids, (list, tuple)) or not all(np.ndim(row) == 1 for row in ids):
        return ids, lengths
    _brings_its_own(lengths, "ids [B, T]")
    rows = [np.asarray(row) for row in ids]
    for at, row in enumerate(rows):
        if row.size and row.dtype.kind not in "iu":
            raise TypeError(f"ids[{at}] must be integers, got {row.dtype}")
    ends = np.array([len(row) for row in rows], np.int64)
    batch = np.zeros((len(rows), int(ends.max(initial=0))), np.int64)
    for at, row in enumerate(rows):
        batch[at, : len(row)] = row
    return batch, ends


def as_either(x: Any, lengths: Any) -> tuple[Any, Any]:
    """Do what fits what is in a list: sequences of integers, or of steps ``[T_b, C]``."""
    numbers = isinstance(x, (list, tuple)) and any(np.ndim(ops.values(row)) == 1 and np.size(row) for row in x)
    return as_ids(x, lengths) if numbers else as_batch(x, lengths)


def _brings_its_own(lengths: Any, array: str) -> None:
    if lengths is not None:
        raise ValueError(f"a list of sequences brings its lengths; give lengths only with a padded array {array}")
