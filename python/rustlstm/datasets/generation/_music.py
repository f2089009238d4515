"""Tunes and chords by a few rules of harmony, whose entropy can be computed."""

from __future__ import annotations

import numpy as np

from ..._options import count
from .._chain import entropy, walks
from .._dataset import Dataset
from .._draw import generator

NOTES = "C4 D4 E4 F4 G4 A4 B4 C5".split()
PHRASE = 8
# How likely a tune goes so many notes of the scale up or down.
LEAPS = np.array([1.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.1])

# Chords in C major as keys of MIDI, bass to soprano.
CHORDS = {
    "I": (48, 55, 64, 72),
    "ii": (50, 57, 65, 74),
    "iii": (52, 55, 64, 71),
    "IV": (41, 57, 65, 72),
    "V": (43, 55, 62, 71),
    "vi": (45, 57, 64, 72),
}
# What follows a chord, in the same order: IV and ii lead to V, V leads home or to vi.
FOLLOWING = np.array(
    [
        [0.0, 0.15, 0.1, 0.3, 0.25, 0.2],
        [0.0, 0.0, 0.0, 0.1, 0.8, 0.1],
        [0.0, 0.1, 0.0, 0.4, 0.0, 0.5],
        [0.25, 0.2, 0.0, 0.0, 0.5, 0.05],
        [0.65, 0.0, 0.05, 0.05, 0.0, 0.25],
        [0.0, 0.35, 0.1, 0.35, 0.2, 0.0],
    ]
)
LOWEST, KEYS = 21, 88  # the keys of a piano


def melodies(n: int = 500, *, phrases: int = 4, seed: int = 0) -> Dataset:
    """Return tunes in C major that mostly go by steps and come to rest at the end of each phrase.

    A phrase has eight notes. The first, third, ... phrase ends on G4, the others on C4; a tune begins with C4, E4 or
    G4, and each other note depends on the one before. So a model needs to know the last note and where it is.

    Args:
        n: tunes.
        phrases: of each tune.
        seed: the draw.

    Returns:
        x a list of lists of notes; "nats" for each note from the second on, at best their entropy. Details: ``notes``,
        all there are; ``nats_of_last``, the least for one who sees the last note alone, and not where it
        is.

    >>> data = melodies(1)
    >>> data.x[0][7::8]
    ['G4', 'C4', 'G4', 'C4']
    """
    n, phrases = count("n", n), count("phrases", phrases)
    size = len(NOTES)
    table = LEAPS[np.abs(np.subtract.outer(np.arange(size), np.arange(size)))]
    table /= table.sum(axis=1, keepdims=True)
    start = np.zeros(size)
    start[[0, 2, 4]] = 1 / 3
    rests = [np.tile(np.eye(size)[NOTES.index(name)], (size, 1)) for name in ("G4", "C4")]
    length = PHRASE * phrases
    tables = [table if at % PHRASE else rests[at // PHRASE % 2 - 1] for at in range(2, length + 1)]
    states, likely = walks(generator(seed), n, start, tables)
    nats = [float(before @ entropy(each)) for before, each in zip(likely, tables, strict=False)]
    pairs = np.mean([before[:, None] * each for before, each in zip(likely, tables, strict=False)], axis=0)
    blind = entropy(pairs.reshape(1, -1))[0] - entropy(pairs.sum(axis=1)[None])[0]
    x = [[NOTES[state] for state in row] for row in states.tolist()]
    details = {"notes": list(NOTES), "nats_of_last": float(blind)}
    best = float(np.mean(nats))
    return Dataset("melodies", "generation", "tunes that come to rest", x, None, "nats", best, details)


def chorales(n: int = 200, *, length: int = 32, seed: int = 0) -> Dataset:
    """Return chords of four voices that follow one another by simple rules of harmony, in any of twelve keys.

    A piece begins with the first degree of its key, and ends with the fifth and the first; what stands between is drawn
    by what usually follows what. So the first chord tells the key.

    Args:
        n: pieces.
        length: chords of each piece, 3 at least.
        seed: the draw.

    Returns:
        x a list of arrays [length, 88], 1 for each key of a piano that is pressed. It has no metric by name; details:
        ``nats_per_step``, the least sum over the 88 keys of the cross-entropies of each alone, as a model with one
        output for each key can reach it, for each step from the second on; ``nats_of_chord``, the entropy of the chord
        as a whole, below which no model comes; ``lowest``, the MIDI number of the first key; ``chords``, those of each
        piece by name; ``keys``, the half tones that each piece is above C (-5 to 6).

    >>> data = chorales(2)
    >>> data.x[0].shape, data.details["chords"][0][-2:]
    ((32, 88), ['V', 'I'])
    """
    n, length = count("n", n), count("length", length, 3)
    names, size = list(CHORDS), len(CHORDS)
    end = {name: np.tile(np.eye(size)[names.index(name)], (size, 1)) for name in ("V", "I")}
    tables = [FOLLOWING] * (length - 3) + [end["V"], end["I"]]
    draw = generator(seed)
    states, likely = walks(draw, n, np.eye(size)[0], tables)
    pressed = np.zeros((size, KEYS))
    for row, keys in zip(pressed, CHORDS.values(), strict=True):
        row[np.array(keys) - LOWEST] = 1
    chord, each = [], []
    for before, table in zip(likely, tables, strict=False):
        alone = table @ pressed  # how likely each key is pressed next, by the chord before
        chord.append(before @ entropy(table))
        each.append(before @ entropy(np.stack([alone, 1 - alone], axis=-1)).sum(axis=1))
    keys_of = draw.integers(-5, 7, size=n).tolist()
    x = [np.roll(pressed[row], key, axis=1).astype(np.float32) for row, key in zip(states, keys_of, strict=True)]
    details = {
        "nats_per_step": float(np.mean(each)),
        "nats_of_chord": float(np.mean(chord)),
        "lowest": LOWEST,
        "chords": [[names[state] for state in row] for row in states.tolist()],
        "keys": keys_of,
    }
    return Dataset("chorales", "generation", "chords that follow one another", x, details=details)
