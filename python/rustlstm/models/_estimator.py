"""What all estimators share: options with names, the run of a fit, scikit-learn's habits, and files.

An estimator is made of three things, which its own file joins:

    inputs      what a user has, as arrays that layers take         models/_inputs.py
    network_    a ``Module``                                        of layers of nn
    loss        of the network and a batch                          a function

``fit`` learns the inputs from the part that is trained on, makes the network and lets a ``Trainer`` run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from .. import optim
from .._options import choice, count, flag, not_negative, positive, seed_number, share
from ..datasets import Batches, Data, Dataset
from ..nn import LSTM, Module
from ..nn._config import register
from ..optim import schedules
from ..tensor import Array, no_grad
from ..training import Callback, EarlyStopping, History, Trainer
from . import _files
from ._documented import document
from ._plain import as_plain, from_plain

Index = npt.NDArray[np.int64]
_E = TypeVar("_E", bound="Estimator")

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": partial(optim.SGD, momentum=0.9),
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "nadam": optim.NAdam,
}
# What fit comes to where nobody says how many epochs.
STEPS = 2000
SCHEDULES = ("constant", "cosine", "onecycle", "plateau")


class NotFittedError(ValueError, AttributeError):
    """The estimator was asked for what only ``fit`` learns."""


class Learned:
    """What ``fit`` of every estimator leaves. No dataclass, so that these are no options."""

    network_: Any
    history_: History
    inputs_: Any
    classes_: npt.NDArray[Any]


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(Learned):
    """A model with ``fit``; what follows is common to all estimators.

    Args:
        hidden_size: units of each LSTM layer, one number or a list of one for each layer. 64 learns most small
            problems; text wants 128 to 512.
        num_layers: LSTM layers on top of one another. More than two seldom pay.
        dropout: chance to drop an element between layers and before the output; 0.2 to 0.5 where the model learns the
            training part by heart.
        lstm: further options of ``nn.LSTM``, such as ``{"layer_norm": True, "zoneout": 0.1}``.
        epochs: how often all samples are seen; ``None`` for as many as come to 2,000 steps, from 10 to 200: few samples
            need to be seen more often.
        batch_size: samples in a step. Smaller ones learn more in an epoch, larger ones are faster.
        learning_rate: at its largest. 3e-3 suits Adam and LSTMs of this size, and texts often learn more at 6e-3; halve
            it when the loss jumps.
        optimizer: ``"adam"``, ``"adamw"``, ``"nadam"``, ``"rmsprop"`` or ``"sgd"`` (with momentum 0.9).
        weight_decay: of that optimizer; it pulls weights towards zero. 0 leaves them alone.
        schedule: ``"cosine"`` lets the rate fall to zero, which is worth an epoch or two; ``"onecycle"`` lets it rise
            first; ``"plateau"`` lowers it when the validation loss stands still; ``"constant"``.
        clip_norm: the most that the norm of all gradients may be: LSTMs seldom, but then badly, have large ones.
            ``None`` for no limit.
        validation: the share of the samples, drawn by chance, that is kept from training to choose the best epoch by; 0
            for none. Where neighbours are alike, as windows of a series are, give ``fit`` a later part instead.
        patience: stop after so many epochs without a better validation loss; ``None``: run them all. The weights of the
            best epoch are kept in any case.
        warm_start: let ``fit`` go on with the weights that there are, if there are any.
        seed: first weights, order, masks and draws follow from it.
        progress: show a bar where someone is likely to look.
    """

    hidden_size: int | Sequence[int] = 64
    num_layers: int = 1
    dropout: float = 0.0
    lstm: Mapping[str, Any] | None = None
    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float = 3e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    schedule: str = "cosine"
    clip_norm: float | None = 1.0
    validation: float = 0.1
    patience: int | None = None
    warm_start: bool = False
    seed: int = 0
    progress: bool = True

    # What ``fit`` leaves, and of which class, so that a file can be held against it.
    _learns: ClassVar[dict[str, Any]] = {"history_": History}
    # What this kind of estimator is for scikit-learn: "classifier", "regressor" or None.
    _estimator_type: ClassVar[str | None] = None
    _problem: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        register(cls)
        document(cls)

    # --- scikit-learn's habits

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self: _E, **params: Any) -> _E:
        """Set options by name; return self."""
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no option {name!r}; it has {', '.join(sorted(known))}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        kind = self._estimator_type
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            input_tags=InputTags(two_d_array=True, three_d_array=True, string=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return "network_" in vars(self)

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_") and not name.startswith("_") and "network_" not in vars(self):
            raise NotFittedError(f"{type(self).__name__} has no {name} before fit; call fit(X, y) first")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if not _same(getattr(self, field.name), field.default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def summary(self) -> None:
        """Print the parameters of the network."""
        self.network_.summary()

    # --- files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a safetensors file, whole or not at all."""
        self._fitted()
        _files.save(self, path)

    @classmethod
    def load(cls: type[_E], path: str | os.PathLike[str]) -> _E:
        """Read an estimator of this kind; ``rl.load`` reads any."""
        found = _files.load(path)
        if not isinstance(found, cls):
            raise ValueError(f"{os.fspath(path)} holds a {type(found).__name__}, not a {cls.__name__}")
        return found

    def _description(self) -> dict[str, Any]:
        """Return what a file says of an estimator beside its network: options, and what was learned."""
        learned = {
            name: as_plain(value) for name, value in vars(self).items() if name.endswith("_") and name != "network_"
        }
        return {"class": type(self).__name__, "options": as_plain(self.get_params()), "learned": learned}

    def _restore(self, description: Mapping[str, Any], network: Module) -> None:
        self.set_params(**from_plain(description["options"]))
        for name, value in description["learned"].items():
            if not name.endswith("_") or name.startswith("_"):
                raise ValueError(f"{name!r} is nothing that {type(self).__name__} learns")
            setattr(self, name, from_plain(value))
        for name, kind in self._learns.items():
            if not isinstance(vars(self).get(name), kind):
                raise ValueError(f"{name} is missing, or of another kind than {type(self).__name__} learns")
        self.network_ = network

    # --- for the estimators themselves

    def _fitted(self) -> None:
        if "network_" not in vars(self):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit first")

    def _check_options(self) -> None:
        """Fail if an option cannot be; those of layers are checked by them."""
        self._hidden_size()
        count("num_layers", self.num_layers)
        if self.epochs is not None:
            count("epochs", self.epochs)
        count("batch_size", self.batch_size)
        positive("learning_rate", self.learning_rate)
        choice("optimizer", self.optimizer, *OPTIMIZERS)
        not_negative("weight_decay", self.weight_decay)
        choice("schedule", self.schedule, *SCHEDULES)
        share("dropout", self.dropout)
        share("validation", self.validation)
        seed_number(self.seed)
        flag("warm_start", self.warm_start)
        flag("progress", self.progress)
        if self.clip_norm is not None:
            positive("clip_norm", self.clip_norm)
        if self.patience is not None:
            count("patience", self.patience)
        if self.lstm is not None and not isinstance(self.lstm, Mapping):
            raise TypeError(f"lstm must be a dict of options of nn.LSTM, got {type(self.lstm).__name__}")

    def _check_same(self, network: Module) -> None:
        """Fail if options ask for another network than the one that ``warm_start`` goes on with."""
        if _without_seeds(self.network_.config()) != _without_seeds(network.config()):
            raise ValueError(
                f"warm_start goes on with the network that there is, {self.network_!r:.200}, but by its options "
                f"{type(self).__name__} would have another: give them back, or set warm_start=False"
            )

    def _goes_on(self) -> bool:
        return self.warm_start and "network_" in vars(self)

    def _lstm_layer(self, input_size: int, seed: int, **options: Any) -> LSTM:
        return LSTM(
            input_size,
            self._hidden_size(),
            self.num_layers,
            **{"dropout": self.dropout, "seed": seed, **options, **(self.lstm or {})},
        )

    def _hidden_size(self) -> int | list[int]:
        if isinstance(self.hidden_size, (list, tuple, np.ndarray)):
            return [count(f"hidden_size[{at}]", size) for at, size in enumerate(self.hidden_size)]
        return count("hidden_size", self.hidden_size)

    def _held_out(self, samples: int, share: float) -> tuple[Index, Index]:
        """Return which samples train and which validate, by chance."""
        if not samples:
            raise ValueError("X is empty; there is nothing to learn from")
        held = round(samples * share)
        if share and samples >= 2:
            held = min(max(held, 1), samples - 1)
        order = np.random.Generator(np.random.PCG64([self.seed, samples])).permutation(samples).astype(np.int64)
        return np.sort(order[held:]), np.sort(order[:held])

    def _run(
        self,
        loss: Callable[..., Any],
        train: Data,
        validation: Data | None,
        callbacks: Sequence[Callback],
        monitor: str = "val_loss",
    ) -> None:
        """Train the network and keep the weights of the best epoch."""
        self._ready(loss, train, validation, callbacks, monitor)()

    def _ready(
        self,
        loss: Callable[..., Any],
        train: Data,
        validation: Data | None,
        callbacks: Sequence[Callback],
        monitor: str = "val_loss",
    ) -> Callable[[], None]:
        """Return the training, after a look at everything that could be wrong before it begins."""
        epochs = self.epochs or min(max(-(-STEPS // len(train)), 10), 200)
        optimizer = OPTIMIZERS[self.optimizer](self.network_, lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = self._schedule(optimizer, epochs * len(train))
        trainer = Trainer(self.network_, loss, optimizer, schedule=schedule, clip_norm=self.clip_norm)
        self.history_ = trainer.history
        if not isinstance(callbacks, (list, tuple)) or not all(isinstance(one, Callback) for one in callbacks):
            raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r:.60}")
        watchers = list(callbacks)
        if validation is None and self.patience is not None:
            raise ValueError("patience waits for a better validation loss; give validation, or patience=None")
        if validation is not None and not any(isinstance(callback, EarlyStopping) for callback in callbacks):
            watchers.append(EarlyStopping(monitor, patience=self.patience or epochs))

        def run() -> None:
            try:
                trainer.fit(train, epochs, validation=validation, callbacks=watchers, progress=self.progress)
            except BaseException:
                # What is left early is a model as well: that of the best epoch so far.
                for watcher in watchers:
                    if isinstance(watcher, EarlyStopping):
                        watcher.restore(trainer)
                raise
            finally:
                self.network_.eval()

        return run

    def _schedule(self, optimizer: optim.Optimizer, steps: int) -> schedules.Schedule | None:
        if self.schedule == "cosine":
            return schedules.Cosine(optimizer, steps)
        if self.schedule == "onecycle":
            return schedules.OneCycle(optimizer, max_lr=self.learning_rate, steps=steps)
        if self.schedule == "plateau":
            return schedules.Plateau(optimizer, patience=max(1, (self.patience or 6) // 3), factor=0.5)
        return None

    def _apply(self, rows: Sequence[Any], run: Callable[[Any, Any], Any], size: int = 128) -> list[Any]:
        """Return ``run(x, lengths)`` of the network for each row, in batches of about equal lengths."""
        self._fitted()
        self.network_.eval()
        if not rows:
            raise ValueError("X is empty; give at least one sequence")
        found: list[Any] = [None] * len(rows)
        batches = Batches(list(rows), batch_size=size, shuffle=False, bucketed=True)
        with no_grad():
            for batch in batches.epoch(0):
                made = np.asarray(run(batch.x, batch.lengths))
                for at, output in zip(batch.index.tolist(), made, strict=True):
                    found[at] = output
        return found


def _without_seeds(config: Any) -> Any:
    if isinstance(config, dict):
        return {name: _without_seeds(value) for name, value in config.items() if name != "seed"}
    return [_without_seeds(value) for value in config] if isinstance(config, (list, tuple)) else config


def as_pair(X: Any, y: Any) -> tuple[Any, Any]:
    """Return what is learned from, which a ``Dataset`` brings together."""
    if isinstance(X, Dataset):
        if y is not None:
            raise ValueError("a Dataset brings its y; give X and y, or the Dataset alone")
        if X.is_one_sequence:
            raise ValueError(
                f"{X.name} is one sequence, and X must be many; a text is for a SequenceGenerator, a series for a "
                "Forecaster, or to be cut by rustlstm.datasets.windows"
            )
        return X.x, X.y
    return X, y


def validation_parts(validation: Any) -> tuple[Any, Any, Any]:
    """Return X, y and the lengths of what ``fit`` is given to validate on: (X, y), (X, y, lengths) or a ``Dataset``."""
    if isinstance(validation, Dataset):
        return validation.x, validation.y, None
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            f"validation must be (X, y) or a Dataset, got {validation!r:.60}; "
            "a share of X is an option of the constructor"
        )
    return validation[0], validation[1], validation[2] if len(validation) == 3 else None


def taken(rows: Sequence[Any] | Array, index: Index) -> Any:
    """Return some of the rows of a list or an array."""
    return rows[index] if isinstance(rows, np.ndarray) else [rows[at] for at in index.tolist()]


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)
