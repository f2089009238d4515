"""Baselines that foretell the next item: of a text, of a melody, of what somebody buys.

All count n-grams. The estimate by Witten and Bell mixes each order with the next shorter one: after a context c that
occurred N times and was followed by T different items,

    p(w | c) = (count(c w) + T p(w | shorter c)) / (N + T)

and below a single item lies the uniform distribution, over all items and one that was never seen.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .._options import choice, count, flag, seed_number
from ..metrics._labels import sorted_labels
from ._base import Baseline, same_length
from ._tokens import Tokens, short, tokens

Floats: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]
Self = TypeVar("Self", bound="ItemBaseline")


class ItemBaseline(Baseline):
    """Counts which item follows which.

    A string (or bytes) is one text; anything else is a list of sequences: lists of items, or strings.
    """

    unit: str = "character"
    smoothing = "witten-bell"

    def fit(self: Self, X: Any, y: Any = None) -> Self:
        """Count.

        Args:
            X: a text, or N sequences of items.
            y: N items, what comes after each sequence; None if the sequences are all there is.
        """
        choice("smoothing", self.smoothing, "witten-bell", "add-one")
        rows, kind = self._cut(X)
        if y is not None:
            if kind is not list:
                raise ValueError("y is for a list of sequences, got one text as X")
            same_length(rows, y)
            ends = tokens("y", list(y))
            rows = [[*row, end] for row, end in zip(rows, ends, strict=True)]
        self.kind_ = str if kind is list and all(isinstance(row, str) for row in X) else kind
        self.items_: list[Any] = sorted_labels({item for row in rows for item in row})
        if not self.items_:
            raise ValueError("X must hold at least one item, got none")
        self._index = {item: at for at, item in enumerate(self.items_)}
        self._keys: list[Index] = []  # by order: the n-grams, as number of the context * V + item; sorted
        self._counts: list[Floats] = []
        self._totals: list[Floats] = []  # by order and context: how often it was followed by anything,
        self._kinds: list[Floats] = []  # and by how many different items
        flat, place = self._flat(rows)
        context = np.zeros(len(flat), np.int64)
        contexts = 1
        for order in range(self._order()):
            there = np.flatnonzero(place >= order)
            keys, number, times = np.unique(
                context[there] * len(self.items_) + flat[there], return_inverse=True, return_counts=True
            )
            self._keys.append(keys)
            self._counts.append(times.astype(np.float64))
            its = keys // len(self.items_)
            self._totals.append(np.bincount(its, times, minlength=contexts).astype(np.float64))
            self._kinds.append(np.bincount(its, minlength=contexts).astype(np.float64))
            # The context of one item more, at the next step, is the n-gram that ended here.
            context = np.zeros(len(flat), np.int64)
            following = there[there < len(flat) - 1]
            context[following + 1] = number.reshape(-1)[: len(following)]
            contexts = len(keys)
        return self

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus ``nats``, so that more is better."""
        return -self.nats(X, y)

    def nats(self, X: Any, y: Any = None) -> float:
        """Return the nats for each item of sequences that were held out.

        Args:
            X: as in ``fit``.
            y: as in ``fit``; then the nats of these items alone.
        """
        self._fitted()
        rows, kind = self._cut(X)
        if y is not None:
            if kind is not list:
                raise ValueError("y is for a list of sequences, got one text as X")
            same_length(rows, y)
            rows = [[*row, end] for row, end in zip(rows, tokens("y", list(y)), strict=True)]
        flat, place = self._flat(rows)
        if not len(flat):
            raise ValueError("X must hold at least one item, got none")
        chances = self._chances(flat, place)
        if y is not None:
            chances = chances[np.cumsum([len(row) for row in rows]) - 1]
        return float(-np.mean(np.log(chances)))

    def nats_after_first(self, X: Any) -> float:
        """Return the nats for each item but the first of each sequence, which a network has nothing to foretell by."""
        self._fitted()
        flat, place = self._flat(self._cut(X)[0])
        if not place.any():
            raise ValueError("X must hold a sequence of at least two items, got none")
        return float(-np.mean(np.log(self._chances(flat, place)[place > 0])))

    def predict_proba(self, X: Any) -> Floats:
        """Return how likely each of ``items_`` is to come next, given that it is one of them.

        Args:
            X: N sequences, or one text.

        Returns:
            [N, V], of one text [V].
        """
        self._fitted()
        rows, kind = self._cut(X)
        found = np.stack([self._next(row) for row in rows])
        return found if kind is list else found[0]

    def predict(self, X: Any) -> Any:
        """Return the item that is most likely to come next: a list of N, of one text a single one."""
        best = self.predict_proba(X).argmax(axis=-1)
        return self.items_[int(best)] if best.ndim == 0 else [self.items_[at] for at in best.tolist()]

    def top(self, X: Any, k: int = 10, *, new: bool = False) -> list[Any]:
        """Return the k items that are most likely to come next, the best first; of equal ones the first in order.

        Args:
            X: N sequences, or one text.
            k: how many.
            new: leave out the items that the sequence has already.

        Returns:
            A list of N lists, of one text one list.
        """
        k, new = count("k", k), flag("new", new)
        self._fitted()
        rows, kind = self._cut(X)
        found = []
        for row in rows:
            chances = self._next(row)
            if new:
                chances[[self._index[item] for item in set(row) if item in self._index]] = -1
            order = np.argsort(-chances, kind="stable")[:k]
            found.append([self.items_[at] for at in order.tolist() if chances[at] >= 0])
        return found if kind is list else found[0]

    def sample(self, length: int, seed: int = 0, *, prompt: Any = ()) -> Any:
        """Return new items, drawn one after another.

        Args:
            length: how many.
            seed: the same seed gives the same items.
            prompt: what came before; it is not part of what is returned.

        Returns:
            A string or bytes if ``fit`` was given such, else a list.
        """
        length = count("length", length, 0)
        self._fitted()
        random = np.random.Generator(np.random.PCG64(seed_number(seed)))
        before = list(tokens("prompt", prompt, self.unit))
        drawn: list[Any] = []
        reach = self._order() - 1
        for _ in range(length):
            chances = np.cumsum(self._next([*before, *drawn][-reach:] if reach else []))
            at = int(np.searchsorted(chances, random.random() * chances[-1], side="right"))
            drawn.append(self.items_[min(at, len(self.items_) - 1)])
        if self.kind_ is str and self.unit == "byte":
            return bytes(drawn).decode(errors="replace")
        if self.kind_ is str:
            return (" " if self.unit == "word" else "").join(drawn)
        return bytes(drawn) if self.kind_ is bytes else drawn

    def _order(self) -> int:
        """Return the items of the longest n-grams."""
        raise NotImplementedError

    def _cut(self, X: Any) -> tuple[list[Tokens], type]:
        """Return sequences of items, and what X is: str, bytes or list."""
        choice("unit", self.unit, "character", "word", "byte")
        if isinstance(X, (str, bytes)):
            return [tokens("X", X, self.unit)], type(X)
        if not hasattr(X, "__len__") or isinstance(X, dict) or len(X) == 0:
            raise ValueError(f"X must be a text or a list of sequences, at least one, got {short(X)}")
        if not isinstance(X[0], (str, bytes, list, tuple, np.ndarray)):
            raise TypeError(f"X must be a list of sequences, got a list with {X[0]!r}; put a single sequence in a list")
        return [tokens(f"X[{at}]", row, self.unit) for at, row in enumerate(X)], list

    def _flat(self, rows: list[Tokens]) -> tuple[Index, Index]:
        """Return all items by number (-1 for one that is not known), and the place of each in its sequence."""
        index = self._index
        flat = np.array([index.get(item, -1) for row in rows for item in row], np.int64)
        lengths = np.array([len(row) for row in rows], np.int64)
        place = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return flat, place

    def _find(self, order: int, context: Index, item: Index) -> Index:
        """Return the number of each n-gram, -1 where it did not occur."""
        keys = self._keys[order]
        wanted = np.where((context >= 0) & (item >= 0), context * len(self.items_) + item, -1)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1) if len(keys) else np.zeros_like(wanted)
        found: Index = np.where(keys[at] == wanted, at, -1) if len(keys) else np.full_like(wanted, -1)
        return found

    def _chances(self, flat: Index, place: Index) -> Floats:
        """Return the probability of each item after those before it."""
        chances = np.full(len(flat), 1 / (len(self.items_) + 1))
        context = np.zeros(len(flat), np.int64)
        for order in range(self._order()):
            known = (context >= 0) & (place >= order)
            gram = self._find(order, np.where(known, context, -1), flat)
            if len(self._keys[order]):
                # A context that occurred at the end of a sequence only was followed by nothing, and tells nothing.
                known &= self._totals[order][context] > 0
                times = np.where(gram >= 0, self._counts[order][gram], 0)[known]
                total, weight = self._totals[order][context][known], self._weight(self._kinds[order][context][known])
                chances[known] = (times + weight * self._below(chances[known])) / (total + weight)
            context = np.full(len(flat), -1)
            context[1:] = gram[:-1]
        return chances

    def _next(self, row: Tokens) -> Floats:
        """Return how likely each item is to follow."""
        size = len(self.items_)
        chances = np.full(size, 1 / (size + 1))
        for order in range(min(self._order(), len(row) + 1)):
            context = self._context(row[len(row) - order :])
            if context < 0:
                break
            keys = self._keys[order]
            begin, end = np.searchsorted(keys, [context * size, (context + 1) * size])
            if begin == end:  # it was followed by nothing, as above
                break
            weight = self._weight(self._kinds[order][context])
            chances = weight * self._below(chances)
            chances[keys[begin:end] % size] += self._counts[order][begin:end]
            chances /= self._totals[order][context] + weight
        whole: Floats = chances / chances.sum()
        return whole

    def _context(self, items: Tokens) -> int:
        """Return the number of a context, -1 where it did not occur."""
        found = 0
        for order, item in enumerate(items):
            number = np.array([self._index.get(item, -1)])
            found = int(self._find(order, np.array([found]), number)[0])
            if found < 0:
                break
        return found

    def _weight(self, kinds: Any) -> Any:
        """Return how much the shorter context counts beside the occurrences of the longer one."""
        return kinds if self.smoothing == "witten-bell" else np.full_like(kinds, len(self.items_) + 1.0)

    def _below(self, chances: Floats) -> Floats:
        """Return what is mixed in: the shorter context, or with "add-one" each item alike."""
        return chances if self.smoothing == "witten-bell" else np.full_like(chances, 1 / (len(self.items_) + 1))


class NGram(ItemBaseline):
    """The next item by the ``order - 1`` items before it: the rival of a small language model.

    Args:
        order: items of the longest n-grams.
        smoothing: "witten-bell" mixes in shorter contexts; "add-one" adds 1 to each count of the longest that is known.
        unit: how strings are cut, "character", "word" (at white space) or "byte" (of UTF-8).

    >>> model = NGram(order=3).fit("abcabcabcabd")
    >>> model.predict("xxab"), model.top("ab", k=2)
    ('c', ['c', 'd'])
    >>> round(model.nats("abcabc"), 3)
    0.361
    >>> model.sample(6, seed=1)
    'bdacab'
    """

    def __init__(self, order: int = 5, smoothing: str = "witten-bell", *, unit: str = "character") -> None:
        self.order = order
        self.smoothing = smoothing
        self.unit = unit

    def _order(self) -> int:
        return count("order", self.order)


class MarkovChain(ItemBaseline):
    """The next item by the last one (or the last ``order``): an n-gram model of ``order + 1``, smoothed as there.

    Args:
        order: how many items before count.
        unit: how strings are cut, "character", "word" (at white space) or "byte" (of UTF-8).

    >>> model = MarkovChain().fit([["tea", "milk"], ["tea", "milk"], ["tea", "rum"]])
    >>> model.predict([["gin", "tea"]])
    ['milk']
    """

    def __init__(self, order: int = 1, *, unit: str = "character") -> None:
        self.order = order
        self.unit = unit

    def _order(self) -> int:
        return count("order", self.order) + 1


class Popularity(ItemBaseline):
    """The next item is the one that is most frequent, whatever came before.

    Args:
        unit: how strings are cut, "character", "word" (at white space) or "byte" (of UTF-8).

    >>> Popularity().fit([["tea", "milk"], ["tea", "rum"]]).top([["rum"]], k=1)
    [['tea']]
    """

    def __init__(self, *, unit: str = "character") -> None:
        self.unit = unit

    def _order(self) -> int:
        return 1
