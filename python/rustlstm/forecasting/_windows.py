"""Windows of all series of a panel, in batches that are made when they are needed: none is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets import Streams
from ..datasets._columns import permutation
from ..tensor import Array
from ._coder import Coder
from ._panel import Index, Panel

# How many steps a validating pass goes on at once; no gradient goes back through them.
LONG = 512


@dataclass
class Sample:
    """A batch: what the network sees, x and z, and what it should answer, y [B, h, K]."""

    x: Array
    z: Array | None
    y: Array
    weight: int

    def __len__(self) -> int:
        return len(self.x)


class Windows:
    """Windows in batches, in another order in each epoch.

    Args:
        coder: makes windows.
        panel: scaled.
        which: [N], the series of each window.
        at: [N], the first row behind each.
        batch_size: windows in a batch.
        most: the batches of an epoch at most, None for all; each epoch has others then.
        shuffle: whether the order is random.
        seed: of the order.
    """

    stateful = False

    def __init__(
        self,
        coder: Coder,
        panel: Panel,
        which: Index,
        at: Index,
        *,
        batch_size: int,
        most: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        self.coder, self.panel, self.which, self.at = coder, panel, which, at
        self.batch_size, self.most, self.shuffle, self.seed = batch_size, most, shuffle, seed

    def __len__(self) -> int:
        batches = -(-len(self.at) // self.batch_size)
        return batches if self.most is None else min(batches, self.most)

    def epoch(self, number: int, start: int = 0) -> Iterator[Sample]:
        """Yield the batches of an epoch, from batch ``start`` on."""
        count = len(self.at)
        order = permutation(count, self.seed, number) if self.shuffle else np.arange(count)
        for begin in range(start * self.batch_size, min(len(self) * self.batch_size, count), self.batch_size):
            chosen = order[begin : begin + self.batch_size]
            at = self.at[chosen]
            coded = self.coder.encode(self.panel, self.which[chosen], at)
            yield Sample(coded.x, coded.z, self.coder.wanted(self.panel, at, coded), len(at))

    def identity(self) -> dict[str, Any]:
        """Return what the batches of an epoch follow from, by name, as plain values."""
        names = ("batch_size", "most", "shuffle", "seed")
        return {"class": "Windows", **{name: getattr(self, name) for name in names}, "samples": len(self.at)}


def streams(
    coder: Coder, panel: Panel, first: Index, last: Index, counts: Index, *, rows: int | None, steps: int, seed: int
) -> Streams:
    """Return series as streams, along which a network carries its state.

    x of a step is that of the network and z behind it, y what it should answer, [h * K], and its weight behind it.

    Series are cut into pieces where there are fewer than rows; each piece begins with a state of zeros.

    Args:
        coder: of windows of one step.
        panel: scaled.
        first: [N], the first row that is not known, of each series.
        last: [N], the last such row.
        counts: [N], from which row on answers count.
        rows: how many go side by side; None for all series, each whole.
        steps: how many steps a batch goes on.
        seed: of the order of the pieces.
    """
    lengths = last - first + 1
    shares = np.ones_like(lengths)
    if rows is not None:
        shares = np.maximum(np.round(rows * lengths / lengths.sum()).astype(np.int64), 1)
    xs, ys = [], []
    for series, (begin, end, share) in enumerate(zip(first.tolist(), last.tolist(), shares.tolist(), strict=True)):
        at = np.arange(begin, end + 1)
        coded = coder.encode(panel, np.full(len(at), series), at)
        # As large as to make a mean over all steps one over those that count.
        weight = (at >= counts[series]).astype(np.float32)[:, None]
        y = np.concatenate([coder.wanted(panel, at, coded).reshape(len(at), -1), weight], axis=1)
        parts = min(share, len(at))
        xs += np.array_split(beside(coded.x[:, 0], coded.z), parts)
        ys += np.array_split(y, parts)
    scale = int(lengths.sum()) / max(sum(float(y[:, -1].sum()) for y in ys), 1.0)
    for y in ys:
        y[:, -1] *= scale
    return Streams(xs, ys, steps=steps, batch_size=min(rows or len(xs), len(xs)), seed=seed)


def beside(x: Array, z: Array | None) -> Array:
    """Return x with z behind it."""
    return x if z is None else np.concatenate([x, z], axis=-1)
