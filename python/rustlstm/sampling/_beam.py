"""Beam search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import _core
from .._options import choice, count, number
from ._asked import asked
from ._filters import Filter
from ._texts import Ids, TokenModel, text_of


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A sequence that beam search found.

    ``tokens`` [N] are its numbers, without the stop, and ``text`` what they stand for. ``log_probability`` is the sum
    of the logarithms of its probabilities, the stop's included, and ``score`` the same divided by the length penalty.
    ``stopped`` is the stop that ended it, as it was given; None where the length did.
    """

    tokens: Ids
    text: Any
    score: float
    log_probability: float
    stopped: Any


def beam_search(
    model: TokenModel,
    prompt: Any,
    *,
    width: int = 4,
    n_best: int = 1,
    length: int = 100,
    length_penalty: float = 0.0,
    penalty: str = "power",
    filters: Filter | Sequence[Filter] = (),
    stop: Any = (),
) -> Any:
    """Look for the most probable sequences after a prompt.

    It looks for what is probable, which for open text is dull; it is for translations and the like.

    Args:
        model: as for ``generate``.
        prompt: as for ``generate``.
        width: how many beginnings are kept at each step.
        n_best: how many sequences to return, at most ``width``.
        length: the most tokens of a sequence, the stop included.
        length_penalty: α from -4 to 4; the larger, the longer are the sequences that win.
        penalty: the sum of logarithms is divided by n^α for n tokens (``"power"``), or by ((5 + n) / 6)^α (``"wu"``, Wu
            et al., 2016); n counts the stop.
        filters: as for ``generate``; then probabilities are those after them.
        stop: as for ``generate``.

    Returns:
        A list of ``Hypothesis``, the best one first; for a list of prompts a list of such lists. There may be fewer
        than ``n_best`` where filters leave fewer.

    >>> import rustlstm as rl
    >>> model = rl.nn.LanguageModel(20, 8, 16)
    >>> best, second = rl.sampling.beam_search(model, [1, 2], width=5, n_best=2, length=3)
    >>> best.score >= second.score
    True
    """
    call = asked(model, prompt, filters, stop)
    width, n_best, length = count("width", width), count("n_best", n_best), count("length", length)
    form = choice("penalty", penalty, "power", "wu"), float(number("length_penalty", length_penalty))
    found = []
    for ids in call.prompts:
        stream = model.token_stream(1)
        hypotheses = _core.beam_search(stream, ids, call.filters, call.stops, length, width, n_best, form)
        found.append(
            [
                Hypothesis(
                    tokens,
                    text_of(tokens, call.vocabulary),
                    score,
                    total,
                    None if stopped is None else call.names[stopped],
                )
                for tokens, score, total, stopped in hypotheses
            ]
        )
    return found if call.many else found[0]
