"""torch.nn.LSTM on imported weights: outputs and every gradient, over drawn configurations.

The reference is torch in float64; torch in float32, the one that users have, is held to twice the bounds, since its
own rounding comes on top of ours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from . import ours, torch_reference
from .compare import FORWARD_BOUND, GRADIENT_BOUND, differences, failures
from .problem import Problem

# torch says that its projections take the slow path; that is its own affair.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")]

CONFIGURATIONS = 240
SIZES = (1, 2, 3, 4, 5, 8, 13, 16, 17, 24, 31, 32, 33, 48, 64, 65)


def draw_problems(count: int) -> list[Problem]:
    """Every combination of the switches in turn, sizes drawn."""
    rng = np.random.default_rng(20)
    problems = []
    for seed in range(count):
        hidden = int(rng.choice(SIZES))
        # Switches are the digits of the number, so that 48 in a row have every combination of them.
        projected = bool(seed & 8) and hidden > 1
        problems.append(
            Problem(
                input_size=int(rng.choice(SIZES)),
                hidden_size=hidden,
                batch=int(rng.integers(1, 10)),
                steps=int(rng.integers(1, 13)),
                num_layers=1 + seed // 16 % 3,
                bidirectional=bool(seed & 1),
                ragged=bool(seed & 2),
                state=bool(seed & 4),
                proj_size=int(rng.integers(1, hidden)) if projected else None,
                seed=seed,
            )
        )
    return problems


@pytest.mark.parametrize("problem", draw_problems(CONFIGURATIONS), ids=str)
def test_outputs_and_gradients(problem: Problem, measured: Callable[[dict[str, float]], None]) -> None:
    arrays = problem.draw()
    got = ours.forward_backward(problem, arrays)
    found = differences(got, torch_reference.forward_backward(problem, arrays))
    measured(found)
    assert not failures(found)
    single = differences(got, torch_reference.forward_backward(problem, arrays, torch.float32))
    assert not failures(single, 2 * FORWARD_BOUND, 2 * GRADIENT_BOUND)


@pytest.mark.parametrize("problem", draw_problems(CONFIGURATIONS)[::8], ids=str)
def test_the_path_that_keeps_nothing(problem: Problem) -> None:
    arrays = problem.draw()
    reference = torch_reference.forward_backward(problem, arrays)
    found = differences(ours.forward(problem, arrays), {name: reference[name] for name in ("y", "h", "c")})
    assert not failures(found)
