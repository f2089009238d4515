"""The encoder-decoder: each row alone, its states, and a stream of tokens that is the network."""

from __future__ import annotations

import numpy as np
import pytest

from estimator_cases import random
from rustlstm.nn import EncoderDecoder
from seq2seq_cases import check

pytestmark = pytest.mark.once


# --- the network


def test_the_network_reads_each_row_alone() -> None:
    rng = random(5)
    for options in ({}, {"attention": False}, {"bidirectional": False}, {"num_layers": 2}):
        network = EncoderDecoder(9, 7, 6, seed=2, **options).eval()
        source, target = rng.integers(0, 9, (4, 5)), rng.integers(0, 7, (4, 6))
        lengths, target_lengths = [5, 2, 0, 3], [6, 1, 3, 0]
        whole = network(source, target, lengths=lengths, target_lengths=target_lengths)
        for b, (s, t) in enumerate(zip(lengths, target_lengths, strict=True)):
            alone = network(source[b : b + 1, :s], target[b : b + 1, :t])
            assert alone.data[0].tobytes() == whole.data[b, :t].tobytes()
            assert not whole.data[b, t:].any()
        whole.sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_writer_begins_where_the_reader_has_come_to() -> None:
    """From both ends, with the forward half first."""
    network = EncoderDecoder(4, 7, 6, 2).eval()
    ids = np.array([[1, 2, 3], [3, 0, 0]])
    memory, state = network.encode(ids, [3, 1])
    y, parts = network.encoder(network.source(ids, lengths=[3, 1]), lengths=[3, 1])
    assert memory.data.tobytes() == y.data.tobytes()
    for joined, part in zip(state, parts, strict=True):
        expected = np.concatenate([part.data[[0, 2]], part.data[[1, 3]]], axis=2)
        assert joined.data.tobytes() == expected.tobytes()
    assert np.array_equal(state[0].data[1, 0, :3], memory.data[0, 2, :3]), "the last step forwards"
    assert np.array_equal(state[0].data[1, 0, 3:], memory.data[0, 0, 3:]), "the first one backwards"


def test_a_stream_of_tokens_is_the_network() -> None:
    rng = random(6)
    for options in ({}, {"attention": False}, {"num_layers": 2, "source_numbers": True}, {"dropout": 0.5}):
        network = EncoderDecoder(4, 7, 6, seed=2, **options)
        numbers = options.get("source_numbers")
        source = rng.normal(size=(3, 5, 4)).astype(np.float32) if numbers else rng.integers(0, 4, (3, 5))
        target, lengths = rng.integers(0, 7, (3, 6)), [5, 2, 0]
        stream = network.token_stream(source, lengths)
        assert network.training, "the mode is as it was"
        expected = network.eval()(source, target, lengths=lengths)
        for t in range(6):
            assert stream.step(target[:, t]).tobytes() == np.ascontiguousarray(expected.data[:, t]).tobytes()
        network.train()
        with pytest.raises(ValueError, match="lengths"):
            network.token_stream(source, [9, 9, 9])
        assert network.training


def test_what_the_network_refuses() -> None:
    network = EncoderDecoder(4, 7, 6)
    numbers = EncoderDecoder(4, 7, 6, target_numbers=True)
    ids = np.zeros((2, 3), int)
    check(
        [
            (
                "odd",
                lambda: EncoderDecoder(4, 7, 5),
                ValueError,
                "hidden_size must be even with bidirectional=True, got 5",
            ),
            ("size", lambda: EncoderDecoder(0, 7, 6), ValueError, "source_size must be at least 1, got 0"),
            ("layers", lambda: EncoderDecoder(4, 7, 6, 0), ValueError, "num_layers must be at least 1, got 0"),
            ("flag", lambda: EncoderDecoder(4, 7, 6, attention=1), TypeError, "attention must be True or False, got 1"),
            *(
                (
                    name,
                    lambda name=name: EncoderDecoder(4, 7, 6, lstm={name: 3}),
                    ValueError,
                    f"lstm must not say {name}, which follows from the other options, got 3",
                )
                for name in ("hidden_size", "bidirectional", "merge", "proj_size", "seed")
            ),
            ("lists", lambda: network([[1, 2], [3]], ids), ValueError, "source must be an array; pad sequences"),
            ("lists", lambda: network(ids, [[1, 2], [3]]), ValueError, "target must be an array; pad sequences"),
            ("a stream", lambda: numbers.token_stream(ids), ValueError, "a target of numbers is not written in tokens"),
        ]
    )
    assert network(ids.tolist(), ids.tolist()).shape == (2, 3, 7)


def test_the_decoder_learns_no_state_that_it_never_begins_with() -> None:
    network = EncoderDecoder(4, 7, 6, lstm={"learn_initial_state": True})
    names = {name for name, _ in network.named_parameters() if "h0" in name}
    assert names == {"encoder.h0"}
    network(np.ones((2, 3), int), np.ones((2, 3), int)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
