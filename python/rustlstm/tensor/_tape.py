"""The tape: how each tensor was made, and the way back.

Forward, an operation computes its outputs as plain arrays and, if any of its inputs needs a gradient, hangs one
``Node`` on them: the inputs, and a function from the gradients of the outputs to those of the inputs. Backward, the
nodes run once each, every node after all that used its outputs, and what arrives at a leaf is added to its ``grad``.

This is the only place where gradients flow. It holds no arithmetic of its own.
"""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ContextDecorator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ._tensor import Tensor, Versioned

Array: TypeAlias = npt.NDArray[np.float32]
Gradients: TypeAlias = Sequence[Array | None]


class _Mode(threading.local):
    inside = 0  # how many ``no_grad`` the thread is in


_mode = _Mode()
_adding = threading.RLock()
_numbers = itertools.count()
_number = operator.attrgetter("number")

TAKEN = (
    "this pass was already taken backward; run forward again, start from all outputs at once, "
    "or detach() the state that came from it"
)


class no_grad(ContextDecorator):  # noqa: N801 - used as a word, as in torch
    """Inside, nothing is recorded and nothing kept. A context manager and a decorator, for the current thread.

    >>> import numpy as np, rustlstm as rl
    >>> lstm = rl.nn.LSTM(3, 4)
    >>> with rl.no_grad():
    ...     y, _ = lstm(np.zeros((1, 2, 3)))
    >>> y.requires_grad
    False
    """

    def __enter__(self) -> None:
        _mode.inside += 1

    def __exit__(self, *exception: object) -> None:
        if _mode.inside:  # it may have been entered by another thread, in a generator
            _mode.inside -= 1


def _after_fork() -> None:
    """Begin with a free lock in a child: whoever held it is not there."""
    global _adding
    _adding = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def adding() -> AbstractContextManager[bool]:
    """Return the lock that is held while gradients are added to leaves, to be held where they are changed otherwise.

    Passes of several threads may end at the same leaves. What runs meanwhile in the same thread, as the handler of a
    signal, may itself go backward.
    """
    return _adding


def recording(*inputs: Tensor) -> bool:
    """Say whether an operation on these inputs goes on the tape."""
    if not _mode.inside:
        for tensor in inputs:  # a loop, because any() would take as long as the rest of a small operation
            if tensor.requires_grad:
                return True
    return False


def nothing(grads: Gradients) -> bool:
    """Say whether all of these gradients are zero."""
    for grad in grads:  # noqa: SIM110 - all() takes three times as long
        if grad is not None:
            return False
    return True


class Node:
    """One operation on the tape: its inputs, and the way from the gradients of its outputs to theirs.

    ``backward`` takes one gradient (or ``None`` for zero) per output and returns one per parent. ``fresh`` says that
    these are new arrays, which nobody else has.
    """

    __slots__ = ("backward", "fresh", "number", "outputs", "parents", "used")

    def __init__(
        self,
        parents: Sequence[Tensor],
        outputs: int,
        backward: Callable[[Gradients], Gradients],
        used: Sequence[tuple[Versioned, int]],
        fresh: bool = False,
    ) -> None:
        self.parents = parents
        self.outputs = outputs
        self.backward: Callable[[Gradients], Gradients] | None = backward
        # The parameters whose values must still be of these versions when backward comes.
        self.used = used
        self.fresh = fresh
        # Above those of all nodes that this one can reach.
        self.number = next(_numbers)


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
    if not isinstance(tensors, (list, tuple)):
        raise TypeError("backward takes a list of tensors; of a single one write tensor.backward()")
    if grads is not None and len(grads) != len(tensors):
        raise ValueError(f"grads must have one gradient for each of {len(tensors)} tensors, got {len(grads)}")
    starts: list[tuple[Tensor, Array]] = []
    for tensor, grad in zip(tensors, [None] * len(tensors) if grads is None else grads, strict=True):
        if not tensor.requires_grad:
            raise RuntimeError(
                "backward needs a tensor that was made, outside no_grad, from one that requires a gradient"
            )
        starts.append((tensor, tensor._starting_grad(grad)))
    order = _order([tensor for tensor, _ in starts])
    # All is checked before, and added to the leaves at the end: a call that fails leaves every ``grad`` as it was.
    for node in order:
        if node.backward is None:
            raise RuntimeError(TAKEN)
        for leaf, version in node.used:
            if leaf.version != version:
                raise RuntimeError(
                    f"{leaf.name or 'a parameter'} of shape {list(leaf.shape)} was changed after the forward pass that "
                    "used it; go backward before the optimizer's step, or run forward again"
                )
    arrivals = _Arrivals(order)
    with np.errstate(all="ignore"):  # a slope or a sum may be infinite, or be NaN where nothing flows
        for tensor, start in starts:
            arrivals.add(tensor, start, False)
        for node in order:
            run, parents, got = node.backward, node.parents, arrivals.at_nodes.pop(node)
            if nothing(got):
                continue
            if run is None:  # another thread has been here since the check above
                raise RuntimeError(TAKEN)
            returned = run(got)
            # What the pass kept is used up.
            node.backward, node.parents, node.used = None, (), ()
            for parent, grad in zip(parents, returned, strict=True):
                if grad is not None and parent.requires_grad:
                    arrivals.add(parent, grad, node.fresh)
        with _adding:
            # All sums before the first is kept: one may fail, where a user set a ``grad`` of another shape.
            arrived = arrivals.at_leaves.values()
            for tensor, grad in arrived:
                before = tensor.grad
                if before is not None:
                    np.add(before, grad, out=grad)
            for tensor, grad in arrived:
                tensor.grad = grad


class _Arrivals:
    """The gradients on their way: those of the outputs of nodes, and those of leaves, which stay to the end."""

    __slots__ = ("at_leaves", "at_nodes")

    def __init__(self, order: Sequence[Node]) -> None:
        self.at_nodes: dict[Node, list[Array | None]] = {node: [None] * node.outputs for node in order}
        self.at_leaves: dict[int, tuple[Tensor, Array]] = {}

    def add(self, tensor: Tensor, grad: Array, fresh: bool) -> None:
        """Add a gradient to those that have arrived at a tensor."""
        node = tensor._node
        if node is not None:
            slots = self.at_nodes[node]
            before = slots[tensor._index]
            # An array again: numpy adds two without axes to a number.
            slots[tensor._index] = grad if before is None else np.asarray(before + grad)
        elif id(tensor) in self.at_leaves:
            own = self.at_leaves[id(tensor)][1]
            np.add(own, grad, out=own)
        else:
            # A copy, where somebody else may have the array: it is added to, and what is kept in ``grad`` may be
            # changed in place.
            self.at_leaves[id(tensor)] = tensor, grad if fresh else np.array(grad, order="C")


def _order(tensors: Sequence[Tensor]) -> list[Node]:
    """Return all nodes that these tensors came from, each before its parents."""
    todo = {tensor._node for tensor in tensors if tensor._node is not None}
    found: set[Node] = set()
    while todo:
        node = todo.pop()
        found.add(node)
        for parent in node.parents:
            before = parent._node
            if before is not None and before not in found:
                todo.add(before)
    return sorted(found, key=_number, reverse=True)
