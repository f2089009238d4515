"""A problem through rustlstm."""

from __future__ import annotations

import numpy as np

import rustlstm as rl

from .problem import Arrays, Problem, parameters


def build(problem: Problem, arrays: Arrays) -> rl.nn.LSTM:
    """The layer with the problem's parameters in it."""
    cell = rl.nn.Cell(
        peephole=problem.peephole,
        coupled=problem.coupled,
        input_activation=problem.input_activation,
        output_activation=problem.output_activation,
        clip=problem.clip,
    )
    lstm = rl.nn.LSTM(
        problem.input_size,
        problem.hidden_size,
        problem.num_layers,
        bidirectional=problem.bidirectional,
        proj_size=problem.proj_size,
        cell=cell,
    )
    lstm.load_state_dict(parameters(arrays))
    return lstm


def forward(problem: Problem, arrays: Arrays) -> Arrays:
    """The outputs alone, on the path that keeps nothing for a backward pass."""
    lstm = build(problem, arrays)
    with rl.no_grad():
        y, (h, c) = lstm(arrays["x"], state=_state(arrays), lengths=arrays.get("lengths"))
    return {"y": np.asarray(y), "h": np.asarray(h), "c": np.asarray(c)}


def forward_backward(problem: Problem, arrays: Arrays) -> Arrays:
    """The outputs and every gradient, for the cotangents `dy`, `dh` and `dc`."""
    lstm = build(problem, arrays)
    y, (h, c), cache = lstm.forward(arrays["x"], _state(arrays), arrays.get("lengths"), record=True)
    result = {"y": np.asarray(y), "h": np.asarray(h), "c": np.asarray(c)}
    dx, (dh0, dc0), grads = lstm.backward(cache, arrays["dy"], (arrays["dh"], arrays["dc"]))
    result |= {"dx": np.asarray(dx), "dh0": np.asarray(dh0), "dc0": np.asarray(dc0)}
    return result | {f"grad.{name}": np.asarray(grad) for name, grad in grads.items()}


def tape(problem: Problem, arrays: Arrays) -> Arrays:
    """The outputs and the gradients that `y.backward(dy)` leaves in the parameters and in x."""
    lstm = build(problem, arrays)
    x = rl.Tensor(arrays["x"], requires_grad=True)
    y, (h, c) = lstm(x, state=_state(arrays), lengths=arrays.get("lengths"))
    y.backward(arrays["dy"])
    result = {"y": np.asarray(y), "h": np.asarray(h), "c": np.asarray(c), "dx": np.asarray(x.grad)}
    return result | {f"grad.{name}": np.asarray(value.grad) for name, value in lstm.named_parameters()}


def _state(arrays: Arrays) -> tuple[np.ndarray, np.ndarray] | None:
    return (arrays["h0"], arrays["c0"]) if "h0" in arrays else None
