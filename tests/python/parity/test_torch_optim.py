"""torch.optim beside ours: every rule with every option over a hundred steps, clipping, and every schedule over a run.

The reference is torch in float64, on the same float32 values and gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from rustlstm import optim
from rustlstm.nn import Parameter
from rustlstm.optim import schedules

pytestmark = pytest.mark.torch

STEPS = 100
BOUND = 1e-6  # of the largest entry
SHAPES = [(7, 33), (65,), ()]

# Name here and in torch, and the options, which have the same names; "decoupled" is left to torch where it has it.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.8}),
    ("RMSprop", {"centered": True, "momentum": 0.8, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.05, "initial_accumulator_value": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"amsgrad": True, "betas": (0.7, 0.9)}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.02, "weight_decay": 0.3, "amsgrad": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.02, "betas": (0.7, 0.9), "momentum_decay": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.5, "lambd": 0.02, "alpha": 0.4, "t0": 30, "weight_decay": 0.1}),
]


def gradients(step: int) -> list[np.ndarray]:
    rng = np.random.default_rng([step, 1])
    return [np.asarray(rng.uniform(0.1, 2.0) * rng.standard_normal(shape), np.float32) for shape in SHAPES]


def off(got: Any, expected: torch.Tensor) -> float:
    """The largest difference, of the largest entry."""
    difference = np.abs(np.asarray(got, np.float64) - expected.detach().numpy()).max()
    return float(difference / expected.detach().abs().max())


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_a_hundred_steps(name: str, options: dict[str, Any], measured: Callable[[dict[str, float]], None]) -> None:
    rng = np.random.default_rng(0)
    values = [np.asarray(rng.standard_normal(shape), np.float32) for shape in SHAPES]
    ours = [Parameter(value) for value in values]
    theirs = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]
    mine = getattr(optim, name)(ours, **options)
    for_torch = {("decoupled_weight_decay" if k == "decoupled" else k): v for k, v in options.items()}
    reference = getattr(torch.optim, name)(theirs, **for_torch)
    for step in range(STEPS):
        for grad, parameter, tensor in zip(gradients(step), ours, theirs, strict=True):
            parameter.grad = grad
            tensor.grad = torch.tensor(grad, dtype=torch.float64)
        mine.step()
        reference.step()
    # Of the largest entry of them all: a single number that passes zero is no measure of itself.
    whole, expected = np.concatenate([p.data.ravel() for p in ours]), torch.cat([tensor.ravel() for tensor in theirs])
    found = {"y": off(whole, expected)}
    if name == "ASGD":
        with mine.averaged():
            found["y of the average"] = off(ours[0], reference.state[theirs[0]]["ax"])
    measured(found)
    assert max(found.values()) <= BOUND, found


@pytest.mark.parametrize("norm", [0.5, 3.0, 1e3, math.inf])
def test_clip_grad_norm(norm: float) -> None:
    ours = [Parameter(np.zeros(shape)) for shape in SHAPES]
    theirs = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]
    for grad, parameter, tensor in zip(gradients(0), ours, theirs, strict=True):
        parameter.grad = grad
        tensor.grad = torch.tensor(grad, dtype=torch.float64)
    expected = torch.nn.utils.clip_grad_norm_(theirs, norm)
    assert optim.clip_grad_norm(ours, norm) == pytest.approx(float(expected), rel=1e-12)
    for parameter, tensor in zip(ours, theirs, strict=True):
        assert tensor.grad is not None
        assert off(parameter.grad, tensor.grad) <= BOUND


def test_clip_grad_value() -> None:
    ours = [Parameter(np.zeros(shape)) for shape in SHAPES]
    theirs = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    for grad, parameter, tensor in zip(gradients(0), ours, theirs, strict=True):
        parameter.grad, tensor.grad = grad.copy(), torch.tensor(grad)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    optim.clip_grad_value(ours, 0.5)
    for parameter, tensor in zip(ours, theirs, strict=True):
        assert tensor.grad is not None
        assert np.array_equal(parameter.grad, tensor.grad)  # type: ignore[arg-type]


def chained(*parts: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda o: lr_scheduler.ChainedScheduler([part(o) for part in parts], optimizer=o)


# Ours, torch's, and how long the run is.
PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], int]] = {
    "step": (
        lambda o: schedules.Step(o, 7, gamma=0.3),
        lambda o: lr_scheduler.StepLR(o, 7, gamma=0.3),
        60,
    ),
    "exponential": (
        lambda o: schedules.Exponential(o, 0.95),
        lambda o: lr_scheduler.ExponentialLR(o, 0.95),
        60,
    ),
    "cosine": (
        lambda o: schedules.Cosine(o, 60, min_lr=1e-3),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 60, eta_min=1e-3),
        60,
    ),
    "warm up": (
        lambda o: schedules.WarmUp(o, 20, start=0.1),
        lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=20),
        60,
    ),
    "one cycle": (
        lambda o: schedules.OneCycle(o, 0.5, 60),
        lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=60),
        59,
    ),
    "one cycle of three phases": (
        lambda o: schedules.OneCycle(o, 0.5, 61, rise=0.37, shape="linear", three_phase=True, div_factor=10),
        lambda o: lr_scheduler.OneCycleLR(
            o, 0.5, total_steps=61, pct_start=0.37, anneal_strategy="linear", three_phase=True, div_factor=10
        ),
        60,
    ),
    "one cycle with a fixed momentum": (
        lambda o: schedules.OneCycle(o, 0.5, 30, cycle_momentum=False, final_div_factor=7),
        lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=30, cycle_momentum=False, final_div_factor=7),
        29,
    ),
    "plateau": (
        lambda o: schedules.Plateau(o, factor=0.5, patience=2, cooldown=3, min_lr=2e-3, threshold=1e-2),
        lambda o: lr_scheduler.ReduceLROnPlateau(o, "min", 0.5, 2, 1e-2, "rel", 3, 2e-3),
        80,
    ),
    "plateau of a score": (
        lambda o: schedules.Plateau(o, factor=0.3, patience=1, mode="max"),
        lambda o: lr_scheduler.ReduceLROnPlateau(o, "max", 0.3, 1),
        30,
    ),
    "chain": (
        lambda o: schedules.Chain(schedules.WarmUp(o, 10, start=0.1), schedules.Exponential(o, 0.9)),
        chained(lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=10), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
        40,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_whole_run(name: str, kind: str) -> None:
    make, make_theirs, steps = PAIRS[name]
    options: dict[str, Any] = {"lr": 0.1, "momentum": 0.5} if kind == "SGD" else {"lr": 0.1}
    mine = getattr(optim, kind)([Parameter([1.0])], **options)
    theirs = getattr(torch.optim, kind)([torch.ones(1, requires_grad=True)], **options)
    schedule, reference = make(mine), make_theirs(theirs)
    rng = np.random.default_rng(3)
    for step in range(steps + 1):
        ours, other = mine.param_groups[0], theirs.param_groups[0]
        assert ours["lr"] == pytest.approx(other["lr"], rel=1e-9, abs=1e-15), step
        for momentum in ("momentum", "betas"):
            if momentum in ours:
                assert ours[momentum] == pytest.approx(other[momentum], rel=1e-9), step
        if step < steps:
            loss = 1.0 / (1 + step) + 0.3 * rng.random()
            theirs.step()
            schedule.step(loss)
            reference.step(loss) if "plateau" in name else reference.step()
