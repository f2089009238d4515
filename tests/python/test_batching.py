"""Batches and streams: every sample once, the same order for the same seed and epoch, and from any batch on."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.datasets import Batch, Batches, Streams

pytestmark = pytest.mark.once


def ragged(count: int, seed: int = 0, longest: int = 60) -> list[np.ndarray]:
    """Sequences whose first channel says which one it is and whose second which step."""
    lengths = np.random.default_rng(seed).integers(2, longest, count)
    return [np.stack([np.full(n, at), np.arange(n)], axis=1).astype(np.float32) for at, n in enumerate(lengths)]


def same(first: Batch, second: Batch) -> bool:
    fields = Batch.__slots__
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in fields)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("bucketed", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("count", "size"), [(1, 1), (7, 3), (64, 16), (1037, 8)])
def test_every_sample_once(shuffle: bool, bucketed: bool, drop_last: bool, count: int, size: int) -> None:
    x = ragged(count)
    data = Batches(
        x, np.arange(count) * 10, batch_size=size, shuffle=shuffle, bucketed=bucketed, drop_last=drop_last, seed=3
    )
    batches = list(data.epoch(2))
    assert len(batches) == len(data) == (count // size if drop_last else -(-count // size))
    seen = np.concatenate([batch.index for batch in batches])
    assert len(set(seen.tolist())) == len(seen) == (count // size * size if drop_last else count)
    for batch in batches:
        assert batch.x.shape == (len(batch), batch.lengths.max(), 2)
        assert batch.x.dtype == np.float32 and batch.y.dtype == np.int64
        assert (batch.y == batch.index * 10).all()
        assert batch.weight == len(batch)
        for row, at, length in zip(batch.x, batch.index, batch.lengths, strict=True):
            assert np.array_equal(row[:length], x[at])
            assert not row[length:].any()


def test_the_order_is_of_seed_and_epoch_alone() -> None:
    x = ragged(200)

    def order(seed: int, epoch: int) -> list[int]:
        data = Batches(x, batch_size=8, seed=seed)
        np.random.seed(epoch)  # noqa: NPY002 - to show that it does not matter
        list(data.epoch(7))
        return np.concatenate([batch.index for batch in data.epoch(epoch)]).tolist()

    orders = [order(seed, epoch) for seed in (0, 1, 2**64 - 1) for epoch in (0, 1, 2)]
    assert orders == [order(seed, epoch) for seed in (0, 1, 2**64 - 1) for epoch in (0, 1, 2)]
    assert len({tuple(one) for one in orders}) == len(orders)


def test_the_order_does_not_change_between_versions() -> None:
    # Sorted raw bits of PCG64, which numpy promises for good; a change here would break the resumption of saved runs.
    order = np.concatenate([batch.index for batch in Batches(np.arange(10), batch_size=4, seed=5).epoch(3)])
    assert order.tolist() == GOLDEN


GOLDEN = [4, 1, 8, 5, 9, 3, 2, 0, 6, 7]


@pytest.mark.parametrize(
    "data",
    [
        Batches(ragged(100), batch_size=8),
        Batches(np.arange(50), np.arange(50), batch_size=7, drop_last=True),
        Streams(np.arange(103), steps=4, batch_size=3),
        Streams(ragged(30), steps=7, batch_size=4),
    ],
    ids=repr,
)
def test_an_epoch_can_begin_at_any_batch(data: Any) -> None:
    for epoch in (0, 3):
        whole = list(data.epoch(epoch))
        assert len(whole) == len(data)
        for start in range(len(data) + 1):
            rest = list(data.epoch(epoch, start))
            assert len(rest) == len(data) - start
            assert all(same(a, b) for a, b in zip(rest, whole[start:], strict=True))


def test_shuffling_moves_everything_everywhere() -> None:
    data = Batches(np.arange(20), batch_size=20)
    places = np.zeros((20, 20))
    for epoch in range(4000):
        (batch,) = data.epoch(epoch)
        places[np.arange(20), batch.index] += 1
    # 200 expected in each of 400 cells; the chi-square of 361 degrees of freedom is below 459 in 99.98 % of cases.
    assert ((places - 200) ** 2 / 200).sum() < 459


def test_buckets_pad_little_and_stay_random() -> None:
    lengths = np.random.default_rng(0).integers(10, 150, 6400)
    x = [np.zeros((n, 1), np.float32) for n in lengths]

    def padding(batches: list[Batch]) -> float:
        return 1 - sum(int(b.lengths.sum()) for b in batches) / sum(b.x[..., 0].size for b in batches)

    plain = list(Batches(x, batch_size=32, bucketed=False).epoch(0))
    data = Batches(x, batch_size=32)
    batches = list(data.epoch(0))
    assert padding(plain) > 0.4
    assert padding(batches) < 0.03
    # The lengths of the batches have no trend over the epoch, and the company of a sample changes.
    means = np.array([b.lengths.mean() for b in batches])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.25
    company = {int(at): set(b.index.tolist()) for b in batches for at in b.index}
    shared = [len(company[int(at)] & set(b.index.tolist())) for b in data.epoch(1) for at in b.index[:1]]
    assert np.mean(shared) < 10, "of 32; four buckets share a quarter"


def test_what_targets_may_be() -> None:
    x = ragged(6, longest=9)
    lengths = np.array([len(row) for row in x])
    steps = [np.arange(len(row)) for row in x]
    for y, expected in (
        (None, None),
        ([1.5, 2, 3, 4, 5, 6], np.float32),
        (np.arange(6), np.int64),
        (steps, np.int64),
        ([row.astype(float) for row in steps], np.float32),
        ([True] * 6, np.bool_),
    ):
        batch = next(Batches(x, y, batch_size=4, shuffle=False).epoch(0))
        if y is None:
            assert batch.y is None and batch.weight == lengths[:4].sum()
            continue
        assert batch.y.dtype == expected
        if y is steps:
            assert np.array_equal(batch.y_lengths, lengths[:4]) and batch.weight == lengths[:4].sum()
            assert (batch.y[np.arange(batch.y.shape[1]) >= lengths[:4, None]] == -100).all()
        elif isinstance(y, list) and isinstance(y[0], np.ndarray):
            assert not batch.y[np.arange(batch.y.shape[1]) >= lengths[:4, None]].any()
        else:
            assert batch.y.shape == (4,) and batch.weight == 4


def test_padded_arrays_with_lengths() -> None:
    x = np.arange(24.0).reshape(4, 6)
    data = Batches(x, x + 1, lengths=[6, 1, 2, 3], batch_size=2, shuffle=False)
    first, second = data.epoch(0)
    assert first.x.shape == (2, 6) and first.lengths.tolist() == [6, 1] and first.weight == 7
    assert (second.lengths.tolist(), second.weight) == ([2, 3], 5)
    assert next(Batches(x, np.zeros(4), lengths=[6, 1, 2, 3], batch_size=4).epoch(0)).weight == 4


def test_a_memory_map_is_not_read_as_a_whole(tmp_path: Any) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((1000, 1000)))
    x = np.load(path, mmap_mode="r")
    tracemalloc.start()
    for batch in Batches(x, batch_size=10).epoch(0):
        assert batch.x.dtype == np.float32
    for batch in Streams(x, steps=10, batch_size=2).epoch(0):
        assert batch.x.dtype == np.float32
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Batches(np.zeros((5, 2)), np.zeros(4)), "x has 5 samples and y has 4; they must be as many"),
        (lambda: Batches([]), "x is empty"),
        (lambda: Batches(np.zeros((3, 2)), []), "y is empty"),
        (lambda: Batches(3), r"x must be an array \[N, ...\] or a list of sequences, got 3"),
        (lambda: Batches([np.zeros((4, 2)), np.zeros((4, 3))]), r"x\[1\] must have shape \[T, 2\].*got \[4, 3\]"),
        (lambda: Batches([np.zeros(4), 1.0]), r"x\[1\] must have shape \[T\].*got \[\]"),
        (lambda: Batches(["good", "bad"]), "x must hold numbers, got <U4"),
        (lambda: Batches(np.zeros(3), ["a", "b", "c"]), "y must hold numbers"),
        (lambda: Batches(np.zeros(3), batch_size=0), "batch_size must be at least 1"),
        (lambda: Batches(np.zeros(3), shuffle=1), "shuffle must be True or False, got 1"),
        (lambda: Batches(np.zeros(3), seed=-1), "seed must be in"),
        (lambda: Batches(np.zeros(3), bucketed=True), "bucketed needs lengths"),
        (lambda: Batches(np.zeros(3), drop_last=True), "drop_last leaves nothing of 3 samples in batches of 32"),
        (lambda: Batches(np.zeros((2, 3)), lengths=[1, 4]), r"lengths\[1\] must be in \[0, 3\], got 4"),
        (lambda: Batches(np.zeros((2, 3)), lengths=[1.0, 2]), "lengths must be 2 integers, got float64"),
        (lambda: Batches(np.zeros((2, 3)), lengths=[1]), r"lengths must be 2 integers, got int64 of shape \[1\]"),
        (lambda: Batches(np.zeros(2), lengths=[1, 1]), r"lengths are for x \[N, T, ...\], got x of shape \[2\]"),
        (lambda: Batches([np.zeros(2)], lengths=[1]), "a list of sequences brings its lengths"),
        (lambda: Streams(np.zeros(5), steps=2, batch_size=5), "x has 5 steps, too few for batch_size 5"),
        (lambda: Streams(np.zeros(5), np.zeros(4), steps=2, batch_size=1), "the 5 steps of x, got 4 steps"),
        (lambda: Streams(np.zeros(5), [np.zeros(5)], steps=2, batch_size=1), "the 5 steps of x, got a list"),
        (lambda: Streams([np.zeros(5)], np.zeros(5), steps=2, batch_size=1), "y must be a list of sequences"),
        (lambda: Streams([np.zeros(5)], steps=2, batch_size=2), "batch_size 2 is more than the 1 sequences"),
        (
            lambda: Streams([np.zeros(5), np.zeros(1)], steps=2, batch_size=2),
            r"x\[1\] must have at least 2",
        ),
        (lambda: Streams([np.zeros(5)], [np.zeros(4)], steps=2, batch_size=1), r"x\[0\] has 5 steps and y\[0\] 4"),
        (lambda: Streams([np.zeros(5)], [np.zeros(5)] * 2, steps=2, batch_size=1), "x has 1 sequences and y has 2"),
        (lambda: Streams(np.zeros(5), steps=0, batch_size=1), "steps must be at least 1"),
    ],
)
def test_wrong_data(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_one_long_sequence_in_rows() -> None:
    data = Streams(np.arange(100, 203), steps=5, batch_size=3)
    batches = list(data.epoch(0))
    assert [batch.x.shape[1] for batch in batches] == [5] * 6 + [4]
    assert [batch.weight for batch in batches] == [15] * 6 + [12]
    x = np.concatenate([batch.x for batch in batches], axis=1)
    y = np.concatenate([batch.y for batch in batches], axis=1)
    assert np.array_equal(x, np.arange(100, 202).reshape(3, 34)), "one is left out, and one is only a target"
    assert np.array_equal(y, x + 1)
    assert [batch.reset.any() for batch in batches] == [True] + [False] * 6
    assert batches[0].reset.all()
    assert all(batch.lengths is None for batch in batches)
    floats = next(Streams(np.zeros((9, 2)), np.ones((9, 3)), steps=4, batch_size=2).epoch(0))
    assert (floats.x.shape, floats.y.shape, floats.x.dtype) == ((2, 4, 2), (2, 4, 3), np.float32)


@pytest.mark.parametrize("targets", [False, True])
def test_many_sequences_on_rows(targets: bool) -> None:
    x = ragged(200, longest=90)
    y = [row * 2 for row in x] if targets else None
    data = Streams(x, y, steps=8, batch_size=6, seed=1)
    orders = []
    for epoch in range(3):
        seen: dict[int, list[np.ndarray]] = {}
        follows: list[list[int]] = [[] for _ in range(6)]
        idle = 0
        for batch in data.epoch(epoch):
            assert batch.x.shape[1] == batch.lengths.max() <= 8
            assert batch.weight == batch.lengths.sum()
            for row in range(6):
                at, length = int(batch.index[row]), int(batch.lengths[row])
                assert (length == 0) == (at == -1)
                assert not batch.x[row, length:].any()
                idle += at == -1
                if at == -1:
                    continue
                assert batch.reset[row] == (at not in seen), "state is carried within a sequence and never into one"
                if batch.reset[row]:
                    follows[row].append(at)
                assert follows[row][-1] == at
                seen.setdefault(at, []).append(batch.x[row, :length])
                first = int(batch.x[row, 0, 1])
                wanted = x[at][first : first + length] * 2 if targets else x[at][first + 1 : first + 1 + length]
                assert np.array_equal(batch.y[row, :length], wanted)
        assert len(seen) == len(x)
        for at, parts in seen.items():
            assert np.array_equal(np.concatenate(parts), x[at] if targets else x[at][:-1])
        assert idle <= 6 * 2, "the rows are about equally long"
        orders.append(follows)
    assert orders[0] != orders[1] != orders[2]
    assert [set(row) for row in orders[0]] == [set(row) for row in orders[1]]


def test_streams_need_no_memory_for_their_length() -> None:
    def peak(steps: int) -> int:
        data = Streams(np.zeros(steps, np.uint8), steps=50, batch_size=4)
        tracemalloc.start()
        for batch in data.epoch(0):
            assert batch.weight
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(1_000_000) < peak(10_000) + 2_000


def test_the_layers_take_batches() -> None:
    lstm = rl.nn.LSTM(2, 3)
    for batch in Batches(ragged(10), batch_size=4).epoch(0):
        y, _ = lstm(batch.x, lengths=batch.lengths)
        assert y.shape == (*batch.x.shape[:2], 3)


def test_identity() -> None:
    x = [np.zeros((length, 2)) for length in (3, 5, 2)]
    data = Batches(x, batch_size=2, seed=7)
    assert data.identity() == Batches([row + 1 for row in x], batch_size=2, seed=7).identity()
    assert data.identity() == {
        "class": "Batches",
        "batch_size": 2,
        "shuffle": True,
        "bucketed": True,
        "drop_last": False,
        "seed": 7,
        "samples": 3,
        "checksum of the lengths": 3282286947,
    }
    assert Batches(np.zeros((3, 4)), batch_size=2).identity()["checksum of the lengths"] is None
    several = [
        Streams(x, steps=2, batch_size=1),
        Streams(x, steps=1, batch_size=1),
        Streams(x, steps=2, batch_size=3),
        Streams(x, steps=2, batch_size=1, seed=1),
        Streams(x[::-1], steps=2, batch_size=1),
        Streams(x[0], steps=2, batch_size=1),
    ]
    assert len({str(data.identity()) for data in several}) == len(several)
