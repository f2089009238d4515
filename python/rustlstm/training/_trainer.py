r"""The loop: batches through a model, its loss backward, the optimizer's step; and nothing of it is ever lost.

What a run is stands, between two batches, in a few attributes, which change from one batch to the next as a whole or
not at all. So Ctrl-C, an error or a file can come between, and what goes on from there goes on to the same bits:

    for each batch
        loss(model, batch)                        \
        is it finite? else say who is to blame     |  left here, draws and gradients go back to where they were
        backward                                  /
        with Ctrl-C held back
            clip, optimizer                       \
            position, sums, carried state          |  done as a whole
            average, schedule, callbacks          /
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .._errors import NonFiniteError
from .._options import count, not_negative
from .._saved import part, rows
from ..checkpoint import load_state, save_state
from ..datasets import Data
from ..nn import Module
from ..optim import ASGD, EMA, Optimizer, clip_grad_norm, clip_grad_value
from ..optim.schedules import Schedule
from ..tensor import Tensor, backward, no_grad
from ._boundary import Boundary, evaluating
from ._callbacks import Callback, Callbacks, note
from ._checks import identity_of, outcome, position, refuse_other_data, refuse_other_than_data, refuse_strangers
from ._history import History
from ._interrupts import Interrupts
from ._nonfinite import nonfinite
from ._progress import Progress, interactive
from ._state import detached, entering
from ._sums import Sums

POSITION = ("epoch", "batch", "step", "batches", "identity", "accumulate")
# Grows when an earlier version could not read what ``state_dict`` returns.
FORM = 1


class Trainer:
    """Trains a model on batches.

    Args:
        model: a ``Module``.
        loss: ``loss(model, batch)`` returns a Tensor of one number, or a pair of it and a dict of metrics, which are
            numbers with names of their own in the history. For data that carries a state, ``loss(model, batch, state)``
            returns the pair (loss, state), or (loss, state, metrics); ``state`` is ``None`` where all rows begin.
        optimizer: of the model's parameters.
        schedule: of the optimizer's learning rate. It goes on after each step; one that needs a loss, such as
            ``Plateau``, after each epoch, with the loss of the validation if there is one and else of the training. In
            a ``Chain`` each does as it would alone.
        clip_norm: the most that the norm of all gradients together may be.
        clip_value: the most that any element of a gradient may be.
        accumulate: take a step after so many batches, on the mean of their gradients. Groups end with the epoch.
        ema: an average of the weights, ``optim.EMA``. Evaluation and validation use it, as they do that of ``ASGD``.

    Attributes:
        epoch, batch: how many epochs are done, and how many batches of the one that is running.
        step: how many times the weights were updated.
        history: a row for each epoch.
        epochs, batches: how many there are to be; of the last ``fit``.
        identity: what the order of the batches follows from, if the data says so; of the last ``fit``.

    What is carried from one batch to the next, as an LSTM's (h, c), is cut off from the tape and, in the rows where
    ``batch.reset`` says so, set to zero. A layer with ``learn_initial_state`` needs rows that all begin together.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any],
        optimizer: Optimizer,
        *,
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        ema: EMA | None = None,
    ) -> None:
        refuse_strangers(model, loss, optimizer, schedule, ema)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip_norm = None if clip_norm is None else not_negative("clip_norm", clip_norm)
        self.clip_value = None if clip_value is None else not_negative("clip_value", clip_value)
        self.accumulate = count("accumulate", accumulate)
        self.ema = ema
        self.epoch = self.batch = self.step = 0
        self.epochs = self.batches = 0
        self.identity: dict[str, Any] | None = None
        self.history = History()
        self._sums = Sums()
        self._carried: Any = None
        self._stopping = False
        self._clock = 0.0
        self._callbacks = Callbacks()
        self._interrupts = Interrupts()
        self._boundary = Boundary(model)

    # --- the loop

    def fit(
        self,
        data: Data,
        epochs: int = 1,
        *,
        validation: Data | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ) -> History:
        """Train until so many epochs are done, those before this call included.

        After Ctrl-C or an error, and after ``load``, the same call goes on where the run was, to the same bits as one
        that was never interrupted.

        Args:
            data: ``Batches``, ``Streams`` or alike.
            epochs: how many there are to be in total.
            validation: data for ``evaluate`` at the end of each epoch.
            callbacks: they are called in this order, those that save the trainer last.
            progress: show a bar, where someone is likely to look; ``callbacks=[Progress()]`` shows it anywhere.

        Returns:
            The history, of the epochs of earlier calls too.
        """
        self.epochs = count("epochs", epochs)
        shown = any(isinstance(callback, Progress) for callback in callbacks)
        bars = [Progress()] if progress and not shown and interactive() else []
        return self._interrupts.run(self._fit, data, validation, [*bars, *callbacks])

    def stop(self) -> None:
        """Let ``fit`` end after this step. For callbacks."""
        self._stopping = True

    def running(self) -> dict[str, float]:
        """Return the means over the batches of this epoch so far, and the sequences per second."""
        return {**self._sums.means(), "sequences_per_second": self._sums.speed}

    def evaluate(self, data: Data) -> dict[str, float]:
        """Return the loss and the metrics over all of the data, without training.

        They are means over the batches, each with its ``weight``: over all targets, if the loss is a mean over those of
        a batch. The model is in evaluation mode, and has its averaged weights where there are any.
        """
        return self._interrupts.run(self._evaluate, data)

    def _evaluate(self, data: Data) -> dict[str, float]:
        refuse_other_than_data("data", data, self.loss)
        sums, carried = Sums(), None
        whole = self._interrupts.whole
        with whole(evaluating(self.model)), whole(self._averaged()), whole(no_grad()):
            for batch in data.epoch(0):
                loss, carried, metrics = self._forward(batch, data.stateful, carried)
                sums.add(batch.weight, {"loss": loss.item(), **metrics})
        return sums.means()

    def _fit(self, data: Data, validation: Data | None, callbacks: list[Callback]) -> History:
        refuse_other_than_data("data", data, self.loss)
        if validation is not None:
            refuse_other_than_data("validation", validation, self.loss)
        self._begin(data, callbacks)
        try:
            self._call("on_fit_start")
            while self.epoch < self.epochs and not self._stopping:
                self._run_epoch(data, validation)
            self._call("on_fit_end")
        except BaseException as error:
            with self._interrupts.held:
                self._boundary.roll_back()
                note(error, self._callbacks.failures("on_interrupt", self))
            raise
        return self.history

    def _begin(self, data: Data, callbacks: list[Callback]) -> None:
        identity = identity_of(data)
        if self.batch:
            place = f"batch {self.batch} of {self.batches} of epoch {self.epoch + 1}"
            if len(data) != self.batches:
                raise ValueError(
                    f"the run is at {place}, but this data has {len(data)} batches: it is not the data of that run"
                )
            refuse_other_data(place, self.identity, identity)
        if self.ema is not None:
            self.ema.check()
        self._boundary = self._boundary.again()
        self._callbacks = self._callbacks.followed_by(callbacks)
        self.batches, self.identity = len(data), identity
        self._stopping = False
        self.model.train()

    def _run_epoch(self, data: Data, validation: Data | None) -> None:
        self._call("on_epoch_start")
        self._clock = time.perf_counter()
        for batch in data.epoch(self.epoch, self.batch):
            if self.batch == self.batches:
                raise RuntimeError(f"the data gave more batches than its len, {self.batches}")
            self._advance(batch, data.stateful)
            if self._stopping:
                return
        if self.batch != self.batches:
            raise RuntimeError(f"the data gave {self.batch} batches, and its len is {self.batches}")
        found = {} if validation is None else self.evaluate(validation)
        with self._interrupts.held:
            self._end_epoch({f"val_{name}": value for name, value in found.items()})

    def _advance(self, batch: Any, stateful: bool) -> None:
        """Go over one batch and, if it is the last of its group, take the step."""
        first = self.batch - self.batch % self.accumulate
        group = min(self.accumulate, self.batches - first)
        whole = self.batch + 1 == first + group
        loss, carried, metrics = self._forward(batch, stateful, self._carried)
        value = loss.item()
        if not math.isfinite(value):
            raise self._blame(f"the loss is {value}", batch)
        backward([loss], None if group == 1 else [np.float32(1 / group)])
        if not whole:
            # The step will look at the gradients of the whole group, when this batch is long gone.
            found = nonfinite({name: parameter.grad for name, parameter in self._boundary.parameters.items()})
            if found:
                raise self._blame(f"the gradient of {found}", batch)
        rows, weight = len(batch), batch.weight
        with self._interrupts.held:
            if whole:
                self._update(batch)
            self.batch += 1
            self._carried = carried
            self._sums.add(weight, {"loss": value, **metrics})
            self._sums.sequences += rows
            self._tick()
            self._boundary.note(whole)
            if whole:
                self._follow()

    def _forward(self, batch: Any, stateful: bool, carried: Any) -> tuple[Tensor, Any, dict[str, float]]:
        state = (entering(self.model, carried, batch.reset),) if stateful else ()
        loss, state_after, values = outcome(self.loss(self.model, batch, *state), stateful)
        return loss, detached(state_after), values

    def _update(self, batch: Any) -> None:
        try:
            if self.clip_value is not None:
                clip_grad_value(self._boundary.parameters.items(), self.clip_value)
            if self.clip_norm is not None:
                clip_grad_norm(self._boundary.parameters.items(), self.clip_norm)
            self.optimizer.step()
        except NonFiniteError as error:
            raise self._blame(str(error), batch) from None
        self._boundary.forget()
        self.step += 1

    def _follow(self) -> None:
        """Do what follows a step. The step is counted by now, so that an error here does not let it be taken twice."""
        if self.ema is not None:
            self.ema.update()
        if self.schedule is not None and not self.schedule.needs_loss:
            self.schedule.step()
        self._callbacks.on_step(self)

    def _tick(self) -> None:
        now = time.perf_counter()
        self._sums.seconds += now - self._clock
        self._clock = now

    def _end_epoch(self, found: dict[str, float]) -> None:
        means = self.running()
        speed = means.pop("sequences_per_second")
        self._tick()
        times = {"lr": self.optimizer.lr, "seconds": self._sums.seconds, "sequences_per_second": speed}
        self.epoch, self.batch = self.epoch + 1, 0
        self._sums, self._carried = Sums(), None
        self.history.append({"epoch": self.epoch, **means, **found, **times})
        try:
            if self.schedule is not None:
                self.schedule.observe(found.get("val_loss", means["loss"]))
            if "val_loss" in found and isinstance(self.optimizer, ASGD):
                self.optimizer.observe(found["val_loss"])
        finally:  # the epoch is in the history, so this is the callbacks' only chance to see it
            self._call("on_epoch_end")

    def _call(self, hook: str) -> None:
        with self._interrupts.held:
            self._callbacks.call(hook, self)

    def _averaged(self) -> AbstractContextManager[Any]:
        """Return a context in which the weights are their averages, where there are any."""
        if self.ema is not None:
            return self.ema.applied()
        if isinstance(self.optimizer, ASGD) and self.optimizer.averaging:
            return self.optimizer.averaged()
        return nullcontext()

    def _blame(self, what: str, batch: Any) -> NonFiniteError:
        suspects = {
            "batch.x": batch.x,
            "batch.y": batch.y,
            "model": self._boundary.parameters,
            "the carried state": self._carried,
        }
        found = nonfinite(suspects) or "the batch and the weights are finite, so it came up on the way"
        where = f"batch {self.batch} of epoch {self.epoch + 1}"
        return NonFiniteError(f"{where}: {what}; {found}. The weights are those before this batch")

    # --- saving

    def weights(self) -> dict[str, Any]:
        """Return copies of the weights that ``evaluate`` uses, and of the averages that they come from."""
        with self._interrupts.whole(self._averaged()):
            model = self.model.state_dict()
        return {
            "model": model,
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "optimizer": self.optimizer.state_dict() if isinstance(self.optimizer, ASGD) else None,
        }

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Take on what ``weights`` returned."""
        self.model.load_state_dict(weights["model"])
        if self.ema is not None:
            self.ema.load_state_dict(weights["ema"])
        if weights["optimizer"] is not None:
            self.optimizer.load_state_dict(weights["optimizer"])

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run needs to go on: numbers, strings, arrays, and lists and dicts of these."""
        return {
            "trainer": FORM,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "position": {name: getattr(self, name) for name in POSITION},
            "boundary": self._boundary.state_dict(),
            "carried": self._carried,
            "sums": self._sums.state_dict(),
            "history": [dict(row) for row in self.history.rows],
            "callbacks": self._callbacks.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where a run was; on an error nothing is changed."""
        before = self.state_dict()
        try:
            self._restore(state)
        except BaseException:
            self._restore(before)
            raise

    def _restore(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping) or state.get("trainer") != FORM:
            raise ValueError("this is not the state of a Trainer")
        for name in ("schedule", "ema"):
            if (part(state, name) is None) != (getattr(self, name) is None):
                has, lacks = ("this trainer", "that run") if state[name] is None else ("that run", "this trainer")
                raise ValueError(f"{has} has {name}, and {lacks} has not")
        place = position(state, self.accumulate)
        self.model.load_state_dict(part(state, "model", Mapping))
        self.optimizer.load_state_dict(part(state, "optimizer", Mapping))
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        for name, value in place.items():
            setattr(self, name, value)
        self._boundary.load_state_dict(part(state, "boundary"))
        self._carried = detached(part(state, "carried"))
        self._sums = Sums.of(part(state, "sums"))
        self.history = History(rows(state, "history"))
        self._callbacks = Callbacks(part(state, "callbacks", Mapping))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that a run needs to go on; where a weight is not finite, refuse and leave the file alone."""
        state = self.state_dict()
        found = nonfinite({name: state[name] for name in ("model", "optimizer", "ema", "boundary", "carried")})
        if found:
            raise NonFiniteError(f"{found}; {os.fspath(path)} was not written")
        save_state(path, state)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go to where the run in a file was; ``fit`` then goes on from there. On an error nothing is changed."""
        state = load_state(path)
        try:
            self.load_state_dict(state)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{os.fspath(path)} does not fit this trainer: {error}") from error
