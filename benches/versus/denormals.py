"""What numbers too small for float32's full precision cost: rustlstm and torch, against ordinary numbers.

    python benches/versus/denormals.py [--rounds N] [--seconds S] [--threads N] [--record STEM]

Some processors take a hundred times as long to multiply such a number. A library may compute with them, as torch does
unless told otherwise, or let them be zero. Every case has the shape of the ordinary one; results are compared with
float64, where none of this happens.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from versus import machine, panels, records, rounds, work  # noqa: E402  (found through the line above)
from versus.contestants import OURS  # noqa: E402
from versus.records import Record  # noqa: E402
from versus.shapes import FORWARD, TRAINING, Shape  # noqa: E402
from versus.svg import Drawing, around  # noqa: E402
from versus.work import Arrays  # noqa: E402

SHAPE = Shape("denormals", 64, 128, 16, 600)
MODES = (FORWARD, TRAINING)
ORDINARY = "ordinary"
# Below the least number of full precision, 1.2e-38.
SMALL = np.float32(1e-40)
# More than this many times the ordinary numbers is more than such numbers may cost.
ALLOWED = 1.3


def ordinary(arrays: Arrays) -> Arrays:
    """As they are drawn."""
    return arrays


def fading(arrays: Arrays) -> Arrays:
    """An impulse and then nothing, biases of zero: h and c about halve at each step until they are gone."""
    x, bias = np.zeros_like(arrays["x"]), np.zeros_like(arrays["bias_l0"])
    x[:, 0] = arrays["x"][:, 0]
    return arrays | {"x": x, "bias_l0": bias}


def lingering(arrays: Arrays) -> Arrays:
    """The end of a slower fading: where a step takes off less than rounding adds, the state stays as small as it is."""
    bias = np.zeros_like(arrays["bias_l0"]).reshape(4, -1)
    bias[[1, 3]] = 4.0
    x = np.zeros_like(arrays["x"])
    x[:, 0] = arrays["x"][:, 0] * np.float32(1e-37)
    return arrays | {"x": x, "bias_l0": bias.reshape(-1), "weight_hh_l0": arrays["weight_hh_l0"] * np.float32(0.1)}


def small_inputs(arrays: Arrays) -> Arrays:
    """Every input too small."""
    return arrays | {"x": arrays["x"] * SMALL}


def small_weights(arrays: Arrays) -> Arrays:
    """Every recurrent weight too small, as strong weight decay leaves them."""
    return arrays | {"weight_hh_l0": arrays["weight_hh_l0"] * SMALL}


def vanishing(arrays: Arrays) -> Arrays:
    """A gradient of the last step only, biases of zero: on the way back to the first step it vanishes."""
    dy = np.zeros_like(arrays["dy"])
    dy[:, -1] = arrays["dy"][:, -1]
    return arrays | {"dy": dy, "bias_l0": np.zeros_like(arrays["bias_l0"])}


def small_gradients(arrays: Arrays) -> Arrays:
    """Every gradient of the outputs too small, as a loss that is nearly zero has them."""
    return arrays | {"dy": arrays["dy"] * SMALL}


CASES: dict[str, Callable[[Arrays], Arrays]] = {
    ORDINARY: ordinary,
    **{case.__name__.replace("_", " "): case for case in (fading, lingering, small_inputs, small_weights)},
    **{case.__name__.replace("_", " "): case for case in (vanishing, small_gradients)},
}


def seconds(record: Record, case: str, mode: str, contestant: str) -> float | None:
    """The best round."""
    wanted = case, mode, contestant
    results = record["results"]
    times = [r["best"] for r in results if (r["shape"], r["mode"], r["contestant"]) == wanted]
    return min(times, default=None)


def costs(record: Record, mode: str) -> dict[str, dict[str, float]]:
    """Of each case the time over that of ordinary numbers, by contestant."""
    found: dict[str, dict[str, float]] = {}
    for case in CASES:
        found[case] = {}
        for name in record["versions"]:
            time, usual = seconds(record, case, mode, name), seconds(record, ORDINARY, mode, name)
            if time is not None and usual is not None:
                found[case][name] = time / usual
    return found


def text(record: Record) -> str:
    """The record for people."""
    parts = [records.heading(record), f"shape: {SHAPE}; ms, and how many times as long as with ordinary numbers"]
    names = list(record["versions"])
    for mode in MODES:
        rows = []
        for case, values in costs(record, mode).items():
            times = {name: seconds(record, case, mode, name) for name in names}
            cells = [
                f"{1e3 * (times[name] or 0):.3g} ({values[name]:.2f}×)" if name in values else "–" for name in names
            ]
            dear = values.get(OURS, 0) > ALLOWED
            rows.append([case, *cells, f"above {ALLOWED}" if dear else ""])
        parts.append(records.table([mode, *names, ""], rows))
    lines = (f"- {name}: {(case.__doc__ or '').splitlines()[0]}" for name, case in CASES.items())
    return "\n\n".join([*parts, "\n".join(lines)])


def chart(record: Record) -> str:
    """How many times as long, as dots, one panel per mode."""
    names, rows = list(record["versions"]), {}
    for mode in MODES:
        found = costs(record, mode)
        rows[mode] = [panels.Row(case, values) for case, values in found.items() if case != ORDINARY]
    drawing = Drawing(900, 60 + panels.height(len(CASES) - 1))
    drawing.legend(22, 20, names)
    values = [1.0, ALLOWED, *(value for found in rows.values() for row in found for value in row.values.values())]
    for number, (mode, found_rows) in enumerate(rows.items()):
        start = 150 + number * 375
        scale, title = around(values, start, start + 355), f"{mode}: time / with ordinary numbers"
        mark = (ALLOWED, f"{ALLOWED}")
        panels.dots(drawing, (16, 46), scale, title, found_rows, names, mark=mark, labels=number == 0)
    return str(drawing)


def main() -> None:
    options = records.parser(__doc__).parse_args()
    record, peaks = records.opened(__file__, options), []
    tasks = [rounds.Task(case, SHAPE, mode) for case in CASES for mode in MODES]
    with tempfile.TemporaryDirectory(prefix="denormals-") as name:
        folder = Path(name)
        what, meter = machine.peak_meter(folder, options.threads)
        for case, change in CASES.items():
            arrays = change(work.draw(SHAPE))
            rounds.keep(folder, case, arrays, work.reference(SHAPE, arrays))
        for number in range(options.rounds):
            peaks += rounds.go(number, record, tasks, [OURS, "torch"], folder, meter, options.threads)
    record = records.with_peak(record, what, peaks)
    records.write(options.record, record, text(record), chart(record))


if __name__ == "__main__":
    main()
