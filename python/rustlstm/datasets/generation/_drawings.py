"""Drawings by the strokes of a pen, and small pictures with a caption."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..._options import count, not_negative
from .._dataset import Dataset
from .._draw import balanced, generator, pick, whole

Floats = npt.NDArray[np.float64]

STEP = 0.25  # how far the pen goes from point to point, where a figure is about 2 wide


def strokes(n: int = 1000, *, jitter: float = 0.01, seed: int = 0) -> Dataset:
    """Return drawings of circles, squares, triangles, crosses and spirals, as the way of a pen.

    Each drawing is turned by up to 20 degrees and scaled by 0.8 to 1.25.

    Args:
        n: drawings, as many of each figure.
        jitter: standard deviation of the trembling of the hand at each point.
        seed: the draw.

    Returns:
        x a list of arrays [T, 3]: how far the pen goes right and down from the point before (at first, from the middle
        of the figure), and 1 where it is lifted after that point, else 0; "nats" of each step, whose best value is not
        known. Details: ``figures``, the name of each drawing.

    >>> data = strokes(5, seed=1)
    >>> sorted(data.details["figures"])
    ['circle', 'cross', 'spiral', 'square', 'triangle']
    >>> {name: int(x[:, 2].sum()) for name, x in zip(data.details["figures"], data.x)}["cross"]
    2
    """
    n, jitter, draw = count("n", n), not_negative("jitter", jitter), generator(seed)
    figures, x = balanced(draw, list(FIGURES), n), []
    for name in figures:
        angle, scale = math.radians(draw.uniform(-20, 20)), draw.uniform(0.8, 1.25)
        turn = scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        lines = [_walked(np.array(corners) @ turn) for corners in FIGURES[name]]
        points = np.concatenate(lines)
        points += jitter * draw.standard_normal(points.shape)
        lifted = np.zeros(len(points))
        lifted[np.cumsum([len(line) for line in lines]) - 1] = 1
        moves = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
        x.append(np.column_stack([moves, lifted]).astype(np.float32))
    return Dataset("strokes", "generation", "drawings by a pen", x, None, "nats", None, {"figures": figures})


def captions(n: int = 1000, *, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Return small pictures of one or two shapes, and a sentence that says what is to be seen.

    "a small cross at the top left", or "a large circle above a small square", or "... to the left of ...". Without
    noise each picture has one caption only.

    Args:
        n: pictures.
        noise: standard deviation of the noise on each point.
        seed: the draw.

    Returns:
        x [n, 16, 16], 1 where there is a shape, else 0, plus noise; y a list of sentences; "exact_match" at best 1
        without noise, else not known. Details: ``words``, all there are.

    >>> data = captions(1)
    >>> data.x.shape, data.y
    ((1, 16, 16), ['a small square above a small circle'])
    """
    n, noise, draw = count("n", n), not_negative("noise", noise), generator(seed)
    x = np.zeros((n, 16, 16), np.float32)
    y = []
    for picture in x:
        row, column = whole(draw, 0, 1), whole(draw, 0, 1)
        side = pick(draw, ("", "above", "to the left of"))
        if not side:
            y.append(
                f"{_drawn(draw, picture, row, column)} at the {('top', 'bottom')[row]} {('left', 'right')[column]}"
            )
            continue
        first, second = ((0, column), (1, column)) if side == "above" else ((row, 0), (row, 1))
        y.append(f"{_drawn(draw, picture, *first)} {side} {_drawn(draw, picture, *second)}")
    x += noise * draw.standard_normal(x.shape).astype(np.float32)
    words = sorted(set("a at the top bottom left right above to of small large".split()) | set(SHAPES))
    meaning = "what is to be seen in the picture?"
    best = None if noise else 1.0
    return Dataset("captions", "generation", meaning, x, y, "exact_match", best, {"words": words})


def _walked(corners: Floats) -> Floats:
    """Return points at about the same distance along a line with corners."""
    points = [corners[:1]]
    for begin, end in pairwise(corners):
        parts = max(round(float(np.hypot(*(end - begin))) / STEP), 1)
        points.append(begin + (end - begin) * np.arange(1, parts + 1)[:, None] / parts)
    return np.concatenate(points)


def _round(turns: float, inner: float) -> list[tuple[float, float]]:
    """Return the points of a circle, or of a spiral that begins nearer to the middle."""
    size = round(24 * turns)
    radii = np.linspace(inner, 1, size + 1)
    angles = 2 * math.pi * turns * np.arange(size + 1) / size
    return list(zip((radii * np.cos(angles)).tolist(), (radii * np.sin(angles)).tolist(), strict=True))


FIGURES: dict[str, list[list[tuple[float, float]]]] = {
    "circle": [_round(1, 1)],
    "square": [[(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]],
    "triangle": [[(0, -1), (1, 1), (-1, 1), (0, -1)]],
    "cross": [[(-1, -1), (1, 1)], [(1, -1), (-1, 1)]],
    "spiral": [_round(2, 0.1)],
}


def _drawn(draw: np.random.Generator, picture: npt.NDArray[np.float32], row: int, column: int) -> str:
    """Draw a shape into a quarter of a picture, and return what it is."""
    name, size = pick(draw, tuple(SHAPES)), pick(draw, (5, 7))
    shape = SHAPES[name](size)
    down, right = (8 * at + whole(draw, 0, 8 - size) for at in (row, column))
    picture[down : down + size, right : right + size] = shape
    return f"a {'small' if size == 5 else 'large'} {name}"


def _disc(size: int) -> npt.NDArray[np.bool_]:
    from_middle = np.arange(size) - size // 2
    return np.asarray(np.hypot(*np.meshgrid(from_middle, from_middle)) < size / 2)


def _pyramid(size: int) -> npt.NDArray[np.bool_]:
    from_middle = np.abs(np.arange(size) - size // 2)
    return np.asarray(from_middle[None] <= np.arange(size)[:, None] / 2)


def _plus(size: int) -> npt.NDArray[np.bool_]:
    middle = np.arange(size) == size // 2
    return np.asarray(middle[None] | middle[:, None])


SHAPES = {"circle": _disc, "square": lambda size: np.ones((size, size), bool), "triangle": _pyramid, "cross": _plus}
