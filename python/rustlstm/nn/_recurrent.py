"""What LSTM and LSTMCell have in common: arithmetic that copies make anew, and PyTorch's names of parameters.

PyTorch has two biases, which are only ever added; here there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..ops import LstmCore
from ..tensor import Array
from ._module import Module
from ._parameter import Parameter


class Recurrent(Module):
    """A module whose arithmetic is an ``LstmCore``."""

    _core: LstmCore

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Parameter: ...

    def _make_core(self) -> LstmCore:
        raise NotImplementedError

    def _to_torch(self, own: dict[str, Array]) -> dict[str, Array]:
        state = {}
        for name, value in own.items():
            if name.startswith("bias"):
                ih, hh = _pair(name)
                state[ih], state[hh] = value, np.zeros_like(value)
            else:
                state[name] = value
        return state

    def _from_torch(self, own: dict[str, Any]) -> dict[str, Any]:
        state = dict(own)
        for name, parameter in self._own().items():
            pair = _pair(name)
            if name.startswith("bias") and name not in own and all(one in own for one in pair):
                ih, hh = (ops.as_f32(one, state.pop(one), [("", parameter.size)]) for one in pair)
                state[name] = ih + hh
        return state

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_core"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._core = self._make_core()


def _pair(bias: str) -> tuple[str, str]:
    return bias.replace("bias", "bias_ih", 1), bias.replace("bias", "bias_hh", 1)
