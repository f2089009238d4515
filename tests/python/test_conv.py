"""Convolutions: values and gradients, padding by name, ragged batches, and mistakes refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import check, points, same_as_alone
from rustlstm import ops
from rustlstm.nn import Conv1d, Conv2d


def reference(x: Any, weight: Any, bias: Any, window: ops.Window) -> Any:
    """Convolve [N, H, W, C] with [O, C, kh, kw], in loops over the windows."""
    down, along = window
    padded = np.pad(x, [(0, 0), (down.before, down.after), (along.before, along.after), (0, 0)])
    rows, columns = down.positions(x.shape[1]), along.positions(x.shape[2])
    y = np.zeros((len(x), rows, columns, len(weight)))
    for row, column in np.ndindex(int(rows), int(columns)):
        h = row * down.stride + down.dilation * np.arange(down.kernel)
        w = column * along.stride + along.dilation * np.arange(along.kernel)
        y[:, row, column] = np.einsum("nhwc,ochw->no", padded[:, h][:, :, w], weight) + bias
    return y


AXES = [
    ops.Axis(1),
    ops.Axis(3, before=1, after=1),
    ops.Axis(2, stride=2),
    ops.Axis(3, dilation=2, before=4),
    ops.Axis(4, stride=3, dilation=2, before=1, after=5),
]


@pytest.mark.parametrize("axis", AXES)
def test_sequences(axis: ops.Axis) -> None:
    given = points(axis.kernel, (2, 9, 3), (4, 3, axis.kernel), (4,))
    one = ops.Axis(1)
    check(
        lambda x, w, b: ops.conv(x, w, b, (axis,)),
        lambda x, w, b: reference(x[:, None], w[:, :, None], b, (one, axis))[:, 0],
        given,
    )


@pytest.mark.parametrize("down", AXES[:3])
@pytest.mark.parametrize("along", AXES[2:])
def test_images(down: ops.Axis, along: ops.Axis) -> None:
    given = points(7, (2, 4, 9, 2), (3, 2, down.kernel, along.kernel), (3,))
    check(lambda x, w, b: ops.conv(x, w, b, (down, along)), lambda x, w, b: reference(x, w, b, (down, along)), given)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "same"},
        {"padding": "same", "dilation": 3},
        {"padding": "causal", "dilation": 2},
        {"padding": 2, "stride": 2},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("kernel_size", [1, 3, 4])
def test_a_sequence_is_what_it_is_alone(kernel_size: int, options: dict[str, Any]) -> None:
    same_as_alone(Conv1d(3, 20, kernel_size, bias=not options, **options), 3)


def test_same_and_causal_keep_the_length() -> None:
    x = np.ones((2, 9, 3))
    for kernel_size in (1, 2, 5):
        for padding in ("same", "causal"):
            conv = Conv1d(3, 4, kernel_size, padding=padding, dilation=2)
            assert conv(x).shape == (2, 9, 4)
            assert conv.out_lengths([9, 0, 4]).tolist() == [9, 0, 4]
    assert Conv2d(3, 4, (2, 5), padding="same")(np.ones((2, 9, 8, 3))).shape == (2, 9, 8, 4)
    assert Conv1d(3, 4, 3, stride=2, padding=1).out_lengths([9, 0, 4, 1]).tolist() == [5, 0, 2, 1]


def test_causal_sees_only_the_past() -> None:
    conv = Conv1d(2, 3, 4, padding="causal", dilation=2)
    (x,) = points(1, (1, 20, 2))
    before = conv(x).data
    x[:, 11:] += 1
    after = conv(x).data
    assert np.array_equal(before[:, :11], after[:, :11])
    assert (before[:, 11] != after[:, 11]).all()


def test_leading_axes() -> None:
    conv, flat = Conv2d(2, 3, 3, padding=1), Conv1d(2, 3, 3)
    (x,) = points(2, (2, 5, 4, 6, 2))
    y = conv(x)
    assert y.shape == (2, 5, 4, 6, 3)
    assert conv(x[1, 2]).data.tobytes() == y.data[1, 2].tobytes()
    assert flat(x).shape == (2, 5, 4, 4, 3)
    assert flat(x[0, 0, 0]).data.tobytes() == flat(x).data[0, 0, 0].tobytes()


def test_only_what_requires_a_gradient_gets_one() -> None:
    conv = Conv1d(2, 3, 3)
    (x,) = points(3, (2, 7, 2))
    conv(x).backward(np.ones((2, 5, 3)))
    assert conv.weight.grad.shape == (3, 2, 3) and conv.bias.grad.tolist() == [10, 10, 10]
    conv.zero_grad()
    for parameter in conv.parameters():
        parameter.requires_grad = False
    leaf = rl.Tensor(x, requires_grad=True)
    conv(leaf).backward(np.ones((2, 5, 3)))
    assert conv.weight.grad is None and leaf.grad.any()
    assert not conv(x).requires_grad


def test_first_values_names_and_copies() -> None:
    conv = Conv1d(4, 8, 3, padding="same", dilation=2, seed=5)
    assert {name: value.shape for name, value in conv.state_dict().items()} == {"weight": (8, 4, 3), "bias": (8,)}
    bound = 1 / np.sqrt(12)
    assert 0.8 * bound < abs(conv.weight.data).max() <= bound
    assert conv.weight.data.tobytes() == Conv1d(4, 8, 3, seed=5).weight.data.tobytes()
    assert conv.weight.data.tobytes() != Conv1d(4, 8, 3, seed=6).weight.data.tobytes()
    assert list(Conv2d(4, 8, (3, 5), bias=False).state_dict()) == ["weight"]
    assert Conv2d(4, 8, (3, 5)).weight.shape == (8, 4, 3, 5)
    (x,) = points(4, (2, 9, 4))
    again = pickle.loads(pickle.dumps(conv))
    assert repr(again) == "Conv1d(4, 8, 3, padding='same', dilation=2, seed=5)"
    assert again(x).data.tobytes() == conv(x).data.tobytes()
    assert repr(Conv2d(1, 2, 3, stride=(1, 2), bias=False)) == "Conv2d(1, 2, 3, stride=(1, 2), bias=False)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Conv1d(0, 1, 1), ValueError, "in_channels must be at least 1, got 0"),
        (lambda: Conv1d(1, 1, (3,)), TypeError, "kernel_size must be an integer, got tuple"),
        (lambda: Conv1d(1, 1, 3, padding=-1), ValueError, "padding must be at least 0, got -1"),
        (lambda: Conv1d(1, 1, 3, padding="valid"), ValueError, "padding must be a whole number or 'same' or 'causal'"),
        (
            lambda: Conv2d(1, 1, 3, padding="causal"),
            ValueError,
            "padding must be a whole number or 'same', got 'causal'",
        ),
        (lambda: Conv1d(1, 1, 3, padding="same", stride=2), ValueError, 'padding="same" needs stride=1, got 2'),
        (lambda: Conv2d(1, 1, (3, 3, 3)), ValueError, r"kernel_size must be a whole number or a pair"),
        (
            lambda: Conv1d(3, 1, 5)(np.ones((2, 4, 3))),
            ValueError,
            r"x must have shape \[B, T, C\] with T at least 5, got 4",
        ),
        (
            lambda: Conv2d(3, 1, 5)(np.ones((2, 6, 4, 3))),
            ValueError,
            r"x must have shape \[N, H, W, C\] with W at least 5, got 4",
        ),
        (lambda: Conv1d(3, 1, 5)(np.ones((2, 9, 4))), ValueError, r"x must have shape \[.., T, C=3\], got \[2, 9, 4\]"),
        (lambda: Conv1d(3, 1, 5)(np.ones(3)), ValueError, r"x must have shape \[B, T, C\], got \[3\]"),
        (lambda: Conv2d(3, 1, 5)(np.ones((2, 3))), ValueError, r"x must have shape \[.., H, W, C\], got \[2, 3\]"),
        (
            lambda: Conv1d(3, 1, 2)(np.ones((2, 2, 4, 3)), lengths=[1, 1]),
            ValueError,
            r"x must have shape \[B, T, C\], got \[2, 2, 4, 3\]",
        ),
        (lambda: Conv1d(3, 1, 2)([np.ones((4, 3))], lengths=[4]), ValueError, "a list of sequences brings its lengths"),
    ],
)
def test_mistakes(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]
