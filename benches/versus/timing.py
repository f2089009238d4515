"""How long a call takes: as many calls as fill a sample, the best sample of a while."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

# A sample is as many calls as take this long, so that the clock does not decide. On shared machines a core is slowed by
# its other hardware thread for some ten milliseconds at a time: samples as long as that seldom meet two fast cores.
SAMPLE_SECONDS = 0.002
LEAST_SAMPLES = 3


def measure(run: Callable[[], object], seconds: float) -> dict[str, float]:
    """Seconds per call: the best sample and the median of all, after a tenth of the time as a warm-up."""
    return side_by_side([run], seconds)[0]


def side_by_side(runs: Sequence[Callable[[], object]], seconds: float) -> list[dict[str, float]]:
    """The same of several, each for so many seconds. Samples take turns, so that what disturbs one disturbs all."""
    calls = [max(1, round(SAMPLE_SECONDS / _warm(run, seconds / 10))) for run in runs]
    samples: list[list[float]] = [[] for _ in runs]
    begin = time.perf_counter()
    while len(samples[0]) < LEAST_SAMPLES or time.perf_counter() - begin < seconds * len(runs):
        for run, count, kept in zip(runs, calls, samples, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                run()
            kept.append((time.perf_counter() - start) / count)
    return [
        {"best": min(kept), "median": statistics.median(kept), "samples": len(kept), "calls": count}
        for kept, count in zip(samples, calls, strict=True)
    ]


def _warm(run: Callable[[], object], seconds: float) -> float:
    """About how long a call takes."""
    calls, start = 0, time.perf_counter()
    while calls < 2 or time.perf_counter() - start < seconds:
        run()
        calls += 1
    return (time.perf_counter() - start) / calls
