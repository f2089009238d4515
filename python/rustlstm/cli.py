"""The command line: `rustlstm demo` trains a small LSTM to continue counting sequences and prints what it learned.

This is a look at the layer at work, not a training framework: the linear head and the Adam update are the few lines of
numpy that they are on paper.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from .nn import LSTM

Array: TypeAlias = npt.NDArray[np.float32]

HIDDEN = 32
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


class Continuer:
    """An LSTM and a linear head that say by how much the next number differs from this one."""

    def __init__(self, seed: int) -> None:
        self.lstm = LSTM(1, HIDDEN, seed=seed)
        rng = np.random.default_rng(seed)
        self.weights: dict[str, Array] = {name: np.array(p) for name, p in self.lstm.state_dict().items()}
        self.weights["head"] = rng.uniform(-1, 1, (HIDDEN, 1)).astype(np.float32) / np.float32(np.sqrt(HIDDEN))
        self.weights["head_bias"] = np.zeros(1, np.float32)
        self.moments = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in self.weights.items()}
        self.updates = 0

    def predict(self, numbers: Array) -> Array:
        """Return the number that follows each one of `numbers` [B, T]: [B, T]."""
        y, _, _ = self.lstm.forward(numbers[:, :, None] / SCALE)
        return np.asarray(numbers + (y @ self.weights["head"] + self.weights["head_bias"])[:, :, 0] * SCALE, np.float32)

    def continued(self, numbers: Array, count: int) -> Array:
        """Return `numbers` [B, T] with `count` more of them, each predicted from all before it: [B, T + count]."""
        for _ in range(count):
            numbers = np.concatenate([numbers, self.predict(numbers)[:, -1:]], axis=1)
        return numbers

    def train(self, numbers: Array, rate: float) -> float:
        """Take one step on `numbers` [B, T]; the error of predicting numbers 3 to T, in units of the numbers."""
        x = numbers[:, :-1, None] / SCALE
        y, _, cache = self.lstm.forward(x, record=True)
        assert cache is not None, "a record was asked for"
        difference = (y @ self.weights["head"] + self.weights["head_bias"])[:, :, 0]
        error = difference - np.diff(numbers, axis=1) / SCALE
        error[:, 0] = 0.0  # nobody can know the step after a single number
        loss = float(np.mean(error[:, 1:] ** 2))

        d_difference = (2.0 * error / error[:, 1:].size)[:, :, None].astype(np.float32)
        _, _, grads = self.lstm.backward(cache, d_difference @ self.weights["head"].T)
        grads = dict(grads)
        grads["head"] = np.einsum("bth,bto->ho", y, d_difference)
        grads["head_bias"] = d_difference.sum(axis=(0, 1))
        self.adam(grads, rate)
        return SCALE * float(np.sqrt(loss))

    def adam(self, grads: dict[str, Array], rate: float) -> None:
        """Apply one update of Adam with its usual constants."""
        self.updates += 1
        for name, grad in grads.items():
            mean, square = self.moments[name]
            mean += 0.1 * (grad - mean)
            square += 0.001 * (grad * grad - square)
            unbiased = mean / (1 - 0.9**self.updates), square / (1 - 0.999**self.updates)
            self.weights[name] -= np.float32(rate) * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        self.lstm.load_state_dict({name: w for name, w in self.weights.items() if not name.startswith("head")})


def demo(steps: int, seed: int) -> float:
    """Train on counting sequences, print what was learned; return the mean error on sequences never seen."""
    rng = np.random.default_rng(seed)
    model = Continuer(seed)
    print("Training an LSTM of 32 units to continue sequences that count: 1 2 3 4 5 -> 6 7 8 9 10")
    begin = time.perf_counter()
    with tqdm(total=steps, unit="step") as bar:
        for step in range(steps):
            error = model.train(counting(rng, batch=64, length=12), rate=0.01 * (1 - step / steps))
            bar.update()
            if step % 50 == 0 or step == steps - 1:
                bar.set_postfix_str(f"error {error:.3f}", refresh=False)
    took = time.perf_counter() - begin

    print(f"\nAfter {took:.1f} s, from five numbers, fed with its own answers:")
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
