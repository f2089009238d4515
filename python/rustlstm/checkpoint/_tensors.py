"""Arrays by name in a safetensors file. The header is Rust's; opening, reading and writing are done here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import header_length, make_header, parse_header
from ._atomic import PathLike, write_atomically

# The name of each dtype in a file. BF16, which numpy lacks, is only read.
NAMES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "b1", "BF16": "u2",
}  # fmt: skip
OF_DTYPE = {np.dtype(code): name for name, code in NAMES.items() if name != "BF16"}
# With this begin all names of metadata that are ours.
OURS = "rustlstm."
# The checksum's key in the metadata. It is that of the whole file, with zeros in its own place.
CHECKSUM = f"{OURS}sha256"
ZEROS = "0" * 64
PIECE = 1 << 20


class DamagedFileError(ValueError):
    """A file is not what was once written: cut off, changed, or never a safetensors file."""


class Entry(NamedTuple):
    """What a header says of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def save_tensors(
    path: PathLike,
    tensors: Mapping[str, npt.ArrayLike],
    metadata: Mapping[str, str] | None = None,
    *,
    keep_previous: bool = False,
) -> None:
    """Write arrays to a safetensors file, as ``write_atomically`` does.

    Args:
        path: the file.
        tensors: arrays by name, of real numbers or truth values; their dtypes and shapes are kept.
        metadata: texts by name.
        keep_previous: keep the file that is replaced as ``path`` with ``.previous`` behind it.

    A checksum is added to the metadata, which ``load_tensors`` verifies and takes out again.

    >>> import tempfile, numpy as np
    >>> path = tempfile.mkdtemp() + "/numbers.safetensors"
    >>> save_tensors(path, {"a": np.arange(3)}, {"what": "an example"})
    >>> load_tensors(path)
    ({'a': array([0, 1, 2])}, {'what': 'an example'})
    """
    arrays = {name: _plain(name, array) for name, array in tensors.items()}
    texts = dict(metadata or {})
    if CHECKSUM in texts:
        raise ValueError(f"metadata may not have {CHECKSUM!r}: that is the place of the checksum")
    texts[CHECKSUM] = ZEROS
    specs = [(name, OF_DTYPE[array.dtype.newbyteorder("=")], array.shape) for name, array in arrays.items()]
    header, order = make_header(specs, list(texts.items()))
    ordered = list(arrays.values())
    # The bytes of each; the memoryview of an empty array cannot be passed on.
    data = [ordered[index].reshape(-1).view(np.uint8).data for index in order if ordered[index].size]
    digest = hashlib.sha256(header)
    for part in data:
        digest.update(part)
    sealed = header.replace(_sealing(ZEROS), _sealing(digest.hexdigest()), 1)
    write_atomically(path, [sealed, *data], keep_previous)


def load_tensors(path: PathLike) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Read a safetensors file: the arrays by name, BF16 as float32, and the metadata.

    A file that says it holds more than it does is refused before anything is allocated. A header, of 100 MB at most,
    takes up to ten times its size.

    Raises:
        DamagedFileError: if it is not a whole and unchanged safetensors file.
    """
    with TensorFile(path) as file:
        return file.read(), file.metadata


class TensorFile:
    """An open safetensors file: its header is read and its checksum verified, its arrays wait for ``read``.

    Attributes:
        entries: dtype, shape and place by name.
        metadata: texts by name, without the checksum.
    """

    def __init__(self, path: PathLike) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by `close`
        try:
            self.path = os.fspath(path)
            header = self._read_header()
            if CHECKSUM in self.metadata:
                self._verify(header, self.metadata.pop(CHECKSUM))
            elif any(name.startswith(OURS) for name in self.metadata):
                raise DamagedFileError(f"{self.path} is damaged: it was written with a checksum, which is not there")
        except BaseException:
            self.close()
            raise

    def _read_header(self) -> bytes:
        size = os.fstat(self._file.fileno()).st_size
        try:
            first = self._file.read(8)
            header = self._file.read(header_length(first, size))
            tensors, texts = parse_header(header, size)
        except ValueError as error:
            raise DamagedFileError(f"{self.path} is not a whole safetensors file: {error}") from None
        self._data = len(first) + len(header)
        self.entries = {name: Entry(dtype, tuple(shape), start, end) for name, dtype, shape, start, end in tensors}
        self.metadata = dict(texts)
        return first + header

    def _verify(self, header: bytes, checksum: str) -> None:
        digest = hashlib.sha256(header.replace(_sealing(checksum), _sealing(ZEROS), 1))
        while piece := self._file.read(PIECE):
            digest.update(piece)
        if digest.hexdigest() != checksum:
            raise DamagedFileError(f"{self.path} is damaged: its content does not have the checksum that it was given")

    def read(self, names: Iterable[str] | None = None) -> dict[str, npt.NDArray[Any]]:
        """Read arrays by name; all of them if no names are given."""
        return {name: self._array(name, self.entries[name]) for name in (self.entries if names is None else names)}

    def _array(self, name: str, entry: Entry) -> npt.NDArray[Any]:
        try:
            array = np.empty(entry.shape, "<" + NAMES[entry.dtype])
        except ValueError as error:  # more axes than numpy has, say
            raise DamagedFileError(f"tensor {name!r} of {self.path} cannot be an array: {error}") from None
        into = array.reshape(-1).view(np.uint8)
        self._file.seek(self._data + entry.start)
        if array.size and self._file.readinto(into.data) != len(into):
            raise DamagedFileError(f"{self.path} became shorter while it was read")
        if entry.dtype == "BF16":
            wide = array.astype(np.uint32)
            wide <<= 16
            return wide.view(np.float32)
        if entry.dtype == "BOOL" and into.max(initial=0) > 1:
            raise DamagedFileError(f"tensor {name!r} of {self.path} is of truth values and holds other bytes")
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sealing(checksum: str) -> bytes:
    return f'"{CHECKSUM}":"{checksum}"'.encode()


def _plain(name: str, array: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return the array as it stands in a file: little-endian, in C order."""
    if not isinstance(name, str):
        raise TypeError(f"the names of tensors must be strings, got {name!r}")
    plain = np.asarray(array)
    native = plain.dtype.newbyteorder("=")
    if native not in OF_DTYPE:
        raise TypeError(f"{name} must be an array of real numbers or truth values, got dtype {plain.dtype}")
    return np.asarray(plain, native.newbyteorder("<"), order="C")
