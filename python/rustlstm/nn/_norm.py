"""Layer normalisation as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from .. import ops
from .._options import count, flag, number
from ..ops import ArrayLike
from ..tensor import Tensor
from ._module import Module
from ._parameter import Parameter, parameter
from ._ragged import as_batch


class LayerNorm(Module):
    """Brings each step to mean 0 and variance 1 over its channels, then scales and shifts each channel.

    Args:
        size: C.
        eps: added to the variance.
        bias: whether there is a shift.

    Parameters: ``weight`` [C], which begins as ones, and ``bias`` [C], as zeros.

    >>> import numpy as np
    >>> LayerNorm(2)(np.array([[1.0, 3.0]])).numpy().round(3).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, size: int, *, eps: float = 1e-5, bias: bool = True) -> None:
        self.size = count("size", size)
        self.eps = number("eps", eps)
        if not 0 <= self.eps < np.inf:
            raise ValueError(f"eps must be a finite number from 0 on, got {eps}")
        self.weight = parameter((self.size,), partial(np.ones, self.size, np.float32))
        self.bias: Parameter | None = None
        if flag("bias", bias):
            self.bias = parameter((self.size,), partial(np.zeros, self.size, np.float32))

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over x [B, T, C], a list of B sequences [T_b, C], or without lengths any axes [.., C].

        Returns:
            The shape of x; zero behind the end of each row.
        """
        batch, lengths = as_batch(x, lengths, self.size)
        return ops.layer_norm(batch, self.weight, self.bias, eps=self.eps, lengths=lengths)

    def __repr__(self) -> str:
        eps, bias = f", eps={self.eps}" if self.eps != 1e-5 else "", ", bias=False" if self.bias is None else ""
        return f"LayerNorm({self.size}{eps}{bias})"
