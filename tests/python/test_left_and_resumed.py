"""Runs that are left, by Ctrl-C at any line too, and go on to the same bits."""

from __future__ import annotations

import copy
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import rustlstm as rl
from runs import (
    KINDS,
    OPTIMIZERS,
    Run,
    assert_same,
    loss,
    resumed,
    stateful_loss,
    stopping,
)

pytestmark = pytest.mark.once

PACKAGE = str(Path(rl.__file__).parent)


@pytest.mark.parametrize("kind", [*KINDS, *OPTIMIZERS])
def test_a_run_goes_on_to_the_same_bits(kind: str, references: Any) -> None:
    own = stateful_loss if kind == "streams" else loss
    passes = 0
    while True:
        run = Run(kind)
        run.trainer.loss = stopping(own, passes)
        try:
            run.fit()
        except KeyboardInterrupt:
            assert all(p.grad is None for p in run.trainer.model.parameters()) or kind == "accumulated"
            run.trainer.loss = own
            resumed(kind, references[kind], run.trainer)
            passes += 1 if kind in KINDS else 5
        else:
            break
    assert passes >= 14


def test_more_epochs_go_on_too() -> None:
    whole, parts = Run("plain"), Run("plain")
    whole.fit(3)
    for epochs in (1, 1, 2, 3):
        parts.fit(epochs)
        assert parts.trainer.epoch == epochs
    assert_same(parts.outcome(), whole.outcome())


@pytest.mark.parametrize("kind", KINDS)
def test_a_trainer_is_copied_and_pickled_with_its_run(kind: str, references: Any) -> None:
    run = Run(kind)
    run.fit(1)
    run.trainer = copy.deepcopy(run.trainer)
    run.fit(2)
    assert_same(run.outcome(), references[kind])


class Lines:
    """Sends Ctrl-C when the package comes to its line number ``at``."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0
        self.where = ""

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE) or (
            code.co_filename.endswith("_interrupts.py") and code.co_name == "run"
        ):
            # That function relies on where Python looks for signals, which is not at each line.
            return None
        if event == "line":
            self.seen += 1
            if self.seen == self.at:
                self.where = f"{code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self


def interrupted_at(line: int, kind: str) -> tuple[Run, Lines, bool]:
    run = Run(kind)
    lines = Lines(line)
    before = sys.gettrace()
    sys.settrace(lines)
    try:
        run.fit()
        left = False
    except KeyboardInterrupt:
        left = True
    finally:
        sys.settrace(before)
    return run, lines, left


@pytest.mark.parametrize("places", [25, pytest.param(None, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_at_any_line(kind: str, places: int | None, references: Any) -> None:
    _, lines, left = interrupted_at(0, kind)
    assert not left and lines.seen > 2000
    for line in range(1, lines.seen + 1, lines.seen // places if places else 1):
        run, interrupted, left = interrupted_at(line, kind)
        assert left, f"the interrupt at {interrupted.where} was lost"
        try:
            resumed(kind, references[kind], run.trainer)
        except AssertionError as error:
            raise AssertionError(f"left at {interrupted.where} (line {line}): {error}") from None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_waits_for_callbacks_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    from rustlstm.training import Callback, _interrupts

    monkeypatch.setattr(_interrupts, "PATIENCE", 0.05)
    done = []

    class Slow(Callback):
        def on_step(self, trainer: rl.Trainer) -> None:
            if trainer.step == 2:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
                done.append("waited")
            if trainer.step == 4:
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.06)
                signal.raise_signal(signal.SIGINT)
                done.append("never")

    run = Run("plain")
    for step in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            run.fit(callbacks=[Slow()])
        assert run.trainer.step == step
    assert done == ["waited"]


def test_a_handler_of_the_user_is_kept() -> None:
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(run.trainer.step))
    try:
        run = Run("plain")
        inner = run.trainer.loss

        def signalling(*arguments: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return inner(*arguments)

        run.trainer.loss = signalling
        run.fit(1)
        assert len(came) == 7 and run.trainer.epoch == 1
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        run.fit(2)
        assert run.trainer.epoch == 2
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread(references: Any) -> None:
    run = Run("plain")
    thread = threading.Thread(target=run.fit)
    thread.start()
    thread.join()
    assert_same(run.outcome(), references["plain"])
