"""A problem through torch.nn.LSTM, weights imported from our names.

torch has no sequence of length zero, so such rows are left out and what they must give is written in: outputs of
zero, a state that passes through unchanged, and so a gradient that does too.
"""

from __future__ import annotations

import numpy as np
import torch

from .problem import Array, Arrays, Problem


def forward_backward(problem: Problem, arrays: Arrays, dtype: torch.dtype = torch.float64) -> Arrays:
    """The outputs and every gradient, for the cotangents `dy`, `dh` and `dc`, computed in `dtype`."""

    def tensor(value: Array) -> torch.Tensor:
        return torch.tensor(np.ascontiguousarray(value), dtype=dtype)

    lstm = _build(problem, arrays, dtype)
    lengths = arrays.get("lengths", np.full(problem.batch, problem.steps))
    rows = np.flatnonzero(lengths)
    zeros = np.zeros_like
    x = tensor(arrays["x"][rows]).requires_grad_()
    h0 = tensor(arrays.get("h0", zeros(arrays["dh"]))[:, rows]).requires_grad_()
    c0 = tensor(arrays.get("c0", zeros(arrays["dc"]))[:, rows]).requires_grad_()
    if problem.ragged:
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths[rows]), batch_first=True, enforce_sorted=False
        )
        packed_y, (h, c) = lstm(packed, (h0, c0))
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_y, batch_first=True, total_length=problem.steps)
    else:
        y, (h, c) = lstm(x, (h0, c0))
    # What lies in the padding of dy is noise that must be ignored; torch ignores it too.
    cotangents = [tensor(arrays["dy"][rows]), tensor(arrays["dh"][:, rows]), tensor(arrays["dc"][:, rows])]
    torch.autograd.backward([y, h, c], cotangents)

    result = {
        "y": _place(zeros(arrays["dy"]), y, rows, axis=0),
        "h": _place(arrays.get("h0", zeros(arrays["dh"])), h, rows, axis=1),
        "c": _place(arrays.get("c0", zeros(arrays["dc"])), c, rows, axis=1),
        "dx": _place(zeros(arrays["x"]), x.grad, rows, axis=0),
        "dh0": _place(arrays["dh"], h0.grad, rows, axis=1),
        "dc0": _place(arrays["dc"], c0.grad, rows, axis=1),
    }
    grads = {name: value.grad for name, value in lstm.named_parameters()}
    for name in problem.parameter_shapes():
        result[f"grad.{name}"] = _numpy(grads[name.replace("bias", "bias_ih")])
    return result


def _build(problem: Problem, arrays: Arrays, dtype: torch.dtype) -> torch.nn.LSTM:
    lstm = torch.nn.LSTM(
        problem.input_size,
        problem.hidden_size,
        problem.num_layers,
        bidirectional=problem.bidirectional,
        proj_size=problem.proj_size or 0,
        batch_first=True,
        dtype=dtype,
    )
    state = {}
    for name in problem.parameter_shapes():
        value = torch.tensor(arrays[f"param.{name}"], dtype=dtype)
        if name.startswith("bias"):
            state[name.replace("bias", "bias_ih")] = value
            state[name.replace("bias", "bias_hh")] = torch.zeros_like(value)
        else:
            state[name] = value
    lstm.load_state_dict(state)
    return lstm


def _place(whole: Array, part: torch.Tensor | None, rows: Array, axis: int) -> Array:
    """`whole` in float64 with its `rows` along `axis` replaced by `part`."""
    out = whole.astype(np.float64)
    if part is not None:
        out[(slice(None),) * axis + (rows,)] = _numpy(part)
    return out


def _numpy(value: torch.Tensor | None) -> Array:
    assert value is not None
    return value.detach().numpy().astype(np.float64)
