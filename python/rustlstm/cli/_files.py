"""Files as sequences and answers: what each ending means."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import read_conll, read_csv, read_jsonl, read_pairs, read_text, read_ts

PROBLEMS = ("classification", "tagging", "generation", "seq2seq", "prediction", "forecast", "anomaly")
# What a file is for if nobody says so.
USUAL = {
    ".txt": "generation",
    ".tsv": "seq2seq",
    ".jsonl": "classification",
    ".conll": "tagging",
    ".ts": "classification",
    ".csv": "forecast",
}


# The fields of a .jsonl if nobody says so.
FIELDS = {"classification": ("text", "label"), "prediction": ("x", "y")}


def problem_of(path: str) -> str:
    """Return what a file is for, by its ending."""
    ending = _ending(path)
    if ending not in USUAL:
        raise ValueError(f"{path} must end with {', '.join(USUAL)} (and .gz), got {ending or 'no ending'!r}")
    return USUAL[ending]


def read(path: str, problem: str, chosen: Namespace, answers: bool = True) -> tuple[Any, Any]:
    """Return the sequences of a file and what belongs to them; ``None`` where nothing does, or no answers are asked."""
    ending = _ending(path)
    if problem == "generation":
        return read_text(path), None
    if problem in ("forecast", "anomaly"):
        return series(path, chosen)[0], None
    if problem == "tagging":
        tokens, labels = read_conll(path, 0, -1)
        return tokens, labels
    if ending == ".tsv":
        return read_pairs(path) if answers else (read_pairs(path, columns=(0, 0))[0], None)
    if ending == ".jsonl":
        fields = FIELDS.get(problem, ("source", "target"))
        x, y = chosen.x or fields[0], chosen.y or fields[1]
        found, wanted = read_jsonl(path, x, y) if answers else (read_jsonl(path, x), None)
        return _numbers(found) if problem == "prediction" else found, wanted
    if ending == ".ts":
        found = read_ts(path)
        return found.x, found.y
    if ending == ".csv":
        columns = chosen.x or "text", chosen.y or "label"
        table = read_csv(path, columns=[], labels=columns if answers else columns[:1])
        texts = [str(one) for one in table.labels[columns[0]]]
        return texts, list(table.labels[columns[1]]) if answers else None
    raise ValueError(f"{path} cannot be read for {problem}; see rustlstm --help for the endings")


def series(path: str, chosen: Namespace) -> tuple[Any, int]:
    """Return a series [T, C], and the number of the column to forecast."""
    table = read_csv(path, time=chosen.time)
    names = list(table.columns)
    target = chosen.target or names[-1]
    if target not in names:
        raise ValueError(f"{path} has no column {target!r}; it has {', '.join(names)}")
    return table.values, names.index(target)


def _numbers(rows: list[Any]) -> list[Any]:
    """Return lists of numbers as arrays if any has a fraction; whole numbers may be items, so they stay as they are."""
    if any(isinstance(value, float) for row in rows if isinstance(row, list) for value in row):
        return [np.asarray(row, np.float32) for row in rows]
    return rows


def _ending(path: str) -> str:
    return Path(path.removesuffix(".gz")).suffix.lower()
