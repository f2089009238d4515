"""Files as sequences and answers: what each ending means."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ..datasets import read_conll, read_csv, read_jsonl, read_pairs, read_text, read_ts

PROBLEMS = ("classification", "tagging", "generation", "seq2seq", "forecast")
# What a file is for if nobody says so.
USUAL = {
    ".txt": "generation",
    ".tsv": "seq2seq",
    ".jsonl": "classification",
    ".conll": "tagging",
    ".ts": "classification",
    ".csv": "forecast",
}


def problem_of(path: str) -> str:
    """Return what a file is for, by its ending."""
    ending = _ending(path)
    if ending not in USUAL:
        raise ValueError(f"{path} must end with {', '.join(USUAL)} (and .gz), got {ending or 'no ending'!r}")
    return USUAL[ending]


def read(path: str, problem: str, chosen: Namespace) -> tuple[Any, Any]:
    """Return the sequences of a file and what belongs to them; ``None`` where nothing does."""
    ending = _ending(path)
    if problem == "generation":
        return read_text(path), None
    if problem == "forecast":
        return _series(path, chosen), None
    if problem == "tagging":
        tokens, labels = read_conll(path, 0, -1)
        return tokens, labels
    if ending == ".tsv":
        return read_pairs(path)
    if ending == ".jsonl":
        default = ("text", "label") if problem == "classification" else ("source", "target")
        x, y = read_jsonl(path, chosen.x or default[0], chosen.y or default[1])
        return x, y
    if ending == ".ts":
        found = read_ts(path)
        return found.x, found.y
    if ending == ".csv":
        columns = chosen.x or "text", chosen.y or "label"
        table = read_csv(path, columns=[], labels=columns)
        return [str(one) for one in table.labels[columns[0]]], list(table.labels[columns[1]])
    raise ValueError(f"{path} cannot be read for {problem}; see rustlstm --help for the endings")


def _series(path: str, chosen: Namespace) -> Any:
    """Return a series [T, C] with the column to forecast as its first."""
    table = read_csv(path, time=chosen.time)
    names = list(table.columns)
    target = chosen.target or names[-1]
    if target not in names:
        raise ValueError(f"{path} has no column {target!r}; it has {', '.join(names)}")
    order = [names.index(target), *(at for at, name in enumerate(names) if name != target)]
    return table.values[:, order]


def _ending(path: str) -> str:
    return Path(path.removesuffix(".gz")).suffix.lower()
