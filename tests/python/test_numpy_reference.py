"""The layer against forty lines of float64 numpy, and its gradients against differences of those."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl

Params = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def one_direction(p: Params, name: str, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, Any]:
    out = []
    for x_t in x:
        z = p[f"weight_ih_{name}"] @ x_t + p[f"weight_hh_{name}"] @ h + p[f"bias_{name}"]
        i, f, g, o = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out).reshape(len(x), len(h)), (h, c)


def reference(p: Params, x: np.ndarray, h0: np.ndarray, c0: np.ndarray, layers: int, both: bool) -> Any:
    """Run one sequence [T, C] from states [L*D, H]; return y [T, D*H] and the last states."""
    states = []
    for layer in range(layers):
        outs = []
        for k, suffix in enumerate(["", "_reverse"][: 1 + both]):
            seen = x[::-1] if k else x
            index = layer * (1 + both) + k
            out, state = one_direction(p, f"l{layer}{suffix}", seen, h0[index], c0[index])
            outs.append(out[::-1] if k else out)
            states.append(state)
        x = np.concatenate(outs, axis=1)
    return x, np.array([h for h, _ in states]), np.array([c for _, c in states])


def case(seed: int) -> tuple[rl.nn.LSTM, np.ndarray, list[int], np.ndarray, np.ndarray, int, bool]:
    rng = np.random.default_rng(seed)
    layers, both = int(rng.integers(1, 4)), bool(rng.integers(2))
    c, h, b, t = (int(n) for n in rng.choice([1, 2, 3, 5, 8, 17], 4))
    lstm = rl.nn.LSTM(c, h, layers, bidirectional=both, seed=seed)
    x = rng.standard_normal((b, t, c)).astype(np.float32)
    lengths = [int(n) for n in rng.integers(0, t + 1, b)]
    state = rng.standard_normal((2, layers * (1 + both), b, h)).astype(np.float32)
    return lstm, x, lengths, state[0], state[1], layers, both


@pytest.mark.parametrize("seed", range(60))
def test_forward(seed: int) -> None:
    lstm, x, lengths, h0, c0, layers, both = case(seed)
    y, (h, c) = lstm(x, (h0, c0), lengths)
    params = {name: value.astype(np.float64) for name, value in lstm.state_dict().items()}
    for b, n in enumerate(lengths):
        expected = reference(params, x[b, :n].astype(np.float64), h0[:, b], c0[:, b], layers, both)
        for got, wanted in zip((np.asarray(y)[b, :n], np.asarray(h)[:, b], np.asarray(c)[:, b]), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=2e-6)
        assert not np.asarray(y)[b, n:].any()


@pytest.mark.parametrize("both", [False, True])
def test_gradients(both: bool) -> None:
    rng = np.random.default_rng(3)
    lstm = rl.nn.LSTM(2, 3, 2, bidirectional=both)
    x = rl.Tensor(rng.standard_normal((2, 4, 2)), requires_grad=True)
    lengths = [4, 2]
    shape = (2 * (1 + both), 2, 3)
    h0, c0 = (rl.Tensor(rng.standard_normal(shape), requires_grad=True) for _ in range(2))
    y, (h, c) = lstm(x, (h0, c0), lengths)
    weights = [rng.standard_normal(part.shape).astype(np.float32) for part in (y, h, c)]
    rl.backward([y, h, c], weights)
    leaves = {**dict(lstm.named_parameters()), "x": x, "h0": h0, "c0": c0}
    values = {name: leaf.data.astype(np.float64) for name, leaf in leaves.items()}

    def loss() -> float:
        total = 0.0
        for b, n in enumerate(lengths):
            outs = reference(values, values["x"][b, :n], values["h0"][:, b], values["c0"][:, b], 2, both)
            parts = (weights[0][b, :n], weights[1][:, b], weights[2][:, b])
            total += sum(float((out * part).sum()) for out, part in zip(outs, parts, strict=True))
        return total

    for name, leaf in leaves.items():
        value = values[name]
        expected = np.zeros(value.shape)
        for index in np.ndindex(*value.shape):
            before = value[index]
            value[index] = before + 1e-5
            above = loss()
            value[index] = before - 1e-5
            expected[index] = (above - loss()) / 2e-5
            value[index] = before
        np.testing.assert_allclose(leaf.grad, expected, rtol=1e-4, atol=2e-5, err_msg=name)
