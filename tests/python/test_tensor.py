"""The tape: order, accumulation, leaves, no_grad, and tensors as values."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.tensor import Gradients, Tensor, attach, recording, wrap

pytestmark = pytest.mark.once


def times(a: Tensor, b: Tensor) -> Tensor:
    """Multiply, as an operation of a user would be written."""
    data = a.data * b.data
    if not recording(a, b):
        return wrap(data)

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [grad * b.data, grad * a.data]

    return attach([data], [a, b], backward)[0]


def halves(a: Tensor) -> list[Tensor]:
    """Split in two: an operation with two outputs."""
    middle = a.size // 2

    def backward(grads: Gradients) -> Gradients:
        parts = [np.zeros(middle, np.float32) if grad is None else grad for grad in grads]
        return [np.concatenate(parts)]

    return attach([a.data[:middle].copy(), a.data[middle:].copy()], [a], backward)


def leaf(*values: float) -> Tensor:
    return Tensor(list(values), requires_grad=True)


def test_a_chain_and_a_diamond() -> None:
    a, b = leaf(2.0), leaf(3.0)
    square = times(a, a)
    times(times(square, b), square).backward()  # a^4 b
    assert a.grad.tolist() == [4 * 8 * 3.0]
    assert b.grad.tolist() == [16.0]


def test_each_node_runs_once_and_after_all_its_users() -> None:
    a = leaf(1.5)
    grown = a
    for _ in range(40):  # 2^40 paths
        grown = times(grown, grown) if grown.item() < 1e3 else times(grown, leaf(1e-3))
        joined = times(grown, leaf(1.0))
    joined.backward()
    assert np.isfinite(a.grad).all()


def test_a_long_chain_needs_no_recursion() -> None:
    a = leaf(1.0)
    out = a
    for _ in range(20_000):
        out = times(out, leaf(1.0))
    out.backward()
    assert a.grad.tolist() == [1.0]


def test_gradients_add_up_and_are_forgotten_on_request() -> None:
    a = leaf(1.0, 2.0)
    for count in (1, 2, 3):
        times(a, Tensor([5.0, 7.0])).backward([1.0, 1.0])
        assert a.grad.tolist() == [5.0 * count, 7.0 * count]
    a.grad = None
    times(a, a).backward([1.0, 0.0])
    assert a.grad.tolist() == [2.0, 0.0]


def test_leaves_do_not_share_a_gradient() -> None:
    a, b = leaf(1.0), leaf(1.0)

    def same(grads: Gradients) -> Gradients:
        return [grads[0], grads[0]]

    attach([np.ones(1, np.float32)], [a, b], same)[0].backward()
    a.grad += 1
    assert b.grad.tolist() == [1.0]


def test_some_outputs_may_have_no_gradient() -> None:
    a = leaf(1.0, 2.0, 3.0, 4.0)
    _, second = halves(a)
    second.backward([1.0, 10.0])
    assert a.grad.tolist() == [0.0, 0.0, 1.0, 10.0]


def test_from_several_tensors_at_once() -> None:
    a = leaf(1.0, 2.0, 3.0, 4.0)
    first, second = halves(a)
    rl.backward([second, first, a], [[1.0, 2.0], [3.0, 4.0], [100.0] * 4])
    assert a.grad.tolist() == [103.0, 104.0, 101.0, 102.0]


def test_a_pass_goes_backward_once() -> None:
    a = leaf(1.0, 2.0)
    first, second = halves(a)
    first.backward()
    with pytest.raises(RuntimeError, match="already taken backward"):
        second.backward()


def test_what_backward_needs() -> None:
    with pytest.raises(ValueError, match=r"shape \[2\] needs its gradient: y.backward\(dy\)"):
        leaf(1.0, 2.0).backward()
    with pytest.raises(ValueError, match=r"^grad must have shape \[2\], got \[3\]"):
        leaf(1.0, 2.0).backward([1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match="requires a gradient"):
        Tensor([1.0]).backward()


def test_no_grad() -> None:
    a = leaf(2.0)
    with rl.no_grad():
        with rl.no_grad():
            pass
        assert not times(a, a).requires_grad

    @rl.no_grad()
    def inside() -> Tensor:
        return times(a, a)

    assert not inside().requires_grad
    with pytest.raises(KeyError), rl.no_grad():
        raise KeyError
    assert times(a, a).requires_grad
    seen = []
    with rl.no_grad():
        thread = threading.Thread(target=lambda: seen.append(times(a, a).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True], "no_grad is of the thread that entered it"


def test_a_tensor_is_a_value() -> None:
    source = np.array([1.0, 2.0], np.float32)
    t = Tensor(source)
    source[0] = 9
    assert t.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 3
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(t)[0] = 3
    own = t.numpy()
    own[0] = 3
    assert t.tolist() == [1.0, 2.0]
    assert np.shares_memory(np.asarray(t), t.data)
    assert not np.shares_memory(np.array(t), t.data)


def test_what_it_looks_like() -> None:
    t = Tensor([[1, 2, 3]], requires_grad=True)
    assert (t.shape, t.ndim, t.size, t.dtype, len(t)) == ((1, 3), 2, 3, np.float32, 1)
    assert repr(t) == "Tensor([[1., 2., 3.]], shape=(1, 3), requires_grad=True)"
    assert len(repr(Tensor(np.zeros((50, 50, 50))))) < 1000
    assert Tensor(2.5).item() == float(Tensor(2.5)) == 2.5
    assert np.asarray(t, np.float64).dtype == np.float64
    assert t.detach().requires_grad is False
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(t, np.float64, copy=False) if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else t.__array__(
            float, False
        )


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies(clone: object) -> None:
    for original in (leaf(1.0, 2.0), rl.nn.Parameter([1.0, 2.0])):
        twin = clone(original)
        assert type(twin) is type(original)
        assert twin.requires_grad
        assert twin.tolist() == [1.0, 2.0]
        assert not np.shares_memory(twin.data, original.data)


def test_parameters_change_through_assign_alone() -> None:
    p = rl.nn.Parameter([1.0, 2.0])
    version, shown = p.version, p.data
    with pytest.raises(ValueError, match="read-only"):
        p.data[0] = 5
    p.assign([3.0, 4.0])
    assert p.version > version
    assert shown.tolist() == [3.0, 4.0]
    before = p.version
    with pytest.raises(ValueError, match=r"^value must have shape \[2\], got \[3\]"):
        p.assign([1.0, 2.0, 3.0])
    assert (p.version, p.tolist()) == (before, [3.0, 4.0])
    assert len({rl.nn.Parameter([0.0]).version for _ in range(100)}) == 100


def test_a_backward_that_fails_adds_nothing() -> None:
    a, b = leaf(2.0), leaf(3.0)
    shared = times(a, b)
    used = times(shared, a)
    other = times(shared, b)
    used.backward([1.0])
    before = a.grad, b.grad
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        rl.backward([other, a], [[1.0], [1.0]])
    assert a.grad is before[0] and b.grad is before[1]


def test_no_grad_decorates_for_all_threads() -> None:
    both = threading.Barrier(2)
    after: list[bool] = []

    @rl.no_grad()
    def work(first: bool) -> None:
        if first:
            both.wait(10)
        both.wait(10)

    def run() -> None:
        with rl.no_grad():
            work(True)
            after.append(recording(leaf(1.0)))
        after.append(recording(leaf(1.0)))

    thread = threading.Thread(target=run)
    thread.start()
    both.wait(10)
    work(False)
    after.append(recording(leaf(1.0)))
    thread.join()
    assert sorted(after) == [False, True, True]


def test_one_no_grad_in_several_threads() -> None:
    one, turn, seen = rl.no_grad(), threading.Barrier(2), {}

    def outer() -> None:
        with rl.no_grad():
            with one:
                turn.wait(10)
                turn.wait(10)
            seen["inside another"] = recording(leaf(1.0))
        turn.wait(10)

    thread = threading.Thread(target=outer)
    thread.start()
    turn.wait(10)
    with one:
        turn.wait(10)
        turn.wait(10)
    thread.join()
    assert (seen, recording(leaf(1.0))) == ({"inside another": False}, True)


def test_a_parameter_is_not_replaced_by_an_array() -> None:
    lstm = rl.nn.LSTM(2, 3)
    with pytest.raises(AttributeError, match=r"assign\("):
        lstm.bias_l0.data = np.zeros(12, np.float32)
    with pytest.raises(TypeError, match=r"bias_l0 is a parameter.*got ndarray.*assign\("):
        lstm.bias_l0 = np.zeros(12, np.float32)
    lstm.bias_l0 = rl.nn.Parameter(np.zeros(12))
    assert not lstm.bias_l0.data.any()


def test_a_detached_parameter_keeps_its_values() -> None:
    p, x = rl.nn.Parameter([2.0]), rl.Tensor([3.0], requires_grad=True)
    y = x * p.detach()
    p.assign([100.0])
    y.backward([1.0])
    assert x.grad.tolist() == [2.0]


def test_an_input_that_changed_is_refused() -> None:
    lstm, x = rl.nn.LSTM(1, 2), rl.nn.Parameter(np.ones((1, 3, 1)))
    y, _ = lstm(x)
    x.assign(np.zeros((1, 3, 1)))
    with pytest.raises(RuntimeError, match="was changed after the forward pass"):
        y.backward(np.ones(y.shape))


def test_a_backward_that_fails_on_the_way_adds_nothing() -> None:
    def fail(grad: object, x: object) -> object:
        raise OSError("no")

    a, p = rl.Tensor([1.0], requires_grad=True), rl.nn.Linear(1, 1)
    failing = rl.ops.custom(lambda x: x, fail)
    y = failing(p(a)) + a
    with pytest.raises(OSError, match="no"):
        y.backward([1.0])
    assert a.grad is None and p.weight.grad is None and p.bias.grad is None


def test_a_custom_backward_cannot_write_into_what_it_is_given() -> None:
    def double(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
        grad *= 2
        return grad

    a, dy = rl.Tensor([1.0], requires_grad=True), np.ones(1, np.float32)
    with pytest.raises(ValueError, match="read-only"):
        rl.ops.custom(lambda x: x, double)(a).backward(dy)
    assert dy.tolist() == [1.0]


def test_lists_of_parts_may_change_before_backward() -> None:
    a = rl.Tensor(np.ones((2, 3)), requires_grad=True)
    for join in (rl.ops.stack, rl.ops.concat, lambda parts: rl.nn.Pool("mean")(parts)):
        parts = [a, a * 2]
        y = join(parts)
        parts.clear()
        y.backward(np.ones(y.shape))
    assert a.grad is not None


def test_what_backward_is_given() -> None:
    a = rl.Tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="takes a list of tensors; of a single one write tensor.backward"):
        rl.backward(a)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="grads must have one gradient for each of 1 tensors, got 2"):
        rl.backward([a], [[1.0], [1.0]])
    assert f"{a:.2f}" == "1.00"


def test_sums_of_gradients_may_be_infinite() -> None:
    a, b = leaf(1.0), leaf(1.0)
    with np.errstate(all="raise"):
        for _ in range(2):
            rl.backward([b * 1.0, a * 1.0], [[1.0], [3e38]])
        rl.backward([b, b], [[3e38], [3e38]])
    assert a.grad.tolist() == b.grad.tolist() == [np.inf]


def test_a_sum_that_fails_adds_nothing() -> None:
    a, b = leaf(1.0, 2.0), leaf(1.0, 2.0)
    a.grad, b.grad = np.ones(2, np.float32), np.ones(3, np.float32)
    y = times(a, b)
    with pytest.raises(ValueError, match="broadcast"):
        y.backward([1.0, 1.0])
    assert (a.grad.tolist(), b.grad.tolist()) == ([1.0, 1.0], [1.0, 1.0, 1.0])


def test_the_gradient_of_a_number_is_an_array() -> None:
    x = Tensor(2.0, requires_grad=True)
    kinds = []
    look = rl.ops.custom(lambda value: value, lambda grad, _: kinds.append(type(grad)) or grad)
    for _ in range(2):
        y = look(x)
        (y * 3.0 + y + x * 2.0).backward()
        kinds.append(type(x.grad))
    assert (x.grad.tolist(), set(kinds)) == (12.0, {np.ndarray})


def test_gradients_are_kept_apart() -> None:
    # Sums are made in place, where nobody else has the array.
    a, b, start = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(2, np.float32)
    for _ in range(2):
        rl.backward([a + b, a, b], [start] * 3)
        first = a.grad, b.grad
    before = [grad.tolist() for grad in first]
    rl.backward([a + b], [start])
    assert [grad.tolist() for grad in first] == before == [[4.0, 4.0]] * 2
    assert (a.grad.tolist(), b.grad.tolist(), start.tolist()) == ([5.0, 5.0], [5.0, 5.0], [1.0, 1.0])
