"""Makes docs/results.md of the records: what each task's floor is, what was published, what ours came to."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
ORDER = ("classic", "text", "series", "dna", "items", "seq2seq", "images")

OPENING = """# Results

What the estimators come to on classic tasks and on real data, as it was measured; a figure that falls short stands
here as it is. *Floor* is what a model that is no LSTM comes to, *published* what others reported. Ours is the mean
over seeds, with the least and the greatest. Seconds are of one seed, data and judging included, on the machine named
below each table. Each line is repeated by `make proofs` or by its command; real data is read from the folder that
`RUSTLSTM_DATA` names and is not part of the project.
"""


def write(records: Path) -> None:
    """Write the page."""
    found = [json.loads(path.read_text()) for path in sorted(records.glob("*.json"))]
    parts = [OPENING]
    for field in ORDER:
        rows = [record for record in found if record["field"] == field]
        if rows:
            parts.append(_table(field, rows))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(parts))


def _table(field: str, records: list[dict[str, Any]]) -> str:
    lines = [
        f"## {field.capitalize()}\n",
        "| task | metric | floor | published | bar | ours | reached | seconds | command |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for record in records:
        cells = [
            record["task"], record["metric"], record["floor"] or "-", record["published"] or "-", record["bar"],
            _ours(record["seeds"]), "yes" if record["reached"] else "**no**", _seconds(record["seeds"]),
            f"`{record['command'].replace('python benches/proofs/', '')}`",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    machines = {
        f"{r['machine']['cpu']}, {r['versions']['level']}, {r['versions']['threads']} threads, {r['date']}"
        for r in records
    }
    return "\n".join([*lines, "", *(f"Measured on {one}." for one in sorted(machines)), ""])


def _ours(seeds: list[dict[str, Any]]) -> str:
    scores = [seed["score"] for seed in seeds]
    shown = f"{statistics.fmean(scores):.4g}"
    if len(scores) > 1:
        shown += f" ({min(scores):.4g} .. {max(scores):.4g})"
    if seeds[0]["solved"] is not None:
        shown = f"{sum(bool(seed['solved']) for seed in seeds)} of {len(seeds)} seeds, {shown}"
    for name in seeds[0]:
        if name not in ("seed", "score", "solved", "seconds"):
            values = [seed[name] for seed in seeds if isinstance(seed.get(name), (int, float))]
            if values:
                shown += f"; {name.replace('_', ' ')} {statistics.fmean(values):.4g}"
    return shown


def _seconds(seeds: list[dict[str, Any]]) -> str:
    return f"{statistics.fmean(seed['seconds'] for seed in seeds):.0f}"
