"""Batches of independent samples: shuffled, bucketed by length, and the same for the same seed and epoch.

A run may stop at any batch and go on from there, so an epoch has no hidden state: its order is a function of seed and
epoch, and ``epoch(number, start)`` begins at any batch of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .._options import count, flag, seed_number
from ._columns import Column, Index, column, identity, permutation

# So many batches are sorted by length together: enough that neighbours are about equally long, few enough that the
# company of a sequence is another one in each epoch.
BUCKET = 50


@dataclass(slots=True)
class Batch:
    """What one step of training is given.

    Letters: B rows, T steps of the longest row.

    Attributes:
        x: [B, ...] or, of sequences, [B, T, ...]; zeros behind the end of a row. float32, int64 or bool.
        y: the targets, or None; integers behind the end of a row are -100, which ``losses.cross_entropy`` ignores.
        lengths: [B], the valid steps of each row of x; None where all rows are full.
        index: [B], which sample (of ``Streams``: which sequence) each row is; -1 for a row that has none.
        y_lengths: [B], the same of y where it is a list of sequences.
        reset: [B], where a row begins a sequence, so that no state is carried into it; None where none is carried.
        weight: what this batch counts in an average of losses: the valid steps where there is a target for each step,
            else the rows.
    """

    x: Any
    y: Any
    lengths: Index | None
    index: Index
    y_lengths: Index | None = None
    reset: npt.NDArray[np.bool_] | None = None
    weight: int = 0

    def __len__(self) -> int:
        return len(self.index)


class Data(Protocol):
    """What can be trained on: ``Batches``, ``Streams`` or anything else of this form.

    A batch of it has rows, ``len(batch)``, and a ``weight``; where it is stateful, a ``reset``. See ``Batch``.

    It may have a method ``identity()``, which returns a dict of plain values from which the order of the batches
    follows. A run that was left within an epoch then goes on only with data that has the same.
    """

    @property
    def stateful(self) -> bool:
        """Whether each row of a batch goes on where it was in the batch before."""

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""

    def epoch(self, number: int, start: int = 0, /) -> Iterator[Any]:
        """Yield the batches of an epoch from batch ``start`` on: the same for the same arguments."""


class Batches:
    """Samples in batches, in another order in each epoch.

    Args:
        x: an array [N, ...], or a list of N sequences [T_n, ...] (or [T_n] of ids), whose lengths may differ.
        y: an array [N, ...], a list of N labels, or a list of N sequences; or None.
        batch_size: B.
        lengths: [N], the valid steps of each row of a padded array x [N, T, ...].
        shuffle: whether the order is random, or that of x.
        bucketed: whether sequences of about the same length go together; if left out, where lengths are known and the
            order is random.
        drop_last: leave out the batch that is not full. Which samples it would have had differs from epoch to epoch.
        seed: the order follows from it and the number of the epoch, and from nothing else.

    A batch is padded no further than to its longest row.

    >>> import numpy as np
    >>> data = Batches([np.zeros((length, 3)) for length in (5, 2, 9, 4)], [0, 1, 1, 0], batch_size=2)
    >>> len(data)
    2
    >>> sorted(batch.x.shape for batch in data.epoch(0))
    [(2, 4, 3), (2, 9, 3)]
    """

    stateful = False

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 32,
        lengths: npt.ArrayLike | None = None,
        shuffle: bool = True,
        bucketed: bool | None = None,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        self.batch_size = count("batch_size", batch_size)
        self.shuffle = flag("shuffle", shuffle)
        self.drop_last = flag("drop_last", drop_last)
        self.seed = seed_number(seed)
        self._x = column("x", x)
        self._y = None if y is None else column("y", y, target=True)
        if self._y is not None and len(self._x) != len(self._y):
            raise ValueError(f"x has {len(self._x)} samples and y has {len(self._y)}; they must be as many")
        self._lengths = _lengths(self._x, lengths)
        if bucketed and self._lengths is None:
            raise ValueError("bucketed needs lengths: give x as a list of sequences, or say lengths")
        self.bucketed = self.shuffle and self._lengths is not None if bucketed is None else flag("bucketed", bucketed)
        if not len(self):
            raise ValueError(f"drop_last leaves nothing of {len(self._x)} samples in batches of {self.batch_size}")
        self._weights = self._weigh()

    def __len__(self) -> int:
        full, rest = divmod(len(self._x), self.batch_size)
        return full + bool(rest and not self.drop_last)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from batch ``start`` on."""
        order, begins = self._order(number)
        for begin in begins[start:]:
            yield self._batch(order[begin : begin + self.batch_size])

    def identity(self) -> dict[str, Any]:
        """Return what the batches of an epoch follow from, by name, as plain values."""
        options = ("batch_size", "shuffle", "bucketed", "drop_last", "seed")
        return identity(self, options, len(self._x), self._lengths)

    def _order(self, epoch: int) -> tuple[Index, list[int]]:
        """Return the order of the samples in an epoch, and where in it each batch begins."""
        size, batches = self.batch_size, len(self)
        samples = len(self._x)
        order = permutation(samples, self.seed, epoch, 0) if self.shuffle else np.arange(samples)
        order = order[: batches * size]
        begins = np.arange(batches) * size
        if self.bucketed:
            assert self._lengths is not None
            buckets = -(-batches // BUCKET) if self.shuffle else 1
            cuts = [batches * bucket // buckets * size for bucket in range(buckets + 1)]
            for begin, end in pairwise(cuts):
                bucket = order[begin:end]
                order[begin:end] = bucket[np.argsort(self._lengths[bucket], kind="stable")]
            if self.shuffle:
                begins = begins[permutation(batches, self.seed, epoch, 1)]
        return order, begins.tolist()

    def _batch(self, index: Index) -> Batch:
        x, lengths = self._x.take(index)
        if lengths is None and self._lengths is not None:
            lengths = self._lengths[index]
        y, y_lengths = (None, None) if self._y is None else self._y.take(index)
        weight = len(index) if self._weights is None else int(self._weights[index].sum())
        return Batch(x, y, lengths, index, y_lengths, None, weight)

    def _weigh(self) -> Index | None:
        """Return how many steps have a target in each sample, or None where each sample has one target."""
        if self._y is None:
            return self._lengths
        if self._y.lengths is not None:
            return self._y.lengths
        per_step = len(self._x.shape) > 1 and self._y.shape[:2] == self._x.shape[:2]
        return self._lengths if per_step else None

    def __repr__(self) -> str:
        bucketed = ", bucketed" if self.bucketed else ""
        return f"Batches({len(self._x)} samples, {len(self)} batches of {self.batch_size}{bucketed})"


def _lengths(x: Column, given: npt.ArrayLike | None) -> Index | None:
    if given is None:
        return x.lengths
    lengths = np.asarray(given)
    if x.lengths is not None:
        raise ValueError("a list of sequences brings its lengths; give lengths only with a padded array x [N, T, ...]")
    if len(x.shape) < 2:
        raise ValueError(f"lengths are for x [N, T, ...], got x of shape {list(x.shape)}")
    if lengths.shape != x.shape[:1] or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths must be {len(x)} integers, got {lengths.dtype} of shape {list(lengths.shape)}")
    for at, length in enumerate(lengths.tolist()):
        if not 0 <= length <= x.shape[1]:
            raise ValueError(f"lengths[{at}] must be in [0, {x.shape[1]}], got {length}")
    return lengths.astype(np.int64)
