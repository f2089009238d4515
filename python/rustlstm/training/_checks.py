"""What a run is given, held against what it needs, so that a mistake is a sentence and comes before the first step."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any

from .._options import count
from .._saved import part


def identity_of(data: Any) -> dict[str, Any] | None:
    """Return what the order of the batches of some data follows from; None where it does not say."""
    identity = getattr(data, "identity", None)
    return dict(identity()) if callable(identity) else None


def refuse_other_data(place: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
    """Fail if a run that is within an epoch would go on with data of another order."""
    if before is None or now is None:
        return
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if names:
        was, has = (", ".join(f"{name}={of.get(name)!r}" for name in names) for of in (before, now))
        raise ValueError(f"the run is at {place} of data with {was}, but this data has {has}")


def refuse_missing_folder(path: str) -> None:
    """Fail if there is no folder for a file that is to be written later, after an epoch perhaps."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save in", folder)


def position(state: Any, accumulate: int) -> dict[str, Any]:
    """Return where the run of a state is, if a trainer with this ``accumulate`` can be there."""
    given = part(state, "position", Mapping)
    found: dict[str, Any] = {name: count(name, part(given, name), 0) for name in ("epoch", "batch", "step", "batches")}
    if found["batch"] > found["batches"]:
        raise ValueError(f"the state is at batch {found['batch']} of {found['batches']}")
    if part(given, "accumulate") != accumulate:
        raise ValueError(f"that run has accumulate={given['accumulate']}, this trainer {accumulate}")
    return {**found, "data": part(given, "data", dict, type(None))}
