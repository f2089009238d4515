"""The state that a model carries from batch to batch: a Tensor, an array, or tuples, lists and dicts of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..nn import Module
from ..ops import as_f32, values
from ..tensor import Array, wrap


def detached(state: Any) -> Any:
    """Return copies of the arrays of a state, cut off from the tape."""
    return _mapped(state, lambda part: np.array(as_f32("state", values(part))))


def entering(model: Module, state: Any, reset: npt.NDArray[np.bool_] | None) -> Any:
    """Return a state as tensors, with zeros in the rows that begin anew; None if these are all rows.

    The rows are the last axis but one: [L*D, B, H] of a layer, [B, H] of a cell.
    """
    if state is None or (reset is not None and reset.all()):
        return None
    if reset is not None and reset.any():
        _refuse_learned(model, reset)
    return _mapped(state, lambda part: wrap(_cleared(part, reset)))


def _refuse_learned(model: Module, reset: npt.NDArray[np.bool_]) -> None:
    """Fail if a layer has an initial state of its own: which part of the state is its own, only the loss knows."""
    for name, module in model.named_modules():
        if getattr(module, "learn_initial_state", False):
            raise ValueError(
                f"{name or type(module).__name__} learns its initial state, which it takes where all rows begin, but "
                f"here {int(reset.sum())} of {len(reset)} rows begin, and would with zeros; give Streams one array or "
                "batch_size=1, so that rows begin together, or say learn_initial_state=False"
            )


def _cleared(part: Array, reset: npt.NDArray[np.bool_] | None) -> Array:
    if reset is not None and (part.ndim < 2 or part.shape[-2] != len(reset)):
        raise ValueError(f"a state must have shape [..., B, H] with B = {len(reset)}, got {list(part.shape)}")
    cleared: Array = part.copy()
    if reset is not None:
        cleared[..., reset, :] = 0.0
    return cleared


def _mapped(state: Any, change: Callable[[Any], Any]) -> Any:
    if state is None:
        return None
    if isinstance(state, dict):
        return {name: _mapped(part, change) for name, part in state.items()}
    if isinstance(state, (list, tuple)):
        parts = [_mapped(part, change) for part in state]
        if hasattr(state, "_fields"):  # a named tuple takes its parts one by one
            return type(state)(*parts)
        return tuple(parts) if isinstance(state, tuple) else parts
    return change(state)
