"""The record of a run as a chart: GFLOP/s of all contestants, then how many times as fast as each rival ours is."""

from __future__ import annotations

from collections.abc import Sequence

from versus import panels, report
from versus.contestants import OURS
from versus.panels import Row
from versus.records import Record
from versus.shapes import FORWARD, TRAINING
from versus.svg import Drawing, Scale, around

WIDTH, LABELS, GAP, MARGIN = 1040.0, 190.0, 30.0, 16.0
PANEL = (WIDTH - 2 * MARGIN - LABELS - GAP) / 2
# The modes that have panels of their own, side by side.
PAIR = (FORWARD, TRAINING)
EVEN = (1.0, "")


def chart(record: Record) -> str:
    """The drawing; what the record lacks is left out."""
    found = {mode: report.rows(record, mode) for mode in record["modes"]}
    names, peak = list(record["versions"]), record["peak"]
    shapes = [row.shape for row in max((found.get(mode, []) for mode in PAIR), key=len)]
    speeds = [[Row(row.shape, row.figures) for row in found.get(mode, [])] for mode in PAIR]
    ratios = [[Row(row.shape, _ratios(row)) for row in found.get(mode, [])] for mode in PAIR]
    jobs = [
        Row(f"{mode}: {row.shape}", _ratios(row))
        for mode, rows in found.items()
        if mode not in PAIR
        for row in rows
        if _ratios(row)
    ]
    pairs = [speeds] * bool(shapes) + [ratios] * any(row.values for rows in ratios for row in rows)
    heights = [panels.height(len(rows)) + 12 for rows in [shapes] * len(pairs) + [jobs] * bool(jobs)]
    drawing = Drawing(WIDTH, 60 + sum(heights))
    drawing.legend(MARGIN + 6, 20, names)
    machine = f"{record['machine']['cpu']}, {record['threads']} threads, {record['date']}"
    drawing.text(WIDTH - MARGIN, 24, machine, "small", "end")
    top = 46.0
    for pair, tall in zip(pairs, heights, strict=False):
        for number, (mode, rows) in enumerate(zip(PAIR, pair, strict=True)):
            by_shape = {row.label: row for row in rows}
            aligned = [by_shape.get(shape, Row(shape, {})) for shape in shapes]
            start = MARGIN + LABELS + number * (PANEL + GAP)
            if pair is speeds:
                title, mark = f"{mode}, GFLOP/s", (peak["best"], f"{peak['what']} {peak['best']:.0f}")
                scale = Scale(0.0, 1.1 * peak["best"], start, start + PANEL)
            else:
                title, mark = f"{mode}: rustlstm is so many times as fast", EVEN
                scale = around(_values(*ratios), start, start + PANEL)
            panels.dots(drawing, (MARGIN, top), scale, title, aligned, names, mark=mark, labels=number == 0)
        top += tall
    if jobs:
        scale = around(_values(jobs), MARGIN + LABELS, WIDTH - MARGIN)
        title = "whole jobs: rustlstm is so many times as fast"
        panels.dots(drawing, (MARGIN, top), scale, title, jobs, names, mark=EVEN)
    return str(drawing)


def _ratios(row: report.Row) -> dict[str, float]:
    """How many times as fast as each rival ours is."""
    if OURS not in row.figures:
        return {}
    return {name: row.figures[OURS] / figure for name, figure in row.figures.items() if name != OURS}


def _values(*panels: Sequence[Row]) -> list[float]:
    """All values, and 1, so that it is on the scale."""
    return [1.0, *(value for rows in panels for row in rows for value in row.values.values())]
