"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .._options import flag, not_negative
from ._optimizer import Check, Optimizer
from ._parameters import Parameters


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        momentum: the part of the last step that is taken again.
        dampening: the part of the gradient that is left out of it.
        nesterov: take the gradient as if at the point where momentum alone leads.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    >>> import numpy as np, rustlstm as rl
    >>> lstm = rl.nn.LSTM(3, 4)
    >>> optimizer = rl.optim.SGD(lstm.parameters(), lr=0.1, momentum=0.9)
    >>> y, _ = lstm(np.ones((1, 2, 3)))
    >>> y.backward(np.ones(y.shape))
    >>> optimizer.step()
    >>> optimizer.zero_grad()
    """

    _rule = "sgd"
    _checks: ClassVar[Mapping[str, Check]] = {"momentum": not_negative, "dampening": not_negative, "nesterov": flag}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            nesterov=nesterov,
            weight_decay=weight_decay,
            decoupled=decoupled,
        )

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(options)
        if checked["nesterov"] and (checked["momentum"] == 0 or checked["dampening"] != 0):
            raise ValueError("nesterov needs momentum above 0 and dampening of 0")
        return checked

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()
