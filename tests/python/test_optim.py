"""Optimizers from Python: what they take and refuse, that a fault touches nothing, and that a run can be resumed.

The rules themselves are held against their equations in tests/rust/optim.rs, and against torch in parity/.
"""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import optim
from rustlstm.nn import Parameter

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, 0.1),
    "sgd momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "sgd nesterov": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: optim.RMSprop(p),
    "rmsprop all": lambda p: optim.RMSprop(p, centered=True, momentum=0.5, weight_decay=0.01, decoupled=True),
    "adagrad": lambda p: optim.Adagrad(p, lr_decay=0.01, initial_accumulator_value=0.1),
    "adadelta": lambda p: optim.Adadelta(p),
    "adam": lambda p: optim.Adam(p),
    "adam amsgrad": lambda p: optim.Adam(p, amsgrad=True, weight_decay=0.01),
    "adamw": lambda p: optim.AdamW(p),
    "nadam": lambda p: optim.NAdam(p),
    "asgd": lambda p: optim.ASGD(p, t0=3),
}


@pytest.fixture(params=OPTIMIZERS)
def make(request: pytest.FixtureRequest) -> Callable[..., optim.Optimizer]:
    return OPTIMIZERS[request.param]


def parameters(seed: int = 0) -> list[Parameter]:
    rng = np.random.default_rng(seed)
    shapes = {"weight": (4, 5), "bias": (5,), "scale": ()}
    made = []
    for name, shape in shapes.items():
        parameter = Parameter(rng.standard_normal(shape))
        parameter.name = name
        made.append(parameter)
    return made


def fill(given: list[Parameter], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for parameter in given:
        parameter.grad = np.asarray(rng.standard_normal(parameter.shape), np.float32)


def train(optimizer: optim.Optimizer, given: list[Parameter], first: int, last: int) -> None:
    for step in range(first, last):
        fill(given, step)
        optimizer.step()
        optimizer.zero_grad()


def bits(given: Any) -> list[bytes]:
    return [parameter.numpy().tobytes() for parameter in given]


def all_bits(state: Any) -> Any:
    """A state dict with bytes in the place of arrays, for comparison."""
    if isinstance(state, dict):
        return {name: all_bits(value) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [all_bits(value) for value in state]
    return (state.shape, state.tobytes()) if isinstance(state, np.ndarray) else state


def through_json(state: Any) -> Any:
    """A state dict as a file would give it back: numbers as JSON, arrays beside."""
    arrays: list[np.ndarray] = []

    def flatten(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value.copy())
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            return {name: flatten(inner) for name, inner in value.items()}
        return [flatten(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    def restore(value: Any) -> Any:
        if isinstance(value, dict):
            return arrays[value["array"]] if "array" in value else {k: restore(inner) for k, inner in value.items()}
        return [restore(inner) for inner in value] if isinstance(value, list) else value

    return restore(json.loads(json.dumps(flatten(state), allow_nan=False)))


def test_a_step_moves_against_the_gradient(make: Callable[..., optim.Optimizer]) -> None:
    given = parameters()
    optimizer, before = make(given), [parameter.numpy() for parameter in given]
    fill(given, 0)
    versions = [parameter.version for parameter in given]
    optimizer.step()
    for parameter, old, version in zip(given, before, versions, strict=True):
        assert parameter.grad is not None
        # Weight decay may outweigh a gradient near zero.
        large = np.abs(parameter.grad) > 0.1
        assert (np.sign(old - parameter.numpy()) == np.sign(parameter.grad))[large].all()
        assert parameter.version != version, "the tape must be told"


def test_a_resumed_run_has_the_same_bits(make: Callable[..., optim.Optimizer]) -> None:
    straight, broken = parameters(), parameters()
    whole, first = make(straight), make(broken)
    train(whole, straight, 0, 20)
    train(first, broken, 0, 9)
    state = through_json(first.state_dict())
    resumed = parameters(seed=1)
    for parameter, old in zip(resumed, broken, strict=True):
        parameter.assign(old)
    second = make(resumed)
    second.load_state_dict(state)
    train(second, resumed, 9, 20)
    assert bits(resumed) == bits(straight)
    assert all_bits(second.state_dict()) == all_bits(whole.state_dict())


def test_state_dict_is_a_copy(make: Callable[..., optim.Optimizer]) -> None:
    given = parameters()
    optimizer = make(given)
    train(optimizer, given, 0, 3)
    state = optimizer.state_dict()
    before = all_bits(state)
    train(optimizer, given, 3, 5)
    assert all_bits(state) == before
    optimizer.load_state_dict(state)
    train(optimizer, given, 5, 7)
    assert all_bits(state) == before


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_copies_stay_together(make: Callable[..., optim.Optimizer], again: Callable[[Any], Any]) -> None:
    model = rl.nn.LSTM(3, 4)
    optimizer = make(model)
    train(optimizer, list(model.parameters()), 0, 3)
    twin, other = again((model, optimizer))
    before = bits(model.parameters())
    train(other, list(twin.parameters()), 3, 6)
    assert bits(model.parameters()) == before
    train(optimizer, list(model.parameters()), 3, 6)
    assert bits(twin.parameters()) == bits(model.parameters())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_fault_is_named_and_touches_nothing(make: Callable[..., optim.Optimizer], bad: float) -> None:
    given = parameters()
    optimizer = make(given)
    train(optimizer, given, 0, 2)
    fill(given, 2)
    before, state, versions = bits(given), all_bits(optimizer.state_dict()), [p.version for p in given]
    good = given[0].grad
    assert good is not None
    given[0].grad = good.copy()
    given[0].grad[1, 3] = bad
    with pytest.raises(rl.NonFiniteError, match=rf"the gradient of weight is not finite: {bad} at \[1, 3\]"):
        optimizer.step()
    assert (bits(given), all_bits(optimizer.state_dict()), [p.version for p in given]) == (before, state, versions)
    given[0].grad = good
    values = given[1].numpy()
    given[1].assign(np.where(np.arange(5) == 4, bad, values))
    with pytest.raises(rl.NonFiniteError, match=rf"bias is not finite: {bad} at \[4\]; the step was not taken"):
        optimizer.step()
    given[1].assign(values)
    assert (bits(given), all_bits(optimizer.state_dict())) == (before, state)
    names = list(state["slots"][2]["state"])
    if names:
        spoilt = optimizer.state_dict()
        spoilt["slots"][2]["state"][names[-1]][...] = bad
        optimizer.load_state_dict(spoilt)
        with pytest.raises(rl.NonFiniteError, match=rf"the state {names[-1]} of scale is not finite: {bad}"):
            optimizer.step()
        assert bits(given) == before


def test_a_step_beyond_float32_is_not_taken() -> None:
    given = parameters()
    optimizer = optim.SGD(given, lr=1e30)
    fill(given, 0)
    given[1].grad = np.full(5, 1e20, np.float32)
    before = bits(given)
    with pytest.raises(rl.NonFiniteError, match=r"the step of bias would go beyond float32 \(lr=1e\+30\)"):
        optimizer.step()
    assert bits(given) == before


def test_parameters_come_in_many_forms() -> None:
    model = rl.nn.LSTM(3, 4)
    pairs = list(model.named_parameters())
    for given in (model, model.parameters(), list(model.parameters()), pairs, iter(pairs), [{"params": model}]):
        optimizer = optim.SGD(given)
        assert [id(p) for p in optimizer.param_groups[0]["params"]] == [id(p) for _, p in pairs]
    # A module that can be gone through is a module all the same.
    assert len(optim.SGD(rl.nn.Sequential(model, rl.nn.Pool("last"))).param_groups[0]["params"]) == len(pairs)
    next(iter(model.parameters())).grad = np.full(pairs[0][1].shape, np.nan, np.float32)
    with pytest.raises(rl.NonFiniteError, match=f"gradient of {pairs[0][0]} "):
        optim.SGD(model).step()


def test_groups_have_options_of_their_own() -> None:
    given = parameters()
    optimizer = optim.SGD([{"params": given[:1], "lr": 0.5}, {"params": [("b", given[1])], "momentum": 0.9}], lr=0.1)
    optimizer.add_param_group({"params": given[2:], "lr": 0.0})
    before = [parameter.numpy() for parameter in given]
    for parameter in given:
        parameter.grad = np.ones(parameter.shape, np.float32)
    optimizer.step()
    optimizer.step()
    moved = [float(np.mean(old - parameter.numpy())) for old, parameter in zip(before, given, strict=True)]
    assert moved == pytest.approx([1.0, 0.1 + 0.19, 0.0], abs=1e-6)
    assert "lr=[0.5, 0.1, 0.0], momentum=[0.0, 0.9, 0.0]" in repr(optimizer)
    assert optimizer.lr == 0.5
    optimizer.lr = 0.25
    assert [group["lr"] for group in optimizer.param_groups] == [0.25] * 3


def test_frozen_parameters_and_those_without_gradient_stay() -> None:
    given = parameters()
    optimizer = optim.Adam(given, weight_decay=0.1)
    fill(given, 0)
    given[0].requires_grad = False
    given[1].grad = None
    before = bits(given)
    optimizer.step()
    assert [old == new for old, new in zip(before, bits(given), strict=True)] == [True, True, False]
    assert [slot["steps"] for slot in optimizer.state_dict()["slots"]] == [0, 0, 1]
    fill(given, 1)
    given[0].requires_grad = True
    optimizer.step()
    assert [slot["steps"] for slot in optimizer.state_dict()["slots"]] == [1, 1, 2]


def test_shared_parameters_count_once() -> None:
    shared, other = Parameter([1.0]), Parameter([1.0])
    optimizer = optim.SGD([shared, other, shared], lr=0.5)
    for parameter in (shared, other):
        parameter.grad = np.ones(1, np.float32)
    optimizer.step()
    assert (shared.tolist(), other.tolist()) == ([0.5], [0.5])


def test_gradients_add_up_until_they_are_forgotten() -> None:
    lstm = rl.nn.LSTM(2, 3)
    optimizer = optim.SGD(lstm, lr=0.1)
    x = np.ones((1, 4, 2))
    for count in (1, 2):
        y, _ = lstm(x)
        y.backward(np.ones(y.shape))
        if count == 1:
            once = lstm.bias_l0.grad.copy()
    np.testing.assert_allclose(lstm.bias_l0.grad, 2 * once, rtol=1e-6)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in lstm.parameters())
    optimizer.step()  # nothing to do


def test_options_may_change_on_the_way() -> None:
    given = parameters()
    optimizer = optim.SGD(given, lr=0.1)
    train(optimizer, given, 0, 2)
    optimizer.param_groups[0]["momentum"] = 0.9
    train(optimizer, given, 2, 4)
    assert list(optimizer.state_dict()["slots"][0]["state"]) == ["momentum_buffer"]
    adam = optim.Adam(given)
    train(adam, given, 0, 2)
    mean = adam.state_dict()["slots"][0]["state"]["exp_avg"]
    adam.param_groups[0].update(amsgrad=True, lr=0.0, betas=(1.0 - 1e-12, 0.999))
    train(adam, given, 2, 3)
    np.testing.assert_allclose(adam.state_dict()["slots"][0]["state"]["exp_avg"], mean, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("lr", -1.0, "lr must be at least 0, got -1.0"),
        ("lr", "x", "lr must be a number, got 'x'"),
        ("lr", float("nan"), "lr must be at least 0, got nan"),
        ("momentum", 0.0, "nesterov needs momentum above 0"),
        ("nesterov", "yes", "nesterov must be True or False, got 'yes'"),
        ("learning_rate", 0.1, "SGD has no option 'learning_rate'"),
    ],
)
def test_changed_options_are_checked(name: str, value: Any, sentence: str) -> None:
    given = parameters()
    optimizer = optim.SGD([{"params": given[:1]}, {"params": given[1:]}], lr=0.1, momentum=0.9, nesterov=True)
    train(optimizer, given, 0, 1)
    before = bits(given)
    optimizer.param_groups[1][name] = value
    for _ in range(2):
        fill(given, 1)
        with pytest.raises((TypeError, ValueError), match=sentence):
            optimizer.step()
        assert bits(given) == before


def test_the_gradient_may_be_any_array() -> None:
    expected, given = parameters()[0], parameters()[0]
    fill([expected], 0)
    grad = expected.grad
    assert grad is not None
    optim.SGD([expected], 0.1).step()
    for form in (grad.astype(np.float64), np.asfortranarray(grad), grad.astype(">f4"), grad.tolist()):
        given = parameters()[0]
        given.grad = form
        optim.SGD([given], 0.1).step()
        assert bits([given]) == bits([expected])


def wrong(make: Callable[[list[Parameter]], Any]) -> Callable[[], Any]:
    return lambda: make(parameters())


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (wrong(lambda p: optim.SGD(p, -0.1)), ValueError, "lr must be at least 0, got -0.1"),
        (wrong(lambda p: optim.SGD(p, float("nan"))), ValueError, "lr must be at least 0, got nan"),
        (wrong(lambda p: optim.SGD(p, "fast")), TypeError, "lr must be a number, got 'fast'"),
        (wrong(lambda p: optim.SGD(p, True)), TypeError, "lr must be a number, got True"),
        (wrong(lambda p: optim.SGD(p, 0.1, nesterov=True)), ValueError, "nesterov needs momentum above 0"),
        (wrong(lambda p: optim.SGD(p, 0.1, nesterov=1)), TypeError, "nesterov must be True or False, got 1"),
        (wrong(lambda p: optim.Adam(p, betas=(0.9, 1.0))), ValueError, "betas[1] must be in [0, 1), got 1.0"),
        (wrong(lambda p: optim.Adam(p, betas=(-0.1, 0.9))), ValueError, "betas[0] must be in [0, 1), got -0.1"),
        (wrong(lambda p: optim.Adam(p, betas=0.9)), TypeError, "betas must be two numbers, got 0.9"),
        (wrong(lambda p: optim.Adam(p, eps=-1e-8)), ValueError, "eps must be at least 0, got -1e-08"),
        (wrong(lambda p: optim.Adam(p, weight_decay=-1)), ValueError, "weight_decay must be at least 0, got -1"),
        (wrong(lambda p: optim.RMSprop(p, alpha=1.0)), ValueError, "alpha must be in [0, 1), got 1.0"),
        (wrong(lambda p: optim.ASGD(p, window=0)), ValueError, "window must be at least 1, got 0"),
        (lambda: optim.Adam([]), ValueError, "the optimizer was given no parameters"),
        (lambda: optim.Adam([{"params": []}]), ValueError, "the optimizer was given no parameters"),
        (wrong(lambda p: optim.Adam(p[0])), TypeError, "got a single one; write [parameter]"),
        (wrong(lambda p: optim.Adam({"params": p})), TypeError, "got dict"),
        (lambda: optim.Adam(3), TypeError, "got int"),
        (lambda: optim.Adam([np.zeros(3)]), TypeError, "parameters[0] must be a Parameter, got ndarray"),
        (lambda: optim.Adam([rl.Tensor([1.0], True)]), TypeError, "parameters[0] must be a Parameter, got Tensor"),
        (
            wrong(lambda p: optim.Adam([{"params": p}, p[0]])),
            TypeError,
            "parameters[1] must be a group like",
        ),
        (wrong(lambda p: optim.Adam([{"lr": 1.0}])), ValueError, "a parameter group needs 'params', got 'lr'"),
        (
            wrong(lambda p: optim.Adam([{"params": p, "rate": 1.0}])),
            ValueError,
            "Adam has no option 'rate'; it has",
        ),
        (
            wrong(lambda p: optim.Adam([{"params": p}, {"params": [("again", p[0])]}])),
            ValueError,
            "again is in two parameter groups (as weight in an earlier one)",
        ),
        (
            wrong(lambda p: optim.Adam(p).load_state_dict(optim.SGD(p).state_dict())),
            ValueError,
            "this is not the state of Adam but of 'SGD'",
        ),
        (
            wrong(lambda p: optim.Adam(p).load_state_dict(optim.Adam(p[:2]).state_dict())),
            ValueError,
            "the state is of 2 parameters, or of other groups; the optimizer has 3",
        ),
        (
            wrong(lambda p: optim.Adam(p).load_state_dict(optim.Adam(p[::-1]).state_dict())),
            ValueError,
            "the state has scale in the place of weight: it is of other parameters, or their order",
        ),
        (wrong(lambda p: optim.Adam(p).load_state_dict({})), ValueError, "the state has no 'optimizer'"),
        (wrong(lambda p: optim.Adam(p).load_state_dict([1])), ValueError, "the state has no 'optimizer'"),
        (
            wrong(lambda p: optim.Adam(p).load_state_dict({"optimizer": "Adam"})),
            ValueError,
            "the state has no 'groups'",
        ),
        (
            wrong(lambda p: optim.Adam(p).load_state_dict({**optim.Adam(p).state_dict(), "slots": [1]})),
            TypeError,
            "slots[0] of the state must be dict, got int",
        ),
    ],
)
def test_mistakes_are_sentences(call: Callable[[], Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert sentence in str(caught.value)


def test_a_gradient_of_another_shape_is_named() -> None:
    given = parameters()
    fill(given, 0)
    given[1].grad = np.zeros(4, np.float32)
    before = bits(given)
    with pytest.raises(ValueError, match=r"the gradient of bias must have shape \[5\], got \[4\]"):
        optim.SGD(given).step()
    given[1].grad = "steep"  # type: ignore[assignment]
    with pytest.raises(TypeError, match="the gradient of bias must be an array of real numbers"):
        optim.SGD(given).step()
    assert bits(given) == before


def test_parts_of_a_state_are_checked() -> None:
    optimizer = optim.Adam(parameters())
    for name, value, sentence in (
        ("steps", -1, "steps must be at least 0, got -1"),
        ("product", "x", "product must be a number, got 'x'"),
        ("state", None, "state of the state must be dict, got NoneType"),
        ("name", 3, "name of the state must be str, got int"),
    ):
        state = optimizer.state_dict()
        state["slots"][1][name] = value
        with pytest.raises((TypeError, ValueError), match=sentence):
            optimizer.load_state_dict(state)
        del state["slots"][1][name]
        with pytest.raises(ValueError, match=f"the state has no '{name}'"):
            optimizer.load_state_dict(state)


def test_a_state_is_known_by_names_as_far_as_there_are_any() -> None:
    model = rl.nn.Sequential(rl.nn.LSTM(2, 2))
    whole, layer = optim.Adam(model), optim.Adam(model.modules[0])  # type: ignore[attr-defined]
    bare = optim.Adam([rl.nn.Parameter(parameter) for parameter in model.parameters()])
    for one, other in ((whole, layer), (layer, whole), (bare, whole), (whole, bare)):
        one.load_state_dict(other.state_dict())


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    given = parameters()
    optimizer = optim.Adam(given)
    train(optimizer, given, 0, 2)
    before = all_bits(optimizer.state_dict())
    state = optimizer.state_dict()
    state["groups"][0]["lr"] = 0.5
    state["slots"][2]["state"]["exp_avg_sq"] = np.zeros(7, np.float32)
    with pytest.raises(ValueError, match=r"exp_avg_sq of scale must have shape \[\], got \[7\]"):
        optimizer.load_state_dict(state)
    assert all_bits(optimizer.state_dict()) == before


def test_backward_after_the_step_is_refused() -> None:
    lstm = rl.nn.LSTM(2, 3)
    optimizer = optim.SGD(lstm, 0.1)
    x = np.ones((1, 2, 2))
    for _ in range(2):
        y, _ = lstm(x)
    y.backward(np.ones(y.shape))
    y, _ = lstm(x)
    optimizer.step()
    with pytest.raises(RuntimeError, match="was changed after the forward pass"):
        y.backward(np.ones(y.shape))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("change", ["step", "assign", "average"])
def test_an_interrupt_or_another_thread_leaves_no_old_weights(
    change: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer packs its weights once for each version: just before they are written, or when that was interrupted."""
    lstm = rl.nn.LSTM(3, 4)
    x, ema, optimizer = np.ones((1, 2, 3), np.float32), optim.EMA(lstm), optim.SGD(lstm, 0.1)
    for parameter in lstm.parameters():
        parameter.assign(parameter.numpy() + 1)
        parameter.grad = np.ones(parameter.shape, np.float32)
    with rl.no_grad():
        before = lstm(x)[0].numpy()

    def disturbed(write: Callable[[], Any]) -> Any:
        if moment == "before":
            lstm(x)
        done = write()
        if moment == "after":
            raise KeyboardInterrupt
        return done

    class Buffer(np.ndarray):
        def __setitem__(self, key: Any, value: Any) -> None:
            disturbed(lambda: super(Buffer, self).__setitem__(key, value))

    if change == "step":
        real = optim._optimizer.optimizer_step
        monkeypatch.setattr(optim._optimizer, "optimizer_step", lambda *given: disturbed(lambda: real(*given)))
    else:
        lstm.weight_ih_l0._buffer = lstm.weight_ih_l0._buffer.view(Buffer)
    with contextlib.suppress(KeyboardInterrupt), rl.no_grad():
        if change == "step":
            optimizer.step()
        elif change == "assign":
            lstm.weight_ih_l0.assign(np.zeros(lstm.weight_ih_l0.shape))
        else:
            optim._average._write([lstm.weight_ih_l0], ema._averages[:1])
    fresh = rl.nn.LSTM(3, 4)
    fresh.load_state_dict(lstm.state_dict())
    with rl.no_grad():
        assert np.array_equal(lstm(x)[0], fresh(x)[0])
        assert not np.array_equal(lstm(x)[0], before)


def test_asgd_starts_averaging_when_the_loss_no_longer_falls() -> None:
    given = [Parameter([0.0, 4.0])]
    optimizer = optim.ASGD(given, lr=0.5, lambd=0.0, window=2)
    losses = [5.0, 4.0, 3.0, 3.5, 3.4, 3.2]  # 3.2 is above 3.0, the best of more than two checks ago
    seen = []
    for loss in losses:
        given[0].grad = np.ones(2, np.float32)
        optimizer.step()
        seen.append(optimizer.observe(loss))
    assert seen == [False] * 5 + [True]
    assert optimizer.averaging
    path = []
    for _ in range(5):
        given[0].grad = np.ones(2, np.float32)
        optimizer.step()
        path.append(given[0].numpy())
    own = bits(given)
    with optimizer.averaged():
        # As torch does, the average begins one step late.
        np.testing.assert_allclose(given[0], np.mean(path[1:], axis=0), rtol=1e-6)
    assert bits(given) == own
    twin = optim.ASGD(given, window=2)
    twin.load_state_dict(through_json(optimizer.state_dict()))
    assert twin.observe(3.3)
    assert all_bits(twin.state_dict())["losses"] == [*losses, 3.3]


def test_optimizers_learn() -> None:
    # A bowl that is ten times steeper one way than the other.
    for name, make in OPTIMIZERS.items():
        given = [Parameter([2.0, -1.0])]
        optimizer = make(given)
        steep = np.array([1.0, 10.0], np.float32)
        for group in optimizer.param_groups:
            group["lr"] = {"adadelta": 10.0, "adagrad": 0.5}.get(name, 0.01)
            group["weight_decay"] = 0.0
        for _ in range(2000):
            given[0].grad = steep * given[0].data
            optimizer.step()
        assert np.abs(given[0].data).max() < 0.3, name
