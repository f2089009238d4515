"""The training loop: what it computes, what it costs, and what it refuses."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import rustlstm as rl
from runs import (
    KINDS,
    OPTIMIZERS,
    Net,
    Run,
    assert_same,
    batches,
    loss,
    sequences,
    sgd,
    stateful_loss,
    stopping,
    streams,
)
from rustlstm.checkpoint import save_state
from rustlstm.datasets import Batches, Streams
from rustlstm.optim import schedules

pytestmark = pytest.mark.once


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(kind: str) -> None:
    history = Run(kind).fit(epochs=20)
    assert np.mean(history["loss"][-5:]) < np.mean(history["loss"][:5])


def test_it_is_the_loop_that_one_would_write() -> None:
    run = Run("plain")
    run.fit()
    model = Net()
    optimizer = OPTIMIZERS["AdamW"](model)
    means = []
    for epoch in range(2):
        total = weights = 0.0
        for batch in batches().epoch(epoch):
            value, _ = loss(model, batch)
            value.backward()
            rl.optim.clip_grad_norm(model, 0.5)
            optimizer.step()
            optimizer.zero_grad()
            total += value.item() * int(batch.lengths.sum())
            weights += int(batch.lengths.sum())
        means.append(total / weights)
    assert_same(run.trainer.model.state_dict(), model.state_dict())
    assert run.trainer.history["loss"] == means
    assert run.trainer.step == 10


def test_accumulated_gradients_are_the_mean_of_the_group() -> None:
    # 23 rows in batches of 5 are groups of 2, 2 and 1 batches.
    model, twin = Net(), Net()
    trainer = rl.Trainer(model, loss, sgd(model), accumulate=2)
    trainer.fit(batches(count=23), progress=False)
    optimizer = sgd(twin)
    given = list(batches(count=23).epoch(0))
    for group in (given[:2], given[2:4], given[4:]):
        for batch in group:
            value, _ = loss(twin, batch)
            value.backward(np.float32(1 / len(group)))
        optimizer.step()
        optimizer.zero_grad()
    assert_same(model.state_dict(), twin.state_dict())
    assert (trainer.step, trainer.epoch, trainer.batch) == (3, 1, 0)


def test_the_state_is_carried_and_reset_by_row() -> None:
    seen = []
    model = Net()

    def watched(model: Net, batch: Any, state: Any) -> Any:
        seen.append((batch, state))
        return stateful_loss(model, batch, state)

    trainer = rl.Trainer(model, watched, rl.optim.SGD(model, lr=0.0))
    trainer.fit(streams(), progress=False)
    carried: Any = None
    for number, (batch, state) in enumerate(seen):
        assert (state is None) == bool(batch.reset.all()) == (number == 0)
        for part, before in zip(state or (), carried or (), strict=True):
            assert not part.requires_grad
            assert not part.data[:, batch.reset].any()
            kept = ~batch.reset
            assert np.array_equal(part.data[:, kept], before[:, kept])
        again = Net()  # weights do not move, so that only the state and the draws count
        again.lstm.draws = number
        carried = [part.data for part in stateful_loss(again, batch, state)[1]]


def test_a_learned_initial_state_is_never_zeros() -> None:
    model = Net()
    model.lstm = rl.nn.LSTM(2, 4, learn_initial_state=True)
    trainer = rl.Trainer(model, stateful_loss, sgd(model))
    x, y = np.ones((40, 2)), np.ones(40)
    trainer.fit(Streams(x, y, steps=5, batch_size=2), progress=False)
    trainer.fit(Streams([x, x[:9]], [y, y[:9]], steps=5, batch_size=1), 2, progress=False)
    with pytest.raises(ValueError, match="lstm learns its initial state.*here 1 of 2 rows begin, and would with zeros"):
        trainer.evaluate(Streams([x, x[:9], x[:9]], [y, y[:9], y[:9]], steps=5, batch_size=2))


def test_a_state_keeps_its_form() -> None:
    class Pair(NamedTuple):
        h: Any
        c: Any

    seen = []

    def named(model: Net, batch: Any, state: Pair | None) -> Any:
        if state is not None:
            seen.append((state.h.shape, state.c.shape))
        value, last = stateful_loss(model, batch, state)
        return value, Pair(*last)

    model = Net()
    rl.Trainer(model, named, sgd(model)).fit(streams(), progress=False)
    assert seen and {shape for pair in seen for shape in pair} == {(2, 3, 4)}


def test_evaluation_does_not_depend_on_the_batches() -> None:
    run = Run("plain")
    run.fit(1)
    x, y = (list(part) for part in zip(*[(np.ones((n, 2)) * n, np.ones(n)) for n in range(1, 20)], strict=True))
    results = [run.trainer.evaluate(Batches(x, y, batch_size=size)) for size in (1, 4, 19)]
    for result in results:
        assert result["loss"] == pytest.approx(results[0]["loss"], rel=1e-5)
    assert set(results[0]) == {"loss", "size"}


def test_evaluation_leaves_no_trace() -> None:
    run = Run("averaged")
    run.fit(1)
    model = run.trainer.model
    model.lstm.eval()
    model.training = True
    before = copy.deepcopy(run.outcome())
    run.trainer.evaluate(run.validation)
    assert_same(run.outcome(), before)
    assert model.training and not model.lstm.training
    run.trainer.loss = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        run.trainer.evaluate(run.validation)
    assert_same(run.outcome(), before)
    assert model.training and not model.lstm.training


def test_evaluation_uses_the_average() -> None:
    for kind in ("averaged", "ASGD"):
        run = Run(kind)
        run.fit(2)
        found = run.trainer.evaluate(run.validation)
        with run.trainer.ema.applied() if kind == "averaged" else run.trainer.optimizer.averaged():
            average = run.trainer.model.state_dict()
        assert any(not np.array_equal(average[name], own) for name, own in run.trainer.model.state_dict().items())
        run.trainer.model.load_state_dict(average)
        run.trainer.ema = None
        run.trainer.optimizer = sgd(run.trainer.model)
        assert run.trainer.evaluate(run.validation) == found
        assert run.trainer.history["val_loss"][-1] == found["loss"]


def test_schedules_go_on_by_step_or_with_the_loss() -> None:
    model = Net()
    optimizer = sgd(model)
    schedule = schedules.Exponential(optimizer, 0.5)
    history = rl.Trainer(model, loss, optimizer, schedule=schedule).fit(batches(), 2, progress=False)
    assert history["lr"] == [0.05 * 0.5**5, 0.05 * 0.5**10]
    optimizer = sgd(model)
    schedule = schedules.Plateau(optimizer, patience=0, factor=0.5, threshold=0.9)
    history = rl.Trainer(model, loss, optimizer, schedule=schedule).fit(batches(), 3, progress=False)
    assert history["lr"] == [0.05, 0.05, 0.025]
    optimizer = sgd(model)
    falling = schedules.Plateau(optimizer, patience=0, factor=0.5, threshold=0.9)
    schedule = schedules.Chain(schedules.WarmUp(optimizer, 10, start=0.5), schedules.Chain(falling))
    history = rl.Trainer(model, loss, optimizer, schedule=schedule).fit(batches(), 3, progress=False)
    assert history["lr"] == pytest.approx([0.0375, 0.05, 0.025])


def test_the_loop_costs_little() -> None:
    class Nothing:
        stateful = False

        def __len__(self) -> int:
            return 200

        def epoch(self, number: int, start: int = 0) -> Any:
            batch = next(batches().epoch(0))
            return (batch for _ in range(start, 200))

    class Still(rl.optim.SGD):
        def step(self) -> None:
            pass

    model = Net()
    one = rl.Tensor(1.0, requires_grad=True)
    trainer = rl.Trainer(model, lambda *_: one, Still(model, lr=0.1))
    trainer.fit(Nothing(), 1, progress=False)
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        history = trainer.fit(Nothing(), 2, progress=False)
    finally:
        sys.setprofile(before)
    # Calls of functions, since those are the same on a busy machine: some 0.1 µs each.
    print(f"{calls / 200:.0f} calls a batch")
    assert len(history["loss"]) == 2
    assert calls / 200 < 100


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: rl.Trainer(3, loss, sgd(m)), "model must be a Module, got int"),
        (lambda m: rl.Trainer(m, loss, sgd(m), accumulate=0), "accumulate must be at least 1"),
        (lambda m: rl.Trainer(m, loss, sgd(Net())), "the optimizer has a parameter that is not in the model"),
        (lambda m: rl.Trainer(m, "mse", sgd(m)), "loss must be a function, got 'mse'"),
        (lambda m: rl.Trainer(m, loss, 1e-3), "optimizer must be one of rustlstm.optim, got float"),
        (lambda m: rl.Trainer(m, loss, sgd(m), schedule=3), "must be one of rustlstm.optim.schedules, got int"),
        (
            lambda m: rl.Trainer(m, loss, sgd(m), schedule=schedules.Plateau(sgd(m))),
            "the schedule is of another optimizer",
        ),
        (lambda m: rl.Trainer(m, loss, sgd(m), ema=[1]), "ema must be a rustlstm.optim.EMA, got list"),
        (
            lambda m: rl.Trainer(m, loss, sgd(m), ema=rl.optim.EMA(Net())),
            "the ema has a parameter that is not in the model",
        ),
        (lambda m: rl.Trainer(m, loss, sgd(m), clip_norm=-1), "clip_norm must be at least 0, got -1"),
        (lambda m: rl.Trainer(m, loss, sgd(m), clip_value="x"), "clip_value must be a number, got 'x'"),
        (
            lambda m: rl.Trainer(m, loss, sgd(m)).fit(([1.0], [1.0])),
            r"data must be Batches, Streams or alike, got tuple, which has no epoch; of arrays make Batches\(x, y\)",
        ),
        (
            lambda m: rl.Trainer(m, lambda *_: 1 / 0, sgd(m)).fit(batches(), validation=([1.0], [1.0])),
            "validation must be Batches, Streams or alike, got tuple",
        ),
        (lambda m: rl.Trainer(m, loss, sgd(m)).evaluate([]), "data must be Batches, Streams or alike, got list"),
        (lambda m: rl.Trainer(m, loss, sgd(m)).fit(batches(), 0), "epochs must be at least 1"),
        (
            lambda m: rl.Trainer(m, lambda *_: 1.0, sgd(m)).fit(batches()),
            "Tensor of one number.*got float",
        ),
        (
            lambda m: rl.Trainer(m, lambda *_: rl.Tensor([1.0, 2.0]), sgd(m)).fit(batches()),
            r"got Tensor of shape \[2\]",
        ),
        (
            lambda m: rl.Trainer(m, loss, sgd(m)).fit(streams()),
            r"data carries a state, so it needs a loss\(model, batch, state\): too many positional arguments",
        ),
        (
            lambda m: rl.Trainer(m, stateful_loss, sgd(m)).fit(streams(), validation=batches()),
            r"validation carries no state, so it needs a loss\(model, batch\): missing a required argument: 'state'",
        ),
        (
            lambda m: rl.Trainer(m, lambda m, b: (loss(m, b)[0], (1, 2)), sgd(m)).fit(batches()),
            "metrics must be a dict of numbers, got tuple",
        ),
        (
            lambda m: rl.Trainer(m, lambda m, b: (loss(m, b)[0], {"accuracy": "high"}), sgd(m)).fit(batches()),
            "metrics must be a dict of numbers: could not convert",
        ),
        (
            lambda m: rl.Trainer(m, lambda m, b: (*loss(m, b), 1), sgd(m)).fit(batches()),
            r"for data that carries no state, loss returns the loss or \(loss, metrics\)",
        ),
        *(
            (
                lambda m, name=name: rl.Trainer(m, lambda m, b: (loss(m, b)[0], {name: 1.0}), sgd(m)).fit(batches()),
                f"a metric cannot be called '{name}'",
            )
            for name in ("loss", "epoch", "lr", "val_loss", "seconds")
        ),
        (
            lambda m: rl.Trainer(m, lambda m, b: (loss(m, b)[0], {1: 1.0}), sgd(m)).fit(batches()),
            "the names of metrics must be strings, got 1",
        ),
        (lambda m: rl.Trainer(m, lambda *_: rl.Tensor(1.0), sgd(m)).fit(streams()), r"loss returns \(loss, state\)"),
    ],
)
def test_what_is_refused(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make(Net())


def test_other_data_in_the_middle_of_an_epoch_is_refused() -> None:
    run = Run("plain")
    run.trainer.loss = stopping(loss, 2)
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    with pytest.raises(ValueError, match="at batch 2 of 5 of epoch 1, but this data has 8 batches"):
        run.trainer.fit(batches(count=40), 2, progress=False)
    other = Run("plain", noise=2)
    other.trainer.load_state_dict(run.trainer.state_dict())
    x, y = sequences(22, 6, 1)
    for data, message in (
        (Batches(x, y, batch_size=5, seed=9), "of data with seed=1, but this data has seed=9"),
        (
            Batches(x, y, batch_size=5, seed=1, bucketed=False),
            "of data with bucketed=True, but this data has bucketed=False",
        ),
        (Batches(x[::-1], y[::-1], batch_size=5, seed=1), "of data with checksum of the lengths="),
    ):
        with pytest.raises(ValueError, match=f"at batch 2 of 5 of epoch 1 {message}"):
            other.trainer.fit(data, 2, progress=False)

    class Own:
        """Of the same batches, of which it does not say what they follow from."""

        stateful = False
        __len__, epoch = run.data.__len__, run.data.epoch

    run.trainer.loss = other.trainer.loss = loss
    other.trainer.fit(Own(), 1, progress=False)
    other.trainer.fit(batches(seed=9), 2, progress=False)  # between two epochs, any data will do
    run.fit()


@pytest.mark.parametrize(("length", "message"), [(4, "more batches than its len, 4"), (6, "gave 5 batches.* len is 6")])
def test_data_of_another_length_than_it_says(length: int, message: str) -> None:
    class Lying:
        stateful = False
        epoch = batches().epoch

        def __len__(self) -> int:
            return length

    run = Run("accumulated")
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            run.trainer.fit(Lying(), progress=False)
    assert run.trainer.batch == min(length, 5)


def test_callbacks_see_an_epoch_whatever_the_schedule_does() -> None:
    class Failing(schedules.Plateau):
        def _look(self, loss: float) -> None:
            raise OSError("no look")

    class Epochs(rl.training.Callback):
        def on_epoch_end(self, trainer: rl.Trainer) -> None:
            seen.append(trainer.epoch)

    run, seen = Run("plain"), []
    run.trainer.schedule = Failing(run.trainer.optimizer)
    for epoch in (1, 2):
        with pytest.raises(OSError, match="no look"):
            run.fit(2, [Epochs()])
        assert seen == list(range(1, epoch + 1))


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    state = Run("plain").trainer.state_dict()
    for kind, message in (
        ("SGD", "not the state of SGD but of 'AdamW'"),
        ("averaged", "this trainer has schedule, and that run has not"),
        ("accumulated", "this trainer has schedule"),
    ):
        run = Run(kind, noise=4)
        run.fit(1)
        before = copy.deepcopy(run.trainer.state_dict())
        with pytest.raises(ValueError, match=message):
            run.trainer.load_state_dict(state)
        assert_same(run.trainer.state_dict(), before)


def changed(state: Any, *way: Any) -> Any:
    """Return a state with another value at the end of a way of keys; without it if that is ``None``."""
    *keys, last, value = way
    new = place = copy.deepcopy(state)
    for key in keys:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return new


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    run, path = Run("accumulated"), tmp_path / "run"
    run.trainer.loss = stopping(loss, 3)
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    state = run.trainer.state_dict()
    before = copy.deepcopy(state)
    missing = [(changed(state, name, None), f"the state has no '{name}'") for name in state if name != "trainer"]
    for other, message in [
        ({"a": 1}, "this is not the state of a Trainer"),
        ([1], "this is not the state of a Trainer"),
        (changed(state, "trainer", 2), "this is not the state of a Trainer"),
        (changed(state, "position", "epoch", "a"), "epoch must be an integer, got str"),
        (changed(state, "position", "batch", -2), "batch must be at least 0, got -2"),
        (changed(state, "position", "batch", 6), "the state is at batch 6 of 5"),
        (changed(state, "position", "step", None), "the state has no 'step'"),
        (changed(state, "model", []), "model of the state must be dict, got list"),
        (changed(state, "optimizer", 1), "optimizer of the state must be dict, got int"),
        (changed(state, "schedule", 1), "the state has no 'schedule'"),
        (changed(state, "history", [1]), r"history\[0\] of the state must be dict, got int"),
        (changed(state, "sums", "values", "loss", [1]), r"must be pairs, got \[1\] of loss"),
        (changed(state, "sums", "seconds", "x"), "seconds must be a number, got 'x'"),
        (changed(state, "carried", "x"), "state must be an array"),
        (changed(state, "boundary", "gradients", "lstm.bias_l0", np.zeros(3)), "gradient of lstm.bias_l0 must have"),
        (changed(state, "boundary", "gradients", "x", np.zeros(3)), "a gradient of 'x', which the model has not"),
        *missing,
    ]:
        save_state(path, other)
        with pytest.raises(ValueError, match=f"run does not fit this trainer: .*{message}"):
            run.trainer.load(path)
        assert_same(run.trainer.state_dict(), before)
