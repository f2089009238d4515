"""What each single option of the layer costs: forward + backward in training mode, against the plain layer.

    python benches/versus/options.py [--rounds N] [--seconds S] [--threads N] [--shapes A B] [--record STEM]

In every round all options take their turn, each side by side with the plain layer, sample by sample; the ratio is of
the bests of the rounds. Two options have other peers. Ways to merge stand beside a bidirectional layer that
concatenates. A projection stands beside a plain layer of fewer units that has as many multiplies and adds, to within a
few per cent, and the ratio is put right by those per cent.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

import rustlstm as rl  # noqa: E402  (found through the line above)
from versus import machine, panels, records, timing, work  # noqa: E402
from versus.contestants import OURS, ours  # noqa: E402
from versus.records import Record  # noqa: E402
from versus.shapes import SHAPES, TRAINING, Shape  # noqa: E402
from versus.svg import Drawing, around  # noqa: E402

MEASURED = ("charrnn", "db256x16")
# More than this many times the plain layer is more than an option may cost.
ALLOWED = 1.3


@dataclass(frozen=True)
class Option:
    """A changed layer, and the plain one that it is held against."""

    name: str
    changes: dict[str, Any]
    plain: dict[str, Any] = field(default_factory=dict)
    # Hidden units of the plain layer, if they are fewer, and its multiplies and adds as a part of the changed layer's.
    units: int | None = None
    part: float = 1.0


class Trained(ours.Job):
    """Forward and backward of a layer with options, from first values of its own."""

    def __init__(self, shape: Shape, arrays: work.Arrays, changes: dict[str, Any]) -> None:
        self.lstm = rl.nn.LSTM(shape.input_size, shape.hidden_size, shape.layers, seed=0, **changes)
        self.mode = TRAINING
        # Outputs are narrower or wider with some options.
        width = self.lstm.output_size
        repeated = np.concatenate([arrays["dy"]] * 2, axis=2)
        self.feed({"x": arrays["x"], "dy": np.ascontiguousarray(repeated[..., :width])})

    def check(self) -> None:
        """Runs once and raises where a result is not finite."""
        self.run()
        for name, value in self.results().items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name} is not finite")


def options_of(shape: Shape) -> list[Option]:
    """All of them that do something to the shape."""
    cells: dict[str, dict[str, Any]] = {
        "peephole": {"peephole": True},
        "coupled": {"coupled": True},
        **{f"no {gate} gate": {f"{gate}_gate": False} for gate in ("input", "forget", "output")},
        **{
            f"{side} activation {name}": {f"{side}_activation": name}
            for side in ("input", "output")
            for name in ("sigmoid", "hard_sigmoid", "relu", "softsign", "identity")
        },
        "clip": {"clip": 3.0},
    }
    found = [Option(name, {"cell": rl.nn.Cell(**fields)}) for name, fields in cells.items()]
    layers: dict[str, dict[str, Any]] = {
        "input_dropout": {"input_dropout": 0.2},
        "input_dropout, locked": {"input_dropout": 0.2, "locked_dropout": True},
        "recurrent_dropout": {"recurrent_dropout": 0.2},
        "zoneout": {"zoneout": 0.1},
        "weight_drop": {"weight_drop": 0.2},
        "layer_norm": {"layer_norm": True},
        "learn_initial_state": {"learn_initial_state": True},
        "recompute": {"recompute": True},
    }
    if shape.layers > 1:
        layers |= {"dropout": {"dropout": 0.2}, "dropout, locked": {"dropout": 0.2, "locked_dropout": True}}
    found += [Option(name, changes) for name, changes in layers.items() if not ours.unknown(changes)]
    both = {"bidirectional": True}
    found += [Option(f"merge {how}", both | {"merge": how}, both) for how in ("sum", "mul", "mean")]
    return [*found, projection(shape)]


def projection(shape: Shape) -> Option:
    """To half as many units, and the plain layer, of a multiple of eight units, that is nearest to it in work."""
    half, work_of_it = shape.hidden_size // 2, 0.0
    for layer in range(shape.layers):
        inputs = shape.input_size if layer == 0 else half
        per_row = 8.0 * shape.hidden_size * (inputs + half) + 2.0 * shape.hidden_size * half
        work_of_it += 3.0 * shape.steps * shape.batch * per_row
    plain = {units: replace(shape, hidden_size=units).flops(TRAINING) for units in range(8, shape.hidden_size + 1, 8)}
    units = min(plain, key=lambda units: abs(plain[units] - work_of_it))
    return Option(f"proj_size {half}", {"proj_size": half}, units=units, part=plain[units] / work_of_it)


def measured(options: argparse.Namespace) -> Record:
    """The record."""
    machine.keep_to_processors(options.threads)
    rl.set_num_threads(options.threads)
    record, peaks = records.opened(__file__, options, shapes=options.shapes), []
    record["versions"][OURS] = ours.version()
    with tempfile.TemporaryDirectory(prefix="options-") as name:
        what, meter = machine.peak_meter(Path(name), options.threads)
        for number in range(options.rounds):
            for shape in options.shapes:
                peaks.append(meter())
                record["results"] += one_round(number, SHAPES[shape], options.seconds)
                print(f"round {number + 1}/{options.rounds}: {shape}", file=sys.stderr)
    return records.with_peak(record, what, peaks)


def one_round(number: int, shape: Shape, seconds: float) -> list[dict[str, Any]]:
    """Every option once, side by side with its plain layer."""
    arrays, found = work.draw(shape), []
    for option in options_of(shape):
        fewer = replace(shape, hidden_size=option.units or shape.hidden_size)
        jobs = Trained(fewer, arrays, option.plain), Trained(shape, arrays, option.changes)
        for job in jobs:
            job.check()
        plain, changed = (times["best"] for times in timing.side_by_side([job.run for job in jobs], seconds))
        row = {"round": number, "shape": shape.name, "option": option.name, "plain": plain, "best": changed}
        found.append(row | {"units": option.units, "part": option.part})
    return found


def ratios(record: Record, shape: str) -> dict[str, float]:
    """The best time of each option over the best of its plain layer, the same work supposed."""
    found: dict[str, float] = {}
    results = [result for result in record["results"] if result["shape"] == shape]
    for name in dict.fromkeys(result["option"] for result in results):
        own = [result for result in results if result["option"] == name]
        plain, best = (min(result[which] for result in own) for which in ("plain", "best"))
        found[name] = best / plain * own[0]["part"]
    return found


def text(record: Record) -> str:
    """The record for people."""
    parts = [records.heading(record), "an option's time / the plain layer's, forward + backward in training mode"]
    found = {shape: ratios(record, shape) for shape in record["shapes"]}
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    rows = []
    for name in names:
        values = {shape: found[shape].get(name) for shape in found}
        cells = ["–" if value is None else f"{value:.2f}" for value in values.values()]
        dear = any(value is not None and value > ALLOWED for value in values.values())
        rows.append([name, *cells, f"above {ALLOWED}" if dear else ""])
    head = ["option", *(f"{shape}: {SHAPES[shape]}" for shape in found), ""]
    parts.append(records.table(head, rows))
    for shape in record["shapes"]:
        projected = next(r for r in record["results"] if r["shape"] == shape and r["units"])
        parts.append(
            f"- {shape}: the peer of {projected['option']} is a plain layer of {projected['units']} units, "
            f"{projected['part']:.1%} of its work, and the ratio is by the work"
        )
    return "\n\n".join(["\n\n".join(parts[:3]), "\n".join(parts[3:])])


def chart(record: Record) -> str:
    """The ratios as dots, one colour per shape."""
    found = {shape: ratios(record, shape) for shape in record["shapes"]}
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    rows = [panels.Row(name, {shape: found[shape][name] for shape in found if name in found[shape]}) for name in names]
    drawing = Drawing(760, 60 + panels.height(len(rows)))
    drawing.legend(22, 20, list(found))
    scale = around([1.0, ALLOWED, *(value for row in rows for value in row.values.values())], 210, 744)
    title = "time / the plain layer's, forward + backward"
    panels.dots(drawing, (16, 46), scale, title, rows, list(found), mark=(ALLOWED, f"{ALLOWED}"))
    return str(drawing)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = records.parser(__doc__, seconds=0.3)
    parser.add_argument("--shapes", nargs="+", choices=MEASURED, default=list(MEASURED), help="default both")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    record = measured(options)
    records.write(options.record, record, text(record), chart(record))


if __name__ == "__main__":
    main()
