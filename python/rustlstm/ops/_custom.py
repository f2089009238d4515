"""Operations that a user writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Array, Gradients, Tensor, attach, recording, wrap
from ._values import as_f32, constant


def custom(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """Make an operation on tensors from two functions on numpy arrays.

    Args:
        forward: takes the inputs as arrays and returns the output, or a tuple of outputs.
        backward: takes the gradient of the output (a tuple of gradients for a tuple of outputs), then the inputs, and
            returns the gradient of the input (a tuple for several), ``None`` for an input that needs none.

    Returns:
        The operation: it takes tensors or arrays, and gives a tensor or a tuple of tensors.

    The inputs and gradients come as read-only arrays of float32; an index, say, is best closed over.

    >>> import numpy as np, rustlstm as rl
    >>> cube = rl.ops.custom(lambda x: x**3, lambda grad, x: grad * 3 * x**2)
    >>> x = rl.Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.], dtype=float32)
    """

    def operation(*inputs: Any) -> Any:
        arrays = [given.data if isinstance(given, Tensor) else constant(given) for given in inputs]
        made = forward(*arrays)
        several = isinstance(made, tuple)
        outputs = [np.array(as_f32("the output of forward", one)) for one in (made if several else (made,))]
        parents = [given for given in inputs if isinstance(given, Tensor)]
        if not recording(*parents):
            results = [wrap(output) for output in outputs]
        else:
            results = attach(outputs, parents, lambda grads: back(grads, inputs, arrays, outputs, several))
        return tuple(results) if several else results[0]

    def back(
        grads: Gradients, inputs: tuple[Any, ...], arrays: list[Array], outputs: list[Array], several: bool
    ) -> Gradients:
        pairs = zip(grads, outputs, strict=True)
        dense = [np.zeros(output.shape, np.float32) if grad is None else _read_only(grad) for grad, output in pairs]
        made = backward(tuple(dense) if several else dense[0], *arrays)
        made = made if isinstance(made, tuple) else (made,)
        if len(made) != len(inputs):
            raise ValueError(f"backward must return {len(inputs)} gradients, one for each input, got {len(made)}")
        return [
            None if grad is None else as_f32(f"the gradient of input {number}", grad, [("", n) for n in array.shape])
            for number, (grad, given, array) in enumerate(zip(made, inputs, arrays, strict=True))
            if isinstance(given, Tensor)
        ]

    return operation


def _read_only(grad: Array) -> Array:
    # Another operation, or whoever called backward, may have the same array.
    view: Array = grad.view()
    view.setflags(write=False)
    return view
