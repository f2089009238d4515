"""One module per library. Each has

- `MODES`: what it can do,
- `version()`: what was measured,
- `prepare(shape, arrays, mode, threads)`: a `Job`, everything set up in the library's own favourite layout.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Protocol

from versus.work import Arrays

OURS = "rustlstm"
# The name in tables and options -> the module here.
MODULES = {OURS: "ours", "torch": "torch_", "onnxruntime": "onnxruntime_", "openvino": "openvino_", "jax": "jax_"}


class Job(Protocol):
    """One shape, ready to be run any number of times."""

    def run(self) -> None:
        """One call, from arrays to finished results."""

    def results(self) -> Arrays:
        """What the last call gave, in rustlstm's words and shapes."""

    # Where a library knows several ways, also `way: str`: the one that was quickest and is measured.


def load(name: str) -> ModuleType:
    """The module of a contestant; ImportError where the library is not installed."""
    return importlib.import_module(f"versus.contestants.{MODULES[name]}")
