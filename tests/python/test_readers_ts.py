"""Files .ts of the UCR and UEA archives."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from rustlstm.datasets import read_ts

pytestmark = pytest.mark.once

HEAD = "# a note\n@problemName Two\n@timeStamps false\n@univariate false\n@dimension 2\n@classLabel true a b\n@data\n"


def test_several_channels_of_different_lengths() -> None:
    x, y, header = read_ts(io.StringIO(HEAD + "1,2,3:4,?,6:a\n\n-1.5e1:NaN:b\n"))
    assert y == ["a", "b"] and [each.dtype for each in x] == [np.float32] * 2
    np.testing.assert_array_equal(x[0], [[1, 4], [2, np.nan], [3, 6]])
    np.testing.assert_array_equal(x[1], [[-15, np.nan]])
    assert header["problemname"] == "Two" and header["classlabel"] == "true a b"


def test_one_channel() -> None:
    x, y, _ = read_ts(io.StringIO("@univariate true\n@CLASSLABEL TRUE 1 2\n@DATA\n1,2:2\n3:1\n"))
    assert [each.tolist() for each in x] == [[[1], [2]], [[3]]] and y == ["2", "1"]


def test_numbers_as_labels_and_none() -> None:
    x, y, _ = read_ts(io.StringIO("@targetLabel true\n@data\n1,2:3,4:0.5\n5:6:-1\n"))
    assert y.tolist() == [0.5, -1] and y.dtype == np.float32 and x[0].tolist() == [[1, 3], [2, 4]]
    x, y, _ = read_ts(io.StringIO("@classLabel false\n@data\n1,2:3,4\n"))
    assert y is None and x[0].tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file: expected a line @data, the file has none; is it a .ts file?"),
        ("a,b\n", "line 1: expected a line that begins with @ or #, until @data, got 'a,b'"),
        (HEAD, "line 7: expected series behind @data, there are none"),
        (HEAD + "1,2:a\n", "line 8: expected 2 channels, set apart by ':', got 1"),
        (HEAD + "1,2:1:a\n", "line 8: expected channels of the same length, got 2, 1"),
        (HEAD + "1,x:1,2:a\n", "line 8: expected numbers, set apart by ',', got 'x'"),
        (HEAD + "1,:1,2:a\n", "line 8: expected numbers, set apart by ',', got ''"),
        (HEAD + "1,2:1,1e39:a\n", "line 8: expected numbers that float32 can hold, got '1e39'"),
        (HEAD + "1,2:1,2:c\n", "line 8: expected a or b behind the last ':', got 'c'"),
        (HEAD + "1,2:1,2:\n", "line 8: expected a or b behind the last ':', got ''"),
        ("@data\n1:2\n1:2:3\n", "line 3: expected 2 channels, set apart by ':', got 3"),
        ("@timeStamps true\n@data\n(0,1):a\n", "line 2: expected values without time stamps"),
        ("@dimension many\n@data\n1\n", "expected a number of channels behind @dimension, got 'many'"),
        ("@targetlabel true\n@data\n1:x\n", "line 3: expected a number behind the last ':', got 'x'"),
    ],
)
def test_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read_ts(io.StringIO(text))
