"""What tests of layers share: gradients against finite differences in float64, sequences alone and in a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import rustlstm as rl

Array = npt.NDArray[Any]


def points(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays of numbers from -1 to 1."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


TOLERANCE = 3e-5


def check(layer: Callable[..., rl.Tensor], reference: Callable[..., Array], given: list[Array]) -> None:
    """Hold a function of tensors and its gradients against one of float64 arrays and finite differences."""
    wide = [point.astype(np.float64) for point in given]
    leaves = [rl.Tensor(point, requires_grad=True) for point in given]
    result, expected = layer(*leaves), reference(*wide)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.numpy(), expected, rtol=TOLERANCE, atol=TOLERANCE)
    (dy,) = points(99, expected.shape)
    result.backward(dy)
    for number, (leaf, point) in enumerate(zip(leaves, wide, strict=True)):
        slope = np.zeros_like(point)
        for place in np.ndindex(*point.shape):
            before = point[place]
            sums = []
            for step in (1e-5, -1e-5):
                point[place] = before + step
                sums.append((reference(*wide) * dy).sum())
            point[place] = before
            slope[place] = (sums[0] - sums[1]) / 2e-5
        assert leaf.grad is not None
        np.testing.assert_allclose(leaf.grad, slope, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"argument {number}")


def same_as_alone(layer: Any, channels: int, *, lengths: tuple[int, ...] = (9, 4, 0, 12, 1), steps: int = 12) -> None:
    """Each sequence gives the bits, and gets the gradient, that it gives and gets alone; padding is zero and unread."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((len(lengths), steps, channels)).astype(np.float32)
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    leaf = rl.Tensor(x, requires_grad=True)
    y = layer(leaf, lengths=np.array(lengths))
    ends = layer.out_lengths(np.array(lengths)) if hasattr(layer, "out_lengths") else np.array(lengths)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    if ends is not None:
        for row, end in enumerate(ends):
            dy[row, end:] = np.nan
    y.backward(dy)
    assert leaf.grad is not None
    for row, length in enumerate(lengths):
        assert not leaf.grad[row, length:].any()
        rest = y.data[row, ends[row] :] if ends is not None else np.zeros(0)
        assert not rest.any()
        if length == 0 or (ends is not None and ends[row] == 0):
            assert not y.data[row].any()
            assert not leaf.grad[row].any()
            continue
        alone = rl.Tensor(x[row : row + 1, :length], requires_grad=True)
        one = layer(alone)
        part = slice(None) if ends is None else slice(ends[row])
        assert one.data[0].tobytes() == y.data[row][part].tobytes(), f"row {row}"
        one.backward(dy[row : row + 1] if ends is None else dy[row : row + 1, part])
        assert alone.grad is not None
        assert alone.grad[0].tobytes() == leaf.grad[row, :length].tobytes(), f"the gradient of row {row}"
    rows = [x[row, :length] for row, length in enumerate(lengths)]
    assert layer(rows).data.tobytes() == y.data.tobytes(), "as a list"
