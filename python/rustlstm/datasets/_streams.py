"""Long sequences in chunks, for truncated back-propagation: each row of a batch goes on where it was before."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from .._options import count, flag, seed_number
from ._batching import Batch
from ._columns import IGNORED, AnyArray, Column, Dense, Ragged, column, identity, padded, permutation


class Streams:
    """Long sequences side by side, a few steps at a time.

    Args:
        x: an array [T, ...] (or [T] of ids) is one long sequence, which is cut into B rows of the same length, up to
            B - 1 steps at its end being left out; a list of them is laid on B rows, one after another.
        y: the target of each step, cut as x is; if left out, the next step of x.
        steps: how many steps a batch goes on, and gradients go back.
        batch_size: B.
        shuffle: take the sequences of a list in another order in each epoch.
        seed: that order follows from it and the number of the epoch, and from nothing else.

    Batches have x [B, steps, ...] and ``reset`` [B], which says in which rows a sequence begins. That is always at the
    beginning of a chunk, so the last chunk of a sequence may be short, and a row that has ended before the others is
    empty: ``lengths`` says so where x is a list. Each sequence stays on its row in all epochs, and the rows are about
    equally long.

    >>> import numpy as np
    >>> data = Streams(np.arange(9), steps=3, batch_size=2)
    >>> for batch in data.epoch(0):
    ...     print(batch.x.tolist(), batch.y.tolist(), batch.reset.tolist())
    [[0, 1, 2], [4, 5, 6]] [[1, 2, 3], [5, 6, 7]] [True, True]
    [[3], [7]] [[4], [8]] [False, False]
    """

    stateful = True

    def __init__(
        self, x: Any, y: Any = None, *, steps: int, batch_size: int, shuffle: bool = True, seed: int = 0
    ) -> None:
        self.steps = count("steps", steps)
        self.batch_size = count("batch_size", batch_size)
        self.shuffle = flag("shuffle", shuffle)
        self.seed = seed_number(seed)
        xs, ys = column("x", x), None if y is None else column("y", y, target=True)
        self._one = isinstance(xs, Dense)
        self._x, self._y = (self._cut if self._one else self._paired)(xs, ys)
        self._chunks: list[int] = (-(-self._x.lengths // self.steps)).tolist()
        self._row, self._batches = self._lay()

    def __len__(self) -> int:
        return self._batches

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from batch ``start`` on."""
        sequences = len(self._chunks)
        order = permutation(sequences, self.seed, number) if self.shuffle and not self._one else np.arange(sequences)
        rows: list[list[int]] = [[] for _ in range(self.batch_size)]
        for sequence in order.tolist():
            rows[self._row[sequence]].append(sequence)
        for pieces in zip_longest(*(self._pieces(row, start) for row in rows), fillvalue=(-1, 0, 0)):
            yield self._batch(pieces)

    def identity(self) -> dict[str, Any]:
        """Return what the batches of an epoch follow from, by name, as plain values."""
        options = ("batch_size", "steps", "shuffle", "seed")
        return identity(self, options, len(self._chunks), self._x.lengths)

    def _pieces(self, row: Sequence[int], start: int) -> Iterator[tuple[int, int, int]]:
        """Yield the chunks of a row, from chunk ``start`` on: the sequence, its first step and its end."""
        for sequence in row:
            length = int(self._x.lengths[sequence])
            for chunk in range(start, self._chunks[sequence]):
                yield sequence, chunk * self.steps, min((chunk + 1) * self.steps, length)
            start = max(start - self._chunks[sequence], 0)

    def _batch(self, pieces: Sequence[tuple[int, int, int]]) -> Batch:
        index, first, end = np.array(pieces, np.int64).T
        lengths = end - first
        longest = int(lengths.max())
        x, y = (
            padded([of.rows[sequence][begin:stop] for sequence, begin, stop in pieces], longest, of)
            for of in (self._x, self._y)
        )
        shown = None if self._one else lengths
        return Batch(x, y, shown, index, shown, (first == 0) & (index >= 0), int(lengths.sum()))

    def _cut(self, x: Column, y: Column | None) -> tuple[Ragged, Ragged]:
        assert isinstance(x, Dense)
        if y is not None and (not isinstance(y, Dense) or len(x) != len(y)):
            got = f"{len(y)} steps" if isinstance(y, Dense) else "a list"
            raise ValueError(f"y must be an array with the {len(x)} steps of x, got {got}")
        inputs, targets = (x.array[:-1], x.array[1:]) if y is None else (x.array, y.array)
        length = len(inputs) // self.batch_size
        if not length:
            raise ValueError(f"x has {len(x)} steps, too few for batch_size {self.batch_size}")
        begins = range(0, length * self.batch_size, length)
        return _views([inputs[at : at + length] for at in begins], [targets[at : at + length] for at in begins])

    def _paired(self, x: Column, y: Column | None) -> tuple[Ragged, Ragged]:
        assert isinstance(x, Ragged)
        if y is not None and not isinstance(y, Ragged):
            raise ValueError("y must be a list of sequences, as x is; each has a target for each step")
        if y is not None and len(x) != len(y):
            raise ValueError(f"x has {len(x)} sequences and y has {len(y)}; they must be as many")
        if self.batch_size > len(x):
            raise ValueError(
                f"batch_size {self.batch_size} is more than the {len(x)} sequences of x; "
                "to have a sequence cut into rows, give it as an array"
            )
        least = 2 if y is None else 1
        for at, row in enumerate(x.rows):
            if len(row) < least:
                why = " since the target of a step is the next one" if y is None else ""
                raise ValueError(f"x[{at}] must have at least {least} steps{why}, got {len(row)}")
            if y is not None and len(row) != len(y.rows[at]):
                raise ValueError(f"x[{at}] has {len(row)} steps and y[{at}] {len(y.rows[at])}; they must be as many")
        if y is None:
            return _views([row[:-1] for row in x.rows], [row[1:] for row in x.rows])
        return x, y

    def _lay(self) -> tuple[list[int], int]:
        """Return the row of each sequence, and the chunks of the longest row; long ones are laid first."""
        rows = [0] * len(self._chunks)
        ends = [(0, row) for row in range(self.batch_size)]
        for sequence in sorted(range(len(rows)), key=lambda at: -self._chunks[at]):
            end, row = ends[0]
            rows[sequence] = row
            heapq.heapreplace(ends, (end + self._chunks[sequence], row))
        return rows, max(end for end, _ in ends)

    def __repr__(self) -> str:
        return f"Streams({len(self)} batches of {self.batch_size} rows, {self.steps} steps each)"


def _views(x: list[AnyArray], y: list[AnyArray]) -> tuple[Ragged, Ragged]:
    return Ragged(x, 0), Ragged(y, IGNORED if y[0].dtype.kind in "iu" else 0)
