"""One layer and one set of numbers for it: what is fed to rustlstm and to its reference alike.

Names are rustlstm's own. A problem's arrays are `x` [B, T, C], `dy` [B, T, D*R], `dh` [L*D, B, R], `dc` [L*D, B, H],
each parameter as `param.<name>`, and, where the configuration asks for them, `lengths` [B] and the initial state `h0`
[L*D, B, R], `c0` [L*D, B, H]. R is the projected size where there is a projection, H otherwise. A result's arrays
are `y`, `h`, `c`, and, where gradients were asked for, `dx`, `dh0`, `dc0` and `grad.<name>`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Problem:
    """An LSTM layer, the batch it sees and the seed of its numbers; `shortest` is the least length of a ragged row."""

    input_size: int
    hidden_size: int
    batch: int
    steps: int
    num_layers: int = 1
    bidirectional: bool = False
    proj_size: int | None = None
    ragged: bool = False
    shortest: int = 0
    state: bool = False
    peephole: bool = False
    coupled: bool = False
    input_activation: str = "tanh"
    output_activation: str = "tanh"
    clip: float | None = None
    seed: int = 0

    @property
    def directions(self) -> int:
        """How many directions each layer runs in."""
        return 2 if self.bidirectional else 1

    @property
    def recurrent_size(self) -> int:
        """The width of h."""
        return self.proj_size or self.hidden_size

    def __str__(self) -> str:
        """Everything that differs from a plain layer, short enough for a test's name."""
        defaults = Problem(0, 0, 0, 0)
        shape = f"C{self.input_size}-H{self.hidden_size}-B{self.batch}-T{self.steps}"
        for name, value in asdict(self).items():
            told = name in ("input_size", "hidden_size", "batch", "steps", "seed", "shortest")
            if told or value == getattr(defaults, name):
                continue
            shape += f"-{name}" if value is True else f"-{name}={value}"
        return shape

    def suffixes(self) -> list[str]:
        """The endings of parameter names, one per layer and direction, in order."""
        return [f"_l{layer}{side}" for layer in range(self.num_layers) for side in ("", "_reverse")[: self.directions]]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter."""
        hidden, recurrent = self.hidden_size, self.recurrent_size
        shapes: dict[str, tuple[int, ...]] = {}
        for suffix in self.suffixes():
            first = suffix.startswith("_l0")
            shapes[f"weight_ih{suffix}"] = (4 * hidden, self.input_size if first else self.directions * recurrent)
            shapes[f"weight_hh{suffix}"] = (4 * hidden, recurrent)
            shapes[f"bias{suffix}"] = (4 * hidden,)
            if self.proj_size:
                shapes[f"weight_hr{suffix}"] = (recurrent, hidden)
            if self.peephole:
                shapes[f"weight_peephole{suffix}"] = (3, hidden)
        return shapes

    def draw(self) -> Arrays:
        """The problem's arrays, float32, the same for the same seed."""
        rng = np.random.default_rng(self.seed)

        def normal(*shape: int, scale: float = 1.0) -> Array:
            return (scale * rng.standard_normal(shape)).astype(np.float32)

        hidden, recurrent, rows = self.hidden_size, self.recurrent_size, self.num_layers * self.directions
        arrays = {
            "x": normal(self.batch, self.steps, self.input_size),
            "dy": normal(self.batch, self.steps, self.directions * recurrent),
            "dh": normal(rows, self.batch, recurrent),
            "dc": normal(rows, self.batch, hidden),
        }
        for name, shape in self.parameter_shapes().items():
            # Wider than a fresh layer's weights, so that gates leave their linear range and a clip has work to do.
            fan = shape[-1] if len(shape) == 2 and "peephole" not in name else 1
            arrays[f"param.{name}"] = normal(*shape, scale=0.8 / fan**0.5 if fan > 1 else 0.5)
        if self.state:
            arrays["h0"] = normal(rows, self.batch, recurrent, scale=0.5)
            arrays["c0"] = normal(rows, self.batch, hidden)
        if self.ragged:
            lengths = rng.integers(self.shortest, self.steps + 1, self.batch)
            lengths[rng.integers(self.batch)] = self.steps
            arrays["lengths"] = lengths.astype(np.int64)
        return arrays


def parameters(arrays: Arrays) -> Arrays:
    """The parameters among a problem's arrays, under their own names."""
    return {name.removeprefix("param."): value for name, value in arrays.items() if name.startswith("param.")}
