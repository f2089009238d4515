"""Docstrings of estimators: each names all options, its own and those that it has from others, with their defaults."""

from __future__ import annotations

import inspect
import re

# What is indented below the line ``Args:``, and in it the first line of each argument.
ARGUMENTS = re.compile(r"^Args:\n((?: .*\n|\n(?= ))+)", re.MULTILINE)
ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)


def document(cls: type) -> None:
    """Write the defaults into a class's docstring, and below it the options that other classes describe."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "") + "\n"
    own = _arguments(text)
    cls._described = own  # type: ignore[attr-defined]
    further: dict[str, str] = {}
    for base in cls.__mro__[1:]:
        known = base.__dict__.get("_described") or _arguments(inspect.cleandoc(base.__doc__ or "") + "\n")
        further.update({name: said for name, said in known.items() if name not in own and name not in further})
    found = ARGUMENTS.search(text)
    if found:
        text = text[: found.start(1)] + _listed(cls, own) + text[found.end(1) :]
    if further:
        text += f"\nFurther options:\n{_listed(cls, further)}"
    cls.__doc__ = text


def _arguments(text: str) -> dict[str, str]:
    """Return what a docstring says of each argument."""
    found = ARGUMENTS.search(text)
    if not found:
        return {}
    _, *parts = ENTRY.split(found[1])
    return {name: said.rstrip() for name, said in zip(parts[::2], parts[1::2], strict=True)}


def _listed(cls: type, arguments: dict[str, str]) -> str:
    lines = []
    for name, said in arguments.items():
        default = f" Default: ``{getattr(cls, name)!r}``." if hasattr(cls, name) else ""
        lines.append(f"    {name}: {said}{default}\n")
    return "".join(lines)
