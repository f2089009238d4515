"""The language model: an embedding, an LSTM and a linear head over the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from .._options import count, flag, seed_number
from ..ops import TokenStream as TokenStream
from ..tensor import Array, Tensor
from ._cell import Cell, as_cell
from ._dropout import Dropout
from ._embedding import Embedding
from ._init import Init, as_init, fan_in_bound
from ._linear import Linear
from ._lstm import LSTM, State
from ._module import Module
from ._parameter import drawing
from ._ragged import as_ids


class LanguageModel(Module):
    """Numbers of tokens in, the logits of the next token out at each step.

    Letters: B batch, T time, V vocabulary, E embedding, H hidden.

    Args:
        vocabulary_size: V; tokens are the numbers from 0 to V - 1.
        embedding_size: E; ``None`` if ``one_hot``.
        hidden_size: H, or a list with one for each layer.
        num_layers: of the LSTM; left out if ``hidden_size`` is a list.
        one_hot: tokens enter as a one at their own place, and there is no embedding.
        tied: the head's matrix is the embedding, which then begins as the matrix of a head does; a matrix [E, H] leads
            to it where the sizes differ.
        dropout: chance to drop an element between layers and before the head.
        input_dropout: the same of what the embedding gives.
        recurrent_dropout, locked_dropout, zoneout, weight_drop, proj_size, layer_norm: of the ``LSTM``, which says what
            they do; ``locked_dropout`` holds before the head too.
        cell, learn_initial_state, init, recompute: of the ``LSTM`` as well.
        seed: first values and masks follow from it.

    Parameters: those of ``embedding``, ``lstm``, ``projection`` (where tied sizes differ) and ``head``.

    >>> import numpy as np
    >>> model = LanguageModel(96, 16, 32, num_layers=2, tied=True)
    >>> logits, (h, c) = model(np.array([[1, 5, 7], [2, 2, 95]]))
    >>> logits.shape
    (2, 3, 96)
    >>> stream = model.token_stream(batch_size=2)
    >>> bool((stream.step([1, 2]) == logits.data[:, 0]).all())
    True
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int | None,
        hidden_size: int | Sequence[int],
        num_layers: int = 1,
        *,
        one_hot: bool = False,
        tied: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        locked_dropout: bool = False,
        zoneout: float | tuple[float, float] = 0.0,
        weight_drop: float = 0.0,
        proj_size: int | None = None,
        layer_norm: bool = False,
        cell: Cell | None = None,
        learn_initial_state: bool = False,
        init: str | Init = "uniform",
        recompute: bool = False,
        seed: int = 0,
    ) -> None:
        self.vocabulary_size = count("vocabulary_size", vocabulary_size)
        self.one_hot = flag("one_hot", one_hot)
        self.tied = flag("tied", tied)
        self.seed = seed_number(seed)
        self.cell, self.init = as_cell(cell), as_init(init)
        # Each part draws from a seed of its own.
        seeds = [(self.seed + part) % 2**64 for part in range(5)]
        if self.one_hot:
            if self.tied:
                raise ValueError("tied shares the embedding with the head, and with one_hot there is none")
            if embedding_size is not None:
                raise ValueError(f"embedding_size must be None with one_hot, got {embedding_size}")
            self.embedding_size: int | None = None
            width = self.vocabulary_size
        else:
            if embedding_size is None:
                raise ValueError("embedding_size must be a number unless one_hot is True, got None")
            self.embedding_size = width = count("embedding_size", embedding_size)
            self.embedding = Embedding(self.vocabulary_size, width, weight=self._first(width, seeds[1]), seed=seeds[1])
        self.lstm = LSTM(
            width,
            hidden_size,
            num_layers,
            dropout=dropout,
            input_dropout=input_dropout,
            recurrent_dropout=recurrent_dropout,
            locked_dropout=locked_dropout,
            zoneout=zoneout,
            weight_drop=weight_drop,
            proj_size=proj_size,
            layer_norm=layer_norm,
            cell=self.cell,
            learn_initial_state=learn_initial_state,
            init=self.init,
            recompute=recompute,
            seed=seeds[0],
        )
        self.hidden_size, self.num_layers = self.lstm.hidden_size, self.lstm.num_layers
        self.dropout, self.input_dropout = self.lstm.dropout, self.lstm.input_dropout
        self.recurrent_dropout, self.locked_dropout = self.lstm.recurrent_dropout, self.lstm.locked_dropout
        self.zoneout, self.weight_drop = self.lstm.zoneout, self.lstm.weight_drop
        self.proj_size, self.layer_norm = self.lstm.proj_size, self.lstm.layer_norm
        self.learn_initial_state, self.recompute = self.lstm.learn_initial_state, self.lstm.recompute
        self.head_dropout = Dropout(self.lstm.dropout, locked=self.lstm.locked_dropout, seed=seeds[2])
        outputs = self.lstm.output_size
        self.projection: Linear | None = None
        if self.tied:
            if width != outputs:
                self.projection = Linear(outputs, width, bias=False, seed=seeds[4])
            self.head = Linear(width, self.vocabulary_size, weight=self.embedding.weight, seed=seeds[3])
        else:
            self.head = Linear(outputs, self.vocabulary_size, seed=seeds[3])

    def _first(self, width: int, seed: int) -> Array | None:
        """Return first values of an embedding that is the head's matrix too: those of a head, for small logits."""
        if not self.tied or not drawing():
            return None
        return ops.draw("uniform", (self.vocabulary_size, width), fan_in_bound(width), seed, 0)

    def __call__(
        self,
        ids: npt.ArrayLike | Sequence[npt.ArrayLike],
        state: State | None = None,
        lengths: npt.ArrayLike | None = None,
    ) -> tuple[Tensor, tuple[Any, Any]]:
        """Run over a batch of sequences.

        Args:
            ids: [B, T] integers from 0 to V - 1, or a list of B sequences [T_b].
            state: the initial (h, c), as the ``LSTM`` takes it.
            lengths: [B] integers: only so many steps of each row count.

        Returns:
            The logits [B, T, V], zero behind the end of each row, and the state (h, c) after each row's last step.
        """
        batch, lengths = as_ids(ids, lengths)
        x = self._ones(batch, lengths) if self.one_hot else self.embedding(batch, lengths)
        y, last = self.lstm(x, state, lengths)
        y = self.head_dropout(y, lengths)
        if self.projection is not None:
            y = self.projection(y, lengths)
        return self.head(y, lengths), last

    def _ones(self, ids: Any, lengths: Any) -> npt.NDArray[np.float32]:
        numbers = np.asarray(ids)
        if numbers.ndim != 2 or numbers.dtype.kind not in "iu":
            raise TypeError(f"ids must be integers [B, T], got {numbers.dtype} {list(numbers.shape)}")
        counts = np.ones(numbers.shape, bool)
        if lengths is not None:
            counts = np.arange(numbers.shape[1]) < np.asarray(lengths).reshape(-1, 1)
        outside = counts & ((numbers < 0) | (numbers >= self.vocabulary_size))
        if outside.any():
            at = tuple(int(place) for place in np.argwhere(outside)[0])
            raise ValueError(f"ids{list(at)} must be from 0 to V - 1 = {self.vocabulary_size - 1}, got {numbers[at]}")
        ones = np.zeros((*numbers.shape, self.vocabulary_size), np.float32)
        rows, steps = np.nonzero(counts)
        ones[rows, steps, numbers[rows, steps]] = 1.0
        return ones

    def token_stream(self, batch_size: int = 1) -> TokenStream:
        """Go one token at a time, with the weights as they are now; in evaluation mode, whatever the mode of the model.

        This is what ``rustlstm.sampling`` asks of a model.

        Args:
            batch_size: B.

        Returns:
            A stream. ``step(tokens)`` takes [B] and returns the logits [B, V] of the next ones; ``fork()`` is an
            independent copy; ``select(rows)`` makes the rows copies of those with these numbers.
        """
        around = [self.embedding.weight] if self.embedding_size is not None else []
        maps = [] if self.projection is None else [self.projection]
        for part in (*maps, self.head):
            around += [part.weight] if part.bias is None else [part.weight, part.bias]
        return self.lstm._token_stream(
            count("batch_size", batch_size),
            None if self.embedding_size is None else self.embedding.weight.data,
            None if self.projection is None else (self.projection.weight.data, None),
            (self.head.weight.data, None if self.head.bias is None else self.head.bias.data),
            [parameter.version for parameter in around],
        )

    def __repr__(self) -> str:
        shown = [str(self.vocabulary_size), str(self.embedding_size), str(self.hidden_size)]
        shown += [f"num_layers={self.num_layers}"] if self.num_layers > 1 and isinstance(self.hidden_size, int) else []
        shown += ["one_hot=True"] if self.one_hot else []
        shown += ["tied=True"] if self.tied else []
        return f"LanguageModel({', '.join(shown)})"
