"""Text, records, pairs and tagged sentences out of files; and files that are damaged, endless or no text."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rustlstm.datasets import (
    read_conll,
    read_csv,
    read_fasta,
    read_genbank,
    read_jsonl,
    read_pairs,
    read_text,
    read_ts,
)

pytestmark = pytest.mark.once

READERS: list[Callable[..., Any]] = [
    read_text,
    read_csv,
    read_jsonl,
    read_conll,
    read_pairs,
    read_ts,
    read_fasta,
    read_genbank,
]


@pytest.mark.parametrize(
    ("raw", "encoding", "expected"),
    [
        (b"one\ntwo\n", "utf-8", "one\ntwo\n"),
        (b"one\r\ntwo", "utf-8", "one\ntwo"),
        (b"one\rtwo\r", "utf-8", "one\ntwo\n"),
        ("\ufeffé\u2028日".encode(), "utf-8", "é\u2028日"),
        ("é\n".encode("latin-1"), "latin-1", "é\n"),
        ("é\n日".encode("utf-16"), "utf-16", "é\n日"),
        (b"", "utf-8", ""),
        (b"\n\n", "utf-8", "\n\n"),
    ],
)
def test_text(tmp_path: Path, raw: bytes, encoding: str, expected: str) -> None:
    path = tmp_path / "some.txt"
    for written in (raw, gzip.compress(raw)):
        path.write_bytes(written)
        assert read_text(path, encoding=encoding) == expected
        assert read_text(str(path), encoding=encoding) == expected
        assert read_text(io.BytesIO(written), encoding=encoding) == expected
        with path.open("rb") as file:
            assert read_text(file, encoding=encoding) == expected
    assert read_text(io.StringIO(expected)) == expected


def test_records() -> None:
    lines = '{"text": "good", "label": 1}\n\n{"label": 0, "text": "b\\u00e4d", "more": [1]}\n'
    assert read_jsonl(io.StringIO(lines), "text") == ["good", "bäd"]
    assert read_jsonl(io.StringIO(lines), "label", "text") == ([1, 0], ["good", "bäd"])
    assert read_jsonl(io.StringIO(lines))[1] == {"label": 0, "text": "bäd", "more": [1]}


def test_pairs() -> None:
    assert read_pairs(io.StringIO('one\tun "\n\ntwo\tdeux\tmore\n')) == (["one", "two"], ['un "', "deux"])
    assert read_pairs(io.StringIO("a\tb\tc\n"), columns=(2, 0)) == (["c"], ["a"])
    quoted = 'id,long,short\n1,"a, b and\nc",a\n'
    assert read_pairs(io.StringIO(quoted), separator=",", columns=("long", "short")) == (["a, b and\nc"], ["a"])
    scan = "IN: jump twice OUT: JUMP JUMP\nIN: walk OUT: WALK\n"
    found = read_pairs(io.StringIO(scan), prefix="IN: ", separator=" OUT: ")
    assert found == (["jump twice", "walk"], ["JUMP JUMP", "WALK"])


def test_pairs_of_two_files(tmp_path: Path) -> None:
    (tmp_path / "de.gz").write_bytes(gzip.compress(b"eins\n\ndrei\n"))
    (tmp_path / "en").write_bytes(b"one\n\nthree")
    assert read_pairs(tmp_path / "de.gz", tmp_path / "en") == (["eins", "", "drei"], ["one", "", "three"])
    with pytest.raises(ValueError, match="de.gz has 3 lines and the file 1; they must be as many"):
        read_pairs(tmp_path / "de.gz", io.StringIO("one\n"))


SENTENCES = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\nGerman\tJJ\tB-NP\tB-MISC\n"


def test_sentences() -> None:
    assert read_conll(io.StringIO(SENTENCES)) == ([["EU", "rejects"], ["German"]], [["B-ORG", "O"], ["B-MISC"]])
    assert read_conll(io.StringIO(SENTENCES), 1) == ([["NNP", "VBZ"], ["JJ"]],)
    assert len(read_conll(io.StringIO(SENTENCES), 0, 1, 3)) == 3
    assert read_conll(io.StringIO("\u3000 O\r\n吴 B-NAME\r\n")) == ([["\u3000", "吴"]], [["O", "B-NAME"]])
    assert read_conll(io.StringIO("# a note\nNew York\tB\n"), comment="# ", separator="\t") == ([["New York"]], [["B"]])
    assert read_conll(io.StringIO("")) == ([], [])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: read_jsonl(io.StringIO("{}\n[1]\n")),
            "the file, line 2: expected a JSON object in each line, got '[1]'",
        ),
        (lambda: read_jsonl(io.StringIO("{\n")), "the file, line 1: expected a JSON object in each line: Expecting"),
        (lambda: read_jsonl(io.StringIO("[" * 100_000)), "the file, line 1: expected a JSON object in each line"),
        (lambda: read_jsonl(io.StringIO('{"a": 1}'), "b"), "the file, line 1: expected a field 'b', there are a"),
        (lambda: read_pairs(io.StringIO("a\tb\nc\n")), r"the file, line 2: expected 1 times '\t' or more, got 0"),
        (lambda: read_pairs(io.StringIO("a,b\n"), separator=",", columns=("a", "c")), "line 1: expected a column 'c'"),
        (
            lambda: read_pairs(io.StringIO("a"), prefix="IN: "),
            "line 1: expected a line that begins with 'IN: ', got 'a'",
        ),
        (lambda: read_pairs(io.StringIO("a"), separator=""), "separator must be a string that is not empty"),
        (lambda: read_conll(io.StringIO("a O\nb\n")), "the file, line 2: expected 2 columns, as before, got 1: 'b'"),
        (lambda: read_conll(io.StringIO("a O\n"), 2), "the file, line 1: expected a column 2, there are 2"),
        (lambda: read_text(io.BytesIO(b"ok\nab\xff\n")), "line 2: expected text in utf-8, got byte 0xff at column 3"),
        (lambda: read_text(io.BytesIO(b"\x00ab"), encoding="utf-16-be"), "line 1: expected text of the encoding"),
        (lambda: read_text(io.BytesIO(b"a\nb\0\n")), "line 2: expected text, got a zero byte; is this a binary file?"),
        (lambda: read_text(io.BytesIO(gzip.compress(b"a\n" * 999)[:-9])), "expected a whole gzip file"),
        (lambda: read_text(io.BytesIO(b"\x1f\x8bno gzip")), "line 1: expected a whole gzip file"),
    ],
)
def test_refused(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        call()


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(b'{"a": 1}\n\xff\n')
    with pytest.raises(
        ValueError, match=re.escape(f"{path}, line 2: expected text in utf-8, got byte 0xff at column 1")
    ):
        read_jsonl(path)
    with path.open("rb") as file, pytest.raises(ValueError, match=re.escape(f"{path}, line 2")):
        read_jsonl(file)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_text(tmp_path / "absent")
    with pytest.raises(TypeError, match="a file must be a path or an open file, got int"):
        read_text(3)  # type: ignore[arg-type]


class Endless(io.RawIOBase):
    """A file that never ends, as a device or what a small gzip may be unpacked to."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), len(self.piece))
        buffer[:count] = self.piece[:count]
        return count


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("piece", [b"\0" * 65536, b"A" * 65536], ids=["zeros", "one line"])
def test_endless_files(monkeypatch: pytest.MonkeyPatch, reader: Callable[..., Any], piece: bytes) -> None:
    monkeypatch.setattr("rustlstm.datasets._readers._files.LONGEST_LINE", 1 << 18)
    with pytest.raises(ValueError, match="got a zero byte|got one of more than 262144 characters"):
        reader(Endless(piece))


def test_endless_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rustlstm.datasets._readers._text.LARGEST", 1 << 16)
    with pytest.raises(ValueError, match="expected at most 65536 characters, there are more; cut the file into parts"):
        read_text(Endless(b"line\n" * 1000))


@pytest.mark.parametrize("reader", READERS[1:], ids=lambda reader: reader.__name__)
def test_noise(reader: Callable[..., Any]) -> None:
    """Noise of all kinds is read or refused, and nothing else happens."""
    import random

    draw = random.Random(0)
    alphabets = [bytes(range(256)), b"@data:,\n1?", b">ACGT\n", b'{}":,1\n', b"LOCUS x 4 bp\n/", b"a,b;\t\n\"'1.-"]
    for _ in range(60):
        letters = draw.choice(alphabets)
        noise = bytes(draw.choices(letters, k=draw.randrange(300)))
        try:
            reader(io.BytesIO(noise))
        except ValueError as error:
            assert "expected" in str(error) or "must" in str(error), noise
