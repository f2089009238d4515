"""rustlstm side by side with other libraries on the project's shapes; prints a table, writes a record.

    python benches/versus/run.py [--rounds N] [--shapes A,B] [--rivals A,B] [--seconds S] [--record STEM]

The figure is the best of the rounds. A contestant whose results differ from the reference stops the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

# Found through the line above.
from versus import chart, machine, ragged, records, report, rounds, sample, single, step, work  # noqa: E402
from versus.contestants import MODULES, OURS  # noqa: E402
from versus.shapes import MODES, RAGGED, SAMPLING, SHAPES, SINGLE, STEP, Shape  # noqa: E402


def arguments() -> argparse.Namespace:
    """The command line."""

    def names(allowed: list[str]) -> Any:
        def parse(value: str) -> list[str]:
            chosen = [name for name in value.split(",") if name]
            if unknown := [name for name in chosen if name not in allowed]:
                raise argparse.ArgumentTypeError(f"no such name: {', '.join(unknown)}; there are {', '.join(allowed)}")
            return chosen

        return parse

    rivals = [name for name in MODULES if name != OURS]
    parser = records.parser(__doc__)
    parser.add_argument("--shapes", type=names(list(SHAPES)), default=list(SHAPES), help="comma-separated; default all")
    parser.add_argument(
        "--rivals", type=names(rivals), default=rivals, help=f"comma-separated; default {','.join(rivals)}"
    )
    parser.add_argument("--modes", type=names(list(MODES)), default=list(MODES), help="comma-separated; default all")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    record = records.opened(__file__, options, shapes=options.shapes, modes=options.modes)
    tasks = [
        rounds.Task(shape, SHAPES[shape], mode)
        for shape in options.shapes
        for mode in filter(SHAPES[shape].has, options.modes)
    ]
    with tempfile.TemporaryDirectory(prefix="versus-") as name:
        folder = Path(name)
        what, meter = machine.peak_meter(folder, options.threads)
        for shape in options.shapes:
            rounds.keep(folder, shape, *numbers(SHAPES[shape]))
        contestants, peaks = [OURS, *options.rivals], []
        for number in range(options.rounds):
            peaks += rounds.go(number, record, tasks, contestants, folder, meter, options.threads)
    record = records.with_peak(record, what, peaks)
    records.write(options.record, record, report.text(record), chart.chart(record))


def numbers(shape: Shape) -> tuple[work.Arrays, work.Arrays]:
    """What every contestant is given, and what must come out."""
    if shape.has(SAMPLING):
        arrays = sample.draw(shape)
        return arrays, {"logits": sample.logits(shape, arrays, arrays["tokens"])}
    if shape.has(RAGGED):
        arrays = ragged.draw(shape)
        return arrays, ragged.reference(shape, arrays)
    arrays = single.draw(shape) if shape.has(SINGLE) else work.draw(shape)
    expected = work.reference(shape, arrays)
    if shape.has(STEP):
        expected["losses"] = step.losses(shape, arrays)
    return arrays, expected


if __name__ == "__main__":
    main()
