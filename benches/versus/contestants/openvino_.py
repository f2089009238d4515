"""OpenVINO: its own LSTMSequence operator, batch-first, float32, memory shared. Forward only."""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from versus.shapes import FORWARD, Shape
from versus.work import Array, Arrays

MODES = (FORWARD,)


def version() -> str:
    """What was measured."""
    return str(ov.__version__).split("-")[0]


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Job:
    """A job with its compiled model."""
    assert mode == FORWARD
    return Job(shape, arrays, threads)


class Job:
    """One inference of a compiled model."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int) -> None:
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Otherwise it computes in bfloat16 where the processor can.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = ov.Core().compile_model(model(shape, arrays), "CPU", settings)
        self.request = compiled.create_infer_request()
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
