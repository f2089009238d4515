"""What batches are cut from: one array for all samples, or a list of sequences of different lengths."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

AnyArray: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = npt.NDArray[np.int64]

# Behind the end of a sequence of integer targets: what the cross-entropy ignores, so that a loss that was given no
# lengths is right all the same.
IGNORED = -100


class Dense:
    """An array whose first axis counts the samples. It may be a memory map: only what is taken is read."""

    lengths = None

    def __init__(self, array: AnyArray) -> None:
        self.array = array
        self.shape = array.shape

    def __len__(self) -> int:
        return len(self.array)

    def take(self, index: Index) -> tuple[AnyArray, None]:
        """Return the samples at ``index``."""
        rows = self.array[index]
        return rows.astype(kept_dtype(rows.dtype), copy=False), None


class Ragged:
    """A list of sequences ``[T_n, ...]`` that differ in nothing but T."""

    def __init__(self, rows: list[AnyArray], fill: float) -> None:
        self.rows = rows
        self.fill = fill
        self.shape = (len(rows),)  # further extents they have not in common
        self.tail = rows[0].shape[1:]
        self.dtype = kept_dtype(np.result_type(*{row.dtype for row in rows}))
        self.lengths: Index = np.array([len(row) for row in rows], np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: Index) -> tuple[AnyArray, Index]:
        """Return the sequences at ``index``, padded to the longest of them, and their lengths."""
        lengths = self.lengths[index]
        return padded([self.rows[at] for at in index.tolist()], int(lengths.max(initial=0)), self), lengths


Column: TypeAlias = Dense | Ragged


def column(name: str, given: Any, *, target: bool = False) -> Column:
    """Return an argument as a column; a list is one of sequences, unless its items are single numbers."""
    if not isinstance(given, (list, tuple)):
        array = np.asarray(given)
        if array.ndim == 0:
            raise ValueError(f"{name} must be an array [N, ...] or a list of sequences, got {given!r}")
        kept_dtype(array.dtype, name)
        return _filled(name, Dense(array))
    rows = [np.asarray(row) for row in given]
    if all(row.ndim == 0 for row in rows):
        return column(name, np.asarray(given))
    for at, row in enumerate(rows):
        kept_dtype(row.dtype, f"{name}[{at}]")
        if row.ndim == 0 or row.shape[1:] != rows[0].shape[1:]:
            axes = "".join(f", {extent}" for extent in rows[0].shape[1:])
            raise ValueError(f"{name}[{at}] must have shape [T{axes}], as {name}[0] has, got {list(row.shape)}")
    integers = all(row.dtype.kind in "iu" for row in rows)
    return _filled(name, Ragged(rows, IGNORED if target and integers else 0))


def padded(rows: Sequence[AnyArray], steps: int, like: Ragged) -> AnyArray:
    """Return rows of different lengths as one array ``[B, steps, ...]``."""
    batch = np.full((len(rows), steps, *like.tail), like.fill, like.dtype)
    for at, row in enumerate(rows):
        batch[at, : len(row)] = row
    return batch


def kept_dtype(dtype: np.dtype[Any], name: str = "the data") -> np.dtype[Any]:
    """Return what numbers of a type are in a batch: float32, int64 or bool."""
    if dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold numbers, got {dtype}")
    return np.dtype({"f": np.float32, "b": np.bool_}.get(dtype.kind, np.int64))


def permutation(count: int, *seeds: int) -> Index:
    """Return the numbers 0 to count - 1 in an order that follows from the seeds alone.

    numpy promises the bits of a generator for all its versions, but not what ``Generator.permutation`` makes of them;
    so each number draws 64 bits, and these are sorted.
    """
    bits = np.random.PCG64(np.random.SeedSequence(seeds)).random_raw(count)
    return np.argsort(bits, kind="stable")


def identity(data: Any, options: Sequence[str], samples: int, lengths: Index | None) -> dict[str, Any]:
    """Return by name what the order and the sizes of the batches of some data follow from."""
    checksum = None if lengths is None else zlib.crc32(lengths.astype("<i8").tobytes())
    made_with = {name: getattr(data, name) for name in options}
    return {"class": type(data).__name__, **made_with, "samples": samples, "checksum of the lengths": checksum}


def _filled(name: str, given: Column) -> Column:
    if not len(given):
        raise ValueError(f"{name} is empty")
    return given
