"""A progress bar for each epoch."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from ._callbacks import Callback

if TYPE_CHECKING:
    from ._trainer import Trainer

# A bar that is drawn ten times a second costs nothing beside the steps, and the eye asks for no more.
EVERY = 0.1
FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class Progress(Callback):
    """Shows batches, time left, loss, metrics and sequences per second.

    ``fit`` adds one by itself where standard error is a terminal or a notebook, and none is given.

    Args:
        file: where to; standard error if left out.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._bar: Any = None
        self._next = 0.0

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Begin a bar, at the batch where the epoch is."""
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
            monitor_interval = 0  # no thread that looks after slow bars

        self._bar = Bar(
            total=trainer.batches,
            initial=trainer.batch,
            desc=f"epoch {trainer.epoch + 1}/{trainer.epochs}",
            bar_format=FORMAT,
            mininterval=0,
            miniters=1,
            dynamic_ncols=True,
            file=self._file or sys.stderr,
        )
        self._next = time.perf_counter() + EVERY

    def on_step(self, trainer: Trainer) -> None:
        """Draw the bar if it is time."""
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + EVERY
            self._show(trainer.batch, trainer.running())

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Leave the bar with what the epoch came to."""
        hidden = ("epoch", "lr", "seconds")
        self._show(trainer.batches, {name: v for name, v in trainer.history.last.items() if name not in hidden})
        self._close()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Leave the bar as it is."""
        self._close()

    def on_interrupt(self, trainer: Trainer) -> None:
        """Leave the bar as it is."""
        self._close()

    def _show(self, batch: int, values: dict[str, float]) -> None:
        speed = values.pop("sequences_per_second", None)
        shown = [f"{name} {value:.4g}" for name, value in values.items()]
        shown += [] if speed is None else [f"{speed:,.0f} sequences/s"]
        self._bar.set_postfix_str(", ".join(shown), refresh=False)
        self._bar.update(batch - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def interactive() -> bool:
    """Say whether someone is likely to look: at a terminal, or in a notebook."""
    return sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules)
