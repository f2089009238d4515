"""rustlstm against recorded numbers of torch and ONNX Runtime; needs neither of them.

tests/golden/make_golden.py made the numbers and says what they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from parity import ours
from parity.compare import differences, failures, is_gradient
from parity.problem import Arrays, Problem

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def load(file: str) -> dict[str, tuple[Problem, Arrays, Arrays]]:
    """Case -> its problem, the arrays that go in and those that must come out."""
    cases: dict[str, tuple[Problem, Arrays, Arrays]] = {}
    with np.load(GOLDEN / file, allow_pickle=False) as stored:
        for key in stored.files:
            case, name = key.rsplit("/", 1)
            if name == "problem":
                cases[case] = (Problem(**json.loads(str(stored[key]))), {}, {})
            else:
                expected = name.startswith("expected.")
                cases[case][2 if expected else 1][name.removeprefix("expected.")] = stored[key]
    return cases


TORCH = load("lstm_torch.npz")
ONNX = load("lstm_onnx.npz")


@pytest.mark.parametrize("case", TORCH)
def test_outputs_and_gradients_as_torch(case: str) -> None:
    problem, arrays, expected = TORCH[case]
    assert not failures(differences(ours.forward_backward(problem, arrays), expected))


@pytest.mark.parametrize("case", TORCH)
def test_outputs_without_a_cache_as_torch(case: str) -> None:
    problem, arrays, expected = TORCH[case]
    outputs = {name: value for name, value in expected.items() if not is_gradient(name)}
    assert not failures(differences(ours.forward(problem, arrays), outputs))


@pytest.mark.parametrize("case", TORCH)
def test_gradients_through_the_tape_as_torch(case: str) -> None:
    problem, arrays, _ = TORCH[case]
    arrays = {**arrays, "dh": np.zeros_like(arrays["dh"]), "dc": np.zeros_like(arrays["dc"])}
    # The tape is fed dy alone; the thin backward, held to torch above, says what that must give.
    expected = ours.forward_backward(problem, arrays)
    expected = {name: value for name, value in expected.items() if name not in ("dh0", "dc0")}
    assert not failures(differences(ours.tape(problem, arrays), expected))


@pytest.mark.parametrize("case", ONNX)
def test_outputs_as_onnx_runtime(case: str) -> None:
    problem, arrays, expected = ONNX[case]
    assert not failures(differences(ours.forward(problem, arrays), expected))


def test_every_case_has_something_to_compare() -> None:
    assert len(TORCH) >= 12 and len(ONNX) >= 6
    for problem, arrays, expected in TORCH.values():
        assert {"y", "h", "c", "dx", "dh0", "dc0"} <= expected.keys()
        assert {f"grad.{name}" for name in problem.parameter_shapes()} <= expected.keys()
        assert {f"param.{name}" for name in problem.parameter_shapes()} <= arrays.keys()
    assert all({"y", "h", "c"} == expected.keys() for _, _, expected in ONNX.values())


def test_a_wrong_number_is_noticed() -> None:
    _, _, expected = TORCH["plain"]
    assert not failures(differences(expected, expected))
    for name, value in expected.items():
        wrong = value.copy()
        wrong.flat[0] += 1e-4 * np.abs(value).max()
        assert len(failures(differences({**expected, name: wrong}, expected))) == 1
        assert len(failures(differences({key: expected[key] for key in expected if key != name}, expected))) == 1
