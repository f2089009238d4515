"""Sequences that are written: texts or lists of tokens as ids between a begin and an end, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._options import count, flag
from ..datasets import Scaler, Vocabulary
from ..tensor import Array
from ._inputs import check_tokens, number_rows
from ._plain import keeps

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unknown>"
# Their numbers in a vocabulary: they are its first tokens.
BEGIN_ID, END_ID = 0, 1

Ids = npt.NDArray[np.int64]


def check_row(name: str, row: Any, vocabulary: Vocabulary) -> None:
    """Fail where a sequence has another form than those of a vocabulary: 7 is not "7", nor a text a list."""
    check_rows("", [row], vocabulary, [name])


def check_rows(name: str, rows: Sequence[Any], vocabulary: Vocabulary, names: Sequence[str] = ()) -> None:
    """Do so for several, which have names of their own if given."""
    kinds = {type(token) for token in vocabulary.tokens if token not in (BEGIN, END, UNKNOWN)}
    for at, row in enumerate(rows):
        place = names[at] if names else f"{name}[{at}]"
        if vocabulary.unit != "item":
            if not isinstance(row, (str, bytes) if vocabulary.unit == "byte" else str):
                raise TypeError(f"{place} must be a string, as the model was fitted on, got {row!r:.60}")
        elif not isinstance(row, (list, tuple)) and not (isinstance(row, np.ndarray) and row.ndim == 1):
            raise TypeError(f"{place} must be a list of tokens, as the model was fitted on, got {row!r:.60}")
        else:
            for token in vocabulary.cut(row):
                if kinds and type(token) not in kinds:
                    known = " or ".join(sorted(kind.__name__ for kind in kinds))
                    raise TypeError(
                        f"{place} must hold tokens of type {known}, as the model was fitted on, got {token!r:.60}"
                    )


def encoded(name: str, row: Any, vocabulary: Vocabulary) -> Ids:
    """Return the ids of a row's tokens, which must not be those that the model sets before and behind every row."""
    ids: Ids = vocabulary.encode(row)
    if (ids <= END_ID).any():
        mark = vocabulary.tokens[ids.min()]
        raise ValueError(
            f"{name} has the token {mark!r}, by which the model marks itself where a sequence begins or ends; "
            "leave it out, or write it in another way"
        )
    return ids


def check_alike(name: str, rows: Sequence[Any]) -> None:
    """Fail where rows are not all strings or all lists of tokens, as the first is."""
    check_tokens(name, rows)
    text = isinstance(rows[0], str)
    for at, row in enumerate(rows):
        if isinstance(row, str) != text:
            expected = "a string" if text else "a list of tokens"
            raise TypeError(f"{name}[{at}] must be {expected}, as {name}[0] is, got {row!r:.60}")


@keeps
class TokenTargets:
    """Targets that are texts or lists of tokens.

    Args:
        vocabulary: with begin and end as its first tokens.
    """

    numbers = False

    def __init__(self, vocabulary: Vocabulary) -> None:
        if vocabulary.tokens[:2] != (BEGIN, END) or vocabulary.unknown != UNKNOWN:
            raise ValueError(f"the vocabulary of targets must begin with {BEGIN} and {END} and have {UNKNOWN}")
        self.vocabulary = vocabulary
        self.size = len(vocabulary)
        self.unknown = vocabulary.index[UNKNOWN]
        # What stands for no token, or only for a beginning, is not written.
        self.silent = [BEGIN_ID, self.unknown]

    @classmethod
    def of(cls, name: str, rows: Sequence[Any], unit: str) -> TokenTargets:
        """Learn which tokens there are."""
        check_alike(name, rows)
        unit = unit if isinstance(rows[0], str) else "item"
        return cls(Vocabulary.of(rows, unit=unit, specials=(BEGIN, END), unknown=UNKNOWN))

    def encode(self, name: str, rows: Sequence[Any]) -> list[Ids]:
        """Return the ids of each row, and the end behind them."""
        check_tokens(name, rows)
        check_rows(name, rows, self.vocabulary)
        found = [encoded(f"{name}[{at}]", row, self.vocabulary) for at, row in enumerate(rows)]
        return [np.append(ids, END_ID).astype(np.int64) for ids in found]

    def shifted(self, y: Ids) -> Ids:
        """Return what the decoder is given where it shall come to y [B, T]: the begin, and y but for its last."""
        given = np.roll(y, 1, axis=1)
        given[:, :1] = BEGIN_ID
        return np.maximum(given, 0)  # behind the end of a row stands -100, and nothing looks at it

    def decode(self, ids: Sequence[int]) -> Any:
        """Return a text, or a list of tokens, for ids up to the end."""
        whole = list(ids)
        return self.vocabulary.decode(whole[: whole.index(END_ID)] if END_ID in whole else whole)

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {"vocabulary": self.vocabulary.to_plain()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> TokenTargets:
        """Do the reverse."""
        return cls(Vocabulary.from_plain(plain["vocabulary"]))


@keeps
class SeriesTargets:
    """Targets that are numbers [T, C], all of the same length.

    Args:
        scaler: fitted.
        size: C.
        steps: T.
        flat: whether they were given, and are returned, as [T].
    """

    numbers = True

    def __init__(self, scaler: Scaler, size: int, steps: int, flat: bool) -> None:
        self.scaler = scaler
        self.size = size
        self.steps = steps
        self.flat = flat

    @classmethod
    def of(cls, name: str, rows: Sequence[Any]) -> SeriesTargets:
        """Learn means and deviations."""
        found = number_rows(name, rows, None)
        steps = len(found[0])
        return cls(Scaler("standard").fit(found), found[0].shape[1], steps, np.ndim(rows[0]) == 1)

    def encode(self, name: str, rows: Sequence[Any]) -> list[Array]:
        """Return [T, C] for each row."""
        found = number_rows(name, rows, self.size)
        for at, row in enumerate(found):
            if len(row) != self.steps:
                raise ValueError(
                    f"{name}[{at}] has {len(row)} steps and must have {self.steps}, as the others: "
                    "numbers have no sign for an end, so all targets must be equally long"
                )
        return [self.scaler.transform(row) for row in found]

    def shifted(self, y: Array) -> Array:
        """Return what the decoder is given where it shall come to y [B, T, C]: zeros, and y but for its last."""
        given = np.roll(y, 1, axis=1)
        given[:, :1] = 0
        return given

    def decode(self, rows: Array) -> npt.NDArray[np.float64]:
        """Return the numbers in their own units."""
        values: npt.NDArray[np.float64] = self.scaler.inverse(rows)
        return values[:, 0] if self.flat else values

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {"scaler": self.scaler.to_plain(), "size": self.size, "steps": self.steps, "flat": self.flat}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> SeriesTargets:
        """Do the reverse."""
        scaler, size = Scaler.from_plain(plain["scaler"]), count("size", plain["size"])
        if scaler.scale is None or len(scaler.scale) != size:
            raise ValueError(f"the scaler must have {size} channels")
        return cls(scaler, size, count("steps", plain["steps"]), flag("flat", plain["flat"]))
