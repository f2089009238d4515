"""The record of a run, as JSON and as tables: GFLOP/s, the time of a step or tokens per second, best of rounds."""

from __future__ import annotations

import math
from typing import Any

from versus.contestants import OURS
from versus.sample import TOKENS
from versus.shapes import SAMPLING, SHAPES, STEP

Record = dict[str, Any]

# The part of its peak that an idle machine keeps up over a run.
UNDISTURBED = 0.9
# Of the modes that are not about products of matrices.
UNITS = {STEP: "ms", SAMPLING: "tokens/s (and how many times as fast rustlstm is)"}


def speed(record: Record, mode: str, shape: str, contestant: str) -> float | None:
    """The best round's GFLOP/s, or training steps or tokens per second; None where there is no figure."""
    times = [
        result["best"]
        for result in record["results"]
        if (result["mode"], result["shape"], result["contestant"]) == (mode, shape, contestant)
    ]
    calls = {STEP: 1.0, SAMPLING: float(TOKENS)}
    work = calls[mode] if mode in calls else SHAPES[shape].flops(mode) * 1e-9
    return work / min(times) if times else None


def table(record: Record, mode: str) -> str:
    """A Markdown table of one mode, and below it the ratio's geometric mean and minimum.

    The ratio is the best rival's time over ours: above 1, ours is faster.
    """
    names = [name for name in record["versions"] if any(speed(record, mode, shape, name) for shape in record["shapes"])]
    ours = OURS in names
    products = mode not in UNITS
    letters = "V→E→L × H→V" if mode == SAMPLING else "L × I→H, B, T"
    head = [f"shape: {letters}", *names] + (["ratio"] + ["of peak"] * products if ours else [])
    unit = UNITS.get(mode, "GFLOP/s")
    lines = [f"{mode}, {unit}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    ratios = {}
    for shape in (shape for shape in record["shapes"] if SHAPES[shape].has(mode)):
        figures = {name: speed(record, mode, shape, name) for name in names}
        row = [f"{shape}: {SHAPES[shape]}"]
        row += ["–" if figure is None else _shown(figure, mode, figures.get(OURS)) for figure in figures.values()]
        if ours:
            own = figures.pop(OURS)
            best = max((figure for figure in figures.values() if figure is not None), default=None)
            if own is not None and best is not None:
                ratios[shape] = own / best
            row.append(f"{ratios[shape]:.2f}" if shape in ratios else "–")
            if products:
                row.append("–" if own is None else f"{own / record['peak']['best']:.0%}")
        lines.append("| " + " | ".join(row) + " |")
    if ratios:
        mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
        worst = min(ratios, key=lambda shape: ratios[shape])
        least = f"{ratios[worst]:.2f} ({worst})"
        lines += ["", f"ratio (best rival's time / ours): geometric mean {mean:.2f}, least {least}"]
    return "\n".join(lines)


def _shown(figure: float, mode: str, ours: float | None) -> str:
    if mode == SAMPLING:
        # Rivals differ so much here that each has its own ratio.
        return f"{figure:.0f}" if ours is None or figure == ours else f"{figure:.0f} ({ours / figure:.1f}×)"
    if mode == STEP:
        return f"{1e3 / figure:.3g}"
    return f"{figure:.{0 if figure >= 10 else 1}f}"


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
    modes = [mode for mode in record["modes"] if any(SHAPES[shape].has(mode) for shape in record["shapes"])]
    return "\n\n".join(["\n".join(lines), *(table(record, mode) for mode in modes)])
