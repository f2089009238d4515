"""The encoder-decoder: one LSTM reads a sequence, another writes one, looking back at what was read if it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from .._options import count, flag, seed_number
from ..ops import ArrayLike
from ..tensor import Array, Tensor, no_grad
from ._attention import Attention
from ._dropout import Dropout
from ._embedding import Embedding
from ._linear import Linear
from ._lstm import LSTM
from ._module import Module

# Options of the LSTMs that are given otherwise, or that would give them outputs of another size.
OWN = ("input_size", "hidden_size", "num_layers", "bidirectional", "merge", "proj_size", "seed")


class EncoderDecoder(Module):
    """Reads a source and predicts each step of a target from the steps before it.

        memory, state = encode(source)
        y, state = LSTM(target so far, state)
        seen = attention(y, memory)
        outputs = head(tanh(combine([y, seen])))           without attention head(y)

    Letters: B batch, S steps of the source, T of the target, H hidden.

    Args:
        source_size: how many tokens the source is made of, or with ``source_numbers`` its channels.
        target_size: the same of the target, and what comes out.
        hidden_size: H.
        num_layers: of both LSTMs; each layer of the second begins where that of the first has come to.
        source_numbers, target_numbers: [B, S, C] instead of ids [B, S].
        embedding_size: numbers for each token; H if ``None``.
        bidirectional: the encoder reads from both ends, each direction with half of the units; H must be even.
        attention: look back at all steps of the source, and not only at what the encoder has come to.
        dropout: chance to drop an element between layers, behind embeddings and before the head.
        lstm: further options of both LSTMs; the second begins where the first has come to, so that only that can
            learn its initial state.
        seed: first values and masks follow from it.

    Parameters: those of ``source``, ``target`` (embeddings), ``encoder``, ``decoder``, ``attention_layer``, ``combine``
    and ``head``.

    >>> import numpy as np
    >>> model = EncoderDecoder(10, 12, 8)
    >>> model(np.array([[1, 2, 3], [4, 5, 0]]), np.array([[0, 7], [0, 9]]), lengths=[3, 2]).shape
    (2, 2, 12)
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        source_numbers: bool = False,
        target_numbers: bool = False,
        embedding_size: int | None = None,
        bidirectional: bool = True,
        attention: bool = True,
        dropout: float = 0.0,
        lstm: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.source_size = count("source_size", source_size)
        self.target_size = count("target_size", target_size)
        self.hidden_size = count("hidden_size", hidden_size)
        self.num_layers = count("num_layers", num_layers)
        self.source_numbers = flag("source_numbers", source_numbers)
        self.target_numbers = flag("target_numbers", target_numbers)
        self.embedding_size = None if embedding_size is None else count("embedding_size", embedding_size)
        self.bidirectional = flag("bidirectional", bidirectional)
        self.attention = flag("attention", attention)
        self.dropout = dropout
        self.lstm = None if lstm is None else _further(lstm)
        self.seed = seed_number(seed)
        if self.bidirectional and self.hidden_size % 2:
            raise ValueError(f"hidden_size must be even with bidirectional=True, got {self.hidden_size}")
        seeds = [(self.seed + part) % 2**64 for part in range(10)]
        width = self.embedding_size or self.hidden_size
        self.source = None if self.source_numbers else Embedding(self.source_size, width, seed=seeds[0])
        self.target = None if self.target_numbers else Embedding(self.target_size, width, seed=seeds[1])
        options: dict[str, Any] = {"dropout": dropout, **(self.lstm or {})}
        self.encoder = LSTM(
            self.source_size if self.source_numbers else width,
            self.hidden_size // (2 if self.bidirectional else 1),
            self.num_layers,
            bidirectional=self.bidirectional,
            seed=seeds[2],
            **options,
        )
        options.pop("learn_initial_state", None)
        taken = self.target_size if self.target_numbers else width
        self.decoder = LSTM(taken, self.hidden_size, self.num_layers, seed=seeds[3], **options)
        self.attention_layer = Attention(self.hidden_size, self.hidden_size, seed=seeds[4]) if self.attention else None
        self.combine = Linear(2 * self.hidden_size, self.hidden_size, seed=seeds[5]) if self.attention else None
        self.head = Linear(self.hidden_size, self.target_size, seed=seeds[6])
        self.drops = [Dropout(dropout, seed=seed) for seed in seeds[7:]]

    def __call__(
        self,
        source: ArrayLike,
        target: ArrayLike,
        *,
        lengths: npt.ArrayLike | None = None,
        target_lengths: npt.ArrayLike | None = None,
    ) -> Tensor:
        """Return what should follow each step of the target: logits, or numbers.

        Args:
            source: ids [B, S], or numbers [B, S, C].
            target: ids [B, T] or numbers [B, T, C] that were written so far, what begins them included.
            lengths: [B] integers, of the source.
            target_lengths: [B] integers.

        Returns:
            [B, T, target_size].
        """
        memory, state = self.encode(source, lengths)
        outputs, _ = self.decode(target, state, self.looked_at(memory, lengths), lengths, target_lengths)
        return outputs

    def encode(self, source: ArrayLike, lengths: npt.ArrayLike | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read: return the memory [B, S, H] and the state (h, c) that the decoder begins with, [L, B, H] each."""
        given = _array("source", source)
        x: Any = given if self.source is None else self.source(given, lengths=lengths)
        y, (h, c) = self.encoder(x if self.source is None else self.drops[0](x), lengths=lengths)
        return y, (self._joined(h), self._joined(c))

    def looked_at(self, memory: Tensor, lengths: npt.ArrayLike | None = None) -> tuple[Tensor, Tensor] | None:
        """Return the keys and the memory that attention looks at, once for all steps; ``None`` without attention."""
        return None if self.attention_layer is None else (self.attention_layer.keys(memory, lengths), memory)

    def decode(
        self,
        target: ArrayLike,
        state: tuple[ArrayLike, ArrayLike],
        seen: tuple[ArrayLike, ArrayLike] | None,
        lengths: npt.ArrayLike | None = None,
        target_lengths: npt.ArrayLike | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Write: go on from a state by some steps; return the outputs [B, T, target_size] and the state."""
        given = _array("target", target)
        x: Any = given if self.target is None else self.target(given, lengths=target_lengths)
        y, after = self.decoder(x if self.target is None else self.drops[1](x), state, target_lengths)
        if self.attention_layer is not None and self.combine is not None:
            assert seen is not None
            context = self.attention_layer.look(y, *seen, lengths=lengths, query_lengths=target_lengths)
            y = ops.tanh(self.combine(ops.concat([y, context]), lengths=target_lengths))
        return self.head(self.drops[2](y), lengths=target_lengths), after

    def token_stream(self, source: ArrayLike, lengths: npt.ArrayLike | None = None) -> ops.TokenStream:
        """Read sources and return a stream that writes a token at a time, as ``rustlstm.sampling`` takes it.

        Args:
            source: ids [B, S], or numbers [B, S, C].
            lengths: [B] integers.

        Returns:
            A stream of B rows, with the weights as they are now and in evaluation mode.
        """
        if self.target is None:
            raise ValueError("a target of numbers is not written in tokens; call decode step by step")
        mode = self.training
        try:
            with no_grad():
                memory, state = self.eval().encode(source, lengths)
                seen = self.looked_at(memory, lengths)
        finally:
            self.train(mode)
        ends = np.full(len(memory), memory.shape[1]) if lengths is None else np.asarray(lengths)
        memories = None
        if seen is not None:
            keys, values = (part.numpy() for part in seen)
            memories = [(keys[row, :end], values[row, :end]) for row, end in enumerate(ends.tolist())]
        maps = [self.head] if self.combine is None else [self.combine, self.head]
        around = [self.target.weight, *(part for one in maps for part in (one.weight, one.bias) if part is not None)]
        combine, head = (None if one is None else _arrays(one) for one in (self.combine, self.head))
        return self.decoder._token_stream(
            len(ends), self.target.weight.data, combine, head, [one.version for one in around], state, memories
        )

    @property
    def weights(self) -> Array | None:
        """Where the last call looked: [B, T, S]."""
        return None if self.attention_layer is None else self.attention_layer.weights

    def _joined(self, state: Any) -> Tensor:
        """Put the directions of each layer side by side: [L*2, B, H/2] becomes [L, B, H]."""
        if not self.bidirectional:
            joined: Tensor = state
            return joined
        return ops.concat([state[0::2], state[1::2]])


def _further(lstm: Mapping[str, Any]) -> dict[str, Any]:
    for name in OWN:
        if name in lstm:
            raise ValueError(f"lstm must not say {name}, which follows from the other options, got {lstm[name]!r}")
    return dict(lstm)


def _array(name: str, given: Any) -> Any:
    """Return what is an array; lengths that a list of sequences brings would be lost on the way to the attention."""
    if isinstance(given, (list, tuple)):
        try:
            return np.asarray(given)
        except ValueError:
            raise ValueError(
                f"{name} must be an array; pad sequences of different lengths, and give the lengths"
            ) from None
    return given


def _arrays(linear: Linear) -> tuple[Array, Array | None]:
    return linear.weight.data, None if linear.bias is None else linear.bias.data
