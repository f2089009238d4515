"""The LSTM's equations in float64 and nothing else: one step at a time, one row at a time.

A third opinion when rustlstm and ONNX Runtime differ, and the proof that the two mean the same operator. One layer,
forward only; torch, in float64, is the reference for stacks and gradients.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .problem import Array, Arrays, Problem


def sigmoid(x: Array) -> Array:
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0.0, 1.0),
    "relu": lambda x: np.maximum(x, 0.0),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "identity": lambda x: x,
}


def forward(problem: Problem, arrays: Arrays) -> Arrays:
    """`y` [B, T, D*H], `h` and `c` [D, B, H] of one layer without projection."""
    assert problem.num_layers == 1 and problem.proj_size is None
    hidden = problem.hidden_size
    y = np.zeros((problem.batch, problem.steps, problem.directions * hidden))
    h = arrays.get("h0", np.zeros_like(arrays["dh"])).astype(np.float64)
    c = arrays.get("c0", np.zeros_like(arrays["dc"])).astype(np.float64)
    lengths = arrays.get("lengths", np.full(problem.batch, problem.steps))
    for direction, suffix in enumerate(problem.suffixes()):
        units = slice(direction * hidden, (direction + 1) * hidden)
        for row, length in enumerate(lengths):
            times = range(length) if direction == 0 else reversed(range(length))
            for t in times:
                step = _step(problem, arrays, suffix, arrays["x"][row, t], h[direction, row], c[direction, row])
                h[direction, row], c[direction, row] = step
                y[row, t, units] = step[0]
    return {"y": y, "h": h, "c": c}


def _step(problem: Problem, arrays: Arrays, suffix: str, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """h and c after one step of one row."""

    def parameter(name: str) -> Array:
        return arrays[f"param.{name}{suffix}"].astype(np.float64)

    # ONNX says "the input of activations"; its runtimes clamp what enters the gates and g, and leave c alone.
    def clip(z: Array) -> Array:
        return z if problem.clip is None else np.clip(z, -problem.clip, problem.clip)

    z = parameter("weight_ih") @ x.astype(np.float64) + parameter("weight_hh") @ h + parameter("bias")
    z_i, z_f, z_g, z_o = np.split(z, 4)
    p_i, p_f, p_o = parameter("weight_peephole") if problem.peephole else np.zeros((3, problem.hidden_size))
    i = sigmoid(clip(z_i + p_i * c))
    f = 1.0 - i if problem.coupled else sigmoid(clip(z_f + p_f * c))
    g = ACTIVATIONS[problem.input_activation](clip(z_g))
    c = f * c + i * g
    o = sigmoid(clip(z_o + p_o * c))
    return o * ACTIVATIONS[problem.output_activation](c), c
