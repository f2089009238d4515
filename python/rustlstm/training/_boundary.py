"""What a batch changes before its step is taken, and how to go back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .._saved import part
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
        modules = dict(model.named_modules())
        self._counters = {
            f"{path}.{name}" if path else name: (module, name)
            for path, module in modules.items()
            for name in module._counters
        }
        # What is drawn follows from these too; they come with the model, and are kept only to be compared.
        self._seeds = {path: getattr(module, "seed", None) for path, module in modules.items() if module._counters}
        self.note()

    def note(self, whole: bool = True) -> None:
        """Say that this is a boundary; ``whole`` if a step was taken, so that no gradients wait for one."""
        self._counts = [getattr(module, name) for module, name in self._counters.values()]
        self._gradients: dict[str, Array] = {}
        if not whole:
            self._gradients = {name: p.grad.copy() for name, p in self.parameters.items() if p.grad is not None}

    def roll_back(self) -> None:
        """Go back to the last boundary."""
        for (module, name), count in zip(self._counters.values(), self._counts, strict=True):
            setattr(module, name, count)
        for name, parameter in self.parameters.items():
            gradient = self._gradients.get(name)
            parameter.grad = None if gradient is None else gradient.copy()

    def forget(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def again(self) -> Boundary:
        """Go back, and return a boundary there of the model as it is now, which may have got other parts."""
        self.roll_back()
        new = Boundary(self._model)
        new.note(whole=not self._gradients)
        return new

    def state_dict(self) -> dict[str, Any]:
        """Return what was drawn, and the gradients that wait for a step."""
        counters = dict(zip(self._counters, self._counts, strict=True))
        return {"counters": counters, "seeds": dict(self._seeds), "gradients": dict(self._gradients)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the boundary of a state; on an error nothing is changed."""
        seeds, gradients = part(state, "seeds"), {}
        if seeds != self._seeds:
            raise ValueError(f"the model draws with the seeds {self._seeds}, and in that run with {seeds}")
        for name, gradient in part(state, "gradients", Mapping).items():
            if name not in self.parameters:
                raise ValueError(f"the state has a gradient of {name!r}, which the model has not")
            axes = [("", extent) for extent in self.parameters[name].shape]
            gradients[name] = as_f32(f"the gradient of {name}", gradient, axes)
        self._model.load_counters(part(state, "counters", Mapping))
        self.note()
        self._gradients = gradients
        self.roll_back()


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode; after it each module is in the mode that it had."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
