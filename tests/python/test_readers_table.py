"""Tables out of files and frames: numbers, times, words, what is missing, and what is refused."""

from __future__ import annotations

import datetime
import gzip
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import calendar, from_frame, read_csv

pytestmark = pytest.mark.once


def text(*lines: str) -> io.StringIO:
    return io.StringIO("".join(line + "\n" for line in lines))


def days(*written: str) -> list[np.datetime64]:
    return [np.datetime64(each, "us") for each in written]


LINES = ("day,load,sky,wind", "2024-01-30,1.5,clear,3", "2024-01-31,,rain,NA", "2024-02-01,-2e3,,7")


def test_a_table() -> None:
    table = read_csv(text(*LINES), labels=["sky"])
    assert table.columns == ("load", "wind") and len(table) == 3
    assert table.values.dtype == np.float32
    np.testing.assert_array_equal(table.values, np.array([[1.5, 3], [np.nan, np.nan], [-2000, 7]], np.float32))
    assert table.times is not None and table.times.tolist() == days("2024-01-30", "2024-01-31", "2024-02-01")
    assert table.labels["sky"].tolist() == ["clear", "rain", ""]
    assert table.missing == {"load": 1, "wind": 1, "sky": 1}
    assert table.step == np.timedelta64(1, "D")
    assert table["wind"].tolist()[::2] == [3, 7] and table["sky"][1] == "rain"
    assert repr(table) == ("Table(3 rows of load, wind, labels sky, 2024-01-30 to 2024-02-01, 3 values missing)")
    with pytest.raises(KeyError, match="'rain'; there are load, wind"):
        table["rain"]


def test_choice_of_columns() -> None:
    assert read_csv(text(*LINES), skip=["sky"]).columns == ("load", "wind")
    table = read_csv(text(*LINES), columns=["wind", "load"])
    assert table.columns == ("wind", "load") and table.times is not None and not table.labels
    np.testing.assert_array_equal(table.values, read_csv(text(*LINES), skip=["sky"]).values[:, ::-1])
    np.testing.assert_array_equal(read_csv(text(*LINES), skip=["sky"]).only("wind", "load").values, table.values)
    assert read_csv(text(*LINES), labels=["sky", "day"]).times is None
    assert read_csv(text(*LINES), skip=["sky", "day"]).times is None


@pytest.mark.parametrize("name", ["plain.csv", "packed.csv.gz", "packed without a name for it.csv"])
def test_files(tmp_path: Path, name: str) -> None:
    raw = "\r\n".join(["\ufeff" + LINES[0], *LINES[1:]]).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw) if "packed" in name else raw)
    expected = read_csv(text(*LINES), labels=["sky"])
    for source in (path, str(path), io.BytesIO(path.read_bytes()), path.open("rb")):
        table = read_csv(source, labels=["sky"])
        np.testing.assert_array_equal(table.values, expected.values)
        assert table.columns == expected.columns and table.labels["sky"].tolist() == expected.labels["sky"].tolist()
        if isinstance(source, io.BufferedReader):
            assert not source.closed  # what somebody else has opened stays open
            source.close()


@pytest.mark.parametrize(
    ("lines", "options", "values"),
    [
        (("a;b", "1,5;2", "3;4"), {"decimal": ","}, [[1.5, 2], [3, 4]]),
        (("a\tb", "1\t2"), {}, [[1, 2]]),
        (("a|b", "1|2"), {}, [[1, 2]]),
        (("a b", "1 2"), {"delimiter": " "}, [[1, 2]]),
        (("1,2", "3,4"), {"header": False}, [[1, 2], [3, 4]]),
        (("a, b", "1, 2", "", "3, 4"), {}, [[1, 2], [3, 4]]),
        (('"a","b"', '"1","2"'), {}, [[1, 2]]),
        (("a", "1", "2"), {}, [[1], [2]]),
        (("year,b", "1981,2"), {}, [[1981, 2]]),
        (("a,b",), {}, np.zeros((0, 2))),
    ],
)
def test_forms(lines: tuple[str, ...], options: dict[str, Any], values: Any) -> None:
    table = read_csv(text(*lines), **options)
    assert table.values.tolist() == np.asarray(values).tolist() and table.values.shape[1] == len(table.columns)
    assert table.times is None and table.step is None and table.missing == {}


@pytest.mark.parametrize(
    ("written", "time_format", "expected"),
    [
        (["2024-01-02", "2024-01-03"], None, ["2024-01-02", "2024-01-03"]),
        (["2024-01-02 03:04", "2024-01-02T03:04:05.5"], None, ["2024-01-02T03:04", "2024-01-02T03:04:05.5"]),
        (["2024-01-02T03:04:05Z", "2024-01-02T03:04:05+02:00"], None, ["2024-01-02T03:04:05", "2024-01-02T01:04:05"]),
        (["2024-01", "2024-02"], None, ["2024-01-01", "2024-02-01"]),
        (["2024/01/02 03:04:05"], None, ["2024-01-02T03:04:05"]),
        (["02.01.2024", "03.01.2024"], None, ["2024-01-02", "2024-01-03"]),
        (["1/2/2024", "1/13/2024"], None, ["2024-01-02", "2024-01-13"]),
        (["1/2/2024", "13/2/2024"], None, ["2024-02-01", "2024-02-13"]),
        (["2/2/2024", "3/3/2024"], None, ["2024-02-02", "2024-03-03"]),
        (["1/2/2024"], "%d/%m/%Y", ["2024-02-01"]),
        (["1/13/2024 5:07 PM"], None, ["2024-01-13T17:07"]),
        (["20240102"], None, ["2024-01-02"]),
        (["2 Jan 2024"], None, ["2024-01-02"]),
        (["86400", "1.5"], "s", ["1970-01-02", "1970-01-01T00:00:01.5"]),
        (["1500"], "ms", ["1970-01-01T00:00:01.5"]),
    ],
)
def test_times(written: list[str], time_format: str | None, expected: list[str]) -> None:
    lines = ["a;when", *(f"1;{each}" for each in written)]
    table = read_csv(text(*lines), time="when", time_format=time_format)
    assert table.times is not None and table.times.tolist() == days(*expected)
    assert table.columns == ("a",)


@pytest.mark.parametrize(
    ("lines", "options", "says"),
    [
        ((), {}, "the file: expected a table, the file is empty"),
        (("a,b", "1,2", "3"), {}, "the file, line 3: expected 2 cells, got 1"),
        (
            ("a,b", "1,2", "", "3,x"),
            {},
            "the file, line 4, column 'b': expected a number, got 'x'; declare the column in",
        ),
        (("1,2", "3,x"), {"header": False}, "the file, line 2, column '1': expected a number, got 'x'"),
        (("a,b", '"1\n",2', "3,x"), {}, "the file, line 4, column 'b': expected a number, got 'x'"),
        (("a,a", "1,2"), {}, "the file, line 1: expected columns of different names, 'a' is there twice"),
        (("a", "1e39"), {}, "the file, line 2, column 'a': expected a number that float32 can hold, got 1e"),
        (("a,b", "1,2"), {"time": "t"}, "time must name columns of the file, which has no 't', but a, b"),
        (("a,b", "1,2"), {"columns": ["c"]}, "columns must name columns of the file, which has no 'c', but a, b"),
        (("a,b", "1,2"), {"labels": ["c"]}, "labels must name columns"),
        (("a,b", "1,2"), {"skip": ["c"]}, "skip must name columns"),
        (
            ("t,b", "5,2"),
            {"time": "t"},
            "the file, line 2, column 't': expected a time as 2024-01-31 12:00:00, got '5'",
        ),
        (("t,b", "2024-01-01,2", ",3"), {}, "the file, line 3, column 't': expected a time"),
        (("t,b", "2024-01-01,2", "2024-02-30,3"), {}, "the file, line 3, column 't': expected a time"),
        (("t,b", "2024-01-01,2", "2024-01-01 12>00,3"), {}, "the file, line 3, column 't': expected a time"),
        (("t,b", "2024-01-01,2", "today,3"), {}, "the file, line 3, column 't': expected a time"),
        (("t,b", "2024-01-01,2", "NaT,3"), {}, "the file, line 3, column 't': expected a time"),
        (
            ("t,b", "1/2/2024,2"),
            {},
            "line 2, column 't': '1/2/2024' may be meant as %m/%d/%Y or as %d/%m/%Y; say which",
        ),
        (("t,b", "x,2"), {"time": "t", "time_format": "%Y"}, "line 2, column 't': expected a time as %Y, got 'x'"),
        (
            ("t,b", "x,2"),
            {"time": "t", "time_format": "s"},
            "line 2, column 't': expected a number since 1970, got 'x'",
        ),
        (("t,b", "inf,2"), {"time": "t", "time_format": "s"}, "expected a number since 1970, got 'inf'"),
        (("t,b", "1e30,2"), {"time": "t", "time_format": "s"}, "expected a number since 1970, got '1e30'"),
        (("a\0b",), {}, "the file, line 1: expected text, got a zero byte; is this a binary file?"),
        (('a,"' + "x" * 200_000,), {}, "expected comma-separated values: field larger than field limit"),
    ],
)
def test_refused(lines: tuple[str, ...], options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read_csv(text(*lines), **options)


def test_a_name_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match="labels must be a list of names, got the string 'sky'"):
        read_csv(text(*LINES), labels="sky")


def test_one_hot() -> None:
    table = read_csv(text(*LINES, "2024-02-02,1,clear,1"), labels=["sky"]).with_one_hot("sky")
    assert table.columns == ("load", "wind", "sky=clear", "sky=rain")
    assert table.values[:, 2:].tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]
    with pytest.raises(ValueError, match="label must be 'sky', got 'wind'"):
        table.with_one_hot("wind")
    with pytest.raises(ValueError, match="'sky=clear' is there twice"):
        table.with_one_hot("sky")


def test_calendar() -> None:
    times = np.arange("2023-12-25", "2025-01-10", np.timedelta64(90, "m"), dtype="datetime64[m]")
    found = calendar(times, "hour", "weekday", "month", "yearday")
    assert found.dtype == np.float32 and found.shape == (len(times), 8)
    slow = []
    for time in times.astype("datetime64[s]").tolist():
        day = (time - datetime.datetime(time.year, time.month, time.day)).total_seconds() / 86400
        year = (datetime.datetime(time.year + 1, 1, 1) - datetime.datetime(time.year, 1, 1)).days
        shares = [day, (time.weekday() + day) / 7, (time.month - 1) / 12, (time.timetuple().tm_yday - 1) / year]
        slow.append([wave(2 * np.pi * share) for share in shares for wave in (np.sin, np.cos)])
    np.testing.assert_allclose(found, slow, atol=1e-6)


def test_calendar_of_a_table() -> None:
    table = read_csv(text(*LINES), labels=["sky"]).with_calendar("weekday", "month")
    assert table.columns == ("load", "wind", "weekday_sin", "weekday_cos", "month_sin", "month_cos")
    np.testing.assert_array_equal(
        table.values[:, 2:], calendar(["2024-01-30", "2024-01-31", "2024-02-01"], "weekday", "month")
    )
    with pytest.raises(ValueError, match="a calendar needs times, and this table has none"):
        read_csv(text("a", "1")).with_calendar("hour")
    with pytest.raises(ValueError, match="parts must be .* got 'minute'"):
        calendar(["2024-01-01"], "minute")
    with pytest.raises(ValueError, match="a calendar needs parts: some of hour"):
        calendar(["2024-01-01"])


TIMES = np.array(["2024-01-01T00", "2024-01-01T01", "2024-01-01T02"], "datetime64[h]")


def test_arrays() -> None:
    fields = np.zeros(3, [("when", "datetime64[h]"), ("load", "f8"), ("sky", "U5")])
    fields["when"], fields["load"], fields["sky"] = TIMES, [1, 2, np.nan], ["rain", "", "sun"]
    table = from_frame(fields, labels=["sky"])
    assert (
        table.columns == ("load",)
        and table.times is not None
        and table.times.tolist() == TIMES.astype("M8[us]").tolist()
    )
    assert table.missing == {"load": 1, "sky": 1} and table.step == np.timedelta64(1, "h")
    plain = from_frame(np.arange(6).reshape(3, 2))
    assert plain.columns == ("0", "1") and plain.values.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert from_frame(np.arange(6).reshape(3, 2), names=["a", "b"], columns=["b"]).values.tolist() == [[1], [3], [5]]
    assert from_frame(np.arange(3.0)).values.tolist() == [[0], [1], [2]]


def test_a_dict_of_columns() -> None:
    zoned = [datetime.datetime(2024, 1, 1, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))] * 2
    table = from_frame({"when": zoned, "a": [1, None], "b": np.array([True, False]), "c": ["1.5", " 2 "]})
    assert table.times is not None and table.times.tolist() == days("2024-01-01T03", "2024-01-01T03")
    np.testing.assert_array_equal(table.values, np.array([[1, 1, 1.5], [np.nan, 0, 2]], np.float32))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    module = pytest.importorskip(library)
    hours = [datetime.datetime(2024, 1, 1, hour) for hour in range(3)]
    frame = module.DataFrame(
        {"when": hours, "load": [1.5, None, 3.0], "count": [1, 2, 3], "sky": ["sun", "rain", None]}
    )
    table = from_frame(frame, labels=["sky"])
    assert table.columns == ("load", "count") and table.missing == {"load": 1, "sky": 1}
    assert table.times is not None and table.times.tolist() == TIMES.astype("M8[us]").tolist()
    np.testing.assert_array_equal(table.values, np.array([[1.5, 1], [np.nan, 2], [3, 3]], np.float32))
    with pytest.raises(ValueError, match="the frame, row 0, column 'sky': expected a number, got 'sun'"):
        from_frame(frame)


def test_pandas_index_and_types() -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-01", periods=3, freq="h")
    frame = pandas.DataFrame({"load": pandas.array([1, None, 3], dtype="Int64")}, index=index)
    for each in (frame, frame.tz_localize("UTC")):
        table = from_frame(each)
        assert table.times is not None and table.times.tolist() == TIMES.astype("M8[us]").tolist()
        assert table.columns == ("load",) and table.missing == {"load": 1}
    frame["kind"] = pandas.Categorical(["a", "b", "a"])
    assert from_frame(frame, labels=["kind"]).labels["kind"].tolist() == ["a", "b", "a"]


class Frame:
    """What pandas and polars have in common, and no more is needed."""

    columns = ("when", "load")

    def __getitem__(self, name: str) -> Any:
        return {"when": TIMES, "load": np.array([1, 2, 3])}[name]


def test_anything_of_that_form() -> None:
    assert from_frame(Frame()).values.tolist() == [[1], [2], [3]]
    assert from_frame(Frame()).times is not None


@pytest.mark.parametrize(
    ("frame", "options", "error", "says"),
    [
        (3, {}, TypeError, "the frame must be of pandas or polars, a dict or an array, got int"),
        ({"a": [1, 2], "b": [1]}, {}, ValueError, "columns must be equally long, got {'a': 2, 'b': 1}"),
        ({"a": [1, "x"]}, {}, ValueError, "the frame, row 1, column 'a': expected a number, got 'x'"),
        ({"a": [1], "t": TIMES[:1]}, {}, ValueError, "the frame, column 't': expected numbers, got datetime64[h]"),
        ({"t": np.array([1, 2])}, {"time": "t"}, ValueError, "expected a time, got the number 1; say time_format='s'"),
        (
            {"t": np.array(["2024", "NaT"], "M8[Y]")},
            {},
            ValueError,
            "row 1, column 't': expected a time, there is none",
        ),
        (np.zeros((2, 2, 2)), {}, ValueError, "the frame must be an array [T, C] or [T], got shape [2, 2, 2]"),
        (np.zeros((2, 2)), {"names": ["a"]}, ValueError, "names must be 2 different ones, got ['a']"),
        ({"a": [1]}, {"names": ["a"]}, ValueError, "names are for an array [T, C]"),
    ],
)
def test_refused_frames(frame: Any, options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        from_frame(frame, **options)
