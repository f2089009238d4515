"""The one converter: every array layout at every entry point, right or refused by name, and the input untouched."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rustlstm as rl

B, T, C, H = 3, 4, 5, 2
RNG = np.random.default_rng(0)


class Subclass(np.ndarray):
    """An array with a type of its own."""


class Frame:
    """What pandas does: no array, but it can become one."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values.astype(dtype or self.values.dtype)


def fresh(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def misaligned(a: np.ndarray) -> np.ndarray:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(np.float32).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def read_only(a: np.ndarray) -> np.ndarray:
    a.flags.writeable = False
    return a


def on_disk(a: np.ndarray, folder: pathlib.Path) -> np.ndarray:
    np.save(folder / "a.npy", a)
    return np.load(folder / "a.npy", mmap_mode="r")


def length_one_axes(a: np.ndarray) -> np.ndarray:
    # Axes of length one, or of any length with one stride for all: numpy calls these contiguous whatever the stride.
    return np.lib.stride_tricks.as_strided(a[..., :1], (*a.shape[:-1], 1), (*a.strides[:-1], 12345)).repeat(
        a.shape[-1], -1
    )


LAYOUTS: dict[str, Callable[[np.ndarray, pathlib.Path], Any]] = {
    "plain": lambda a, _: a,
    "fortran": lambda a, _: np.asfortranarray(a),
    "negative strides": lambda a, _: a[tuple([slice(None, None, -1)] * a.ndim)],
    "zero strides": lambda a, _: np.broadcast_to(a[..., :1], a.shape),
    "sliced": lambda a, _: np.repeat(a, 2, axis=-1)[..., ::2],
    "misaligned": lambda a, _: misaligned(a),
    "read-only": lambda a, _: read_only(a),
    "byte-swapped": lambda a, _: a.astype(a.dtype.newbyteorder()),
    "memmap": on_disk,
    "empty": lambda a, _: a[:0],
    "0-d": lambda a, _: np.array(a.flat[0]),
    "length-1 axes": lambda a, _: length_one_axes(a),
    "subclass": lambda a, _: a.view(Subclass),
    "unmasked": lambda a, _: np.ma.masked_array(a),
    "list": lambda a, _: a.tolist(),
    "tuple": lambda a, _: tuple(a.tolist()),
    "float64": lambda a, _: a.astype(np.float64),
    "float16": lambda a, _: a.astype(np.float16),
    "integers": lambda a, _: (a * 3).astype(np.int32),
    "booleans": lambda a, _: a > 0,
    "tensor": lambda a, _: rl.Tensor(a),
    "frame": lambda a, _: Frame(a),
}
MAY_BE_REFUSED = {"empty", "0-d"}


def layer() -> rl.nn.LSTM:
    return rl.nn.LSTM(C, H, seed=3)


def start() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return tuple(rng.standard_normal(shape).astype(np.float32) for shape in ((B, T, C), (1, B, H), (1, B, H)))


def recorded() -> tuple[rl.nn.LSTM, Any, rl.Tensor]:
    lstm = layer()
    x = rl.Tensor(start()[0], requires_grad=True)
    return lstm, lstm(x), x


def call(x: Any) -> Any:
    y, (h, c) = layer()(x)
    return y, h, c


def with_h(h: Any) -> Any:
    x, _, c = start()
    return layer()(x, (h, c))[0]


def with_c(c: Any) -> Any:
    x, h, _ = start()
    return layer()(x, (h, c))[0]


def forward(x: Any) -> Any:
    y, (h, c), _ = layer().forward(x)
    return y, h, c


def backward(dy: Any) -> Any:
    lstm = layer()
    _, _, record = lstm.forward(start()[0])
    dx, (dh, dc), grads = lstm.backward(record, dy)
    return dx, dh, dc, *grads.values()


def backward_dh(dh: Any) -> Any:
    lstm = layer()
    _, _, record = lstm.forward(start()[0])
    return lstm.backward(record, None, (dh, None))[0]


def backward_dc(dc: Any) -> Any:
    lstm = layer()
    _, _, record = lstm.forward(start()[0])
    return lstm.backward(record, None, (None, dc))[0]


def tape(dy: Any) -> Any:
    lstm, (y, _), x = recorded()
    y.backward(dy)
    return x.grad, lstm.weight_hh_l0.grad


def tape_of_h(dh: Any) -> Any:
    _, (_, (h, _)), x = recorded()
    rl.backward([h], [dh])
    return x.grad


def step(x: Any) -> Any:
    return layer().stream(B).step(x)


def stream_state(h: Any) -> Any:
    stream = layer().stream(B)
    stream.state = h, h
    return stream.state


def assign(value: Any) -> Any:
    lstm = layer()
    lstm.weight_ih_l0.assign(value)
    return lstm.weight_ih_l0


def load(value: Any) -> Any:
    lstm = layer()
    lstm.load_state_dict({**lstm.state_dict(), "weight_ih_l0": value})
    return lstm.weight_ih_l0


def load_torch(value: Any) -> Any:
    lstm = layer()
    state = {**lstm.state_dict(torch=True), "bias_ih_l0": value, "bias_hh_l0": np.ones(4 * H)}
    lstm.load_state_dict(state)
    return lstm.bias_l0


# Each with the name of the argument in its errors and the shape that it takes.
ENTRIES: dict[str, tuple[Callable[[Any], Any], str, tuple[int, ...]]] = {
    "call": (call, "x", (B, T, C)),
    "state h": (with_h, "h of state", (1, B, H)),
    "state c": (with_c, "c of state", (1, B, H)),
    "forward": (forward, "x", (B, T, C)),
    "backward dy": (backward, "dy", (B, T, H)),
    "backward dh": (backward_dh, "dh", (1, B, H)),
    "backward dc": (backward_dc, "dc", (1, B, H)),
    "tape": (tape, "grad", (B, T, H)),
    "tape of h": (tape_of_h, "grad", (1, B, H)),
    "step": (step, "x", (B, C)),
    "stream state": (stream_state, "h of state", (1, B, H)),
    "assign": (assign, "value", (4 * H, C)),
    "load": (load, "weight_ih_l0", (4 * H, C)),
    "load torch": (load_torch, "bias_ih_l0", (4 * H,)),
    "tensor": (rl.Tensor, "data", (2, 3)),
    "parameter": (rl.nn.Parameter, "data", (2, 3)),
}


def as_bytes(result: Any) -> list[tuple[tuple[int, ...], bytes]]:
    results = result if isinstance(result, tuple) else (result,)
    assert all(np.asarray(one).dtype == np.float32 for one in results)
    return [(np.shape(one), np.asarray(one).tobytes()) for one in results]


def memory(given: Any) -> bytes:
    """Return all bytes that stand behind an input, those between the elements of a view included."""
    if isinstance(given, Frame):
        return memory(given.values)
    if not isinstance(given, np.ndarray):
        return repr(given).encode()
    while isinstance(given.base, np.ndarray):
        given = given.base
    return given.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_layouts(entry: str, layout: str, tmp_path: pathlib.Path) -> None:
    run, name, shape = ENTRIES[entry]
    given = LAYOUTS[layout](fresh(shape), tmp_path)
    plain = np.array(given.values if isinstance(given, Frame) else given, np.float32, order="C", subok=False)
    before = memory(given)
    refused = None
    try:
        got = as_bytes(run(given))
    except (ValueError, TypeError) as error:
        refused = error
    if refused is None:
        assert got == as_bytes(run(plain))
    else:
        assert layout in MAY_BE_REFUSED, refused
        assert str(refused).startswith(name) or f" {name} must" in str(refused), refused
    assert memory(given) == before


BAD: dict[str, Callable[[np.ndarray], Any]] = {
    "complex": lambda a: a.astype(np.complex64),
    "object": lambda a: a.astype(object),
    "strings": lambda a: a.astype(str),
    "dates": lambda a: np.zeros(a.shape, "datetime64[s]"),
    "None in a list": lambda a: [None],
    "dict": lambda a: {"a": 1},
    "an axis more": lambda a: a[None],
    "an axis less": lambda a: a[0],
    "an element more": lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    "masked": lambda a: np.ma.masked_array(a, mask=np.ones(a.shape, bool)),
    "beyond float32": lambda a: np.full(a.shape, 1e300),
}


ANY_SHAPE = {"tensor", "parameter"}


@pytest.mark.parametrize(
    ("entry", "bad"), [(e, b) for e in ENTRIES for b in BAD if not (e in ANY_SHAPE and b.startswith("an "))]
)
def test_what_cannot_be_right_is_refused_by_name(entry: str, bad: str) -> None:
    run, name, shape = ENTRIES[entry]
    with pytest.raises((ValueError, TypeError), match=name.split("[")[0]) as caught:
        run(BAD[bad](fresh(shape)))
    if bad in ("complex", "object", "strings", "dates", "dict"):
        assert caught.type is TypeError or entry.startswith("load")
    if bad.startswith("an "):
        assert f"{name} must have shape [" in str(caught.value) and "got [" in str(caught.value)


def test_sentences() -> None:
    lstm = rl.nn.LSTM(8, 2)
    with pytest.raises(ValueError, match=r"^x must have shape \[B, T, C=8\], got \[2, 3, 5\]$"):
        lstm(np.zeros((2, 3, 5)))
    with pytest.raises(TypeError, match=r"^x must be an array of real numbers, got dtype complex128$"):
        lstm(np.zeros((2, 3, 8), complex))
    with pytest.raises(TypeError, match=r"^x must be an array of real numbers, got dict$"):
        lstm({})
    with pytest.raises(ValueError, match=r"^x has masked elements; fill them first"):
        lstm(np.ma.masked_array(np.zeros((2, 3, 8)), True))
    with pytest.raises(ValueError, match=r"^x holds numbers beyond the range of float32$"):
        lstm(np.full((2, 3, 8), 1e39))
    with pytest.raises(ValueError, match=r"^lengths\[1\] must be between 0 and T=3, got 4$"):
        lstm(np.zeros((2, 3, 8)), lengths=[1, 4])
    with pytest.raises(ValueError, match=r"^h of state must have shape \[L\*D=1, B=2, H=2\], got \[2, 2\]$"):
        lstm(np.zeros((2, 3, 8)), (np.zeros((2, 2)), np.zeros((1, 2, 2))))
    with pytest.raises(TypeError, match=r"^state must be a pair \(h, c\), got int$"):
        lstm(np.zeros((2, 3, 8)), 3)


def test_infinity_is_a_number() -> None:
    y, _ = layer()(np.full((1, 1, C), np.inf))
    assert y.shape == (1, 1, H)


@pytest.mark.parametrize("given", [[2, 0, 4], (2, 0, 4), np.array([2, 0, 4], np.uint8), np.array([2, 0, 4])[::1]])
def test_lengths(given: Any) -> None:
    x = start()[0]
    y, _ = layer()(x, lengths=given)
    expected, _ = layer()(x, lengths=np.array([2, 0, 4]))
    assert as_bytes(y) == as_bytes(expected)
    for row, length in enumerate([2, 0, 4]):
        assert not np.asarray(y)[row, length:].any()


@pytest.mark.parametrize("given", [[1.0, 2.0, 3.0], [True, True, True], ["1", "2", "3"], [1j, 1, 1], None.__class__])
def test_lengths_that_are_no_integers(given: Any) -> None:
    with pytest.raises(TypeError, match=r"^lengths must be an array of integers"):
        layer()(start()[0], lengths=given)


@pytest.mark.parametrize("given", [[1, 2], [[1, 2, 3]], 1, [1, 2, -1], [1, 2, 5], [1, 2, 2**63], [1, 2, 2**64 - 1]])
def test_lengths_that_do_not_fit(given: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^lengths"):
        layer()(start()[0], lengths=given)


def test_outputs_are_not_converted() -> None:
    stream = layer().stream(B)
    x = fresh((B, C))
    out = np.zeros((B, H), np.float32)
    assert stream.fork().step(x, out) is out
    assert as_bytes(out) == as_bytes(stream.fork().step(x))
    for wrong in (np.zeros((B, H)), np.asfortranarray(out), misaligned(out), read_only(out.copy()), out.tolist()):
        with pytest.raises(TypeError, match=r"^out must be a writable C-contiguous float32 array"):
            stream.step(x, wrong)
    square = rl.nn.LSTM(2, 2).stream(B)
    with pytest.raises(RuntimeError, match=r"^out is in use"):
        square.step(out, out)
    with pytest.raises(ValueError, match=r"^out must have shape \[B=3, D\*H=2\], got \[3, 3\]"):
        stream.step(x, np.zeros((B, H + 1), np.float32))


def test_input_may_change_between_forward_and_backward() -> None:
    for view in (lambda a: a, lambda a: a[:], lambda a: a.view(Subclass)):
        grads = []
        for spoil in (False, True):
            lstm = layer()
            x = start()[0].copy()
            y, _ = lstm(view(x))
            _, _, record = lstm.forward(view(x))
            if spoil:
                x[...] = 7
            y.backward(np.ones(y.shape))
            dx, _, _ = lstm.backward(record, np.ones(y.shape))
            grads.append(as_bytes((lstm.weight_ih_l0.grad, dx)))
        assert grads[0] == grads[1]


def test_memory_lent_through_array_may_change_too() -> None:
    class Lender:
        def __init__(self) -> None:
            self.buffer = values.copy()

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return self.buffer

    values = fresh((2, 4, 3))
    gradients = []
    for change in (False, True):
        x, lstm = Lender(), rl.nn.LSTM(3, 5, seed=1)
        y, _ = lstm(x)
        if change:
            x.buffer[...] = 7
        y.backward(np.ones(y.shape, np.float32))
        gradients.append(lstm.weight_ih_l0.grad)
    np.testing.assert_array_equal(*gradients)
