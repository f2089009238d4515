"""A problem as one node of ONNX's LSTM operator, run by ONNX Runtime.

The operator is time-major ([T, B, C]), keeps its gates in the order i, o, f, c and its peepholes in the order
i, o, f, and has two biases. One layer, no projection, forward only.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .problem import Array, Arrays, Problem

# ONNX's name of an activation and the alpha and beta it takes.
ACTIVATIONS: dict[str, tuple[str, float, float]] = {
    "tanh": ("Tanh", 0.0, 0.0),
    "sigmoid": ("Sigmoid", 0.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 0.2, 0.5),
    "relu": ("Relu", 0.0, 0.0),
    "softsign": ("Softsign", 0.0, 0.0),
    "identity": ("Affine", 1.0, 0.0),
}
WITH_PARAMETERS = ("HardSigmoid", "Affine")
OPSET = 14
IR_VERSION = 8


def forward(problem: Problem, arrays: Arrays) -> Arrays:
    """`y` [B, T, D*H], `h` and `c` [D, B, H]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model(problem, arrays).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feeds = {"x": np.ascontiguousarray(arrays["x"].swapaxes(0, 1))}
    if problem.ragged:
        feeds["lengths"] = arrays["lengths"].astype(np.int32)
    if problem.state:
        feeds |= {"h0": arrays["h0"], "c0": arrays["c0"]}
    y, h, c = session.run(["y", "h", "c"], feeds)
    # [T, D, B, H] -> [B, T, D*H]
    y = y.transpose(2, 0, 1, 3).reshape(problem.batch, problem.steps, -1)
    return {"y": y, "h": h, "c": c}


def model(problem: Problem, arrays: Arrays) -> onnx.ModelProto:
    """The model: inputs x [T, B, C] and, where the problem has them, lengths [B], h0 and c0 [D, B, H]."""
    assert problem.num_layers == 1 and problem.proj_size is None
    hidden, directions = problem.hidden_size, problem.directions
    state = [directions, problem.batch, hidden]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [problem.steps, problem.batch, problem.input_size])]
    names = ["x", "w", "r", "b", "", "", "", ""]
    if problem.ragged:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [problem.batch]))
        names[4] = "lengths"
    if problem.state:
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in ("h0", "c0")]
        names[5:7] = ["h0", "c0"]

    def stacked(name: str) -> Array:
        return np.stack([arrays[f"param.{name}{suffix}"] for suffix in problem.suffixes()])

    bias = _iofc(stacked("bias"))
    constants = {
        "w": _iofc(stacked("weight_ih")),
        "r": _iofc(stacked("weight_hh")),
        "b": np.concatenate([bias, np.zeros_like(bias)], axis=1),
    }
    if problem.peephole:
        constants["p"] = stacked("weight_peephole")[:, [0, 2, 1]].reshape(directions, 3 * hidden)
        names[7] = "p"

    chosen = [("Sigmoid", 0.0, 0.0), ACTIVATIONS[problem.input_activation], ACTIVATIONS[problem.output_activation]]
    # Alphas and betas are given for those activations alone that take them, in order.
    taking = [activation for activation in chosen if activation[0] in WITH_PARAMETERS]
    attributes: dict[str, object] = {
        "hidden_size": hidden,
        "direction": "bidirectional" if problem.bidirectional else "forward",
        "input_forget": int(problem.coupled),
        "activations": [activation[0] for activation in chosen] * directions,
    }
    if taking:
        attributes["activation_alpha"] = [activation[1] for activation in taking] * directions
        attributes["activation_beta"] = [activation[2] for activation in taking] * directions
    if problem.clip is not None:
        attributes["clip"] = problem.clip
    node = helper.make_node("LSTM", names, ["y", "h", "c"], **attributes)
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [problem.steps, *state]),
        helper.make_tensor_value_info("h", TensorProto.FLOAT, state),
        helper.make_tensor_value_info("c", TensorProto.FLOAT, state),
    ]
    initializers = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph([node], "lstm", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _iofc(value: Array) -> Array:
    """Our gate order i, f, g, o along axis 1, rearranged to ONNX's i, o, f, c."""
    i, f, g, o = np.split(value, 4, axis=1)
    return np.concatenate([i, o, f, g], axis=1)
