"""OpenVINO: its own LSTMSequence, batch-first, float32, memory shared; LSTMCell for single steps. No backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from versus import single
from versus.shapes import FORWARD, SINGLE, Shape
from versus.work import Array, Arrays

MODES = (FORWARD, SINGLE)


def version() -> str:
    """What was measured."""
    return str(ov.__version__).split("-")[0]


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Any:
    """A job with its compiled model."""
    assert mode in MODES
    if mode == SINGLE:
        return single.quickest([Single(shape, arrays, n, wait) for n in {1, threads} for wait in (True, False)])
    return Job(shape, arrays, threads)


def compiled(model: ov.Model, threads: int) -> ov.CompiledModel:
    """A model ready to run, with so many threads."""
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Otherwise it computes in bfloat16 where the processor can.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return ov.Core().compile_model(model, "CPU", settings)


class Job:
    """One inference of a compiled model."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int) -> None:
        self.request = compiled(model(shape, arrays), threads).create_infer_request()
        self.x = np.ascontiguousarray(arrays["x"])
        self.request.set_input_tensor(ov.Tensor(self.x, shared_memory=True))
        self.shape = shape

    def run(self) -> None:
        """One call."""
        self.request.infer()

    def results(self) -> Arrays:
        """What the last call gave."""
        y, *states = (self.request.get_output_tensor(index).data for index in range(1 + 2 * self.shape.layers))
        # [B, D, H] per layer -> [L*D, B, H]
        h, c = (np.concatenate([state.swapaxes(0, 1) for state in states[which::2]]) for which in (0, 1))
        return {"y": y, "h": h, "c": c}


def model(shape: Shape, arrays: Arrays) -> ov.Model:
    """x [B, T, C] -> y [B, T, D*H], then h and c of every layer, [B, D, H] each."""
    directions, hidden = shape.directions, shape.hidden_size
    x = ops.parameter([shape.batch, shape.steps, shape.input_size], np.float32)
    zero = ops.constant(np.zeros((shape.batch, directions, hidden), np.float32))
    lengths = ops.constant(np.full(shape.batch, shape.steps, np.int32))
    value, states = x, []
    for layer in range(shape.layers):
        sides = [f"_l{layer}{side}" for side in ("", "_reverse")[:directions]]
        w, r, b = (
            ops.constant(np.stack([_fico(arrays[f"{name}{side}"]) for side in sides]))
            for name in ("weight_ih", "weight_hh", "bias")
        )
        direction = "bidirectional" if directions == 2 else "forward"
        node = ops.lstm_sequence(value, zero, zero, lengths, w, r, b, hidden, direction)
        states += [node.output(1), node.output(2)]
        # [B, D, T, H] -> [B, T, D*H]; with one direction the two are the same memory.
        value = node.output(0)
        if directions == 2:
            value = ops.transpose(value, np.array([0, 2, 1, 3]))
        value = ops.reshape(value, np.array([shape.batch, shape.steps, directions * hidden]), False)
    return ov.Model([ops.result(output) for output in (value, *states)], [x], shape.name)


def _fico(value: Array) -> Array:
    """Our gate order i, f, g, o along the first axis, rearranged to OpenVINO's f, i, c, o."""
    i, f, g, o = np.split(value, 4)
    return np.concatenate([f, i, g, o])


class Single(single.Steps):
    """A request per step. Two take turns: what one writes the other reads; the input is copied into their own array."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int, waiting: bool) -> None:
        self.way = f"{'infer' if waiting else 'start_async and wait'}, threads: {threads}"
        self.xs = list(arrays["x"].swapaxes(0, 1).copy())
        model, input_ = compiled(step_model(shape, arrays), threads), np.empty_like(self.xs[0])
        self.states = [[np.zeros((1, shape.hidden_size), np.float32) for _ in "hc"] for _ in range(2)]
        requests = []
        for before, after in (self.states, self.states[::-1]):
            request = model.create_infer_request()
            for index, value in enumerate([input_, *before]):
                request.set_input_tensor(index, ov.Tensor(value, shared_memory=True))
            for index, value in enumerate(after):
                request.set_output_tensor(index, ov.Tensor(value, shared_memory=True))
            requests.append(request)
        copy, turns, outputs = np.copyto, [0, 1], [after[0] for after in self.states[::-1]]

        def step(x: Array) -> Array:
            copy(input_, x)
            turn = turns[0]
            request = requests[turn]
            if waiting:
                request.infer()
            else:
                request.start_async()
                request.wait()
            turns.reverse()
            return outputs[turn]

        self.step, self.turns = step, turns

    def begin(self) -> None:
        """Back to a state of zeros, which the first request reads."""
        self.turns.sort()
        for value in self.states[0]:
            value.fill(0.0)

    def state(self) -> tuple[Array, Array]:
        """The state (h, c)."""
        h, c = self.states[self.turns[0]]
        return h, c


def step_model(shape: Shape, arrays: Arrays) -> ov.Model:
    """x [1, C] and the state (h, c) before it, [1, H] each -> h, c after it."""
    x, h, c = (ops.parameter([1, size], np.float32) for size in (shape.input_size, *[shape.hidden_size] * 2))
    weights = (ops.constant(_fico(arrays[f"{name}_l0"])) for name in ("weight_ih", "weight_hh", "bias"))
    node = ops.lstm_cell(x, h, c, *weights, shape.hidden_size)
    return ov.Model([ops.result(node.output(0)), ops.result(node.output(1))], [x, h, c], shape.name)
