"""Python threads that use the library at once get what they would get alone; thread counts change no bit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import rustlstm as rl


@pytest.fixture(autouse=True)
def _thread_count() -> Iterator[None]:
    before = rl.get_num_threads()
    yield
    rl.set_num_threads(before)


def at_once(count: int, work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def run(index: int) -> None:
        try:
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def everything(lstm: rl.nn.LSTM, seed: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((5 + seed, 7, lstm.input_size)).astype(np.float32)
    y, (h, c), record = lstm.forward(x, lengths=rng.integers(0, 8, len(x)))
    dx, (dh, dc), grads = lstm.backward(record, np.ones(y.shape))
    return [part.tobytes() for part in (y, h, c, dx, dh, dc, *grads.values())]


def test_one_layer_in_several_threads() -> None:
    lstm = rl.nn.LSTM(12, 40, 2, bidirectional=True)
    expected = [everything(lstm, seed) for seed in range(4)]

    def work(index: int) -> None:
        for _ in range(10):
            assert everything(lstm, index) == expected[index]

    at_once(4, work)


def test_weights_that_change_meanwhile_are_old_or_new() -> None:
    lstm, x = rl.nn.LSTM(8, 32), np.ones((4, 6, 8), np.float32)
    states = [{name: np.full(p.shape, value) for name, p in lstm.named_parameters()} for value in (0.01, 0.02)]
    expected = set()
    for state in states:
        lstm.load_state_dict(state)
        expected.add(np.asarray(lstm(x)[0]).tobytes())
    assert len(expected) == 2
    for _ in range(200):
        lstm.load_state_dict(states[_ % 2])
        assert np.asarray(lstm(x)[0]).tobytes() in expected


def test_gradients_of_one_parameter_from_several_threads() -> None:
    # None may get lost between reading a sum and writing it.
    lstm, x = rl.nn.LSTM(8, 200), np.ones((1, 2, 8), np.float32)
    passes, threads = 100, 4

    def work(index: int) -> None:
        for _ in range(passes):
            y, _ = lstm(x)
            y.backward(np.ones(y.shape))

    work(0)
    once = {name: parameter.grad / passes for name, parameter in lstm.named_parameters()}
    lstm.zero_grad()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        at_once(threads, work)
    finally:
        sys.setswitchinterval(before)
    for name, parameter in lstm.named_parameters():
        np.testing.assert_allclose(parameter.grad, threads * passes * once[name], rtol=1e-4, err_msg=name)


class Watched(rl.nn.Parameter):
    """Calls a function of the user when its gradient has come."""

    after: Callable[[], None] | None = None

    @property
    def grad(self) -> np.ndarray | None:
        return rl.Tensor.grad.__get__(self)

    @grad.setter
    def grad(self, grad: np.ndarray | None) -> None:
        rl.Tensor.grad.__set__(self, grad)
        if grad is not None and self.after is not None:
            self.after()


@pytest.mark.once
def test_what_runs_while_gradients_are_added_may_go_backward() -> None:
    # In a process of its own: what hangs here would hold up all that comes later.
    code = """if True:
        import rustlstm as rl
        inner = rl.nn.Parameter([1.0])
        class Watched(rl.nn.Parameter):
            @property
            def grad(self):
                return rl.Tensor.grad.__get__(self)
            @grad.setter
            def grad(self, grad):
                rl.Tensor.grad.__set__(self, grad)
                if grad is not None:
                    (inner * 2.0).backward([1.0])
        outer = Watched([1.0])
        (outer * 3.0).backward([1.0])
        print(outer.grad.tolist(), inner.grad.tolist())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[3.0] [2.0]\n"


@pytest.mark.parametrize("by", ["optimizer", "module"])
def test_gradients_are_forgotten_before_or_after_they_are_added(by: str) -> None:
    parameters = [Watched([1.0]), rl.nn.Parameter([1.0])]
    model = rl.nn.Module()
    model.first, model.second = parameters
    thread = threading.Thread(target=(model if by == "module" else rl.optim.SGD(parameters, 0.1)).zero_grad)

    def meanwhile() -> None:
        thread.start()
        thread.join(0.2)

    parameters[0].after = meanwhile
    (parameters[0] * parameters[1]).backward([1.0])
    thread.join()
    assert [parameter.grad for parameter in parameters] == [None, None]


def test_threads_that_go_backward_through_one_trunk_lose_nothing_silently() -> None:
    x, barrier, taken = rl.Tensor([1.0], requires_grad=True), threading.Barrier(2), threading.Event()

    def first(grad: np.ndarray, _: np.ndarray) -> np.ndarray:
        barrier.wait(60)  # the checks of both passes are behind them
        return grad

    def second(grad: np.ndarray, _: np.ndarray) -> np.ndarray:
        barrier.wait(60)
        assert taken.wait(60)
        return grad

    trunk = x * 2.0
    heads = [rl.ops.custom(lambda value: value, head)(trunk) for head in (first, second)]

    def work(index: int) -> None:
        if index == 0:
            heads[0].backward([1.0])
            taken.set()
        else:
            with pytest.raises(RuntimeError, match="this pass was already taken backward"):
                heads[1].backward([1.0])

    at_once(2, work)
    assert x.grad is not None
    assert x.grad.tolist() == [2.0]


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"dropout": 0.2, "num_layers": 2}])
def test_thread_counts_change_no_bit(options: dict[str, object]) -> None:
    results = set()
    for threads in (1, 2, 3, 4, 8):
        rl.set_num_threads(threads)
        assert rl.get_num_threads() == threads
        lstm = rl.nn.LSTM(33, 65, **options, seed=1)
        results.add(tuple(everything(lstm, 12)))
    assert len(results) == 1


@pytest.mark.once
def test_environment_sets_the_count() -> None:
    code = "import rustlstm; print(rustlstm.get_num_threads(), rustlstm.build_info()['threads'])"
    for value in ("1", "3"):
        env = {**os.environ, "RUSTLSTM_NUM_THREADS": value}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.split() == [value, value]


def test_a_long_call_lets_other_threads_run() -> None:
    lstm = rl.nn.LSTM(256, 512)
    x = np.zeros((32, 100, 256), np.float32)
    ticks, stop = [0], threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks[0] += 1
            stop.wait(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    with rl.no_grad():
        lstm(x)
        before = ticks[0]
        for _ in range(3):
            lstm(x)
        after = ticks[0]
    stop.set()
    thread.join()
    assert after - before >= 3
