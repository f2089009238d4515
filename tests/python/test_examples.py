"""Every script of examples/ runs, at a small size, and comes to what it says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.once

EXAMPLES = Path(__file__).parents[2] / "examples"

# The script, a small size, and what its main returns.
CASES: list[tuple[str, int, Any]] = [
    ("anomaly", 21, lambda alarms: len(alarms) >= 1),
    ("bidirectional_ragged", 16, lambda same: same),
    ("dna", 200, lambda found: found.rival == "Hexamer" and not found.worth_it),
    ("live_stream", 50, lambda same: same),
    ("multi_step_forecast", 120, lambda errors: set(errors) > {"joint", "recursive", "direct"}),
    ("next_value", 700, lambda right: list(right.values()) == [0.0, 1.0, 1.0]),
    ("recommendation", 400, lambda found: found.rows[0].distance > 0 and found.rows[-1].name != found.model),
    ("sentiment", 600, lambda found: found.worth_it and found.rows[0].score > 0.8),
    ("shakespeare", 8000, lambda nats: nats["LSTM"] < nats["1-gram"]),
    ("stock_index", 400, lambda ratio: 0.95 < ratio < 1.2),
    ("train_your_own", 60, lambda accuracy: 0 <= accuracy <= 1),
    ("translate_dates", 200, lambda right: 0 <= right <= 1),
    ("weather", 400, lambda rmse: rmse < 4),
]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_has_a_case() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py")}
    cases = {name for name, _, _ in CASES}
    assert scripts == cases, "examples and the cases of this test differ"


@pytest.mark.parametrize(("name", "size", "fits"), CASES, ids=[name for name, _, _ in CASES])
def test_runs(name: str, size: int, fits: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    module = example(name)
    further = {"epochs": 2, "path": str(tmp_path / "run.safetensors")} if name == "train_your_own" else {}
    assert fits(module.main(size=size, **further))
    assert capsys.readouterr().out.strip()


def test_train_your_own_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    module, path = example("train_your_own"), str(tmp_path / "run.safetensors")
    module.main(size=330, epochs=1, path=path)
    capsys.readouterr()
    module.main(size=330, epochs=1, path=path)
    assert "going on from" in capsys.readouterr().out


# --- files of one's own


def test_sessions_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "sessions.txt"
    path.write_text("tea milk honey\n\nbread\nbread butter\n")
    data = example("recommendation").read(str(path))
    assert data.x == [["tea", "milk"], ["bread"]]
    assert data.y == ["honey", "butter"]


def test_reviews_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "reviews.jsonl"
    rows = [{"text": f"{word} film , number {at}", "label": word} for at in range(30) for word in ("good", "bad")]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    module = example("sentiment")
    found = module.main(data=module.read(str(path)))
    assert found.models["NaiveBayes"].classes_.tolist() == ["bad", "good"]
    assert "good" in capsys.readouterr().out


def test_genome_of_a_file(tmp_path: Path) -> None:
    bases = "".join(np.random.default_rng(0).choice(list("acgt"), 4000))
    lines = [
        f"LOCUS       TINY          {len(bases)} bp    DNA   circular  BCT       03-SEP-1998",
        "FEATURES             Location/Qualifiers",
        "     CDS             1..2000",
        "     CDS             complement(2101..4000)",
        "ORIGIN",
        *(f"{at + 1:>9} {bases[at : at + 60]}" for at in range(0, len(bases), 60)),
        "//",
    ]
    path = tmp_path / "genome.gbk"
    path.write_text("\n".join(lines) + "\n")
    train, test = example("dna").read(str(path))
    assert len(train) > 2 * len(test) > 0
    assert sorted(set(train.y)) == ["coding", "noncoding"]
    assert {len(row) for row in train.x} == {99}


def test_dates_are_pictured() -> None:
    shown = example("translate_dates").picture("ab", "c", np.array([[0.0, 1.0]]))
    assert shown.splitlines() == ["     ab", "  c | #|"]
