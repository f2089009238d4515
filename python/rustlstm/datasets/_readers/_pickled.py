"""Lists of arrays that numpy wrote as objects, read without unpickling anything.

numpy stores an array of objects as a pickle, and a pickle is a program: whoever loads it runs it. Here its steps are
only taken apart, and followed by hand as far as a list of plain arrays needs them. Whatever else is in it is refused:
no name is looked up, and nothing is called.

What is not meant: a reader of pickles. Objects other than arrays of numbers have no place here.
"""

from __future__ import annotations

import math
import pickletools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._columns import AnyArray

_ARRAY, _DTYPE = "numpy.ndarray", "numpy.dtype"
_MAKE = {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"}
_VALUES = {"BININT", "BININT1", "BININT2", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINUNICODE", "SHORT_BINUNICODE"}
_VALUES |= {"INT", "LONG1"}
_MARK = object()


@dataclass
class _Name:
    """A name in the pickle, which stands for nothing but itself."""

    name: str


@dataclass
class _Type:
    """What is known of a type of elements."""

    code: str
    order: str = "|"


@dataclass
class _Made:
    """An array in the making."""

    state: Any = None


def arrays(pickled: bytes) -> list[AnyArray]:
    """Return the elements of a pickled array of objects, all of which are arrays of numbers.

    Raises ValueError, which says what is there that is not expected.
    """
    top = _follow(pickled)
    if not isinstance(top, _Made):
        raise ValueError("an array was expected")
    shape, kind, _, elements = _state(top)
    if kind.code not in ("O8", "O4", "O") or len(shape) != 1 or not isinstance(elements, list):
        raise ValueError("a list of arrays was expected")
    if len(elements) != shape[0]:
        raise ValueError(f"{shape[0]} arrays were expected, there are {len(elements)}")
    found = [_array(element) for element in elements]
    if sum(array.nbytes for array in found) > len(pickled):  # one array named a million times fills the memory
        raise ValueError("the arrays have more bytes than the file")
    return found


def _follow(pickled: bytes) -> Any:
    """Return what the steps of a pickle leave on the stack."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        argument: Any
        for step, argument, _ in pickletools.genops(pickled):
            name = step.name
            if name in ("PROTO", "FRAME"):
                continue
            if name == "STOP":
                return stack.pop()
            if name in _VALUES:
                stack.append(argument)
            elif name in ("BINSTRING", "SHORT_BINSTRING"):  # bytes, which pickletools shows as text
                stack.append(argument.encode("latin-1"))
            elif name in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = stack[-1]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif name in ("NONE", "NEWTRUE", "NEWFALSE"):
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            elif name == "GLOBAL":
                stack.append(_Name(argument.replace(" ", ".")))
            elif name == "STACK_GLOBAL":
                module, attribute = _taken(stack, 2)
                stack.append(_Name(f"{_text(module)}.{_text(attribute)}"))
            elif name == "EMPTY_TUPLE":
                stack.append(())
            elif name == "EMPTY_LIST":
                stack.append([])
            elif name == "MARK":
                stack.append(_MARK)
            elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
                stack.append(_taken(stack, int(name[-1])))
            elif name == "TUPLE":
                stack.append(_since_mark(stack))
            elif name in ("APPEND", "APPENDS"):
                items = _taken(stack, 1) if name == "APPEND" else _since_mark(stack)
                if not isinstance(stack[-1], list):
                    raise ValueError("items were expected to belong to a list")
                stack[-1].extend(items)
            elif name == "REDUCE":
                called, arguments = _taken(stack, 2)
                stack.append(_made(called, arguments))
            elif name == "BUILD":
                (state,) = _taken(stack, 1)
                _build(stack[-1], state)
            else:
                raise ValueError(f"step {name} has no place in a list of arrays")
    except (IndexError, KeyError, TypeError, UnicodeError, OverflowError) as error:
        raise ValueError(f"it is damaged ({error!r})") from error
    raise ValueError("it has no end")


def _taken(stack: list[Any], count: int) -> tuple[Any, ...]:
    """Return the last things of the stack, which they leave."""
    if len(stack) < count or any(item is _MARK for item in stack[-count:]):
        raise ValueError("it is damaged (too little on the stack)")
    items = tuple(stack[-count:])
    del stack[-count:]
    return items


def _since_mark(stack: list[Any]) -> tuple[Any, ...]:
    items: list[Any] = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return tuple(reversed(items))


def _made(called: Any, arguments: Any) -> _Made | _Type:
    """Return what stands for the result of a call that is not made."""
    name = called.name if isinstance(called, _Name) else "what has no name"
    if name in _MAKE and arguments[0] == _Name(_ARRAY):
        return _Made()
    if name == _DTYPE and isinstance(arguments, tuple) and arguments:
        return _Type(_text(arguments[0]))
    raise ValueError(f"it would call {name}, and only arrays of numbers are read")


def _build(thing: Any, state: Any) -> None:
    if isinstance(thing, _Made):
        thing.state = state
    elif isinstance(thing, _Type) and isinstance(state, tuple) and len(state) > 1:
        thing.order = _text(state[1])
    else:
        raise ValueError("it would give a state to what is no array")


def _text(given: Any) -> str:
    """Return a string, which Python 2 wrote as bytes. Anything else, which may be endless if shown, is refused."""
    if isinstance(given, bytes):
        return given.decode("latin-1")
    if not isinstance(given, str):
        raise ValueError(f"a string was expected, there is a {type(given).__name__}")
    return given


def _state(made: _Made) -> tuple[tuple[int, ...], _Type, bool, Any]:
    """Return shape, type, whether columns come first, and content of an array."""
    state = made.state
    if not isinstance(state, tuple) or len(state) != 5:
        raise ValueError("an array without content is there")
    _, shape, kind, columns_first, content = state
    axes = isinstance(shape, tuple) and len(shape) < 9
    if (
        not axes
        or not all(isinstance(extent, int) and 0 <= extent < 1 << 48 for extent in shape)
        or not isinstance(kind, _Type)
    ):
        raise ValueError("an array of no shape or type is there")
    return shape, kind, bool(columns_first), content


def _array(element: Any) -> AnyArray:
    if not isinstance(element, _Made):
        raise ValueError(f"arrays of numbers were expected, there is a {type(element).__name__}")
    shape, kind, columns_first, content = _state(element)
    if not re.fullmatch("[iuf][1248]", kind.code) or kind.code == "f1" or kind.order not in ("<", ">", "|", "="):
        raise ValueError(f"arrays of numbers were expected, there is one of type {kind.code!r}")
    dtype = np.dtype(kind.order + kind.code)
    if not isinstance(content, bytes) or len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"an array of shape {list(shape)} and {dtype} was expected to have as many bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")
