"""A panic in Rust arrives as an ordinary exception, and the library goes on working."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import _core

pytestmark = pytest.mark.once


@pytest.mark.parametrize("place", ["here", "detached", "worker"])
def test_a_panic_is_an_exception(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    x = np.ones((2, 3, 4))
    lstm = rl.nn.LSTM(4, 5)
    before = np.asarray(lstm(x)[0]).tobytes()
    for _ in range(3):
        with pytest.raises(rl.RustPanic, match="a panic for the tests") as caught:
            _core._panic_for_tests(place)
        assert isinstance(caught.value, RuntimeError)
        assert np.asarray(lstm(x)[0]).tobytes() == before
    capfd.readouterr()


def test_except_exception_catches_it() -> None:
    code = """
from rustlstm import _core
try:
    _core._panic_for_tests("worker")
except Exception as error:
    print(type(error).__module__, type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["rustlstm", "RustPanic"]
