"""Text, records, pairs and tagged sentences out of files of lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from ._files import LARGEST, Source, called, fault, lines


def read_text(source: Source, *, encoding: str = "utf-8") -> str:
    r"""Return a text, its lines ended by "\n"; a gzip is unpacked.

    >>> import io
    >>> read_text(io.BytesIO(b"to be\r\nor not"))
    'to be\nor not'
    """
    parts, size = [], 0
    for _, line in lines(source, encoding, ends=True):
        parts.append(line)
        size += len(line)
        if size > LARGEST:
            raise fault(source, None, f"expected at most {LARGEST} characters, there are more; cut the file into parts")
    return "".join(parts)


def read_jsonl(source: Source, *fields: str, encoding: str = "utf-8") -> Any:
    r"""Return the records of a file with a JSON object in each line; a gzip is unpacked.

    Args:
        source: a path or an open file.
        fields: the fields to take.
        encoding: of the file.

    Returns:
        A list of values for one field, a tuple of such lists for several, a list of dicts for none.

    >>> import io
    >>> read_jsonl(io.StringIO('{"text": "good", "label": 1}\n{"text": "bad", "label": 0}\n'), "text", "label")
    (['good', 'bad'], [1, 0])
    """
    records = []
    for number, line in lines(source, encoding):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise fault(source, number, f"expected a JSON object in each line: {error}") from None
        if not isinstance(record, dict):
            raise fault(source, number, f"expected a JSON object in each line, got {line.strip()[:40]!r}")
        for field in fields:
            if field not in record:
                raise fault(source, number, f"expected a field {field!r}, there are {', '.join(record) or 'none'}")
        records.append(record)
    if not fields:
        return records
    columns = tuple([record[field] for record in records] for field in fields)
    return columns[0] if len(fields) == 1 else columns


def read_pairs(
    source: Source,
    target: Source | None = None,
    *,
    separator: str = "\t",
    columns: tuple[int, int] | tuple[str, str] = (0, 1),
    prefix: str = "",
    encoding: str = "utf-8",
) -> tuple[list[str], list[str]]:
    r"""Return pairs of texts: of one file with both in each line, or of two files line by line; a gzip is unpacked.

    Args:
        source: a path or an open file.
        target: the file with the second text of each pair; if left out, both are in ``source``.
        separator: what is between the texts of a line. With "," and ";" a text may be in quotes.
        columns: which two texts of a line: by number from 0, or by name where the first line has names.
        prefix: what each line begins with, left out of the text.
        encoding: of the files.

    The commands of SCAN are read with ``prefix="IN: ", separator=" OUT: "``.

    >>> import io
    >>> read_pairs(io.StringIO("IN: jump twice OUT: JUMP JUMP\n"), prefix="IN: ", separator=" OUT: ")
    (['jump twice'], ['JUMP JUMP'])
    """
    if target is not None:
        first = [line for _, line in lines(source, encoding)]
        second = [line for _, line in lines(target, encoding)]
        if len(first) != len(second):
            raise ValueError(
                f"{called(source)} has {len(first)} lines and {called(target)} {len(second)}; they must be as many"
            )
        return first, second
    if not separator:
        raise ValueError("separator must be a string that is not empty")
    rows = _rows(source, separator, prefix, encoding)
    places: list[Any] = list(columns)
    if isinstance(columns[0], str):
        number, names = next(rows, (1, []))
        for name in columns:
            if name not in names:
                raise fault(source, number, f"expected a column {name!r}, there are {', '.join(names) or 'none'}")
        places = [names.index(str(name)) for name in columns]
    pairs: tuple[list[str], list[str]] = ([], [])
    for number, row in rows:
        for place, texts in zip(places, pairs, strict=True):
            if not 0 <= place < len(row):
                raise fault(source, number, f"expected {max(places)} times {separator!r} or more, got {len(row) - 1}")
            texts.append(row[place])
    return pairs


def read_conll(
    source: Source,
    *columns: int,
    separator: str | None = None,
    comment: str | None = None,
    encoding: str = "utf-8",
) -> tuple[list[list[str]], ...]:
    r"""Return tagged sentences: a token and its tags in each line, an empty line after each sentence.

    So are the files of the CoNLL tasks, and BIO and BMES files. Lines ``-DOCSTART-`` are left out; a gzip is unpacked.

    Args:
        source: a path or an open file.
        columns: which columns to return, from 0; -1 is the last. The first and the last if left out.
        separator: what is between columns; blanks and tabs if left out.
        comment: what a line begins with that is left out, as "# ".
        encoding: of the file.

    Returns:
        For each column a list of sentences, each a list of strings.

    >>> import io
    >>> read_conll(io.StringIO("Ada B\nLovelace E\n\nwrote O\n"))
    ([['Ada', 'Lovelace'], ['wrote']], [['B', 'E'], ['O']])
    """
    chosen = columns or (0, -1)
    result: tuple[list[list[str]], ...] = tuple([] for _ in chosen)
    extent, open_sentence = 0, False
    for number, line in lines(source, encoding):
        if comment is not None and line.startswith(comment):
            continue
        text = line.strip(" \t")  # and nothing else: a wide blank may be a token
        if not text or text.startswith("-DOCSTART-"):
            open_sentence = False
            continue
        cells = line.split(separator) if separator else re.split("[ \t]+", text)
        extent = extent or len(cells)
        if len(cells) != extent:
            raise fault(source, number, f"expected {extent} columns, as before, got {len(cells)}: {text[:40]!r}")
        for column, sentences in zip(chosen, result, strict=True):
            if not -extent <= column < extent:
                raise fault(source, number, f"expected a column {column}, there are {extent}")
            if not open_sentence:
                sentences.append([])
            sentences[-1].append(cells[column])
        open_sentence = True
    return result


def _rows(source: Source, separator: str, prefix: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the texts of each line that is not empty."""
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, line in lines(source, encoding):
            if not line.startswith(prefix) and line.strip():
                raise fault(source, number, f"expected a line that begins with {prefix!r}, got {line[:40]!r}")
            yield line[len(prefix) :]

    if separator in (",", ";"):
        try:
            for row in csv.reader((text + "\n" for text in texts()), delimiter=separator):
                if row:
                    yield number, row
        except csv.Error as error:
            raise fault(source, number, f"expected texts set apart by {separator!r}: {error}") from None
    else:
        yield from ((number, text.split(separator)) for text in texts() if text.strip())
