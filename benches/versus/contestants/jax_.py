"""JAX: `lax.scan` over the steps of a time-major batch, the input's products outside the loop, all of it jitted."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from versus import single
from versus.shapes import FORWARD, PADDED, SINGLE, STEP, TRAINING, Shape
from versus.step import BETAS, CLIP_NORM, COMPARED, EPSILON, LEARNING_RATE
from versus.work import Arrays

MODES = (FORWARD, TRAINING, STEP, SINGLE, PADDED)


def version() -> str:
    """What was measured."""
    return jax.__version__


def prepare(shape: Shape, arrays: Arrays, mode: str, threads: int) -> Any:
    """A job, compiled by its first run; the runner's environment has set the threads."""
    if mode == SINGLE:
        return single.quickest([Single(shape, arrays, form) for form in FORMS])
    return (Step if mode == STEP else Job)(shape, arrays, mode)


class Job:
    """One call of a compiled function, waited for."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        self.parameters = {name: jnp.asarray(arrays[name]) for name in shape.parameters()}
        self.x = jnp.asarray(arrays["x"].swapaxes(0, 1))
        self.dy = jnp.asarray(arrays["dy"].swapaxes(0, 1))
        self.mode = mode

        def forward(parameters: dict[str, jax.Array], x: jax.Array) -> tuple[jax.Array, Any]:
            return _stack(shape, parameters, x)

        def training(parameters: dict[str, jax.Array], x: jax.Array, dy: jax.Array) -> Any:
            y, pull, state = jax.vjp(forward, parameters, x, has_aux=True)
            return y, state, pull(dy)

        self.function = jax.jit(forward if mode == FORWARD else training)

    def run(self) -> None:
        """One call."""
        operands = (self.parameters, self.x) if self.mode == FORWARD else (self.parameters, self.x, self.dy)
        self.out = jax.block_until_ready(self.function(*operands))

    def results(self) -> Arrays:
        """What the last call gave."""
        y, (h, c), *gradients = self.out
        results = {"y": y.swapaxes(0, 1), "h": h, "c": c}
        for of_parameters, dx in gradients:
            results |= of_parameters | {"dx": dx.swapaxes(0, 1)}
        return {name: np.asarray(value) for name, value in results.items()}


class Step:
    """A training step: one compiled function that takes the buffers of the last one over."""

    def __init__(self, shape: Shape, arrays: Arrays, mode: str) -> None:
        names = [*shape.parameters(), *shape.head_parameters()]
        parameters = {name: jnp.asarray(arrays[name]) for name in names}
        self.state = parameters, jax.tree.map(jnp.zeros_like, parameters), jax.tree.map(jnp.zeros_like, parameters), 0.0
        self.x = jnp.asarray(arrays["x"].swapaxes(0, 1))
        self.target = jnp.asarray(arrays["target"] if shape.head == 1 else arrays["target"].T)
        self.losses: list[float] = []

        def loss_of(parameters: dict[str, jax.Array], x: jax.Array, target: jax.Array) -> jax.Array:
            y, _ = _stack(shape, parameters, x)
            out = (y[-1] if shape.head == 1 else y) @ parameters["head_weight"].T + parameters["head_bias"]
            if shape.head == 1:
                return ((out - target) ** 2).mean()
            return -jnp.take_along_axis(jax.nn.log_softmax(out), target[..., None], axis=-1).mean()

        def step(state: Any, x: jax.Array, target: jax.Array) -> Any:
            parameters, first, second, number = state
            loss, gradients = jax.value_and_grad(loss_of)(parameters, x, target)
            norm = jnp.sqrt(sum((gradient**2).sum() for gradient in jax.tree.leaves(gradients)))
            number, cut = number + 1, jnp.minimum(1, CLIP_NORM / (norm + 1e-6))
            gradients = jax.tree.map(lambda g: g * cut, gradients)
            first = jax.tree.map(lambda m, g: m + (1 - BETAS[0]) * (g - m), first, gradients)
            second = jax.tree.map(lambda v, g: v + (1 - BETAS[1]) * (g * g - v), second, gradients)
            rate, unbias = LEARNING_RATE / (1 - BETAS[0] ** number), 1 / (1 - BETAS[1] ** number)
            move = lambda w, m, v: w - rate * m / (jnp.sqrt(v * unbias) + EPSILON)  # noqa: E731
            return (jax.tree.map(move, parameters, first, second), first, second, number), loss

        self.step = jax.jit(step, donate_argnums=0)

    def run(self) -> None:
        """One step."""
        self.state, loss = jax.block_until_ready(self.step(self.state, self.x, self.target))
        if len(self.losses) < COMPARED:
            self.losses.append(float(loss))

    def results(self) -> Arrays:
        """The losses of the first steps."""
        while len(self.losses) < COMPARED:
            self.run()
        return {"losses": np.array(self.losses, np.float32)}


def _stack(shape: Shape, parameters: dict[str, jax.Array], x: jax.Array) -> tuple[jax.Array, Any]:
    """y [T, B, D*H] and (h, c), [L*D, B, H] each."""
    states = []
    for layer in range(shape.layers):
        sides = []
        for side in ("", "_reverse")[: shape.directions]:
            w, r, b = (parameters[f"{name}_l{layer}{side}"] for name in ("weight_ih", "weight_hh", "bias"))
            y, state = _layer(x, w, r, b, reverse=side != "")
            sides.append(y)
            states.append(state)
        x = jnp.concatenate(sides, axis=2) if len(sides) > 1 else sides[0]
    return x, (jnp.stack([h for h, _ in states]), jnp.stack([c for _, c in states]))


def _layer(x: jax.Array, w: jax.Array, r: jax.Array, b: jax.Array, *, reverse: bool) -> tuple[jax.Array, Any]:
    """y [T, B, H] and (h, c), [B, H] each."""

    def step(state: Any, z: jax.Array) -> Any:
        h, c = state
        h, c = _gates(z + h @ r.T, c)
        return (h, c), h

    zero = jnp.zeros((x.shape[1], r.shape[1]), x.dtype)
    state, y = jax.lax.scan(step, (zero, zero), x @ w.T + b, reverse=reverse)
    return y, state


def _gates(z: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
    i, f, g, o = jnp.split(z, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


FORMS = ("one product", "two products")


class Single(single.Steps):
    """A compiled step over vectors, the parameters compiled into it; each step is waited for."""

    def __init__(self, shape: Shape, arrays: Arrays, form: str) -> None:
        self.way = form
        w, r, b = (jnp.asarray(arrays[f"{name}_l0"]) for name in ("weight_ih", "weight_hh", "bias"))
        both = jnp.concatenate([w, r], axis=1)
        self.zero = jnp.zeros(shape.hidden_size)
        self.last = self.zero, self.zero
        self.xs = list(jnp.asarray(arrays["x"][0]))

        def one(x: jax.Array, h: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
            return _gates(both @ jnp.concatenate([x, h]) + b, c)

        def two(x: jax.Array, h: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
            return _gates(w @ x + r @ h + b, c)

        compiled = jax.jit(one if form == FORMS[0] else two)

        def step(x: jax.Array) -> Any:
            self.last = compiled(x, *self.last)
            return self.last[0].block_until_ready()

        self.step = step

    def begin(self) -> None:
        """Back to a state of zeros."""
        self.last = self.zero, self.zero

    def state(self) -> tuple[jax.Array, jax.Array]:
        """The state (h, c)."""
        return self.last
