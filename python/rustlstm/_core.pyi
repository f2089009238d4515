"""The binary half, for type checkers. Everything public is re-exported by the package."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float32]

__version__: str

class RustPanic(RuntimeError): ...  # noqa: N818 - what it is, not what the caller did wrong

# --- layers: lstm -----------------------------------------------------------------------------------------------------

@final
class LstmCore:
    def __new__(
        cls,
        input_size: int,
        hidden_sizes: Sequence[int],
        *,
        bidirectional: bool,
        merge: str,
        proj_size: int | None,
        layer_norm: bool,
        peephole: bool,
        coupled: bool,
        input_gate: bool,
        forget_gate: bool,
        output_gate: bool,
        input_activation: str,
        output_activation: str,
        clip: float | None,
        dropout: float,
        input_dropout: float,
        recurrent_dropout: float,
        locked_dropout: bool,
        zoneout_h: float,
        zoneout_c: float,
        weight_drop: float,
    ) -> LstmCore: ...
    @property
    def output_size(self) -> int: ...
    def specs(self) -> list[tuple[str, list[int]]]: ...
    def state_shapes(self, batch: int) -> list[list[list[int]]]: ...
    def init(self, scheme: str, forget_bias: float | None, chrono: float | None, seed: int, /) -> list[_Array]: ...
    def forward(
        self,
        params: Sequence[npt.ArrayLike],
        versions: Sequence[int],
        x: npt.ArrayLike,
        lengths: npt.ArrayLike | None,
        h: Sequence[npt.ArrayLike] | None,
        c: Sequence[npt.ArrayLike] | None,
        draw: tuple[int, int] | None,
        record: bool,
        /,
    ) -> tuple[_Array, list[_Array], list[_Array], Cache | None]: ...
    def stream(
        self,
        params: Sequence[npt.ArrayLike],
        versions: Sequence[int],
        batch: int,
        h: Sequence[npt.ArrayLike] | None,
        c: Sequence[npt.ArrayLike] | None,
        /,
    ) -> Stream: ...

@final
class Cache:
    def backward(
        self,
        dy: npt.ArrayLike | None,
        dh: Sequence[npt.ArrayLike] | None,
        dc: Sequence[npt.ArrayLike] | None,
        grads: Sequence[_Array],
        need_dx: bool,
        /,
    ) -> tuple[_Array | None, list[_Array], list[_Array]]: ...

@final
class Stream:
    @property
    def batch_size(self) -> int: ...
    @property
    def state(self) -> tuple[Any, Any]: ...
    @state.setter
    def state(self, state: tuple[Any, Any]) -> None: ...
    def step(self, x: npt.ArrayLike, out: _Array | None = None) -> _Array: ...
    def fork(self) -> Stream: ...
    def reset(self, mask: npt.ArrayLike | None = None) -> None: ...

# --- layers: loss -----------------------------------------------------------------------------------------------------

def regression_loss(
    kind: str,
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    options: Sequence[float],
    lengths: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    reduction: str,
    record: bool,
    /,
) -> tuple[_Array, _Array | None]: ...
def cross_entropy(
    logits: npt.ArrayLike,
    target: npt.ArrayLike,
    class_weights: npt.ArrayLike | None,
    ignore_index: int,
    label_smoothing: float,
    lengths: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    reduction: str,
    record: bool,
    /,
) -> tuple[_Array, _Array | None]: ...
def binary_cross_entropy(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    pos_weight: npt.ArrayLike | None,
    probabilities: bool,
    lengths: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    reduction: str,
    record: bool,
    /,
) -> tuple[_Array, _Array | None]: ...
def gaussian_nll(
    arguments: Sequence[npt.ArrayLike],
    target: npt.ArrayLike,
    full: bool,
    eps: float,
    lengths: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    reduction: str,
    wanted: Sequence[bool],
    /,
) -> tuple[_Array, list[_Array | None]]: ...
def student_t_nll(
    arguments: Sequence[npt.ArrayLike],
    target: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    reduction: str,
    wanted: Sequence[bool],
    /,
) -> tuple[_Array, list[_Array | None]]: ...
def negative_binomial_nll(
    arguments: Sequence[npt.ArrayLike],
    target: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
    reduction: str,
    wanted: Sequence[bool],
    /,
) -> tuple[_Array, list[_Array | None]]: ...
def activation_regulariser(
    y: npt.ArrayLike, temporal: bool, lengths: npt.ArrayLike | None, record: bool, /
) -> tuple[_Array, _Array | None]: ...

# --- kernels: elementwise ---------------------------------------------------------------------------------------------

def unary(kind: str, x: npt.ArrayLike, /) -> _Array: ...
def power(x: npt.ArrayLike, p: float, /) -> _Array: ...

# --- the library ------------------------------------------------------------------------------------------------------

def as_f32(name: str, value: npt.ArrayLike, shape: Sequence[tuple[str, int | None]] | None = None, /) -> _Array: ...
def build_info() -> dict[str, Any]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def _panic_for_tests(place: str) -> None: ...
