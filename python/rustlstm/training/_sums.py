"""Averages over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Sums:
    """Sums of named numbers, each counted with the weight of its batch."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}  # sum, weight
        self.sequences = 0
        self.seconds = 0.0

    def add(self, weight: float, values: Mapping[str, float]) -> None:
        """Add the numbers of a batch."""
        for name, value in values.items():
            entry = self.values.get(name)
            if entry is None:
                entry = self.values[name] = [0.0, 0.0]
            entry[0] += value * weight
            entry[1] += weight

    def means(self) -> dict[str, float]:
        """Return the mean of each name."""
        return {name: total / weight if weight else float("nan") for name, (total, weight) in self.values.items()}

    @property
    def speed(self) -> float:
        """Sequences per second."""
        return self.sequences / self.seconds if self.seconds else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return all numbers."""
        values = {name: list(entry) for name, entry in self.values.items()}
        return {"values": values, "sequences": self.sequences, "seconds": self.seconds}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Sums:
        """Return the sums of a state."""
        sums = cls()
        sums.values = {name: list(entry) for name, entry in state["values"].items()}
        sums.sequences, sums.seconds = state["sequences"], state["seconds"]
        return sums
