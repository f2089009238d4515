"""The embedded Reber grammar as an automaton (Hochreiter and Schmidhuber 1997, section 5.1).

A Reber string is B, a walk, E. The walk, by state, with the symbol that leads to the next state:

    0: T -> 1, P -> 2      1: S -> 1, X -> 3      2: T -> 2, V -> 4
    3: X -> 2, S -> end    4: P -> 3, V -> end

An embedded one is B, then T or P, a Reber string, the same T or P again, E. The choice of the second symbol has to be
kept for as long as the string inside is.
"""

from __future__ import annotations

import numpy as np

from ._draw import pick

SYMBOLS = "BTPSXVE"
END = -1
WALK = {
    0: {"T": 1, "P": 2},
    1: {"S": 1, "X": 3},
    2: {"T": 2, "V": 4},
    3: {"X": 2, "S": END},
    4: {"P": 3, "V": END},
}
EDGES = {state: tuple(edges) for state, edges in WALK.items()}


def embedded_string(draw: np.random.Generator) -> str:
    """Return a string in which each choice of the grammar has probability 1/2."""
    outer = pick(draw, "TP")
    state, inner, choices = 0, "", 1
    while state != END:
        if choices == 1:
            choices = int(draw.integers(2**62, 2**63))  # 62 choices at once, below a one that marks their end
        symbol = EDGES[state][choices & 1]
        choices >>= 1
        inner += symbol
        state = WALK[state][symbol]
    return f"B{outer}B{inner}E{outer}E"


def successors(string: str) -> list[str] | None:
    """Return which symbols are legal after each symbol of an embedded string but the last; None if it is not one."""
    if len(string) < 5 or string[1] not in "TP" or string[0] + string[2] != "BB":
        return None
    legal, state = ["TP", "B", "TP"], 0
    for symbol in string[3:-3]:
        if state == END or symbol not in WALK[state]:
            return None
        state = WALK[state][symbol]
        legal.append("E" if state == END else "".join(WALK[state]))
    if state != END or string[-3:] != f"E{string[1]}E":
        return None
    return [*legal, string[1], "E"]
