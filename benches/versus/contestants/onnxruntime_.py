"""ONNX Runtime: the LSTM operator, time-major, inputs and outputs bound beforehand. No backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from versus import sample, single
from versus.shapes import FORWARD, SAMPLING, SINGLE, Shape
from versus.work import Array, Arrays

MODES = (FORWARD, SAMPLING, SINGLE)


def version() -> str:
    """What was measured."""
    return onnxruntime.__version__


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Any:
    """A job with its session."""
    assert mode in MODES
    if mode == SINGLE:
        return single.quickest([Single(shape, arrays, count) for count in {1, threads}])
    return (Sampling if mode == SAMPLING else Job)(shape, arrays, threads)


def session(model: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    """A session with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Job:
    """One run of a session over bound arrays."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int) -> None:
        self.session = session(model(shape, arrays), threads)
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
    return finished(shape, nodes, constants, inputs, outputs)


def _iofc(value: Array) -> Array:
    """Our gate order i, f, g, o along the first axis, rearranged to ONNX's i, o, f, c."""
    i, f, g, o = np.split(value, 4)
    return np.concatenate([i, o, f, g])


class Sampling:
    """A run of the session per token. Two sets of bound arrays take turns: what one run writes the next one reads."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int) -> None:
        self.session = session(token_model(shape, arrays), threads)
        self.token, self.logits = np.zeros((1, 1), np.int64), np.zeros((1, shape.head), np.float32)
        self.states, self.bindings = bound(self.session, shape, {"token": self.token}, {"logits": self.logits})
        self.text, self.rng = arrays["tokens"], np.random.default_rng(0)

    def run(self) -> None:
        """One call."""
        self._begin()
        token, found = sample.FIRST, []
        for number in range(sample.TOKENS):
            logits = self._step(number, token) / sample.TEMPERATURE
            sums = np.cumsum(np.exp(logits - logits.max()))
            token = int(np.searchsorted(sums, self.rng.random() * sums[-1], side="right"))
            found.append(token)
        self.drawn = np.array(found)

    def results(self) -> Arrays:
        """The logits along the given text, and what some calls draw."""
        self._begin()
        logits = [self._step(number, token).copy() for number, token in enumerate(self.text.tolist())]
        drawn = []
        for _ in range(sample.CALLS):
            self.run()
            drawn.append(self.drawn)
        return {"logits": np.stack(logits), "drawn": np.stack(drawn)}

    def _begin(self) -> None:
        for value in self.states[0].values():
            value.fill(0.0)

    def _step(self, number: int, token: int) -> Array:
        self.token[0, 0] = token
        self.session.run_with_iobinding(self.bindings[number % 2])
        return self.logits[0]


class Single(single.Steps):
    """A run of the session per step, over bound arrays; the input is copied into its own."""

    def __init__(self, shape: Shape, arrays: Arrays, threads: int) -> None:
        self.way = f"threads: {threads}"
        self.xs = list(arrays["x"].swapaxes(0, 1)[:, None].copy())
        running, x = session(step_model(shape, arrays), threads), np.empty_like(self.xs[0])
        self.states, bindings = bound(running, shape, {"x": x}, {})
        run, copy, turns = running.run_with_iobinding, np.copyto, [0, 1]
        outputs = [after[f"h{shape.layers - 1}"] for after in self.states[::-1]]

        def step(value: Array) -> Array:
            copy(x, value)
            turn = turns[0]
            run(bindings[turn])
            turns.reverse()
            return outputs[turn]

        self.step, self.turns = step, turns

    def begin(self) -> None:
        """Back to a state of zeros, which the first binding reads."""
        self.turns.sort()
        for value in self.states[0].values():
            value.fill(0.0)

    def state(self) -> tuple[Array, Array]:
        """The state (h, c)."""
        last = self.states[self.turns[0]]
        return last["h0"], last["c0"]


def bound(
    running: onnxruntime.InferenceSession, shape: Shape, inputs: Arrays, outputs: Arrays
) -> tuple[list[Arrays], list[Any]]:
    """Two states, and two bindings that take turns: each reads one of them as `…_before` and writes the other."""
    names = [f"{name}{layer}" for layer in range(shape.layers) for name in ("h", "c")]
    states = [{name: np.zeros((1, 1, shape.hidden_size), np.float32) for name in names} for _ in range(2)]
    bindings = []
    for before, after in (states, states[::-1]):
        binding = running.io_binding()
        for name, value in (inputs | {f"{name}_before": value for name, value in before.items()}).items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
        for name, value in (outputs | after).items():
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
        bindings.append(binding)
    return states, bindings


def step_model(shape: Shape, arrays: Arrays) -> onnx.ModelProto:
    """x [1, 1, C] and the state before it -> the state after; with one step and one direction h is the output too."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, shape.input_size])
    nodes, constants, inputs, outputs = step_layers(shape, arrays)
    return finished(shape, nodes, constants, [x, *inputs], outputs)


def token_model(shape: Shape, arrays: Arrays) -> onnx.ModelProto:
    """One token [1, 1] and the state before it -> the logits [1, V] and the state after."""
    token = helper.make_tensor_value_info("token", TensorProto.INT64, [1, 1])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, shape.head])
    nodes, constants, inputs, outputs = step_layers(shape, arrays)
    constants |= {"embedding": arrays["embedding"], "head": arrays["head_weight"].T, "head_bias": arrays["head_bias"]}
    constants |= {"rows": np.array([1, shape.hidden_size], np.int64)}
    nodes.insert(0, helper.make_node("Gather", ["embedding", "token"], ["x"]))
    nodes.append(helper.make_node("Reshape", [f"h{shape.layers - 1}", "rows"], ["y"]))
    nodes.append(helper.make_node("Gemm", ["y", "head", "head_bias"], ["logits"]))
    return finished(shape, nodes, constants, [token, *inputs], [logits, *outputs])


def step_layers(shape: Shape, arrays: Arrays) -> tuple[list[Any], Arrays, list[Any], list[Any]]:
    """The nodes of one step from x on, their constants, and the state's inputs and outputs."""
    constants: Arrays = {}
    nodes, inputs, outputs, value = [], [], [], "x"
    size = [1, 1, shape.hidden_size]
    for layer in range(shape.layers):
        parts = (arrays[f"{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias"))
        w, r, b = (_iofc(part)[None] for part in parts)
        constants |= {f"w{layer}": w, f"r{layer}": r, f"b{layer}": np.concatenate([b, np.zeros_like(b)], axis=1)}
        names = [value, f"w{layer}", f"r{layer}", f"b{layer}", "", f"h{layer}_before", f"c{layer}_before"]
        results = ["", f"h{layer}", f"c{layer}"]
        nodes.append(helper.make_node("LSTM", names, results, hidden_size=shape.hidden_size))
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name in names[-2:]]
        outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name in results[1:]]
        value = f"h{layer}"
    return nodes, constants, inputs, outputs


def finished(
    shape: Shape, nodes: list[Any], constants: Arrays, inputs: list[Any], outputs: list[Any]
) -> onnx.ModelProto:
    """The model of a graph."""
    initializers = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, shape.name, inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
