"""Sampling: the loop against a plain one, the same sample in every way of asking for it, stops and texts."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from plain_filters import apply_all, log_softmax, softmax
from rustlstm.nn import LanguageModel
from rustlstm.sampling import (
    Ban,
    Bias,
    Filter,
    Force,
    FrequencyPenalty,
    Greedy,
    MaxLength,
    MinLength,
    MinP,
    NoRepeat,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    Typical,
    astream,
    beam_search,
    generate,
    stream,
)

V = 12
MASK = 2**64 - 1


def scramble(bits: int) -> int:
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & MASK
    return bits ^ (bits >> 31)


def uniform(seed: int, sample: int, position: int) -> float:
    """Return the number that a draw is made with: Philox4x32-10, as its paper says it."""
    key = scramble((scramble(seed ^ 0x9E3779B97F4A7C15) + sample) & MASK)
    words = []
    for block in range(2):  # the first words of two blocks
        c = [block, position & 0xFFFFFFFF, position >> 32, 0xFFFFFFFE]
        k = [key & 0xFFFFFFFF, key >> 32]
        for _ in range(10):
            left, right = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(right >> 32) ^ c[1] ^ k[0], right & 0xFFFFFFFF, (left >> 32) ^ c[3] ^ k[1], left & 0xFFFFFFFF]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        words.append(c[0])
    return ((words[0] << 32 | words[1]) >> 11) / 2**53


def made(seed: int = 0, scale: float = 0.6, v: int = V, **options: Any) -> LanguageModel:
    model = LanguageModel(v, 6, 20, seed=seed, **options)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.assign(rng.normal(size=parameter.shape) * scale)
    return model.eval()


class Letters:
    """A vocabulary of characters, as far as sampling asks for one."""

    unit = "character"
    unknown = None

    def __init__(self, letters: str) -> None:
        self.letters = letters
        self.index = {letter: at for at, letter in enumerate(letters)}

    def encode(self, text: str) -> Any:
        return np.array([self.index[letter] for letter in text], np.int64)

    def decode(self, numbers: Any) -> Any:
        return "".join(self.letters[number] for number in numbers)


class Words(Letters):
    unit = "word"

    def encode(self, text: str) -> Any:
        return np.array([self.index[word] for word in text.split()], np.int64)

    def decode(self, numbers: Any) -> Any:
        return " ".join(self.letters[number] for number in numbers)


class Bytes(Letters):
    """Its tokens are the bytes of two characters, so that single ones are no text."""

    unit = "byte"
    bytes = "aé€b".encode()

    def encode(self, text: str) -> Any:
        return np.array([self.bytes.index(byte) for byte in text.encode()], np.int64)

    def decode(self, numbers: Any) -> Any:
        return bytes(self.bytes[number] for number in numbers).decode(errors="replace")


class Items(Letters):
    unit = "item"

    def __init__(self) -> None:
        self.tokens = ["C4", "E4", ("C4", "E4"), "rest"]
        self.index = {token: at for at, token in enumerate(self.tokens)}  # type: ignore[misc]

    def encode(self, tokens: Any) -> Any:
        return np.array([self.index[token] for token in tokens], np.int64)

    def decode(self, numbers: Any) -> Any:
        return [self.tokens[number] for number in numbers]


def with_vocabulary(vocabulary: Any, v: int, seed: int = 0) -> Any:
    model: Any = made(seed, v=v)
    model.vocabulary_ = vocabulary
    return model


def same(a: Any, b: Any) -> bool:
    arrays = "tokens log_probabilities filtered_log_probabilities".split()
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays) and a.stopped == b.stopped


PLANS: list[list[Filter]] = [
    [],
    [Greedy()],
    [Temperature(0.7)],
    [Temperature(2.0, until=0.3, over=10), TopK(5)],
    [RepetitionPenalty(1.3), TopP(0.9)],
    [FrequencyPenalty(0.4, window=6), MinP(0.1)],
    [NoRepeat(2), Typical(0.8), Temperature(1.5)],
    [Ban([3]), Bias({4: 1.0}), Force([5, 6], at=2), TopK(8), TopP(0.7)],
]


@pytest.mark.parametrize("filters", PLANS, ids=str)
@pytest.mark.parametrize("tied", [False, True])
def test_the_loop_is_a_plain_loop(filters: list[Filter], tied: bool) -> None:
    model = made(1, tied=tied)
    for seed, sample in ((0, 0), (7, 3), (2**64 - 1, 2**40)):
        prompt = [1, 2, 3]
        found = generate(model, prompt, length=25, filters=filters, seed=seed, first=sample)
        steps = model.lstm.stream()
        table, head = model.embedding.weight.numpy(), model.head
        history = list(prompt)
        for token in prompt:
            y = steps.step(table[token : token + 1])
        for position in range(25):
            hidden = y @ model.projection.weight.numpy().T if model.projection is not None else y
            assert head.bias is not None
            logits = (hidden @ head.weight.numpy().T + head.bias.numpy())[0]
            filtered = apply_all(filters, logits, history, position, [])
            p = softmax(filtered)
            token = int(np.searchsorted(np.cumsum(p), uniform(seed, sample, position) * p.sum(), side="right"))
            assert found.tokens[position] == token, f"position {position} of seed {seed}"
            assert found.log_probabilities[position] == pytest.approx(log_softmax(logits)[token], abs=1e-5)
            assert found.filtered_log_probabilities[position] == pytest.approx(log_softmax(filtered)[token], abs=1e-5)
            history.append(token)
            y = steps.step(table[token : token + 1])
        assert found.stopped is None and found.text is None


@pytest.mark.parametrize("filters", PLANS, ids=str)
def test_a_sample_is_the_same_in_every_way(filters: list[Filter]) -> None:
    model = made(2, 0.3)
    prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 1], [4], [2, 2]]
    options: dict[str, Any] = {"length": 12, "filters": filters, "seed": 5, "stop": [0, [3, 1]]}
    together = generate(model, prompts, samples=7, **options)
    rl.set_num_threads(1)
    assert all(same(a, b) for a, b in zip(together[0], generate(model, prompts[0], samples=7, **options), strict=True))
    rl.set_num_threads(2)
    for prompt, samples in zip(prompts, together, strict=True):
        for number, sample in enumerate(samples):
            assert same(sample, generate(model, prompt, first=number, **options)), f"{prompt}, sample {number} alone"
            streamed = list(stream(model, prompt, sample=number, **options))
            assert streamed == sample.tokens.tolist(), f"{prompt}, sample {number} streamed"
    assert all(same(a, b) for a, b in zip(together[1], together[3], strict=True)), "the same prompt, the same samples"
    singles = generate(model, prompts, **options)
    assert all(same(a, b[0]) for a, b in zip(singles, together, strict=True))
    if not any(isinstance(one, Greedy) for one in filters):
        assert len({tuple(sample.tokens) for sample in together[2]}) > 1
    if filters == PLANS[0]:
        assert any(sample.stopped == 0 for samples in together for sample in samples)
        assert any(sample.stopped is None for samples in together for sample in samples)


def test_more_rows_than_run_side_by_side() -> None:
    model = made(3)
    many = generate(model, [1], samples=600, length=3)
    assert same(many[599], generate(model, [1], first=599, length=3))
    prompts = [[number % V] for number in range(300)]
    assert same(generate(model, prompts, length=2)[299], generate(model, prompts[299], length=2))


def test_a_stream_goes_on_from_its_state() -> None:
    model, options = made(4), {"length": 12, "seed": 1}
    before = model.token_stream(2)
    for tokens in ([1, 4], [2, 5]):
        before.step(tokens)

    class Halfway:
        def token_stream(self, batch_size: int = 1) -> Any:
            return before.fork()

    whole = generate(model, [[1, 2, 3], [4, 5, 6]], **options)
    halves = generate(Halfway(), [[3], [6]], **options)
    assert all(same(a, b) for a, b in zip(whole, halves, strict=True))
    again = generate(Halfway(), [[3], [6]], **options)
    assert all(same(a, b) for a, b in zip(whole, again, strict=True)), "a stream stays as it was"


def test_stops_are_cut_off_and_lengths_kept() -> None:
    model = made(5, 0.3)
    free = generate(model, [1], length=400, seed=3).tokens.tolist()
    for stop in (free[20], [free[30:33]], [free[9], free[40:42]], [free[10:14], free[11:14], free[13:14]]):
        given = stop if isinstance(stop, list) else [stop]
        # At the first token where one ends, the longest that does.
        found = [
            (at, -len(tokens), one)
            for one in given
            for tokens in [one if isinstance(one, list) else [one]]
            for at in range(1, 401)
            if free[:at][-len(tokens) :] == tokens
        ]
        at, length, stopped = min(found, key=lambda one: one[:2])
        sample = generate(model, [1], length=400, seed=3, stop=stop)
        assert sample.tokens.tolist() == free[: at + length], stop
        assert sample.stopped == stopped
        assert len(sample.log_probabilities) == len(sample.filtered_log_probabilities) == len(sample.tokens)
        assert list(stream(model, [1], length=400, seed=3, stop=stop)) == sample.tokens.tolist()
    assert generate(model, [1], length=0).tokens.size == 0
    assert list(stream(model, [1], length=0)) == []
    one = generate(model, [1], length=7, seed=3)
    assert one.tokens.tolist() == free[:7] and one.stopped is None


def test_ends_come_no_sooner_and_no_later() -> None:
    model = made(6, 0.3)
    ended = generate(model, [1], samples=200, length=60, stop=0, filters=[MinLength(4), MaxLength(9)])
    lengths = {len(sample.tokens) for sample in ended}
    assert lengths <= set(range(4, 10)) and len(lengths) > 3
    assert all(sample.stopped == 0 for sample in ended)


def test_draws_follow_the_distribution() -> None:
    model = made(7, 0.4)
    n = 20_000
    logits = model([[2, 1]])[0].data[0, 1]
    for filters, p in (([], softmax(logits)), ([TopK(5), Temperature(0.6)], None)):
        if p is None:
            p = softmax(apply_all(filters, logits, [], 0, []))
        drawn = [int(sample.tokens[0]) for sample in generate(model, [2, 1], samples=n, length=1, filters=filters)]
        counts = np.bincount(drawn, minlength=V)
        possible = p > 0
        assert not counts[~possible].any()
        chi = ((counts - n * p)[possible] ** 2 / (n * p)[possible]).sum()
        freedom = possible.sum() - 1
        assert chi < freedom + 4 * (2 * freedom) ** 0.5, f"{chi} with {freedom} degrees of freedom: {counts}, {n * p}"
    # Positions and seeds are as good as samples.
    flat = made(7, 0.0)
    tokens = np.concatenate([generate(flat, [1], length=500, seed=seed).tokens for seed in range(20)])
    chi = ((np.bincount(tokens, minlength=V) - 10_000 / V) ** 2 / (10_000 / V)).sum()
    assert chi < 11 + 4 * 22**0.5, chi
    pairs = np.bincount(tokens[1:] * V + tokens[:-1], minlength=V * V)
    chi = ((pairs - 9_999 / V**2) ** 2 / (9_999 / V**2)).sum()
    assert chi < 143 + 4 * 286**0.5, chi


def test_texts_go_in_and_come_out() -> None:
    model = with_vocabulary(Letters("abcdefghij .\n"), 13)
    sample = generate(model, "abc", length=200, seed=2)
    assert isinstance(sample.text, str) and len(sample.text) == len(sample.tokens)
    assert same(sample, generate(model, [0, 1, 2], length=200, seed=2))
    assert same(sample, generate(model, ["abc", "a"], length=200, seed=2)[0])
    assert "".join(stream(model, "abc", length=200, seed=2)) == sample.text
    for stop in (sample.text[50:53], [sample.text[50], sample.text[9:12]], "."):
        stops = [stop] if isinstance(stop, str) else stop
        cut = generate(model, "abc", length=200, seed=2, stop=stop)
        at = {one: sample.text.find(one) + len(one) for one in stops if one in sample.text}
        assert cut.text == sample.text[: min(at.values()) - len(cut.stopped)], stop
        assert "".join(stream(model, "abc", length=200, seed=2, stop=stop)) == cut.text
    assert set(generate(model, "a", length=300, filters=[Ban("abc")]).text).isdisjoint("abc")
    assert generate(model, "a", length=5, filters=[Force("jij", at=1)]).text[1:4] == "jij"
    assert generate(model, "a", length=9, filters=[Bias({".": 1e9})]).text == "." * 9


@pytest.mark.parametrize("vocabulary", [Words("abcdefghijkl"), Bytes("")], ids=["words", "bytes"])
def test_pieces_joined_are_the_text(vocabulary: Any) -> None:
    model = with_vocabulary(vocabulary, 12 if vocabulary.unit == "word" else 7)
    prompt = "a b" if vocabulary.unit == "word" else "aé"
    for seed in range(20):
        sample = generate(model, prompt, length=40, seed=seed)
        pieces = list(stream(model, prompt, length=40, seed=seed))
        assert "".join(pieces) == sample.text
        assert all(pieces)
    assert len(pieces) > 5


def test_items_go_in_and_come_out() -> None:
    model = with_vocabulary(Items(), 4)
    sample = generate(model, ["C4", ("C4", "E4")], length=9)
    assert sample.text == [Items().tokens[token] for token in sample.tokens]
    assert list(stream(model, ["C4", ("C4", "E4")], length=9)) == sample.text
    assert same(sample, generate(model, np.array([0, 2]), length=9))
    assert same(sample, generate(model, [["C4", ("C4", "E4")], ["rest"]], length=9)[0])
    assert same(sample, generate(model, [("C4", "E4")], length=9)) is False
    assert "rest" not in generate(model, ["C4"], length=50, stop="rest").text


def test_a_stream_that_is_awaited_lets_others_run() -> None:
    model = LanguageModel(50, 256, 512, 2)

    async def both() -> tuple[list[int], int]:
        turns, finished = 0, False

        async def others() -> None:
            nonlocal turns
            while not finished:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        tokens = [token async for token in astream(model, [1] * 40, length=60, seed=4)]
        finished = True
        await other
        return tokens, turns

    tokens, turns = asyncio.run(both())
    assert tokens == generate(model, [1] * 40, length=60, seed=4).tokens.tolist()
    assert turns > 100, turns


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself Ctrl-C alone there")
@pytest.mark.parametrize("samples", [1, 30])
def test_ctrl_c_stops_it(samples: int) -> None:
    model = LanguageModel(96, 32, 128, 2)
    for call in (
        lambda: generate(model, [1], length=10**9, samples=samples),
        lambda: beam_search(model, [1], length=10**9, width=samples),
        lambda: generate(model, np.ones(10**7, int), samples=samples),
        lambda: sum(1 for _ in stream(model, [1], length=None)),
    ):
        timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        begin = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            call()
        assert time.perf_counter() - begin < 0.2 + 0.5
        timer.join()
    assert len(generate(model, [1], length=3).tokens) == 3


@pytest.mark.once
def test_wrong_arguments_are_named() -> None:
    model = made(0)
    letters = with_vocabulary(Letters("abc"), 3)
    broken = made(0)
    broken.head.bias.assign(np.full(V, np.nan))  # type: ignore[union-attr]
    strange = Letters("abc")
    strange.unknown = "c"  # type: ignore[assignment]
    strange.encode = lambda text: np.array([2])  # type: ignore[method-assign]
    strange.cut = list  # type: ignore[attr-defined]
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: generate(object(), [1]), r"model must have a method token_stream\(batch_size\), got object"),
        (lambda: generate(model, []), "prompt must hold at least one token"),
        (lambda: generate(model, [[1], []]), r"prompt\[1\] must hold at least one token"),
        (lambda: generate(model, [1, V]), rf"prompt\[0\]\[1\] must be from 0 to V - 1 = 11, got {V}"),
        (lambda: generate(model, [-1]), r"prompt\[0\]\[0\] must be from 0 to V - 1 = 11, got -1"),
        (lambda: generate(model, [0.5]), r"prompt\[0\] must be a text or numbers of tokens"),
        (lambda: generate(model, np.ones((2, 2))), r"prompt\[0\] must be a text or numbers of tokens"),
        (lambda: generate(model, "abc"), "prompt must be numbers of tokens, as the model has no vocabulary_"),
        (lambda: generate(model, [1], length=-1), "length must be at least 0"),
        (lambda: generate(model, [1], samples=0), "samples must be at least 1"),
        (lambda: generate(model, [1], first=-1), "first must be at least 0"),
        (lambda: generate(model, [1], first=2**64), "first and samples must stay below"),
        (lambda: generate(model, [1], seed=-1), "seed must be in"),
        (lambda: generate(model, [1], filters=3), "filters must be a list of filters, got int"),
        (lambda: generate(model, [1], filters=[MaxLength(3)]), "a maximum length must be given together"),
        (lambda: generate(model, [1], stop=V), r"stop\[0\] must be tokens from 0 to V - 1"),
        (lambda: generate(model, [1], stop=[[]]), r"stop\[0\] must have at least one token"),
        (lambda: generate(model, [1], stop="x"), r"stop\[0\] must be numbers of tokens, as the model has no"),
        (lambda: generate(model, [1], stop=0.5), r"stop\[0\] must be numbers of tokens or texts, got 0.5"),
        (lambda: generate(letters, "a", filters=[Bias({"ab": 1.0})]), "a token of Bias must be one token, got 'ab'"),
        (lambda: generate(with_vocabulary(strange, 3), "a", stop="x"), r"stop\[0\] must be of the vocabulary, .* 'x'"),
        (lambda: generate(broken, [1]), "the model's logits after 0 tokens must be numbers, .* got NaN for token 0"),
        (lambda: stream(model, [[1], [2]]), "prompt must be a single one for a stream, got a list of 2"),
        (lambda: stream(model, [1], sample=2**64 - 1), "sample must stay below"),
        (lambda: next(stream(broken, [1])), "got NaN for token 0"),
        (lambda: beam_search(model, [1], width=0), "width must be at least 1"),
        (lambda: beam_search(model, [1], width=2, n_best=3), "n_best must be from 1 to width = 2, got 3"),
        (lambda: beam_search(model, [1], length=0), "length must be at least 1"),
        (lambda: beam_search(model, [1], length_penalty=9), "length_penalty must be from -4 to 4, got 9"),
        (lambda: beam_search(model, [1], length_penalty=float("nan")), "length_penalty must be from -4 to 4"),
        (lambda: beam_search(model, [1], penalty="x"), "penalty must be 'power' or 'wu', got 'x'"),
        (lambda: beam_search(broken, [1]), "got NaN for token 0"),
    ]
    for call, sentence in cases:
        with pytest.raises((ValueError, TypeError), match=sentence):
            call()
    assert generate(model, np.ones((0, 3), int)) == []
