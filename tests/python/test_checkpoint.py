"""Arrays and states on disk: what is written is read again, by the ``safetensors`` package too, and damage is seen.

What fails while a file is written, and when, is in test_saving.py.
"""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from rustlstm.checkpoint import DamagedFileError, load_state, load_tensors, save_state, save_tensors

safetensors = pytest.importorskip("safetensors")
theirs = pytest.importorskip("safetensors.numpy")

pytestmark = pytest.mark.once

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"]


def of_every_kind() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {code: rng.integers(0, 2, (2, 3)).astype(code) for code in DTYPES}
    arrays["nan"] = np.array([np.nan, np.inf, -0.0], np.float32)
    return {**arrays, "empty": np.zeros((3, 0)), 'ünï "\\\n/': np.ones((1, 1, 1), np.float32), "": np.zeros(1)}


def same(a: Any, b: Any) -> bool:
    """Say whether two trees are equal in values, types, dtypes, shapes and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (np.ndarray, np.generic)):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return repr(a) == repr(b)


def by_hand(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_round_trip(tmp_path: Path) -> None:
    arrays = {**of_every_kind(), "single": np.array(2.5)}
    save_tensors(tmp_path / "a", arrays, {"key": "välue\n"})
    read, metadata = load_tensors(tmp_path / "a")
    assert same(dict(sorted(read.items())), dict(sorted(arrays.items())))
    assert metadata == {"key": "välue\n"}
    assert os.listdir(tmp_path) == ["a"]
    assert all(array.flags.writeable and array.flags.c_contiguous for array in read.values())


def test_any_layout_can_be_written(tmp_path: Path) -> None:
    plain = np.arange(24, dtype=np.float32).reshape(4, 6)
    odd = {
        "fortran": np.asfortranarray(plain),
        "strided": plain[::2, ::-1],
        "swapped": plain.astype(">f4"),
        "broadcast": np.broadcast_to(np.float32(3), (2, 5)),
        "list": [[1.0, 2.0]],
        "tensor": rl.Tensor(plain),
        "parameter": rl.nn.Parameter(plain),
    }
    save_tensors(tmp_path / "a", odd)
    read, _ = load_tensors(tmp_path / "a")
    for name, array in odd.items():
        assert np.array_equal(read[name], np.asarray(array)), name
        assert read[name].dtype.isnative, name


def test_the_package_opens_ours_and_ours_is_its_to_the_byte(tmp_path: Path) -> None:
    arrays = of_every_kind()
    save_tensors(tmp_path / "a", arrays)
    assert same(dict(sorted(theirs.load_file(tmp_path / "a").items())), dict(sorted(arrays.items())))
    with safetensors.safe_open(tmp_path / "a", "np") as file:
        metadata = file.metadata()
    # With one entry their metadata have an order, and the whole file can be compared.
    assert theirs.save(arrays, metadata) == (tmp_path / "a").read_bytes()


def test_ours_opens_the_packages(tmp_path: Path) -> None:
    arrays = of_every_kind()
    theirs.save_file(arrays, tmp_path / "a", {"format": "np", "b": ""})
    read, metadata = load_tensors(tmp_path / "a")
    assert same(dict(sorted(read.items())), dict(sorted(arrays.items())))
    assert metadata == {"format": "np", "b": ""}


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    bits = np.arange(2**16, dtype="<u2")
    header = {"x": {"dtype": "BF16", "shape": [2**15, 2], "data_offsets": [0, 2**17]}}
    (tmp_path / "a").write_bytes(by_hand(header, bits.tobytes()))
    read = load_tensors(tmp_path / "a")[0]["x"]
    assert (read.dtype, read.shape) == (np.float32, (2**15, 2))
    assert np.array_equal(read.view(np.uint32).ravel(), bits.astype(np.uint32) << 16)


@pytest.mark.parametrize(
    ("tensors", "metadata", "words"),
    [
        ({"x": np.zeros(2, complex)}, None, "x must be an array of real numbers or truth values, got dtype complex128"),
        ({"x": ["text"]}, None, "got dtype <U4"),
        ({"x": np.zeros(1, np.longdouble)}, None, "got dtype float128|got dtype longdouble"),
        ({"x": None}, None, "got dtype object"),
        ({1: np.zeros(2)}, None, "names of tensors must be strings, got 1"),
        ({"__metadata__": np.zeros(2)}, None, "has the name under which the metadata stand"),
        ({}, {"rustlstm.sha256": ""}, "the place of the checksum"),
        ({}, {"key": 1}, "'int' object"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, tensors: Any, metadata: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        save_tensors(tmp_path / "a", tensors, metadata)
    assert not os.listdir(tmp_path)


TENSOR = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes are too few"),
        (b"PK\x03\x04" * 20, "more than the 100000000 allowed"),
        (struct.pack("<Q", 2**64 - 7) + b"{}", "more than the 100000000 allowed"),
        (struct.pack("<Q", 3) + b"{}", "3 bytes, more than the 2 that follow"),
        (by_hand({"x": TENSOR}, b"1"), "1 bytes in the file, 2 by the header"),
        (by_hand({"x": {**TENSOR, "shape": [2**40]}}, b"12"), "needs 1099511627776 bytes by its shape, and has 2"),
        (by_hand({"x": {**TENSOR, "data_offsets": [0, 2**40]}}, b"12"), "1099511627776 bytes by its shape|has 1099"),
        (by_hand({"x": {**TENSOR, "dtype": "F8_E5M2"}}, b"12"), '"F8_E5M2" is not a dtype that is read here'),
        (by_hand({"x": {**TENSOR, "dtype": "BOOL"}}, b"\0\2"), "is of truth values and holds other bytes"),
        (by_hand({"x": {**TENSOR, "shape": [1] * 70 + [2]}}, b"12"), "'x' of .* cannot be an array"),
        (by_hand(b'{"x":' + b"[" * 1000 + b"}"), "expected '{'"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match=words):
            load_tensors(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < len(content) + 2**20
    finally:
        tracemalloc.stop()


def test_every_damaged_byte_is_seen(tmp_path: Path) -> None:
    original = {"x": np.arange(5), "y": np.ones(3, np.float32)}
    save_tensors(tmp_path / "a", original, {"k": "v"})
    whole = (tmp_path / "a").read_bytes()
    for place in range(len(whole)):
        for bit in (0, 5):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            (tmp_path / "a").write_bytes(damaged)
            try:
                arrays, metadata = load_tensors(tmp_path / "a")
            except DamagedFileError:
                continue
            # What was hit is the name of the checksum: it is now the name of something else, and the arrays are whole.
            assert len(metadata) == 2 and same(arrays, original), (place, bit)
    for length in range(len(whole)):
        (tmp_path / "a").write_bytes(whole[:length])
        with pytest.raises(DamagedFileError):
            load_tensors(tmp_path / "a")


STATE = {
    "none": None,
    "flags": [True, False],
    "whole": [0, -1, 2**63 - 1, -(2**63), 2**64 - 1, 2**127],
    "floats": [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), -float("inf"), float("nan"), 1e16, 3.0],
    "text": ["", 'ünï\u0000\n"\\', "\ud800", "$array"],
    "tuple": (1, (2,), ()),
    "empty": [{}, [], ()],
    "$tagged": {"$array": "x", "$": {"$tuple": [1]}, "plain": 1},
    "arrays": {"a/b": np.arange(3), "a": {"b": np.zeros((0, 2), np.float32)}, "~": [np.array(1.5), np.array([True])]},
    "numbers": [np.float32(0.1), np.float64(0.1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True)],
    "generator": np.random.default_rng(3).bit_generator.state,
}


def test_states_round_trip(tmp_path: Path) -> None:
    for state in (STATE, [1, 2], 3.5, None, np.arange(4), np.float32(2), "text", (), {"": {"": np.ones(1)}}):
        save_state(tmp_path / "s", state)
        assert same(load_state(tmp_path / "s"), state), state
    assert sorted(os.listdir(tmp_path)) == ["s", "s.previous"]
    assert same(load_state(tmp_path / "s.previous"), ())


def test_subclasses_come_back_plain(tmp_path: Path) -> None:
    save_state(tmp_path / "s", {"f": np.float64(1.5), "s": np.str_("x"), "r": rl.nn.LoadResult([], ["a"])})
    assert same(load_state(tmp_path / "s"), {"f": np.float64(1.5), "s": "x", "r": ([], ["a"])})


def deep(levels: int) -> Any:
    tree: Any = 0
    for _ in range(levels):
        tree = {"k": [tree]}
    return tree


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"a": [1, {2: 3}]}, "keys of a state must be strings, got 2 at 'a/1'"),
        ({"a": {1, 2}}, "got set at 'a'"),
        ({"a": b"bytes"}, "got bytes at 'a'"),
        ({"a": np.zeros(2, complex)}, "a must be an array of real numbers"),
        ({"a": object}, "got type at 'a'"),
        (deep(40), "nested 64 deep"),
    ],
)
def test_what_is_no_state(tmp_path: Path, state: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        save_state(tmp_path / "s", state)
    assert not os.listdir(tmp_path)


def test_a_deep_state(tmp_path: Path) -> None:
    save_state(tmp_path / "s", deep(32))
    assert load_state(tmp_path / "s") == deep(32)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_state_falls_back_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for number in range(3):
        save_state(path, {"number": number, "x": np.arange(4)})
    damage(path)
    with pytest.warns(RuntimeWarning, match=r"s is damaged.*before it, .*s\.previous, was taken instead"):
        assert load_state(path)["number"] == 1
    path.unlink()
    with pytest.warns(RuntimeWarning, match=r"No such file.*s\.previous, was taken instead"):
        assert load_state(path)["number"] == 1
    damage(path.with_name("s.previous"))
    with pytest.raises(DamagedFileError, match=r"No such file.*and so is the one before it: .*s\.previous is damaged"):
        load_state(path)
    # A new save repairs what can be repaired, and the good file is never the one that is given up.
    save_state(path, {"number": 3})
    assert load_state(path)["number"] == 3
    save_state(path, {"number": 4})
    damage(path)
    with pytest.warns(RuntimeWarning, match="was taken instead"):
        assert load_state(path)["number"] == 3
    path.with_name("s.previous").unlink()
    with pytest.raises(DamagedFileError, match="is not a whole safetensors file"):
        load_state(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        load_state(path)


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "s"
    save_tensors(path, {"x": np.ones(2)})
    with pytest.raises(ValueError, match=r"s was not written by rl\.checkpoint\.save_state"):
        load_state(path)
    rl.save(rl.nn.LSTM(2, 3), path)
    with pytest.raises(ValueError, match=r"s was written by rl\.save, not by rl\.checkpoint\.save_state"):
        load_state(path)
    save_state(path, 1)
    arrays, metadata = load_tensors(path)
    save_tensors(path, arrays, {**metadata, "rustlstm.format": "2", "rustlstm.version": "7.0"}, keep_previous=True)
    with pytest.raises(ValueError, match=r"by rustlstm 7\.0 in format 2; this is rustlstm .*, which reads format 1"):
        load_state(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        '{"a":1,"a":2}',
        '{"$array":"absent"}',
        '{"$tuple":1}',
        '{"$float":"1"}',
        '{"$new":1}',
        '{"$dict":[[1]]}',
        '{"$dict":[[1,2]]}',
        '{"$dict":[["$a",1],["$a",2]]}',
        '{"$number":"x"}',
        '{"$array":["x"]}',
        "[" * 10_000 + "]" * 10_000,
        "[" * 300 + "]" * 300,
        "1" * 5000,
    ],
)
def test_metadata_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    record = {"rustlstm.kind": "state", "rustlstm.format": "1", "rustlstm.version": "0", "rustlstm.content": text}
    save_tensors(tmp_path / "s", {"x": np.ones(2)}, record)
    with pytest.raises(DamagedFileError, match="metadata of .* cannot be read"):
        load_state(tmp_path / "s")


def test_what_would_take_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s"
    save_state(path, [[] for _ in range(900)])
    monkeypatch.setattr(rl.checkpoint._tree, "MOST", 1000)
    with pytest.raises(DamagedFileError, match="may have 1000 values outside of arrays, got about 1800"):
        load_state(path)
    with pytest.raises(ValueError, match="a state may have 1000 values outside of arrays.*long lists should be arrays"):
        save_state(path, {"list": list(range(1000))})
    save_state(path, {"list": list(range(990)), "array": np.arange(5000)})


def test_the_checksum_cannot_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "s"
    save_state(path, {"x": np.ones(3)})
    arrays, metadata = load_tensors(path)
    theirs.save_file(arrays, path, metadata)
    with pytest.raises(DamagedFileError, match="it was written with a checksum, which is not there"):
        load_tensors(path)
