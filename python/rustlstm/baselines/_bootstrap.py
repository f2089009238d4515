"""How sure it is that one contestant is better than another: both are scored on the same resampled test samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]

DRAWS = 1000  # where the score is a mean of what each sample has
SLOW_DRAWS = 200  # where the metric has to be computed again for each draw


def draws(samples: int, times: int, block: int, seed: int) -> Iterator[Index]:
    """Yield ``times`` draws of as many samples with replacement, by runs of ``block`` neighbours: [N] each."""
    random = np.random.Generator(np.random.PCG64(seed))
    runs = -(-samples // block)
    for _ in range(times):
        begins = random.integers(0, samples, (runs, 1))
        yield ((begins + np.arange(block)) % samples).reshape(-1)[:samples]


def interval(differences: Floats) -> tuple[float, float] | None:
    """Return where 95 % of the differences lie; None if they are not finite, as after an infinite score."""
    if not np.isfinite(differences).all():
        return None
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def of_means(ours: Floats, theirs: Floats, weights: Floats, block: int, seed: int) -> tuple[float, float] | None:
    """Return the interval of the difference of weighted means, from a value of each sample."""
    with np.errstate(invalid="ignore"):  # infinite less infinite
        gains = ours - theirs
    if not np.isfinite(gains).all():
        return None
    all_draws = draws(len(ours), DRAWS, block, seed)
    return interval(np.array([np.average(gains[chosen], weights=weights[chosen]) for chosen in all_draws]))


def of_scores(
    score: Callable[[Any, Any], float], y: Any, ours: Any, theirs: Any, block: int, seed: int
) -> tuple[float, float] | None:
    """Return the interval of the difference of scores, each computed anew; None if too few draws have a score."""
    found = []
    for chosen in draws(len(y), SLOW_DRAWS, block, seed):
        true = rows_of(y, chosen)
        try:
            found.append(score(true, rows_of(ours, chosen)) - score(true, rows_of(theirs, chosen)))
        except ValueError:  # a draw may lack what the metric needs, such as one of two labels
            continue
    return interval(np.array(found)) if len(found) >= SLOW_DRAWS // 2 else None


def rows_of(given: Any, chosen: Any) -> Any:
    """Return some samples."""
    if isinstance(given, np.ndarray):
        return given[chosen]
    return [given[at] for at in chosen]
