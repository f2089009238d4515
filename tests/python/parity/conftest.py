"""The line at the end of a parity run that says how many configurations ran and how far off the
worst was, or what was left out and why.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from .compare import is_gradient

# Marker -> the packages that its tests need.
NEEDED = {"torch": ("torch",), "onnxruntime": ("onnx", "onnxruntime")}
FILES = {"test_torch.py": "torch", "test_torch_losses.py": "torch", "test_onnx.py": "onnxruntime"}
# Marker -> one dictionary of differences per configuration that ran.
_measured: dict[str, list[dict[str, float]]] = {marker: [] for marker in NEEDED}


def missing(marker: str) -> list[str]:
    """The packages a marker's tests need that are not installed."""
    return [package for package in NEEDED[marker] if importlib.util.find_spec(package) is None]


# A module that imports what is not there is not collected at all; the summary says so.
collect_ignore = [file for file, marker in FILES.items() if missing(marker)]


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[dict[str, float]], None]:
    """A function that notes one configuration's differences for the summary."""
    marker = next(mark.name for mark in request.node.iter_markers() if mark.name in _measured)
    return _measured[marker].append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for marker, results in _measured.items():
        if lacking := missing(marker):
            reason = f"not installed: {', '.join(lacking)} (`make parity` brings it)"
            terminalreporter.write_line(f"parity with {marker}: SKIPPED, {reason}")
        elif results:
            pairs = [pair for result in results for pair in result.items()]
            forward = max((value for name, value in pairs if not is_gradient(name)), default=0.0)
            gradient = max((value for name, value in pairs if is_gradient(name)), default=None)
            line = f"parity with {marker}: {len(results)} configurations, forward within {forward:.1e}"
            terminalreporter.write_line(line if gradient is None else f"{line}, gradients within {gradient:.1e}")
