"""What a call asks for, as the Rust loops take it: prompts, filters and stops as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._filters import Ban, Filter, Plain, plain_filters
from ._texts import Ids, TokenModel, checked, prompts_of, stops_of


@dataclass(frozen=True)
class Asked:
    """A call, looked at. ``many`` says whether a list of prompts was given, ``names`` what each stop was given as."""

    vocabulary: Any
    prompts: list[Ids]
    many: bool
    filters: list[Plain]
    stops: list[list[int]]
    names: list[Any]


def asked(model: TokenModel, prompt: Any, filters: Filter | Sequence[Filter], stop: Any) -> Asked:
    """Look at what a call was given, and add what the model says of its own tokens."""
    vocabulary = checked(model)
    begin, end, silent = (list(getattr(model, f"{what}_tokens", ())) for what in ("begin", "end", "silent"))
    prompts, many = prompts_of(prompt, vocabulary, begin)
    plain = [*([Ban(silent).plain(None)] if silent else []), *plain_filters(filters, vocabulary)]
    stops, names = stops_of(stop, vocabulary)
    ends = [vocabulary.tokens[one] if vocabulary is not None else one for one in end]
    return Asked(vocabulary, prompts, many, plain, [*stops, *([one] for one in end)], [*names, *ends])
