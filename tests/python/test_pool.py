"""Pools: values and gradients over windows and sequences, ragged batches, and mistakes refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points, same_as_alone
from rustlstm.nn import AttentionPool, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d, Pool, Sequential


def over_windows(reduce: Any, x: Any, kernels: tuple[int, int], strides: tuple[int, int]) -> Any:
    """Reduce the windows on [N, H, W, C]."""
    (kh, kw), (sh, sw) = kernels, strides
    rows, columns = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
    y = np.zeros((len(x), rows, columns, x.shape[3]))
    for r, c in np.ndindex(rows, columns):
        y[:, r, c] = reduce(x[:, r * sh : r * sh + kh, c * sw : c * sw + kw], axis=(1, 2))
    return y


KINDS = [(MaxPool1d, MaxPool2d, np.max), (AvgPool1d, AvgPool2d, np.mean)]


@pytest.mark.parametrize(("flat", "_images", "reduce"), KINDS)
@pytest.mark.parametrize(("kernel", "stride"), [(1, None), (3, None), (3, 1), (2, 3)])
def test_windows_on_sequences(flat: Any, _images: Any, reduce: Any, kernel: int, stride: int | None) -> None:
    def reference(x: Any) -> Any:
        return over_windows(reduce, x[:, None], (1, kernel), (1, stride or kernel))[:, 0]

    check(flat(kernel, stride), reference, points(kernel, (2, 8, 5)))


@pytest.mark.parametrize(("_flat", "images", "reduce"), KINDS)
@pytest.mark.parametrize(("kernel", "stride"), [(2, None), ((1, 3), None), (3, (1, 2))])
def test_windows_on_images(_flat: Any, images: Any, reduce: Any, kernel: Any, stride: Any) -> None:
    def pair(value: Any) -> Any:
        return value if isinstance(value, tuple) else (value, value)

    def reference(x: Any) -> Any:
        return over_windows(reduce, x, pair(kernel), pair(kernel if stride is None else stride))

    check(images(kernel, stride), reference, points(3, (2, 4, 7, 2)))
    assert images(kernel, stride)(np.ones((2, 3, 4, 7, 2))).shape[:2] == (2, 3)


REFERENCES = {"last": lambda x: x[:, -1], "mean": lambda x: x.mean(1), "max": lambda x: x.max(1)}


@pytest.mark.parametrize("kind", list(REFERENCES))
def test_sequences(kind: str) -> None:
    check(Pool(kind), REFERENCES[kind], points(4, (3, 6, 5)))


@pytest.mark.parametrize("layer", [Pool("last"), Pool("mean"), Pool("max"), MaxPool1d(3, 2), AvgPool1d(2)], ids=repr)
def test_a_sequence_is_what_it_is_alone(layer: Any) -> None:
    same_as_alone(layer, 70)


def attention(x: Any, weight: Any, bias: Any, vector: Any) -> Any:
    power = np.exp(np.tanh(x @ weight.T + bias) @ vector)
    return (power[..., None] * x).sum(1) / power.sum(1, keepdims=True)


def test_attention() -> None:
    x, *parameters = points(6, (3, 5, 4), (7, 4), (7,), (7,))

    def ours(x: rl.Tensor, *leaves: rl.Tensor) -> rl.Tensor:
        layer = AttentionPool(4, 7)
        # Leaves in place of the parameters, so that their gradients are seen.
        vars(layer).update(zip(("weight", "bias", "vector"), leaves, strict=True))
        return layer(x)

    check(ours, attention, [x, *parameters])


def test_attention_to_sequences() -> None:
    layer = AttentionPool(70, 20, seed=3)
    same_as_alone(layer, 70, lengths=(9, 4, 0, 12, 1))
    (x,) = points(7, (3, 6, 70))
    layer(x, lengths=[6, 2, 0])
    np.testing.assert_allclose(layer.weights.sum(1), [1, 1, 0], rtol=1e-6)
    assert layer.weights.shape == (3, 6) and not layer.weights[1, 2:].any()
    assert {name: value.shape for name, value in layer.state_dict().items()} == {
        "weight": (20, 70),
        "bias": (20,),
        "vector": (20,),
    }
    assert AttentionPool(5).weight.shape == (5, 5)
    assert Sequential(layer).out_lengths([1]) is None
    again = pickle.loads(pickle.dumps(layer))
    assert again.weights is None
    assert again(x).data.tobytes() == layer(x).data.tobytes()
    assert repr(again) == "AttentionPool(70, 20, seed=3)"
    with pytest.raises(ValueError, match=r"x must have shape \[B, T, C=70\], got \[6, 70\]"):
        layer(x[0])


def test_the_mean_of_a_long_sequence_is_exact() -> None:
    x = np.full((1, 300_000, 1), 0.1, np.float32)
    assert Pool("mean")(x).item() == np.float32(0.1)


def test_nothing_to_pool() -> None:
    x = rl.Tensor(np.full((2, 3, 4), np.nan), requires_grad=True)
    for kind in REFERENCES:
        y = Pool(kind)(x, lengths=[0, 0])
        assert y.tolist() == [[0.0] * 4] * 2
        y.backward(np.ones((2, 4)))
        assert not x.grad.any()
        assert Pool(kind)(np.zeros((2, 0, 4))).tolist() == [[0.0] * 4] * 2
    assert Pool("max").out_lengths([1, 2]) is None
    assert MaxPool1d(3, 2).out_lengths([9, 3, 2, 0]).tolist() == [4, 1, 0, 0]


def test_equals_and_nan() -> None:
    x = rl.Tensor([[[1.0], [3.0], [3.0], [np.nan]]], requires_grad=True)
    y = Pool("max")(x, lengths=[3])
    y.backward([[1.0]])
    assert y.tolist() == [[3.0]] and x.grad.ravel().tolist() == [0, 1, 0, 0]
    assert np.isnan(Pool("max")(x).item())
    assert np.isnan(MaxPool1d(2)(x).data[0, 1, 0])


def test_copies_and_names() -> None:
    (x,) = points(5, (2, 8, 8, 3))
    layers = [MaxPool2d((2, 3)), AvgPool2d(2, stride=1), MaxPool1d(2), AvgPool1d(3, 1), Pool("max")]
    names = ["MaxPool2d((2, 3))", "AvgPool2d(2, stride=1)", "MaxPool1d(2)", "AvgPool1d(3, stride=1)", "Pool('max')"]
    for layer, name in zip(layers, names, strict=True):
        again = pickle.loads(pickle.dumps(layer))
        assert repr(again) == name
        given = x if name.startswith(("MaxPool2", "AvgPool2")) else x[0]
        assert again(given).data.tobytes() == layer(given).data.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Pool("median"), ValueError, "kind must be one of 'last', 'mean', 'max', got 'median'"),
        (lambda: MaxPool1d(0), ValueError, "kernel_size must be at least 1, got 0"),
        (lambda: MaxPool1d(2, 0), ValueError, "stride must be at least 1, got 0"),
        (lambda: AvgPool2d((1, 2, 3)), ValueError, "kernel_size must be a whole number or a pair"),
        (
            lambda: MaxPool1d(5)(np.ones((2, 4, 3))),
            ValueError,
            r"x must have shape \[B, T, C\] with T at least 5, got 4",
        ),
        (lambda: AvgPool2d(3)(np.ones((2, 3))), ValueError, r"x must have shape \[.., H, W, C\], got \[2, 3\]"),
        (lambda: Pool("max")(np.ones((2, 3))), ValueError, r"x must have shape \[B, T, C\], got \[2, 3\]"),
        (
            lambda: Pool("max")(np.ones((2, 3, 1)), lengths=[1, 4]),
            ValueError,
            r"lengths\[1\] must be between 0 and T=3",
        ),
    ],
)
def test_mistakes(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]
