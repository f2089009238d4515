"""Markov chains whose entropy is known: the source of sequences for which the best attainable score can be computed.

A chain of order k is a table [V, ..., V, V] of k + 1 axes: the probability of the next symbol, given the k last.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# The share of each row that is spread evenly: with it every symbol can follow every other, so that the chain has one
# stationary distribution and forgets how it began.
EVEN = 0.02
# Power iteration stops where a step changes the distribution by less than this in sum.
STILL = 1e-13


class Chain:
    """A source of symbols 0 ... V - 1, of which each depends on the k before it.

    Args:
        table: [V] * k + [V], the probabilities of the next symbol.
    """

    def __init__(self, table: Array) -> None:
        self.table = table
        self.symbols = table.shape[-1]
        self.order = table.ndim - 1
        self.stationary = _stationary(table)
        self._cumulative = np.cumsum(table.reshape(-1, self.symbols), axis=1)

    @classmethod
    def random(cls, draw: np.random.Generator, symbols: int, order: int, choices: int) -> Chain:
        """Return a chain in which a few symbols are likely to follow, others each time."""
        contexts = symbols**order
        rows = np.full((contexts, symbols), EVEN / symbols)
        for row in rows:
            likely = draw.choice(symbols, choices, replace=False)
            row[likely] += (1 - EVEN) * draw.dirichlet(np.ones(choices))
        return cls(rows.reshape((symbols,) * (order + 1)))

    def nats(self, order: int | None = None) -> float:
        """Return the entropy of the next symbol in nats for one who sees the ``order`` last; if left out, all."""
        joint = self.joint(self.order if order is None else order)
        return float(entropy(joint.reshape(1, -1))[0] - entropy(joint.sum(axis=-1).reshape(1, -1))[0])

    def hit_rate(self, guesses: int = 1, order: int | None = None) -> float:
        """Return how often the next symbol is among the likeliest few, for one who sees the ``order`` last."""
        joint = np.sort(self.joint(self.order if order is None else order), axis=-1)
        return float(joint[..., -guesses:].sum())

    def joint(self, order: int) -> Array:
        """Return the probability of ``order`` symbols and the next one, [V] * order + [V]."""
        joint = self.stationary[..., None] * self.table
        seen: Array = joint.sum(axis=tuple(range(self.order - order)))
        return seen

    def sample(self, draw: np.random.Generator, n: int, length: int) -> npt.NDArray[np.int64]:
        """Return n sequences [n, length] that begin as if they had always run."""
        contexts = draw.choice(self.stationary.size, n, p=self.stationary.ravel())
        begin = np.stack(np.unravel_index(contexts, self.stationary.shape), axis=1)
        steps = [begin[:, at] for at in range(self.order)]
        for _ in range(length - self.order):
            following = (self._cumulative[contexts] < draw.random(n)[:, None]).sum(axis=1)
            following = np.minimum(following, self.symbols - 1)  # sums of probabilities may end just below one
            contexts = (contexts * self.symbols + following) % self.stationary.size
            steps.append(following)
        return np.stack(steps, axis=1)[:, :length].astype(np.int64)

    def stream(self, draw: np.random.Generator, length: int) -> list[int]:
        """Return one long sequence: the same as ``sample``, at the speed of a loop over numbers."""
        context = int(draw.choice(self.stationary.size, p=self.stationary.ravel()))
        symbols: list[Any] = [int(part) for part in np.unravel_index(context, self.stationary.shape)]
        rows, chances, last = self._cumulative.tolist(), draw.random(length).tolist(), self.symbols - 1
        for chance in chances[: max(length - self.order, 0)]:
            following = min(bisect_right(rows[context], chance), last)
            context = (context * self.symbols + following) % self.stationary.size
            symbols.append(following)
        return symbols[:length]


def walks(
    draw: np.random.Generator, n: int, start: Array, tables: list[Array]
) -> tuple[npt.NDArray[np.int64], list[Array]]:
    """Return n walks of which each step has a table of its own, and how probable each state is at each step.

    Args:
        draw: the source of chance.
        n: walks.
        start: [V], the probabilities of the first state.
        tables: T - 1 tables [V, V], from a state to the next.

    Returns:
        states [n, T], and T arrays [V].
    """
    states, likely = [draw.choice(len(start), n, p=start)], [start]
    for table in tables:
        following = (np.cumsum(table, axis=1)[states[-1]] < draw.random(n)[:, None]).sum(axis=1)
        states.append(np.minimum(following, len(start) - 1))
        likely.append(np.asarray(likely[-1] @ table))
    return np.stack(states, axis=1).astype(np.int64), likely


def entropy(probabilities: Array) -> Array:
    """Return the entropy in nats of distributions along the last axis, [..., V] to [...]."""
    inside = probabilities > 0
    nats: Array = -(probabilities * np.log(np.where(inside, probabilities, 1))).sum(axis=-1)
    return nats


def _stationary(table: Array) -> Array:
    contexts: Array = np.full(table.shape[:-1], 1 / table[..., 0].size)
    for _ in range(100_000):
        following: Array = (contexts[..., None] * table).sum(axis=0)
        still = np.abs(following - contexts).sum() < STILL
        contexts = following
        if still:
            break
    return np.asarray(contexts / contexts.sum())
