"""The most memory that a training step takes, rustlstm beside torch, each step in a process of its own.

    python benches/versus/memory.py [--rounds N] [--threads N] [--record STEM]

A step is forward + backward of the layer. What counts is the peak during the step less what the process held before
it: libraries, weights, inputs, gradients and whatever a step of one time step leaves behind. Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from versus import contestants, machine, processes, records, rounds, work  # noqa: E402  (found through the line above)
from versus.contestants import OURS  # noqa: E402
from versus.records import Record  # noqa: E402
from versus.shapes import TRAINING, Shape  # noqa: E402

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("long512", 512, 512, 32, 1000),
        Shape("stack256", 256, 256, 64, 150, layers=2),
    )
}
# A row of the table: the library, and options of its layer. An option that the layer does not know is skipped.
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    OURS: (OURS, {}),
    f"{OURS}, recompute": (OURS, {"recompute": True}),
    "torch": ("torch", {}),
}


def step(row: str, shape: Shape, folder: Path, threads: int) -> dict[str, Any]:
    """The bytes that one step adds, or why there is no figure."""
    library, options = ROWS[row]
    try:
        contestant = contestants.load(library)
    except ImportError as error:
        return {"skipped": str(error)}
    if options and (unknown := contestant.unknown(options)):
        return {"skipped": f"this version's layer has no option {', '.join(unknown)}"}
    machine.keep_to_processors(threads)
    short = work.load(folder / "short" / "inputs")
    job = contestant.prepare(replace(shape, steps=1), short, TRAINING, threads, **options)
    job.run()
    work.check(job.results(), work.load(folder / "short" / "expected"), TRAINING)
    job.feed({name: value for name, value in work.load(folder / "long" / "inputs").items() if name in ("x", "dy")})
    machine.forget_peak_memory()
    before, _ = machine.memory()
    job.run()
    _, most = machine.memory()
    return {"version": contestant.version(), "before": before, "bytes": most - before}


def figures(record: Record) -> dict[str, dict[str, float]]:
    """Of each shape, the least bytes of the rounds by row."""
    found: dict[str, dict[str, float]] = {name: {} for name in record["shapes"]}
    for result in record["results"]:
        row = found[result["shape"]]
        row[result["row"]] = min(result["bytes"], row.get(result["row"], result["bytes"]))
    return found


def text(record: Record) -> str:
    """The record for people."""
    parts = [records.heading(record), "memory that a training step adds, MB"]
    for name, found in figures(record).items():
        shape = SHAPES[name]
        unit = 4.0 * shape.steps * shape.batch * shape.hidden_size
        rows = [
            [
                row,
                f"{size / 1e6:.0f}",
                f"{size / unit:.1f}",
                f"{found['torch'] / size:.2f}" if "torch" in found else "–",
            ]
            for row, size in found.items()
        ]
        head = [f"{name}: {shape}", "MB", f"outputs of {unit / 1e6:.0f} MB", "torch's / this"]
        parts.append(records.table(head, rows))
    if record["skipped"]:
        parts.append("\n".join(f"- {row} is left out: {why}" for row, why in record["skipped"].items()))
    return "\n\n".join(parts)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = records.parser(__doc__, seconds=None)
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--shape", choices=SHAPES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.row:
        print(json.dumps(step(options.row, SHAPES[options.shape], options.folder, options.threads)))
        return 0
    if not Path("/proc/self/clear_refs").exists():
        print("left out: how much memory a process holds is only known on Linux", file=sys.stderr)
        return 1
    record = records.opened(__file__, options, shapes=list(SHAPES), skipped={})
    for name, shape in SHAPES.items():
        with tempfile.TemporaryDirectory(prefix="memory-") as made:
            folder, one = Path(made), replace(shape, steps=1)
            arrays = work.draw(one)
            rounds.keep(folder, "short", arrays, work.reference(one, arrays))
            rounds.keep(folder, "long", work.draw(shape), {})
            for number in range(options.rounds):
                for row, (library, _) in ROWS.items():
                    if row in record["skipped"]:
                        continue
                    command = ["--row", row, "--shape", name, "--folder", made, "--threads", str(options.threads)]
                    answer = processes.alone(__file__, command, options.threads)
                    if "skipped" in answer:
                        record["skipped"][row] = answer["skipped"]
                        continue
                    record["versions"][library] = answer.pop("version")
                    record["results"].append({"round": number, "shape": name, "row": row, **answer})
                print(f"round {number + 1}/{options.rounds}: {name}", file=sys.stderr)
    records.write(options.record, record, text(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
