"""Where a NaN or an infinity is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor


def nonfinite(tree: Any, name: str = "") -> str | None:
    """Return the name, value and place of the first number that is not finite in arrays, dicts and lists of arrays."""
    for path, array in _arrays(tree, name):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = tuple(int(at) for at in np.argwhere(~np.isfinite(array))[0])
            return f"{path} has {array[place]} at {list(place)}"
    return None


def _arrays(tree: Any, name: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    if isinstance(tree, (np.ndarray, Tensor)):
        yield name, np.asarray(tree)
    elif isinstance(tree, Mapping):
        for key, part in tree.items():
            yield from _arrays(part, f"{name}.{key}" if name else str(key))
    elif isinstance(tree, (list, tuple)):
        for index, part in enumerate(tree):
            yield from _arrays(part, f"{name}[{index}]")
