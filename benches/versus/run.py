"""rustlstm side by side with other libraries on the project's shapes; prints a table, writes a record.

    python benches/versus/run.py [--rounds N] [--shapes A,B] [--rivals A,B] [--seconds S] [--record STEM]

Every round starts each contestant in a process of its own and gives each shape to all of them in turn, so that drift
of the machine's speed hits all alike; the figure is the best of the rounds. A contestant whose results differ from
the reference stops the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from versus import chart, machine, ragged, records, report, sample, single, step, work  # noqa: E402  (found through the line above)
from versus.contestants import MODULES, OURS  # noqa: E402
from versus.processes import SETTLE_SECONDS, Worker  # noqa: E402
from versus.shapes import MODES, RAGGED, SAMPLING, SHAPES, SINGLE, STEP, Shape  # noqa: E402


def arguments() -> argparse.Namespace:
    """The command line."""

    def names(allowed: list[str]) -> Any:
        def parse(value: str) -> list[str]:
            chosen = [name for name in value.split(",") if name]
            if unknown := [name for name in chosen if name not in allowed]:
                raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(allowed)}")
            return chosen

        return parse

    rivals = [name for name in MODULES if name != OURS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often to go through everything (default 3)")
    parser.add_argument("--shapes", type=names(list(SHAPES)), default=list(SHAPES), help="comma-separated; default all")
    parser.add_argument(
        "--rivals", type=names(rivals), default=rivals, help=f"comma-separated; default {','.join(rivals)}"
    )
    parser.add_argument("--modes", type=names(list(MODES)), default=list(MODES), help="comma-separated; default all")
    parser.add_argument("--seconds", type=float, default=0.5, help="time per task and round (default 0.5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every contestant (default 2)")
    parser.add_argument("--record", type=Path, metavar="STEM", help="write STEM.json, STEM.md and STEM.svg")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    record = records.opened(
        __file__,
        options.threads,
        rounds=options.rounds,
        seconds=options.seconds,
        shapes=options.shapes,
        modes=options.modes,
    )
    with tempfile.TemporaryDirectory(prefix="versus-") as name:
        folder = Path(name)
        what, meter = machine.peak_meter(folder, options.threads)
        for shape in options.shapes:
            arrays, expected = numbers(SHAPES[shape])
            work.save(folder / shape / "inputs", arrays)
            work.save(folder / shape / "expected", expected)
        peaks: list[tuple[float, float]] = []
        for number in range(options.rounds):
            peaks += one_round(number, options, folder, meter, record)
    record = records.with_peak(record, what, peaks)
    records.write(options.record, record, report.text(record), chart.chart(record))


def numbers(shape: Shape) -> tuple[work.Arrays, work.Arrays]:
    """What every contestant is given, and what must come out."""
    if shape.has(SAMPLING):
        arrays = sample.draw(shape)
        return arrays, {"logits": sample.logits(shape, arrays, arrays["tokens"])}
    if shape.has(RAGGED):
        arrays = ragged.draw(shape)
        return arrays, ragged.reference(shape, arrays)
    arrays = single.draw(shape) if shape.has(SINGLE) else work.draw(shape)
    expected = work.reference(shape, arrays)
    if shape.has(STEP):
        expected["losses"] = step.losses(shape, arrays)
    return arrays, expected


def one_round(
    number: int, options: argparse.Namespace, folder: Path, meter: Any, record: records.Record
) -> list[tuple[float, float]]:
    """Every contestant on every shape once; results go into the record, the peaks between them are returned."""
    workers: list[Worker] = []
    for name in [OURS, *options.rivals]:
        if name in record["absent"]:
            continue
        worker = Worker(name, options.threads)
        if "absent" in worker.greeting:
            record["absent"][name] = worker.greeting["absent"]
            print(f"{name} is left out: {worker.greeting['absent']}", file=sys.stderr)
            worker.close()
        else:
            record["versions"][name] = worker.greeting["version"]
            workers.append(worker)
    if not workers:
        raise RuntimeError("no contestant is installed")
    peaks = []
    for place, shape in enumerate(options.shapes):
        for mode in filter(SHAPES[shape].has, options.modes):
            peaks.append(meter())
            # Another one begins each time, so that nobody always runs on the machine that someone else has warmed.
            first = (number + place) % len(workers)
            for worker in workers[first:] + workers[:first]:
                if mode not in worker.greeting["modes"]:
                    continue
                time.sleep(SETTLE_SECONDS)
                answer = worker.measure(SHAPES[shape], mode, folder / shape, options.seconds)
                record["results"].append(
                    {"round": number, "shape": shape, "mode": mode, "contestant": worker.name, **answer}
                )
            print(f"round {number + 1}/{options.rounds}: {shape}, {mode}", file=sys.stderr)
    for worker in workers:
        worker.close()
    return peaks


if __name__ == "__main__":
    main()
