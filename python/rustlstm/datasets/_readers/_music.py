"""Music as notes step by step: MIDI files through mido, and rolls with a column for each key."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._options import count
from ._files import Source, content, fault

# A file of a few bytes may name a time years away; no piece is longer than this.
MOST_STEPS = 1 << 18
MOST_SOUNDING = 1 << 23  # all notes of all steps
_DRUMS = 9  # a channel whose numbers are no keys


def read_midi(source: Source, *, steps_per_beat: int = 4, drums: bool = False) -> list[list[int]]:
    """Return the notes that sound at each step of a MIDI file, by their numbers, 60 being the middle C.

    Times are rounded to steps, and a note sounds for at least one. ``piano_roll`` makes an array of it.

    Args:
        source: a path or an open file.
        steps_per_beat: how many steps a quarter note has.
        drums: whether to take the channel of drums, whose numbers are no keys.
    """
    try:
        mido: Any = importlib.import_module("mido")
    except ImportError as error:
        raise ImportError("read_midi needs mido: pip install 'rustlstm[music]'") from error
    count("steps_per_beat", steps_per_beat)
    raw = content(source)
    if raw[:4] != b"MThd":
        raise fault(source, None, f"expected a MIDI file, which begins with b'MThd', got {raw[:4]!r}")
    try:
        file = mido.MidiFile(file=io.BytesIO(raw))
        messages = list(mido.merge_tracks(file.tracks)) if file.type < 2 else None
    except Exception as error:  # mido has no error of its own for a damaged file: it fails where it is
        raise fault(source, None, f"expected a whole MIDI file: {type(error).__name__} {error}") from error
    if messages is None:
        raise fault(source, None, "expected tracks that sound together (type 0 or 1), this one has patterns (type 2)")
    if not 0 < file.ticks_per_beat < 1 << 15:
        raise fault(source, None, f"expected time counted in ticks of a beat, got {file.ticks_per_beat}")
    sounding = _sounding(messages, steps_per_beat / file.ticks_per_beat, drums)
    last = max((end for _, end, _ in sounding), default=0)
    if last > MOST_STEPS:
        raise fault(source, None, f"expected at most {MOST_STEPS} steps, it has {last}")
    if sum(end - begin for begin, end, _ in sounding) > MOST_SOUNDING:
        raise fault(source, None, f"expected at most {MOST_SOUNDING} notes in all steps, it has more")
    steps: list[set[int]] = [set() for _ in range(last)]
    for begin, end, note in sounding:
        for step in range(begin, end):
            steps[step].add(note)
    return [sorted(notes) for notes in steps]


def piano_roll(notes: Iterable[Iterable[int]], *, low: int = 21, high: int = 108) -> npt.NDArray[np.float32]:
    """Return notes step by step as an array with 1 where a key is down.

    Args:
        notes: the notes of each step, by number.
        low: the number of the first key; those of a piano go from 21 to 108.
        high: the number of the last key.

    Returns:
        [T, high - low + 1], float32.

    >>> piano_roll([[60, 62], [], [61]], low=60, high=62).tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    low = count("low", low, least=0)
    high = count("high", high, least=low)
    steps = [list(each) for each in notes]
    roll = np.zeros((len(steps), high - low + 1), np.float32)
    for at, step in enumerate(steps):
        for note in step:
            if not low <= note <= high:
                raise ValueError(f"notes[{at}] must be from {low} to {high}, got {note}; set low and high")
            roll[at, note - low] = 1
    return roll


def _sounding(messages: Iterable[Any], steps_per_tick: float, drums: bool) -> list[tuple[int, int, int]]:
    """Return (first step, end, note) of all notes; one that is never released ends with the piece."""
    down: dict[tuple[int, int], int] = {}
    found = []
    ticks = 0

    def release(key: tuple[int, int]) -> None:
        begin = down.pop(key, None)
        if begin is not None:
            step = round(begin * steps_per_tick)
            found.append((step, max(step + 1, round(ticks * steps_per_tick)), key[1]))

    for message in messages:
        ticks += message.time
        if message.type not in ("note_on", "note_off") or (message.channel == _DRUMS and not drums):
            continue
        key = (message.channel, message.note)
        release(key)
        if message.type == "note_on" and message.velocity > 0:
            down[key] = ticks
    for key in list(down):
        release(key)
    return found
