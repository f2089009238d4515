"""The LSTM layer: options, parameters and state. Its arithmetic is one Rust call for a whole batch of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import ops
from .._options import count, flag, number, seed_number
from ..ops import Cache, LstmCore
from ..ops import Stream as Stream
from ..tensor import Array, Tensor
from ._cell import Cell, arithmetic, as_cell
from ._init import Init, as_init, first_parameters
from ._parameter import parameter
from ._ragged import as_batch
from ._recurrent import Recurrent

ArrayLike: TypeAlias = Tensor | npt.ArrayLike
# [L*D, B, H], or a list of [D, B, H_l], one for each layer.
StatePart: TypeAlias = ArrayLike | Sequence[ArrayLike]
State: TypeAlias = tuple[StatePart | None, StatePart | None]

# More than anybody stacks; a file that asks for more is not to fill the memory with their names.
MOST_LAYERS = 10_000

# The options that a layer's repr leaves out where they have these values.
DEFAULTS: dict[str, object] = {
    **dict.fromkeys(("bidirectional", "locked_dropout", "layer_norm", "learn_initial_state", "recompute"), False),
    **dict.fromkeys(("dropout", "input_dropout", "recurrent_dropout", "weight_drop", "seed"), 0),
    "merge": "concat",
    "zoneout": (0.0, 0.0),
    "proj_size": None,
    "cell": Cell(),
    "init": Init(),
}


@dataclass(frozen=True)
class Record:
    """What ``LSTM.backward`` needs of one ``LSTM.forward``; it can be used once."""

    cache: Cache
    learned_state: tuple[bool, bool]


class LSTM(Recurrent):
    """A stack of LSTM layers over a batch of sequences.

    Letters: B batch, T time, C input channels, H hidden, L layers, D directions (2 if bidirectional).

    Args:
        input_size: C.
        hidden_size: H, or a list with one for each layer.
        num_layers: L; left out if ``hidden_size`` is a list.
        bidirectional: run a second stack of cells from each sequence's end, and merge.
        merge: how the directions become one output: ``"concat"``, ``"sum"``, ``"mul"`` or ``"mean"``.
        dropout: chance to drop an element between layers; with one layer there is no such place and nothing happens.
        input_dropout: the same on x.
        recurrent_dropout: the same on h before the recurrent product, one mask per sequence.
        locked_dropout: ``dropout`` and ``input_dropout`` use one mask per sequence instead of one per step.
        zoneout: chance that a unit keeps its old value; one number, or a pair for h and c.
        weight_drop: chance to drop an element of the recurrent matrices, for a whole pass.
        proj_size: P; h is projected to this size and takes its place in the output.
        layer_norm: normalise the gates' inputs.
        cell: what happens in one step, see ``Cell``.
        learn_initial_state: ``h0`` and ``c0`` [L*D, 1, H] become parameters, used where h or c is not given.
        init: ``"uniform"``, ``"glorot"``, ``"orthogonal"`` or an ``Init``.
        recompute: for a backward pass keep only the states of every so-many-th step, the square root of T, and compute
            the rest a second time: the same bits of gradient, a third more time, far less memory for long sequences.
            For one direction only.
        seed: first values and masks follow from it.

    Parameters, in this order for each layer ``l`` and with ``_reverse`` behind the name for the second direction:
    ``weight_ih_l{l}`` [4H, C], ``weight_hh_l{l}`` [4H, H], ``bias_l{l}`` [4H], and where the options ask for them
    ``weight_hr_l{l}`` [P, H], ``weight_peephole_l{l}`` [3, H] (rows i, f, o), ``weight_ln_ih_l{l}`` and
    ``weight_ln_hh_l{l}`` [4H]. The gates' rows are in the order i, f, g, o.

    Masks are drawn in training mode only. They follow from ``seed`` and ``draws``, the number of training passes so
    far; a run that is resumed restores that number.

    >>> import numpy as np
    >>> lstm = LSTM(3, 5, num_layers=2)
    >>> y, (h, c) = lstm(np.ones((4, 7, 3)))
    >>> y.shape, h.shape, c.shape
    ((4, 7, 5), (2, 4, 5), (2, 4, 5))
    >>> y.backward(np.ones(y.shape))
    >>> lstm.weight_hh_l1.grad.shape
    (20, 5)
    """

    _counters = ("draws",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int | Sequence[int],
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        merge: str = "concat",
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
        self.input_size = count("input_size", input_size)
        self.hidden_sizes = _hidden_sizes(hidden_size, num_layers)
        self.hidden_size = self.hidden_sizes if isinstance(hidden_size, (list, tuple)) else self.hidden_sizes[0]
        self.num_layers = len(self.hidden_sizes)
        self.bidirectional = flag("bidirectional", bidirectional)
        self.merge = _merge(merge)
        self.dropout = number("dropout", dropout)
        self.input_dropout = number("input_dropout", input_dropout)
        self.recurrent_dropout = number("recurrent_dropout", recurrent_dropout)
        self.locked_dropout = flag("locked_dropout", locked_dropout)
        self.zoneout = _pair("zoneout", zoneout)
        self.weight_drop = number("weight_drop", weight_drop)
        self.proj_size = None if proj_size is None else count("proj_size", proj_size)
        self.layer_norm = flag("layer_norm", layer_norm)
        self.cell = as_cell(cell)
        self.learn_initial_state = flag("learn_initial_state", learn_initial_state)
        self.init = as_init(init)
        self.recompute = flag("recompute", recompute)
        self.seed = seed_number(seed)
        self.draws = 0
        self._core = self._make_core()
        first = first_parameters(self._core, self.cell, self.init, self.seed)
        self._names = list(first)
        for name, value in first.items():
            setattr(self, name, value)
        h_shapes, c_shapes = self._core.state_shapes(1)
        self._h0_names = _state_names("h0", h_shapes) if self.learn_initial_state else []
        self._c0_names = _state_names("c0", c_shapes) if self.learn_initial_state else []
        for name, shape in zip(self._h0_names + self._c0_names, h_shapes + c_shapes, strict=False):
            setattr(self, name, parameter(shape, partial(np.zeros, shape, np.float32)))

    def _make_core(self) -> LstmCore:
        return LstmCore(
            self.input_size,
            self.hidden_sizes,
            bidirectional=self.bidirectional,
            merge=self.merge,
            proj_size=self.proj_size,
            layer_norm=self.layer_norm,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            recurrent_dropout=self.recurrent_dropout,
            locked_dropout=self.locked_dropout,
            zoneout_h=self.zoneout[0],
            zoneout_c=self.zoneout[1],
            weight_drop=self.weight_drop,
            recompute=self.recompute,
            **arithmetic(self.cell),
        )

    @property
    def output_size(self) -> int:
        """The extent of the last axis of y: D*H for concat, H for the other merges; P for H with a projection."""
        return self._core.output_size

    def __call__(
        self,
        x: ArrayLike | Sequence[ArrayLike],
        state: State | None = None,
        lengths: npt.ArrayLike | None = None,
    ) -> tuple[Tensor, tuple[Any, Any]]:
        """Run over a batch.

        Args:
            x: [B, T, C], or a list of B sequences [T_b, C], whose lengths may differ.
            state: the initial (h, c), each [L*D, B, H] or a list of [D, B, H_l], one for each layer; what
                is left out or ``None``, of the pair too, is the learned state where there is one, and else zeros.
            lengths: [B] integers: only so many steps of each row count. A list for x brings its own.

        Returns:
            y [B, T, D*H], zero behind the end of each row, and the state (h, c) after each row's last step: each
            [L*D, B, H], or a list of [D, B, H_l] if the layers' sizes differ. All are tensors on the tape.
        """
        batch, lengths = as_batch(x, lengths, self.input_size)
        h, c = self._state(state, batch)
        params = [getattr(self, name) for name in self._names]
        draw = self._draw()
        y, h_last, c_last = ops.lstm(self._core, params, batch, lengths, h, c, draw)
        if draw is not None:
            self.draws += 1
        return y, (_one(h_last), _one(c_last))

    def forward(
        self,
        x: ArrayLike | Sequence[ArrayLike],
        state: State | None = None,
        lengths: npt.ArrayLike | None = None,
        record: bool = True,
    ) -> tuple[Array, tuple[Any, Any], Record | None]:
        """Do the same without the tape: arrays out, and a record for ``backward`` if asked for.

        >>> import numpy as np
        >>> lstm = LSTM(3, 5)
        >>> y, (h, c), record = lstm.forward(np.ones((4, 7, 3)))
        >>> dx, (dh0, dc0), grads = lstm.backward(record, np.ones(y.shape))
        >>> dx.shape, sorted(grads)
        ((4, 7, 3), ['bias_l0', 'weight_hh_l0', 'weight_ih_l0'])
        """
        batch, lengths = as_batch(x, lengths, self.input_size)
        h, c = self._state(state, batch)
        data = ops.kept(batch) if record else ops.values(batch)
        params = [getattr(self, name) for name in self._names]
        draw = self._draw()
        y, h_last, c_last, cache = self._core.forward(
            [param.data for param in params],
            [param.version for param in params],
            data,
            lengths,
            None if h is None else [ops.values(part) for part in h],
            None if c is None else [ops.values(part) for part in c],
            draw,
            record,
        )
        self.draws += draw is not None
        h_given, c_given = (None, None) if state is None else state
        learned = self.learn_initial_state and h_given is None, self.learn_initial_state and c_given is None
        kept = None if cache is None else Record(cache, learned)
        return y, (_one(h_last), _one(c_last)), kept

    def backward(
        self, record: Record, dy: npt.ArrayLike | None = None, dstate: State | None = None
    ) -> tuple[Array, tuple[Any, Any], dict[str, Array]]:
        """Return the gradients of ``sum(dy * y) + sum(dh * h) + sum(dc * c)``.

        Args:
            record: of the forward pass; used up.
            dy: [B, T, D*H]; what stands behind the end of a row does not count.
            dstate: (dh, dc), cut as the state is.

        Returns:
            dx [B, T, C], (dh0, dc0) cut as the state is, and the parameters' gradients by name.
        """
        dh, dc = (None, None) if dstate is None else (_parts("dh", dstate[0]), _parts("dc", dstate[1]))
        dx, dh0, dc0, sums = record.cache.backward(
            None if dy is None else ops.values(dy),
            None if dh is None else [ops.values(part) for part in dh],
            None if dc is None else [ops.values(part) for part in dc],
            True,
        )
        assert dx is not None
        grads = dict(zip(self._names, sums, strict=True))
        pairs = (self._h0_names, dh0), (self._c0_names, dc0)
        for learned, (names, parts) in zip(record.learned_state, pairs, strict=True):
            if learned:
                grads.update({n: part.sum(axis=1, keepdims=True) for n, part in zip(names, parts, strict=True)})
        return dx, (_one(dh0), _one(dc0)), grads

    def stream(self, batch_size: int = 1, *, weights: str = "f32") -> Stream:
        """Go one step at a time, with the weights as they are now; in evaluation mode, whatever the mode of the layer.

        A step of few rows waits for its weights to be read. In narrower numbers they are a half or a quarter of the
        bytes, and the steps of a large layer are up to twice or three times as fast; biases, peepholes and gains stay
        ``"f32"``. The stream keeps no other copy of them: the layer itself need not be kept.

        Args:
            batch_size: B; at most 8 with narrower weights.
            weights: the numbers in which the matrices are kept. ``"f32"`` gives the bits of the whole sequence.
                ``"f16"`` rounds each weight to eleven bits, that is by 0.05 % or 3e-8; none may exceed 65504.
                ``"int8"`` takes 8 bits of each, with a unit for each gate of each hidden unit, and up to 16 of x and h
                at each step, with a unit for each row: channels of x should not be of very different sizes. A row with
                a number that is not finite becomes NaN.

        Returns:
            A stream. ``step(x_t)`` takes [B, C] and returns [B, H]; ``state`` is (h, c) and can be set; ``fork()`` is
            an independent copy; ``reset(mask)`` goes back to the initial state in all rows, or where mask [B] is true;
            ``nbytes`` are those of its weights.

        >>> import numpy as np
        >>> stream = LSTM(3, 5).stream()
        >>> stream.step(np.ones((1, 3))).shape
        (1, 5)
        >>> LSTM(256, 256).stream(weights="int8").nbytes
        536576
        """
        h, c = self._learned(count("batch_size", batch_size))
        params = [getattr(self, name) for name in self._names]
        return self._core.stream(
            [param.data for param in params],
            [param.version for param in params],
            batch_size,
            weights,
            None if h is None else [part.data for part in h],
            None if c is None else [part.data for part in c],
        )

    def _token_stream(
        self,
        batch_size: int,
        embedding: Any,
        projection: Any,
        head: Any,
        around: list[int],
        state: State | None = None,
        memories: list[Any] | None = None,
    ) -> ops.TokenStream:
        """Return a stream of tokens through these layers around this one; ``around`` are their versions."""
        h, c = self._learned(batch_size) if state is None else (_parts("h", state[0]), _parts("c", state[1]))
        params = [getattr(self, name) for name in self._names]
        return ops.token_stream(
            self._core,
            [param.data for param in params],
            [param.version for param in params],
            batch_size,
            None if h is None else [ops.values(part) for part in h],
            None if c is None else [ops.values(part) for part in c],
            embedding,
            projection,
            head,
            around,
            memories,
        )

    def _state(self, state: Any, x: Any) -> tuple[Any, Any]:
        if state is None:
            state = None, None
        if not isinstance(state, (tuple, list)) or len(state) != 2:
            raise TypeError(f"state must be a pair (h, c), got {type(state).__name__}")
        h, c = _parts("h of state", state[0]), _parts("c of state", state[1])
        if self.learn_initial_state and (h is None or c is None):
            axes = [("B", None), ("T", None), ("C", self.input_size)]
            learned_h, learned_c = self._learned(ops.as_f32("x", ops.values(x), axes).shape[0])
            h, c = learned_h if h is None else h, learned_c if c is None else c
        return h, c

    def _learned(self, batch: int) -> tuple[list[Tensor] | None, list[Tensor] | None]:
        if not self.learn_initial_state:
            return None, None
        h = [ops.expand_batch(getattr(self, name), batch) for name in self._h0_names]
        return h, [ops.expand_batch(getattr(self, name), batch) for name in self._c0_names]

    def _draw(self) -> tuple[int, int] | None:
        """Return what the masks of this pass follow from, if there are any; the pass counts when it went well."""
        chances = (self.dropout, self.input_dropout, self.recurrent_dropout, self.weight_drop, *self.zoneout)
        if not self.training or not any(chances):
            return None
        return self.seed, self.draws

    def __repr__(self) -> str:
        same = len(set(self.hidden_sizes)) == 1
        shown = [str(self.input_size), str(self.hidden_sizes[0] if same else self.hidden_sizes)]
        if same and self.num_layers > 1:
            shown.append(f"num_layers={self.num_layers}")
        shown += [
            f"{name}={getattr(self, name)!r}" for name, default in DEFAULTS.items() if getattr(self, name) != default
        ]
        return f"LSTM({', '.join(shown)})"


def _merge(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'merge must be "concat", "sum", "mul" or "mean", got {value!r}')
    return value


def _hidden_sizes(hidden_size: int | Sequence[int], num_layers: int) -> list[int]:
    layers = count("num_layers", num_layers)
    if layers > MOST_LAYERS:
        raise ValueError(f"num_layers must be at most {MOST_LAYERS}, got {layers}")
    if not isinstance(hidden_size, (list, tuple)):
        return [count("hidden_size", hidden_size)] * layers
    sizes = [count(f"hidden_size[{layer}]", size) for layer, size in enumerate(hidden_size)]
    if not sizes:
        raise ValueError("hidden_size must name at least one layer, got an empty list")
    if layers not in (1, len(sizes)):
        raise ValueError(f"hidden_size has {len(sizes)} layers and num_layers says {layers}; leave num_layers out")
    return sizes


def _pair(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)):
        return number(name, value), number(name, value)
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or a pair (h, c), got {len(value)} numbers")
    return number(f"{name}[0]", value[0]), number(f"{name}[1]", value[1])


def _state_names(name: str, shapes: Sequence[object]) -> list[str]:
    return [name] if len(shapes) == 1 else [f"{name}_l{layer}" for layer in range(len(shapes))]


def _one(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else parts


def _parts(name: str, given: Any) -> list[Any] | None:
    """One array, or a list of those of the layers; nested lists of numbers are one array."""
    if given is None:
        return None
    if isinstance(given, (list, tuple)) and given and all(np.ndim(ops.values(part)) == 3 for part in given):
        return list(given)
    return [given]
