"""Beam search against all sequences there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plain_filters import apply_all, log_softmax
from rustlstm.nn import LanguageModel
from rustlstm.sampling import Ban, Filter, Greedy, MinLength, NoRepeat, Temperature, beam_search, generate


def made(v: int, seed: int) -> LanguageModel:
    model = LanguageModel(v, 5, 9, seed=seed)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.assign(rng.normal(size=parameter.shape) * 0.7)
    return model


def penalty(form: str, alpha: float, tokens: int) -> float:
    return float(tokens**alpha if form == "power" else ((5 + tokens) / 6) ** alpha)


def everything(
    model: Any, prompt: list[int], length: int, stops: list[list[int]], filters: list[Filter]
) -> list[tuple[float, list[int], int]]:
    """Return the sum of logarithms, the tokens and their number with the stop, of all sequences."""
    found = []
    ends = [stop[0] for stop in stops if len(stop) == 1]
    begin = model.token_stream()
    for token in prompt[:-1]:
        begin.step([token])

    def grow(stream: Any, drawn: list[int], total: float) -> None:
        for stop in stops:
            if drawn[-len(stop) :] == stop:
                found.append((total, drawn[: -len(stop)], len(drawn)))
                return
        if len(drawn) == length:
            found.append((total, drawn, len(drawn)))
            return
        stream = stream.fork()
        history = prompt + drawn
        logits = apply_all(filters, stream.step([history[-1]])[0], history, len(drawn), ends)
        for token, log_p in enumerate(log_softmax(logits)):
            if log_p > -np.inf:
                grow(stream, [*drawn, token], total + log_p)

    grow(begin, [], 0.0)
    return found


CASES: list[tuple[int, int, list[list[int]], list[Filter]]] = [
    (3, 5, [], []),
    (4, 4, [[0]], []),
    (4, 4, [[0], [2]], [Temperature(2.0)]),
    (3, 5, [[1, 2]], []),
    (3, 5, [[0], [1, 2]], [NoRepeat(3)]),
    (4, 4, [[3]], [MinLength(2), Ban([1])]),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("form", "alpha"), [("power", 0.0), ("power", 1.0), ("wu", 0.8), ("power", -0.5)])
def test_a_beam_as_wide_as_the_tree_finds_the_best(case: Any, form: str, alpha: float) -> None:
    v, length, stops, filters = case
    for seed in range(3):
        model = made(v, seed)
        found = everything(model, [1, 2], length, stops, filters)
        found.sort(key=lambda one: -one[0] / penalty(form, alpha, one[2]))
        best = beam_search(
            model,
            [1, 2],
            width=v**length,
            n_best=10,
            length=length,
            length_penalty=alpha,
            penalty=form,
            filters=filters,
            stop=stops,
        )
        assert len(best) == 10
        for rank, (hypothesis, (total, tokens, count)) in enumerate(zip(best, found, strict=False)):
            assert hypothesis.tokens.tolist() == tokens, f"seed {seed}, rank {rank}"
            assert hypothesis.log_probability == pytest.approx(total, abs=1e-5)
            assert hypothesis.score == pytest.approx(total / penalty(form, alpha, count), rel=1e-5)
            assert (hypothesis.stopped is not None) == (count > len(tokens))


def test_narrow_beams() -> None:
    model = made(11, 5)
    greedy = generate(model, [1], length=12, filters=Greedy())
    (first,) = beam_search(model, [1], width=1, length=12)
    assert first.tokens.tolist() == greedy.tokens.tolist()
    assert first.score == pytest.approx(float(greedy.log_probabilities.sum()), rel=1e-5)
    scores = []
    for width in (1, 3, 8, 30):
        best = beam_search(model, [1], width=width, n_best=width, length=12)
        assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)
        assert len({tuple(one.tokens) for one in best}) == width
        scores.append(best[0].score)
        logits = model([[1, *best[0].tokens]])[0].data[0]
        total = sum(log_softmax(row)[token] for row, token in zip(logits, best[0].tokens, strict=False))
        assert best[0].log_probability == pytest.approx(total, abs=1e-4)
    assert scores[-1] >= scores[0]


def test_equal_sequences_come_in_a_fixed_order() -> None:
    model = made(5, 0)
    for parameter in model.parameters():
        parameter.assign(np.zeros(parameter.shape))
    best = beam_search(model, [0], width=4, n_best=4, length=2)
    assert [one.tokens.tolist() for one in best] == [[0, 0], [0, 1], [0, 2], [0, 3]]


def test_prompts_stand_by_themselves() -> None:
    model = made(6, 1)
    both = beam_search(model, [[1, 2], [3]], width=3, n_best=2, length=5, stop=0)
    for prompt, found in zip(([1, 2], [3]), both, strict=True):
        alone = beam_search(model, prompt, width=3, n_best=2, length=5, stop=0)
        assert [one.tokens.tolist() for one in alone] == [one.tokens.tolist() for one in found]
        assert all(one.stopped in (0, None) for one in alone)


def test_there_may_be_fewer_than_asked_for() -> None:
    model = made(3, 2)
    only = beam_search(model, [1], width=5, n_best=5, length=3, filters=Greedy())
    assert len(only) == 1
