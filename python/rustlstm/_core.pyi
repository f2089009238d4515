"""The binary half, for type checkers. Everything public is re-exported by the package."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float32]
_Places = npt.NDArray[np.uint32]
_Window = Sequence[tuple[int, int, int, int, int]]  # kernel, stride, dilation, padding before and behind; for each axis

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
        bidirectional: bool = False,
        merge: str = "concat",
        proj_size: int | None = None,
        layer_norm: bool = False,
        peephole: bool,
        coupled: bool,
        input_gate: bool,
        forget_gate: bool,
        output_gate: bool,
        input_activation: str,
        output_activation: str,
        clip: float | None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        locked_dropout: bool = False,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        weight_drop: float = 0.0,
        recompute: bool = False,
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
        weights: str,
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
        need_dx: bool,
        /,
    ) -> tuple[_Array | None, list[_Array], list[_Array], list[_Array]]: ...

@final
class Stream:
    @property
    def batch_size(self) -> int: ...
    @property
    def state(self) -> tuple[Any, Any]: ...
    @state.setter
    def state(self, state: tuple[Any, Any]) -> None: ...
    @property
    def weights(self) -> str: ...
    @property
    def nbytes(self) -> int: ...
    def step(self, x: npt.ArrayLike, out: _Array | None = None) -> _Array: ...
    def fork(self) -> Stream: ...
    def reset(self, mask: npt.ArrayLike | None = None) -> None: ...

# --- layers: language -------------------------------------------------------------------------------------------------

_Map = tuple[npt.ArrayLike, npt.ArrayLike | None]

@final
class TokenStream:
    @property
    def batch_size(self) -> int: ...
    @property
    def vocabulary_size(self) -> int: ...
    def step(self, tokens: npt.ArrayLike) -> _Array: ...
    def select(self, rows: Sequence[int]) -> None: ...
    def fork(self) -> TokenStream: ...

def token_stream(
    core: LstmCore,
    params: Sequence[npt.ArrayLike],
    versions: Sequence[int],
    batch: int,
    h: Sequence[npt.ArrayLike] | None,
    c: Sequence[npt.ArrayLike] | None,
    embedding: npt.ArrayLike | None,
    projection: _Map | None,
    head: _Map,
    around: Sequence[int],
    memories: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]] | None,
    /,
) -> TokenStream: ...

# --- decode -----------------------------------------------------------------------------------------------------------

_Filters = Sequence[tuple[str, Sequence[float], Sequence[int]]]
_Ids = npt.NDArray[np.int64]

@final
class Sampler:
    def __new__(
        cls,
        stream: TokenStream,
        prompts: Sequence[npt.ArrayLike],
        filters: _Filters,
        stops: Sequence[Sequence[int]],
        length: int,
        seed: int,
        first: int,
        samples: int,
        /,
    ) -> Sampler: ...
    def run(self) -> list[list[tuple[_Ids, _Array, _Array, int | None]]]: ...
    def next(self) -> list[int]: ...

def filter_logits(
    logits: npt.ArrayLike,
    histories: Sequence[npt.ArrayLike],
    drawn: Sequence[int],
    filters: _Filters,
    ends: Sequence[int],
    /,
) -> _Array: ...
def beam_search(
    stream: TokenStream,
    prompt: npt.ArrayLike,
    filters: _Filters,
    stops: Sequence[Sequence[int]],
    length: int,
    width: int,
    n_best: int,
    penalty: tuple[str, float],
    /,
) -> list[tuple[_Ids, float, float, int | None]]: ...

# --- safetensors ------------------------------------------------------------------------------------------------------

def header_length(first: bytes, file_len: int, /) -> int: ...
def parse_header(
    header: bytes, file_len: int, /
) -> tuple[list[tuple[str, str, list[int], int, int]], list[tuple[str, str]]]: ...
def make_header(
    tensors: Sequence[tuple[str, str, Sequence[int]]], metadata: Sequence[tuple[str, str]], /
) -> tuple[bytes, list[int]]: ...

# --- layers: attention ------------------------------------------------------------------------------------------------

def attention(
    queries: npt.ArrayLike,
    keys: npt.ArrayLike,
    values: npt.ArrayLike,
    query_lengths: npt.ArrayLike | None,
    lengths: npt.ArrayLike | None,
    scale: float,
    /,
) -> tuple[_Array, _Array]: ...
def attention_backward(
    queries: npt.ArrayLike,
    keys: npt.ArrayLike,
    values: npt.ArrayLike,
    query_lengths: npt.ArrayLike | None,
    lengths: npt.ArrayLike | None,
    scale: float,
    weights: npt.ArrayLike,
    dy: npt.ArrayLike,
    /,
) -> tuple[_Array, _Array, _Array]: ...

# --- layers: conv -----------------------------------------------------------------------------------------------------

def conv(
    x: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None,
    window: _Window,
    /,
) -> _Array: ...
def conv_backward(
    x: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weight: npt.ArrayLike,
    window: _Window,
    dy: npt.ArrayLike,
    need_dx: bool,
    need_parameters: bool,
    /,
) -> tuple[_Array | None, _Array | None, _Array | None]: ...

# --- layers: dropout --------------------------------------------------------------------------------------------------

def dropout(
    x: npt.ArrayLike, lengths: npt.ArrayLike | None, p: float, locked: bool, draw: tuple[int, int], /
) -> _Array: ...

# --- layers: norm -----------------------------------------------------------------------------------------------------

def layer_norm(
    x: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None,
    epsilon: float,
    record: bool,
    /,
) -> tuple[_Array, _Array | None]: ...
def layer_norm_backward(
    x: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weight: npt.ArrayLike,
    kept: npt.ArrayLike,
    dy: npt.ArrayLike,
    need_dx: bool,
    /,
) -> tuple[_Array | None, _Array, _Array]: ...

# --- layers: pool -----------------------------------------------------------------------------------------------------

def max_pool(x: npt.ArrayLike, lengths: npt.ArrayLike | None, window: _Window, /) -> tuple[_Array, _Places]: ...
def avg_pool(x: npt.ArrayLike, lengths: npt.ArrayLike | None, window: _Window, /) -> _Array: ...
def window_pool_backward(
    dy: npt.ArrayLike,
    places: _Places | None,
    lengths: npt.ArrayLike | None,
    window: _Window,
    shape: Sequence[int],
    /,
) -> _Array: ...
def pool_steps(kind: str, x: npt.ArrayLike, lengths: npt.ArrayLike | None, /) -> tuple[_Array, _Places | None]: ...
def pool_steps_backward(
    kind: str, dy: npt.ArrayLike, places: _Places | None, lengths: npt.ArrayLike | None, time: int, /
) -> _Array: ...

# --- layers: linear ---------------------------------------------------------------------------------------------------

def linear(
    x: npt.ArrayLike, lengths: npt.ArrayLike | None, weight: npt.ArrayLike, bias: npt.ArrayLike | None, /
) -> _Array: ...
def linear_backward(
    x: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    weight: npt.ArrayLike,
    dy: npt.ArrayLike,
    wanted: Sequence[bool],
    /,
) -> list[_Array | None]: ...

# --- layers: embedding ------------------------------------------------------------------------------------------------

def embedding(ids: npt.ArrayLike, lengths: npt.ArrayLike | None, weight: npt.ArrayLike, /) -> _Array: ...
def embedding_backward(
    ids: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    padding_index: int | None,
    dy: npt.ArrayLike,
    dweight: _Array,
    /,
) -> None: ...

# --- layers: softmax --------------------------------------------------------------------------------------------------

def softmax(x: npt.ArrayLike, lengths: npt.ArrayLike | None, log: bool, /) -> _Array: ...
def softmax_backward(y: npt.ArrayLike, lengths: npt.ArrayLike | None, log: bool, dy: npt.ArrayLike, /) -> _Array: ...

# --- layers: init -----------------------------------------------------------------------------------------------------

def draw(kind: str, shape: Sequence[int], scale: float, seed: int, stream: int, /) -> _Array: ...

# --- kernels: product -------------------------------------------------------------------------------------------------

def matmul(a: npt.ArrayLike, turned_a: bool, b: npt.ArrayLike, turned_b: bool, /) -> _Array: ...

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
def powers(x: npt.ArrayLike, p: npt.ArrayLike, /) -> _Array: ...
def power(x: npt.ArrayLike, p: float, /) -> _Array: ...

# --- optim ------------------------------------------------------------------------------------------------------------

def optimizer_step(
    rule: str,
    groups: Sequence[dict[str, Any]],
    slots: Sequence[tuple[int, str, int, float, _Array, npt.ArrayLike, _Array]],
    /,
) -> tuple[list[float], tuple[int, str] | None]: ...
def average_step(decay: float, averages: Sequence[_Array], values: Sequence[_Array], /) -> tuple[int, str] | None: ...
def clip_grad_norm(grads: Sequence[_Array], max_norm: float, /) -> tuple[float, int | None]: ...
def clip_grad_value(grads: Sequence[_Array], limit: float, /) -> int | None: ...
def scalar_power(base: float, exponent: float, /) -> float: ...

# --- the library ------------------------------------------------------------------------------------------------------

def as_f32(name: str, value: npt.ArrayLike, shape: Sequence[tuple[str, int | None]] | None = None, /) -> _Array: ...
def build_info() -> dict[str, Any]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def _panic_for_tests(place: str) -> None: ...
