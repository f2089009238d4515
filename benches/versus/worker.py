"""One contestant in a process of its own: reads a task per line from standard input, answers each with a line.

A task names a shape, a mode, the folder with its numbers and for how long to measure. Results are compared with the
reference before anything is timed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from versus import contestants, ragged, sample, timing, work
from versus.shapes import PADDED, RAGGED, SAMPLING, Shape


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
        shape, arrays, mode = Shape(**task["shape"]), work.load(folder / "inputs"), task["mode"]
        job = contestant.prepare(shape, arrays, mode, threads)
        job.run()
        results = job.results()
        if mode in (RAGGED, PADDED):
            results = ragged.counted(results, arrays["lengths"])
        work.check(results, work.load(folder / "expected"), mode)
        if mode == SAMPLING:
            sample.check_drawn(shape, arrays, results["drawn"])
        # Where a library knows several ways, the record says which was the quickest.
        way = {"way": job.way} if hasattr(job, "way") else {}
        answer(**timing.measure(job.run, task["seconds"]), **way)
        del job


if __name__ == "__main__":
    main()
