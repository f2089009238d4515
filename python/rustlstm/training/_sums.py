"""Averages over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._options import count, not_negative, number
from .._saved import part


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
        for name, entry in part(state, "values", Mapping).items():
            if not isinstance(entry, list) or len(entry) != 2:
                raise ValueError(f"the sums of the state must be pairs, got {entry!r} of {name}")
            sums.values[name] = [float(number(name, value)) for value in entry]
        sums.sequences = count("sequences", part(state, "sequences"), 0)
        sums.seconds = not_negative("seconds", part(state, "seconds"))
        return sums
