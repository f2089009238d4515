"""Processes that are measured: a worker that answers task after task, and one that does a single thing and ends."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from versus import machine
from versus.shapes import Shape

BENCHES = Path(__file__).resolve().parents[1]
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

    def measure(self, shape: Shape, mode: str, folder: Path, seconds: float) -> dict[str, Any]:
        """One task."""
        assert self.process.stdin is not None
        task = {"shape": asdict(shape), "mode": mode, "folder": str(folder), "seconds": seconds}
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


def alone(script: str, arguments: list[str], threads: int) -> dict[str, Any]:
    """What a script prints as its last line, run in a process of its own."""
    made = subprocess.run(
        [sys.executable, script, *arguments],
        env=machine.environment(BENCHES, threads),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return found
