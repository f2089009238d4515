"""What a file of ours says of itself in its metadata: what it is, its format, who wrote it, and its content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from .._core import __version__
from ._tensors import OURS, DamagedFileError
from ._tree import flatten, unflatten

# It grows when an older version could not read what is written.
FORMAT = 1
KIND, NUMBER, VERSION, CONTENT = (f"{OURS}{word}" for word in ("kind", "format", "version", "content"))
WRITTEN_BY = {"state": "rl.checkpoint.save_state", "model": "rl.save"}


def write_record(kind: str, content: Any) -> tuple[dict[str, str], dict[str, npt.NDArray[Any]]]:
    """Return the metadata of a file of this kind, and the arrays of its content by name."""
    text, arrays = flatten(content)
    return {KIND: kind, NUMBER: str(FORMAT), VERSION: __version__, CONTENT: text}, arrays


def read_record(path: str, kind: str, metadata: Mapping[str, str], arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Return what ``write_record`` was given; fail if the file is of another kind or from a newer version."""
    found, number = metadata.get(KIND), metadata.get(NUMBER, "")
    if found is None:
        raise ValueError(f"{path} was not written by {WRITTEN_BY[kind]}")
    if number != str(FORMAT):
        raise ValueError(
            f"{path} was written by rustlstm {metadata.get(VERSION)} in format {number}; "
            f"this is rustlstm {__version__}, which reads format {FORMAT}"
        )
    if found != kind:
        raise ValueError(f"{path} was written by {WRITTEN_BY.get(found, found)}, not by {WRITTEN_BY[kind]}")
    try:
        return unflatten(metadata.get(CONTENT, ""), arrays)
    except (ValueError, TypeError) as error:
        raise DamagedFileError(f"the metadata of {path} cannot be read: {error}") from None
