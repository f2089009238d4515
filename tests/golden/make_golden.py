"""Writes the golden numbers that tests/python/test_golden.py holds rustlstm to.

    .venv-torch/bin/python tests/golden/make_golden.py

`lstm_torch.npz`: torch.nn.LSTM in float64 on float32 weights, outputs and every gradient, rounded to float32 at the
end. `lstm_onnx.npz`: ONNX's LSTM operator in ONNX Runtime (float32), outputs, for what torch lacks. Each case holds
its problem as JSON, the arrays that go in and, under `expected.`, those that must come out; tests/python/parity has
the words. The numbers need not be made anew unless a case is added: a test that fails is not mended here.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

from parity import onnx_model, torch_reference  # noqa: E402  (found through the line above)
from parity.problem import Arrays, Problem  # noqa: E402

TORCH = {
    "plain": Problem(3, 5, 2, 4, seed=1),
    "one of each": Problem(1, 1, 1, 1, seed=2),
    "initial state": Problem(4, 7, 3, 5, state=True, seed=3),
    "both directions": Problem(3, 5, 2, 6, bidirectional=True, state=True, seed=4),
    "two layers": Problem(5, 6, 3, 4, num_layers=2, seed=5),
    "three layers": Problem(2, 5, 2, 5, num_layers=3, state=True, seed=6),
    "two layers, both directions": Problem(3, 4, 3, 4, num_layers=2, bidirectional=True, seed=7),
    "projection": Problem(4, 9, 2, 5, proj_size=3, state=True, seed=8),
    "ragged": Problem(3, 5, 5, 7, ragged=True, state=True, seed=9),
    "ragged, both directions": Problem(3, 6, 5, 6, ragged=True, bidirectional=True, state=True, seed=10),
    "two layers, both directions, projection, ragged": Problem(
        3, 5, 4, 5, num_layers=2, bidirectional=True, proj_size=2, ragged=True, state=True, seed=11
    ),
    "wider than a vector": Problem(9, 17, 3, 3, seed=12),
    "a long sequence": Problem(2, 3, 1, 60, bidirectional=True, seed=13),
}
ONNX = {
    "peepholes": Problem(3, 5, 3, 6, peephole=True, state=True, seed=21),
    "input_forget": Problem(3, 5, 3, 6, coupled=True, seed=22),
    "clip": Problem(3, 5, 3, 6, clip=0.5, state=True, seed=23),
    "relu and softsign": Problem(3, 5, 3, 6, input_activation="relu", output_activation="softsign", seed=24),
    "sigmoid and identity": Problem(
        3, 5, 3, 6, input_activation="sigmoid", output_activation="identity", bidirectional=True, seed=25
    ),
    "hard sigmoid and relu": Problem(3, 5, 3, 6, input_activation="hard_sigmoid", output_activation="relu", seed=26),
    "lengths, both directions": Problem(3, 5, 4, 6, bidirectional=True, ragged=True, shortest=1, state=True, seed=27),
    "everything": Problem(
        4, 7, 4, 8, bidirectional=True, peephole=True, coupled=True, clip=0.7, ragged=True, shortest=1, state=True,
        input_activation="softsign", output_activation="hard_sigmoid", seed=28,
    ),
}  # fmt: skip


def write(path: Path, problems: dict[str, Problem], reference: Callable[[Problem, Arrays], Arrays]) -> None:
    """Every problem, its arrays and the reference's results, as float32, into one file."""
    arrays: dict[str, np.ndarray] = {}
    for name, problem in problems.items():
        inputs = problem.draw()
        expected = {f"expected.{key}": value for key, value in reference(problem, inputs).items()}
        if reference is onnx_model.forward:
            inputs = {key: value for key, value in inputs.items() if key not in ("dy", "dh", "dc")}
        arrays[f"{name}/problem"] = np.array(json.dumps(asdict(problem)))
        for key, value in (inputs | expected).items():
            arrays[f"{name}/{key}"] = value if key == "lengths" else value.astype(np.float32)
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {len(problems)} cases, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "LSTM with projections")
    write(HERE / "lstm_torch.npz", TORCH, torch_reference.forward_backward)
    write(HERE / "lstm_onnx.npz", ONNX, onnx_model.forward)
