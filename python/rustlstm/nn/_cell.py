"""What a cell is made of: the plain LSTM, the variants of its history, and the ablations of a well-known study."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from .._options import flag, number
from ._config import register

ACTIVATIONS = ("tanh", "sigmoid", "hard_sigmoid", "relu", "softsign", "identity")


@register
@dataclass(frozen=True)
class Cell:
    """What happens in one step of an LSTM; the plain cell unless told otherwise.

    Args:
        peephole: the gates also see the cell's state, each unit its own, through ``weight_peephole``.
        coupled: the forget gate is one minus the input gate.
        input_gate, forget_gate, output_gate: ``False`` fixes the gate at one.
        input_activation: squashes the candidate g; one of tanh, sigmoid, hard_sigmoid, relu, softsign, identity.
        output_activation: squashes the cell's state on its way out; one of the same.
        forget_bias: first value of the forget gate's bias; ``None`` leaves what the initialiser draws, as torch.
        clip: bound on the inputs of the gates and of the candidate, as in ONNX; the carried state is not clipped.

    >>> Cell.peephole_2002(clip=5.0)
    Cell(peephole=True, clip=5.0)
    """

    peephole: bool = False
    coupled: bool = False
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    input_activation: str = "tanh"
    output_activation: str = "tanh"
    forget_bias: float | None = 1.0
    clip: float | None = None

    def __post_init__(self) -> None:
        for name in ("peephole", "coupled", "input_gate", "forget_gate", "output_gate"):
            flag(name, getattr(self, name))
        for name in ("input_activation", "output_activation"):
            if getattr(self, name) not in ACTIVATIONS:
                raise ValueError(f"{name} must be one of {', '.join(ACTIVATIONS)}, got {getattr(self, name)!r}")
        if self.forget_bias is not None and not math.isfinite(number("forget_bias", self.forget_bias)):
            raise ValueError(f"forget_bias must be finite or None, got {self.forget_bias}")
        if self.clip is not None and not number("clip", self.clip) > 0:
            raise ValueError(f"clip must be above 0 or None, got {self.clip}")
        if self.coupled and not (self.input_gate and self.forget_gate):
            raise ValueError("coupled ties the forget gate to the input gate, so both must be there")

    @classmethod
    def original_1997(cls, **options: Any) -> Cell:
        """Return the cell of Hochreiter and Schmidhuber (1997): no forget gate, so the state only ever adds up."""
        return replace(cls(forget_gate=False), **options)

    @classmethod
    def gers_2000(cls, **options: Any) -> Cell:
        """Return the cell of Gers, Schmidhuber and Cummins (2000), with a forget gate: the default everywhere."""
        return replace(cls(), **options)

    @classmethod
    def peephole_2002(cls, **options: Any) -> Cell:
        """Return the cell of Gers, Schraudolph and Schmidhuber (2002): the gates see the cell's state."""
        return replace(cls(peephole=True), **options)

    @classmethod
    def coupled_gates(cls, **options: Any) -> Cell:
        """Return a cell with one gate for both: what is let in takes the place of what is forgotten."""
        return replace(cls(coupled=True), **options)

    @classmethod
    def ablation(cls, name: str, **options: Any) -> Cell:
        """Return a cell of "LSTM: A Search Space Odyssey" (Greff et al., 2017), where all but ``"NP"`` have peepholes.

        Args:
            name: ``"NIG"``, ``"NFG"``, ``"NOG"`` (no input, forget, output gate), ``"NIAF"``, ``"NOAF"`` (no input,
                output activation), ``"NP"`` (no peepholes), ``"CIFG"`` (coupled gates) or ``"V"`` (the vanilla cell).
            **options: other fields of the cell.
        """
        changes: dict[str, dict[str, Any]] = {
            "V": {},
            "NIG": {"input_gate": False},
            "NFG": {"forget_gate": False},
            "NOG": {"output_gate": False},
            "NIAF": {"input_activation": "identity"},
            "NOAF": {"output_activation": "identity"},
            "NP": {"peephole": False},
            "CIFG": {"coupled": True},
        }
        if name not in changes:
            raise ValueError(f"ablation must be one of {', '.join(changes)}, got {name!r}")
        return replace(cls(peephole=True), **changes[name], **options)

    def __repr__(self) -> str:
        changed = (f for f in fields(self) if getattr(self, f.name) != f.default)
        return f"Cell({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in changed)})"


def as_cell(value: Any) -> Cell:
    """Return the cell that an argument asks for."""
    if value is not None and not isinstance(value, Cell):
        raise TypeError(f"cell must be a Cell or None, got {type(value).__name__}")
    return Cell() if value is None else value


def arithmetic(cell: Cell) -> dict[str, Any]:
    """Return what the arithmetic asks of a cell: all but the first value of a parameter."""
    return {f.name: getattr(cell, f.name) for f in fields(cell) if f.name != "forget_bias"}
