"""What happened in each epoch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..checkpoint import write_atomically


class History(Mapping[str, list[Any]]):
    """One row for each epoch, read by column: ``history["val_loss"]`` is a list.

    Columns are ``epoch`` (from 1), ``loss`` and the loss function's metrics, each as the mean over the epoch, the same
    of the validation with ``val_`` before the name, ``lr``, ``seconds`` and ``sequences_per_second`` (in training).
    Where an epoch lacks a value there is ``None``.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "val_loss": 0.5}])
    >>> history["loss"], history["val_loss"]
    ([0.5, 0.25], [None, 0.5])
    >>> history
    History(2 epochs; epoch 2, loss 0.25, val_loss 0.5)
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self.rows = [dict(row) for row in rows]

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of an epoch."""
        self.rows.append(dict(row))

    @property
    def last(self) -> dict[str, Any]:
        """The row of the last epoch; empty if there is none."""
        return self.rows[-1] if self.rows else {}

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._names():
            raise KeyError(f"{name!r}; there are {', '.join(self._names()) or 'no epochs yet'}")
        return [row.get(name) for row in self.rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> dict[str, None]:
        return dict.fromkeys(name for row in self.rows for name in row)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a table with a line for each epoch."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(self), lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows)
        write_atomically(path, [text.getvalue().encode()], keep_previous=False)

    def plot(self, *names: str, ax: Any = None) -> Any:
        """Draw columns over the epochs and return matplotlib's axes.

        Args:
            names: which columns; the losses if left out.
            ax: axes to draw on; new ones if left out.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("History.plot needs matplotlib: pip install 'rustlstm[plot]'") from error
        axes = plt.figure().add_subplot() if ax is None else ax
        for name in names or [name for name in ("loss", "val_loss") if name in self]:
            values = self[name]
            there = [at for at, value in enumerate(values) if value is not None]
            axes.plot([self.rows[at]["epoch"] for at in there], [values[at] for at in there], label=name)
        axes.set_xlabel("epoch")
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
        return axes

    def __repr__(self) -> str:
        shown = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in self.last.items())
        return f"History({len(self.rows)} epochs{'; ' if shown else ''}{shown})"
