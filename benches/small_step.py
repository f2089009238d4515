"""Where the time of a small training step goes: `python benches/small_step.py [--sizes 8,32,16,20]`.

The step of `versus/step.py` for a prediction, its parts one by one, of the quickest of many; with one unit, one row and
one time step, which have next to no arithmetic, that is what Python and the binding take. Below it what the layer's two
calls take by themselves, first with the tape, then without it: `lstm.forward` and the binding alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np

import rustlstm as rl

ROUNDS = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,1,1,1", help="inputs, units, rows, time steps")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    inputs, units, rows, steps = map(int, options.sizes.split(","))
    rl.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    x, target = (rng.standard_normal(shape).astype(np.float32) for shape in [(rows, steps, inputs), (rows, 1)])
    lstm, head = rl.nn.LSTM(inputs, units), rl.nn.Linear(units, 1)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = rl.optim.Adam(parameters)

    def step(mark: Callable[[], None]) -> None:
        optimizer.zero_grad()
        mark()
        y, _ = lstm(x)
        mark()
        last = y[:, -1]
        mark()
        forecast = head(last)
        mark()
        loss = rl.losses.mse(forecast, target)
        mark()
        loss.backward()
        mark()
        rl.optim.clip_grad_norm(parameters, 1.0)
        mark()
        optimizer.step()

    def with_tape(mark: Callable[[], None]) -> None:
        y, _ = lstm(x)
        mark()
        y.backward(dy)

    def binding(mark: Callable[[], None]) -> None:
        _, _, record = lstm.forward(x)
        mark()
        assert record is not None
        record.cache.backward(dy, None, None, False)

    dy = np.ones((rows, steps, units), np.float32)
    show("a step", step, ["zero", "layer", "slice", "linear", "loss", "backward", "clipping", "Adam"])
    show("the layer, with the tape", with_tape, ["forward", "backward"])
    show("the layer, without", binding, ["forward", "backward"])


def show(what: str, work: Callable[[Callable[[], None]], None], parts: list[str]) -> None:
    """Print the times of some work's parts, whose ends it marks."""
    rounds = []
    for _ in range(ROUNDS):
        marks = [perf_counter()]
        work(lambda marks=marks: marks.append(perf_counter()))  # type: ignore[misc]
        marks.append(perf_counter())
        rounds.append(np.diff(marks) * 1e6)
    best = min(rounds, key=np.sum)
    listed = ", ".join(f"{part} {time:.1f}" for part, time in zip(parts, best, strict=True))
    print(f"{what}: {best.sum():.1f} µs ({listed})")


if __name__ == "__main__":
    main()
