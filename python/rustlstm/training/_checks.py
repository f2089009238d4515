"""What a run is given, held against what it needs, so that a mistake is a sentence and comes before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
