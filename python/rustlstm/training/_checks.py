"""What a run is given, held against what it needs, so that a mistake is a sentence and comes before the first step."""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from .._options import count
from .._saved import part
from ..nn import Module
from ..optim import EMA, Optimizer
from ..optim.schedules import Schedule
from ..tensor import Tensor

# The columns of the history that are not metrics.
RESERVED = {"loss", "epoch", "lr", "seconds", "sequences_per_second"}


def refuse_strangers(model: Module, loss: Any, optimizer: Any, schedule: Any, ema: Any) -> None:
    """Fail if something is not what it should be, or is of another model or optimizer than the rest."""
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {type(model).__name__}")
    if not callable(loss):
        raise TypeError(f"loss must be a function, got {loss!r}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be one of rustlstm.optim, got {type(optimizer).__name__}")
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be one of rustlstm.optim.schedules, got {type(schedule).__name__}")
    if ema is not None and not isinstance(ema, EMA):
        raise TypeError(f"ema must be a rustlstm.optim.EMA, got {type(ema).__name__}")
    own = {id(parameter) for parameter in model.parameters()}
    if any(id(parameter) not in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError("the optimizer has a parameter that is not in the model, so it would not be saved")
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError("the schedule is of another optimizer")
    if ema is not None and any(id(parameter) not in own for parameter in ema.parameters):
        raise ValueError("the ema has a parameter that is not in the model")


def refuse_other_than_data(name: str, data: Any, loss: Callable[..., Any]) -> None:
    """Fail if an argument is no data, or data that the loss is not made for."""
    for needed in ("epoch", "stateful", "__len__"):
        if not hasattr(data, needed):
            raise TypeError(
                f"{name} must be Batches, Streams or alike, got {type(data).__name__}, which has no {needed}; "
                "of arrays make Batches(x, y)"
            )
    if not len(data):
        raise ValueError(f"{name} has no batches")
    try:
        signature = inspect.signature(loss)
    except ValueError:  # that of something that is not written in Python
        return
    arguments = ["model", "batch", "state"] if data.stateful else ["model", "batch"]
    try:
        signature.bind(*arguments)
    except TypeError as error:
        carries = "carries a state" if data.stateful else "carries no state"
        raise TypeError(f"{name} {carries}, so it needs a loss({', '.join(arguments)}): {error}") from None


def outcome(result: Any, stateful: bool) -> tuple[Tensor, Any, dict[str, float]]:
    """Return the loss, the state and the metrics of a batch, from what a loss function returned."""
    state = None
    if stateful:
        if not isinstance(result, tuple) or len(result) not in (2, 3):
            raise TypeError("for data that carries a state, loss returns (loss, state) or (loss, state, metrics)")
        loss, state, *rest = result
    else:
        loss, *rest = result if isinstance(result, tuple) else (result,)
        if len(rest) > 1:
            raise TypeError("for data that carries no state, loss returns the loss or (loss, metrics)")
    if not isinstance(loss, Tensor) or loss.size != 1:
        shape = f" of shape {list(loss.shape)}" if isinstance(loss, Tensor) else ""
        raise TypeError(f"loss returns a Tensor of one number first, got {type(loss).__name__}{shape}")
    return loss, state, _metrics(rest[0]) if rest else {}


def _metrics(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise TypeError(f"metrics must be a dict of numbers, got {type(given).__name__}")
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"the names of metrics must be strings, got {name!r}")
        if name in RESERVED or name.startswith("val_"):
            raise ValueError(f"a metric cannot be called {name!r}: that is another column of the history")
    try:
        return {name: float(value) for name, value in given.items()}
    except (TypeError, ValueError) as error:
        raise TypeError(f"metrics must be a dict of numbers: {error}") from None


def identity_of(data: Any) -> dict[str, Any] | None:
    """Return what the order of the batches of some data follows from; None where it does not say."""
    identity = getattr(data, "identity", None)
    return dict(identity()) if callable(identity) else None


def refuse_other_data(place: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
    """Fail if a run that is within an epoch would go on with data of another order."""
    if before is None or now is None:
        return
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if names:
        was, has = (", ".join(f"{name}={of.get(name)!r}" for name in names) for of in (before, now))
        raise ValueError(f"the run is at {place} of data with {was}, but this data has {has}")


def refuse_missing_folder(path: str) -> None:
    """Fail if there is no folder for a file that is to be written later, after an epoch perhaps."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save in", folder)


def position(state: Any, accumulate: int) -> dict[str, Any]:
    """Return where the run of a state is, if a trainer with this ``accumulate`` can be there."""
    given = part(state, "position", Mapping)
    found: dict[str, Any] = {name: count(name, part(given, name), 0) for name in ("epoch", "batch", "step", "batches")}
    if found["batch"] > found["batches"]:
        raise ValueError(f"the state is at batch {found['batch']} of {found['batches']}")
    if part(given, "accumulate") != accumulate:
        raise ValueError(f"that run has accumulate={given['accumulate']}, this trainer {accumulate}")
    return {**found, "identity": part(given, "identity", dict, type(None))}
