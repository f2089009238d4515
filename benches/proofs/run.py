"""Runs proofs and writes a record of each; `--list` names them.

    python benches/proofs/run.py [names] [--seeds N]

A record holds every seed's score, extra figures and seconds, the machine, the versions, the date and the command.
Records of the same proof are replaced; docs/results.md is made of them by page.py.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from pathlib import Path

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

import numpy as np  # noqa: E402
from versus import machine  # noqa: E402

import rustlstm as rl  # noqa: E402
from proofs import page  # noqa: E402
from proofs.fields import PROOFS  # noqa: E402
from proofs.proof import Proof  # noqa: E402

RECORDS = Path(__file__).with_name("records")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which proofs; all if none is named")
    parser.add_argument("--seeds", type=int, help="so many, instead of what each proof says")
    parser.add_argument("--list", action="store_true", help="only name them")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(PROOFS)
    if unknown:
        parser.error(f"no proof is called {', '.join(sorted(unknown))}; there are {', '.join(PROOFS)}")
    wanted = [PROOFS[name] for name in chosen.names or PROOFS]
    if chosen.list:
        print("\n".join(f"{proof.name:<24} {proof.task}" for proof in wanted))
        return 0
    kept = [measure(proof, chosen.seeds or proof.seeds) for proof in wanted]
    page.write(RECORDS)
    return 0 if all(kept) else 1


def measure(proof: Proof, seeds: int) -> bool:
    """Run a proof, print each seed's line, write the record; return whether the bar is reached."""
    print(f"{proof.name}: {proof.task}; bar: {proof.bar}", flush=True)
    outcomes, rows = [], []
    for seed in range(seeds):
        start = time.perf_counter()
        outcome = proof.run(seed)
        seconds = time.perf_counter() - start
        outcomes.append(outcome)
        row = {"seed": seed, "score": outcome.score, "solved": outcome.solved, "seconds": round(seconds, 1)}
        rows.append({**row, **outcome.extra})
        print("   ", ", ".join(f"{name} {_shown(value)}" for name, value in rows[-1].items()), flush=True)
    reached = proof.reached(outcomes)
    print(f"    {'reached' if reached else 'NOT reached'}", flush=True)
    record = {
        "name": proof.name,
        "field": proof.field,
        "task": proof.task,
        "metric": proof.metric,
        "bar": proof.bar,
        "floor": proof.floor,
        "published": proof.published,
        "reached": reached,
        "seeds": rows,
        "command": f"python benches/proofs/run.py {proof.name}",
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": {
            "rustlstm": rl.__version__,
            "level": rl.build_info()["level"],
            "threads": rl.get_num_threads(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
    RECORDS.mkdir(exist_ok=True)
    (RECORDS / f"{proof.name}.json").write_text(json.dumps(record, indent=1, default=float) + "\n")
    return reached


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
