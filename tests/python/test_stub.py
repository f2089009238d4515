"""The stub `_core.pyi` against the binary: the same names, arguments and defaults, in both directions."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rustlstm

pytestmark = pytest.mark.once
pytest.importorskip("mypy")

PACKAGE = Path(rustlstm.__file__).parent


def compare(folder: Path) -> tuple[bool, str]:
    """Compare `folder/rustlstm/_core.pyi` with the binary beside it; return whether they agree, and the report."""
    # PyO3 gives its module an __all__ of all names; the names themselves are compared one by one.
    allowed = folder / "allowed.txt"
    allowed.write_text(r"rustlstm\._core\.__all__" + "\n", encoding="utf-8")
    options = ["--ignore-disjoint-bases", "--allowlist", str(allowed), "--ignore-unused-allowlist"]
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "rustlstm._core", *options],
        env={**os.environ, "PYTHONPATH": path, "MYPYPATH": str(folder), "NO_COLOR": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def copy(folder: Path) -> Path:
    """Copy the package to `folder`; return the path of its stub."""
    shutil.copytree(PACKAGE, folder / "rustlstm", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "rustlstm" / "_core.pyi"


def test_stub_agrees_with_the_binary(tmp_path: Path) -> None:
    copy(tmp_path)
    agrees, report = compare(tmp_path)
    assert agrees, report


def test_disagreement_is_seen(tmp_path: Path) -> None:
    stub = copy(tmp_path)
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    taking = [node for node in functions if node.args.args]
    assert len(functions) >= 2, "the stub has too few functions to try this on"
    assert taking, "the stub has no function with an argument"
    renamed, missing = taking[0], next(node for node in functions if node is not taking[0])
    renamed.args.args[0].arg = "another_name"
    tree.body.remove(missing)
    tree.body.append(ast.parse("def not_in_the_binary() -> None: ...").body[0])
    stub.write_text(ast.unparse(tree), encoding="utf-8")
    agrees, report = compare(tmp_path)
    assert not agrees
    for word in ("another_name", missing.name, "not_in_the_binary"):
        assert word in report, f"{word} is not in the report:\n{report}"
