"""The linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy.typing as npt

from .. import ops
from .._options import count, flag, seed_number
from ..ops import ArrayLike
from ..tensor import Tensor
from ._init import checked_scheme, fan_in_bound, matrix
from ._module import Module
from ._parameter import Parameter, parameter, shared
from ._ragged import as_batch


class Linear(Module):
    """A linear map of each step: y = x · weightᵀ + bias.

    Args:
        in_features: C.
        out_features: O.
        bias: whether there is one.
        weight: a parameter [O, C] of another layer to share, as ``embedding.weight`` for an output over its vocabulary.
        init: ``"uniform"`` (within 1/sqrt(C), as torch), ``"glorot"`` or ``"orthogonal"`` (both with a bias of zeros).
        seed: first values follow from it.

    Parameters: ``weight`` [O, C] and ``bias`` [O], as torch has them.

    >>> import numpy as np
    >>> Linear(3, 2)(np.ones((4, 7, 3))).shape
    (4, 7, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        weight: Parameter | None = None,
        init: str = "uniform",
        seed: int = 0,
    ) -> None:
        self.in_features = count("in_features", in_features)
        self.out_features = count("out_features", out_features)
        self.init = checked_scheme(init)
        self.seed = seed_number(seed)
        shape = (self.out_features, self.in_features)
        if weight is None:
            self.weight = parameter(shape, partial(matrix, self.init, shape, self.seed, 0))
        else:
            self.weight = shared("weight", weight, shape)
        self.bias: Parameter | None = None
        if flag("bias", bias):
            bound = fan_in_bound(self.in_features) if self.init == "uniform" else 0.0
            self.bias = parameter(shape[:1], partial(ops.draw, "uniform", shape[:1], bound, self.seed, 1))

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over x [B, T, C], a list of B sequences [T_b, C], or without lengths any axes [.., C].

        Args:
            x: what is mapped.
            lengths: [B] integers: only so many steps of each row count.

        Returns:
            [.., O]; zero behind the end of each row.
        """
        batch, lengths = as_batch(x, lengths, self.in_features)
        return ops.linear(batch, self.weight, self.bias, lengths=lengths)

    def __repr__(self) -> str:
        shown = [str(self.in_features), str(self.out_features)]
        shown += ["bias=False"] if self.bias is None else []
        shown += [f"init={self.init!r}"] if self.init != "uniform" else []
        shown += [f"seed={self.seed}"] if self.seed else []
        return f"Linear({', '.join(shown)})"
