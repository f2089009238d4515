"""Samples with what is known about them: what they mean, how they are judged, and the best that can be reached.

A dataset is plain data; it trains nothing and draws no batches. ``Batches`` and the estimators take its x and y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .._options import choice, count, number, seed_number

PROBLEMS = ("prediction", "classification", "tagging", "generation", "seq2seq")

_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs, targets, and what is known about both.

    x is one of two things. *Many samples*: a list of N sequences (arrays [T] or [T, C], strings, lists of tokens), or
    an array [N, ...]. *One sequence* whose steps stand in an order: a text as str or bytes, or, where y is None in a
    prediction, a series as an array [T] or [T, C]. One sequence is only ever cut into earlier and later.

    Args:
        name: what it is called.
        problem: "prediction", "classification", "tagging", "generation" or "seq2seq".
        meaning: one line for people.
        x: the inputs, as above.
        y: the targets, as many as x; or None.
        metric: the function of ``rustlstm.metrics`` by which it is judged, by name.
        optimum: the best score by that metric that can be expected; None where it is not known.
        details: whatever else is known, by name. It speaks of the whole and is not cut with it.

    >>> data = Dataset("signs", "classification", "is the number above zero?", [[1], [-2], [3]], [True, False, True])
    >>> data[1:].x
    [[-2], [3]]
    >>> data
    Dataset(signs: classification, 3 samples)
    """

    name: str
    problem: str
    meaning: str
    x: Any
    y: Any = None
    metric: str | None = None
    optimum: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choice("problem", self.problem, *PROBLEMS)
        for name, values in (("x", self.x), ("y", [] if self.y is None else self.y)):
            if not hasattr(values, "__len__") or (isinstance(values, np.ndarray) and not values.ndim):
                raise TypeError(f"{name} must be a list, an array or a text, got {type(values).__name__}")
        if self.y is not None and len(self.y) != len(self.x):
            raise ValueError(f"x has {len(self.x)} samples and y has {len(self.y)}; they must be as many")

    @property
    def is_one_sequence(self) -> bool:
        """Whether x is one text or series, and not many samples."""
        if isinstance(self.x, (str, bytes)):
            return True
        series = isinstance(self.x, np.ndarray) and self.x.ndim <= 2
        return series and self.y is None and self.problem == "prediction"

    def __len__(self) -> int:
        """Return the number of samples; of one sequence, of its steps."""
        return len(self.x)

    def __getitem__(self, rows: slice | Sequence[int] | npt.NDArray[Any]) -> Dataset:
        """Return the dataset of some samples: a slice, numbers, or a mask of truth values."""
        if not isinstance(rows, slice):
            if isinstance(self.x, (str, bytes)):
                raise TypeError(f"a text is cut by a slice, got {type(rows).__name__}")
            rows = _numbers(rows, len(self))
        return replace(self, x=_take(self.x, rows), y=None if self.y is None else _take(self.y, rows))

    def split(
        self,
        test: float | int = 0.2,
        *,
        by: str | None = None,
        groups: Sequence[Any] | npt.NDArray[Any] | None = None,
        seed: int = 0,
    ) -> tuple[Dataset, Dataset]:
        """Return two datasets: one to train on and one to test on.

        Args:
            test: the share of the samples that are for the test, in (0, 1), or how many as an integer.
            by: "chance", which draws the samples; or "time", where the last ones are for the test. If left out, by
                time for one sequence and by chance for many samples.
            groups: [N], to what each sample belongs (a speaker, a patient): no group is in both parts, so the share
                is met as nearly as whole groups allow. For "chance" only.
            seed: the draw follows from it.

        Returns:
            (train, test). Both keep the order that the samples had.

        >>> data = Dataset("ten", "prediction", "the next number", list(range(10)), list(range(1, 11)))
        >>> train, test = data.split(0.3, by="time")
        >>> train.x, test.x
        ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
        """
        seed = seed_number(seed)
        if by is None:
            by = "time" if self.is_one_sequence and groups is None else "chance"
        choice("by", by, "chance", "time")
        wanted = _wanted(test, len(self))
        if by == "time":
            if groups is not None:
                raise ValueError('groups are for by="chance"; by time the last samples are the test')
            cut = len(self) - wanted
            return self[:cut], self[cut:]
        if self.is_one_sequence:
            raise ValueError(f'{self.name} is one sequence, whose order matters: split it by="time"')
        draw = np.random.default_rng(seed)
        if groups is None:
            chosen = np.zeros(len(self), bool)
            chosen[draw.permutation(len(self))[:wanted]] = True
        else:
            chosen = _chosen_groups(groups, len(self), wanted, draw)
        return self[~chosen], self[chosen]

    def __repr__(self) -> str:
        unit = "samples"
        if self.is_one_sequence:
            unit = "characters" if isinstance(self.x, str) else "bytes" if isinstance(self.x, bytes) else "steps"
        best = "" if self.optimum is None else f", {self.metric} at best {self.optimum:.4g}"
        return f"Dataset({self.name}: {self.problem}, {len(self)} {unit}{best})"


def _numbers(rows: Any, size: int) -> _Rows:
    given = np.asarray(rows)
    if given.ndim != 1:
        raise TypeError(f"samples are chosen by a slice, a list of numbers or a mask, got {rows!r}")
    if given.dtype == bool:
        if len(given) != size:
            raise ValueError(f"a mask must have {size} values, one for each sample, got {len(given)}")
        return np.flatnonzero(given)
    if given.size and given.dtype.kind not in "iu":
        raise TypeError(f"samples are chosen by a slice, a list of numbers or a mask, got {given.dtype} values")
    return given.astype(np.int64)


def _take(values: Any, rows: slice | _Rows) -> Any:
    if isinstance(rows, slice) or isinstance(values, np.ndarray):
        return values[rows]
    return [values[row] for row in rows.tolist()]


def _wanted(test: Any, size: int) -> int:
    """Return how many samples are for the test; both parts have one at least."""
    if size < 2:
        raise ValueError(f"a split needs at least 2 samples, got {size}")
    if isinstance(test, (int, np.integer)) and not isinstance(test, bool):
        wanted = count("test", test)
        if wanted >= size:
            raise ValueError(f"test must leave something of {size} samples to train on, got {wanted}")
        return wanted
    if not 0 < number("test", test) < 1:
        raise ValueError(f"test must be a share in (0, 1) or a number of samples, got {test!r}")
    return min(max(round(size * float(test)), 1), size - 1)


def _chosen_groups(groups: Any, size: int, wanted: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    if len(groups) != size:
        raise ValueError(f"groups must name one group for each of {size} samples, got {len(groups)}")
    numbers: dict[Any, int] = {}
    of_sample = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    if len(numbers) < 2:
        raise ValueError("groups must name at least 2 groups, got 1")
    sizes = np.bincount(of_sample)
    order = draw.permutation(len(sizes))
    so_far = np.cumsum(sizes[order])[:-1]  # one group at least stays to train on
    taken = int(np.argmin(np.abs(so_far - wanted))) + 1
    return np.isin(of_sample, order[:taken])
