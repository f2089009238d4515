"""One row's NaN stays in that row: forward, backward and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl

B, T, C = 9, 6, 5
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"hidden_size": 7},
    "wide": {"hidden_size": 40},
    "stack": {"hidden_size": [7, 18], "bidirectional": True},
    "everything": {
        "hidden_size": 20,
        "num_layers": 2,
        "bidirectional": True,
        "merge": "mean",
        "proj_size": 6,
        "layer_norm": True,
        "cell": rl.nn.Cell.peephole_2002(clip=3.0),
        "zoneout": 0.1,
        "recurrent_dropout": 0.2,
        "dropout": 0.1,
    },
}


def run(options: dict[str, Any], bad: int | None, where: str, value: float, lengths: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    lstm = rl.nn.LSTM(C, **options, seed=1)
    x = rng.standard_normal((B, T, C)).astype(np.float32)
    y, (h, c), record = lstm.forward(x, lengths=lengths)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    state = [rng.standard_normal(part.shape).astype(np.float32) for part in _list(h) + _list(c)]
    if bad is not None:
        if where == "x":
            x[bad, 1, 2] = value
        elif where == "dy":
            dy[bad, 1, 0] = value
        else:
            state[0][0, bad, 1] = value
    half = len(state) // 2
    given = tuple(part[0] if len(part) == 1 else part for part in (state[:half], state[half:]))
    lstm.draws = 0
    y, (h, c), record = lstm.forward(x, given, lengths)
    dx, (dh, dc), _ = lstm.backward(record, dy)
    rows = {"y": y, "dx": dx}
    for name, parts in {"h": h, "c": c, "dh": dh, "dc": dc}.items():
        for layer, part in enumerate(_list(parts)):
            rows[f"{name}[{layer}]"] = np.moveaxis(part, 1, 0)
    return rows


def _list(parts: Any) -> list[np.ndarray]:
    return parts if isinstance(parts, list) else [parts]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "dy", "state"])
@pytest.mark.parametrize("name", OPTIONS)
def test_rows_do_not_leak(name: str, where: str, value: float) -> None:
    for lengths in (None, [6, 3, 0, 5, 6, 1, 2, 6, 4]):
        good = run(OPTIONS[name], None, where, value, lengths)
        for bad in (0, 4, B - 1):
            got = run(OPTIONS[name], bad, where, value, lengths)
            for key, expected in good.items():
                others = np.arange(B) != bad
                assert got[key][others].tobytes() == expected[others].tobytes(), (key, bad)
            if np.isnan(value) and lengths is None:
                affected = {"x": "y", "dy": "dx", "state": "y"}[where]
                assert np.isnan(got[affected][bad]).any(), "a NaN must not be swallowed"


def test_stream_rows_do_not_leak() -> None:
    x = np.random.default_rng(0).standard_normal((T, B, C)).astype(np.float32)
    lstm = rl.nn.LSTM(C, 20, num_layers=2)
    clean, dirty = lstm.stream(B), lstm.stream(B)
    for t in range(T):
        spoilt = x[t].copy()
        spoilt[4] = np.nan
        expected, got = clean.step(x[t]), dirty.step(spoilt)
        others = np.arange(B) != 4
        assert got[others].tobytes() == expected[others].tobytes()
        assert np.isnan(got[4]).all()
    dirty.reset(np.arange(B) == 4)
    assert np.isfinite(dirty.step(x[0])).all(), "a reset row is clean again"
    assert np.isfinite(dirty.state[0]).all()


def test_nan_weights_reach_the_output() -> None:
    lstm = rl.nn.LSTM(3, 4)
    lstm.bias_l0.assign(np.full(16, np.nan))
    assert np.isnan(np.asarray(lstm(np.ones((2, 3, 3)))[0])).all()
