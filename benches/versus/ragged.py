"""Rows of different lengths in training: forward and backward, the gradient of y being zero behind each row's end.

Told of the lengths a library may leave out what does not count; given the padded batch it computes all of it, and only
y behind the ends and the last state differ, which are not compared then. The gradients are the same.
"""

from __future__ import annotations

import numpy as np

from versus import work
from versus.shapes import Shape
from versus.work import Array, Arrays


def lengths(shape: Shape) -> Array:
    """The length of each row [B], the longest being all steps."""
    drawn = np.random.default_rng(2).integers(shape.shortest, shape.steps + 1, shape.batch)
    drawn[drawn.argmax()] = shape.steps
    return drawn


def fill(shape: Shape) -> float:
    """The part of the padded batch that counts."""
    return float(lengths(shape).mean()) / shape.steps


def draw(shape: Shape) -> Arrays:
    """Inputs, parameters and `lengths`."""
    arrays = work.draw(shape) | {"lengths": lengths(shape)}
    return counted(arrays, arrays["lengths"], ("dy",))


def counted(arrays: Arrays, lengths: Array, names: tuple[str, ...] = ("y", "dx")) -> Arrays:
    """The arrays, and those named [B, T, C] with zeros behind each row's end."""
    steps = np.arange(next(arrays[name].shape[1] for name in names))
    counts = (steps < lengths[:, None])[..., None]
    return arrays | {name: np.where(counts, arrays[name], 0) for name in names}


def reference(shape: Shape, arrays: Arrays) -> Arrays:
    """Outputs, the state at each row's end and every gradient, rounded to float32.

    Nothing of one direction depends on what comes later, so it is the padded batch's, cut at the ends.
    """
    assert shape.directions == 1
    weights = {name: arrays[name].astype(np.float64) for name in shape.parameters()}
    results, recorded = work.forward(shape, weights, arrays["x"].astype(np.float64))
    results |= work.backward(shape, weights, recorded, arrays["dy"].astype(np.float64))
    rows, ends = np.arange(shape.batch), arrays["lengths"] - 1
    for name, which in (("h", 0), ("c", 1)):
        results[name] = np.stack([recorded[1][f"_l{layer}"][which][ends, rows] for layer in range(shape.layers)])
    results = counted(results, arrays["lengths"])
    return {name: value.astype(np.float32) for name, value in results.items()}
