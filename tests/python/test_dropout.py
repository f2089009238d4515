"""Dropout: training and evaluation, its masks, ragged batches, and mistakes refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import rustlstm as rl
from rustlstm import ops
from rustlstm.nn import Dropout

ONES = np.ones((4, 6, 40), np.float32)


def test_training_drops_and_evaluation_does_not() -> None:
    layer = Dropout(0.25, seed=3)
    x = rl.Tensor(ONES, requires_grad=True)
    y = layer(x)
    assert set(np.unique(y.numpy())) == {0.0, np.float32(1 / 0.75)}
    assert 0.2 < (y.data == 0).mean() < 0.3
    y.backward(2 * ONES)
    assert x.grad.tobytes() == (2 * y.data).tobytes()
    assert layer.eval()(x) is x
    assert isinstance(layer(ONES), rl.Tensor)
    assert layer.draws == 1
    assert Dropout(0.0)(x) is x


def test_masks_follow_from_the_seed_and_the_pass() -> None:
    first, second, other = Dropout(0.5, seed=1), Dropout(0.5, seed=1), Dropout(0.5, seed=2)
    passes = [first(ONES).data for _ in range(3)]
    assert all(one.tobytes() == second(ONES).data.tobytes() for one in passes)
    assert not np.array_equal(passes[0], passes[1])
    assert not np.array_equal(passes[0], other(ONES))
    second.draws = 1
    assert second(ONES).data.tobytes() == passes[1].tobytes()


def test_a_row_has_its_mask_in_any_batch() -> None:
    whole = Dropout(0.5)(ONES).data
    assert Dropout(0.5)(ONES[:2]).data.tobytes() == whole[:2].tobytes()
    assert Dropout(0.5)(ONES[:, :3]).data.tobytes() == whole[:, :3].tobytes()
    ragged = Dropout(0.5)([ONES[0, :5], ONES[1, :2]]).data
    assert ragged[0].tobytes() == whole[0, :5].tobytes()
    assert ragged[1, :2].tobytes() == whole[1, :2].tobytes()
    assert not ragged[1, 2:].any()


def test_a_locked_mask_stays_for_all_steps() -> None:
    y = Dropout(0.5, locked=True)(ONES).data
    assert (y == y[:, :1]).all()
    assert not np.array_equal(y[0], y[1])
    assert Dropout(0.5, locked=True)(ONES[:, 0]).data.tobytes() == y[:, 0].tobytes()


@pytest.mark.parametrize("training", [True, False])
def test_padding_is_zero_and_passes_nothing_on(training: bool) -> None:
    data = ONES.copy()
    data[1, 2:] = np.nan
    x = rl.Tensor(data, requires_grad=True)
    lengths = np.array([6, 2, 6, 0])
    y = Dropout(0.5).train(training)(x, lengths=lengths)
    lengths[:] = 6
    assert not y.data[1, 2:].any() and not y.data[3].any()
    y.backward(ONES)
    assert not x.grad[1, 2:].any() and not x.grad[3].any() and x.grad[1, :2].any()
    assert training or np.array_equal(x.grad[0], ONES[0])


def test_everything_and_nothing() -> None:
    assert not Dropout(1.0)(ONES).data.any()
    assert Dropout(0.5)(np.zeros((0, 3))).shape == (0, 3)
    assert ops.dropout(ONES, 0.0, (0, 0)).data.tobytes() == ONES.tobytes()
    assert Dropout(0.5)(np.ones((2, 3, 4, 5))).shape == (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dropout(1.5), ValueError, "p must be from 0 to 1, got 1.5"),
        (lambda: Dropout(float("nan")), ValueError, "p must be from 0 to 1"),
        (lambda: Dropout("half"), TypeError, "p must be a number, got 'half'"),
        (lambda: Dropout(0.5, locked=1), TypeError, "locked must be True or False"),
        (lambda: Dropout(0.5, seed=-1), ValueError, "seed must be in"),
        (lambda: Dropout(0.5)(ONES, lengths=[1, 2]), ValueError, r"lengths must have shape \[B=4\], got \[2\]"),
        (lambda: Dropout(0.5)(ONES[0], lengths=[1, 2]), ValueError, r"x must have shape \[B, T, C\], got \[6, 40\]"),
        (
            lambda: Dropout(0.5)(ONES, lengths=[1, 2, 3, 7]),
            ValueError,
            r"lengths\[3\] must be between 0 and T=6, got 7",
        ),
        (lambda: Dropout(0.5)(np.float32(1)), ValueError, r"x must have shape \[.., C\], got \[\]"),
    ],
)
def test_mistakes(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]


def test_copies_go_on_where_it_was() -> None:
    layer = Dropout(0.5, locked=True, seed=9)
    layer(ONES)
    again = pickle.loads(pickle.dumps(layer))
    assert repr(again) == "Dropout(0.5, locked=True, seed=9)"
    assert again(ONES).data.tobytes() == layer(ONES).data.tobytes()
