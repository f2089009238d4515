"""What the numbers of a network say of a value: itself, quantiles of it, or a normal distribution."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import losses, ops
from ..tensor import Tensor

F64 = npt.NDArray[np.float64]

LOSSES = {"mse": losses.mse, "mae": losses.mae, "huber": losses.huber}
OUTPUTS = ("point", "quantile", "gaussian")
# Variances are relative to those of what was trained on; below this they would only reward certainty about noise.
LEAST_VARIANCE = 1e-4
# How far normal distributions are drawn from: beyond these shares lies nothing that a float32 can tell.
EDGE = 1e-6


class Output:
    """How to judge and to read the last axis of a network's answers [.., E].

    Args:
        kind: ``"point"``, ``"quantile"`` or ``"gaussian"``.
        loss: of points.
        quantiles: their levels.
    """

    def __init__(self, kind: str, loss: str, quantiles: Sequence[float]) -> None:
        self.kind = kind
        self.loss_name = loss
        self.quantiles = tuple(quantiles)
        self.each = {"point": 1, "quantile": len(self.quantiles), "gaussian": 2}[kind]

    def loss(self, raw: Tensor, wanted: Any, **options: Any) -> Tensor:
        """Return the loss of answers [.., K*E] beside what was wanted, [.., K]."""
        parts = ops.reshape(raw, (*wanted.shape, self.each))
        if self.kind == "quantile":
            return losses.quantile(parts, wanted, q=self.quantiles, **options)
        if self.kind == "gaussian":
            variance = ops.softplus(parts[..., 1]) + LEAST_VARIANCE
            return losses.gaussian_nll(parts[..., 0], wanted, variance, **options)
        return LOSSES[self.loss_name](parts[..., 0], wanted, **options)

    def points(self, parts: F64) -> F64:
        """Return means or medians of answers [.., E]."""
        if self.kind == "quantile":
            return self.at(parts, [0.5])[..., 0]
        return parts[..., 0]

    def at(self, parts: F64, levels: Any) -> F64:
        """Return quantiles at levels [Q], of each value: [.., Q]. They do not cross."""
        return np.stack([self._at(parts, np.float64(level)) for level in levels], axis=-1)

    def deviations(self, parts: F64) -> F64:
        """Return the standard deviations of normal distributions [.., 2]: [..]."""
        return np.asarray(np.sqrt(np.logaddexp(0.0, parts[..., 1]) + LEAST_VARIANCE))

    def draw(self, parts: F64, shares: F64) -> F64:
        """Return a value for each of answers [.., E], at its share in (0, 1) of the distribution: [..]."""
        return self._at(parts, shares)

    def _at(self, parts: F64, level: Any) -> F64:
        if self.kind == "gaussian":
            normal = np.vectorize(NormalDist().inv_cdf)(np.clip(level, EDGE, 1 - EDGE))
            return np.asarray(parts[..., 0] + normal * self.deviations(parts))
        ordered = np.sort(parts, axis=-1)
        if len(self.quantiles) == 1:
            return np.asarray(ordered[..., 0])
        # Straight lines between the levels that were learned; beyond the outermost, these.
        place = np.interp(level, self.quantiles, np.arange(len(self.quantiles)))
        low = np.minimum(place.astype(np.int64), len(self.quantiles) - 2)
        low, share = np.broadcast_to(low, ordered.shape[:-1]), place - low
        below = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
        above = np.take_along_axis(ordered, low[..., None] + 1, axis=-1)[..., 0]
        return np.asarray(below + share * (above - below))
