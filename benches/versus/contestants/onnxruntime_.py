"""ONNX Runtime: the LSTM operator, time-major, inputs and outputs bound beforehand. Forward only."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from versus.shapes import FORWARD, Shape
from versus.work import Array, Arrays

MODES = (FORWARD,)


def version() -> str:
    """What was measured."""
    return onnxruntime.__version__


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Job:
    """A job with its session."""
    assert mode == FORWARD
    return Job(shape, arrays, threads)


class Job:
    """One run of a session over bound arrays."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model(shape, arrays).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.shape = shape
        self.binding = self.session.io_binding()
        x = np.ascontiguousarray(arrays["x"].swapaxes(0, 1))
        self.binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
        self.outputs: dict[str, Any] = {}
        for output in self.session.get_outputs():
            value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(output.shape, np.float32)
            self.binding.bind_ortvalue_output(output.name, value)
            self.outputs[output.name] = value

    def run(self) -> None:
        """One call."""
        self.session.run_with_iobinding(self.binding)

    def results(self) -> Arrays:
        """What the last call gave."""
        values = {name: value.numpy() for name, value in self.outputs.items()}
        layers = range(self.shape.layers)
        return {
            "y": values["y"].swapaxes(0, 1),
            "h": np.concatenate([values[f"h{layer}"] for layer in layers]),
            "c": np.concatenate([values[f"c{layer}"] for layer in layers]),
        }


def model(shape: Shape, arrays: Arrays) -> onnx.ModelProto:
    """x [T, B, C] -> y [T, B, D*H] and h, c of every layer, [D, B, H] each."""
    directions, hidden = shape.directions, shape.hidden_size
    width = directions * hidden
    nodes, constants, outputs = [], {}, []
    constants["flat"] = np.array([shape.steps, shape.batch, width], dtype=np.int64)
    value = "x"
    for layer in range(shape.layers):
        sides = [f"_l{layer}{side}" for side in ("", "_reverse")[:directions]]

        def stacked(name: str, sides: list[str] = sides) -> Array:
            return np.stack([_iofc(arrays[f"{name}{side}"]) for side in sides])

        bias = stacked("bias")
        constants[f"w{layer}"], constants[f"r{layer}"] = stacked("weight_ih"), stacked("weight_hh")
        constants[f"b{layer}"] = np.concatenate([bias, np.zeros_like(bias)], axis=1)
        raw, y = f"raw{layer}", "y" if layer == shape.layers - 1 else f"y{layer}"
        nodes.append(
            helper.make_node(
                "LSTM",
                [value, f"w{layer}", f"r{layer}", f"b{layer}"],
                [raw, f"h{layer}", f"c{layer}"],
                hidden_size=hidden,
                direction="bidirectional" if directions == 2 else "forward",
            )
        )
        # [T, D, B, H] -> [T, B, D*H]; with one direction the two are the same memory.
        if directions == 2:
            nodes.append(helper.make_node("Transpose", [raw], [f"{raw}t"], perm=[0, 2, 1, 3]))
            raw = f"{raw}t"
        nodes.append(helper.make_node("Reshape", [raw, "flat"], [y]))
        outputs += [
            helper.make_tensor_value_info(f"{name}{layer}", TensorProto.FLOAT, [directions, shape.batch, hidden])
            for name in ("h", "c")
        ]
        value = y
    outputs.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape.steps, shape.batch, width]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [shape.steps, shape.batch, shape.input_size])]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, shape.name, inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def _iofc(value: Array) -> Array:
    """Our gate order i, f, g, o along the first axis, rearranged to ONNX's i, o, f, c."""
    i, f, g, o = np.split(value, 4)
    return np.concatenate([i, o, f, g])
