"""Attention: values and gradients against plain loops, each sequence on its own, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from layer_checks import Array, check, points
from rustlstm import ops
from rustlstm.nn import Attention

LENGTHS, QUERY_LENGTHS = [5, 2, 0, 3], [3, 1, 2, 0]
B, T, S, D, E = 4, 3, 5, 4, 6


def seen(queries: Array, keys: Array, values: Array, ends: Any, query_ends: Any, scale: float = 1.0) -> Array:
    """Attention by loops over sequences and queries."""
    out = np.zeros((*queries.shape[:2], values.shape[2]))
    for b in range(len(queries)):
        for t in range(query_ends[b]):
            scores = scale * keys[b, : ends[b]] @ queries[b, t]
            powers = np.exp(scores - scores.max(initial=-np.inf))
            out[b, t] = powers @ values[b, : ends[b]] / powers.sum() if len(powers) else 0
    return out


def given(seed: int = 0) -> list[Array]:
    """Queries, keys and values."""
    return points(seed, (B, T, D), (B, S, D), (B, S, E))


@pytest.mark.parametrize("scale", [1.0, -0.3, 0.0])
@pytest.mark.parametrize("ragged", [False, True])
def test_values_and_gradients(ragged: bool, scale: float) -> None:
    ends, query_ends = (LENGTHS, QUERY_LENGTHS) if ragged else (None, None)

    def ours(*tensors: rl.Tensor) -> rl.Tensor:
        return ops.attention(*tensors, scale=scale, lengths=ends, query_lengths=query_ends)[0]

    def plain(*arrays: Array) -> Array:
        return seen(*arrays, ends or [S] * B, query_ends or [T] * B, scale)

    check(ours, plain, given())


@pytest.mark.parametrize("ragged", [False, True])
def test_the_layer_and_its_gradients(ragged: bool) -> None:
    ends, query_ends = (LENGTHS, QUERY_LENGTHS) if ragged else (None, None)
    layer = Attention(D, E, seed=3)
    queries, _, memory = given(1)
    (weight,) = points(2, (D, E))

    def ours(queries: rl.Tensor, memory: rl.Tensor, weight: rl.Tensor) -> rl.Tensor:
        keys = ops.linear(memory, weight, lengths=ends)
        return ops.attention(queries, keys, memory, lengths=ends, query_lengths=query_ends)[0]

    def plain(queries: Array, memory: Array, weight: Array) -> Array:
        return seen(queries, memory @ weight.T, memory, ends or [S] * B, query_ends or [T] * B)

    check(ours, plain, [queries, memory, weight])
    # The layer is just that, with a weight of its own.
    layer.weight.assign(weight)
    leaves = [rl.Tensor(one, requires_grad=True) for one in (queries, memory, weight)]
    tensors = [rl.Tensor(one, requires_grad=True) for one in (queries, memory)]
    y, expected = layer(*tensors, lengths=ends, query_lengths=query_ends), ours(*leaves)
    assert y.data.tobytes() == expected.data.tobytes()
    (dy,) = points(4, y.shape)
    y.backward(dy)
    expected.backward(dy)
    for got, leaf in zip([*tensors, layer.weight], leaves, strict=True):
        assert got.grad is not None and leaf.grad is not None
        assert got.grad.tobytes() == leaf.grad.tobytes()


def test_a_sequence_is_what_it_is_alone_and_padding_is_not_read() -> None:
    arrays = given(5)
    ends = {0: QUERY_LENGTHS, 1: LENGTHS, 2: LENGTHS}
    for number, array in enumerate(arrays):
        for b, end in enumerate(ends[number]):
            array[b, end:] = np.nan
    leaves = [rl.Tensor(array, requires_grad=True) for array in arrays]
    y, weights = ops.attention(*leaves, lengths=LENGTHS, query_lengths=QUERY_LENGTHS)
    (dy,) = points(6, y.shape)
    for b, end in enumerate(QUERY_LENGTHS):
        dy[b, end:] = np.nan
    y.backward(dy)
    assert np.isfinite(y.data).all() and np.isfinite(weights).all()
    for b in range(B):
        t, s = QUERY_LENGTHS[b], LENGTHS[b]
        assert not y.data[b, t:].any() and not weights[b, t:].any() and not weights[b, :, s:].any()
        alone = [rl.Tensor(array[b : b + 1, : ends[at][b]], requires_grad=True) for at, array in enumerate(arrays)]
        one, its_weights = ops.attention(*alone)
        one.backward(dy[b : b + 1, :t])
        assert one.data[0].tobytes() == y.data[b, :t].tobytes()
        assert its_weights[0].tobytes() == np.ascontiguousarray(weights[b, :t, :s]).tobytes()
        for at, (leaf, own) in enumerate(zip(leaves, alone, strict=True)):
            assert leaf.grad is not None and own.grad is not None
            assert own.grad[0].tobytes() == leaf.grad[b, : ends[at][b]].tobytes()
            assert not leaf.grad[b, ends[at][b] :].any()


def test_padding_does_not_reach_the_layers_weight() -> None:
    layer = Attention(D, E)
    queries, _, memory = given(7)
    clean = layer(queries, memory, lengths=LENGTHS)
    clean.sum().backward()
    assert layer.weight.grad is not None
    expected = layer.weight.grad.copy()
    for b, end in enumerate(LENGTHS):
        memory[b, end:] = np.nan
    layer.weight.grad = None
    again = layer(queries, memory, lengths=LENGTHS)
    again.sum().backward()
    assert again.data.tobytes() == clean.data.tobytes()
    assert layer.weight.grad.tobytes() == expected.tobytes()


def test_one_query_at_a_time_is_all_at_once() -> None:
    queries, keys, values = given(8)
    whole, weights = ops.attention(queries, keys, values, lengths=LENGTHS)
    for t in range(T):
        one, its_weights = ops.attention(queries[:, t : t + 1], keys, values, lengths=LENGTHS)
        assert one.data[:, 0].tobytes() == np.ascontiguousarray(whole.data[:, t]).tobytes()
        assert its_weights[:, 0].tobytes() == np.ascontiguousarray(weights[:, t]).tobytes()


def test_weights() -> None:
    layer = Attention(D, E)
    queries, _, memory = (rl.Tensor(one, requires_grad=True) for one in given(9))
    assert layer.weights is None
    layer(queries, memory, lengths=LENGTHS)
    assert layer.weights is not None
    sums = layer.weights.sum(axis=2)
    np.testing.assert_allclose(sums, np.broadcast_to([[1], [1], [0], [1]], (B, T)), atol=1e-6)
    # Backward needs them as they are.
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0] = 0
    assert pickle.loads(pickle.dumps(layer)).weights is None


def test_large_scores_do_not_overflow() -> None:
    keys = np.array([[[1e4], [-1e4], [9e3]]])
    y, weights = ops.attention([[[1e4]]], keys, np.array([[[1.0], [2.0], [3.0]]]))
    assert y.item() == 1 and weights.tolist() == [[[1, 0, 0]]]


def test_nothing_to_see_and_nothing_to_ask() -> None:
    for batch, queries, steps in [(0, T, S), (B, 0, S), (B, T, 0), (B, T, S)]:
        leaves = [
            rl.Tensor(one, requires_grad=True)
            for one in points(1, (batch, queries, D), (batch, steps, D), (batch, steps, E))
        ]
        y, weights = ops.attention(*leaves, lengths=[0] * batch)
        assert y.shape == (batch, queries, E) and weights.shape == (batch, queries, steps)
        y.backward(np.ones(y.shape))
        assert not y.data.any() and not weights.any()
        assert all(leaf.grad is not None and not leaf.grad.any() for leaf in leaves)


def test_what_is_recorded_is_kept() -> None:
    """A caller may change arrays between forward and backward."""
    queries, keys, values = given(10)
    grads = []
    for change in (False, True):
        arrays = [queries.copy(), keys.copy()]
        lengths, leaf = np.array(LENGTHS), rl.Tensor(values, requires_grad=True)
        y, _ = ops.attention(*arrays, leaf, lengths=lengths)
        if change:
            arrays[0][:], arrays[1][:], lengths[:] = 7, 7, 1
        y.sum().backward()
        grads.append(leaf.grad)
    assert grads[0].tobytes() == grads[1].tobytes()


def test_state_and_repr() -> None:
    layer = Attention(3, 5, seed=2)
    assert repr(layer) == "Attention(3, 5, seed=2)" and repr(Attention(3, 5)) == "Attention(3, 5)"
    assert {name: array.shape for name, array in layer.state_dict().items()} == {"weight": (3, 5)}
    assert not np.array_equal(layer.weight.data, Attention(3, 5).weight.data)
    assert np.array_equal(layer.weight.data, Attention(3, 5, seed=2).weight.data)


Q, K, V = np.zeros((2, 3, 4)), np.zeros((2, 5, 4)), np.zeros((2, 5, 6))
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ops.attention(Q[0], K, V), ValueError, "queries must have shape [B, Q, D], got [3, 4]"),
    (lambda: ops.attention(Q, K[:1], V), ValueError, "keys must have shape [B=2, K, D=4], got [1, 5, 4]"),
    (lambda: ops.attention(Q, K[..., :3], V), ValueError, "keys must have shape [B=2, K, D=4], got [2, 5, 3]"),
    (lambda: ops.attention(Q, K, V[:, :4]), ValueError, "values must have shape [B=2, K=5, E], got [2, 4, 6]"),
    (lambda: ops.attention(Q, K, None), TypeError, "values must be an array of real numbers, got NoneType"),
    (lambda: ops.attention("abc", K, V), TypeError, "queries must be an array of real numbers"),
    (lambda: ops.attention(Q, K, V, scale=None), TypeError, "scale must be a number, got None"),
    (lambda: ops.attention(Q, K, V, lengths=[6, 1]), ValueError, "lengths[0] must be between 0 and T=5, got 6"),
    (lambda: ops.attention(Q, K, V, lengths=[-1, 1]), ValueError, "lengths[0] must be between 0 and T=5, got -1"),
    (lambda: ops.attention(Q, K, V, lengths=[1]), ValueError, "lengths must have shape [B=2], got [1]"),
    (lambda: ops.attention(Q, K, V, lengths=[1.0, 2.0]), TypeError, "lengths must be an array of integers"),
    (lambda: ops.attention(Q, K, V, query_lengths=[4, 1]), ValueError, "lengths[0] must be between 0 and T=3, got 4"),
    (lambda: Attention(0, 3), ValueError, "query_size must be at least 1, got 0"),
    (lambda: Attention(3, 2.5), TypeError, "memory_size must be an integer, got float"),
    (lambda: Attention(3, 3, seed=-1), ValueError, "seed must be in [0, 2**64), got -1"),
    (lambda: Attention(4, 6)(Q, K), ValueError, "memory must have shape [B, S, M=6], got [2, 5, 4]"),
    (lambda: Attention(4, 6)(Q, V[0]), ValueError, "memory must have shape [B, S, M=6], got [5, 6]"),
    (lambda: Attention(4, 6)(V, V), ValueError, "queries must have shape [B, T, Q=4], got [2, 5, 6]"),
    (lambda: Attention(4, 6)(Q, [V[0], V[1, :2]]), ValueError, "memory must be an array of real numbers"),
    (lambda: Attention(4, 6)(Q, V[:1]), ValueError, "keys must have shape [B=2, K, D=4], got [1, 5, 4]"),
    (lambda: Attention(4, 6)(Q, V, lengths=[6, 1]), ValueError, "lengths[0] must be between 0 and T=5, got 6"),
]


@pytest.mark.parametrize(("call", "kind", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_what_is_refused(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert words in str(error.value)
