"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from .._options import count, not_negative, number
from .._saved import part
from ._average import swapped
from ._optimizer import Check, Optimizer
from ._parameters import Parameters


class ASGD(Optimizer):
    """Gradient descent with a falling rate that also keeps the mean of where it went.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        lambd: how fast the rate falls, and how strongly values are drawn to zero by it.
        alpha: the power by which the rate falls.
        t0: the step at which averaging begins.
        window: how many checks ``observe`` waits for the validation loss to get better.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    With ``lambd=0`` it is plain gradient descent until averaging begins, as language models with AWD-LSTM are trained:
    call ``observe`` with the loss after each validation, and validate inside ``averaged``.

    >>> import rustlstm as rl
    >>> optimizer = rl.optim.ASGD(rl.nn.LSTM(3, 4), lr=30.0, lambd=0.0, window=2)
    >>> [optimizer.observe(loss) for loss in (5.0, 4.0, 4.5, 4.6, 4.7)]
    [False, False, False, False, True]
    """

    _rule = "asgd"
    _checks: ClassVar[Mapping[str, Check]] = {"lambd": not_negative, "alpha": not_negative, "t0": not_negative}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        *,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        window: int = 5,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        self.window = count("window", window)
        self._losses: list[float] = []
        super().__init__(
            parameters, lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, decoupled=decoupled
        )

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    @property
    def averaging(self) -> bool:
        """Whether averaging has begun."""
        return any(slot.steps >= self.param_groups[slot.group]["t0"] for slot in self._slots)

    def start_averaging(self) -> None:
        """Begin the average with the next step, whatever ``t0`` was."""
        steps = float(max(slot.steps for slot in self._slots))
        for group in self.param_groups:
            group["t0"] = steps

    def observe(self, validation_loss: float) -> bool:
        """Start averaging if the loss is above the best of all checks but the last ``window``; return ``averaging``."""
        loss = float(validation_loss)
        if not self.averaging and any(loss > earlier for earlier in self._losses[: -self.window]):
            self.start_averaging()
        self._losses.append(loss)
        return self.averaging

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, the parameters have their averages as values; after it, and after an error, their own again."""
        begun = [slot for slot in self._slots if slot.steps > 0]
        return swapped([slot.parameter for slot in begun], [slot.state[0] for slot in begun])

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run needs to go on with the same bits, as a plain dictionary of copies."""
        return {**super().state_dict(), "losses": list(self._losses)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what ``state_dict`` returned, options included; on an error nothing is changed."""
        losses = [float(number("losses", loss)) for loss in part(state, "losses", list)]
        super().load_state_dict(state)
        self._losses = losses
