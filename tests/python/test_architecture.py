"""The storeys of the Python package, held against what its files really import.

    cli  forecasting
    models  ->  datasets  metrics  baselines  checkpoint
    training
    nn  losses  optim  sampling
    tensor  ops
    _core, the Rust side, for few eyes only

An arrow may only point down, and sideways only where the table says so. Files at the top whose name starts with an
underscore are the ground: usable from everywhere, themselves importing nothing above.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

PACKAGE = Path(__file__).parents[2] / "python" / "rustlstm"

FLOOR = {"tensor", "ops"}
LAYERS = FLOOR | {"nn", "losses", "optim", "sampling"}
HELPERS = {"datasets", "metrics", "baselines", "checkpoint"}
MODELS = LAYERS | HELPERS | {"models", "training"}

# What each part of the package may import of the others, itself and the ground aside.
MAY_IMPORT: dict[str, set[str]] = {
    "tensor": FLOOR,
    "ops": FLOOR,
    "nn": FLOOR,
    "losses": FLOOR,
    "optim": FLOOR,
    "sampling": FLOOR,
    "datasets": set(),  # numpy only: these four know no model
    "metrics": set(),
    "baselines": {"metrics", "datasets"},
    "checkpoint": set(),
    "training": LAYERS | {"datasets", "checkpoint"},  # the loop knows no task
    "models": LAYERS | HELPERS | {"training"},  # an estimator is a task with a loop
    "forecasting": MODELS,
    "cli": MODELS | {"forecasting"},
    "__main__": {"cli"},
}
CORE_USERS = {"__init__", "ops", "optim", "sampling", "checkpoint"}
RUN_TIME = {"numpy", "tqdm"}  # everything else is an extra, imported where it is used


def imports(tree: ast.Module, module: str, is_package: bool) -> list[tuple[ast.stmt, str]]:
    """Return every import of a file as (statement, absolute dotted name); `module` is the file's own dotted name."""
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, base] if base else parts)
            # `from rustlstm import nn` imports a part, `from rustlstm.nn import LSTM` a name of a part.
            if base == "rustlstm":
                found += [(node, f"rustlstm.{alias.name}") for alias in node.names]
            else:
                found.append((node, base))
    return found


def violations(path: str, source: str) -> list[str]:
    """Return one readable line for each forbidden import of the file at `path`, relative to the package."""
    tree = ast.parse(source)
    parts = Path(path).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(["rustlstm", *(parts[:-1] if is_package else parts)])
    unit = parts[0]
    ground = unit.startswith("_") and unit not in ("__init__", "__main__")
    wrong = []
    if not ground and unit != "__init__" and unit not in MAY_IMPORT:
        wrong.append(f"{path}:1: {unit!r} is not in the table of storeys; give it a place there")
    outermost = {id(node) for node in tree.body}
    for node, name in imports(tree, module, is_package):
        where = f"{path}:{node.lineno}: imports {name}"
        head, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if head != "rustlstm":
            if id(node) in outermost and head not in RUN_TIME and head not in sys.stdlib_module_names:
                wrong.append(f"{where}: only numpy and tqdm are always there; import an extra inside the function")
        elif target == "_core":
            if unit not in CORE_USERS:
                wrong.append(f"{where}: {unit} -> _core is forbidden; only {', '.join(sorted(CORE_USERS))} import it")
        elif unit == "__init__" or target == unit or target.startswith("__version"):
            pass
        elif target in MAY_IMPORT:
            if ground or target not in MAY_IMPORT.get(unit, MODELS):
                wrong.append(f"{where}: {unit} -> {target} is forbidden: arrows point down")
        elif not target.startswith("_"):
            wrong.append(f"{where}: import {target or 'it'} from the file that defines it, not from the package")
    return wrong


def test_arrows_point_down_only() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert files, f"no Python files under {PACKAGE}"
    wrong = [
        line
        for file in files
        for line in violations(file.relative_to(PACKAGE).as_posix(), file.read_text(encoding="utf-8"))
    ]
    assert not wrong, "against the storeys:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("nn/_lstm.py", "from .. import ops\nfrom ..tensor import Tensor\nfrom ._module import Module", ""),
        ("nn/_lstm.py", "from ..models import prediction", "nn -> models"),
        ("nn/_lstm.py", "from .. import _core", "nn -> _core"),
        ("nn/_lstm.py", "from rustlstm._core import LstmCore", "nn -> _core"),
        ("nn/_lstm.py", "import rustlstm.optim", "nn -> optim"),
        ("nn/__init__.py", "from ._lstm import LSTM as LSTM\nfrom ..losses import mse", "nn -> losses"),
        ("ops.py", "from . import _core\nfrom ._core import gemm", ""),
        ("ops.py", "def f():\n    from .nn import LSTM", "ops.py:2: imports rustlstm.nn: ops -> nn"),
        ("optim.py", "from . import _core", ""),
        ("datasets/prediction.py", "from ..models.prediction import SequencePredictor", "datasets -> models"),
        ("datasets/prediction.py", "from ._batching import batches\nimport numpy as np", ""),
        ("checkpoint.py", "from .nn import LSTM", "checkpoint -> nn"),
        ("models/prediction.py", "from ..training import Trainer", ""),
        ("training/_trainer.py", "from ..models import load", "training -> models"),
        ("models/prediction.py", "from ..datasets import prediction\nfrom ..nn import LSTM", ""),
        ("_arrays.py", "import numpy as np\nfrom .tensor import Tensor", "_arrays -> tensor"),
        ("nn/_lstm.py", "from .._arrays import as_float32", ""),
        ("losses.py", "import scipy.special", "only numpy and tqdm"),
        ("training.py", "def plot():\n    import matplotlib.pyplot", ""),
        ("cli.py", "import rustlstm as rl", "from the file that defines it"),
        ("__init__.py", "from . import nn as nn\nfrom ._core import build_info", ""),
        ("novel.py", "import numpy", "not in the table"),
    ],
)
def test_violations_are_seen(path: str, source: str, expected: str) -> None:
    report = "\n".join(violations(path, textwrap.dedent(source)))
    assert (expected in report) if expected else not report, report
