"""The record of a run as tables: GFLOP/s, tokens per second, or the time of a step or a batch; best of rounds."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from versus import ragged, records
from versus.contestants import OURS
from versus.records import Record
from versus.sample import TOKENS
from versus.shapes import FORWARD, PADDED, RAGGED, SAMPLING, SHAPES, SINGLE, STEP, TRAINING

# What a call is, in the words of the shapes' column.
LETTERS = {SAMPLING: "V→E→L × H→V", SINGLE: "I→H"}
RIVALS = " (and how many times as fast rustlstm is)"
UNITS = {
    FORWARD: "GFLOP/s",
    TRAINING: "GFLOP/s",
    STEP: "ms",
    SAMPLING: "tokens/s" + RIVALS,
    SINGLE: "µs" + RIVALS,
    RAGGED: "ms, forward + backward",
    PADDED: "ms, forward + backward",
}
SCALES = {"ms": 1e3, "µs": 1e6}


def results(record: Record, mode: str, shape: str, contestant: str) -> list[Record]:
    """Those of all rounds."""
    wanted = (mode, shape, contestant)
    return [result for result in record["results"] if (result["mode"], result["shape"], result["contestant"]) == wanted]


def best(record: Record, mode: str, shape: str, contestant: str) -> Record | None:
    """The quickest round's result."""
    return min(results(record, mode, shape, contestant), key=lambda result: float(result["best"]), default=None)


def usual(record: Record, mode: str, shape: str, contestant: str) -> float | None:
    """The middle round's middle sample, in seconds; None where there is no figure."""
    found = [float(result["median"]) for result in results(record, mode, shape, contestant)]
    return statistics.median(found) if found else None


def speed(record: Record, mode: str, shape: str, contestant: str) -> float | None:
    """The best round's GFLOP/s, or steps, tokens or batches per second; None where there is no figure."""
    found = best(record, mode, shape, contestant)
    if found is None:
        return None
    if mode in (FORWARD, TRAINING):
        work = SHAPES[shape].flops(mode) * 1e-9
    else:
        work = {SAMPLING: float(TOKENS), SINGLE: float(SHAPES[shape].steps)}.get(mode, 1.0)
    return work / float(found["best"])


@dataclass(frozen=True)
class Row:
    """A shape's figures, and how many times as fast as the best rival ours is: at best, and usually."""

    shape: str
    figures: dict[str, float]
    ratio: float | None
    usual: float | None


def rows(record: Record, mode: str) -> list[Row]:
    """A row per shape that has the mode; contestants without a figure are not in it."""
    made = []
    for shape in (shape for shape in record["shapes"] if SHAPES[shape].has(mode)):
        speeds = {name: speed(record, mode, shape, name) for name in record["versions"]}
        figures = {name: figure for name, figure in speeds.items() if figure is not None}
        times = {name: usual(record, mode, shape, name) for name in figures}
        usually = {name: 1 / time for name, time in times.items() if time is not None}
        made.append(Row(shape, figures, _ratio(figures), _ratio(usually)))
    return made


def _ratio(speeds: dict[str, float]) -> float | None:
    """Ours over the best rival's."""
    rivals = [speed for name, speed in speeds.items() if name != OURS]
    return speeds[OURS] / max(rivals) if rivals and OURS in speeds else None


def table(record: Record, mode: str) -> str:
    """A Markdown table of one mode, and below it the ratios' geometric means and minima.

    A ratio is the best rival's time over ours: above 1, ours is faster.
    """
    found = rows(record, mode)
    names = [name for name in record["versions"] if any(name in row.figures for row in found)]
    ours, products = OURS in names, UNITS[mode] == "GFLOP/s"
    head = [f"shape: {LETTERS.get(mode, 'L × I→H, B, T')}", *names]
    head += (["ratio", "usually"] + ["of peak"] * products) if ours else []
    cells = []
    for row in found:
        line = [f"{row.shape}: {SHAPES[row.shape]}"]
        line += [_shown(row.figures, name, mode) for name in names]
        if ours:
            line += ["–" if ratio is None else f"{ratio:.2f}" for ratio in (row.ratio, row.usual)]
            if products:
                line.append(f"{row.figures[OURS] / record['peak']['best']:.0%}" if OURS in row.figures else "–")
        cells.append(line)
    parts = [f"{mode}, {UNITS[mode]}", records.table(head, cells)]
    if ratios := {row.shape: row.ratio for row in found if row.ratio is not None}:
        usually = {row.shape: row.usual for row in found if row.usual is not None}
        parts.append(f"ratio (best rival's time / ours): {_summary(ratios)}; usually {_summary(usually)}")
    return "\n\n".join([*parts, *_ways(record, mode, found), *_fill(record, mode, found)])


def _summary(ratios: dict[str, float]) -> str:
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    worst = min(ratios, key=lambda shape: ratios[shape])
    return f"geometric mean {mean:.2f}, least {ratios[worst]:.2f} ({worst})"


def _shown(figures: dict[str, float], name: str, mode: str) -> str:
    if name not in figures:
        return "–"
    figure, unit = figures[name], UNITS[mode]
    if unit.startswith("GFLOP"):
        return f"{figure:.{0 if figure >= 10 else 1}f}"
    scale = SCALES.get(unit[:2])
    shown = f"{figure:.0f}" if scale is None else f"{scale / figure:.3g}"
    # Where rivals differ much each has its own ratio.
    if unit.endswith(RIVALS) and name != OURS and OURS in figures:
        shown += f" ({figures[OURS] / figure:.1f}×)"
    return shown


def _ways(record: Record, mode: str, found: list[Row]) -> list[str]:
    """Of those that know several ways, which one was the quickest."""
    lines = []
    for name in (name for name in record["versions"] if name != OURS):
        quickest = [(row.shape, best(record, mode, row.shape, name)) for row in found]
        ways = [f"{shape} {result['way']}" for shape, result in quickest if result and "way" in result]
        lines += [f"- {name}'s quickest way: {'; '.join(ways)}"] if ways else []
    return ["\n".join(lines)] if lines else []


def _fill(record: Record, mode: str, found: list[Row]) -> list[str]:
    """What knowing the lengths is worth."""
    lines = []
    for row in found if mode == RAGGED else []:
        padded = {name: speed(record, PADDED, row.shape, name) for name in record["versions"]}
        fill = ragged.fill(SHAPES[row.shape])
        for name, figure in row.figures.items():
            if whole := padded[name]:
                lines.append(
                    f"- {row.shape}, {name}: time / (padded time × fill {fill:.2f}) = {whole / figure / fill:.2f}"
                )
        rivals = [figure for name, figure in padded.items() if figure is not None and name != OURS]
        if OURS in row.figures and rivals:
            ratio = row.figures[OURS] / max(rivals)
            lines.append(f"- {row.shape}: {ratio:.2f} times as fast as the best rival on the padded batch")
    return ["\n".join(lines)] if lines else []


def text(record: Record) -> str:
    """The whole record for people: where, when, what, how, then a table per mode."""
    modes = [mode for mode in record["modes"] if any(SHAPES[shape].has(mode) for shape in record["shapes"])]
    return "\n\n".join([records.heading(record), *(table(record, mode) for mode in modes)])
