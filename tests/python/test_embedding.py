"""The embedding layer: rows by number, their gradients, ragged batches, and mistakes refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from layer_checks import check, points
from rustlstm import ops
from rustlstm.nn import LSTM, Embedding, Linear, Pool, Sequential

IDS = np.array([[0, 3, 3], [4, 1, 3]])


@pytest.mark.parametrize("ids", [np.int64(2), [1, 1, 0], IDS, IDS.astype(np.uint8)[..., None]], ids=str)
def test_values_and_gradients(ids: Any) -> None:
    check(lambda table: ops.embedding(ids, table), lambda table: table[ids], points(1, (5, 7)))


def test_rows_behind_the_end_are_zero_and_not_looked_at() -> None:
    layer = Embedding(5, 2)
    y = layer(np.array([[0, 3, 99], [4, -7, 99]]), lengths=[2, 1])
    assert not y.data[0, 2].any() and not y.data[1, 1:].any() and y.data[0, :2].any()
    y.backward(np.ones(y.shape))
    assert layer.weight.grad[:, 0].tolist() == [1, 0, 0, 1, 1]
    assert layer([[0, 3], [4]]).data.tobytes() == y.data[:, :2].tobytes()


def test_the_padding_index_gets_no_gradient() -> None:
    layer = Embedding(5, 2, padding_index=-2)
    assert layer.padding_index == 3 and not layer.weight.data[3].any() and layer.weight.data[4].any()
    layer(IDS).backward(np.ones((2, 3, 2)))
    assert layer.weight.grad[:, 0].tolist() == [1, 1, 0, 0, 1]


def test_pretrained_rows() -> None:
    (table,) = points(1, (5, 2))
    layer = Embedding(5, 2, weight=table, padding_index=1, frozen=True)
    assert layer.weight.data.tobytes() == table.tobytes()
    assert layer(IDS).requires_grad is False
    before = table[0].copy()
    table[0] = 9
    assert layer.weight.data[0].tobytes() == before.tobytes()
    tuned = Embedding(5, 2, weight=table)
    assert tuned(IDS).requires_grad is True


def test_first_values_names_and_copies() -> None:
    layer = Embedding(300, 50, seed=3)
    assert list(layer.state_dict()) == ["weight"]
    assert abs(layer.weight.data.mean()) < 0.02 and abs(layer.weight.data.std() - 1) < 0.02
    again = pickle.loads(pickle.dumps(layer))
    assert again(IDS).data.tobytes() == layer(IDS).data.tobytes()
    assert repr(Embedding(5, 2, padding_index=0, frozen=True)) == "Embedding(5, 2, padding_index=0, frozen=True)"


def test_words_in_a_sequential() -> None:
    model = Sequential(Embedding(11, 6, padding_index=0), LSTM(6, 8), Pool("mean"), Linear(8, 2))
    rows = [[1, 5, 2, 10], [], [7]]
    y = model(rows)
    assert y.shape == (3, 2)
    alone = model([rows[0]])
    assert alone.data[0].tobytes() == y.data[0].tobytes()
    padded = np.array([[1, 5, 2, 10], [0, 0, 0, 0], [7, 0, 0, 0]])
    assert model(padded, lengths=[4, 0, 1]).data.tobytes() == y.data.tobytes()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Embedding(0, 1), ValueError, "num_embeddings must be at least 1, got 0"),
        (lambda: Embedding(3, 1, padding_index=3), ValueError, "padding_index must be from -3 to 2, got 3"),
        (lambda: Embedding(3, 1, padding_index=1.5), TypeError, "padding_index must be an integer or None, got float"),
        (
            lambda: Embedding(3, 1, weight=np.ones((3, 2))),
            ValueError,
            r"weight must have shape \[V=3, E=1\], got \[3, 2\]",
        ),
        (lambda: Embedding(3, 1, weight=Embedding(3, 1).weight, frozen=True), ValueError, "frozen is for a weight of"),
        (lambda: Embedding(3, 1)([[0, 3]]), ValueError, r"ids\[0, 1\] must be from 0 to V - 1 = 2, got 3"),
        (lambda: Embedding(3, 1)([[0, -1]]), ValueError, r"ids\[0, 1\] must be from 0 to V - 1 = 2, got -1"),
        (lambda: Embedding(3, 1)([[0], [0.5]]), TypeError, r"ids\[1\] must be integers, got float64"),
        (lambda: Embedding(3, 1)(np.ones((1, 2))), TypeError, "ids must be an array of integers, got dtype float64"),
        (lambda: Embedding(3, 1)([[0]], lengths=[1]), ValueError, r"only with a padded array ids \[B, T\]"),
        (
            lambda: Embedding(3, 1)(np.zeros(3, int), lengths=[1]),
            ValueError,
            r"ids must have shape \[B, T\], got \[3\]",
        ),
    ],
)
def test_mistakes(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_word_may_come_often() -> None:
    layer = Embedding(2, 3)
    layer(np.zeros((50, 400), int)).backward(np.full((50, 400, 3), 0.1, np.float32))
    np.testing.assert_allclose(layer.weight.grad, [[2000] * 3, [0] * 3], rtol=1e-3)
