"""Forked children of a process that has used the library: 200 of them, and none may hang.

Everything runs in processes of its own, with a clock that kills what stands still.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
]

COMMON = """
import os, sys, threading, warnings
import numpy as np, rustlstm as rl
# The warning is that of forking with threads; this is what the test is about.
warnings.simplefilter("ignore", DeprecationWarning)
rl.set_num_threads(4)
# Large enough that every way of sharing the work is taken: rows, units, directions.
lstm = rl.nn.LSTM(96, 160, 2, bidirectional=True)
tiny = rl.nn.LSTM(3, 4)
x = np.random.default_rng(0).standard_normal((12, 8, 96)).astype(np.float32)

def work(_=None):
    y, _, record = lstm.forward(x)
    dx, _, grads = lstm.backward(record, np.ones(y.shape, np.float32))
    one, _ = tiny(np.ones((1, 2, 3)))
    one.backward(np.ones(one.shape))
    step = rl.nn.LSTM(96, 160).stream(8).step(x[:8, 0])
    return hash(tuple(np.asarray(part).tobytes() for part in (y, dx, one, step, *grads.values())))

def child(inner=None):
    # 0 if the result is right.
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            good = work() == expected and (inner is None or inner() == 0)
            code = 0 if good else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

expected = work()
"""

CASES = {
    "80 children in turn": "assert [child() for _ in range(80)] == [0] * 80; print(80)",
    "30 children with children": "assert [child(lambda: child(child)) for _ in range(10)] == [0] * 10; print(30)",
    "50 in pools": """
        import multiprocessing
        fork = multiprocessing.get_context("fork")
        for workers in (2, 3):
            with fork.Pool(workers, maxtasksperchild=4) as pool:
                assert pool.map(work, range(25), chunksize=1) == [expected] * 25
        print(50)
    """,
    "10 processes": """
        import multiprocessing
        fork = multiprocessing.get_context("fork")
        for _ in range(10):
            process = fork.Process(target=work)
            process.start()
            process.join()
            assert process.exitcode == 0
        print(10)
    """,
    "30 forks while other threads work": """
        stop = threading.Event()
        def busy():
            own = lstm.stream(4) if not lstm.bidirectional else rl.nn.LSTM(96, 512).stream(32)
            steps = np.zeros((own.batch_size, 96), np.float32)
            while not stop.is_set():
                work()
                own.step(steps)
        threads = [threading.Thread(target=busy, daemon=True) for _ in range(2)]
        [thread.start() for thread in threads]
        codes = [child() for _ in range(30)]
        stop.set()
        [thread.join() for thread in threads]
        assert codes == [0] * 30, codes
        print(30)
    """,
    "the parent goes on": """
        for _ in range(5):
            assert child() == 0
            assert work() == expected
        rl.set_num_threads(2)
        assert child() == 0
        assert work() == expected
        print(6)
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_fork(name: str) -> None:
    code = COMMON + textwrap.dedent(CASES[name])
    # A hash of bytes is salted per process; the children of one process share the salt.
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        out, err = process.communicate()
        pytest.fail(f"{name}: hangs\n{out}{err}")
    assert process.returncode == 0, f"{name}: {err}"
    assert int(out) == int(name.split()[0]) if name[0].isdigit() else int(out) == 6
