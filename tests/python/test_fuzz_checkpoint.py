"""Our reader of headers against that of the ``safetensors`` package, over files damaged by chance and by design.

What that package refuses is never accepted here; that ours refuses more is meant, and counted.
"""

from __future__ import annotations

import json
import random
import struct
from collections import Counter
from collections.abc import Iterator

import pytest

from rustlstm._core import header_length, parse_header

safetensors = pytest.importorskip("safetensors")

pytestmark = pytest.mark.once

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I8": 1, "U16": 2, "BOOL": 1}
# Of the package only.
FOREIGN = {"F8_E4M3": 1, "C64": 8}
TOKENS = [
    *'{ } [ ] : , " \\ "" {} [] [0,0] 0 1 8 00 -0 -1 1.0 1e3 1E0 null true NaN'.split(),
    *"18446744073709551615 18446744073709551616 9223372036854775808 4294967296".split(),
    *'\\u0061 \\ud800 \\udc00 \\ud83d\\ude00 \\x "F32" "U8" "dtype" "shape" "data_offsets"'.split(),
    *'"__metadata__" "\\u005f_metadata__" "a" "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},'.split(),
    *'"extra":[[[]]], "__metadata__":{"a":"b"}, "__metadata__":null,'.split(),
    *(" ", "\n", "\t", "\0", "\x0b", "\u00a0", "\u2028", "\ufeff", "😀"),
]


def whole(rng: random.Random) -> tuple[str, bytes]:
    """Return the header and the data of a right file."""
    header: dict[str, object] = {}
    if rng.random() < 0.3:
        header["__metadata__"] = {rng.choice(["format", "k\n", ""]): rng.choice(["pt", "ü", ""])}
    at = 0
    for name in rng.sample(["a", "b", "weight_ih_l0", "", "ü😀", 'q"\\'], rng.randrange(5)):
        sizes = SIZES if rng.random() < 0.97 else FOREIGN
        dtype = rng.choice(list(sizes))
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        end = at + sizes[dtype]
        for extent in shape:
            end = at + (end - at) * extent
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    spaces = (",", ":") if rng.random() < 0.7 else (" , ", "\n: ")
    text = json.dumps(header, separators=spaces, ensure_ascii=rng.random() < 0.5)
    if header and rng.random() < 0.03:
        name = rng.choice(list(header))
        text = "{" + json.dumps({name: header[name]})[1:-1] + "," + text[1:]
    return text, bytes(at)


def tokens(text: str) -> list[str]:
    """Cut a header into its pieces: words, numbers and single signs."""
    pieces: list[str] = []
    for sign in text:
        if pieces and (sign.isalnum() or sign == "_") and (pieces[-1][-1].isalnum() or pieces[-1][-1] == "_"):
            pieces[-1] += sign
        else:
            pieces.append(sign)
    return pieces


def change(rng: random.Random, pieces: list[str]) -> None:
    """Make one change that knows how headers are made."""
    at, kind = rng.randrange(len(pieces) + 1), rng.randrange(7)
    if kind == 0:
        pieces.insert(at, rng.choice(TOKENS))
    elif kind == 1:
        pieces[at : at + 1] = [rng.choice(TOKENS)]
    elif kind == 2:
        del pieces[at : at + rng.randrange(1, 20)]
    elif kind == 3:
        copy = pieces[at : at + rng.randrange(1, 40)]
        place = rng.randrange(len(pieces) + 1)
        pieces[place:place] = copy
    elif kind == 4 and len(pieces) > 1:
        other = rng.randrange(len(pieces))
        at = min(at, len(pieces) - 1)
        pieces[at], pieces[other] = pieces[other], pieces[at]
    else:
        numbers = [index for index, piece in enumerate(pieces) if piece.isdigit() and piece.isascii()]
        if numbers:
            at = rng.choice(numbers)
            pieces[at] = str(max(0, int(pieces[at]) + rng.randrange(-2, 3)))


def mutants(count: int) -> Iterator[bytes]:
    """Yield files that were right once."""
    rng = random.Random(count)
    for _ in range(count):
        text, data = whole(rng)
        pieces = tokens(text)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            change(rng, pieces)
        header = "".join(pieces).encode("utf-8", "surrogatepass")
        length = (
            len(header) if rng.random() < 0.97 else rng.choice([0, 1, len(header) + 1, 2**63, 2**64 - 1, 100_000_001])
        )
        file = bytearray(struct.pack("<Q", length) + header + data)
        if rng.random() < 0.15:
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(file))
                file[at : at + 1] = rng.choice([bytes([file[at] ^ 1 << rng.randrange(8)]), b"", rng.randbytes(3)])
        yield bytes(file)


def ours(file: bytes) -> dict[str, tuple[str, list[int], int]] | str:
    """Return dtype, shape and number of bytes by name, or why the file is refused."""
    try:
        length = header_length(file[:8], len(file))
        tensors, _ = parse_header(file[8 : 8 + length], len(file))
    except ValueError as error:
        return str(error)
    return {name: (dtype, shape, end - start) for name, dtype, shape, start, end in tensors}


def theirs(file: bytes) -> dict[str, tuple[str, list[int], int]] | str:
    """Return the same from the package."""
    try:
        tensors = safetensors.deserialize(file)
    except safetensors.SafetensorError as error:
        return str(error)
    return {name: (info["dtype"], list(info["shape"]), len(info["data"])) for name, info in tensors}


# What ours alone refuses, by words of the sentence: names that come twice, unknown fields, other element types, space
# before the opening brace, null for no metadata, and lists for objects.
KNOWN = ("twice", "is not a dtype", "expected '{'", "expected '\"'")


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_never_accepts_what_the_package_refuses(count: int) -> None:
    accepted, refused, more = 0, 0, Counter[str]()
    for file in mutants(count):
        mine, reference = ours(file), theirs(file)
        if isinstance(mine, str):
            refused += 1
            if not isinstance(reference, str):
                more[next((word for word in KNOWN if word in mine), mine)] += 1
        else:
            accepted += 1
            assert mine == reference, f"{file!r}: ours {mine}, theirs {reference}"
    print(f"{count} files: {accepted} accepted, {refused} refused, {more.total()} of these by ours alone: {dict(more)}")
    assert accepted > count / 20 and refused > count / 20
    assert set(more) <= set(KNOWN), more
