"""Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .._options import not_negative, share
from ._optimizer import Check, Optimizer
from ._parameters import Parameters


class Adadelta(Optimizer):
    """Takes each step in units of earlier steps, so that the rate needs no choosing.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        rho: what the running means keep.
        eps: keeps the divisor from zero, and lets the first steps be taken.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    >>> import rustlstm as rl
    >>> rl.optim.Adadelta(rl.nn.LSTM(3, 4)).lr
    1.0
    """

    _rule = "adadelta"
    _checks: ClassVar[Mapping[str, Check]] = {"rho": share, "eps": not_negative}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(parameters, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, decoupled=decoupled)

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")
