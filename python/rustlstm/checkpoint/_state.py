"""A state on disk: nested dicts and lists of numbers, texts and arrays, for resuming where a run stopped."""

from __future__ import annotations

import errno
import os
import warnings
from typing import Any

from ._atomic import PathLike, previous
from ._record import read_record, write_record
from ._tensors import DamagedFileError, load_tensors, save_tensors


def save_state(path: PathLike, state: Any) -> None:
    """Write a state to a file; the one before is kept as ``path`` with ``.previous`` behind it.

    Args:
        path: the file.
        state: dicts with string keys, lists and tuples of None, bool, int, float, str, arrays and numbers of numpy's.

    >>> import tempfile, numpy as np
    >>> path = tempfile.mkdtemp() + "/run.state"
    >>> save_state(path, {"epoch": 3, "loss": float("inf"), "shape": (2, 3), "moments": [np.zeros(2)]})
    >>> load_state(path)
    {'epoch': 3, 'loss': inf, 'shape': (2, 3), 'moments': [array([0., 0.])]}
    """
    metadata, arrays = write_record("state", state)
    save_tensors(path, arrays, metadata, keep_previous=True)


def load_state(path: PathLike) -> Any:
    """Read a state; if its file is damaged or gone, the one before it, with a warning.

    Whatever a file says, what is read has no more than its size and 4,194,304 values of about 100 bytes beside arrays.

    Raises:
        DamagedFileError: if the one before it is damaged too, or not there.
    """
    try:
        return _load(path)
    except (DamagedFileError, OSError) as problem:
        before = previous(path)
        # A disk that cannot read is a damaged file too.
        lost = isinstance(problem, DamagedFileError) or problem.errno in (errno.ENOENT, errno.EIO)
        if not lost or not before.exists():
            raise
        try:
            state = _load(before)
        except (DamagedFileError, OSError) as second:
            raise DamagedFileError(f"{problem}; and so is the one before it: {second}") from problem
        warnings.warn(f"{problem}. The state before it, {before}, was taken instead", RuntimeWarning, stacklevel=2)
        return state


def _load(path: PathLike) -> Any:
    arrays, metadata = load_tensors(path)
    return read_record(os.fspath(path), "state", metadata, arrays)
