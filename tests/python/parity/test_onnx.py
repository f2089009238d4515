"""ONNX's LSTM operator in ONNX Runtime, for what torch lacks: peepholes, input_forget, clip, activations, lengths.

Forward only, as the operator has no gradient. Rows of length zero are left out: ONNX Runtime sets their final state
to zero, where rustlstm and Keras return the initial state.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import equations, onnx_model, ours
from .compare import differences, failures
from .problem import Problem

pytestmark = pytest.mark.onnxruntime

CONFIGURATIONS = 144
SIZES = (1, 2, 3, 5, 8, 16, 17, 33, 64)
ACTIVATIONS = tuple(onnx_model.ACTIVATIONS)


def draw_problems(count: int) -> list[Problem]:
    """Every pair of activations in turn, the switches and sizes drawn."""
    rng = np.random.default_rng(21)
    return [
        Problem(
            input_size=int(rng.choice(SIZES)),
            hidden_size=int(rng.choice(SIZES)),
            batch=int(rng.integers(1, 8)),
            steps=int(rng.integers(1, 13)),
            bidirectional=bool(rng.integers(2)),
            peephole=bool(rng.integers(2)),
            coupled=bool(rng.integers(2)),
            ragged=bool(rng.integers(2)),
            shortest=1,
            state=bool(rng.integers(2)),
            clip=(None, 0.4, 1.5)[rng.integers(3)],
            input_activation=ACTIVATIONS[seed % 6],
            output_activation=ACTIVATIONS[seed // 6 % 6],
            seed=seed,
        )
        for seed in range(count)
    ]


@pytest.mark.parametrize("problem", draw_problems(CONFIGURATIONS), ids=str)
def test_outputs(problem: Problem, measured: Callable[[dict[str, float]], None]) -> None:
    arrays = problem.draw()
    found = differences(ours.forward(problem, arrays), onnx_model.forward(problem, arrays))
    measured(found)
    assert not failures(found)


@pytest.mark.once
@pytest.mark.parametrize("problem", draw_problems(CONFIGURATIONS), ids=str)
def test_the_operator_is_the_equations(problem: Problem) -> None:
    arrays = problem.draw()
    assert not failures(differences(onnx_model.forward(problem, arrays), equations.forward(problem, arrays)))
