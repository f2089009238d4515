"""Truncated back-propagation over a long series takes no more memory at its end than at its beginning."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import rustlstm as rl
from runs import stateful_loss
from rustlstm.datasets import Streams

pytestmark = pytest.mark.once

# Prints the resident memory, in pages, whenever another part of the series is done.
CHILD = """
import sys
import numpy as np
import rustlstm as rl

parts = [int(part) for part in sys.argv[1:]]
series = np.sin(np.arange(parts[-1] + 1) / 7).astype(np.float32)[:, None]
model = rl.nn.LSTM(1, 8)
head = rl.nn.Linear(8, 1)
both = rl.nn.Sequential(model, head)

def loss(_, batch, state):
    y, state = model(batch.x, state)
    return rl.losses.mse(head(y), batch.y), state

class Tell(rl.training.Callback):
    def on_step(self, trainer):
        if parts and trainer.step * STEPS >= parts[0]:
            parts.pop(0)
            print(open("/proc/self/statm").read().split()[1], flush=True)

STEPS = 20
data = rl.datasets.Streams(series, steps=STEPS, batch_size=1)
rl.Trainer(both, loss, rl.optim.Adam(both)).fit(data, 1, callbacks=[Tell()], progress=False)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("steps", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_is_flat(steps: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "10000", str(steps // 2), str(steps)], capture_output=True, text=True, check=True
    )
    early, half, late = (int(line) * 4096 / 2**20 for line in done.stdout.split())
    print(f"resident after 10,000 steps {early:.1f} MiB, {steps // 2:,} {half:.1f} MiB, {steps:,} {late:.1f} MiB")
    assert late < early + 1.0


def test_python_keeps_nothing() -> None:
    class Last(rl.nn.Module):
        def __init__(self) -> None:
            self.lstm = rl.nn.LSTM(1, 2)

    def peak(steps: int) -> int:
        model = Last()
        x = np.zeros((steps, 1), np.float32)
        data = Streams(x, np.zeros(steps), steps=50, batch_size=2)
        trainer = rl.Trainer(model, stateful_loss, rl.optim.SGD(model, lr=0.1))
        tracemalloc.start()
        trainer.fit(data, progress=False)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1_000)
    assert peak(100_000) < peak(10_000) + 4_000
