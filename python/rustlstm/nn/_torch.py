"""PyTorch's names of an LSTM's parameters: it has two biases, which are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import ops
from ..tensor import Array
from ._parameter import Parameter


def two_biases(own: Mapping[str, Array]) -> dict[str, Array]:
    """Return our parameters under PyTorch's names: each ``bias`` as ``bias_ih``, with zeros for ``bias_hh``."""
    state = {}
    for name, value in own.items():
        if name.startswith("bias"):
            ih, hh = _pair(name)
            state[ih], state[hh] = value, np.zeros_like(value)
        else:
            state[name] = value
    return state


def one_bias(own: Mapping[str, Any], wanted: Mapping[str, Parameter]) -> dict[str, Any]:
    """Do the reverse for the parameters that are wanted; names of ours pass through."""
    state = dict(own)
    for name, parameter in wanted.items():
        pair = _pair(name)
        if name.startswith("bias") and name not in own and all(one in own for one in pair):
            ih, hh = (ops.as_f32(one, state.pop(one), [("", parameter.size)]) for one in pair)
            state[name] = ih + hh
    return state


def _pair(bias: str) -> tuple[str, str]:
    return bias.replace("bias", "bias_ih", 1), bias.replace("bias", "bias_hh", 1)
