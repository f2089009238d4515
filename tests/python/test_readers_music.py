"""MIDI files as notes step by step."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import piano_roll, read_midi

pytestmark = pytest.mark.once


def number(value: int) -> bytes:
    """Return a number as MIDI writes times."""
    raw = [value & 127]
    while value := value >> 7:
        raw.append(value & 127 | 128)
    return bytes(reversed(raw))


def midi(*tracks: list[tuple[int, bytes]], kind: int = 1, ticks: int = 96) -> io.BytesIO:
    """Return a file with events (ticks since the one before, bytes) on each track."""
    raw = b"MThd" + b"".join(
        value.to_bytes(size, "big") for value, size in ((6, 4), (kind, 2), (len(tracks), 2), (ticks, 2))
    )
    for track in tracks:
        body = b"".join(number(time) + event for time, event in [*track, (0, b"\xff\x2f\x00")])
        raw += b"MTrk" + len(body).to_bytes(4, "big") + body
    return io.BytesIO(raw)


def on(note: int, channel: int = 0, velocity: int = 64) -> bytes:
    return bytes([0x90 | channel, note, velocity])


def off(note: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, note, 0])


@pytest.mark.parametrize(
    ("tracks", "options", "expected"),
    [
        ([[(0, on(60)), (48, off(60)), (0, on(62)), (24, off(62))]], {}, [[60], [60], [62]]),
        ([[(0, on(60)), (96, off(60))], [(48, on(64)), (24, on(64, 0, 0))]], {}, [[60], [60], [60, 64], [60]]),
        ([[(24, on(60)), (24, off(60))]], {}, [[], [60]]),
        ([[(0, on(60)), (1, off(60))]], {}, [[60]]),
        ([[(0, on(60)), (96, off(60))]], {"steps_per_beat": 1}, [[60]]),
        ([[(0, on(60)), (24, on(60)), (24, off(60))]], {}, [[60], [60]]),
        ([[(0, on(60)), (0, on(64)), (24, off(64))]], {}, [[60, 64]]),
        ([[(0, on(36, 9)), (24, off(36, 9))]], {}, []),
        ([[(0, on(36, 9)), (24, off(36, 9))]], {"drums": True}, [[36]]),
        ([[(0, on(60)), (0, on(60, 1)), (24, off(60, 1)), (24, off(60))]], {}, [[60], [60]]),
        ([[]], {}, []),
    ],
)
def test_notes(tracks: Any, options: dict[str, Any], expected: list[list[int]]) -> None:
    pytest.importorskip("mido")
    assert read_midi(midi(*tracks), **options) == expected


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (io.BytesIO(b"RIFF"), "the file: expected a MIDI file, which begins with b'MThd', got b'RIFF'"),
        (io.BytesIO(b""), "expected a MIDI file, which begins with b'MThd', got b''"),
        (io.BytesIO(midi([(0, on(60)), (9, off(60))]).getvalue()[:-6]), "the file: expected a whole MIDI file"),
        (midi([(0, on(60))], kind=2), "expected tracks that sound together (type 0 or 1)"),
        (midi([(0, on(60))], ticks=0xE728), "expected time counted in ticks of a beat"),
        (midi([(0, on(60)), (1 << 27, off(60))]), "expected at most 262144 steps, it has 5592405"),
        (midi([*((0, on(n)) for n in range(99)), (1 << 22, off(60))]), "at most 8388608 notes in all steps"),
    ],
)
def test_refused(file: io.BytesIO, says: str) -> None:
    pytest.importorskip("mido")
    with pytest.raises(ValueError, match=re.escape(says)):
        read_midi(file)


def test_without_mido(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(ImportError, match=re.escape("read_midi needs mido: pip install 'rustlstm[music]'")):
        read_midi(midi())


def test_roll() -> None:
    roll = piano_roll([[60, 64], [], (np.int64(21), 108)])
    assert roll.shape == (3, 88) and roll.dtype == np.float32
    assert [np.flatnonzero(step).tolist() for step in roll] == [[39, 43], [], [0, 87]]
    assert piano_roll([]).shape == (0, 88)
    with pytest.raises(ValueError, match=re.escape("notes[1] must be from 21 to 108, got 20; set low and high")):
        piano_roll([[60], [20]])
    with pytest.raises(ValueError, match="high must be at least 60, got 59"):
        piano_roll([], low=60, high=59)
