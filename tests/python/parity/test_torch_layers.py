"""torch's layers, but for LSTM, on the same weights: outputs and every gradient, over drawn configurations.

The reference is torch in float64. Its channels come second, ours last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import rustlstm as rl

from .compare import differences, failures
from .problem import Arrays

pytestmark = pytest.mark.torch

Measured = Callable[[dict[str, float]], None]


def compare(ours: Any, theirs: torch.nn.Module, x: np.ndarray, measured: Measured, *, second: bool = True) -> None:
    """Hold our results against torch's on our weights; `second` says that torch's channels come second."""
    theirs = theirs.double()
    state = {name: torch.from_numpy(value).double() for name, value in ours.state_dict(torch=True).items()}
    theirs.load_state_dict(state)
    rng = np.random.default_rng(x.size)
    leaf = rl.Tensor(x, requires_grad=True)
    y = ours(leaf)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(dy)
    got: Arrays = {"y": y.numpy(), "dx": leaf.grad}
    got |= {f"grad.{name}": parameter.grad for name, parameter in ours.named_parameters()}

    def turned(array: Any) -> Any:
        return torch.movedim(array, -1, 1) if second else array

    there = torch.from_numpy(x).double().requires_grad_()
    back = theirs(turned(there))
    back.backward(turned(torch.from_numpy(dy).double()))
    expected: Arrays = {
        "y": (torch.movedim(back, 1, -1) if second else back).detach().numpy(),
        "dx": there.grad.numpy(),
    }
    expected |= {f"grad.{name}": parameter.grad.numpy() for name, parameter in theirs.named_parameters()}
    found = differences(got, expected)
    measured(found)
    assert not failures(found)


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(24))
def test_layer_norm(seed: int, measured: Measured) -> None:
    rng = np.random.default_rng(seed)
    size, bias = int(rng.integers(4, 80)), bool(seed % 2)
    ours = rl.nn.LayerNorm(size, eps=1e-3 if seed % 3 else 1e-5, bias=bias)
    ours.weight.assign(draw(rng, size))
    theirs = torch.nn.LayerNorm(size, eps=ours.eps, bias=bias)
    compare(ours, theirs, draw(rng, *rng.integers(1, 7, seed % 4), size), measured, second=False)


@pytest.mark.parametrize("seed", range(24))
def test_linear(seed: int, measured: Measured) -> None:
    rng = np.random.default_rng(seed)
    sizes, bias = [int(n) for n in rng.choice([1, 2, 7, 16, 33, 130], 2)], bool(seed % 3)
    ours, theirs = rl.nn.Linear(*sizes, bias=bias, seed=seed), torch.nn.Linear(*sizes, bias=bias)
    compare(ours, theirs, draw(rng, *rng.integers(1, 7, seed % 4), sizes[0]), measured, second=False)


@pytest.mark.parametrize("seed", range(12))
def test_embedding(seed: int, measured: Measured) -> None:
    rng = np.random.default_rng(seed)
    count, width = (int(n) for n in rng.integers(1, 40, 2))
    padding = None if seed % 2 else int(rng.integers(0, count))
    ours = rl.nn.Embedding(count, width, padding_index=padding, seed=seed)
    theirs = torch.nn.Embedding(count, width, padding_idx=padding).double()
    theirs.load_state_dict({"weight": torch.from_numpy(ours.state_dict()["weight"])})
    ids = rng.integers(0, count, rng.integers(1, 9, 1 + seed % 3))
    y, back = ours(ids), theirs(torch.from_numpy(ids))
    dy = draw(rng, *y.shape)
    y.backward(dy)
    back.backward(torch.from_numpy(dy).double())
    found = differences(
        {"y": y.numpy(), "grad.weight": ours.weight.grad},
        {"y": back.detach().numpy(), "grad.weight": theirs.weight.grad.numpy()},
    )
    measured(found)
    assert not failures(found)


@pytest.mark.parametrize("seed", range(12))
def test_lstm_cell(seed: int, measured: Measured) -> None:
    rng = np.random.default_rng(seed)
    inputs, hidden, batch = (int(n) for n in rng.integers(1, 40, 3))
    ours, theirs = rl.nn.LSTMCell(inputs, hidden, seed=seed), torch.nn.LSTMCell(inputs, hidden).double()
    # The state dict goes both ways.
    ours.load_state_dict({name: value.numpy().astype(np.float32) for name, value in theirs.state_dict().items()})
    state = ours.state_dict(torch=True)
    theirs.load_state_dict({name: torch.from_numpy(value).double() for name, value in state.items()})
    given = [draw(rng, batch, size) for size in (inputs, hidden, hidden)]
    leaves = [rl.Tensor(array, requires_grad=True) for array in given]
    there = [torch.from_numpy(array).double().requires_grad_() for array in given]
    _, (h, c) = ours(leaves[0], (leaves[1], leaves[2]))
    back = theirs(there[0], (there[1], there[2]))
    dh, dc = draw(rng, batch, hidden), draw(rng, batch, hidden)
    rl.backward([h, c], [dh, dc])
    torch.autograd.backward(back, [torch.from_numpy(part).double() for part in (dh, dc)])
    got: Arrays = {"h": h.numpy(), "c": c.numpy()}
    got |= {f"d{number}": leaf.grad for number, leaf in enumerate(leaves)}
    got |= {f"grad.{name}": parameter.grad for name, parameter in ours.named_parameters()}
    expected: Arrays = {"h": back[0].detach().numpy(), "c": back[1].detach().numpy()}
    expected |= {f"d{number}": leaf.grad.numpy() for number, leaf in enumerate(there)}
    names = {"weight_ih": "weight_ih", "weight_hh": "weight_hh", "bias": "bias_ih"}
    expected |= {f"grad.{ours}": getattr(theirs, name).grad.numpy() for ours, name in names.items()}
    found = differences(got, expected)
    measured(found)
    assert not failures(found)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax(name: str, axis: int, measured: Measured) -> None:
    rng = np.random.default_rng(axis + 7)
    x, dy = 5 * draw(rng, 4, 17, 33), draw(rng, 4, 17, 33)
    leaf, there = rl.Tensor(x, requires_grad=True), torch.from_numpy(x).double().requires_grad_()
    y, back = getattr(leaf, name)(axis), getattr(there, name)(axis)
    y.backward(dy)
    back.backward(torch.from_numpy(dy).double())
    found = differences(
        {"y": y.numpy(), "grad.x": leaf.grad}, {"y": back.detach().numpy(), "grad.x": there.grad.numpy()}
    )
    measured(found)
    assert not failures(found)


def options(rng: np.random.Generator, seed: int, axes: int) -> dict[str, Any]:
    """Options of a convolution; a padding by name in every fourth."""

    def one(low: int, high: int) -> Any:
        drawn = tuple(int(value) for value in rng.integers(low, high, axes))
        return drawn if axes == 2 else drawn[0]

    named = seed % 4 == 3
    return {
        "kernel_size": one(1, 6),
        "stride": 1 if named else one(1, 4),
        "padding": "same" if named else one(0, 4),
        "dilation": one(1, 3),
        "bias": seed % 3 > 0,
    }


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("seed", range(48))
@pytest.mark.parametrize("axes", [1, 2])
def test_convolutions(axes: int, seed: int, measured: Measured) -> None:
    rng = np.random.default_rng(seed)
    channels, chosen = [int(n) for n in rng.choice([1, 2, 3, 8, 16, 17, 33], 2)], options(rng, seed, axes)
    ours = getattr(rl.nn, f"Conv{axes}d")(*channels, **chosen)
    theirs = getattr(torch.nn, f"Conv{axes}d")(*channels, **chosen)
    compare(ours, theirs, draw(rng, int(rng.integers(1, 5)), *rng.integers(10, 20, axes), channels[0]), measured)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["MaxPool1d", "AvgPool1d", "MaxPool2d", "AvgPool2d"])
def test_pools(name: str, seed: int, measured: Measured) -> None:
    rng = np.random.default_rng(seed)
    axes = int(name[-2])
    kernel, stride = (int(n) for n in rng.integers(1, 5, 2))
    given = (kernel,) if seed % 3 == 0 else (kernel, stride)
    ours, theirs = getattr(rl.nn, name)(*given), getattr(torch.nn, name)(*given)
    # Whole numbers, so that there are equals among which a maximum must choose as torch does.
    x = rng.integers(-3, 4, (2, *rng.integers(4, 12, axes), int(rng.integers(1, 20)))).astype(np.float32)
    compare(ours, theirs, x, measured)


def test_a_maximum_with_nan_goes_where_torchs_goes() -> None:
    x = np.array([[[1.0], [np.nan], [np.nan], [2.0]]], np.float32)
    leaf, there = rl.Tensor(x, requires_grad=True), torch.from_numpy(x).movedim(-1, 1).requires_grad_()
    ours, theirs = rl.nn.MaxPool1d(4)(leaf), torch.nn.MaxPool1d(4)(there)
    ours.backward([[[1.0]]])
    theirs.backward(torch.ones(1, 1, 1))
    assert np.isnan(ours.item()) and torch.isnan(theirs).all()
    assert leaf.grad.ravel().tolist() == there.grad.ravel().tolist()


@pytest.mark.parametrize("options", [{"padding": 2, "stride": 2}, {"padding": "same"}, {"dilation": 3}], ids=str)
def test_a_ragged_convolution_is_torchs_on_each_sequence_alone(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rl.nn.Conv1d(3, 20, 3, **options), torch.nn.Conv1d(3, 20, 3, **options)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in ours.state_dict().items()})
    rows = [draw(rng, length, 3) for length in (12, 7, 9)]
    y, lengths = ours(rows), ours.out_lengths([12, 7, 9])
    for row, alone in enumerate(rows):
        expected = theirs(torch.from_numpy(alone.T[None]))[0].T.detach().numpy()
        assert lengths[row] == len(expected)
        np.testing.assert_allclose(y.data[row, : lengths[row]], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(24))
def test_attention(seed: int, measured: Measured) -> None:
    """Lengths are a mask there; rows behind their own end have no meaning there, and are zero here."""
    rng = np.random.default_rng(seed)
    batch, time, steps, width, values_width = (int(n) for n in rng.choice([1, 2, 5, 8, 17, 33], 5))
    scale = float(rng.choice([1.0, 0.3, width**-0.5]))
    lengths = rng.integers(1, steps + 1, batch) if seed % 2 else np.full(batch, steps)
    given = [draw(rng, batch, time, width), draw(rng, batch, steps, width), draw(rng, batch, steps, values_width)]
    leaves = [rl.Tensor(array, requires_grad=True) for array in given]
    there = [torch.from_numpy(array).double().requires_grad_() for array in given]
    mask = torch.from_numpy(np.arange(steps) < lengths[:, None])[:, None, :].expand(batch, time, steps)
    y, _ = rl.ops.attention(*leaves, scale=scale, lengths=lengths if seed % 2 else None)
    back = torch.nn.functional.scaled_dot_product_attention(*there, attn_mask=mask if seed % 2 else None, scale=scale)
    dy = draw(rng, *y.shape)
    y.backward(dy)
    back.backward(torch.from_numpy(dy).double())
    names = ["grad.queries", "grad.keys", "grad.values"]
    found = differences(
        {"y": y.numpy(), **{name: leaf.grad for name, leaf in zip(names, leaves, strict=True)}},
        {"y": back.detach().numpy(), **{name: leaf.grad.numpy() for name, leaf in zip(names, there, strict=True)}},
    )
    measured(found)
    assert not failures(found)
