"""Panels of a chart: rows of dots, one row per shape or option, and curves over a size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from versus.svg import Drawing, Scale, around, series_class

ROW = 20
# Above the rows the title, below them the scale.
HEAD, FOOT = 34, 30


@dataclass(frozen=True)
class Row:
    """A label, and a value for some of the series."""

    label: str
    values: Mapping[str, float]


def height(rows: int) -> float:
    """Of a panel with so many rows of dots."""
    return HEAD + ROW * rows + FOOT


def dots(
    drawing: Drawing,
    place: tuple[float, float],
    scale: Scale,
    title: str,
    rows: Sequence[Row],
    series: Sequence[str],
    *,
    mark: tuple[float, str] | None = None,
    labels: bool = True,
) -> None:
    """A row of dots per label. `place` is the left end of the labels and the top; the scale says where dots lie."""
    left, top = place
    drawing.text(scale.start, top + 14, title, "title")
    bottom = top + HEAD + ROW * len(rows)
    for tick in scale.ticks():
        drawing.line(scale(tick), top + HEAD, scale(tick), bottom, "grid")
        drawing.text(scale(tick), bottom + 15, f"{tick:g}", "small", "middle")
    for number, row in enumerate(rows):
        y = top + HEAD + ROW * (number + 0.5)
        drawing.line(scale.start, y, scale.end, y, "grid")
        if labels:
            drawing.text(left, y + 4, row.label)
    if mark is not None:
        value, name = mark
        drawing.line(scale(value), top + HEAD - 4, scale(value), bottom, "mark")
        drawing.text(scale(value), top + HEAD - 6, name, "small", "middle")
    for number, row in enumerate(rows):
        y = top + HEAD + ROW * (number + 0.5)
        # The first series last, so that nothing covers it.
        for name in sorted(row.values, key=lambda name: -series.index(name)):
            first = name == series[0]
            hint = f"{row.label}, {name}: {row.values[name]:.3g}"
            drawing.dot(scale(row.values[name]), y, series.index(name), hint, 5 if first else 4)


def curves(
    drawing: Drawing,
    box: tuple[float, float, float, float],
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    plain: Sequence[Sequence[tuple[float, float]]] = (),
    flagged: Sequence[tuple[float, float]] = (),
) -> None:
    """Curves through points (x, y), both axes logarithmic, in a box of left, top, width and height.

    Plain lines are there to compare with, and a flagged point gets a ring.
    """
    left, top, width, tall = box
    points = [point for line in lines.values() for point in line]
    xs = around([x for x, _ in points], left + 46, left + width)
    ys = around([y for line in (points, *plain) for _, y in line], top + tall - FOOT, top + HEAD)
    drawing.text(left + 46, top + 14, title, "title")
    for x in sorted({x for x, _ in points}):
        drawing.line(xs(x), ys.start, xs(x), ys.end, "grid")
        drawing.text(xs(x), ys.start + 15, f"{x:g}", "small", "middle")
    for tick in ys.ticks():
        drawing.line(xs.start, ys(tick), xs.end, ys(tick), "grid")
        drawing.text(xs.start - 5, ys(tick) + 4, f"{tick:g}", "small", "end")
    for line in plain:
        drawing.curve([(xs(x), ys(y)) for x, y in line], "plain")
    for series, (name, line) in enumerate(lines.items()):
        drawing.curve([(xs(x), ys(y)) for x, y in line], f"{series_class(series)} curve")
        for x, y in line:
            drawing.dot(xs(x), ys(y), series, f"{title} {x:g}, {name}: {y:.3g}", 3)
    for x, y in flagged:
        drawing.ring(xs(x), ys(y))
