"""`rustlstm demo` learns, and says so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rustlstm import cli


def test_demo_learns_to_count(capsys: pytest.CaptureFixture[str]) -> None:
    off = cli.demo(steps=400, seed=0)
    printed = capsys.readouterr().out
    assert "1 2 3 4 5  ->" in printed
    assert off < 0.5, f"the next five numbers are off by {off} on sequences never seen (by 4.5 when repeating the last)"


def test_demo_repeats_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.demo(steps=20, seed=3) == cli.demo(steps=20, seed=3)
    assert cli.demo(steps=20, seed=3) != cli.demo(steps=20, seed=4)


def test_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "rustlstm", "--help"], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout
