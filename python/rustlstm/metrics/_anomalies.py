"""How many anomalies an alarm found: counted by window and by alarm, not by step.

A window that is long would outweigh all others if steps were counted, and one alarm within it is all that is needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._options import count
from ._checks import Index, integers


class AnomalyScore(NamedTuple):
    """What came of the alarms.

    Attributes:
        windows: how many windows there are.
        found: how many of them have an alarm.
        alarms: how many alarms there are, those that were merged as one.
        outside: how many of them touch no window.
    """

    windows: int
    found: int
    alarms: int
    outside: int

    @property
    def recall(self) -> float:
        """The share of windows that were found; 1 where there are none."""
        return self.found / self.windows if self.windows else 1.0

    @property
    def precision(self) -> float:
        """The share of alarms that are in a window; 1 where there are none."""
        return 1 - self.outside / self.alarms if self.alarms else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


def anomaly_windows(y_true: Any, y_pred: Any, *, merge: int = 0) -> AnomalyScore:
    """Return how many labelled windows contain an alarm, and how many alarms are outside.

    Args:
        y_true: truth values [T], whose runs are the windows; or [W, 2] with the begin and end of each window; the
            step at the end is not in it.
        y_pred: truth values [T], or the steps at which there is an alarm.
        merge: alarms that are at most so many steps apart are one alarm, which is in a window if any of them is.

    >>> anomaly_windows([(10, 20), (50, 60)], [12, 13, 30, 31], merge=1)
    AnomalyScore(windows=2, found=1, alarms=2, outside=1)
    """
    merge = count("merge", merge, 0)
    bools = [np.asarray(each) for each in (y_true, y_pred)]
    flags = [each.dtype == np.bool_ and each.ndim == 1 for each in bools]
    if all(flags) and len(bools[0]) != len(bools[1]):
        raise ValueError(f"y_pred must have {len(bools[0])} steps, as y_true has, got {len(bools[1])}")
    windows = _runs(bools[0]) if flags[0] else _windows(y_true)
    steps = np.flatnonzero(bools[1]) if flags[1] else np.unique(integers("y_pred", y_pred))
    if steps.ndim != 1 or (len(steps) and steps[0] < 0):
        raise ValueError("y_pred must be truth values [T] or steps from 0 on")
    inside = np.zeros(len(steps), bool)
    found = 0
    for begin, end in windows.tolist():
        hit = (begin <= steps) & (steps < end)
        inside |= hit
        found += bool(hit.any())
    alarm = np.cumsum(np.diff(steps, prepend=steps[:1]) > merge)  # the number of the alarm of each step
    alarms = int(alarm[-1]) + 1 if len(alarm) else 0
    return AnomalyScore(len(windows), found, alarms, alarms - len(np.unique(alarm[inside])))


def anomaly_f1(y_true: Any, y_pred: Any, *, merge: int = 0) -> float:
    """Return the harmonic mean of the shares of windows found and of alarms inside; see ``anomaly_windows``."""
    return anomaly_windows(y_true, y_pred, merge=merge).f1


def _runs(flags: Any) -> Index:
    """Return begin and end of each run of true steps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def _windows(given: Any) -> Index:
    windows = integers("y_true", given)
    if windows.size == 0:
        return windows.reshape(0, 2)
    if windows.ndim != 2 or windows.shape[1] != 2:
        raise ValueError(f"y_true must be truth values [T] or windows [W, 2], got shape {list(windows.shape)}")
    if (windows[:, 0] >= windows[:, 1]).any() or (windows < 0).any():
        raise ValueError("y_true must have windows (begin, end) with 0 <= begin < end")
    return windows
