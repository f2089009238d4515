"""Series to forecast, and a forecaster that is quick to fit."""

from __future__ import annotations

from typing import Any

import numpy as np

import rustlstm as rl

RNG = np.random.default_rng(0)
STEPS = np.arange(240)
WAVE = 20 + 5 * np.sin(STEPS * 2 * np.pi / 12) + 0.2 * RNG.standard_normal(240)
SMALL: dict[str, Any] = {"hidden_size": 6, "window": 12, "epochs": 3, "learning_rate": 0.01}
STRATEGIES = ("joint", "direct", "recursive")
NORMALISATIONS = ("window", "standard", "none")


def small(**options: Any) -> rl.Forecaster:
    return rl.Forecaster(**{**SMALL, **options})


class Frame:
    """What pandas and polars have in common, as far as it is used."""

    def __init__(self, **columns: Any) -> None:
        self.columns = list(columns)
        self._held = np.stack(list(columns.values()), axis=1)

    def to_numpy(self) -> Any:
        return self._held


class Table:
    """A table of the readers."""

    def __init__(self, values: Any, columns: tuple[str, ...]) -> None:
        self.values, self.columns, self.times = values, columns, None
