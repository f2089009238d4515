"""Adam and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .._options import betas as two_shares
from .._options import flag, not_negative
from ._optimizer import Check, Optimizer
from ._parameters import Parameters


class Adam(Optimizer):
    """Divides a running mean of the gradient by a running root mean square, both freed of their start at zero.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        betas: what the running means of the gradient and of its square keep.
        eps: keeps the divisor from zero.
        amsgrad: never let the divisor fall.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    >>> import rustlstm as rl
    >>> optimizer = rl.optim.Adam(rl.nn.LSTM(3, 4), lr=1e-2)
    >>> optimizer.lr
    0.01
    """

    _rule = "adam"
    _checks: ClassVar[Mapping[str, Check]] = {"betas": two_shares, "eps": not_negative, "amsgrad": flag}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad, weight_decay=weight_decay, decoupled=decoupled
        )

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")


class AdamW(Adam):
    """Adam with decoupled weight decay, and some of it by default.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        betas: what the running means of the gradient and of its square keep.
        eps: keeps the divisor from zero.
        amsgrad: never let the divisor fall.
        weight_decay: how strongly values are drawn to zero, by ``lr * weight_decay`` of them at each step.

    >>> import rustlstm as rl
    >>> rl.optim.AdamW(rl.nn.LSTM(3, 4)).param_groups[0]["decoupled"]
    True
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(
            parameters, lr, betas=betas, eps=eps, amsgrad=amsgrad, weight_decay=weight_decay, decoupled=True
        )


class NAdam(Optimizer):
    """Adam that looks one step of its momentum ahead.

    Args:
        parameters: see ``Optimizer``.
        lr: the learning rate.
        betas: what the running means of the gradient and of its square keep.
        eps: keeps the divisor from zero.
        momentum_decay: how fast the momentum rises to ``betas[0]``.
        weight_decay: how strongly values are drawn to zero.
        decoupled: draw the values themselves, by ``lr * weight_decay`` of them, and not by way of the gradient.

    >>> import rustlstm as rl
    >>> rl.optim.NAdam(rl.nn.LSTM(3, 4)).lr
    0.002
    """

    _rule = "nadam"
    _checks: ClassVar[Mapping[str, Check]] = {"betas": two_shares, "eps": not_negative, "momentum_decay": not_negative}

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            betas=betas,
            eps=eps,
            momentum_decay=momentum_decay,
            weight_decay=weight_decay,
            decoupled=decoupled,
        )

    def _state_names(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")
