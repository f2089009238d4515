"""Streams with narrow weights beside those of float32: the time of a step, the bytes, and how far the outputs are off.

    python benches/narrow_weights.py [--threads 1,2] [--rounds N] [--hidden N] [--minutes M] [--record PATH]

A step is `stream.step(x, out)` from Python. The three precisions take turns, a few steps each, and the figure is the
best of all turns in `--rounds` rounds: what it can do when left alone. A character model, trained for `--minutes` on
tinyshakespeare (`RUSTLSTM_DATA` says where the data are), then reads 8 rows of the last tenth.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from versus import machine

import rustlstm as rl

PRECISIONS = ("f32", "f16", "int8")
SHAPES = ((8, 32), (64, 128), (256, 256), (256, 512), (512, 512))
BATCHES = (1, 8)
DATA = Path(os.environ.get("RUSTLSTM_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
SOURCE = "text/tinyshakespeare.txt"
# What a turn takes, about: short enough to find a moment between two time slices of others.
TURN = 1e-3
# Turns of a round.
TURNS = 60

Array = npt.NDArray[Any]


def times(inputs: int, hidden: int, batch: int) -> list[float]:
    """The best microseconds of a step by each precision in one round."""
    lstm = rl.nn.LSTM(inputs, hidden).eval()
    x = np.random.default_rng(0).standard_normal((batch, inputs)).astype(np.float32)
    out = np.zeros((batch, hidden), np.float32)
    steps = [lstm.stream(batch, weights=weights).step for weights in PRECISIONS]
    best = [np.inf] * len(steps)
    for _ in range(TURNS):
        for at, step in enumerate(steps):
            step(x, out)  # brings its own weights near again
            count = 3 if best[at] == np.inf else max(1, round(TURN / best[at]))
            begin = time.perf_counter()
            for _ in range(count):
                step(x, out)
            best[at] = min(best[at], (time.perf_counter() - begin) / count)
    return [1e6 * one for one in best]


def speed(threads: list[int], rounds: int) -> list[str]:
    """A table of times."""
    best: dict[tuple[int, int, int, int], list[float]] = {}
    for number in range(rounds):
        for inputs, hidden in SHAPES:
            for batch, count in itertools.product(BATCHES, threads):
                rl.set_num_threads(count)
                found, key = times(inputs, hidden, batch), (inputs, hidden, batch, count)
                best[key] = [min(pair) for pair in zip(found, best.get(key, found), strict=True)]
        print(f"round {number + 1}/{rounds}", file=sys.stderr)
    lines = ["| shape, B, threads | f32, µs | f16, µs | int8, µs | f16 | int8 |", "|---|---|---|---|---|---|"]
    for (inputs, hidden, batch, count), found in best.items():
        shown = " | ".join(f"{one:.1f}" for one in found)
        ratios = " | ".join(f"{found[0] / one:.2f}×" for one in found[1:])
        lines.append(f"| {inputs}→{hidden}, {batch}, {count} | {shown} | {ratios} |")
    return lines


def sizes() -> list[str]:
    """A table of bytes."""
    lines = ["| shape | f32 | f16 | int8 |", "|---|---|---|---|"]
    for inputs, hidden in SHAPES:
        lstm = rl.nn.LSTM(inputs, hidden)
        found = [lstm.stream(weights=weights).nbytes for weights in PRECISIONS]
        lines.append(f"| {inputs}→{hidden} | {' | '.join(f'{one:,}' for one in found)} |")
    return lines


def accuracy() -> list[str]:
    """A table of differences over 1000 steps of random input."""
    lines = [
        "| shape, weights | mean size of y | f16: largest | mean | int8: largest | mean |",
        "|---|---|---|---|---|---|",
    ]
    for hidden in (128, 512):
        for size in (1, 3):
            lstm = rl.nn.LSTM(64, hidden, seed=1).eval()
            for name, parameter in lstm.named_parameters():
                if name.startswith("weight"):
                    parameter.assign(size * parameter.data)
            x = np.random.default_rng(0).standard_normal((1000, 1, 64)).astype(np.float32)
            streams = [lstm.stream(weights=weights) for weights in PRECISIONS]
            y, *narrow = (np.array([stream.step(x_t) for x_t in x], np.float64) for stream in streams)
            off = [np.abs(one - y) for one in narrow]
            shown = " | ".join(f"{one.max():.1e} | {one.mean():.1e}" for one in off)
            drawn = "as drawn" if size == 1 else f"{size} times that"
            lines.append(f"| 64→{hidden}, {drawn} | {np.abs(y).mean():.2f} | {shown} |")
    return lines


def trained(hidden: int, minutes: float) -> list[str]:
    """A table of what a trained model makes of held-out text."""
    path = DATA / SOURCE
    if not path.exists():
        return [f"Left out: there is no {SOURCE} where `RUSTLSTM_DATA` says."]
    text = path.read_text(encoding="utf-8")
    cut = len(text) * 9 // 10
    end = time.monotonic() + 60 * minutes
    steps = 0

    class Time(rl.training.Callback):
        def on_step(self, trainer: rl.training.Trainer) -> None:
            nonlocal steps
            steps += 1
            if time.monotonic() > end:
                trainer.stop()

    options = {"hidden_size": hidden, "epochs": 1000, "validation": 0, "patience": None, "progress": False}
    model = rl.SequenceGenerator(**options).fit(text[:cut], callbacks=[Time()])
    network = model.network_.eval()
    ids = np.array([model.vocabulary_.index.get(one, 0) for one in text[cut:]])
    rows = ids[: len(ids) // 8 * 8].reshape(8, -1)[:, :2001]
    table, head = (np.asarray(part.weight.data) for part in (network.embedding, network.head))
    lines = [
        f"A model of {hidden} units after {steps} training steps reads 8 rows of {rows.shape[1] - 1} characters.",
        "",
        "| weights | nats a character | more than f32 | logits: largest difference | mean |",
        "|---|---|---|---|---|",
    ]
    first: tuple[float, Array] | None = None
    for weights in PRECISIONS:
        stream = network.lstm.stream(8, weights=weights)
        y = np.array([stream.step(table[now]) for now in rows[:, :-1].T], np.float64)
        logits = y @ head.T.astype(np.float64) + np.asarray(network.head.bias.data, np.float64)
        of_next = np.take_along_axis(logits, rows[:, 1:].T[..., None], -1)[..., 0]
        nats = float((np.logaddexp.reduce(logits, -1) - of_next).mean())
        first = first or (nats, logits)
        off = np.abs(logits - first[1])
        lines.append(f"| {weights} | {nats:.5f} | {nats - first[0]:+.5f} | {off.max():.2e} | {off.mean():.2e} |")
    return lines


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", default="1,2", help="numbers of threads (default 1,2)")
    parser.add_argument("--rounds", type=int, default=5, help="through all shapes (default 5)")
    parser.add_argument("--hidden", type=int, default=256, help="units of the character model (default 256)")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long it is trained (default 1)")
    parser.add_argument("--record", type=Path, help="where to write what is printed")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    threads = [int(one) for one in options.threads.split(",")]
    cpu, info = machine.describe(), rl.build_info()
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    parts = [
        ["# Streams with narrow weights"],
        [
            "| | |",
            "|---|---|",
            f"| command | `{' '.join(['python', 'benches/narrow_weights.py', *sys.argv[1:]])}` |",
            f"| date | {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M UTC} |",
            f"| machine | {cpu['cpu']}, {cpu['processors']} processors{load} |",
            f"| versions | rustlstm {info['version']} ({info['level']}), Python {platform.python_version()} |",
        ],
        ["## A step", "", *speed(threads, options.rounds)],
        ["## Bytes of the weights", "", *sizes()],
        ["## 1000 steps of random input", "", *accuracy()],
        ["## A trained model", "", *trained(options.hidden, options.minutes)],
    ]
    text = "\n\n".join("\n".join(part) for part in parts)
    print(text)
    if options.record is not None:
        options.record.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
