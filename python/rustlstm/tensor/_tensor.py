"""A ``Tensor`` is an array, its gradient, and how it was made.

What its operators and methods do is in ``ops``, which stands on this module.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._tape import Array, Gradients, Node, backward, recording

ONE = np.ones((), np.float32)
ONE.setflags(write=False)


class _Reading(threading.local):
    a_list = False
    recorded = False  # whether there was a tensor in it that goes on the tape


_reading = _Reading()


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
        self._fill(np.array(ops.as_f32("data", data)), requires_grad, None, 0)

    def _fill(self, data: Array, requires_grad: bool, node: Node | None, index: int) -> None:
        data.setflags(write=False)
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
        if _reading.a_list and recording(self):
            _reading.recorded = True
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

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

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

    def _starting_grad(self, grad: npt.ArrayLike | None) -> Array:
        if grad is not None:
            return ops.as_f32("grad", grad, [("", extent) for extent in self.shape])
        if self.size != 1:
            raise ValueError(f"backward from a tensor of shape {list(self.shape)} needs its gradient: y.backward(dy)")
        return ONE if self.data.ndim == 0 else np.ones(self.shape, np.float32)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.numpy(), self.requires_grad and self._node is None)

    def __repr__(self) -> str:
        values = np.array2string(self.data, precision=4, threshold=20, edgeitems=2, separator=", ", prefix="Tensor(")
        leaf = ", requires_grad=True" if self.requires_grad else ""
        return f"{type(self).__name__}({values}, shape={self.shape}{leaf})"

    # --- operations: each is the function of the same name in ops -----------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return ops.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.divide(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return ops.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def __neg__(self) -> Tensor:
        return ops.negative(self)

    def __abs__(self) -> Tensor:
        return ops.absolute(self)

    # Comparisons have no gradient: they give plain arrays, for masks.

    def __eq__(self, other: object) -> Any:
        return self.data == _plain(other)

    def __ne__(self, other: object) -> Any:
        return self.data != _plain(other)

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Any:
        return self.data < _plain(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= _plain(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > _plain(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= _plain(other)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"a tensor of shape {list(self.shape)} is neither true nor false; use a comparison and any()"
            )
        return bool(self.data.item())

    def __getitem__(self, key: Any) -> Tensor:
        return ops.index(self, key)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[position] for position in range(len(self)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Take part in numpy's elementwise functions: np.exp(t), array * t."""
        return ops.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        """Take part in numpy's other functions: np.concatenate([t, u]), np.where(mask, t, 0)."""
        return ops.function(function, arguments, options)

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same elements in another shape; one extent may be -1."""
        return ops.reshape(self, *shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Return the tensor with its axes in another order, reversed if none are given."""
        return ops.transpose(self, *axes)

    @property
    def T(self) -> Tensor:  # noqa: N802 - numpy's name
        """The tensor with its axes reversed."""
        return ops.transpose(self)

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Return the tensor with two axes exchanged."""
        return ops.swapaxes(self, first, second)

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> Tensor:
        """Return the tensor without axes of extent 1: those named, or all."""
        return ops.squeeze(self, axis)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the sum over the axes, or over all."""
        return ops.sum(self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the mean over the axes, or over all."""
        return ops.mean(self, axis, keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the largest over the axes, or of all."""
        return ops.max(self, axis, keepdims)

    def min(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the smallest over the axes, or of all."""
        return ops.min(self, axis, keepdims)

    def exp(self) -> Tensor:
        """Return e to the power of each element."""
        return ops.exp(self)

    def log(self) -> Tensor:
        """Return the natural logarithms."""
        return ops.log(self)

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangents."""
        return ops.tanh(self)

    def sigmoid(self) -> Tensor:
        """Return 1 / (1 + exp(-x)) of each element x."""
        return ops.sigmoid(self)

    def softmax(self, axis: int = -1) -> Tensor:
        """Return ``ops.softmax``."""
        return ops.softmax(self, axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """Return ``ops.log_softmax``."""
        return ops.log_softmax(self, axis)

    def relu(self) -> Tensor:
        """Return max(x, 0) of each element x."""
        return ops.relu(self)

    def sqrt(self) -> Tensor:
        """Return the square roots."""
        return ops.sqrt(self)

    def abs(self) -> Tensor:
        """Return the absolute values."""
        return ops.absolute(self)

    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """Return the elements within [low, high]."""
        return ops.clip(self, low, high)


class Versioned(Tensor):
    """A leaf whose values change only through ``assign`` and the optimizers, each of which changes ``version``."""

    __slots__ = ("name", "version")

    name: str
    version: int

    def detach(self) -> Tensor:
        """Return the same values, cut off from the tape and from what becomes of the parameter."""
        return wrap(self.numpy())


def wrap(data: Array) -> Tensor:
    """Return a tensor around an array that nobody else will write; no copy."""
    tensor = Tensor.__new__(Tensor)
    tensor._fill(data, False, None, 0)
    return tensor


def from_list(given: list[Any] | tuple[Any, ...]) -> Any:
    """Return an array of what is in a list; or the list, if there are no numbers in it for an array.

    A tensor in it that requires a gradient would lose it, and is refused. numpy asks each for its values, however deep
    it is; to look for them here would take as long as making the array.
    """
    _reading.a_list, _reading.recorded = True, False
    try:
        array = np.asarray(given)
    except Exception:  # whoever wants an array says what is wrong
        array = None
    finally:
        _reading.a_list = False
    if _reading.recorded:
        raise TypeError(
            "a list with a tensor that requires a gradient would lose it; join what is in it with "
            "rustlstm.ops.stack or rustlstm.ops.concat, or give np.asarray(tensor)"
        )
    return given if array is None or array.dtype.kind not in "fiub" else array


def attach(
    outputs: Sequence[Array],
    parents: Sequence[Tensor],
    backward: Callable[[Gradients], Gradients],
    fresh: bool = False,
) -> list[Tensor]:
    """Return tensors for the outputs of one operation, on the tape. Call it only where ``recording`` says so.

    Args:
        outputs: the values; the tape takes them over.
        parents: the inputs that gradients go to.
        backward: takes a gradient (or ``None`` for zero) per output, returns one per parent.
        fresh: whether these are always new arrays, which need not be copied to be kept.
    """
    used = [(parent, parent.version) for parent in parents if isinstance(parent, Versioned)]
    node = Node(parents, len(outputs), backward, used, fresh)
    tensors: list[Tensor] = []
    for data in outputs:
        tensor = Tensor.__new__(Tensor)
        tensor._fill(data, True, node, len(tensors))
        tensors.append(tensor)
    return tensors


def _plain(given: Any) -> Any:
    return given.data if isinstance(given, Tensor) else given


# At the end, because ops imports what is above.
from .. import ops  # noqa: E402
