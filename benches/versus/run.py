"""rustlstm side by side with other libraries on the project's shapes; prints a table, writes a record.

    python benches/versus/run.py [--rounds N] [--shapes A,B] [--rivals A,B] [--seconds S] [--json PATH]

Every round starts each contestant in a process of its own and gives each shape to all of them in turn, so that drift
of the machine's speed hits all alike; the figure is the best of the rounds. A contestant whose results differ from
the reference stops the run.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from versus import machine, report, sample, step, work  # noqa: E402  (found through the line above)
from versus.contestants import MODULES, OURS  # noqa: E402
from versus.shapes import MODES, SAMPLING, SHAPES, STEP, Shape  # noqa: E402

# After a task the other libraries' threads may still be spinning; they sleep well within this.
SETTLE_SECONDS = 0.1


class Worker:
    """A contestant's process."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        processors = ",".join(map(str, machine.choose_processors(threads)))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "versus.worker", name, str(threads), processors],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=machine.environment(BENCHES, threads),
        )
        self.greeting = self._answer()

    def measure(self, shape: str, mode: str, folder: Path, seconds: float) -> dict[str, Any]:
        """One task."""
        assert self.process.stdin is not None
        task = {"shape": shape, "mode": mode, "folder": str(folder), "seconds": seconds}
        print(json.dumps(task), file=self.process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        """Lets the process end and waits for it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} gave no answer; what it printed above says why")
        answer: dict[str, Any] = json.loads(line)
        return answer


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
    parser.add_argument("--json", type=Path, help="where to write the record")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    record: dict[str, Any] = {
        "machine": machine.describe(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python", "benches/versus/run.py", *sys.argv[1:]]),
        "python": platform.python_version(),
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "shapes": options.shapes,
        "modes": options.modes,
        "versions": {},
        "absent": {},
        "results": [],
    }
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
    bests, means = zip(*peaks, strict=True)
    record["peak"] = {"what": what, "best": max(bests), "mean": sum(means) / len(means), "least": min(means)}
    print(report.text(record))
    if options.json is not None:
        options.json.write_text(json.dumps(record, indent=1) + "\n")


def numbers(shape: Shape) -> tuple[work.Arrays, work.Arrays]:
    """What every contestant is given, and what must come out."""
    if shape.has(SAMPLING):
        arrays = sample.draw(shape)
        return arrays, {"logits": sample.logits(shape, arrays, arrays["tokens"])}
    arrays = work.draw(shape)
    expected = work.reference(shape, arrays)
    if shape.has(STEP):
        expected["losses"] = step.losses(shape, arrays)
    return arrays, expected


def one_round(
    number: int, options: argparse.Namespace, folder: Path, meter: Any, record: dict[str, Any]
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
                answer = worker.measure(shape, mode, folder / shape, options.seconds)
                record["results"].append(
                    {"round": number, "shape": shape, "mode": mode, "contestant": worker.name, **answer}
                )
            print(f"round {number + 1}/{options.rounds}: {shape}, {mode}", file=sys.stderr)
    for worker in workers:
        worker.close()
    return peaks


if __name__ == "__main__":
    main()
