"""How long a call takes: as many calls as fill a sample, the best sample of a while."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

# A sample is as many calls as take this long, so that the clock and one interruption do not decide.
SAMPLE_SECONDS = 0.02
LEAST_SAMPLES = 3


def measure(run: Callable[[], object], seconds: float) -> dict[str, float]:
    """Seconds per call: the best sample and the median of all, after a tenth of the time as a warm-up."""
    calls, start = 0, time.perf_counter()
    while calls < 2 or time.perf_counter() - start < seconds / 10:
        run()
        calls += 1
    per_call = (time.perf_counter() - start) / calls
    calls = max(1, round(SAMPLE_SECONDS / per_call))
    samples: list[float] = []
    begin = time.perf_counter()
    while len(samples) < LEAST_SAMPLES or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        samples.append((time.perf_counter() - start) / calls)
    return {"best": min(samples), "median": statistics.median(samples), "samples": len(samples), "calls": calls}
