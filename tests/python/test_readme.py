"""The code of the README runs: its Python blocks one after another, its Rust block as an example of the crate."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[int, str]]:
    """Return the fenced blocks of the README in `language` as (line, code)."""
    found = re.finditer(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    return [(README.count("\n", 0, match.start(1)), match.group(1)) for match in found]


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = blocks("python")
    assert len(code) >= 2
    state = np.random.get_state()  # noqa: NPY002
    names: dict[str, object] = {"__name__": "readme"}
    for line, text in code:
        # Line numbers of the README, so that a failure points at it.
        exec(compile("\n" * line + text, "README.md", "exec"), names)
    same = all(np.array_equal(a, b) for a, b in zip(state, np.random.get_state(), strict=True))  # noqa: NPY002
    assert same, "the README, or the library under it, drew from numpy's global generator"


def test_rust_block_is_the_example() -> None:
    code = blocks("rust")
    assert len(code) == 1
    example = (ROOT / "examples" / "layer.rs").read_text(encoding="utf-8")
    body = "".join(line for line in example.splitlines(keepends=True) if not line.startswith("//!")).lstrip()
    assert code[0][1].strip() == body.strip(), "the Rust block of the README and examples/layer.rs differ"


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    absent = [target for target in targets if not (ROOT / target).exists()]
    assert not absent, f"the README links to {absent}"


def test_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z][a-z0-9-]*)", README))
    absent = {target for target in named if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)}
    assert named, "the README names no make target"
    assert not absent, f"the README names make targets that are not there: {sorted(absent)}"
