"""Drawings out of .npz files, which hold pickles: the numbers are taken out, and nothing is run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import read_strokes
from rustlstm.datasets._readers._pickled import arrays

pytestmark = pytest.mark.once


def drawings(count: int, dtype: Any = np.int16) -> list[Any]:
    rng = np.random.Generator(np.random.PCG64(count))
    made = []
    for _ in range(count):
        steps = int(rng.integers(1, 200))
        made.append(np.column_stack([rng.integers(-300, 300, (steps, 2)), np.arange(steps) % 2]).astype(dtype))
    return made


def objects(items: list[Any]) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def npz(**parts: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, raw in parts.items():
            packed.writestr(f"{name}.npy", raw)
    file.seek(0)
    return file


def pickled(program: bytes, shape: tuple[int, ...] = (1,), kind: str = "|O") -> io.BytesIO:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return npz(train=b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + program)


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "i1", "u1", "i8", "<f4", ">f8", "f2"])
def test_as_numpy_writes_them(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "some.npz"
    parts = {name: drawings(count) for name, count in (("train", 20), ("valid", 3), ("test", 2))}
    parts = {
        name: [np.abs(each).astype(np.uint8 if dtype[-2:] in ("i1", "u1") else each.dtype) % 100 for each in of]
        for name, of in parts.items()
    }
    for of in parts.values():
        for each in of:
            each[:, 2] = np.arange(len(each)) % 2
    np.savez_compressed(path, **{name: objects([each.astype(dtype) for each in of]) for name, of in parts.items()})
    found = read_strokes(path)
    assert list(found) == ["train", "valid", "test"]
    for name, of in parts.items():
        assert len(found[name]) == len(of)
        for each, expected in zip(found[name], of, strict=True):
            assert each.dtype == np.float32
            np.testing.assert_array_equal(each, expected.astype(np.float32))


@pytest.mark.parametrize("protocol", [3, 4])  # numpy writes these two, and Python 2 wrote 2
def test_every_protocol(protocol: int) -> None:
    made = [*drawings(5), np.asfortranarray(drawings(1)[0])]
    found = arrays(pickle.dumps(objects(made), protocol))
    for each, expected in zip(found, made, strict=True):
        np.testing.assert_array_equal(each, expected)


def test_python_2() -> None:
    values = np.array([[1, 2, 0], [-3, 4, 1]], "<i2")
    kind = b"cnumpy\ndtype\n(U\x02%sK\x00K\x01tR(K\x03U\x01%sNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK%stb"
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    inner = start + b"(K\x01(K\x02K\x03t" + kind % (b"i2", b"<", b"\x00") + b"\x89U\x0c" + values.tobytes() + b"tb"
    program = b"\x80\x02" + start + b"(K\x01(K\x01t" + kind % (b"O8", b"|", b"\x3f") + b"\x89](" + inner + b"etb."
    np.testing.assert_array_equal(pickle.loads(program, encoding="latin-1")[0], values)  # our own, to be sure it is one
    np.testing.assert_array_equal(read_strokes(pickled(program))["train"][0], values)


def test_a_plain_array() -> None:
    file = io.BytesIO()
    np.savez(file, train=np.zeros((4, 5, 3)))
    file.seek(0)
    assert [each.shape for each in read_strokes(file)["train"]] == [(5, 3)] * 4


class Runs:
    """What a harmful file would hold: a call that unpickling makes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("place", ["top", "element", "inside"])
def test_nothing_is_run(tmp_path: Path, protocol: int, place: str) -> None:
    mark = tmp_path / "it ran"
    harmful: Any = {
        "top": Runs(mark),
        "element": objects([*drawings(2), Runs(mark)]),
        "inside": objects([objects([Runs(mark)])]),
    }[place]
    program = pickle.dumps(harmful, protocol)
    with pytest.raises(ValueError, match="expected a list of drawings"):
        read_strokes(pickled(program))
    assert not mark.exists()
    with contextlib.suppress(Exception):
        pickle.loads(program)
    assert mark.exists()  # so it would have run


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (b"", "pickle exhausted before seeing STOP"),
        (b"\x80\x02.", "damaged"),
        (b"cos\nsystem\n(S'true'\ntR.", "step MARK|step STRING|would call os.system"),
        (
            b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
            "it would call os.system, and only arrays of numbers are",
        ),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "it would call os.system"),
        (b"\x80\x02cnumpy\nndarray\n}b.", "step EMPTY_DICT has no place"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "step NEWOBJ has no place"),
        (b"\x80\x02\x82\x01.", "step EXT1 has no place"),
        (b"\x80\x02Pname\n.", "step PERSID has no place"),
        (b"\x80\x02K\x01.", "an array was expected"),
        (b"\x80\x02cnumpy\nndarray\nNb.", "it would give a state to what is no array"),
        (b"\x80\x02(((", "pickle exhausted"),
        (b"\x80\x02ttt.", "damaged"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02B\xff\xff\xff\x7f", "expected 2147483647 bytes"),
        (b"\x80\x02" + b"r\xff\xff\xff\xff.", "damaged"),
    ],
)
def test_programs_that_are_refused(program: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        arrays(program)


@pytest.mark.parametrize("end", [b"K\x01\x86R.", b"\x85R.", b"K\x01\x93.", b"cnumpy\ndtype\nh\x00\x85R.", b"N\x86b."])
def test_small_programs_that_make_much(end: bytes) -> None:
    """Tuples of tuples that name one another have 2**60 elements if they are shown or compared."""
    doubled = b"\x80\x04K\x01" + b"q\x00h\x00\x86" * 60 + b"q\x00h\x00"
    with pytest.raises(ValueError, match=r"expected|damaged|call|state"):
        arrays(doubled + end)


def test_refused_arrays() -> None:
    for items, says in [
        ([np.array(["a"])], "arrays of numbers were expected, there is one of type 'U1'"),
        (["a"], "arrays of numbers were expected, there is a str"),
        ([objects([1])], "arrays of numbers were expected, there is one of type 'O8'"),
        ([np.zeros((2, 3), [("a", "i2")])], "no place|type"),
    ]:
        with pytest.raises(ValueError, match=says):
            arrays(pickle.dumps(objects(items), 4))
    one = np.zeros((100, 3), np.int16)
    with pytest.raises(ValueError, match="the arrays have more bytes than the file"):
        arrays(pickle.dumps(objects([one] * 1000), 4))


def test_damaged() -> None:
    """Of a damaged pickle there come arrays or a ValueError, and nothing else."""
    rng = np.random.Generator(np.random.PCG64(0))
    program = bytearray(pickle.dumps(objects(drawings(3)), 4))
    refused = 0
    for _ in range(2000):
        damaged = bytearray(program)
        for at in rng.integers(0, 300, int(rng.integers(1, 4))):
            damaged[at] = int(rng.integers(256))
        try:
            arrays(bytes(damaged[: int(rng.integers(1, len(damaged)))]) if rng.random() < 0.2 else bytes(damaged))
        except ValueError:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (io.BytesIO(b"no zip"), "the file: expected a whole .npz file: File is not a zip file"),
        (npz(train=b"no npy"), "expected a list of drawings"),
        (npz(train=b"\x93NUMPY\x01\x00"), "expected a list of drawings"),
        (pickled(b"1234", (1 << 40, 3, 3), "<f4"), r"its shape is \[1099511627776, 3, 3\] and it has 4 bytes"),
    ],
)
def test_refused_files(file: io.BytesIO, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_strokes(file)


@pytest.mark.parametrize(
    ("drawing", "says"),
    [
        (np.zeros((4, 2)), r"expected drawings \[T, 3\], train\[0\] is float64 of shape \[4, 2\]"),
        (np.zeros(4), r"train\[0\] is float64 of shape \[4\]"),
        (np.full((4, 3), 2), r"expected 0 or 1 in the third column of drawings, train\[0\] has others"),
    ],
)
def test_refused_drawings(drawing: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_strokes(pickled(pickle.dumps(objects([drawing]), 4)))
