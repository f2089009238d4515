"""Tables out of files of comma-separated values."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ..._options import flag
from ._files import Source, called, fault, lines
from ._table import Table, assembled

Item = TypeVar("Item")


def read_csv(
    source: Source,
    *,
    time: str | None = None,
    columns: Iterable[str] | None = None,
    labels: Iterable[str] = (),
    skip: Iterable[str] = (),
    header: bool = True,
    delimiter: str | None = None,
    decimal: str = ".",
    time_format: str | None = None,
    encoding: str = "utf-8",
) -> Table:
    r"""Return the table in a file; a gzip is unpacked.

    A column of numbers is one, or the file is refused with the line and the name of the column. Empty cells, "NA",
    "null", "?" and the like are missing: NaN, and counted in ``Table.missing``.

    Args:
        source: a path or an open file.
        time: the column of times; if left out, the first column where it holds dates.
        columns: which columns of numbers to take, in which order; all others if left out.
        labels: columns of words.
        skip: columns to leave out.
        header: whether the first line has the names; otherwise they are "0", "1" and so on.
        delimiter: what is between cells; if left out, that of ``,;|`` and tab which the first line has most of.
        decimal: "," where numbers are written so.
        time_format: of ``strptime``, or "s", "ms" or "us" for numbers since 1970; if left out, that of ISO 8601 or one
            of the common ones.
        encoding: of the file.

    >>> import io
    >>> table = read_csv(io.StringIO("day,load,sky\n2024-01-01,3.5,clear\n2024-01-02,,rain\n"), labels=["sky"])
    >>> table
    Table(2 rows of load, labels sky, 2024-01-01 to 2024-01-02, 1 values missing)
    >>> table["load"], table.missing
    (array([3.5, nan], dtype=float32), {'load': 1})
    """
    rows = _rows(source, delimiter, encoding)
    number, first = next(rows, (0, []))
    if not first:
        raise fault(source, None, "expected a table, the file is empty")
    if flag("header", header):
        names = [name.strip() or str(at) for at, name in enumerate(first)]
    else:
        names = [str(at) for at in range(len(first))]
    table: dict[str, list[str]] = {name: [] for name in names}
    if len(table) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise fault(source, number, f"expected columns of different names, {twice!r} is there twice")
    numbers = []
    body = rows if header else _again((number, first), rows)
    for number, row in body:
        if len(row) != len(names):
            raise fault(source, number, f"expected {len(names)} cells, got {len(row)}")
        numbers.append(number)
        for cell, column in zip(row, table.values(), strict=True):
            column.append(cell)
    return assembled(
        called(source),
        table,
        time=time,
        columns=columns,
        labels=labels,
        skip=skip,
        time_format=time_format,
        decimal=decimal,
        rows=numbers,
    )


def _rows(source: Source, delimiter: str | None, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line of each row, and its cells. Empty lines are none."""
    number = 0

    def text() -> Iterator[str]:
        nonlocal number
        for at, line in numbered:
            number = at
            yield line + "\n"

    numbered = lines(source, encoding)
    before = next(numbered, None)
    if before is None:
        return
    if delimiter is None:
        delimiter = max(",;\t|", key=before[1].count)
    numbered = _again(before, numbered)
    try:
        for row in csv.reader(text(), delimiter=delimiter, skipinitialspace=True):
            if row:
                yield number, row
    except csv.Error as error:
        raise fault(source, number, f"expected comma-separated values: {error}") from None


def _again(first: Item, others: Iterator[Item]) -> Iterator[Item]:
    """Yield what was taken from an iterator to look at it, and then the others."""
    yield first
    yield from others
