"""A round: every contestant in a process of its own on every task in turn; the results go into a record.

A task goes to all contestants one after the other, another one first each time, so that drift of the machine's speed
hits all alike. The peak is measured before every task.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from versus import work
from versus.processes import SETTLE_SECONDS, Worker
from versus.records import Record
from versus.shapes import Shape

Meter = Callable[[], tuple[float, float]]


@dataclass(frozen=True)
class Task:
    """A shape in a mode, on the numbers kept under a name; the record calls it by that name."""

    name: str
    shape: Shape
    mode: str


def keep(folder: Path, name: str, arrays: work.Arrays, expected: work.Arrays) -> None:
    """Writes the numbers of tasks: what contestants are given, and what must come out."""
    work.save(folder / name / "inputs", arrays)
    work.save(folder / name / "expected", expected)


def go(
    number: int,
    record: Record,
    tasks: Sequence[Task],
    contestants: Sequence[str],
    folder: Path,
    meter: Meter,
    threads: int,
) -> list[tuple[float, float]]:
    """One round; returns the peaks between the tasks."""
    workers, peaks = _workers(record, contestants, threads), []
    for place, task in enumerate(tasks):
        peaks.append(meter())
        # Another one begins each time, so that nobody always runs on the machine that someone else has warmed.
        first = (number + place) % len(workers)
        for worker in workers[first:] + workers[:first]:
            if task.mode not in worker.greeting["modes"]:
                continue
            time.sleep(SETTLE_SECONDS)
            answer = worker.measure(task.shape, task.mode, folder / task.name, record["seconds"])
            where = {"round": number, "threads": threads, "shape": task.name, "mode": task.mode}
            record["results"].append({**where, "contestant": worker.name, **answer})
        print(f"round {number + 1}/{record['rounds']}: {task.name}, {task.mode}", file=sys.stderr)
    for worker in workers:
        worker.close()
    return peaks


def _workers(record: Record, contestants: Sequence[str], threads: int) -> list[Worker]:
    """A process for each contestant that is installed; the record learns of versions and of who is absent."""
    workers = []
    for name in contestants:
        if name in record["absent"]:
            continue
        worker = Worker(name, threads)
        if "absent" in worker.greeting:
            record["absent"][name] = worker.greeting["absent"]
            print(f"{name} is left out: {worker.greeting['absent']}", file=sys.stderr)
            worker.close()
        else:
            record["versions"][name] = worker.greeting["version"]
            workers.append(worker)
    if not workers:
        raise RuntimeError("no contestant is installed")
    return workers
