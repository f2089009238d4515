"""NaN and infinity in any place: found before the step, named, and nothing is changed; and other faults on the way."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from runs import (
    Net,
    Run,
    assert_same,
    loss,
    resumed,
)
from rustlstm.optim import schedules

pytestmark = pytest.mark.once


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["plain", "accumulated", "streams", "SGD"])
@pytest.mark.parametrize("place", ["input", "target", "weight", "gradient", "state", "carried"])
def test_poison(place: str, kind: str, value: float) -> None:
    run = Run(kind)
    run.fit(1)
    trainer = run.trainer
    weight = trainer.model.lstm.weight_hh_l1
    before: dict[str, Any] = {}
    own = trainer.loss
    if place == "carried" and kind != "streams":
        return

    def poisoning(model: Net, batch: Any, *state: Any) -> Any:
        if trainer.batch == 1:
            before.update(trainer.model.state_dict())
            if place == "input":
                batch.x[1, 0, 1] = value
            if place == "target":
                batch.y[1, 0] = value
            if place == "carried":
                trainer._carried[0][1, 0, 2] = value
                state = (trainer._carried,)
        result = own(model, batch, *state)
        if trainer.batch == 1 and place == "gradient":
            weight.grad = np.full(weight.shape, value, np.float32)
        return result

    trainer.loss = poisoning
    if place == "weight":
        poisoned = weight.numpy()
        poisoned[3, 2] = value
        weight.assign(poisoned)
    if place == "state":
        slot = next(slot for slot in trainer.optimizer._slots if slot.parameter is weight)
        slot.state[0][3, 2] = value
    before.update(trainer.model.state_dict())
    message = {
        "input": rf"batch.x has {value} at \[1, 0, 1\]",
        "target": rf"batch.y has {value} at \[1, 0\]",
        "weight": r"lstm.weight_hh_l1 .*\[3, 2\]",
        "gradient": "gradient of lstm.weight_hh_l1",
        "state": r"state .* of lstm.weight_hh_l1",
        "carried": rf"the carried state\[0\] has {value} at \[1, 0, 2\]",
    }[place]
    with pytest.raises(rl.NonFiniteError, match=message) as raised:
        trainer.fit(run.data, 2, progress=False)
    assert f"batch {trainer.batch} of epoch 2" in str(raised.value)
    assert_same(trainer.model.state_dict(), before)


def test_a_poisoned_gradient_is_noticed_at_its_own_batch(references: Any) -> None:
    run = Run("accumulated")
    weight = run.trainer.model.lstm.weight_hh_l1

    def poisoning(model: Net, batch: Any) -> Any:
        weight.grad = np.full(weight.shape, np.nan, np.float32)
        return loss(model, batch)

    run.trainer.loss = poisoning
    with pytest.raises(rl.NonFiniteError, match=r"batch 0 of epoch 1: the gradient of lstm.weight_hh_l1 has nan at"):
        run.fit()
    run.trainer.loss = loss
    resumed("accumulated", references["accumulated"], run.trainer)


def test_a_poisoned_average_is_found_before_a_step() -> None:
    run = Run("averaged")
    run.fit(1)
    run.trainer.ema._averages[0][0, 0] = np.nan
    before = copy.deepcopy(run.outcome())
    with pytest.raises(rl.NonFiniteError, match=r"the average of lstm.weight_ih_l0 is not finite: nan at \[0, 0\]"):
        run.fit(2)
    assert_same(run.trainer.model.state_dict(), before["model"])
    assert_same(run.trainer.optimizer.state_dict(), before["optimizer"])


def test_a_step_is_counted_whatever_the_schedule_does(references: Any) -> None:
    class Failing(schedules.WarmUp):
        def rate(self, base: float) -> float:
            if self.count == failing:
                raise OSError("no rate")
            return base

    run, failing = Run("plain"), 3
    run.trainer.schedule = Failing(run.trainer.optimizer, 4)
    with pytest.raises(OSError, match="no rate"):
        run.fit()
    assert (run.trainer.step, run.trainer.batch, run.trainer.schedule.count) == (3, 3, 3)
    failing = -1
    run.fit()
    assert_same(run.outcome()["model"], references["plain"]["model"])
