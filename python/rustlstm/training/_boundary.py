"""What a batch changes before its step is taken, and how to go back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..nn import Module
from ..ops import as_f32
from ..tensor import Array


class Boundary:
    """The draws and gradients of a model between two batches.

    A forward pass counts the draws of random layers, and a backward pass adds to the gradients, in place where it can.
    """

    def __init__(self, model: Module) -> None:
        self._model = model
        self.parameters = dict(model.named_parameters())
        self._drawing: dict[str, Any] = {path: m for path, m in model.named_modules() if hasattr(m, "draws")}
        self.note()

    def note(self, whole: bool = True) -> None:
        """Say that this is a boundary; ``whole`` if a step was taken, so that there are no gradients."""
        self._draws = [module.draws for module in self._drawing.values()]
        self._gradients: dict[str, Array] = {}
        if not whole:
            self._gradients = {name: p.grad.copy() for name, p in self.parameters.items() if p.grad is not None}

    def roll_back(self) -> None:
        """Go back to the last boundary."""
        for module, draws in zip(self._drawing.values(), self._draws, strict=True):
            module.draws = draws
        for name, parameter in self.parameters.items():
            gradient = self._gradients.get(name)
            parameter.grad = None if gradient is None else gradient.copy()

    def forget(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def again(self) -> Boundary:
        """Return the same boundary of the model as it is now, which may have other parts, and go back to it."""
        new = Boundary(self._model)
        new.load_state_dict(self.state_dict())
        return new

    def state_dict(self) -> dict[str, Any]:
        """Return the draws of each module and the gradients that wait for a step."""
        draws = {
            path: {"seed": module.seed, "draws": draws}
            for (path, module), draws in zip(self._drawing.items(), self._draws, strict=True)
        }
        return {"draws": draws, "gradients": dict(self._gradients)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the boundary of a state."""
        for path, module in self._drawing.items():
            seed = state["draws"].get(path, {}).get("seed")
            if seed != module.seed:
                raise ValueError(f"{path} draws with seed {module.seed}, and in that run with {seed}")
        self._draws = [state["draws"][path]["draws"] for path in self._drawing]
        self._gradients = {name: as_f32(name, gradient) for name, gradient in state["gradients"].items()}
        self.roll_back()
