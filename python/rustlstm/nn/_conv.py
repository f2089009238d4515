"""Convolution layers over sequences and images, channels last; mostly for what stands before an LSTM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from .._options import count, flag, seed_number
from ..ops import ArrayLike
from ..tensor import Tensor
from ._module import Module
from ._parameter import Parameter, parameter
from ._ragged import as_batch
from ._window import axis, both, padding_1d, padding_2d, whole_or_pair

# The options that a repr leaves out where they have these values.
DEFAULTS: dict[str, object] = {"stride": 1, "padding": 0, "dilation": 1, "bias": True, "seed": 0}


class _Conv(Module):
    """What both have in common: the parameters, first values as torch's, and the call."""

    kernel_size: Any
    weight: Parameter
    bias: Parameter | None
    _window: ops.Window

    def _make(self, in_channels: int, out_channels: int, bias: bool, seed: int) -> None:
        self.in_channels = count("in_channels", in_channels)
        self.out_channels = count("out_channels", out_channels)
        self.seed = seed_number(seed)
        shape = (self.out_channels, self.in_channels, *(one.kernel for one in self._window))
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = parameter(shape, partial(ops.draw, "uniform", shape, bound, self.seed, 0))
        self.bias = None
        if flag("bias", bias):
            self.bias = parameter(shape[:1], partial(ops.draw, "uniform", shape[:1], bound, self.seed, 1))

    def __repr__(self) -> str:
        shown = [repr(value) for value in (self.in_channels, self.out_channels, self.kernel_size)]
        for name, default in DEFAULTS.items():
            value = self.bias is not None if name == "bias" else getattr(self, name)
            if value != default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class Conv1d(_Conv):
    """A convolution along the time of a batch of sequences.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: the steps that one output step sees.
        stride: steps from one to the next.
        padding: zeros on both sides; ``"same"`` for as many as keep the length, ``"causal"`` for as many, all in front,
            so that a step sees itself and what was before.
        dilation: distance of the steps that are seen.
        bias: whether there is one.
        seed: first values follow from it.

    Parameters: ``weight`` [O, C, kernel_size] and ``bias`` [O], as torch has them.

    >>> import numpy as np
    >>> conv = Conv1d(3, 8, 5, padding="same")
    >>> conv(np.ones((4, 20, 3))).shape
    (4, 20, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        bias: bool = True,
        seed: int = 0,
    ) -> None:
        self.kernel_size = count("kernel_size", kernel_size)
        self.stride = count("stride", stride)
        self.padding = padding_1d(padding)
        self.dilation = count("dilation", dilation)
        self._window = (axis(self.kernel_size, self.stride, self.padding, self.dilation),)
        self._make(in_channels, out_channels, bias, seed)

    def __call__(self, x: ArrayLike | Sequence[ArrayLike], lengths: npt.ArrayLike | None = None) -> Tensor:
        """Run over a batch.

        Args:
            x: [B, T, C], or a list of B sequences [T_b, C]; without lengths any axes before the last two.
            lengths: [B] integers: only so many steps of each row count. Behind its end a row sees zeros, exactly as if
                it were alone.

        Returns:
            [B, OT, O]; zero behind ``out_lengths(lengths)``.
        """
        batch, lengths = as_batch(x, lengths, self.in_channels)
        return ops.conv(batch, self.weight, self.bias, self._window, lengths=lengths)

    def out_lengths(self, lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the lengths of the outputs for sequences of these lengths."""
        return self._window[0].positions(lengths)


class Conv2d(_Conv):
    """A convolution over images.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: the height and width that one output sees; each of these may be a pair.
        stride: distance from one to the next.
        padding: zeros on all sides, or ``"same"`` for as many as keep height and width.
        dilation: distance of the places that are seen.
        bias: whether there is one.
        seed: first values follow from it.

    Parameters: ``weight`` [O, C, kh, kw] and ``bias`` [O], as torch has them.

    >>> import numpy as np
    >>> frames = np.ones((2, 5, 16, 16, 1))  # [B, T, H, W, C]: a video
    >>> Conv2d(1, 4, 3, stride=2, padding=1)(frames).shape
    (2, 5, 8, 8, 4)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
        seed: int = 0,
    ) -> None:
        self.kernel_size = whole_or_pair("kernel_size", kernel_size)
        self.stride = whole_or_pair("stride", stride)
        self.padding = padding_2d(padding)
        self.dilation = whole_or_pair("dilation", dilation)
        options = map(both, (self.kernel_size, self.stride, self.padding, self.dilation))
        self._window = tuple(axis(*one) for one in zip(*options, strict=True))
        self._make(in_channels, out_channels, bias, seed)

    def __call__(self, x: ArrayLike) -> Tensor:
        """Run over images [.., H, W, C]; returns [.., OH, OW, O]."""
        return ops.conv(x, self.weight, self.bias, self._window)
