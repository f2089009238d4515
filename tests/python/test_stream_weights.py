"""Streams with narrow weights: how far they are from those of float32, and that all else is as it was."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from stream_cases import OPTIONS, layer, parts

NARROW = ["f16", "int8"]
narrow = pytest.mark.parametrize("weights", NARROW)

# The largest and the mean difference of y from float32 over 1000 steps: with first weights, and with weights three
# times as large, which is what training makes of them. Both are about three times what was measured.
BOUNDS = {
    ("f16", 1.0): (8e-4, 8e-5),
    ("f16", 3.0): (5e-3, 4e-4),
    ("int8", 1.0): (1.5e-2, 1.5e-3),
    ("int8", 3.0): (1.2e-1, 6e-3),
}


def differing(lstm: Any, weights: str, steps: int, batch: int = 1) -> np.ndarray[Any, Any]:
    """Return how far the outputs of a narrow stream are from those of float32."""
    streams = lstm.stream(batch), lstm.stream(batch, weights=weights)
    x = np.random.default_rng(0).standard_normal((steps, batch, lstm.input_size)).astype(np.float32)
    off = [np.abs(streams[0].step(x_t).astype(np.float64) - streams[1].step(x_t)) for x_t in x]
    return np.array(off)


@pytest.mark.parametrize("hidden", [96, 256])
@pytest.mark.parametrize(("weights", "size"), BOUNDS)
def test_a_thousand_steps_stay_close(weights: str, size: float, hidden: int) -> None:
    lstm = rl.nn.LSTM(64, hidden, seed=1).eval()
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight"):
            parameter.assign(size * parameter.data)
    off = differing(lstm, weights, 1000)
    most, mean = BOUNDS[weights, size]
    assert 0 < off.max() <= most, off.max()
    assert off.mean() <= mean, off.mean()
    # Nothing builds up.
    assert off[900:].mean() <= 2 * off[:100].mean() + mean


@narrow
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_comes_close(name: str, weights: str) -> None:
    lstm = layer(OPTIONS[name], hidden=30)
    off = differing(lstm, weights, 6, batch=3)
    assert 0 < off.max() <= {"f16": 4e-3, "int8": 6e-2}[weights], off.max()


@narrow
@pytest.mark.parametrize("name", OPTIONS)
def test_a_row_is_what_it_is_alone(name: str, weights: str) -> None:
    lstm = layer(OPTIONS[name], hidden=40)
    x = np.random.default_rng(1).standard_normal((4, 8, 5)).astype(np.float32)
    together = lstm.stream(8, weights=weights)
    alone = [lstm.stream(weights=weights) for _ in range(8)]
    for x_t in x:
        y = together.step(x_t)
        for row in range(8):
            assert alone[row].step(x_t[row]).tobytes() == y[row].tobytes(), row


@narrow
def test_state_fork_and_reset(weights: str) -> None:
    for name in ("plain", "layers differ", "learned start"):
        x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
        stream = layer(OPTIONS[name]).stream(4, weights=weights)
        begin = parts(stream.state)
        first = stream.step(x[0])
        twin, saved = stream.fork(), stream.state
        assert twin.weights == weights
        second = stream.step(x[1])
        assert twin.step(x[1]).tobytes() == second.tobytes()
        stream.state = saved
        assert stream.step(x[1]).tobytes() == second.tobytes()
        stream.reset([True, False, True, False])
        got = stream.step(x[0])
        assert got[[0, 2]].tobytes() == first[[0, 2]].tobytes()
        assert got[[1, 3]].tobytes() != first[[1, 3]].tobytes()
        stream.reset()
        assert parts(stream.state) == begin


@narrow
def test_the_layer_is_as_it_was_and_need_not_be_kept(weights: str) -> None:
    lstm = layer({"num_layers": 2})
    x = np.random.default_rng(2).standard_normal((1, 4, 5)).astype(np.float32)
    with rl.no_grad():
        before = np.asarray(lstm(x)[0]).tobytes()
        stream = lstm.stream(weights=weights)
        stream.step(x[:, 0])
        assert np.asarray(lstm(x)[0]).tobytes() == before
    second = stream.fork().step(x[:, 1])
    lstm.weight_hh_l0.assign(np.zeros(lstm.weight_hh_l0.shape))
    assert stream.fork().step(x[:, 1]).tobytes() == second.tobytes(), "frozen"
    other = lstm.stream(weights=weights)
    other.state = stream.state
    assert other.step(x[:, 1]).tobytes() != second.tobytes(), "and new ones are seen"
    del lstm
    gc.collect()
    assert stream.step(x[:, 1]).tobytes() == second.tobytes()


def test_bytes() -> None:
    lstm = rl.nn.LSTM(128, 256, proj_size=64, layer_norm=True, cell=rl.nn.Cell(peephole=True))
    matrices, columns = 4 * 256 * (128 + 64) + 64 * 256, 4 * 256 + 4 * 256 + 64
    rest = 4 * (4 * 256 + 3 * 256 + 2 * 4 * 256)
    sizes = {weights: lstm.stream(weights=weights).nbytes for weights in ("f32", *NARROW)}
    assert sizes["f32"] >= 4 * matrices + rest
    assert sizes["f16"] == 2 * matrices + rest
    assert sizes["int8"] == matrices + 4 * columns + rest


@narrow
def test_what_is_not_finite_stays_in_its_row(weights: str) -> None:
    stream = layer({"num_layers": 2}).stream(3, weights=weights)
    x = np.ones((3, 5), np.float32)
    clean = stream.fork().step(x)
    x[1, 2] = np.nan
    y = stream.step(x)
    assert np.isnan(y[1]).all()
    assert y[[0, 2]].tobytes() == clean[[0, 2]].tobytes()


def test_options_and_errors() -> None:
    lstm = layer({})
    assert lstm.stream(2).weights == lstm.stream(2, weights="f32").weights == "f32"
    assert repr(lstm.stream(2, weights="int8")) == "Stream(batch_size=2, input_size=5, output_size=9, weights='int8')"
    with pytest.raises(ValueError, match=r'^weights must be "f32", "f16" or "int8", got "f8"'):
        lstm.stream(weights="f8")
    with pytest.raises(ValueError, match="^batch_size must be at most 8 with weights of int8, got 9"):
        lstm.stream(9, weights="int8")
    with pytest.raises(ValueError, match="bidirectional"):
        layer({"bidirectional": True}).stream(weights="f16")
    values = np.array(lstm.weight_hh_l0.data)
    values[3, 2] = -65520.0
    lstm.weight_hh_l0.assign(values)
    with pytest.raises(ValueError, match="^weight_hh_l0 must be within ±65504 for weights of f16, got -65520"):
        lstm.stream(weights="f16")
    assert np.isfinite(lstm.stream(weights="int8").step(np.ones(5))).all()
