"""Layers that streams are tested with: one for each option that a step meets."""

from __future__ import annotations

from typing import Any

import numpy as np

import rustlstm as rl

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "stack": {"num_layers": 3},
    "layers differ": {"hidden_size": [3, 20, 7]},
    "projection": {"proj_size": 4, "num_layers": 2},
    "layer norm": {"layer_norm": True},
    "peepholes and clip": {"cell": rl.nn.Cell.peephole_2002(clip=0.7)},
    "coupled": {"cell": rl.nn.Cell.coupled_gates()},
    "1997": {"cell": rl.nn.Cell.original_1997()},
    "activations": {"cell": rl.nn.Cell(input_activation="softsign", output_activation="hard_sigmoid")},
    "zoneout": {"zoneout": (0.1, 0.3)},
    "dropout": {"dropout": 0.5, "recurrent_dropout": 0.5, "input_dropout": 0.5, "weight_drop": 0.5, "num_layers": 2},
    "learned start": {"learn_initial_state": True, "num_layers": 2},
    "learned start, layers differ": {"learn_initial_state": True, "hidden_size": [3, 20]},
}


def layer(options: dict[str, Any], size: int = 5, hidden: int = 9) -> rl.nn.LSTM:
    lstm = rl.nn.LSTM(size, **{"hidden_size": hidden, **options}, seed=2)
    rng = np.random.default_rng(9)
    for name, parameter in lstm.named_parameters():
        if name.startswith(("h0", "c0")):
            parameter.assign(rng.standard_normal(parameter.shape))
    return lstm.eval()


def parts(state: tuple[Any, Any]) -> list[bytes]:
    return [np.asarray(p).tobytes() for one in state for p in (one if isinstance(one, list) else [one])]
