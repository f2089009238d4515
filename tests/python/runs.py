"""Small runs of the trainer, one for each way in which a run can have state, for the tests that interrupt them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import rustlstm as rl
from rustlstm.datasets import Batches, Streams
from rustlstm.optim import schedules
from rustlstm.tensor import Gradients, Tensor, attach, recording, wrap


class Net(rl.nn.Module):
    """Two layers with every kind of draw."""

    def __init__(self, seed: int = 0) -> None:
        self.lstm = rl.nn.LSTM(2, 4, 2, dropout=0.2, zoneout=0.1, seed=seed)


def distance(y: Tensor, target: Any, lengths: Any) -> Tensor:
    """Half the mean square, over the valid steps, of what the units' sum differs from the target [B, T]."""
    valid = np.ones(y.shape[:2], bool) if lengths is None else np.arange(y.shape[1]) < np.asarray(lengths)[:, None]
    off = np.where(valid, y.data.sum(axis=2) - target, 0).astype(np.float32)
    loss = np.asarray(0.5 * np.square(off).sum() / valid.sum(), np.float32)
    if not recording(y):
        return wrap(loss)

    def backward(grads: Gradients) -> Gradients:
        return [np.broadcast_to((grads[0] * off / valid.sum())[..., None], y.shape)]

    return attach([loss], [y], backward)[0]


def loss(model: Net, batch: Any) -> tuple[Tensor, dict[str, float]]:
    y, _ = model.lstm(batch.x, lengths=batch.lengths)
    return distance(y, batch.y, batch.lengths), {"size": float(np.abs(y.data).mean())}


def stateful_loss(model: Net, batch: Any, state: Any) -> tuple[Tensor, Any]:
    y, state = model.lstm(batch.x, state, lengths=batch.lengths)
    return distance(y, batch.y, batch.lengths), state


def sequences(count: int, longest: int, seed: int = 0) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal((n, 2), dtype=np.float32) for n in rng.integers(2, longest, count)]
    return x, [np.cumsum(row.sum(axis=1)) / 4 for row in x]


def batches(seed: int = 1, count: int = 22) -> Batches:
    x, y = sequences(count, 6, seed)
    return Batches(x, y, batch_size=5, seed=seed)


def streams(seed: int = 1) -> Streams:
    x, y = sequences(9, 14, seed)
    return Streams(x, y, steps=3, batch_size=3, seed=seed)


def sgd(model: Net) -> rl.optim.Optimizer:
    return rl.optim.SGD(model, lr=0.05, momentum=0.9, nesterov=True)


OPTIMIZERS: dict[str, Callable[[Net], rl.optim.Optimizer]] = {
    "SGD": sgd,
    "RMSprop": lambda model: rl.optim.RMSprop(model, centered=True, momentum=0.5),
    "Adagrad": lambda model: rl.optim.Adagrad(model, lr=0.05),
    "Adadelta": rl.optim.Adadelta,
    "Adam": lambda model: rl.optim.Adam(model, lr=0.01, amsgrad=True),
    "AdamW": lambda model: rl.optim.AdamW(model, lr=0.01),
    "NAdam": rl.optim.NAdam,
    "ASGD": lambda model: rl.optim.ASGD(model, lr=0.1, lambd=0.0, window=1, t0=4),
}


class Run:
    """A trainer and its data, made anew each time: ``Run("plain").fit()``."""

    def __init__(self, kind: str, noise: int = 0) -> None:
        model = Net()
        for number, parameter in enumerate(model.parameters(), noise):
            if noise:  # another beginning, with the same draws
                parameter.assign(np.random.default_rng(number).standard_normal(parameter.shape))
        optimizer = OPTIMIZERS.get(kind, OPTIMIZERS["AdamW"])(model)
        options: dict[str, Any] = {"clip_norm": 0.5}
        self.data: Any = batches()
        self.validation: Any = batches(seed=2, count=7)
        if kind == "accumulated":
            options = {"accumulate": 2, "clip_value": 0.1, "schedule": schedules.Plateau(optimizer, patience=0)}
        elif kind == "averaged":
            each = schedules.WarmUp(optimizer, 4), schedules.Cosine(optimizer, 20)
            falling = schedules.Plateau(optimizer, patience=0, threshold=0.9)
            options = {"ema": rl.optim.EMA(model, 0.8), "schedule": schedules.Chain(*each, schedules.Chain(falling))}
        elif kind == "streams":
            self.data, self.validation = streams(), streams(2)
        self.trainer = rl.Trainer(model, loss if kind != "streams" else stateful_loss, optimizer, **options)

    def fit(self, epochs: int = 2, callbacks: Any = ()) -> Any:
        return self.trainer.fit(self.data, epochs, validation=self.validation, callbacks=callbacks, progress=False)

    def outcome(self) -> dict[str, Any]:
        """All that the run is, but for the time that it took."""
        state = self.trainer.state_dict()
        state["history"] = [
            {name: value for name, value in row.items() if "second" not in name} for row in state["history"]
        ]
        del state["sums"]["seconds"]
        return state


KINDS = ("plain", "accumulated", "averaged", "streams")


def differences(first: Any, second: Any, path: str = "") -> Iterator[str]:
    """Yield where two states are not the same bits."""
    if isinstance(first, dict) and isinstance(second, dict):
        for name in sorted(set(first) | set(second), key=str):
            yield from differences(first.get(name, "absent"), second.get(name, "absent"), f"{path}.{name}")
    elif isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.dtype != second.dtype or first.shape != second.shape or first.tobytes() != second.tobytes():
            yield f"{path}: arrays differ"
    elif first != second:
        yield f"{path}: {first!r} != {second!r}"


def assert_same(first: Any, second: Any) -> None:
    found = list(differences(first, second))
    assert not found, "\n".join(found[:10])


def resumed(kind: str, reference: Any, trainer: rl.Trainer, epochs: int = 2) -> None:
    """Check that a trainer that was left comes to the same, going on itself and as another one that takes its state."""
    state = copy.deepcopy(trainer.state_dict())
    other = Run(kind, noise=9)
    other.trainer.load_state_dict(state)
    assert_same(other.trainer.state_dict(), state)
    other.fit(epochs)
    assert_same(other.outcome(), reference)
    run = Run(kind)
    run.trainer.__dict__.update(trainer.__dict__)
    run.fit(epochs)
    assert_same(run.outcome(), reference)


def stopping(inner: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Return a loss that in its pass number ``at`` is interrupted, after it has drawn."""
    passes = 0

    def loss(*arguments: Any) -> Any:
        nonlocal passes
        result = inner(*arguments)
        passes += 1
        if passes == at + 1:
            raise KeyboardInterrupt
        return result

    return loss
