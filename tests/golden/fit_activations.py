"""Fit the polynomials of src/kernels/activation.rs.

Prints the coefficients and the relative error that each would have if it were evaluated exactly. What rounding adds is
measured by the scan of all 2^32 inputs in tests/rust/scan.rs. Needs mpmath; nothing else of the project does.

    python tests/golden/fit_activations.py
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import mpmath as mp  # type: ignore[import-untyped,import-not-found,unused-ignore]

mp.mp.dps = 50
# In relative units of the last place of f32: the spacing of numbers just below one.
UNIT = mp.mpf(2) ** -24
# Rounding x / ln 2 in f32 lets the remainder step over ln(2)/2 by a little.
HALF_LN2 = mp.log(2) / 2 * (1 + mp.mpf(2) ** -15)


def f32(x: mp.mpf) -> str:
    """The shortest decimal that names the f32 nearest to x."""
    nearest = struct.unpack("f", struct.pack("f", float(x)))[0]
    texts = (f"{nearest:.{digits}g}" for digits in range(6, 18))
    return next(text for text in texts if struct.unpack("f", struct.pack("f", float(text)))[0] == nearest)


def alternations(error: Callable[[mp.mpf], mp.mpf], low: mp.mpf, high: mp.mpf) -> list[tuple[mp.mpf, mp.mpf]]:
    """The alternating local extrema of an error curve, as (place, value)."""
    grid = 3000
    places = [low + (high - low) * mp.mpf(i) / grid for i in range(grid + 1)]
    values = [error(x) for x in places]
    found: list[tuple[mp.mpf, mp.mpf]] = []
    for i, value in enumerate(values):
        if value == 0 or abs(value) < max(abs(v) for v in values[max(i - 1, 0) : i + 2]):
            continue
        if found and (found[-1][1] > 0) == (value > 0):
            if abs(value) > abs(found[-1][1]):
                found[-1] = (places[i], value)
        else:
            found.append((places[i], value))
    return found


def minimax(
    target: Callable[[mp.mpf], mp.mpf],
    fixed: Callable[[mp.mpf], mp.mpf],
    powers: list[int],
    low: mp.mpf,
    high: mp.mpf,
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients c of least relative error of fixed(x) + sum c_k x^powers_k against target(x), by Remez's exchange.

    The powers must be a Haar system on [low, high]: consecutive, and across zero with an even first one.
    """
    n = len(powers)
    c, level = [mp.mpf(0)] * n, mp.mpf(0)

    def error(x: mp.mpf) -> mp.mpf:
        return (fixed(x) + sum(a * x**k for a, k in zip(c, powers, strict=True))) / target(x) - 1

    points = [low + (high - low) * (1 - mp.cos(mp.pi * (2 * i + 1) / (2 * n + 2))) / 2 for i in range(n + 1)]
    for _ in range(30):
        a, b = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for i, x in enumerate(points):
            for k in range(n):
                a[i, k] = x ** powers[k] / target(x)
            a[i, n] = -((-1) ** i)
            b[i] = 1 - fixed(x) / target(x)
        solution = mp.lu_solve(a, b)
        c, level = list(solution[:n]), solution[n]
        found = alternations(error, low, high)
        worst = max(abs(v) for _, v in found)
        if worst - abs(level) < worst / 10000:
            return c, worst
        if len(found) < n + 1:
            raise ArithmeticError(f"{len(found)} alternations, {n + 1} needed")
        while len(found) > n + 1:
            found.pop(0 if abs(found[0][1]) < abs(found[-1][1]) else -1)
        points = [x for x, _ in found]
    raise ArithmeticError("no convergence")


def main() -> None:
    """Print what activation.rs holds."""
    # 1 + r stays as it is, so that exp(0) is exactly 1.
    c, worst = minimax(mp.exp, lambda r: 1 + r, [2, 3, 4, 5, 6], -HALF_LN2, HALF_LN2)
    print(f"EXP   relative error {mp.nstr(worst / UNIT, 3)} * 2^-24:", *map(f32, reversed(c)))
    # In v = rho^2, of tanh(rho)/rho = 1 + ..., so that a tiny x is its own tanh.
    low = mp.mpf(10) ** -30
    c, worst = minimax(
        lambda v: mp.tanh(mp.sqrt(v)) / mp.sqrt(v), lambda v: mp.mpf(1), [1, 2], low, (HALF_LN2 / 2) ** 2
    )
    print(f"TANH  relative error {mp.nstr(worst / UNIT, 3)} * 2^-24:", *map(f32, reversed(c)))
    high = mp.mpf("0.693359375")  # nine bits, so that its product with any |n| <= 128 is exact
    print("LN2  ", mp.nstr(high, 12), f32(mp.log(2) - high))


if __name__ == "__main__":
    main()
