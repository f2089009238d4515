"""Lines of files that may be packed, in a wrong encoding, cut off, endless, or no text at all."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from typing import IO, Any, TypeAlias

Source: TypeAlias = "str | os.PathLike[str] | IO[Any]"

# No text has longer lines, so that a file without end of line is not read into memory whole.
LONGEST_LINE = 1 << 26
LARGEST = 1 << 30


def fault(source: Source, line: int | None, says: str) -> ValueError:
    """Return the error that a file is not as expected."""
    return ValueError(f"{called(source)}{'' if line is None else f', line {line}'}: {says}")


def called(source: Source) -> str:
    """Return what to call a file in an error."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return str(getattr(source, "name", "the file"))


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Any]:
    """Open a file for reading bytes, unpacked if it is a gzip; an open one stays open."""
    with contextlib.ExitStack() as stack:
        if isinstance(source, (str, os.PathLike)):
            file: Any = stack.enter_context(open(source, "rb"))
        elif hasattr(source, "read"):
            file = source
        else:
            raise TypeError(f"a file must be a path or an open file, got {type(source).__name__}")
        buffered = file if hasattr(file, "peek") else io.BufferedReader(_Raw(file))
        packed = buffered.peek(2)[:2] == b"\x1f\x8b"
        yield stack.enter_context(gzip.GzipFile(fileobj=buffered)) if packed else buffered


def content(source: Source, most: int = LARGEST) -> bytes:
    """Return all bytes of a file, unpacked."""
    with _readable(source, None), opened(source) as file:
        found: bytes = file.read(most + 1)
    if len(found) > most:
        raise fault(source, None, f"expected at most {most} bytes, there are more")
    return found


def lines(source: Source, encoding: str = "utf-8", *, ends: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the number of each line, from 1, and the line without its end, or with one newline if asked for ``ends``.

    In the file ends are those of any system. A mark of the byte order at the beginning is left out.
    """
    number = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(_readable(source, lambda: number + 1))
        if isinstance(source, io.TextIOBase):
            text: io.TextIOBase = source
        else:
            # Bytes that are not of the encoding pass, to be found in the line where they are.
            name = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
            text = io.TextIOWrapper(stack.enter_context(opened(source)), encoding=name, errors="surrogateescape")
            stack.callback(text.detach)
        for number, line in _checked(source, text, encoding, ends):
            yield number, line


def _checked(source: Source, text: Any, encoding: str, ends: bool) -> Iterator[tuple[int, str]]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise fault(source, number, f"expected lines of text, got one of more than {LONGEST_LINE} characters")
        if "\0" in line:
            raise fault(source, number, "expected text, got a zero byte; is this a binary file?")
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError as error:
                byte = ord(line[error.start]) & 0xFF
                says = f"expected text in {encoding}, got byte 0x{byte:02x} at column {error.start + 1}"
                raise fault(source, number, f"{says}; name another encoding if it has one") from None
        yield number, line if ends else line.rstrip("\r\n")


@contextlib.contextmanager
def _readable(source: Source, line: Any) -> Iterator[None]:
    """Make one kind of error out of those of unpacking and decoding."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise fault(
            source, line and line(), f"expected a whole gzip file, it is damaged or cut off ({error})"
        ) from error
    except UnicodeError as error:
        raise fault(source, line and line(), f"expected text of the encoding named: {error}") from error


class _Raw(io.RawIOBase):
    """Any object with a method ``read`` that returns bytes, as a file that can be buffered."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self.file.read(len(buffer))
        if not isinstance(found, bytes):
            raise TypeError(f"an open file must be read as bytes or lines of text, got {type(found).__name__}")
        buffer[: len(found)] = found
        return len(found)
