"""Exponential moving averages of weights, and how a model wears them."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.nn import Parameter
from rustlstm.optim import EMA


def test_update_moves_the_average() -> None:
    rng = np.random.default_rng(0)
    given = [Parameter(rng.standard_normal((3, 20))), Parameter(rng.standard_normal(7))]
    ema = EMA(given, decay=0.9)
    expected = [parameter.numpy().astype(np.float64) for parameter in given]
    for _ in range(20):
        for parameter, average in zip(given, expected, strict=True):
            parameter.assign(rng.standard_normal(parameter.shape))
            average += 0.1 * (parameter.numpy() - average)
        ema.update()
    with ema.applied():
        for parameter, average in zip(given, expected, strict=True):
            np.testing.assert_allclose(parameter, average, atol=1e-6)
    assert ema.updates == 20
    assert repr(ema) == "EMA(2 parameters, decay=0.9, updates=20)"


def test_a_model_wears_its_average_only_inside() -> None:
    lstm = rl.nn.LSTM(2, 3)
    x = np.ones((1, 4, 2))
    ema = EMA(lstm, decay=0.5)
    initial = np.asarray(lstm(x)[0])
    for parameter in lstm.parameters():
        parameter.assign(parameter.numpy() + 1)
    later = np.asarray(lstm(x)[0])
    with ema.applied():
        assert np.array_equal(lstm(x)[0], initial)
        with ema.applied():
            assert np.array_equal(lstm(x)[0], initial)
    assert np.array_equal(lstm(x)[0], later)
    with pytest.raises(KeyError), ema.applied():
        raise KeyError
    assert np.array_equal(lstm(x)[0], later)


def test_what_would_be_lost_is_refused() -> None:
    parameter = Parameter([1.0])
    ema = EMA([parameter], decay=0.5)
    with pytest.raises(RuntimeError, match=r"update\(\) inside applied\(\)"), ema.applied():
        ema.update()
    parameter.assign([2.0])
    with pytest.raises(RuntimeError, match="that change is lost"), ema.applied():
        parameter.assign([7.0])
    assert parameter.tolist() == [2.0]
    ema.update()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_fault_is_named_and_touches_nothing(bad: float) -> None:
    good, spoilt = Parameter([1.0]), Parameter([1.0, 2.0])
    ema = EMA([("good", good), ("spoilt", spoilt)], decay=0.5)
    good.assign([3.0])
    spoilt.assign([1.0, bad])
    with pytest.raises(rl.NonFiniteError, match=rf"spoilt is not finite: {bad} at \[1\]; the average was not updated"):
        ema.update()
    assert ema.updates == 0
    with ema.applied():
        assert (good.tolist(), spoilt.tolist()) == ([1.0], [1.0, 2.0])


def test_it_can_be_checked_before_the_step() -> None:
    ema = EMA([("weight", Parameter([1.0, 2.0]))])
    ema.check()
    with pytest.raises(RuntimeError, match="inside applied"), ema.applied():
        ema.check()
    ema._averages[0][1] = np.nan
    with pytest.raises(rl.NonFiniteError, match=r"the average of weight is not finite: nan at \[1\]"):
        ema.check()


def test_a_resumed_average_has_the_same_bits() -> None:
    parameter, other = Parameter(np.zeros(50)), Parameter(np.zeros(50))
    ema, resumed = EMA([parameter], decay=0.9), EMA([other], decay=0.1)
    for step in range(10):
        parameter.assign(np.random.default_rng(step).standard_normal(50))
        ema.update()
        if step == 4:
            state = ema.state_dict()
    resumed.load_state_dict(state)
    for step in range(5, 10):
        other.assign(np.random.default_rng(step).standard_normal(50))
        resumed.update()
    assert resumed.state_dict()["slots"][0]["average"].tobytes() == ema.state_dict()["slots"][0]["average"].tobytes()
    assert (resumed.decay, resumed.updates) == (0.9, 10)
    with pytest.raises(ValueError, match="the state is of 2 parameters, the average of 1"):
        resumed.load_state_dict(EMA([parameter, other]).state_dict())
    with pytest.raises(ValueError, match="the state has b in the place of a"):
        EMA([("a", parameter), ("b", other)]).load_state_dict(EMA([("b", parameter), ("a", other)]).state_dict())
    for state, sentence in (
        ({}, "the state has no 'slots'"),
        ({**ema.state_dict(), "updates": -1}, "updates must be at least 0, got -1"),
        ({**ema.state_dict(), "slots": [{"name": "parameters[0]"}]}, "the state has no 'average'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            ema.load_state_dict(state)


def test_copies_stay_together() -> None:
    lstm = rl.nn.LSTM(2, 3)
    twin, ema = copy.deepcopy((lstm, EMA(lstm, decay=0.5)))
    twin.bias_l0.assign(np.ones(12))
    ema.update()
    with ema.applied():
        assert not np.array_equal(twin.bias_l0, np.ones(12))
    assert np.array_equal(twin.bias_l0, np.ones(12))


def test_decay_is_checked() -> None:
    for decay in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
            EMA([Parameter([1.0])], decay=decay)
    with pytest.raises(ValueError, match="no parameters"):
        EMA([])


def test_averages_of_several_threads() -> None:
    # Large enough that the GIL is let go.
    given = [Parameter(np.zeros(100_000)) for _ in range(4)]
    averages = [EMA([parameter], decay=0.5) for parameter in given]

    def work(index: int) -> None:
        given[index].assign(np.full(100_000, index))
        for _ in range(20):
            averages[index].update()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, ema in enumerate(averages):
        with ema.applied():
            np.testing.assert_allclose(given[index], index, rtol=1e-5)
