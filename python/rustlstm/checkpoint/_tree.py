"""Nested dicts, lists and numbers as JSON text, with the arrays among them beside it.

    None, True, "text", 7, 0.1          as JSON writes them; floats come back to the last bit
    inf, -inf, nan                      {"$float": "inf"}
    [1, 2]   (1, 2)                     [1, 2]   {"$tuple": [1, 2]}
    {"a": 1}   {"$a": 1}                {"a": 1}   {"$dict": [["$a", 1]]}
    an array, a number of numpy's       {"$array": name}   {"$number": name}

An array's name is the way to it: keys and positions, with "/" between them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

DEEPEST = 64
# A value takes some 100 bytes of memory and can be two bytes of text, so a text may not have any number of them. This
# is room for the history of 200,000 epochs. They are counted by the signs before them, those within texts too.
MOST = 1 << 22


def flatten(tree: Any) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """Return a tree as JSON text and the arrays by name that the text refers to.

    Subclasses of dict, list and tuple are taken for these. What cannot be kept as it is, is an error.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    text = json.dumps(_encode(tree, (), arrays), allow_nan=False, separators=(",", ":"))
    _refuse_many(text, "a state may have")
    return text, arrays


def unflatten(text: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Do the reverse. A ``ValueError`` says that the text is none of ``flatten``'s."""
    _refuse_many(text, "the metadata may have")
    try:
        return _decode(json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant), arrays, 0)
    except RecursionError:
        raise ValueError("the metadata are nested too deeply") from None


def _encode(value: Any, way: tuple[str, ...], arrays: dict[str, npt.NDArray[Any]]) -> Any:
    if len(way) > DEEPEST:
        raise ValueError(f"a state may be nested {DEEPEST} deep, got more at {_name(way)[:80]!r}")
    if isinstance(value, (np.ndarray, np.generic)) and not isinstance(value, str):
        name = _name(way)
        arrays[name] = np.asarray(value)
        return {"$array" if isinstance(value, np.ndarray) else "$number": name}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(float(value))}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        items = [_encode(item, (*way, str(index)), arrays) for index, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the keys of a state must be strings, got {key!r} at {_name(way)!r}")
        pairs = {str(key): _encode(item, (*way, key), arrays) for key, item in value.items()}
        return {"$dict": list(pairs.items())} if any(key.startswith("$") for key in pairs) else pairs
    raise TypeError(
        f"a state is made of dicts, lists, tuples, numbers, strings, None and arrays, got {type(value).__name__} "
        f"at {_name(way)!r}"
    )


def _decode(value: Any, arrays: Mapping[str, npt.NDArray[Any]], depth: int) -> Any:
    if depth > 4 * DEEPEST:  # a level of the tree can be three of the text
        raise ValueError("the metadata are nested too deeply")
    if isinstance(value, list):
        return [_decode(item, arrays, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    tag, inside = next(iter(value.items()), ("", None))
    if not tag.startswith("$"):
        return {key: _decode(item, arrays, depth + 1) for key, item in value.items()}
    if len(value) == 1:
        if tag == "$float" and inside in ("inf", "-inf", "nan"):
            return float(inside)
        if tag == "$tuple" and isinstance(inside, list):
            return tuple(_decode(inside, arrays, depth + 1))
        if tag == "$dict" and isinstance(inside, list):
            return _object([(_text(key), _decode(item, arrays, depth + 1)) for key, item in inside])
        if tag == "$array" and isinstance(inside, str) and inside in arrays:
            return arrays[inside]
        if tag == "$number" and isinstance(inside, str) and inside in arrays and arrays[inside].ndim == 0:
            return arrays[inside][()]
    raise ValueError(f"the metadata hold {tag!r}, which cannot be read")


def _name(way: tuple[str, ...]) -> str:
    return "/".join(step.replace("~", "~0").replace("/", "~1") for step in way)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("the metadata have a name twice")
    return made


def _text(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"the metadata have {key!r} in the place of a name")
    return key


def _refuse_many(text: str, may_have: str) -> None:
    values = sum(map(text.count, ",[{:"))
    if values > MOST:
        raise ValueError(f"{may_have} {MOST} values outside of arrays, got about {values}; long lists should be arrays")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the metadata hold {name}, which JSON does not have")
