"""What a user has, as what layers take: sequences of numbers become [T, C], those of tokens [T] of ids.

    [N, T, C], [N, T], a list of [T, C] or [T], frames        numbers, scaled for each channel
    a list of strings                                          words, characters or bytes, cut by a vocabulary
    a list of lists of strings                                 tokens as they are

What is learned from the part that is trained on (means and scales, the vocabulary) is kept and used for all that comes
later. Every complaint names the place in X.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._options import count
from ..datasets import Dataset, Scaler, Vocabulary
from ..nn import Dropout, Embedding, Module
from ..tensor import Array
from ._plain import keeps

KINDS = ("auto", "numbers", "items")
SCALES = ("standard", "minmax", "robust", "none", "window")
UNKNOWN = "<unknown>"
IGNORED = -100  # the target that the cross-entropy leaves out
# Deviations below this part of a sequence's numbers are their rounding: the mean of equal numbers may be off by one.
ROUNDING = 1e-14


@keeps
class Numbers:
    """Sequences of numbers [T, C], each channel brought to about the same size.

    Args:
        scaler: fitted; ``None`` sees each sequence in a frame of its own.
        channels: C.
    """

    def __init__(self, scaler: Scaler | None, channels: int) -> None:
        self.scaler = scaler
        self.channels = channels

    @classmethod
    def of(cls, name: str, rows: Sequence[Any], scale: str) -> Numbers:
        """Learn from rows."""
        first = number_rows(name, rows, None)
        return cls(None if scale == "window" else Scaler(scale).fit(first), first[0].shape[1])

    def encode(self, name: str, rows: Sequence[Any]) -> list[Array]:
        """Return [T, C] for each row."""
        made = []
        with np.errstate(over="ignore", invalid="ignore"):
            for at, row in enumerate(number_rows(name, rows, self.channels)):
                made.append(self._scaled(row))
                if not np.isfinite(made[-1]).all():
                    raise ValueError(
                        f"{name}[{at}] has numbers too large for float32 after scaling, {np.abs(row).max():.3g} for one"
                    )
        return made

    def _scaled(self, row: npt.NDArray[np.float64]) -> Array:
        if self.scaler is not None:
            scaled: Array = self.scaler.transform(row)
            return scaled
        last, size = frame(row)
        return np.asarray((row - last) / size, np.float32)

    def front(self, width: int | None, dropout: float, seed: int) -> tuple[list[Module], int]:
        """Return what stands before the first layer, and how many channels it gives."""
        return [], self.channels

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {"scaler": None if self.scaler is None else self.scaler.to_plain(), "channels": self.channels}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Numbers:
        """Do the reverse."""
        scaler = None if plain["scaler"] is None else Scaler.from_plain(plain["scaler"])
        channels = count("channels", plain["channels"])
        if scaler is not None and (scaler.scale is None or len(scaler.scale) != channels):
            raise ValueError(f"the scaler must have {channels} channels")
        return cls(scaler, channels)


@keeps
class Tokens:
    """Sequences of tokens as ids [T].

    Args:
        vocabulary: the tokens that are known; others become ``<unknown>``.
        longest: of more tokens, those in the middle are left out; ``None`` for all.
    """

    def __init__(self, vocabulary: Vocabulary, longest: int | None = None) -> None:
        self.vocabulary = vocabulary
        self.longest = longest
        self._types = {type(token) for token in vocabulary.tokens if token != UNKNOWN}

    @classmethod
    def of(cls, name: str, rows: Sequence[Any], unit: str, most: int | None, least: int, longest: int | None) -> Tokens:
        """Learn from rows: strings, which are cut into units, or lists of tokens."""
        check_tokens(name, rows)
        unit = unit if isinstance(rows[0], str) else "item"
        return cls(Vocabulary.of(rows, unit=unit, most=most, least=least, unknown=UNKNOWN), longest)

    def encode(self, name: str, rows: Sequence[Any]) -> list[npt.NDArray[np.int64]]:
        """Return [T] for each row."""
        check_tokens(name, rows)
        strings = self.vocabulary.unit != "item"
        for at, row in enumerate(rows):
            if isinstance(row, str) != strings:
                expected = "a string" if strings else "a list of tokens"
                raise TypeError(f"{name}[{at}] must be {expected}, as the model was fitted on, got {row!r:.60}")
            if not strings and self._types:
                self._check_types(f"{name}[{at}]", self.vocabulary.cut(row))
        return [self._shortened(self.vocabulary.encode(row)) for row in rows]

    def front(self, width: int | None, dropout: float, seed: int) -> tuple[list[Module], int]:
        """Return what stands before the first layer, and how many channels it gives."""
        # A rule of thumb between 4 and 64, for those who did not choose: the fourth root, times eight.
        size = width or min(64, max(4, round(8 * len(self.vocabulary) ** 0.25)))
        embedding: list[Module] = [Embedding(len(self.vocabulary), size, seed=seed)]
        return embedding + [Dropout(dropout, seed=seed)] * bool(dropout), size

    def _check_types(self, name: str, tokens: list[Any]) -> None:
        """Fail where a token is of a type that no known one has: 7 is not "7"."""
        if not set(map(type, tokens)) <= self._types:
            strange = next(token for token in tokens if type(token) not in self._types)
            known = " or ".join(sorted(kind.__name__ for kind in self._types))
            raise TypeError(f"{name} must hold tokens of type {known}, as the model was fitted on, got {strange!r}")

    def _shortened(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if self.longest is None or len(ids) <= self.longest:
            return ids
        begin = self.longest // 2
        return np.concatenate([ids[:begin], ids[len(ids) - (self.longest - begin) :]])

    def to_plain(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {"vocabulary": self.vocabulary.to_plain(), "longest": self.longest}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Tokens:
        """Do the reverse."""
        longest = plain["longest"]
        return cls(Vocabulary.from_plain(plain["vocabulary"]), None if longest is None else count("longest", longest))


def frame(row: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the last value and the deviation of each channel of a sequence [T, C] or [T]; 1 where nothing changes."""
    channels = row[:, None] if row.ndim == 1 else row
    deviation = channels.std(axis=0)
    return channels[-1], np.where(deviation > ROUNDING * np.abs(channels).max(axis=0), deviation, 1.0)


def samples(name: str, X: Any, lengths: npt.ArrayLike | None = None) -> list[Any]:
    """Return the sequences of X, each as it came: an array, a string or a list of tokens."""
    if isinstance(X, Dataset):
        X = X.x
    if isinstance(X, (str, bytes)):
        raise TypeError(f"{name} must be several sequences, got one string; put it into a list: [{X!r:.40}]")
    if hasattr(X, "to_numpy"):  # a frame of pandas or polars, or a column of one
        X = X.to_numpy()
    if isinstance(X, np.ndarray) or (hasattr(X, "__array__") and not isinstance(X, (list, tuple))):
        return _of_array(name, np.asarray(X), lengths)
    if not isinstance(X, (list, tuple)):
        raise TypeError(f"{name} must be an array or a list of sequences, got {type(X).__name__}")
    if lengths is not None:
        raise ValueError(f"a list brings its lengths; give lengths only with a padded array {name} [N, T, C]")
    rows = [row.to_numpy() if hasattr(row, "to_numpy") else row for row in X]
    for at, row in enumerate(rows):
        if not isinstance(row, (str, list, tuple)) and (not hasattr(row, "__len__") or np.ndim(row) == 0):
            raise ValueError(
                f"{name} must hold sequences, but {name}[{at}] is {row!r}; a single sequence goes into a list: [{name}]"
            )
    return rows


def kind_of(rows: Sequence[Any], inputs: str) -> str:
    """Return whether rows are "numbers" or "tokens"; ``inputs="items"`` takes numbers for names of items."""
    if inputs != "auto":
        return "numbers" if inputs == "numbers" else "tokens"
    first = next((row for row in rows if len(row)), rows[0])
    text = isinstance(first, str) or (len(first) and isinstance(first[0], (str, np.str_)))
    return "tokens" if text else "numbers"


def number_rows(name: str, rows: Sequence[Any], channels: int | None) -> list[npt.NDArray[np.float64]]:
    """Return rows as [T, C], C being that of the first row if not given."""
    found = []
    for at, row in enumerate(rows):
        try:
            array = as_floats(row)
        except (TypeError, ValueError):
            why = ", as the model was fitted on" if channels else ""
            raise TypeError(f"{name}[{at}] must hold numbers, [T] or [T, C]{why}; got {row!r:.60}") from None
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2:
            raise ValueError(f"{name}[{at}] must have shape [T] or [T, C], got {list(array.shape)}")
        channels = channels or array.shape[1]
        if array.shape[1] != channels or not channels:
            raise ValueError(f"{name}[{at}] must have {channels} channels, as the first has, got {array.shape[1]}")
        if not len(array):
            raise ValueError(f"{name}[{at}] is empty; leave it out, or give it at least one step")
        if not np.isfinite(array).all():
            step, channel = np.argwhere(~np.isfinite(array))[0].tolist()
            raise ValueError(
                f"{name}[{at}] has {array[step, channel]} at step {step}, channel {channel}; fill gaps, or leave it out"
            )
        found.append(array)
    return found


def as_floats(values: Any) -> npt.NDArray[np.float64]:
    """Return numbers and truth values as float64; anything that only can be read as a number is an error."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiubO" or (array.dtype.kind == "O" and any(isinstance(v, str) for v in array.flat)):
        raise TypeError(f"got {array.dtype}")
    return array.astype(np.float64, copy=False)


def check_tokens(name: str, rows: Sequence[Any]) -> None:
    """Fail where a row is neither a string nor a list of tokens."""
    for at, row in enumerate(rows):
        if isinstance(row, str):
            continue
        if not isinstance(row, (list, tuple, np.ndarray)):
            raise TypeError(f"{name}[{at}] must be a string or a list of tokens, got {row!r:.60}")
        for token in row:
            if not isinstance(token, (str, int, np.integer, np.bool_)):
                given = token.item() if isinstance(token, np.generic) else token
                raise TypeError(f"{name}[{at}] must hold tokens, which are strings or integers, got {given!r:.60}")


def _of_array(name: str, array: npt.NDArray[Any], lengths: npt.ArrayLike | None) -> list[Any]:
    if array.ndim == 0 or (array.ndim == 1 and array.dtype.kind in "fiub"):
        raise ValueError(
            f"{name} must be [N, T], [N, T, C] or a list of sequences, got shape {list(array.shape)}; "
            f"a single sequence goes into a list: [{name}]"
        )
    if array.ndim > 3:
        raise ValueError(f"{name} must be [N, T] or [N, T, C], got shape {list(array.shape)}")
    if lengths is None:
        return samples(name, array.tolist()) if array.dtype.kind in "OUS" else list(array)
    ends = np.asarray(lengths)
    if array.ndim < 2 or ends.shape != array.shape[:1] or ends.dtype.kind not in "iu":
        raise ValueError(f"lengths must be {len(array)} integers, got {ends.dtype} of shape {list(ends.shape)}")
    for at, end in enumerate(ends.tolist()):
        if not 0 <= end <= array.shape[1]:
            raise ValueError(f"lengths[{at}] must be in [0, {array.shape[1]}], got {end}")
    return [row[:end] for row, end in zip(array, ends.tolist(), strict=True)]
