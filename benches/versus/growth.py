"""What rustlstm costs as the work grows: time steps, rows, units, layers and threads, one of them at a time.

    python benches/versus/growth.py [--rounds N] [--seconds S] [--threads N] [--record STEM]

The middle is 256→256 with 16 rows and 100 steps. From one size to the next the time should grow no more than the
multiplies and adds do; where it grows by more than `ALLOWED` times as much, that is said. Threads are tried on the
middle, and on every shape of the comparison that is large enough to be shared out.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from versus import machine, panels, records, rounds, work  # noqa: E402  (found through the line above)
from versus.contestants import OURS  # noqa: E402
from versus.records import Record  # noqa: E402
from versus.shapes import FORWARD, SHAPES, TRAINING, Shape  # noqa: E402
from versus.svg import Drawing  # noqa: E402

MIDDLE = Shape("middle", 256, 256, 16, 100)
MODES = (FORWARD, TRAINING)
# A letter, what it counts, the fields of a shape that are so many, and how many.
AXES: dict[str, tuple[str, tuple[str, ...], tuple[int, ...]]] = {
    "T": ("time steps", ("steps",), (1, 3, 10, 30, 100, 300, 1000)),
    "B": ("rows", ("batch",), (1, 2, 4, 8, 16, 32, 64, 128, 256)),
    "H": ("units, and as many inputs", ("input_size", "hidden_size"), (16, 32, 64, 128, 256, 512, 1024)),
    "L": ("layers", ("layers",), (1, 2, 4, 8)),
}
ALLOWED = 1.15
# Two threads against one, on shapes of so many rows and units.
SHARED = [shape for shape in SHAPES.values() if shape.has(TRAINING) and shape.batch >= 16 and shape.hidden_size >= 128]
WANTED = 1.85


def along(letter: str) -> dict[int, Shape]:
    """The shapes of an axis by their size; the same shape has the same name on every axis."""
    _, fields, sizes = AXES[letter]
    made = {}
    for size in sizes:
        changes: dict[str, Any] = dict.fromkeys(fields, size)
        shape = replace(MIDDLE, **changes)
        name = f"t{shape.steps}b{shape.batch}h{shape.hidden_size}l{shape.layers}"
        made[size] = replace(shape, name=name)
    return made


def counts() -> list[int]:
    """Numbers of threads: doubled, up to all processors."""
    processors = os.cpu_count() or 1
    return sorted({*(2**power for power in range(processors.bit_length()) if 2**power <= processors), processors})


def seconds(record: Record, shape: str, mode: str, threads: int) -> float | None:
    """The best round."""
    wanted = shape, mode, threads
    results = record["results"]
    return min((r["best"] for r in results if (r["shape"], r["mode"], r["threads"]) == wanted), default=None)


def steep(record: Record, letter: str, mode: str) -> dict[int, float]:
    """How much more the time grew than the work, from the size before to this one; 1 where they grew alike."""
    found = {}
    points = list(measured_points(record, letter, mode).items())
    for (smaller, before), (size, after) in pairwise(points):
        shapes = along(letter)
        found[size] = after / before / (shapes[size].flops(mode) / shapes[smaller].flops(mode))
    return found


def measured_points(record: Record, letter: str, mode: str) -> dict[int, float]:
    """The times along an axis by size."""
    times = {size: seconds(record, s.name, mode, record["threads"]) for size, s in along(letter).items()}
    return {size: time for size, time in times.items() if time is not None}


def text(record: Record) -> str:
    """The record for people."""
    parts = [records.heading(record), f"the middle: {MIDDLE}; one of its sizes at a time, {record['threads']} threads"]
    for letter, (what, _, _) in AXES.items():
        times = {mode: measured_points(record, letter, mode) for mode in MODES}
        growth = {mode: steep(record, letter, mode) for mode in MODES}
        rows = []
        for size in times[FORWARD]:
            cells, flags = [f"{size}"], []
            for mode in MODES:
                ratio = growth[mode].get(size)
                speed = along(letter)[size].flops(mode) / times[mode][size] * 1e-9
                cells += [f"{1e3 * times[mode][size]:.3g}", f"{speed:.0f}", "–" if ratio is None else f"{ratio:.2f}"]
                flags += [mode] if ratio is not None and ratio > ALLOWED else []
            rows.append([*cells, f"super-linear: {' and '.join(flags)}" if flags else ""])
        head = [f"{letter}, {what}", *(words for mode in MODES for words in (f"{mode}, ms", "GFLOP/s", "time / work"))]
        parts.append(records.table([*head, ""], rows))
    return "\n\n".join([*parts, _threads(record)])


def _threads(record: Record) -> str:
    rows = [["FMA peak, GFLOP/s", *(f"{record['peaks'][f'{count}']:.0f}" for count in record["counts"]), "", ""]]
    for shape in [MIDDLE, *SHARED]:
        for mode in MODES:
            times = [seconds(record, shape.name, mode, count) for count in record["counts"]]
            if None in times:
                continue
            cells = [f"{1e3 * time:.3g}" for time in times if time is not None]
            gain, flag = "", ""
            if times[0] and len(times) > 1 and times[1]:
                gain = f"{times[0] / times[1]:.2f}"
                flag = f"below {WANTED}" if times[0] / times[1] < WANTED else ""
            rows.append([f"{shape.name}: {shape}, {mode}", *cells, gain, flag])
    return records.table(["ms with so many threads", *map(str, record["counts"]), "two against one", ""], rows)


def chart(record: Record) -> str:
    """A small panel per axis; dotted lines go through the middle and grow as the work does."""
    width, tall, top = 345.0, 250.0, 46.0
    drawing = Drawing(3 * width + 32, top + 2 * tall + 16)
    drawing.legend(22, 20, MODES)
    drawing.text(3 * width + 16, 24, f"ms; dotted: as the work; ringed: more than {ALLOWED} times that", "small", "end")
    boxes = [(16 + width * column, top + tall * row, width - 20, tall) for row in range(2) for column in range(3)]
    for (letter, (what, _, _)), box in zip(AXES.items(), boxes, strict=False):
        lines: dict[str, list[tuple[float, float]]] = {}
        plain: list[Sequence[tuple[float, float]]] = []
        flagged: list[tuple[float, float]] = []
        for mode in MODES:
            times, shapes = measured_points(record, letter, mode), along(letter)
            if not times:
                continue
            lines[mode] = [(size, 1e3 * time) for size, time in times.items()]
            middle = next((size for size in times if shapes[size].flops(mode) == MIDDLE.flops(mode)), min(times))
            unit = 1e3 * times[middle] / shapes[middle].flops(mode)
            plain.append([(size, unit * shapes[size].flops(mode)) for size in times])
            flagged += [
                (size, 1e3 * times[size]) for size, ratio in steep(record, letter, mode).items() if ratio > ALLOWED
            ]
        if lines:
            panels.curves(drawing, box, f"{letter}: {what}", lines, plain, flagged)
    by_count = {
        mode: [(count, 1e3 * (seconds(record, MIDDLE.name, mode, count) or 0)) for count in record["counts"]]
        for mode in MODES
    }
    shared = [[(count, line[0][1] / count) for count, _ in line] for line in by_count.values()]
    panels.curves(drawing, boxes[len(AXES)], "threads", by_count, shared)
    return str(drawing)


def main() -> None:
    options = records.parser(__doc__, seconds=0.3).parse_args()
    record, peaks = records.opened(__file__, options, counts=counts(), peaks={}), []
    shapes = {shape.name: shape for letter in AXES for shape in along(letter).values()}
    shared = {shape.name: shape for shape in [MIDDLE, *SHARED]}
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder = Path(name)
        what, meter = machine.peak_meter(folder, options.threads)
        meters = {count: machine.peak_meter(folder, count)[1] for count in record["counts"]}
        for shape in (shapes | shared).values():
            arrays = work.draw(shape)
            rounds.keep(folder, shape.name, arrays, work.reference(shape, arrays))
        tasks, on_threads = (
            [rounds.Task(shape.name, shape, mode) for shape in some.values() for mode in MODES]
            for some in (shapes, shared)
        )
        for number in range(options.rounds):
            peaks += rounds.go(number, record, tasks, [OURS], folder, meter, options.threads)
            for count in record["counts"]:
                best = max(
                    best for best, _ in rounds.go(number, record, on_threads, [OURS], folder, meters[count], count)
                )
                record["peaks"][f"{count}"] = max(best, record["peaks"].get(f"{count}", 0.0))
    record = records.with_peak(record, what, peaks)
    records.write(options.record, record, text(record), chart(record))


if __name__ == "__main__":
    main()
