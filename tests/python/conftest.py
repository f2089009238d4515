"""What every test session does first: say which build is tested, and refuse one that lacks a promised SIMD level.

Run as a script, this prints the levels beside the chosen one, for `make test` to go through.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

import rustlstm


def pytest_report_header(config: pytest.Config) -> str:
    return f"rustlstm: {rustlstm.build_info()}"


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts its background jobs so, and children inherit it; some tests are about Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    promised = [name.strip() for name in os.environ.get("RUSTLSTM_ENSURE_SIMD", "").split(",") if name.strip()]
    available = levels()
    absent = [name for name in promised if name not in available]
    if absent:
        pytest.exit(f"RUSTLSTM_ENSURE_SIMD promises {', '.join(absent)}, this machine has {', '.join(available)}", 2)
    forced = os.environ.get("RUSTLSTM_SIMD")
    if forced and forced != level():
        pytest.exit(f"RUSTLSTM_SIMD asks for {forced}, the library runs at {level()}", 2)


@pytest.fixture(scope="session")
def references() -> dict[str, Any]:
    """Return what each kind of run of the trainer comes to if nothing comes between."""
    from runs import KINDS, OPTIMIZERS, Run

    outcomes = {}
    for kind in {*KINDS, *OPTIMIZERS}:
        run = Run(kind)
        run.fit()
        outcomes[kind] = run.outcome()
    return outcomes


def levels() -> list[str]:
    """Return the short names of the levels that this machine has."""
    return list(rustlstm.build_info()["levels"])


def level() -> str:
    """Return the short name of the level that the library runs at."""
    return str(rustlstm.build_info()["level"])


if __name__ == "__main__":
    print(*(name for name in levels() if name != level()))
