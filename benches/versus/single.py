"""Single steps from Python: batch 1, the state carried on, every output at hand before the next input is given.

A call goes through all steps of the shape; the next call goes on from its state. What is compared with float64 are
the outputs of every step and the last state, from a state of zeros. The inputs stand ready in the form that each
library likes best. A rival that knows several ways brings them all, and the quickest of them is what is measured.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from versus import work
from versus.shapes import Shape
from versus.work import Arrays

TRIALS = 20


class Steps(ABC):
    """One way to go: its name, the inputs, and what takes one of them and returns the output."""

    way: str
    xs: list[Any]
    step: Callable[[Any], Any]

    @abstractmethod
    def begin(self) -> None:
        """Back to a state of zeros. Whatever the whole process has to be set to is set here."""

    @abstractmethod
    def state(self) -> tuple[Any, Any]:
        """The state (h, c) behind the last step."""

    def run(self) -> None:
        """One call."""
        step = self.step
        for x in self.xs:
            step(x)

    def results(self) -> Arrays:
        """The outputs of all steps and the last state."""
        self.begin()
        y = np.stack([np.array(self.step(x)).reshape(-1) for x in self.xs])
        h, c = (np.array(part).reshape(1, 1, -1) for part in self.state())
        return {"y": y[None], "h": h, "c": c}


def draw(shape: Shape) -> Arrays:
    """Inputs and parameters."""
    return {name: value for name, value in work.draw(shape).items() if name != "dy"}


def quickest(ways: Sequence[Steps]) -> Steps:
    """The way with the quickest call, ready to go."""
    times = []
    for steps in ways:
        steps.begin()
        steps.run()
        best = float("inf")
        for _ in range(TRIALS):
            start = time.perf_counter()
            steps.run()
            best = min(best, time.perf_counter() - start)
        times.append(best)
    chosen = ways[times.index(min(times))]
    chosen.begin()
    return chosen
