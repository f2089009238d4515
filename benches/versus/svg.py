"""Drawings as SVG with nothing to install: lines, dots, words, readable on a light and on a dark page; and scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Each on white, and on near-black; chosen to be told apart by those who see red and green alike.
COLOURS = (
    ("#d55e00", "#ff8a3d"),
    ("#0072b2", "#5ab4f0"),
    ("#009e73", "#3fd0a5"),
    ("#8e5bbf", "#c39be8"),
    ("#a8780a", "#e6c14d"),
    ("#6b7280", "#a3abb8"),
)
FONT = "12px system-ui, -apple-system, 'Segoe UI', sans-serif"


def _style() -> str:
    def colours(which: int) -> str:
        return "".join(f".s{number}{{stroke:{pair[which]};fill:{pair[which]}}}" for number, pair in enumerate(COLOURS))

    return (
        f"text{{font:{FONT};fill:#222;stroke:none}}.title{{font-weight:600}}.small{{font-size:11px;fill:#555}}"
        ".page{fill:#fff}.grid{stroke:#e3e3e3}.mark{stroke:#222;stroke-dasharray:5 3}"
        "polyline.curve{fill:none;stroke-width:2}"
        f".plain{{fill:none;stroke:#888;stroke-dasharray:2 3}}{colours(0)}"
        "@media(prefers-color-scheme:dark){text{fill:#e6e6e6}.small{fill:#aaa}.page{fill:#16181c}.grid{stroke:#33363c}"
        f".mark{{stroke:#e6e6e6}}{colours(1)}}}"
    )


class Drawing:
    """What is drawn, in the order in which it is; places are pixels from the upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.size = f"{width:.0f} {height:.0f}"
        self.parts = ['<rect class="page" width="100%" height="100%"/>']

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line; a kind is a class of the style."""
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def curve(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Straight lines from point to point."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{kind}" points="{places}"/>')

    def dot(self, x: float, y: float, series: int, hint: str, radius: float = 4) -> None:
        """A dot that says what it is when it is pointed at."""
        place = f'class="{series_class(series)}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
        self.parts.append(f'<circle {place} fill-opacity="0.8"><title>{escape(hint)}</title></circle>')

    def ring(self, x: float, y: float) -> None:
        """A ring around a dot that wants to be looked at."""
        self.parts.append(f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none"/>')

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        """Words; the anchor says which end of them is at x: start, middle or end."""
        place = f'class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self.parts.append(f"<text {place}>{escape(words)}</text>")

    def legend(self, x: float, y: float, names: Sequence[str]) -> None:
        """A dot and a name for each series, in one line."""
        for series, name in enumerate(names):
            self.dot(x, y, series, name, 5)
            self.text(x + 10, y + 4, name)
            x += 34 + 7 * len(name)

    def __str__(self) -> str:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.size}">'
        return "\n".join([head, f"<style>{_style()}</style>", *self.parts, "</svg>"]) + "\n"


def series_class(series: int) -> str:
    """The style of a series; the colours begin anew behind the last."""
    return f"s{series % len(COLOURS)}"


@dataclass(frozen=True)
class Scale:
    """From values to places: in proportion, or by their logarithms."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values within, not too many."""
        if not self.log:
            step = 10 ** math.floor(math.log10((self.high - self.low) / 3))
            step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 6)
            return [step * number for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            ticks = [digit * 10.0**power for power in powers for digit in digits]
            ticks = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(ticks) <= 8:
                return ticks
        return ticks[:: math.ceil(len(ticks) / 8)]


def around(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic scale on which the values have some room."""
    return Scale(min(values) / 1.15, max(values) * 1.15, start, end, log=True)
