"""What is made of logits before a token is drawn. These say which filter; the arithmetic is Rust.

They are applied in the order of the list. What one removes stays removed. None ever removes everything: where it
would, the best of what was left stays. Where two tokens are equal, the one with the lower number comes first. The
history is the prompt and what was drawn; positions and lengths count what was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._options import count, number, positive
from ..tensor import Array
from ._texts import ids_of, one_id

Plain: TypeAlias = tuple[str, list[float], list[int]]
# A token's number, or with a vocabulary its text.
Token: TypeAlias = int | str


# Filters with the same fields share a dataclass: making each its own would take a tenth of the package's import.
@dataclass(frozen=True)
class Filter:
    """What all filters are."""

    def plain(self, vocabulary: Any = None) -> Plain:
        """Return name, numbers, and tokens or counts, as Rust takes them."""
        raise NotImplementedError


class Greedy(Filter):
    """Keeps the most probable token alone."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "greedy", [], []


@dataclass(frozen=True)
class Temperature(Filter):
    """Divides logits: below 1 for safer, above 1 for more surprising tokens.

    Args:
        value: above 0; for 0 take ``Greedy``.
        until: if given, the temperature goes from ``value`` to this in equal steps.
        over: the number of tokens that this takes; from then on it stays.

    >>> Temperature(1.2, until=0.6, over=50)
    Temperature(value=1.2, until=0.6, over=50)
    """

    value: float
    until: float | None = None
    over: int = 0

    def __post_init__(self) -> None:
        for name in ("value", "until"):
            given = getattr(self, name)
            if name == "value" and given == 0:
                raise ValueError("value of Temperature must be above 0, got 0; Greedy() takes the most probable token")
            if given is not None and not math.isfinite(positive(f"{name} of Temperature", given)):
                raise ValueError(f"{name} of Temperature must be finite, got {given!r}")
        if (self.until is None) != (self.over == 0):
            raise ValueError(f"until and over of Temperature belong together, got {self.until} and {self.over}")
        count("over of Temperature", self.over, 0)

    def plain(self, vocabulary: Any = None) -> Plain:
        return "temperature", [self.value, self.value if self.until is None else self.until], [self.over]


@dataclass(frozen=True)
class TopK(Filter):
    """Keeps the k most probable tokens."""

    k: int

    def __post_init__(self) -> None:
        count("k of TopK", self.k)

    def plain(self, vocabulary: Any = None) -> Plain:
        return "top_k", [], [self.k]


@dataclass(frozen=True)
class _Share(Filter):
    p: float

    def __post_init__(self) -> None:
        if not 0 < number(f"p of {type(self).__name__}", self.p) <= 1:
            raise ValueError(f"p of {type(self).__name__} must be above 0 and at most 1, got {self.p!r}")


class TopP(_Share):
    """Keeps the most probable tokens, up to the one with which their probabilities reach p (Holtzman et al., 2020)."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "top_p", [self.p], []


class MinP(_Share):
    """Keeps the tokens that are at least p times as probable as the most probable one (Nguyen et al., 2024)."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "min_p", [self.p], []


class Typical(_Share):
    """Keeps the tokens whose surprise is nearest to the mean, up to a probability of p (Meister et al., 2023)."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "typical", [self.p], []


@dataclass(frozen=True)
class RepetitionPenalty(Filter):
    """Divides positive logits of tokens in the history, and multiplies negative ones (Keskar et al., 2019).

    Args:
        factor: above 0; above 1 against repetition.
        window: how many of the last tokens count; all if left out.
    """

    factor: float
    window: int | None = None

    def __post_init__(self) -> None:
        positive("factor of RepetitionPenalty", self.factor)
        _window(self)

    def plain(self, vocabulary: Any = None) -> Plain:
        return "repetition_penalty", [self.factor], _window(self)


@dataclass(frozen=True)
class _Penalty(Filter):
    amount: float
    window: int | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(number(f"amount of {type(self).__name__}", self.amount)):
            raise ValueError(f"amount of {type(self).__name__} must be finite, got {self.amount}")
        _window(self)


class FrequencyPenalty(_Penalty):
    """Takes an amount from a token's logit for each time that it is in the history, or its last ``window`` tokens."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "frequency_penalty", [self.amount], _window(self)


class PresencePenalty(_Penalty):
    """Takes an amount from a token's logit if it is in the history, or its last ``window`` tokens."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "presence_penalty", [self.amount], _window(self)


@dataclass(frozen=True)
class NoRepeat(Filter):
    """Removes tokens that would complete n tokens in a row which the history has already."""

    n: int

    def __post_init__(self) -> None:
        count("n of NoRepeat", self.n)

    def plain(self, vocabulary: Any = None) -> Plain:
        return "no_repeat", [], [self.n]


@dataclass(frozen=True)
class Ban(Filter):
    """Removes tokens: numbers, or with a vocabulary texts, of which each token is meant."""

    tokens: Token | Sequence[Token]

    def plain(self, vocabulary: Any = None) -> Plain:
        return "ban", [], ids_of("tokens of Ban", self.tokens, vocabulary)


@dataclass(frozen=True)
class Force(Filter):
    """Draws these tokens, whatever their probability.

    Args:
        tokens: numbers, or with a vocabulary a text.
        at: the position of the first one among what is drawn.
    """

    tokens: Token | Sequence[Token]
    at: int = 0

    def __post_init__(self) -> None:
        count("at of Force", self.at, 0)

    def plain(self, vocabulary: Any = None) -> Plain:
        tokens = ids_of("tokens of Force", self.tokens, vocabulary)
        return "force", [], [number for place, token in enumerate(tokens, self.at) for number in (place, token)]


@dataclass(frozen=True)
class Bias(Filter):
    """Adds a number to the logits of some tokens: ``Bias({3: -2.0})``, with a vocabulary ``Bias({"e": -2.0})``."""

    amounts: Mapping[Token, float]

    def __post_init__(self) -> None:
        if not isinstance(self.amounts, Mapping):
            raise TypeError(f"amounts of Bias must be a dict of token and number, got {type(self.amounts).__name__}")
        for token, amount in self.amounts.items():
            if not math.isfinite(number(f"the amount of Bias for {token!r}", amount)):
                raise ValueError(f"the amount of Bias for {token!r} must be finite, got {amount}; Ban removes a token")

    def plain(self, vocabulary: Any = None) -> Plain:
        tokens = [one_id("a token of Bias", token, vocabulary) for token in self.amounts]
        return "bias", [float(amount) for amount in self.amounts.values()], tokens


@dataclass(frozen=True)
class _Length(Filter):
    n: int

    def __post_init__(self) -> None:
        count(f"n of {type(self).__name__}", self.n, 0)


class MinLength(_Length):
    """Removes what ends a sequence, which is every stop of one token, before n tokens are drawn."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "min_length", [], [self.n]


class MaxLength(_Length):
    """Leaves only what ends a sequence, which is every stop of one token, after n tokens are drawn."""

    def plain(self, vocabulary: Any = None) -> Plain:
        return "max_length", [], [self.n]


def _window(filter: Any) -> list[int]:
    name = f"window of {type(filter).__name__}"
    return [] if filter.window is None else [count(name, filter.window)]


def plain_filters(filters: Filter | Sequence[Filter], vocabulary: Any) -> list[Plain]:
    """Return filters as Rust takes them."""
    given = [filters] if isinstance(filters, Filter) else filters
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"filters must be a list of filters, got {type(filters).__name__}")
    for at, one in enumerate(given):
        if not isinstance(one, Filter):
            hint = "; make one, as in Greedy()" if isinstance(one, type) and issubclass(one, Filter) else ""
            raise TypeError(f"filters[{at}] must be a filter, got {one!r}{hint}")
    return [one.plain(vocabulary) for one in given]


def filter_logits(
    logits: npt.ArrayLike,
    filters: Filter | Sequence[Filter],
    *,
    history: Any = (),
    drawn: int | Sequence[int] = 0,
    ends: Sequence[int] = (),
) -> Array:
    """Return what filters make of logits: -inf for what is removed.

    Args:
        logits: [V], or [N, V] with N histories.
        filters: applied in their order.
        history: the tokens before, [T]; for [N, V] a list of them, or none.
        drawn: how many of these were drawn, and are no prompt; one number for all rows or one for each.
        ends: the tokens that end a sequence.

    >>> filter_logits([1.0, 3.0, 2.0], [TopK(2), Temperature(0.5)]).tolist()
    [-inf, 6.0, 4.0]
    """
    rows = np.asarray(_core.as_f32("logits", logits))
    if rows.ndim not in (1, 2):
        raise ValueError(f"logits must have shape [V] or [N, V], got {list(rows.shape)}")
    one = rows.ndim == 1
    several = rows.reshape(1, -1) if one else rows
    histories = [history] if one else [history] * len(several) if len(history) == 0 else list(history)
    before = [np.asarray(tokens, np.int64 if len(tokens) == 0 else None) for tokens in histories]
    counts = [drawn] * len(several) if isinstance(drawn, int) else list(drawn)
    done = _core.filter_logits(several, before, counts, plain_filters(filters, None), [int(end) for end in ends])
    return done[0] if one else done
