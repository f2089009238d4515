"""The examples in the docstrings, run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import rustlstm

pytestmark = pytest.mark.once

MODULES = [name for _, name, _ in pkgutil.walk_packages(rustlstm.__path__, "rustlstm.") if "__main__" not in name]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_some() -> None:
    finder = doctest.DocTestFinder()
    examples = [t for name in MODULES for t in finder.find(importlib.import_module(name)) if t.examples]
    assert len(examples) >= 8
