"""One contestant in a process of its own: reads a task per line from standard input, answers each with a line.

A task names a shape, a mode, the folder with its numbers and for how long to measure. Results are compared with the
reference before anything is timed.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from versus import contestants, sample, work
from versus.contestants import Job
from versus.shapes import SAMPLING, SHAPES

# A sample is as many calls as take this long, so that the clock and one interruption do not decide.
SAMPLE_SECONDS = 0.02
LEAST_SAMPLES = 3


def measure(job: Job, seconds: float) -> dict[str, float]:
    """Seconds per call: the best sample and the median of all, after a tenth of the time as a warm-up."""
    calls, start = 0, time.perf_counter()
    while calls < 2 or time.perf_counter() - start < seconds / 10:
        job.run()
        calls += 1
    per_call = (time.perf_counter() - start) / calls
    calls = max(1, round(SAMPLE_SECONDS / per_call))
    samples: list[float] = []
    begin = time.perf_counter()
    while len(samples) < LEAST_SAMPLES or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        for _ in range(calls):
            job.run()
        samples.append((time.perf_counter() - start) / calls)
    return {"best": min(samples), "median": statistics.median(samples), "samples": len(samples), "calls": calls}


def main() -> None:
    name, threads, processors = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(processor) for processor in processors.split(",")})
    # Libraries print to standard output as they please; the answers go where it pointed before.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    try:
        contestant = contestants.load(name)
    except ImportError as error:
        answer(absent=str(error))
        return
    answer(version=contestant.version(), modes=contestant.MODES)
    for line in sys.stdin:
        task = json.loads(line)
        folder = Path(task["folder"])
        shape, arrays, mode = SHAPES[task["shape"]], work.load(folder / "inputs"), task["mode"]
        job = contestant.prepare(shape, arrays, mode, threads)
        job.run()
        results = job.results()
        work.check(results, work.load(folder / "expected"), mode)
        if mode == SAMPLING:
            sample.check_drawn(shape, arrays, results["drawn"])
        answer(**measure(job, task["seconds"]))
        del job


if __name__ == "__main__":
    main()
