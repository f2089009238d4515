"""Schedules: their equations, what they refuse, and that they go on where they stopped. See also parity/."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from rustlstm import optim
from rustlstm.nn import Parameter
from rustlstm.optim.schedules import Chain, Cosine, Exponential, OneCycle, Plateau, Schedule, Step, WarmUp, _cos_pi

SCHEDULES: dict[str, Callable[[optim.Optimizer], Schedule]] = {
    "step": lambda o: Step(o, 7, gamma=0.3),
    "exponential": lambda o: Exponential(o, 0.97),
    "cosine": lambda o: Cosine(o, 30, min_lr=1e-3),
    "warm up": lambda o: WarmUp(o, 12),
    "one cycle": lambda o: OneCycle(o, 0.3, 40),
    "one cycle linear": lambda o: OneCycle(o, 0.3, 40, shape="linear", three_phase=True, rise=0.4),
    "plateau": lambda o: Plateau(o, patience=2, factor=0.5),
    "chain": lambda o: Chain(WarmUp(o, 5), Cosine(o, 35), Plateau(o, patience=1, cooldown=2)),
}


@pytest.fixture(params=SCHEDULES)
def make(request: pytest.FixtureRequest) -> Callable[[optim.Optimizer], Schedule]:
    return SCHEDULES[request.param]


def optimizer(*rates: float) -> optim.SGD:
    return optim.SGD([{"params": [Parameter([1.0, 2.0])], "lr": lr} for lr in rates or (0.1,)], momentum=0.9)


def loss(step: int) -> float:
    return 1.0 + 0.5 * math.cos(step) + 1.0 / (1 + step)


def rates(schedule: Schedule, first: int, last: int) -> list[tuple[float, float]]:
    """The rate and the momentum before each step."""
    seen = []
    for step in range(first, last):
        group = schedule.optimizer.param_groups[0]
        seen.append((group["lr"], group["momentum"]))
        schedule.step(loss(step))
    return seen


def test_equations() -> None:
    expected: dict[str, Callable[[int], float]] = {
        "step": lambda n: 0.1 * 0.3 ** (n // 7),
        "exponential": lambda n: 0.1 * 0.97**n,
        "cosine": lambda n: 1e-3 + 0.099 * (1 + math.cos(math.pi * min(n, 30) / 30)) / 2,
        "warm up": lambda n: 0.1 * (0.01 + 0.99 * min(n / 12, 1)),
    }
    for name, rate in expected.items():
        got = [lr for lr, _ in rates(SCHEDULES[name](optimizer()), 0, 39)]
        np.testing.assert_allclose(got, [rate(n) for n in range(39)], rtol=1e-12, err_msg=name)


def test_every_group_has_its_own_rate() -> None:
    given = optimizer(0.1, 0.02)
    schedule = Chain(WarmUp(given, 4, start=0.5), Exponential(given, 0.5))
    for _ in range(3):
        schedule.step()
    given.add_param_group({"params": [Parameter([0.0])], "lr": 1.0})
    schedule.step()
    assert [group["lr"] for group in given.param_groups] == pytest.approx([0.1 / 16, 0.02 / 16, 1 / 16])


def test_a_resumed_schedule_has_the_same_bits(make: Callable[[optim.Optimizer], Schedule]) -> None:
    whole = make(optimizer())
    straight = rates(whole, 0, 39)
    first = make(optimizer())
    rates(first, 0, 17)
    saved = json.loads(json.dumps([first.state_dict(), first.optimizer.state_dict()["groups"]], allow_nan=False))
    # The optimizer's state may come before or after the schedule is made.
    for early in (True, False):
        again = optimizer()
        state = {**again.state_dict(), "groups": saved[1]}
        if early:
            again.load_state_dict(state)
        second = make(again)
        if not early:
            again.load_state_dict(state)
        second.load_state_dict(saved[0])
        assert rates(second, 17, 39) == straight[17:]
        assert second.state_dict() == whole.state_dict()


def test_copies_stay_together(make: Callable[[optim.Optimizer], Schedule]) -> None:
    schedule = make(optimizer())
    twin = copy.deepcopy(schedule)
    assert twin.optimizer is not schedule.optimizer
    assert rates(twin, 0, 9) == rates(schedule, 0, 9)


def test_one_cycle_turns_the_momentum_around() -> None:
    given = optim.Adam([Parameter([1.0])], betas=(0.8, 0.99))
    schedule = OneCycle(given, 0.5, 100, base_momentum=0.7, max_momentum=0.9)
    assert given.param_groups[0]["betas"] == pytest.approx((0.9, 0.99))
    assert given.lr == pytest.approx(0.02)
    for _ in range(29):
        schedule.step()
    assert given.param_groups[0]["betas"] == pytest.approx((0.7, 0.99))
    assert given.lr == pytest.approx(0.5)
    for _ in range(70):
        schedule.step()
    assert given.param_groups[0]["betas"] == pytest.approx((0.9, 0.99))
    assert given.lr == pytest.approx(0.02 / 1e4)
    schedule.step()
    assert given.lr == pytest.approx(0.02 / 1e4), "it stays where it ended"
    with pytest.raises(ValueError, match="Adagrad has no momentum to cycle"):
        OneCycle(optim.Adagrad([Parameter([1.0])]), 0.5, 100)
    OneCycle(optim.Adagrad([Parameter([1.0])]), 0.5, 100, cycle_momentum=False)


def test_plateau_waits_and_cools_down() -> None:
    given = optimizer(1.0)
    schedule = Plateau(given, factor=0.5, patience=1, cooldown=2, min_lr=0.2)
    assert schedule.needs_loss
    seen = []
    for value in [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, float("nan"), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]:
        schedule.step(value)
        seen.append(given.lr)
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2]
    rising = Plateau(optimizer(1.0), factor=0.5, patience=0, mode="max")
    for value in (1.0, 2.0, 3.0):
        rising.step(value)
    assert rising.optimizer.lr == 1.0
    rising.step(2.5)
    assert rising.optimizer.lr == 0.5
    with pytest.raises(TypeError, match="needs the loss"):
        rising.step()


def test_a_chain_without_a_loss_leaves_the_plateau_where_it_is() -> None:
    given = optimizer(1.0)
    plateau = Plateau(given, factor=0.5, patience=0)
    schedule = Chain(plateau, Exponential(given, 0.5))
    for value in (1.0, None, None, 1.0):
        schedule.step(value)
    assert (plateau.count, schedule.count) == (2, 4)
    assert given.lr == 0.5 * 0.5**4


def test_a_loss_is_observed_by_those_that_need_it() -> None:
    given = optimizer(1.0)
    warm, plateau = WarmUp(given, 4, start=0.5), Plateau(given, factor=0.5, patience=0)
    schedule = Chain(warm, Chain(plateau))
    for _ in range(2):
        schedule.step()
    assert (warm.count, plateau.count, given.lr) == (2, 0, 0.75)
    for value in (1.0, 1.0):
        schedule.observe(value)
    assert (warm.count, plateau.count, given.lr) == (2, 2, 0.375)
    warm.observe(1.0)
    assert warm.count == 2


def test_cosine_is_exact() -> None:
    for x in np.linspace(0, 1, 1001):
        assert abs(_cos_pi(float(x)) - math.cos(math.pi * float(x))) < 4e-16


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda o: Step(o, 0), ValueError, "step_size must be at least 1, got 0"),
        (lambda o: Step(o, 2.5), TypeError, "step_size must be an integer, got float"),
        (lambda o: Exponential(o, -1), ValueError, "gamma must be at least 0, got -1"),
        (lambda o: OneCycle(o, 0.1, 10, shape="square"), ValueError, "shape must be 'cos' or 'linear', got 'square'"),
        (lambda o: OneCycle(o, 0.1, 10, div_factor=0), ValueError, "div_factor must be above 0, got 0"),
        (lambda o: Plateau(o, mode="best"), ValueError, "mode must be 'min' or 'max', got 'best'"),
        (lambda o: Cosine([o], 3), TypeError, "optimizer must be one of rustlstm.optim, got list"),
        (lambda o: Chain(), ValueError, "a chain needs schedules"),
        (lambda o: Chain(o), TypeError, "schedules[0] must be a schedule, got SGD"),
        (lambda o: Chain(WarmUp(o, 2), WarmUp(optimizer(), 2)), ValueError, "schedules[1] is of another optimizer"),
        (
            lambda o: WarmUp(o, 2).load_state_dict(Cosine(o, 3).state_dict()),
            ValueError,
            "this is not the state of WarmUp but of 'Cosine'",
        ),
        (lambda o: WarmUp(o, 2).load_state_dict({}), ValueError, "the state has no 'schedule'"),
        (lambda o: WarmUp(o, 2).load_state_dict({"schedule": "WarmUp"}), ValueError, "the state has no 'count'"),
        (
            lambda o: WarmUp(o, 2).load_state_dict({"schedule": "WarmUp", "count": -5}),
            ValueError,
            "count must be at least 0, got -5",
        ),
        (
            lambda o: WarmUp(o, 2).load_state_dict({"schedule": "WarmUp", "count": "x"}),
            TypeError,
            "count must be an integer, got str",
        ),
        (
            lambda o: Plateau(o).load_state_dict({**Plateau(o).state_dict(), "best": "low"}),
            TypeError,
            "best must be a number, got 'low'",
        ),
        (
            lambda o: Chain(WarmUp(o, 2)).load_state_dict({"schedule": "Chain", "count": 1, "schedules": [3]}),
            TypeError,
            "schedules[0] of the state must be dict, got int",
        ),
    ],
)
def test_mistakes_are_sentences(call: Callable[[optim.SGD], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as caught:
        call(optimizer())
    assert sentence in str(caught.value)
