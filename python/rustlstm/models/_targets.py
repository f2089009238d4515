"""What a ``SequencePredictor`` predicts: numbers in some form, or the items of a catalogue.

A target knows how many outputs the network needs for it, what it should come to, the loss, and what the outputs mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import losses
from .._options import choice, count
from ..datasets import Scaler, Vocabulary
from ..tensor import Array, Tensor
from ._inputs import IGNORED, as_floats, frame, number_rows
from ._labels import as_items
from ._outputs import LOSSES, OUTPUTS, Output
from ._plain import keeps

F64 = npt.NDArray[np.float64]


@keeps
class NumberTargets:
    """K numbers, as points, quantiles or normal distributions.

    Args:
        output: ``"point"``, ``"quantile"`` or ``"gaussian"``.
        loss: of points.
        quantiles: their levels.
        shape: [K], or [] of single numbers.
        scaler: of the targets; ``None`` where each window has its own frame.
        channel: of X, whose frame that is.
    """

    def __init__(
        self,
        output: str,
        loss: str,
        quantiles: Sequence[float],
        shape: Sequence[int],
        scaler: Scaler | None,
        channel: int,
    ) -> None:
        self.output = choice("output", output, *OUTPUTS)
        self.loss_name = choice("loss", loss, *LOSSES)
        self.quantiles = tuple(float(level) for level in quantiles)
        self.shape = tuple(count("shape", extent) for extent in shape)
        self.scaler = scaler
        self.channel = count("channel", channel, 0)
        self.count = self.shape[0] if self.shape else 1
        self.outputs = Output(self.output, self.loss_name, self.quantiles)
        self.width = self.count * self.outputs.each

    def encode(self, name: str, rows: Sequence[Any], y: Sequence[Any], per_step: bool) -> Any:
        """Return what the outputs shall be: [N, K], or a list of [T, K]."""
        if per_step:
            assert self.scaler is not None
            return [self.scaler.transform(row) for row in number_rows(name, y, self.count)]
        given = as_numbers(name, y, self.shape).reshape(len(rows), self.count)
        middle, size = self._frames(rows)
        with np.errstate(over="ignore"):
            found = np.asarray((given - middle) / size, np.float32)
        if not np.isfinite(found).all():
            at = int(np.argwhere(~np.isfinite(found))[0, 0])
            raise ValueError(f"{name}[{at}] is {given[at].tolist()}, too far from what X and the other targets are")
        return found

    def loss(self, raw: Tensor, wanted: Any, lengths: Any) -> Tensor:
        """Return the loss of outputs [B, .., W] beside targets [B, .., K]."""
        return self.outputs.loss(raw, wanted, lengths=lengths)

    def points(self, raw: Array, rows: Sequence[Any]) -> F64:
        """Return the mean or the median of each: [N] or [N, K]."""
        return self._unframed(self.outputs.points(self._parts(raw)), rows)

    def at(self, raw: Array, rows: Sequence[Any], levels: Sequence[float]) -> F64:
        """Return quantiles: [N, Q] or [N, K, Q]. Those of a quantile model do not cross."""
        found = self.outputs.at(self._parts(raw), levels)
        return np.stack([self._unframed(one, rows) for one in np.moveaxis(found, -1, 0)], axis=-1)

    def deviations(self, raw: Array, rows: Sequence[Any]) -> F64:
        """Return standard deviations: [N] or [N, K]."""
        _, size = self._frames(rows)
        made: F64 = self.outputs.deviations(self._parts(raw)) * size
        return made.reshape(len(rows), *self.shape)

    def _parts(self, raw: Array) -> F64:
        return np.asarray(raw, np.float64).reshape(len(raw), self.count, self.outputs.each)

    def _unframed(self, values: F64, rows: Sequence[Any]) -> F64:
        middle, size = self._frames(rows)
        return (values * size + middle).reshape(len(rows), *self.shape)

    def _frames(self, rows: Sequence[Any]) -> tuple[F64, F64]:
        """Return the middle and the unit of the targets of each row: [N, 1], or [1, K] where all have the same."""
        if self.scaler is not None:
            assert self.scaler.shift is not None and self.scaler.scale is not None
            return self.scaler.shift[None], self.scaler.scale[None]
        pairs = np.array([[part[self.channel] for part in frame(np.asarray(row, np.float64))] for row in rows])
        return pairs[:, :1], pairs[:, 1:]

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {
            "output": self.output,
            "loss": self.loss_name,
            "quantiles": list(self.quantiles),
            "shape": list(self.shape),
            "scaler": None if self.scaler is None else self.scaler.to_plain(),
            "channel": self.channel,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> NumberTargets:
        """Do the reverse."""
        scaler = plain["scaler"]
        return cls(**{**plain, "scaler": None if scaler is None else Scaler.from_plain(scaler)})


@keeps
class ItemTargets:
    """One item of a catalogue.

    Args:
        vocabulary: the items.
    """

    shape: tuple[int, ...] = ()

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.width = count("items", len(vocabulary))
        # In the order of the outputs.
        self.items = as_items(vocabulary.tokens)

    @classmethod
    def of(cls, y: Sequence[Any], per_step: bool, seen: Sequence[Any] = ()) -> ItemTargets:
        """Learn which items there are: those of y, and where these are among the items of sequences all of theirs."""
        rows = list(y) if per_step else [[item] for item in y]
        for at, row in enumerate(rows):
            for item in row:
                if not isinstance(item, (str, int, float, tuple, np.generic)) or item != item:
                    raise TypeError(f"y[{at}] must be an item, which is a string or an integer, got {item!r:.60}")
        found = Vocabulary.of(rows, unit="item")
        catalogue = Vocabulary.of([*rows, *seen], unit="item") if seen else found
        of_sequences = {_plain(item) for row in seen for item in row}
        return cls(catalogue if of_sequences.issuperset(found.tokens) else found)

    def encode(self, name: str, rows: Sequence[Any], y: Sequence[Any], per_step: bool) -> Any:
        """Return the number of each item: [N], or a list of [T]; what is not known does not count in the loss."""
        known = self.vocabulary.index
        if per_step:
            return [np.array([known.get(_plain(item), IGNORED) for item in row], np.int64) for row in y]
        found = np.array([known.get(_plain(item), IGNORED) for item in y], np.int64)
        if len(found) and (found == IGNORED).all():
            raise ValueError(f"{name} has no item that fit has seen; got {_plain(y[0])!r}, for one")
        return found

    def loss(self, raw: Tensor, wanted: Any, lengths: Any) -> Tensor:
        """Return the cross-entropy."""
        return losses.cross_entropy(raw, wanted, lengths=lengths)

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {"vocabulary": self.vocabulary.to_plain()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> ItemTargets:
        """Do the reverse."""
        return cls(Vocabulary.from_plain(plain["vocabulary"]))


def as_numbers(name: str, y: Any, shape: Sequence[int] | None = None) -> F64:
    """Return targets [N] or [N, K]; each of this shape if one is given."""
    try:
        array = as_floats(y)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must hold numbers [N] or [N, K], got {y[0]!r:.60}; labels are for SequenceClassifier"
        ) from None
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ValueError(f"{name} must be [N] or [N, K], got shape {list(array.shape)}")
    if shape is not None and array.shape[1:] != tuple(shape):
        expected = f"[N, {shape[0]}]" if shape else "[N]"
        raise ValueError(f"{name} must be {expected}, as in fit, got shape {list(array.shape)}")
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name}[{at[0]}] is {array[tuple(at)]}; every sequence needs numbers")
    return array


def _plain(item: Any) -> Any:
    return item.item() if isinstance(item, np.generic) else item
