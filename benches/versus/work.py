"""The numbers of a shape, and what must come out of them: an LSTM in numpy, forward and backward, in float64.

Inputs are `x` [B, T, C], `dy` [B, T, D*H] and the parameters; results are `y` [B, T, D*H], `h` and `c` [L*D, B, H],
and after a backward pass `dx` and a gradient per parameter under the parameter's name. Of training steps, `losses`
are compared: see `step.py`; of models that are sampled from, `logits`: see `sample.py`; what single steps and rows of
different lengths come to say `single.py` and `ragged.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from versus.shapes import FORWARD, PADDED, STEP, Shape

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

# The largest difference allowed, as a part of the largest value in the array: wide enough for any library's
# float32, narrow enough that a swapped gate or a missing bias stops the run.
FORWARD_BOUND = 1e-5
GRADIENT_BOUND = 1e-4
# What is smaller is nothing beside the numbers about one that go in, and a library may let it be zero.
NOTHING = 1e-20


def draw(shape: Shape, seed: int = 0) -> Arrays:
    """Inputs and parameters, float32; parameters as a fresh layer has them, uniform within 1/sqrt(H)."""
    rng = np.random.default_rng(seed)
    width = shape.directions * shape.hidden_size
    arrays: Arrays = {
        "x": rng.standard_normal((shape.batch, shape.steps, shape.input_size)),
        "dy": rng.standard_normal((shape.batch, shape.steps, width)),
    }
    bound = shape.hidden_size**-0.5
    arrays |= {name: rng.uniform(-bound, bound, size) for name, size in shape.parameters().items()}
    if shape.head > 0:
        arrays |= {name: rng.uniform(-bound, bound, size) for name, size in shape.head_parameters().items()}
    arrays = {name: value.astype(np.float32) for name, value in arrays.items()}
    if shape.head == 1:
        arrays["target"] = rng.standard_normal((shape.batch, 1)).astype(np.float32)
    elif shape.head > 1:
        arrays["target"] = rng.integers(0, shape.head, (shape.batch, shape.steps))
    return arrays


def save(folder: Path, arrays: Arrays) -> None:
    """One .npy file per array."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)


def load(folder: Path) -> Arrays:
    """What `save` wrote."""
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def check(results: Arrays, expected: Arrays, mode: str) -> None:
    """Raises if a contestant's results are not those of the reference."""
    for name, reference in expected.items():
        output = name in ("y", "h", "c", "logits")
        if (name == "losses") != (mode == STEP) or (mode == FORWARD and not output):
            continue
        if mode == PADDED and name in ("h", "c"):
            continue
        got = results.get(name)
        if got is None or got.shape != reference.shape:
            raise ValueError(f"{name}: expected shape {reference.shape}, got {None if got is None else got.shape}")
        difference = float(np.abs(got - reference).max() / max(np.abs(reference).max(), NOTHING))
        bound = FORWARD_BOUND if output else GRADIENT_BOUND
        if not difference <= bound:
            raise ValueError(f"{name}: off by {difference:.1e} of its largest value, allowed {bound:.0e}")


def reference(shape: Shape, arrays: Arrays) -> Arrays:
    """Outputs and, where there is a `dy`, every gradient, rounded to float32."""
    weights = {name: arrays[name].astype(np.float64) for name in shape.parameters()}
    results, kept = forward(shape, weights, arrays["x"].astype(np.float64))
    if "dy" in arrays:
        results |= backward(shape, weights, kept, arrays["dy"].astype(np.float64))
    return {name: value.astype(np.float32) for name, value in results.items()}


def forward(shape: Shape, weights: Arrays, x: Array) -> tuple[Arrays, Any]:
    """Outputs, and what `backward` needs."""
    x = x.swapaxes(0, 1)
    inputs, kept, last_h, last_c = [], {}, [], []
    for suffixes in _suffixes(shape):
        inputs.append(x)
        sides = []
        for suffix in suffixes:
            flow = slice(None, None, -1 if suffix.endswith("_reverse") else 1)
            h, c, gates = _forward(x[flow], *_named(weights, suffix))
            kept[suffix] = (h, c, gates)
            sides.append(h[flow])
            last_h.append(h[-1])
            last_c.append(c[-1])
        x = np.concatenate(sides, axis=2)
    return {"y": x.swapaxes(0, 1), "h": np.stack(last_h), "c": np.stack(last_c)}, (inputs, kept)


def backward(shape: Shape, weights: Arrays, recorded: Any, dy: Array) -> Arrays:
    """Every gradient."""
    inputs, kept = recorded
    results: Arrays = {}
    dy = dy.swapaxes(0, 1)
    for suffixes, x in zip(reversed(_suffixes(shape)), reversed(inputs), strict=True):
        dx = np.zeros_like(x)
        for suffix, side in zip(suffixes, np.split(dy, len(suffixes), axis=2), strict=True):
            flow = slice(None, None, -1 if suffix.endswith("_reverse") else 1)
            h, c, gates = kept[suffix]
            w, r, _ = _named(weights, suffix)
            side_dx, *gradients = _backward(x[flow], side[flow], h, c, gates, w, r)
            dx += side_dx[flow]
            results |= dict(zip(_names(suffix), gradients, strict=True))
        dy = dx
    results["dx"] = dy.swapaxes(0, 1)
    return results


def _suffixes(shape: Shape) -> list[tuple[str, ...]]:
    return [(f"_l{layer}", f"_l{layer}_reverse")[: shape.directions] for layer in range(shape.layers)]


def _names(suffix: str) -> tuple[str, str, str]:
    return f"weight_ih{suffix}", f"weight_hh{suffix}", f"bias{suffix}"


def _named(weights: Arrays, suffix: str) -> tuple[Array, Array, Array]:
    w, r, b = (weights[name] for name in _names(suffix))
    return w, r, b


def _forward(x: Array, w: Array, r: Array, b: Array) -> tuple[Array, Array, Array]:
    """h and c [T, B, H] and the gates i, f, g, o [T, B, 4, H] of one layer and direction from x [T, B, I]."""
    steps, batch, _ = x.shape
    hidden = r.shape[1]
    z = (x @ w.T + b).reshape(steps, batch, 4, hidden)
    h, c, gates = np.zeros((steps, batch, hidden)), np.zeros((steps, batch, hidden)), np.empty_like(z)
    for t in range(steps):
        if t > 0:
            z[t] += (h[t - 1] @ r.T).reshape(batch, 4, hidden)
        gates[t] = 1.0 / (1.0 + np.exp(-z[t]))
        gates[t, :, 2] = np.tanh(z[t, :, 2])
        i, f, g, o = gates[t].swapaxes(0, 1)
        c[t] = i * g + (f * c[t - 1] if t > 0 else 0.0)
        h[t] = o * np.tanh(c[t])
    return h, c, gates


def _backward(x: Array, dy: Array, h: Array, c: Array, gates: Array, w: Array, r: Array) -> tuple[Array, ...]:
    """The gradients of x, W, R and b from dy [T, B, H]."""
    steps, batch, _ = x.shape
    hidden = r.shape[1]
    dz = np.empty((steps, batch, 4, hidden))
    dh, dc = np.zeros((batch, hidden)), np.zeros((batch, hidden))
    for t in reversed(range(steps)):
        i, f, g, o = gates[t].swapaxes(0, 1)
        before = c[t - 1] if t > 0 else np.zeros_like(c[t])
        squashed = np.tanh(c[t])
        dh = dh + dy[t]
        dc = dc + dh * o * (1.0 - squashed**2)
        dz[t, :, 0] = dc * g * i * (1.0 - i)
        dz[t, :, 1] = dc * before * f * (1.0 - f)
        dz[t, :, 2] = dc * i * (1.0 - g**2)
        dz[t, :, 3] = dh * squashed * o * (1.0 - o)
        dh = dz[t].reshape(batch, -1) @ r
        dc = dc * f
    flat = dz.reshape(steps * batch, -1)
    recurrent = np.concatenate([np.zeros_like(h[:1]), h[:-1]]).reshape(steps * batch, -1)
    return (flat @ w).reshape(x.shape), flat.T @ x.reshape(steps * batch, -1), flat.T @ recurrent, flat.sum(axis=0)
