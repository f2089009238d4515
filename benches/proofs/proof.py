"""What a proof is: a task, a bar with what is known around it, and a function of a seed that measures."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("RUSTLSTM_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


@dataclass(frozen=True)
class Outcome:
    """What one seed came to.

    Attributes:
        score: by the proof's metric.
        solved: whether the task counts as learned, for tasks that are learned or not.
        extra: further figures by name, such as the sequences that were needed.
    """

    score: float
    solved: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Proof:
    """A task and its bar.

    Attributes:
        name: of the record, and for the command line.
        task: one line for people.
        metric: what the score is.
        bar: what is to be reached, in words.
        reached: whether the outcomes of all seeds reach it.
        run: measures with a seed.
        seeds: how many.
        floor: what a model that is no LSTM comes to, in words.
        published: what others reported, in words.
        field: the heading on the page.
    """

    name: str
    task: str
    metric: str
    bar: str
    reached: Callable[[list[Outcome]], bool]
    run: Callable[[int], Outcome]
    seeds: int = 3
    floor: str = ""
    published: str = ""
    field: str = ""


def at_most(limit: float) -> Callable[[list[Outcome]], bool]:
    """Return a judgement: the mean score is at most this."""
    return lambda found: sum(one.score for one in found) / len(found) <= limit


def at_least(limit: float) -> Callable[[list[Outcome]], bool]:
    """Return a judgement: the mean score is at least this."""
    return lambda found: sum(one.score for one in found) / len(found) >= limit


def solved_by(seeds: int) -> Callable[[list[Outcome]], bool]:
    """Return a judgement: at least so many of ten seeds solve the task."""
    return lambda found: sum(bool(one.solved) for one in found) * 10 >= seeds * len(found)
