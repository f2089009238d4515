"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .._options import flag, not_negative, share
from ._optimizer import Check, Optimizer
from ._parameters import Parameters


class RMSprop(Optimizer):
    """Divides each step by a running root mean square of the gradient.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        alpha: what the running mean keeps.
        eps: keeps the divisor from zero.
        centered: divide by the deviation from the mean gradient.
        momentum: the part of the last step that is taken again.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    >>> import rustlstm as rl
    >>> rl.optim.RMSprop(rl.nn.LSTM(3, 4), lr=1e-2, momentum=0.9).lr
    0.01
    """

    _rule = "rmsprop"
    _checks: ClassVar[Mapping[str, Check]] = {
        "alpha": share,
        "eps": not_negative,
        "centered": flag,
        "momentum": not_negative,
    }

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        centered: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            alpha=alpha,
            eps=eps,
            centered=centered,
            momentum=momentum,
            weight_decay=weight_decay,
            decoupled=decoupled,
        )

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        mean = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *mean, "momentum_buffer") if group["momentum"] else ("square_avg", *mean)
