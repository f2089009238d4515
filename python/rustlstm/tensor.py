"""The tape: a ``Tensor`` is an array, its gradient, and how it was made.

Forward, an operation computes its outputs as plain arrays and, if any of its inputs needs a gradient, hangs one
``Node`` on them: the inputs, and a function from the gradients of the outputs to those of the inputs. Backward, the
nodes run once each, every node after all that used its outputs, and what arrives at a leaf is added to its ``grad``.

This is the only place where gradients flow. It holds no arithmetic of its own: heavy operations are in ``ops``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]
Gradients: TypeAlias = Sequence[Array | None]


class _Mode(threading.local):
    recording = True


_mode = _Mode()


class no_grad(ContextDecorator):  # noqa: N801 - used as a word, as in torch
    """Inside, nothing is recorded and nothing kept. A context manager and a decorator, for the current thread.

    >>> import numpy as np, rustlstm as rl
    >>> lstm = rl.nn.LSTM(3, 4)
    >>> with rl.no_grad():
    ...     y, _ = lstm(np.zeros((1, 2, 3)))
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        self._before: list[bool] = []

    def _recreate_cm(self) -> no_grad:
        # A decorated function gets a new one for each call, since it may run in several threads at once.
        return no_grad()

    def __enter__(self) -> None:
        self._before.append(_mode.recording)
        _mode.recording = False

    def __exit__(self, *exception: object) -> None:
        _mode.recording = self._before.pop()


def recording(*inputs: Tensor) -> bool:
    """Say whether an operation on these inputs goes on the tape."""
    return _mode.recording and any(tensor.requires_grad for tensor in inputs)


class Node:
    """One operation on the tape: its inputs, and the way from the gradients of its outputs to theirs.

    ``backward`` takes one gradient (or ``None`` for zero) per output and returns one per parent.
    """

    __slots__ = ("backward", "outputs", "parents", "used", "versions")

    def __init__(
        self,
        parents: Sequence[Tensor],
        outputs: int,
        backward: Callable[[Gradients], Gradients],
        used: Sequence[Versioned],
    ) -> None:
        self.parents = parents
        self.outputs = outputs
        self.backward: Callable[[Gradients], Gradients] | None = backward
        self.used = used
        self.versions = [leaf.version for leaf in used]


class Tensor:
    """A float32 array that gradients can flow through.

    Args:
        data: anything array-like, of any shape; it is copied.
        requires_grad: whether ``backward`` shall leave the gradient in ``grad``.

    The array in ``data`` is read-only, since the tape may still need it; ``numpy()`` returns a copy of your own.

    >>> x = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> x.shape
    (1, 2)
    """

    __slots__ = ("__weakref__", "_index", "_node", "data", "grad", "requires_grad")

    data: Array
    grad: Array | None
    requires_grad: bool
    _node: Node | None
    _index: int

    def __init__(self, data: npt.ArrayLike, requires_grad: bool = False) -> None:
        self._fill(np.array(_as_f32("data", data)), requires_grad, None, 0)

    def _fill(self, data: Array, requires_grad: bool, node: Node | None, index: int) -> None:
        data.flags.writeable = False
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad
        self._node = node
        self._index = index

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents of the axes."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Always float32."""
        return self.data.dtype

    def __len__(self) -> int:
        return len(self.data)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy:
            return np.array(self.data, dtype=dtype)
        if copy is False and dtype is not None and np.dtype(dtype) != self.data.dtype:
            raise ValueError(f"a float32 tensor cannot become {np.dtype(dtype)} without a copy")
        return np.asarray(self.data, dtype=dtype)

    def numpy(self) -> Array:
        """Return a copy of the values."""
        return np.array(self.data)

    def item(self) -> float:
        """Return the value of a tensor with one element."""
        return float(self.data.item())

    def __float__(self) -> float:
        return self.item()

    def tolist(self) -> Any:
        """Return the values as nested lists."""
        return self.data.tolist()

    def detach(self) -> Tensor:
        """Return the same values, cut off from the tape."""
        return wrap(self.data)

    def backward(self, grad: npt.ArrayLike | None = None) -> None:
        """Add to the ``grad`` of every leaf the gradient of ``sum(grad * self)``.

        Args:
            grad: an array with the shape of this tensor; may be left out for a single number.

        A forward pass can go backward once. Use ``rustlstm.backward`` to start from several tensors.
        """
        backward([self], [grad])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.numpy(), self.requires_grad and self._node is None)

    def __repr__(self) -> str:
        values = np.array2string(self.data, precision=4, threshold=20, edgeitems=2, separator=", ", prefix="Tensor(")
        leaf = ", requires_grad=True" if self.requires_grad else ""
        return f"{type(self).__name__}({values}, shape={self.shape}{leaf})"


class Versioned(Tensor):
    """A leaf whose values change only through ``assign`` and the optimizers, each of which changes ``version``."""

    __slots__ = ("name", "version")

    name: str
    version: int


def wrap(data: Array) -> Tensor:
    """Return a tensor around an array that nobody else will write; no copy."""
    tensor = Tensor.__new__(Tensor)
    tensor._fill(data, False, None, 0)
    return tensor


def attach(
    outputs: Sequence[Array],
    parents: Sequence[Tensor],
    backward: Callable[[Gradients], Gradients],
    used: Sequence[Versioned] | None = None,
) -> list[Tensor]:
    """Return tensors for the outputs of one operation, on the tape. Call it only where ``recording`` says so.

    Args:
        outputs: the values; the tape takes them over.
        parents: the inputs that gradients go to.
        backward: takes a gradient (or ``None`` for zero) per output, returns one per parent.
        used: the parameters whose values must be the same when ``backward`` comes; those among the parents if left out.
    """
    if used is None:
        used = [parent for parent in parents if isinstance(parent, Versioned)]
    node = Node(parents, len(outputs), backward, used)
    tensors = []
    for index, data in enumerate(outputs):
        tensor = Tensor.__new__(Tensor)
        tensor._fill(data, True, node, index)
        tensors.append(tensor)
    return tensors


def backward(tensors: Sequence[Tensor], grads: Sequence[npt.ArrayLike | None] | None = None) -> None:
    """Add to the ``grad`` of every leaf the gradient of the sum of ``sum(grad * tensor)`` over all pairs.

    Args:
        tensors: where to start.
        grads: an array for each tensor, with its shape; ``None`` means one, for a single number.

    >>> import numpy as np, rustlstm as rl
    >>> lstm = rl.nn.LSTM(3, 4)
    >>> y, (h, c) = lstm(np.zeros((1, 2, 3)))
    >>> rl.backward([y, h], [np.ones(y.shape), np.ones(h.shape)])
    """
    starts: list[tuple[Tensor, Array]] = []
    for tensor, grad in zip(tensors, [None] * len(tensors) if grads is None else grads, strict=True):
        if not tensor.requires_grad:
            raise RuntimeError(
                "backward needs a tensor that was made, outside no_grad, from one that requires a gradient"
            )
        starts.append((tensor, _starting_grad(tensor, grad)))
    order = _order([tensor._node for tensor, _ in starts if tensor._node is not None])
    # All is checked before anything is added, so that a call that fails leaves every ``grad`` as it was.
    if any(node.backward is None for node in order):
        raise RuntimeError(
            "this pass was already taken backward; run forward again, start from all outputs at once, "
            "or detach() the state that came from it"
        )
    for node in order:
        for leaf, version in zip(node.used, node.versions, strict=True):
            if leaf.version != version:
                raise RuntimeError(
                    f"{leaf.name or 'a parameter'} of shape {list(leaf.shape)} was changed after the forward pass that "
                    "used it; go backward before the optimizer's step, or run forward again"
                )
    arriving: dict[Node, list[Array | None]] = {node: [None] * node.outputs for node in order}
    for tensor, start in starts:
        _arrive(arriving, tensor, start)
    for node in order:
        run, parents = node.backward, node.parents
        got = arriving.pop(node)
        if run is None or all(grad is None for grad in got):
            continue
        returned = run(got)
        # What the pass kept is used up.
        node.backward, node.parents, node.used, node.versions = None, (), (), []
        for parent, grad in zip(parents, returned, strict=True):
            if grad is not None and parent.requires_grad:
                _arrive(arriving, parent, grad)


def _starting_grad(tensor: Tensor, grad: npt.ArrayLike | None) -> Array:
    if grad is not None:
        return _as_f32("grad", grad, [("", extent) for extent in tensor.shape])
    if tensor.size != 1:
        raise ValueError(f"backward from a tensor of shape {list(tensor.shape)} needs its gradient: y.backward(dy)")
    return np.ones(tensor.shape, np.float32)


def _arrive(arriving: dict[Node, list[Array | None]], tensor: Tensor, grad: Array) -> None:
    node = tensor._node
    if node is None:
        # A copy: the same array may have been returned for two parents.
        tensor.grad = grad.copy() if tensor.grad is None else tensor.grad + grad
        return
    slots = arriving[node]
    before = slots[tensor._index]
    slots[tensor._index] = grad if before is None else before + grad


def _order(roots: Sequence[Node]) -> list[Node]:
    """Return the roots and the nodes above them, each before its parents."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(node, False) for node in roots]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent._node, False) for parent in node.parents if parent._node is not None)
    return order[::-1]


def _as_f32(name: str, value: npt.ArrayLike, shape: Sequence[tuple[str, int | None]] | None = None) -> Array:
    # ops stands on this module, so it is asked for only when called.
    from .ops import as_f32

    return as_f32(name, value, shape)
