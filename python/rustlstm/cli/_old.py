"""The command line: `rustlstm demo` trains a small LSTM to continue counting sequences and prints what it learned."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from .datasets import Batches
from .losses import mse
from .nn import LSTM, Linear, Module
from .optim import Adam
from .optim.schedules import Cosine
from .tensor import Array, Tensor, no_grad
from .training import Progress, Trainer

HIDDEN = 32
BATCH = 64
SCALE = 10.0  # the numbers that the network sees are of size one


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (those of the process if None) and return the exit status."""
    parser = argparse.ArgumentParser(prog="rustlstm", description="LSTM layers: Rust arithmetic, Python face.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo_parser = commands.add_parser("demo", help="train a small LSTM to continue 1 2 3 4 5 (a few seconds)")
    demo_parser.add_argument("--steps", type=int, default=1500, help="training steps (default: %(default)s)")
    demo_parser.add_argument("--seed", type=int, default=0, help="seed of weights and data (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    demo(chosen.steps, chosen.seed)
    return 0


def counting(rng: np.random.Generator, batch: int, length: int) -> Array:
    """Draw sequences that start anywhere in [-10, 10] and count by a step from [-3, 3], forwards or backwards.

    Returns: [batch, length].
    """
    start = rng.uniform(-10, 10, (batch, 1))
    step = rng.uniform(-3, 3, (batch, 1))
    return (start + step * np.arange(length)).astype(np.float32)


class Continuer(Module):
    """An LSTM and a linear head that say by how much the next number differs from this one."""

    def __init__(self, seed: int) -> None:
        self.lstm = LSTM(1, HIDDEN, seed=seed)
        self.head = Linear(HIDDEN, 1, seed=seed)

    def __call__(self, numbers: Array) -> Tensor:
        """Return the number that follows each one of `numbers` [B, T]: [B, T], in units of SCALE."""
        seen = Tensor(numbers / SCALE)
        y, _ = self.lstm(seen[:, :, None])
        return seen + self.head(y)[:, :, 0]

    def continued(self, numbers: Array, count: int) -> Array:
        """Return `numbers` [B, T] with `count` more of them, each predicted from all before it: [B, T + count]."""
        for _ in range(count):
            with no_grad():
                following = np.asarray(self(numbers)[:, -1:]) * SCALE
            numbers = np.concatenate([numbers, following.astype(np.float32)], axis=1)
        return numbers


def loss(model: Continuer, batch: Any) -> Tensor:
    """Return the squared error of predicting numbers 3 to T: nobody can know the step after a single number."""
    return mse(model(batch.x[:, :-1])[:, 1:], batch.x[:, 2:] / SCALE)


def demo(steps: int, seed: int) -> float:
    """Train on counting sequences, print what was learned; return the mean error on sequences never seen."""
    rng = np.random.default_rng(seed)
    epochs = min(10, steps)
    data = Batches(counting(rng, BATCH * (steps // epochs), length=12), batch_size=BATCH, seed=seed)
    model = Continuer(seed)
    optimizer = Adam(model, lr=0.01)
    trainer = Trainer(model, loss, optimizer, schedule=Cosine(optimizer, len(data) * epochs))
    print("Training an LSTM of 32 units to continue sequences that count: 1 2 3 4 5 -> 6 7 8 9 10")
    history = trainer.fit(data, epochs, callbacks=[Progress()], progress=False)

    print(f"\nAfter {sum(history['seconds']):.1f} s, from five numbers, fed with its own answers:")
    for start, by in [(1, 1), (2, 2), (10, -2), (7, 0), (0, 0.5)]:
        five = (start + by * np.arange(5, dtype=np.float32))[None]
        answer = model.continued(five, 5)[0, 5:]
        print(f"  {' '.join(f'{v:g}' for v in five[0]):>14}  ->  {'  '.join(f'{v:6.2f}' for v in answer)}")

    unseen = counting(np.random.default_rng([seed, 1]), batch=1000, length=10)
    off = float(np.mean(np.abs(model.continued(unseen[:, :5], 5)[:, 5:] - unseen[:, 5:])))
    still = float(np.mean(np.abs(unseen[:, 4:5] - unseen[:, 5:])))
    print(f"\nOn 1000 sequences never seen in training the next five numbers are off by {off:.2f} on average;")
    print(f"repeating the last number is off by {still:.2f}. (A ruler is off by 0: no LSTM is needed to draw a line.)")
    return off
