"""Ctrl-C during one long call: it ends at once, raises, and leaves the layer as it was."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

import rustlstm as rl

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself Ctrl-C alone there")


def interrupted_after(seconds: float, call: Callable[[], object]) -> float:
    """Run a call that takes much longer, send Ctrl-C meanwhile, and return how long the answer took."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, send)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    answered = time.perf_counter() - sent[0]
    timer.join()
    return answered


def endless(threads: int, rows: int) -> tuple[rl.nn.LSTM, np.ndarray]:
    """A layer and a batch that it needs many seconds for."""
    rl.set_num_threads(threads)
    return rl.nn.LSTM(8, 1024, seed=0), np.full((rows, 40_000 // rows, 8), 0.5, np.float32)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 2, 64])
def test_forward_is_interrupted(threads: int, rows: int) -> None:
    lstm, x = endless(threads, rows)
    with rl.no_grad():
        answered = interrupted_after(0.2, lambda: lstm(x))
    print(f"forward answered Ctrl-C after {answered * 1000:.0f} ms")
    y, _ = lstm(np.ones((2, 3, 8)))  # the layer still works
    assert np.isfinite(np.asarray(y)).all()


@pytest.mark.parametrize(
    ("sizes", "options"),
    [([512], {"recompute": True}), ([16, 1024], {"layer_norm": True})],
    ids=["one part after another", "a worker who waits for another"],
)
def test_calls_in_parts_are_interrupted(sizes: list[int], options: dict[str, bool]) -> None:
    rl.set_num_threads(2)
    lstm = rl.nn.LSTM(8, sizes, seed=0, **options)
    answered = interrupted_after(0.2, lambda: lstm(np.full((1, 40_000, 8), 0.5)))
    print(f"{options} answered Ctrl-C after {answered * 1000:.0f} ms")
    y, _ = lstm(np.ones((2, 3, 8)))
    assert np.isfinite(np.asarray(y)).all()


@pytest.mark.parametrize("rows", [2, 64])
def test_backward_is_interrupted_and_gradients_are_untouched(rows: int) -> None:
    rl.set_num_threads(2)
    lstm = rl.nn.LSTM(8, 512, num_layers=2, seed=0)
    y, _ = lstm(np.ones((1, 1, 8)))
    y.backward(np.ones(y.shape))
    before = {name: parameter.grad.copy() for name, parameter in lstm.named_parameters()}
    y, _ = lstm(np.full((rows, 16_000 // rows, 8), 0.5))
    answered = interrupted_after(0.1, lambda: [y.backward(np.ones(y.shape)), time.sleep(60)])
    print(f"backward answered Ctrl-C after {answered * 1000:.0f} ms")
    for name, parameter in lstm.named_parameters():
        assert np.array_equal(parameter.grad, before[name]), name


def test_a_handler_of_ones_own_is_called_and_the_call_goes_on() -> None:
    rl.set_num_threads(2)
    lstm, x = rl.nn.LSTM(8, 256, num_layers=2, seed=0), np.full((16, 1000, 8), 0.5, np.float32)
    calm, _ = lstm(x)
    calls: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: calls.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        disturbed, _ = lstm(x)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert calls
    assert np.array_equal(np.asarray(calm), np.asarray(disturbed))


def test_calls_of_other_threads_go_on() -> None:
    rl.set_num_threads(1)
    results: list[np.ndarray] = []
    lstm = rl.nn.LSTM(8, 128, seed=0)
    x = np.full((8, 3000, 8), 0.5, np.float32)

    def work() -> None:
        with rl.no_grad():
            results.append(np.asarray(lstm(x)[0]))

    worker = threading.Thread(target=work)
    worker.start()
    timer = threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        time.sleep(30)
    worker.join()
    timer.join()
    assert len(results) == 1
    assert np.isfinite(results[0]).all()
