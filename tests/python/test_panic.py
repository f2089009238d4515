"""A panic in Rust arrives as an ordinary exception, and the library goes on working."""

from __future__ import annotations

import os
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


@pytest.mark.skipif(os.name == "nt", reason="no limit of a process's memory there")
def test_too_little_memory_is_an_exception_too() -> None:
    code = """
import resource
import numpy as np
import rustlstm as rl
lstm, x = rl.nn.LSTM(1, 1024), np.zeros((64, 1000, 1), np.float32)
before = np.asarray(lstm(x[:, :2])[0]).tobytes()
# There is room for the output, but not for what backward needs.
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 600 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    lstm(x)
except MemoryError as error:
    print(error)
assert np.asarray(lstm(x[:, :2])[0]).tobytes() == before
"""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("the memory of a process is not told there")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no room for ")
    assert not done.stderr
