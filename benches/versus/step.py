"""A training step: the LSTM with a linear layer on top, a loss, its gradients cut to a norm of 1, and Adam.

With one output the loss is the squared error of the last step's prediction, with more the cross-entropy of every
step's class. What is compared are the losses of the first steps: they show every earlier gradient and update.
"""

from __future__ import annotations

import numpy as np

from versus import work
from versus.shapes import Shape
from versus.work import Array, Arrays

LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPSILON = 1e-8
CLIP_NORM = 1.0
# Steps whose losses are compared before anything is timed.
COMPARED = 4


def losses(shape: Shape, arrays: Arrays) -> Array:
    """The losses of the first steps, in float64."""
    names = [*shape.parameters(), *shape.head_parameters()]
    weights = {name: arrays[name].astype(np.float64) for name in names}
    first, second = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    x, found = arrays["x"].astype(np.float64), []
    for number in range(1, COMPARED + 1):
        outputs, kept = work.forward(shape, weights, x)
        loss, dy, gradients = _head(shape, weights, outputs["y"], arrays["target"])
        found.append(loss)
        gradients |= work.backward(shape, weights, kept, dy)
        norm = np.sqrt(sum((gradients[name] ** 2).sum() for name in names))
        for name in names:
            gradient = gradients[name] * min(1.0, CLIP_NORM / (norm + 1e-6))
            first[name] += (1 - BETAS[0]) * (gradient - first[name])
            second[name] += (1 - BETAS[1]) * (gradient**2 - second[name])
            mean, square = first[name] / (1 - BETAS[0] ** number), second[name] / (1 - BETAS[1] ** number)
            weights[name] = weights[name] - LEARNING_RATE * mean / (np.sqrt(square) + EPSILON)
    return np.array(found, np.float32)


def _head(shape: Shape, weights: Arrays, y: Array, target: Array) -> tuple[float, Array, Arrays]:
    """The loss, dy, and the gradients of the linear layer."""
    seen = y[:, -1] if shape.head == 1 else y
    out = seen @ weights["head_weight"].T + weights["head_bias"]
    if shape.head == 1:
        loss, dout = float(((out - target) ** 2).mean()), 2 * (out - target) / out.size
    else:
        powers = np.exp(out - out.max(axis=-1, keepdims=True))
        dout = powers / powers.sum(axis=-1, keepdims=True)
        chosen = np.take_along_axis(dout, target[..., None], axis=-1)
        loss = float(-np.log(chosen).mean())
        np.put_along_axis(dout, target[..., None], chosen - 1, axis=-1)
        dout /= target.size
    flat, rows = dout.reshape(-1, shape.head), seen.reshape(-1, seen.shape[-1])
    back = dout @ weights["head_weight"]
    dy = back
    if shape.head == 1:
        dy = np.zeros_like(y)
        dy[:, -1] = back
    return loss, dy, {"head_weight": flat.T @ rows, "head_bias": flat.sum(axis=0)}
