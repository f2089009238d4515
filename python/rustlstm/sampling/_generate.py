"""Whole samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._options import count, seed_number
from ..tensor import Array
from ._asked import asked
from ._filters import Filter
from ._texts import Ids, TokenModel, text_of

# Rows that run side by side: enough for full speed, few enough for memory. The results do not depend on it.
ROWS = 256


@dataclass(frozen=True, eq=False)
class Sample:
    """What was drawn after a prompt.

    ``tokens`` [N] are the numbers, without the stop. ``text`` is what they stand for, a list if the vocabulary has
    items; None without a vocabulary. ``log_probabilities`` [N] are the logarithms of the probabilities that the model
    gave, ``filtered_log_probabilities`` [N] those after the filters, by which was drawn. ``stopped`` is the stop that
    ended it, as it was given; None where the length did.
    """

    tokens: Ids
    text: Any
    log_probabilities: Array
    filtered_log_probabilities: Array
    stopped: Any


def generate(
    model: TokenModel,
    prompt: Any,
    *,
    length: int = 100,
    filters: Filter | Sequence[Filter] = (),
    stop: Any = (),
    seed: int = 0,
    samples: int = 1,
    first: int = 0,
) -> Any:
    """Draw what follows a prompt.

    Args:
        model: anything with ``token_stream``, such as ``nn.LanguageModel``; with a ``vocabulary_`` texts can be given.
        prompt: a text, numbers of tokens [T], or a list of such, whose lengths may differ. It has at least one token: a
            model that writes from nothing has a token for the beginning.
        length: the most tokens to draw, the stop included.
        filters: applied in their order, see ``Filter``; none draws from the model's own distribution.
        stop: what ends a sample and is cut off, one or a list. Each is the number of a token, a text, or in a list a
            list of numbers: tokens in a row. Where several end at one token, the longest counts.
        seed: what is drawn follows from it, the sample's number and the position. Every prompt has the same draws.
        samples: how many for each prompt; the prompt is read once for all.
        first: the number of the first one: sample 7 alone is ``first=7``.

    Returns:
        A ``Sample``; a list of them if ``samples`` is more than 1; for a list of prompts a list of either.

    >>> import rustlstm as rl
    >>> model = rl.nn.LanguageModel(20, 8, 16)
    >>> several = rl.sampling.generate(model, [1, 2, 3], length=5, samples=3)
    >>> alone = rl.sampling.generate(model, [1, 2, 3], length=5, first=2)
    >>> alone.tokens.tolist() == several[2].tokens.tolist()
    True
    """
    call = asked(model, prompt, filters, stop)
    prompts = call.prompts
    length, seed = count("length", length, 0), seed_number(seed)
    samples, first = count("samples", samples), count("first", first, 0)
    if first + samples > 2**64:
        raise ValueError(f"first and samples must stay below 2**64, got {first} and {samples}")

    def finish(tokens: Ids, by_model: Array, filtered: Array, stopped: int | None) -> Sample:
        stopping = None if stopped is None else call.names[stopped]
        return Sample(tokens, text_of(tokens, call.vocabulary), by_model, filtered, stopping)

    drawn: list[list[Sample]] = [[] for _ in prompts]
    each = max(1, ROWS // samples)
    for begin in range(0, len(prompts), each):
        part = prompts[begin : begin + each]
        for number in range(first, first + samples, ROWS):
            some = min(ROWS, first + samples - number)
            stream = model.token_stream(len(part))
            sampler = _core.Sampler(stream, part, call.filters, call.stops, length, seed, number, some)
            for at, found in enumerate(sampler.run(), begin):
                drawn[at] += [finish(*one) for one in found]
    results = drawn if samples > 1 else [one[0] for one in drawn]
    return results if call.many else results[0]


def sampler_of(
    model: TokenModel,
    prompt: Any,
    length: int | None,
    filters: Filter | Sequence[Filter],
    stop: Any,
    seed: int,
    sample: int,
) -> tuple[_core.Sampler, Any]:
    """Return the sampling of a single sample, and the vocabulary."""
    call = asked(model, prompt, filters, stop)
    if call.many:
        raise ValueError(f"prompt must be a single one for a stream, got a list of {len(call.prompts)}")
    most = np.iinfo(np.int64).max if length is None else count("length", length, 0)
    seed, sample = seed_number(seed), count("sample", sample, 0)
    if sample >= 2**64 - 1:
        raise ValueError(f"sample must stay below 2**64 - 1, got {sample}")
    sampler = _core.Sampler(model.token_stream(1), call.prompts, call.filters, call.stops, most, seed, sample, 1)
    return sampler, call.vocabulary
