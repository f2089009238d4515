"""Pooling layers: windows that become one step or pixel, and sequences that become one row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .. import ops
from .._options import count
from ..ops import ArrayLike, Axis
from ..tensor import Tensor
from ._module import Module
from ._ragged import as_batch
from ._window import both, whole_or_pair

KINDS = ("last", "mean", "max")


class _Pool1d(Module):
    """What both have in common: the window, and what it does to lengths."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        self.kernel_size = count("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else count("stride", stride)
        self._window = (Axis(self.kernel_size, self.stride),)

    def out_lengths(self, lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the lengths of the outputs for sequences of these lengths."""
        return self._window[0].positions(lengths)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shown(self.kernel_size, self.stride)})"


class MaxPool1d(_Pool1d):
    """The largest value of each channel in windows along time.

    Args:
        kernel_size: the steps of a window.
        stride: from one window to the next; as many steps as a window has if left out.

    Windows lie wholly inside a sequence: steps that do not fill one are left out, as torch does by default.

    >>> import numpy as np
    >>> MaxPool1d(2)(np.arange(5.0).reshape(1, 5, 1)).tolist()
    [[[1.0], [3.0]]]
    """

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over x [B, T, C], a list of B sequences [T_b, C], or without lengths any axes [.., T, C].

        Returns:
            [B, OT, C]; zero behind ``out_lengths(lengths)``.
        """
        batch, lengths = as_batch(x, lengths)
        return ops.max_pool(batch, self._window, lengths=lengths)


class AvgPool1d(_Pool1d):
    """The mean of each channel in windows along time; arguments as for ``MaxPool1d``.

    >>> import numpy as np
    >>> AvgPool1d(2)(np.arange(5.0).reshape(1, 5, 1)).tolist()
    [[[0.5], [2.5]]]
    """

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over x [B, T, C], a list of B sequences [T_b, C], or without lengths any axes [.., T, C].

        Returns:
            [B, OT, C]; zero behind ``out_lengths(lengths)``.
        """
        batch, lengths = as_batch(x, lengths)
        return ops.avg_pool(batch, self._window, lengths=lengths)


class _Pool2d(Module):
    """What both have in common: the window."""

    def __init__(self, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> None:
        self.kernel_size = whole_or_pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else whole_or_pair("stride", stride)
        pairs = zip(both(self.kernel_size), both(self.stride), strict=True)
        self._window = tuple(Axis(kernel, step) for kernel, step in pairs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shown(self.kernel_size, self.stride)})"


class MaxPool2d(_Pool2d):
    """The largest value of each channel in windows on images.

    Args:
        kernel_size: the height and width of a window; this and the stride may be a pair.
        stride: from one window to the next; as far as a window reaches if left out.

    >>> import numpy as np
    >>> MaxPool2d(2)(np.arange(16.0).reshape(4, 4, 1)).numpy()[..., 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """

    def __call__(self, x: ArrayLike) -> Tensor:
        """Run over images [.., H, W, C]; returns [.., OH, OW, C]."""
        return ops.max_pool(x, self._window)


class AvgPool2d(_Pool2d):
    """The mean of each channel in windows on images; arguments as for ``MaxPool2d``.

    >>> import numpy as np
    >>> AvgPool2d((1, 2))(np.arange(4.0).reshape(1, 4, 1)).numpy()[..., 0].tolist()
    [[0.5, 2.5]]
    """

    def __call__(self, x: ArrayLike) -> Tensor:
        """Run over images [.., H, W, C]; returns [.., OH, OW, C]."""
        return ops.avg_pool(x, self._window)


class Pool(Module):
    """One row for each sequence.

    Args:
        kind: ``"last"`` for its last step, ``"mean"`` or ``"max"`` over all of its steps.

    A sequence without steps gives zeros and gets no gradient.

    >>> import numpy as np
    >>> Pool("mean")([[[1.0], [2.0]], [[5.0]]]).tolist()
    [[1.5], [5.0]]
    """

    def __init__(self, kind: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
        self.kind = kind

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over a batch.

        Args:
            x: [B, T, C], or a list of B sequences [T_b, C].
            lengths: [B] integers: only so many steps of each row count.

        Returns:
            [B, C].
        """
        batch, lengths = as_batch(x, lengths)
        return ops.pool(batch, self.kind, lengths=lengths)

    def out_lengths(self, lengths: npt.ArrayLike) -> None:
        """Return nothing: the result has no steps."""

    def __repr__(self) -> str:
        return f"Pool({self.kind!r})"


def _shown(kernel_size: object, stride: object) -> str:
    return f"{kernel_size}" if stride == kernel_size else f"{kernel_size}, stride={stride}"
