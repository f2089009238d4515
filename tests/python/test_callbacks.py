"""Callbacks: when they are called, and what each of ours does, across interruptions too."""

from __future__ import annotations

import csv
import io
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from runs import Run, assert_same, loss, stopping
from rustlstm.training import Callback, Checkpoint, CSVLog, EarlyStopping, Progress

pytestmark = pytest.mark.once


class Calls(Callback):
    """Notes what is called."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_fit_start(self, trainer: rl.Trainer) -> None:
        self.seen.append("fit")

    def on_epoch_start(self, trainer: rl.Trainer) -> None:
        self.seen.append(("epoch", trainer.epoch, trainer.batch))

    def on_step(self, trainer: rl.Trainer) -> None:
        self.seen.append(trainer.step)

    def on_epoch_end(self, trainer: rl.Trainer) -> None:
        assert trainer.history.last["epoch"] == trainer.epoch
        self.seen.append(("end", trainer.epoch))

    def on_fit_end(self, trainer: rl.Trainer) -> None:
        self.seen.append("done")

    def on_interrupt(self, trainer: rl.Trainer) -> None:
        self.seen.append("interrupt")

    def state_dict(self) -> dict[str, Any]:
        return {"seen": len(self.seen)}


class Losses(Callback):
    """Puts other values for the losses into the history."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def on_epoch_end(self, trainer: rl.Trainer) -> None:
        trainer.history.last["val_loss"] = self.values[trainer.epoch - 1]


def test_when_they_are_called() -> None:
    calls = Calls()
    run = Run("plain")
    run.fit(2, [calls])
    one = ["fit", ("epoch", 0, 0), 1, 2, 3, 4, 5, ("end", 1)]
    assert calls.seen == [*one, ("epoch", 1, 0), 6, 7, 8, 9, 10, ("end", 2), "done"]
    calls = Calls()
    Run("accumulated").fit(1, [calls])
    assert calls.seen == ["fit", ("epoch", 0, 0), 1, 2, 3, ("end", 1), "done"]
    calls = Calls()
    run = Run("plain")
    run.trainer.loss = stopping(loss, 2)
    with pytest.raises(KeyboardInterrupt):
        run.fit(1, [calls])
    run.fit(1, [calls])
    assert calls.seen == [
        "fit",
        ("epoch", 0, 0),
        1,
        2,
        "interrupt",
        "fit",
        ("epoch", 0, 2),
        3,
        4,
        5,
        ("end", 1),
        "done",
    ]


def test_an_error_is_an_interrupt_too() -> None:
    calls = Calls()
    run = Run("plain")
    run.trainer.loss = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        run.fit(1, [calls])
    assert calls.seen == ["fit", ("epoch", 0, 0), "interrupt"]


@pytest.mark.filterwarnings("ignore:a callback failed too")  # where errors have no notes
def test_the_first_error_is_raised_and_the_others_are_told() -> None:
    class Broken(Callback):
        def on_interrupt(self, trainer: rl.Trainer) -> None:
            raise OSError("cannot say so")

    calls = Calls()
    run = Run("plain")
    run.trainer.loss = stopping(loss, 1)
    with pytest.raises(KeyboardInterrupt) as raised:
        run.fit(1, [Broken(), calls])
    assert calls.seen[-2:] == [1, "interrupt"]
    assert getattr(raised.value, "__notes__", []) in ([], ["a callback failed too: OSError: cannot say so"])


@pytest.mark.filterwarnings("ignore:a callback failed too")
@pytest.mark.parametrize("hook", ["on_fit_start", "on_epoch_start", "on_step", "on_epoch_end", "on_fit_end"])
def test_no_callback_misses_anything_because_another_fails(hook: str) -> None:
    class Broken(Callback):
        failures = 0

        def fail(self, trainer: rl.Trainer) -> None:
            if not self.failures:
                self.failures += 1
                raise OSError("no log")

    setattr(Broken, hook, Broken.fail)
    run, whole = Run("plain"), Run("plain")
    broken, calls, expected = Broken(), Calls(), Calls()
    whole.fit(2, [expected])
    with pytest.raises(OSError, match="no log"):
        run.fit(2, [broken, calls])
    run.fit(2, [broken, calls])

    def once(calls: Calls) -> list[Any]:
        return [what for what in calls.seen if isinstance(what, int) or what[0] == "end"]

    assert once(calls) == once(expected)
    assert_same(run.outcome()["model"], whole.outcome()["model"])


def test_stop_ends_after_the_step() -> None:
    class Stop(Callback):
        def on_step(self, trainer: rl.Trainer) -> None:
            if trainer.step == 3:
                trainer.stop()

    run, whole = Run("plain"), Run("plain")
    run.fit(2, [Stop()])
    assert (run.trainer.epoch, run.trainer.batch) == (0, 3)
    run.fit(2)
    whole.fit(2)
    assert_same(run.outcome()["model"], whole.outcome()["model"])


def test_early_stopping_goes_back_to_the_best() -> None:
    run = Run("averaged")
    early = EarlyStopping(patience=2)
    weights = []

    class Weights(Callback):
        def on_epoch_end(self, trainer: rl.Trainer) -> None:
            weights.append(trainer.weights())

    run.fit(9, [Losses(3.0, 2.0, 2.5, 2.0, 1.0), Weights(), early])
    assert (run.trainer.epoch, early.best, early.best_epoch) == (4, 2.0, 2)
    assert_same(run.trainer.model.state_dict(), weights[1]["model"])
    found = run.trainer.evaluate(run.validation)["loss"]
    run.trainer.ema = None
    assert run.trainer.evaluate(run.validation)["loss"] == found, "the average is that of the best epoch, too"
    run.fit(9, [early])
    assert run.trainer.epoch == 4, "it stays stopped"


@pytest.mark.parametrize(
    ("options", "losses", "epochs"),
    [
        ({"patience": 1}, [3, 2, 2, 1], 3),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1], 6),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2], 2),
        ({"patience": 1, "mode": "max"}, [3, 4, 3.5], 3),
        ({"patience": 2}, [np.nan, np.nan, 3], 2),
        ({"patience": 2}, [3, np.nan, 2, np.nan, np.inf], 5),
    ],
)
def test_early_stopping_waits(options: Any, losses: list[float], epochs: int) -> None:
    run = Run("plain")
    run.fit(len(losses), [Losses(*losses), EarlyStopping(restore_best=False, **options)])
    assert run.trainer.epoch == epochs


def test_early_stopping_needs_its_column() -> None:
    run = Run("plain")
    with pytest.raises(KeyError, match=r"'val_loss' is to be watched.*only epoch, loss, size.*give fit a validation"):
        run.trainer.fit(run.data, callbacks=[EarlyStopping()], progress=False)
    with pytest.raises(ValueError, match='mode must be "min" or "max"'):
        EarlyStopping(mode="least")
    with pytest.raises(ValueError, match="patience must be at least 1"):
        EarlyStopping(patience=0)


@pytest.mark.parametrize("kind", ["plain", "averaged", "ASGD"])
def test_early_stopping_is_resumed(kind: str, tmp_path: Path) -> None:
    losses = [3, 2, 2.5, 2.25, 1.5, 1.75, 1.75, 1.75]

    def callbacks() -> list[Callback]:
        # In this order, the checkpoint has what the others made of the epoch all the same.
        return [Checkpoint(tmp_path / "run"), Losses(*losses), EarlyStopping(patience=3)]

    whole = Run(kind)
    whole.fit(8, callbacks())
    assert whole.trainer.epoch == 8
    for passes in (3, 8, 17, 30, 44):
        run = Run(kind)
        run.trainer.loss = stopping(loss, passes)
        with pytest.raises(KeyboardInterrupt):
            run.fit(8, callbacks())
        other = Run(kind, noise=3)
        other.trainer.load(tmp_path / "run")
        other.fit(8, callbacks())
        assert_same(other.outcome(), whole.outcome())
        run.trainer.loss = loss
        run.fit(8, callbacks())
        assert_same(run.outcome(), whole.outcome())


def test_checkpoints_are_saved_when_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def saved(epochs: int = 4, **options: Any) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        monkeypatch.setattr(rl.Trainer, "save", lambda self, path: places.append((self.epoch, self.batch)))
        Run("plain").fit(epochs, [Losses(3.0, 4.0, 2.0, 2.5), Checkpoint(tmp_path / "run", **options)])
        return places

    assert saved() == [(1, 0), (2, 0), (3, 0), (4, 0), (4, 0)]
    assert saved(every_epochs=3) == [(3, 0), (4, 0)]
    assert saved(every_epochs=None) == [(4, 0)]
    assert saved(2, every_steps=3) == [(0, 3), (1, 0), (1, 1), (1, 4), (2, 0), (2, 0)]
    assert saved(monitor="val_loss") == [(1, 0), (3, 0)]
    assert saved(monitor="val_loss", mode="max") == [(1, 0), (2, 0)]
    with pytest.raises(ValueError, match="every_steps and monitor exclude each other"):
        Checkpoint("run", monitor="loss", every_steps=2)


def test_ctrl_c_is_saved(tmp_path: Path) -> None:
    run = Run("accumulated")
    run.trainer.loss = stopping(loss, 3)
    with pytest.raises(KeyboardInterrupt):
        run.fit(2, [Checkpoint(tmp_path / "run")])
    other = Run("accumulated", noise=3)
    other.trainer.load(tmp_path / "run")
    assert (other.trainer.epoch, other.trainer.batch, other.trainer.step) == (0, 3, 1)
    assert_same(other.outcome(), run.outcome())


def test_a_run_that_does_nothing_saves_nothing(tmp_path: Path) -> None:
    Run("plain").fit(2, [Checkpoint(tmp_path / "run")])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(2):
        run = Run("plain")
        run.trainer.loss = stopping(loss, 0)
        with pytest.raises(KeyboardInterrupt):
            run.fit(2, [Checkpoint(tmp_path / "run")])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.filterwarnings("ignore:a callback failed too")
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["weight", "state"])
def test_the_last_finite_checkpoint_stays(tmp_path: Path, place: str, value: float) -> None:
    run = Run("plain")
    run.fit(1, [Checkpoint(tmp_path / "run", every_steps=1)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Poison(Callback):
        def on_step(self, trainer: rl.Trainer) -> None:
            if place == "weight":
                poisoned = trainer.model.lstm.bias_l0.numpy()
                poisoned[3] = value
                trainer.model.lstm.bias_l0.assign(poisoned)
            else:
                trainer.optimizer._slots[0].state[0][1, 0] = value

    message = rf"model.lstm.bias_l0 has {value} at \[3\]" if place == "weight" else rf"optimizer.slots.* has {value} at"
    with pytest.raises(rl.NonFiniteError, match=message + ".*run was not written"):
        run.fit(2, [Poison(), Checkpoint(tmp_path / "run", every_steps=1)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    other = Run("plain")
    other.trainer.load(tmp_path / "run")
    assert other.trainer.epoch == 1


def test_the_log_has_each_epoch_once(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("of an earlier run\n")
    run = Run("plain")
    run.fit(2, [CSVLog(path), Checkpoint(tmp_path / "run")])
    run.fit(3, [CSVLog(path)])
    other = Run("plain", noise=3)
    other.trainer.load(tmp_path / "run")
    other.fit(4, [CSVLog(path)])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["val_loss"]) for row in rows] == other.trainer.history["val_loss"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log.csv", "run", "run.previous"]


@pytest.mark.parametrize("kind", [Checkpoint, CSVLog])
def test_a_missing_folder_is_noticed_before_the_first_step(kind: Any, tmp_path: Path) -> None:
    run = Run("plain")
    with pytest.raises(FileNotFoundError, match="no such folder to save in: .*absent"):
        run.fit(1, [kind(tmp_path / "absent" / "file")])
    assert run.trainer.step == 0


def test_two_of_a_kind_keep_their_states() -> None:
    run = Run("plain")
    first, second = EarlyStopping("loss", patience=9), EarlyStopping("val_loss", patience=9)
    run.fit(2, [first, second])
    state = pickle.loads(pickle.dumps(run.trainer.state_dict()))
    other = Run("plain")
    other.trainer.load_state_dict(state)
    twins = EarlyStopping("loss", patience=9), EarlyStopping("val_loss", patience=9)
    other.fit(2, twins)
    assert [twin.best for twin in twins] == [first.best, second.best]
    assert first.best != second.best


@pytest.mark.parametrize("options", [{"monitor": "val_loss"}, {"monitor": "loss", "mode": "max"}])
def test_what_watches_something_else_begins_afresh(tmp_path: Path, options: Any) -> None:
    run = Run("plain")
    run.fit(2, [EarlyStopping("loss", patience=9), Checkpoint(tmp_path / "best", monitor="loss")])
    early, checkpoint = EarlyStopping(patience=9, **options), Checkpoint(tmp_path / "other", **options)
    run.fit(3, [early, checkpoint])
    assert early.best == checkpoint._best.value == run.trainer.history.last[options["monitor"]]
    assert (early.best_epoch, early.waited) == (3, 0)


def test_the_bar_shows_where_the_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from rustlstm.training import _progress

    monkeypatch.setattr(_progress, "EVERY", 0.0)
    screen = io.StringIO()
    run = Run("plain")
    run.trainer.loss = stopping(loss, 2)
    with pytest.raises(KeyboardInterrupt):
        run.fit(2, [Progress(screen)])
    run.trainer.loss = loss
    run.fit(2, [Progress(screen)])
    shown = screen.getvalue().replace("\r", "\n")
    assert "epoch 1/2:  40%|" in shown and "| 2/5 [" in shown
    assert "epoch 1/2: 100%|" in shown and "epoch 2/2: 100%|" in shown
    last = [line for line in shown.split("\n") if line.startswith("epoch 2/2: 100%")][-1]
    row = run.trainer.history.last
    for name in ("loss", "size", "val_loss"):
        assert f"{name} {row[name]:.4g}" in last
    assert "sequences/s" in last
    assert shown.count("epoch 2/2:   0%") == 1


def test_the_bar_is_for_those_who_look(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("plain")
    run.trainer.fit(run.data)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run.trainer.fit(run.data, 2)
    assert "epoch 2/2: 100%" in capsys.readouterr().err
    run.trainer.fit(run.data, 3, progress=False)
    assert capsys.readouterr().err == ""
    own = io.StringIO()
    run.trainer.fit(run.data, 4, callbacks=[Progress(own)])
    assert capsys.readouterr().err == "" and "epoch 4/4: 100%" in own.getvalue()


def test_the_bar_costs_little() -> None:
    import time

    class Standing:
        batch, batches, epoch, epochs = 7, 100, 0, 1

        def running(self) -> dict[str, float]:
            return {"loss": 0.5, "sequences_per_second": 1000.0}

    progress = Progress(io.StringIO())
    trainer: Any = Standing()
    progress.on_epoch_start(trainer)
    begin = time.process_time()
    for _ in range(100_000):
        progress.on_step(trainer)
    took = (time.process_time() - begin) / 100_000
    progress.on_interrupt(trainer)
    assert took < 3e-6, "2 % of a step of 150 µs"
