"""The record of a run, as JSON and as a table: GFLOP/s per shape and contestant, best of rounds."""

from __future__ import annotations

import math
from typing import Any

from versus.contestants import OURS
from versus.shapes import SHAPES

Record = dict[str, Any]

# The part of its peak that an idle machine keeps up over a run.
UNDISTURBED = 0.9


def gflops(record: Record, mode: str, shape: str, contestant: str) -> float | None:
    """The best round's figure, or None where there is none."""
    times = [
        result["best"]
        for result in record["results"]
        if (result["mode"], result["shape"], result["contestant"]) == (mode, shape, contestant)
    ]
    return SHAPES[shape].flops(mode) / min(times) * 1e-9 if times else None


def table(record: Record, mode: str) -> str:
    """A Markdown table of one mode, and below it the ratio's geometric mean and minimum.

    The ratio is the best rival's time over ours: above 1, ours is faster.
    """
    names = [
        name for name in record["versions"] if any(gflops(record, mode, shape, name) for shape in record["shapes"])
    ]
    ours = OURS in names
    head = ["shape: L × I→H, B, T", *names] + (["ratio", "of peak"] if ours else [])
    lines = [f"{mode}, GFLOP/s", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    ratios = {}
    for shape in record["shapes"]:
        figures = {name: gflops(record, mode, shape, name) for name in names}
        row = [f"{shape}: {SHAPES[shape]}"]
        row += ["–" if figure is None else f"{figure:.{0 if figure >= 10 else 1}f}" for figure in figures.values()]
        if ours:
            own = figures.pop(OURS)
            best = max((figure for figure in figures.values() if figure is not None), default=None)
            if own is not None and best is not None:
                ratios[shape] = own / best
            row.append(f"{ratios[shape]:.2f}" if shape in ratios else "–")
            row.append("–" if own is None else f"{own / record['peak']['best']:.0%}")
        lines.append("| " + " | ".join(row) + " |")
    if ratios:
        mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
        worst = min(ratios, key=lambda shape: ratios[shape])
        least = f"{ratios[worst]:.2f} ({worst})"
        lines += ["", f"ratio (best rival's time / ours): geometric mean {mean:.2f}, least {least}"]
    return "\n".join(lines)


def text(record: Record) -> str:
    """The whole record for people: where, when, what, how, then a table per mode."""
    machine, peak = record["machine"], record["peak"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        f"{machine['cpu']}, {machine['processors']} processors, {' '.join(machine['flags'])}; "
        f"{peak['what']} {peak['best']:.0f} GFLOP/s with {record['threads']} threads "
        f"(mean {peak['mean']:.0f}, at the worst moment {peak['least']:.0f})",
        f"{record['date']}; {versions}; Python {record['python']}",
        f"`{record['command']}`",
    ]
    if peak["mean"] < UNDISTURBED * peak["best"]:
        lines.append("**Disturbed**: other processes took their share of the machine; the figures are rough.")
    if record["absent"]:
        lines.append(f"left out, not installed: {', '.join(record['absent'])}")
    return "\n\n".join(["\n".join(lines), *(table(record, mode) for mode in record["modes"])])
