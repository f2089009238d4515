"""Single steps: the bits of the whole sequence, and state, fork and reset."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

import rustlstm as rl
from stream_cases import OPTIONS, layer, parts


@pytest.mark.parametrize("batch", [1, 2, 5, 17])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_stream_has_the_bits_of_the_sequence(name: str, batch: int) -> None:
    lstm = layer(OPTIONS[name])
    x = np.random.default_rng(batch).standard_normal((batch, 6, 5)).astype(np.float32)
    with rl.no_grad():
        y, state = lstm(x)
    stream = lstm.stream(batch)
    for t in range(6):
        assert stream.step(x[:, t]).tobytes() == np.asarray(y)[:, t].tobytes(), t
    assert parts(stream.state) == parts(state)


def test_state_fork_and_reset() -> None:
    for name in ("plain", "layers differ", "learned start", "learned start, layers differ"):
        lstm = layer(OPTIONS[name])
        x = np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32)
        stream = lstm.stream(3)
        begin = parts(stream.state)
        first = stream.step(x[0])
        twin, saved = stream.fork(), stream.state
        second = stream.step(x[1])
        assert twin.step(x[1]).tobytes() == second.tobytes(), "a fork goes on from the same state"
        stream.step(x[2])
        assert parts(twin.state) != parts(stream.state), "and independently"
        stream.state = saved
        assert stream.step(x[1]).tobytes() == second.tobytes()
        stream.reset([True, False, True])
        got = stream.step(x[0])
        assert got[[0, 2]].tobytes() == first[[0, 2]].tobytes()
        assert got[1].tobytes() != first[1].tobytes()
        stream.reset()
        assert parts(stream.state) == begin
        assert stream.step(x[0]).tobytes() == first.tobytes()
        twin.reset()
        assert parts(twin.state) == begin


def test_weights_are_frozen() -> None:
    lstm = layer({})
    x = np.ones((1, 5), np.float32)
    stream = lstm.stream()
    expected = lstm.stream().step(x)
    lstm.weight_ih_l0.assign(np.zeros(lstm.weight_ih_l0.shape))
    assert stream.step(x).tobytes() == expected.tobytes()
    assert lstm.stream().step(x).tobytes() != expected.tobytes()


def test_one_row_may_be_a_vector() -> None:
    stream = layer({}).stream()
    x = np.arange(5, dtype=np.float32)
    y = stream.fork().step(x)
    assert y.shape == (9,)
    assert y.tobytes() == stream.step(x[None])[0].tobytes()
    assert stream.batch_size == 1
    assert repr(stream) == "Stream(batch_size=1, input_size=5, output_size=9)"


def test_errors() -> None:
    stream = layer({}).stream(2)
    with pytest.raises(ValueError, match=r"^x must have shape \[B=2, C=5\], got \[5\]"):
        stream.step(np.zeros(5))
    with pytest.raises(ValueError, match=r"^mask must have shape \[B=2\], got \[3\]"):
        stream.reset([True] * 3)
    with pytest.raises(TypeError, match=r"^mask must be an array of booleans"):
        stream.reset([1, 0])
    with pytest.raises(ValueError, match=r"^c of state must have shape \[L\*D=1, B=2, H=9\], got \[1, 2, 8\]"):
        stream.state = np.zeros((1, 2, 9)), np.zeros((1, 2, 8))
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        layer({}).stream(0)
    with pytest.raises(ValueError, match="bidirectional"):
        layer({"bidirectional": True}).stream()


def test_two_threads_in_one_stream_are_told_so() -> None:
    stream = rl.nn.LSTM(400, 700).stream(4)  # long enough to release the GIL
    x = np.zeros((4, 400), np.float32)
    outcomes: list[str] = []

    def outcome() -> str:
        try:
            stream.step(x)
        except RuntimeError as error:
            return str(error)
        return ""

    def steps() -> None:
        outcomes.extend(outcome() for _ in range(30))

    threads = [threading.Thread(target=steps) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert set(outcomes) <= {"", "this stream is in use by another thread; give each thread a fork() of its own"}
    assert stream.step(x).shape == (4, 700)


@pytest.mark.once
def test_a_step_costs_little_above_the_arithmetic() -> None:
    # The smallest layer there is: what is measured is the way in and out. The bound is loose, for busy machines.
    stream = rl.nn.LSTM(1, 1).stream()
    x, out = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)
    step = stream.step
    best = sys.maxsize
    for _ in range(50):
        begin = time.perf_counter_ns()
        for _ in range(100):
            step(x, out)
        best = min(best, (time.perf_counter_ns() - begin) // 100)
    print(f"a step of an LSTM(1, 1) from Python: {best} ns")
    assert best < 10_000
