"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .._options import not_negative
from ._optimizer import Check, Optimizer
from ._parameters import Parameters


class Adagrad(Optimizer):
    """Divides each step by the root of the sum of all squared gradients so far.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        lr_decay: how fast the rate falls beside that.
        initial_accumulator_value: what the sum starts with.
        eps: keeps the divisor from zero.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    >>> import rustlstm as rl
    >>> rl.optim.Adagrad(rl.nn.LSTM(3, 4)).lr
    0.01
    """

    _rule = "adagrad"
    _checks: ClassVar[Mapping[str, Check]] = {
        "lr_decay": not_negative,
        "initial_accumulator_value": not_negative,
        "eps": not_negative,
    }

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            lr_decay=lr_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            weight_decay=weight_decay,
            decoupled=decoupled,
        )

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _initial(self, group: Mapping[str, Any]) -> float:
        return float(group["initial_accumulator_value"])
