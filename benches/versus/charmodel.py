"""The same character model trained by rustlstm and by torch: the losses of every step side by side, and the time.

    python benches/versus/charmodel.py [--steps N] [--rounds N] [--threads N] [--dropout P] [--record PATH]

An embedding of 64, an LSTM of 256 and a linear layer over the characters of tinyshakespeare; 32 rows, 64 steps at a
time, the state carried on; Adam, its rate falling from 3e-3 to 0 along a cosine; gradients cut to a norm of 1. Both
begin with the same weights and are given the same text, its first nine tenths; rustlstm through its own `Streams` and
`Trainer`, torch through a plain loop over the rows. Without dropout the run fails where a loss of any step, or the
validation's on the last tenth, is off by more than `BOUND`. With dropout each library draws masks of its own.

Each contestant trains in a process of its own, new in every round, and the two take turns.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from versus import machine, processes, records, work  # noqa: E402  (found through the line above)
from versus.shapes import Shape  # noqa: E402
from versus.work import Array, Arrays  # noqa: E402

DATA = Path(os.environ.get("RUSTLSTM_DATA") or BENCHES.parents[1] / "shared" / "data")
SOURCE = "text/tinyshakespeare.txt"
EMBEDDING, HIDDEN, BATCH, STEPS = 64, 256, 32, 64
LEARNING_RATE, CLIP_NORM = 3e-3, 1.0
# Of a loss, relative.
BOUND = 0.01
# Steps that are trained but not timed: buffers are made, pages are touched.
WARM_UP = 10


def ours(arrays: Arrays, steps: int, dropout: float, threads: int) -> dict[str, Any]:
    """rustlstm: batches, state, schedule and clipping as its trainer does them."""
    import rustlstm as rl

    rl.set_num_threads(threads)
    shape = shape_of(arrays)
    model = rl.nn.LanguageModel(shape.head, EMBEDDING, HIDDEN, dropout=dropout, seed=0)
    state = {f"lstm.{name}": arrays[name] for name in shape.parameters()}
    state |= {f"head.{name}": arrays[f"head_{name}"] for name in ("weight", "bias")}
    model.load_state_dict(state | {"embedding.weight": arrays["embedding"]})
    optimizer = rl.optim.Adam(model, LEARNING_RATE)
    losses: list[float] = []
    times = [time.perf_counter()]

    def loss(model: Any, batch: Any, state: Any) -> Any:
        logits, state = model(batch.x, state, lengths=batch.lengths)
        return rl.losses.cross_entropy(logits, batch.y), state

    class Steps(rl.training.Callback):
        def on_step(self, trainer: rl.training.Trainer) -> None:
            times.append(time.perf_counter())
            losses.append(trainer.running()["loss"])
            if len(losses) == steps:
                trainer.stop()

    schedule = rl.optim.schedules.Cosine(optimizer, steps)
    trainer = rl.training.Trainer(model, loss, optimizer, schedule=schedule, clip_norm=CLIP_NORM)
    train, validation = (
        rl.datasets.Streams(arrays[name], steps=STEPS, batch_size=BATCH) for name in ("train", "validation")
    )
    trainer.fit(train, callbacks=[Steps()], progress=False)
    # The trainer tells the mean since the epoch began; all these batches weigh the same.
    means = np.array(losses) * np.arange(1, steps + 1)
    info = rl.build_info()
    return {
        "version": f"{info['version']} ({info['level']})",
        "losses": np.diff(means, prepend=0.0).tolist(),
        "validation": trainer.evaluate(validation)["loss"],
        "times": np.diff(times).tolist(),
    }


def theirs(arrays: Arrays, steps: int, dropout: float, threads: int) -> dict[str, Any]:
    """torch: a plain loop, time-major. Of the LSTM's two biases one is zero and stays so, as ours has one."""
    import torch

    from versus.contestants.torch_ import named

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    shape = shape_of(arrays)
    embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(arrays["embedding"]), freeze=False)
    lstm = torch.nn.LSTM(EMBEDDING, HIDDEN)
    lstm.load_state_dict(named(shape, arrays))
    lstm.bias_hh_l0.requires_grad_(False)
    head = torch.nn.Linear(HIDDEN, shape.head)
    head.load_state_dict({name: torch.from_numpy(arrays[f"head_{name}"]) for name in ("weight", "bias")})
    drop = torch.nn.Dropout(dropout)
    model = torch.nn.ModuleList([embedding, lstm, head, drop])
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def rows(text: Array) -> torch.Tensor:
        length = (len(text) - 1) // BATCH
        cut = np.stack([text[row * length : (row + 1) * length + 1] for row in range(BATCH)])
        return torch.from_numpy(cut.T.copy())

    def run(text: torch.Tensor, begin: int, state: Any) -> tuple[torch.Tensor, Any]:
        x, y = text[begin : begin + STEPS + 1][:-1], text[begin : begin + STEPS + 1][1:]
        out, state = lstm(embedding(x), state)
        loss = torch.nn.functional.cross_entropy(head(drop(out)).flatten(0, 1), y.flatten())
        return loss, tuple(part.detach() for part in state)

    text, state, losses, times = rows(arrays["train"]), None, [], [time.perf_counter()]
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss, state = run(text, step * STEPS, state)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        times.append(time.perf_counter())
    model.eval()
    text, state, sums, targets = rows(arrays["validation"]), None, 0.0, len(rows(arrays["validation"])) - 1
    with torch.inference_mode():
        for begin in range(0, targets, STEPS):
            loss, state = run(text, begin, state)
            sums += loss.item() * min(STEPS, targets - begin)
    return {
        "version": torch.__version__,
        "losses": losses,
        "validation": sums / targets,
        "times": np.diff(times).tolist(),
    }


CONTESTANTS: dict[str, Callable[..., dict[str, Any]]] = {"rustlstm": ours, "torch": theirs}


def shape_of(arrays: Arrays) -> Shape:
    """The model as a shape."""
    return Shape("charmodel", EMBEDDING, HIDDEN, BATCH, STEPS, head=len(arrays["head_bias"]))


def numbers(path: Path) -> Arrays:
    """First weights, and the text as numbers: nine tenths to train on, the last tenth to judge by."""
    text = path.read_text(encoding="utf-8")
    characters = sorted(set(text))
    ids = np.array([{character: at for at, character in enumerate(characters)}[one] for one in text], np.int64)
    shape = Shape("charmodel", EMBEDDING, HIDDEN, BATCH, STEPS, head=len(characters))
    drawn = work.draw(shape)
    arrays = {name: drawn[name] for name in [*shape.parameters(), *shape.head_parameters()]}
    rng = np.random.default_rng(1)
    arrays["embedding"] = rng.standard_normal((shape.head, EMBEDDING)).astype(np.float32)
    cut = round(len(ids) * 0.9)
    return arrays | {"train": ids[:cut], "validation": ids[cut:]}


def trained(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One contestant's run, in a process of its own."""
    arguments = ["--contestant", name, "--folder", str(folder), "--steps", str(options.steps)]
    arguments += ["--dropout", str(options.dropout), "--threads", str(options.threads)]
    found = processes.alone(__file__, arguments, options.threads)
    found["ms"] = 1e3 * statistics.median(found.pop("times")[WARM_UP:])
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=300, help="of training (default 300)")
    parser.add_argument("--rounds", type=int, default=3, help="how often both train (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of either (default 2)")
    parser.add_argument("--dropout", type=float, default=0.0, help="before the linear layer (default 0)")
    parser.add_argument("--record", type=Path, help="where to write what is printed")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps <= WARM_UP:
        parser.error(f"--steps must be more than {WARM_UP}, got {options.steps}")
    return options


def main() -> int:
    options = arguments()
    if options.contestant:
        machine.keep_to_processors(options.threads)
        arrays = work.load(options.folder)
        found = CONTESTANTS[options.contestant](arrays, options.steps, options.dropout, options.threads)
        print(json.dumps(found))
        return 0
    path = DATA / SOURCE
    if not path.exists():
        print(f"left out: there is no {path}; RUSTLSTM_DATA says where the data are", file=sys.stderr)
        return 1
    arrays = numbers(path)
    most = (len(arrays["train"]) - 1) // BATCH // STEPS
    if options.steps > most:
        print(f"--steps must be at most {most}, one epoch, got {options.steps}", file=sys.stderr)
        return 1
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory(prefix="charmodel-") as name:
        folder = Path(name)
        _, meter = machine.peak_meter(folder, options.threads)
        work.save(folder / "numbers", arrays)
        peaks = []
        for number in range(options.rounds):
            names = list(CONTESTANTS)
            for contestant in names[:: -1 if number % 2 else 1]:
                peaks.append(meter())
                runs[contestant].append(trained(contestant, folder / "numbers", options))
                print(f"round {number + 1}/{options.rounds}: {contestant}", file=sys.stderr)
    text, good = written(runs, peaks, options)
    print(text)
    if options.record is not None:
        options.record.write_text(text + "\n")
    return 0 if good else 1


def written(
    runs: dict[str, list[dict[str, Any]]], peaks: list[tuple[float, float]], options: argparse.Namespace
) -> tuple[str, bool]:
    """The record as Markdown, and whether the two agree."""
    own, other = (np.array([run["losses"] for run in runs[name]]) for name in CONTESTANTS)
    validation = {name: [run["validation"] for run in found] for name, found in runs.items()}
    times = {name: [run["ms"] for run in found] for name, found in runs.items()}
    off = np.abs(own / other - 1).max(axis=0)
    off_validation = max(abs(a / b - 1) for a, b in zip(*validation.values(), strict=True))
    best = {name: min(values) for name, values in times.items()}
    parts = [left / right for right, left in zip(*times.values(), strict=True)]
    described = machine.describe()
    mean, most = float(np.mean([mean for _, mean in peaks])), max(best for best, _ in peaks)
    share = mean / most
    quiet = "" if share >= records.UNDISTURBED else f", **disturbed**: others left {share:.0%} of its peak on average"
    versions = ", ".join(f"{name} {found[0]['version']}" for name, found in runs.items())
    marks = sorted({1, *range(50, options.steps, 50), options.steps})
    lines = [
        f"# A character model beside torch{f', dropout {options.dropout:g}' if options.dropout else ''}",
        "",
        f"Embedding {EMBEDDING}, LSTM {HIDDEN}, linear layer; {BATCH} rows of tinyshakespeare's first nine tenths, "
        f"{STEPS} steps at a time with the state carried on;",
        f"Adam, {LEARNING_RATE:g} falling to 0 along a cosine; gradients cut to a norm of {CLIP_NORM:g}. "
        + ("Equal first weights and batches; masks differ." if options.dropout else "Equal first weights and batches."),
        "",
        "| | |",
        "|---|---|",
        f"| command | `{' '.join(['python', 'benches/versus/charmodel.py', *sys.argv[1:]])}` |",
        f"| date | {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M UTC} |",
        f"| machine | {described['cpu']}, {described['processors']} processors, {options.threads} threads{quiet} |",
        f"| versions | {versions}, Python {platform.python_version()} |",
        "",
        "| step | rustlstm, nats | torch, nats | off by |",
        "|---|---|---|---|",
        *(f"| {at} | {own[0, at - 1]:.4f} | {other[0, at - 1]:.4f} | {off[at - 1]:.1e} |" for at in marks),
        "| validation | " + " | ".join(f"{v[0]:.4f}" for v in validation.values()) + f" | {off_validation:.1e} |",
        "",
        f"Of {options.steps} steps the furthest apart is number {off.argmax() + 1}, off by {off.max():.1e}.",
        "",
        f"A step takes rustlstm {best['rustlstm']:.1f} ms and torch {best['torch']:.1f} ms, the best median of "
        f"{options.rounds} rounds: {best['torch'] / best['rustlstm']:.2f} times as fast.",
        f"Rounds, ms: rustlstm {_listed(times['rustlstm'], 1)}; torch {_listed(times['torch'], 1)}; "
        f"ratios {_listed(parts, 2)}.",
    ]
    good = bool(options.dropout) or (off.max() <= BOUND and off_validation <= BOUND)
    if not good:
        lines += ["", f"**They differ** by more than {BOUND:.0%}."]
    return "\n".join(lines), good


def _listed(values: list[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
