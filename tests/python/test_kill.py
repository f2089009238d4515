"""Runs in other processes that are killed, or told to stop, at random moments; and what is found on the disk then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rustlstm as rl
from runs import KINDS, Run, assert_same
from rustlstm.training import Checkpoint

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name != "posix", reason="needs the signals of POSIX")]

HERE = str(Path(__file__).parent)

# Goes on from the file where there is one, and saves after each step; prints where it stands once it is on the disk.
CHILD = f"""
import os, sys
sys.path.insert(0, {HERE!r})
from runs import Run
from rustlstm.training import Callback, Checkpoint

class Tell(Callback):
    last = True
    def on_step(self, trainer):
        os.write(1, b"%d\\n" % trainer.step)

kind, path, epochs = sys.argv[1:]
run = Run(kind)
if os.path.exists(path):
    run.trainer.load(path)
print(run.trainer.step, flush=True)
run.fit(int(epochs), [Checkpoint(path, every_steps=1), Tell()])
print("done", flush=True)
"""

# Is interrupted at any moment, and goes on; says how long it took to stop.
PATIENT = f"""
import signal, sys
sys.path.insert(0, {HERE!r})
import numpy as np
from runs import Run
kind, path, epochs = sys.argv[1:]
run = Run(kind)
run.trainer.evaluate(run.data)
interrupts = 0
print("ready", flush=True)
while True:
    try:
        run.fit(int(epochs))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        break
    except KeyboardInterrupt:
        interrupts += 1
        print("interrupted", flush=True)
run.trainer.save(path)
print("done", interrupts, flush=True)
"""


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kills", [16, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_at_any_moment(kills: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    killed = lost = finished = 0
    while killed < kills:
        kind = KINDS[finished % len(KINDS)]
        epochs = 40
        path = tmp_path / f"{finished}"
        told = 0
        while True:
            with child(CHILD, kind, path, epochs) as process:
                assert process.stdout is not None
                begin = int(process.stdout.readline() or -1)
                lost += begin < told
                if killed < kills:
                    time.sleep(rng.uniform(0.0, 0.2))
                    process.send_signal(signal.SIGKILL)
                lines = process.stdout.read().split("\n")
            whole = [line for line in lines[:-1] if line]
            if "done" in whole:
                break
            killed += 1
            told = max([told, begin, *map(int, whole)])
        finished += 1
        whole_run, found = Run(kind), Run(kind, noise=1)
        whole_run.fit(epochs, [Checkpoint(tmp_path / "whole")])
        found.trainer.load(path)
        assert_same(found.outcome(), whole_run.outcome())
        left = {each.name for each in tmp_path.iterdir() if each.name.startswith(path.name)}
        assert left <= {path.name, f"{path.name}.previous"}
    print(f"{killed} kills, {finished} runs finished, {lost} steps lost")
    assert lost == 0


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_at_any_moment(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    whole, found = Run(kind), Run(kind, noise=1)
    began = time.perf_counter()
    whole.fit(60)
    # Some forty interrupts, however fast the machine is.
    longest_pause = (time.perf_counter() - began) / 20
    interrupts, slowest = 0, 0.0
    with child(PATIENT, kind, tmp_path / "run", 60) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while True:
            time.sleep(rng.uniform(0.0, longest_pause))
            sent = time.perf_counter()
            process.send_signal(signal.SIGINT)
            line = process.stdout.readline()
            if line != "interrupted\n":
                break
            slowest = max(slowest, time.perf_counter() - sent)
            interrupts += 1
        process.stdout.read()
    print(f"{kind}: {interrupts} interrupts, answered within {slowest * 1e3:.0f} ms")
    assert interrupts > 3 and slowest < 1.0, "0.25 s on a quiet machine"
    found.trainer.load(tmp_path / "run")
    assert_same(found.outcome(), whole.outcome())


@pytest.mark.slow
def test_a_resumed_file_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for number in range(50):
        kind = KINDS[number % len(KINDS)]
        whole, run, other = Run(kind), Run(kind), Run(kind, noise=1)
        whole.fit(6)
        stop = int(rng.integers(1, whole.trainer.step))

        class Stop(rl.training.Callback):
            def on_step(self, trainer: rl.Trainer, stop: int = stop) -> None:
                if trainer.step == stop:
                    trainer.stop()

        run.fit(6, [Stop(), Checkpoint(tmp_path / "run")])
        other.trainer.load(tmp_path / "run")
        assert other.trainer.step == stop
        other.fit(6, [Checkpoint(tmp_path / "run")])
        whole.fit(6, [Checkpoint(tmp_path / "whole")])
        assert_same(other.outcome(), whole.outcome())
