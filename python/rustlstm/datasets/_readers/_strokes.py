"""Drawings as pen strokes, from the files that are usual for them."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ._files import LARGEST, Source, content, fault
from ._pickled import arrays


def read_strokes(source: Source) -> dict[str, list[npt.NDArray[np.float32]]]:
    """Return the drawings of a file ``.npz`` by the names of its parts, which usually are train, valid and test.

    Each drawing is [T, 3]: how far the pen goes in x and in y, and 1 where it is lifted then. Files of this kind hold
    pickles, which run code when they are loaded as numpy loads them. Here nothing of that is run: the numbers are taken
    out, and a file that has anything else in it is refused.

    Args:
        source: a path or an open file.

    Returns:
        A list of arrays [T, 3] of float32 for each part.
    """
    packed = content(source)
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as parts:
            found = {}
            if sum(part.file_size for part in parts.infolist()) > LARGEST:
                raise fault(source, None, f"expected at most {LARGEST} bytes, there are more")
            for part in parts.infolist():
                name = part.filename.removesuffix(".npy")
                found[name] = _drawings(source, name, parts.read(part))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise fault(source, None, f"expected a whole .npz file: {error}") from error
    return found


def _drawings(source: Source, name: str, raw: bytes) -> list[npt.NDArray[np.float32]]:
    file = io.BytesIO(raw)
    try:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = header(file)
        if dtype.hasobject:
            drawings: list[Any] = list(arrays(raw[file.tell() :]))
        else:
            if math.prod(shape) * dtype.itemsize != len(raw) - file.tell():
                raise ValueError(f"its shape is {list(shape)} and it has {len(raw) - file.tell()} bytes")
            file.seek(0)
            drawings = list(np.load(file, allow_pickle=False))
        if len(shape) not in (1, 3) or len(drawings) != shape[0]:
            raise ValueError(f"its shape is {list(shape)}")
    except (ValueError, SyntaxError, TypeError) as error:
        raise fault(source, None, f"expected a list of drawings [T, 3] as {name!r}: {error}") from error
    for at, drawing in enumerate(drawings):
        if drawing.ndim != 2 or drawing.shape[1] != 3 or drawing.dtype.kind not in "iuf":
            got = f"{drawing.dtype} of shape {list(drawing.shape)}"
            raise fault(source, None, f"expected drawings [T, 3], {name}[{at}] is {got}")
        if not np.isin(drawing[:, 2], (0, 1)).all():
            raise fault(source, None, f"expected 0 or 1 in the third column of drawings, {name}[{at}] has others")
    return [drawing.astype(np.float32) for drawing in drawings]
