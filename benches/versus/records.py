"""What every record has: machine, date, command, versions, and the peak that was measured meanwhile."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
from pathlib import Path
from typing import Any

from versus import machine

Record = dict[str, Any]

# The part of its peak that an idle machine keeps up over a run.
UNDISTURBED = 0.9


def parser(doc: str | None, seconds: float | None = 0.5) -> argparse.ArgumentParser:
    """The options that all scripts have; without seconds where nothing is repeated for a while."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("--rounds", type=int, default=3, help="how often to go through everything (default 3)")
    if seconds is not None:
        made.add_argument("--seconds", type=float, default=seconds, help=f"per figure and round (default {seconds:g})")
    made.add_argument("--threads", type=int, default=2, help="threads of every contestant (default 2)")
    made.add_argument("--record", type=Path, metavar="STEM", help="write STEM.json, STEM.md and STEM.svg")
    return made


def opened(script: str, options: argparse.Namespace, **fields: Any) -> Record:
    """A record to be filled."""
    return {
        "machine": machine.describe(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python", f"benches/versus/{Path(script).name}", *sys.argv[1:]]),
        "python": platform.python_version(),
        **{name: value for name, value in vars(options).items() if name in ("threads", "rounds", "seconds")},
        **fields,
        "versions": {},
        "absent": {},
        "results": [],
    }


def with_peak(record: Record, what: str, peaks: list[tuple[float, float]]) -> Record:
    """The record, and what the meter measured again and again: pairs of the best moment and the mean."""
    bests, means = zip(*peaks, strict=True)
    return record | {"peak": {"what": what, "best": max(bests), "mean": sum(means) / len(means), "least": min(means)}}


def heading(record: Record) -> str:
    """Where, when, what and how, for people."""
    machine, versions = record["machine"], record["versions"].items()
    lines = [f"{machine['cpu']}, {machine['processors']} processors, {' '.join(machine['flags'])}; "]
    if peak := record.get("peak"):
        lines[0] += (
            f"{peak['what']} {peak['best']:.0f} GFLOP/s with {record['threads']} threads "
            f"(mean {peak['mean']:.0f}, at the worst moment {peak['least']:.0f})"
        )
    else:
        lines[0] += f"{record['threads']} threads"
    named = ", ".join(f"{name} {version}" for name, version in versions)
    lines += [f"{record['date']}; {named}; Python {record['python']}", f"`{record['command']}`"]
    if peak and peak["mean"] < UNDISTURBED * peak["best"]:
        lines.append("**Disturbed**: other processes took their share of the machine; the figures are rough.")
    if record["absent"]:
        lines.append(f"left out, not installed: {', '.join(record['absent'])}")
    return "\n".join(lines)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, *rows]]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def write(stem: Path | None, record: Record, text: str, chart: str | None = None) -> None:
    """Prints the text, and writes STEM.json, STEM.md and STEM.svg if there is a stem."""
    print(text)
    if stem is None:
        return
    stem.parent.mkdir(parents=True, exist_ok=True)
    # A stem may have a dot in it, so the endings are put behind it and replace nothing.
    stem.with_name(f"{stem.name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    stem.with_name(f"{stem.name}.md").write_text(text + "\n", encoding="utf-8")
    if chart is not None:
        stem.with_name(f"{stem.name}.svg").write_text(chart, encoding="utf-8")
