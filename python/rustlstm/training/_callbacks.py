"""What can be done beside the steps: stop early, save, log."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._options import count, flag, number
from ._checks import refuse_missing_folder

if TYPE_CHECKING:
    from ._trainer import Trainer


class Callback:
    """Something that ``fit`` calls as it goes. Override what you need.

    Each method is given the trainer, which is between two steps then: it can be read, saved, evaluated and stopped.
    Ctrl-C waits until the method returns, so nothing is called twice or not at all; one that takes more than a second
    is left at the second Ctrl-C.
    """

    # Called after the others, whose state it saves.
    last = False

    def on_fit_start(self, trainer: Trainer) -> None:
        """See ``fit`` begin, or go on where it was interrupted."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """See an epoch begin, or go on."""

    def on_step(self, trainer: Trainer) -> None:
        """See that the weights have been updated."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """See that an epoch is done: ``trainer.history.last`` is its row, ``trainer.epoch`` its number."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """See that all epochs are done, or that ``trainer.stop()`` was called."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """See ``fit`` left by Ctrl-C or another exception, with the trainer as it was after its last whole batch."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: numbers, strings, arrays, and lists and dicts of these."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take on a state."""


class Callbacks:
    """The callbacks of one ``fit``, and what those of an earlier one, or of a file, have left.

    A state belongs to the callback of the same class, the second of a class to the second.
    """

    def __init__(self, states: Mapping[str, Any] | None = None, callbacks: Sequence[Callback] = ()) -> None:
        self._left = dict(states or {})
        self._named: dict[str, Callback] = {}
        for callback in sorted(callbacks, key=lambda each: each.last):
            kind = type(callback).__name__
            number = sum(type(other) is type(callback) for other in self._named.values())
            self._named[f"{kind} {number + 1}" if number else kind] = callback
        self._steps = [each.on_step for each in self._named.values() if type(each).on_step is not Callback.on_step]

    def followed_by(self, callbacks: Sequence[Callback]) -> Callbacks:
        """Return callbacks that take on what these have left."""
        new = Callbacks(self.state_dict(), callbacks)
        for name, callback in new._named.items():
            if name in new._left:
                callback.load_state_dict(new._left[name])
        return new

    def call(self, hook: str, trainer: Trainer) -> None:
        """Call a method of each, of those behind one that fails too: what they miss now, they would miss for good."""
        _raise_first(self.failures(hook, trainer))

    def failures(self, hook: str, trainer: Trainer) -> list[BaseException]:
        """Call a method of each, and return the errors."""
        return _failures([getattr(callback, hook) for callback in self._named.values()], trainer)

    def on_step(self, trainer: Trainer) -> None:
        """Call ``on_step`` of those that have one of their own."""
        if self._steps:
            _raise_first(_failures(self._steps, trainer))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each that has one."""
        states = {**self._left, **{name: callback.state_dict() for name, callback in self._named.items()}}
        return {name: state for name, state in states.items() if state}


def _failures(calls: Sequence[Callable[[Trainer], None]], trainer: Trainer) -> list[BaseException]:
    failures: list[BaseException] = []
    for call in calls:
        try:
            call(trainer)
        except BaseException as error:  # noqa: PERF203 - one that fails must not keep the others from their turn
            failures.append(error)
    return failures


def _raise_first(failures: Sequence[BaseException]) -> None:
    if failures:
        note(failures[0], failures[1:])
        raise failures[0]


def note(error: BaseException, others: Sequence[BaseException]) -> None:
    """Let an error tell of others that came with it; before Python 3.11, a warning tells of them."""
    for other in others:
        tell = getattr(error, "add_note", warnings.warn)
        tell(f"a callback failed too: {type(other).__name__}: {other}")


class Best:
    """The best value so far of a column of the history."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f'mode must be "min" or "max", got {mode!r}')
        self.monitor = monitor
        self.mode = mode
        self.min_delta = number("min_delta", min_delta)
        self.value: float | None = None

    def improves(self, trainer: Trainer) -> bool:
        """Say whether the last epoch is better than all before; if so it is the best now. NaN never is."""
        row = trainer.history.last
        if self.monitor not in row:
            raise KeyError(
                f"{self.monitor!r} is to be watched, but the epochs have only {', '.join(row)}"
                + ("; give fit a validation" if self.monitor.startswith("val_") else "")
            )
        value = float(row[self.monitor])
        sign = 1 if self.mode == "min" else -1
        best = math.inf if self.value is None else sign * self.value
        if not sign * value < best - self.min_delta:
            return False
        self.value = value
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, and of what."""
        return {"monitor": self.monitor, "mode": self.mode, "best": self.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> bool:
        """Take on a state, if it is of the same column and mode, and say whether it is."""
        same = (state.get("monitor"), state.get("mode")) == (self.monitor, self.mode)
        if same:
            self.value = state["best"]
        return same


class EarlyStopping(Callback):
    """Stops when a value has not become better for some epochs.

    Args:
        monitor: a column of the history.
        patience: stop after so many epochs without a better value.
        min_delta: better by at least this much.
        mode: whether ``"min"`` or ``"max"`` is better.
        restore_best: when ``fit`` ends, stopped or not, go back to the weights of the best epoch.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        self.patience = count("patience", patience)
        self.restore_best = flag("restore_best", restore_best)
        self.waited = 0
        self.best_epoch = 0
        self._best = Best(monitor, mode, min_delta)
        self._weights: dict[str, Any] | None = None

    @property
    def best(self) -> float | None:
        """The best value so far."""
        return self._best.value

    def on_fit_start(self, trainer: Trainer) -> None:
        """Stay stopped if a run that had stopped is resumed."""
        if self.waited >= self.patience:
            trainer.stop()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Compare, and stop if it is time."""
        if self._best.improves(trainer):
            self.waited = 0
            self.best_epoch = trainer.epoch
            if self.restore_best:
                self._weights = trainer.weights()
        else:
            self.waited += 1
            if self.waited >= self.patience:
                trainer.stop()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Go back to the best weights."""
        self.restore(trainer)

    def restore(self, trainer: Trainer) -> None:
        """Give the model the best weights so far, if there are any; for runs that are left and not resumed."""
        if self._weights is not None:
            trainer.load_weights(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value and weights and how long ago they were."""
        waiting = {"best_epoch": self.best_epoch, "waited": self.waited, "weights": self._weights}
        return {**self._best.state_dict(), **waiting}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take on a state; that of another ``monitor`` or ``mode`` says nothing here."""
        if self._best.load_state_dict(state):
            self.best_epoch, self.waited, self._weights = state["best_epoch"], state["waited"], state["weights"]


class Checkpoint(Callback):
    """Saves the trainer, with all that a resumed run needs: at ends of epochs, when ``fit`` ends and at Ctrl-C.

    Go on from it with ``trainer.load(path)`` and the same call of ``fit``. A file is replaced only by a whole one, and
    never by one with a NaN in it.

    Args:
        path: the file.
        every_epochs: save at the end of so many epochs; ``None``: not there.
        every_steps: save after so many updates of the weights, too.
        monitor: save only at the end of an epoch in which this column of the history is the best so far.
        mode: whether ``"min"`` or ``"max"`` is better.
    """

    last = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        monitor: str | None = None,
        mode: str = "min",
    ) -> None:
        self.path = os.fspath(path)
        self.every_epochs = None if every_epochs is None else count("every_epochs", every_epochs)
        self.every_steps = None if every_steps is None else count("every_steps", every_steps)
        if monitor is not None and every_steps is not None:
            raise ValueError("every_steps and monitor exclude each other: the value is known at the end of an epoch")
        self._best = None if monitor is None else Best(monitor, mode)
        self._begun: tuple[int, ...] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Note where the run is, and fail now if nothing can be saved later."""
        refuse_missing_folder(self.path)
        self._begun = _place(trainer)

    def on_step(self, trainer: Trainer) -> None:
        """Save if it is time."""
        if self.every_steps is not None and trainer.step % self.every_steps == 0:
            trainer.save(self.path)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Save if it is time, or the best so far."""
        due = self.every_epochs is not None and trainer.epoch % self.every_epochs == 0
        if self._best.improves(trainer) if self._best else due:
            trainer.save(self.path)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Save the end."""
        if self._best is None:
            trainer.save(self.path)

    def on_interrupt(self, trainer: Trainer) -> None:
        """Save what is done, if anything is: the file may be all that there is of a longer run."""
        if self._best is None and _place(trainer) != self._begun:
            trainer.save(self.path)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return self._best.state_dict() if self._best else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take on a state; that of another ``monitor`` or ``mode`` says nothing here."""
        if self._best:
            self._best.load_state_dict(state)


def _place(trainer: Trainer) -> tuple[int, ...]:
    return trainer.epoch, trainer.batch, trainer.step


class CSVLog(Callback):
    """Keeps the history as a table in a file: a line for each epoch, those before an interruption too.

    Args:
        path: the file. It is written anew from the history at the end of each epoch, so it holds this run and no other.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def on_fit_start(self, trainer: Trainer) -> None:
        """Fail now if nothing can be written later."""
        refuse_missing_folder(self.path)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write the table."""
        trainer.history.to_csv(self.path)
