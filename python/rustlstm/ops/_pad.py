"""Sequences of different lengths as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tensor import Gradients, Tensor, attach, recording, wrap
from ._values import as_f32, values


def pad(rows: Sequence[Any], channels: int | None = None) -> tuple[Tensor, npt.NDArray[np.int64]]:
    """Return sequences ``[T_b, C]`` as one batch ``[B, T, C]``, padded with zeros, and the lengths ``[B]``.

    If C is not given, the axes behind the first are those of the first sequence, as in ``[T_b, H, W, C]`` of images.
    """
    arrays = []
    tail: tuple[int, ...] = (channels,) if channels is not None else np.shape(values(rows[0]))[1:] if rows else ()
    if not tail:
        got = f"got {list(np.shape(values(rows[0])))}" if rows else "got an empty list"
        raise ValueError(f"x must be a list of sequences [T, C], {got}")
    axes = [("T", None), *(("C" if extent == channels else "", extent) for extent in tail)]
    for index, row in enumerate(rows):
        array = as_f32(f"x[{index}]", values(row))
        arrays.append(as_f32(f"x[{index}]", array.reshape(0, *tail) if array.shape == (0,) else array, axes))
    lengths = np.array([len(array) for array in arrays], np.int64)
    batch = np.zeros((len(arrays), int(lengths.max(initial=0)), *tail), np.float32)
    for index, array in enumerate(arrays):
        batch[index, : len(array)] = array
    taped = [isinstance(row, Tensor) for row in rows]
    parents = [row for row in rows if isinstance(row, Tensor)]
    if not recording(*parents):
        return wrap(batch), lengths

    ends = lengths.tolist()  # the caller may change the array

    def backward(grads: Gradients) -> Gradients:
        (grad,) = grads
        assert grad is not None
        return [grad[index, : ends[index]] for index, is_tensor in enumerate(taped) if is_tensor]

    return attach([batch], parents, backward)[0], lengths
