"""Labelled series in files ``.ts``, the form of the UCR and UEA archives of time series."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._files import Source, fault, lines

_LARGEST = float(np.finfo(np.float32).max)


class LabelledSeries(NamedTuple):
    """What a file ``.ts`` holds.

    Attributes:
        x: the series, each [T, C] of float32; what is missing is NaN.
        y: the label of each, strings; numbers [N] of float32 where the file has ``@targetlabel true``; None where it
            has neither.
        header: what the lines with "@" say, by name in small letters.
    """

    x: list[npt.NDArray[np.float32]]
    y: Any
    header: dict[str, str]


def read_ts(source: Source, *, encoding: str = "utf-8") -> LabelledSeries:
    r"""Return the series of a file ``.ts`` and their labels; a gzip is unpacked.

    Series may differ in length, and have several channels. Values with time stamps of their own are refused.

    >>> import io
    >>> read_ts(io.StringIO("@problemName two\n@classLabel true a b\n@data\n1,2,3:4,5,6:a\n1,?:0,0:b\n")).y
    ['a', 'b']
    """
    header: dict[str, str] = {}
    x: list[npt.NDArray[np.float32]] = []
    y: list[str] = []
    labelled, numeric, begun = False, False, False
    number = 0
    for number, line in lines(source, encoding):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if begun:
            parts = text.split(":")
            if labelled:
                y.append(_label(source, number, parts.pop().strip(), header, numeric))
            x.append(_series(source, number, parts, x[0].shape[1] if x else _dimensions(source, header)))
        elif text.lower() == "@data":
            begun = True
            if header.get("timestamps", "false").lower() == "true":
                raise fault(source, number, "expected values without time stamps, the header says @timeStamps true")
            numeric = header.get("targetlabel", "false").lower() == "true"
            labelled = numeric or header.get("classlabel", "false").lower().split(" ")[0] == "true"
        elif text.startswith("@"):
            name, _, value = text[1:].partition(" ")
            header[name.lower()] = value.strip()
        else:
            raise fault(source, number, f"expected a line that begins with @ or #, until @data, got {text[:40]!r}")
    if not begun:
        raise fault(source, number or None, "expected a line @data, the file has none; is it a .ts file?")
    if not x:
        raise fault(source, number, "expected series behind @data, there are none")
    return LabelledSeries(x, np.array(y, np.float32) if numeric else y if labelled else None, header)


def _dimensions(source: Source, header: dict[str, str]) -> int | None:
    """Return how many channels the header promises, None where it does not say."""
    if header.get("univariate", "").lower() == "true":
        return 1
    said = header.get("dimension", header.get("dimensions"))
    if said is None:
        return None
    if not said.isdecimal() or int(said) < 1:
        raise fault(source, None, f"expected a number of channels behind @dimension, got {said[:40]!r}")
    return int(said)


def _series(source: Source, number: int, parts: list[str], channels: int | None) -> npt.NDArray[np.float32]:
    if channels is not None and len(parts) != channels:
        raise fault(source, number, f"expected {channels} channels, set apart by ':', got {len(parts)}")
    columns = [_values(source, number, part) for part in parts]
    extents = [len(column) for column in columns]
    if len(set(extents)) != 1:
        raise fault(source, number, f"expected channels of the same length, got {', '.join(map(str, extents))}")
    return np.stack(columns, axis=1).astype(np.float32)


def _values(source: Source, number: int, part: str) -> npt.NDArray[np.float64]:
    texts = ["nan" if text.strip() in ("?", "NaN") else text for text in part.split(",")]
    found = []
    for text in texts:
        try:
            found.append(float(text))
        except ValueError:
            raise fault(source, number, f"expected numbers, set apart by ',', got {text.strip()[:40]!r}") from None
        if abs(found[-1]) > _LARGEST:
            raise fault(source, number, f"expected numbers that float32 can hold, got {text.strip()[:40]!r}")
    return np.array(found, np.float64)


def _label(source: Source, number: int, label: str, header: dict[str, str], numeric: bool) -> str:
    if numeric:
        try:
            float(label)
        except ValueError:
            raise fault(source, number, f"expected a number behind the last ':', got {label[:40]!r}") from None
        return label
    known = header["classlabel"].split()[1:]
    if not label or (known and label not in known):
        expected = " or ".join(known[:10]) if known else "a label"
        raise fault(source, number, f"expected {expected} behind the last ':', got {label[:40]!r}")
    return label
