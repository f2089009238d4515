"""Saving while everything goes wrong: each system call fails, the disk is full, processes meet or are killed."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rustlstm.checkpoint import _atomic, load_state, save_state, write_atomically

pytestmark = pytest.mark.once
posix = pytest.mark.skipif(os.name != "posix", reason="this system has nothing like it")

# The system calls of a save, each of which is made to fail.
CALLS = ("open", "chmod", "write", "fsync", "link", "replace", "close", "scandir", "unlink", "stat")


class Failing:
    """Counts the system calls of `os`, and lets the one with a number fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, how: str) -> None:
        self.number, self.how, self.calls = number, how, []
        for name in CALLS:
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) != self.number:
                return real(*args, **kwargs)
            if name == "write" and self.how == "short":
                return real(args[0], args[1][: max(1, len(args[1]) // 3)])
            if name == "close":  # what is closed is closed, even if that says otherwise
                real(*args)
            if self.how == "short":
                return real(*args, **kwargs) if name != "close" else None
            if self.how == "Ctrl-C":
                raise KeyboardInterrupt
            raise OSError(getattr(errno, self.how), "made to fail")

        return call


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("how", ["ENOSPC", "EIO", "EACCES", "ENOENT", "short", "Ctrl-C"])
def test_each_system_call_fails_in_turn(tmp_path: Path, how: str, keep: bool) -> None:
    path, parts = tmp_path / "file", [b"new " * 100, memoryview(b"er" * 100)]
    outcomes, number = set(), 0
    while True:
        number += 1
        for name in names(tmp_path):
            (tmp_path / name).unlink()
        path.write_bytes(b"old")
        (tmp_path / "file.previous").write_bytes(b"older")
        raised: BaseException | None = None
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, number, how)
            try:
                write_atomically(path, parts, keep)
            except (OSError, KeyboardInterrupt) as error:
                raised = error
        if len(failing.calls) < number:
            break
        call = failing.calls[number - 1]
        what = f"call {number}, {call}: {how}"
        content = path.read_bytes()
        assert content in (b"old", b"".join(parts)), what
        # Only what comes after the renaming may fail with the new file in place.
        before = "replace" not in failing.calls[:number] or failing.calls[:number].index("replace") == number - 1
        assert not (raised and before and content != b"old"), what
        assert raised or content != b"old", what
        if isinstance(raised, OSError):
            assert raised.filename == str(path) and raised.errno, what
            assert "saving failed" in str(raised)
        assert (tmp_path / "file.previous").read_bytes() in (b"older", b"old"), what
        if call != "unlink":
            assert names(tmp_path) == ["file", "file.previous"], what
        outcomes.add((call, type(raised).__name__))
    assert number > (12 if keep else 9)
    if how == "short":
        assert {kind for _, kind in outcomes} == {"NoneType"}
    else:
        assert len({call for call, kind in outcomes if kind != "NoneType"}) >= 5, outcomes


def test_a_write_that_writes_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda descriptor, data: 0)
    with pytest.raises(OSError, match="saving failed: the system wrote nothing"):
        write_atomically(tmp_path / "file", [b"new"])
    assert not names(tmp_path)


def test_parts_that_fail(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError("no more")

    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more"):
        write_atomically(tmp_path / "file", parts())
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == b"old"


def test_the_previous_one_is_kept(tmp_path: Path) -> None:
    for content in (b"1", b"2", b"3"):
        write_atomically(tmp_path / "file", [content])
    assert [(name, (tmp_path / name).read_bytes()) for name in names(tmp_path)] == [
        ("file", b"3"),
        ("file.previous", b"2"),
    ]
    write_atomically(tmp_path / "file", [b"4"], keep_previous=False)
    assert (tmp_path / "file.previous").read_bytes() == b"2"


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    test_the_previous_one_is_kept(tmp_path)


@posix
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_where_folders_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, "not of a folder")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    test_the_previous_one_is_kept(tmp_path)


def test_as_windows_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No locks, no folders to sync, and a reader in the way of the renaming."""
    monkeypatch.setattr(_atomic, "POSIX", False)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    real, refusals = os.replace, [2]

    def replace(source: Path, target: Path) -> None:
        if refusals[0]:
            refusals[0] -= 1
            raise PermissionError(errno.EACCES, "somebody reads it")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    (tmp_path / ".file.0123.tmp").write_bytes(b"of somebody alive")
    write_atomically(tmp_path / "file", [b"1"])
    assert names(tmp_path) == [".file.0123.tmp", "file"]
    os.utime(tmp_path / ".file.0123.tmp", (0, 0))
    write_atomically(tmp_path / "file", [b"2"])
    assert names(tmp_path) == ["file", "file.previous"]
    refusals[0] = 100
    with pytest.raises(PermissionError, match="saving failed: somebody reads it"):
        write_atomically(tmp_path / "file", [b"3"])
    assert (tmp_path / "file").read_bytes() == b"2" and names(tmp_path) == ["file", "file.previous"]


@posix
def test_links_and_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "file", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_atomically(link, [b"new"])
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(target.parent) == ["file", "file.previous"]
    mask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "fresh", [b"new"])
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


def test_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"saving failed: .*absent"):
        write_atomically(tmp_path / "absent" / "file", [b""])
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"something that is not a file: .*folder"):
        write_atomically(tmp_path / "folder", [b""])
    assert names(tmp_path) == ["folder"]


@posix
def test_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    import fcntl

    dead, alive, other = (tmp_path / name for name in (".file.1.tmp", ".file.2.tmp", ".file2.1.tmp"))
    for path in (dead, alive, other):
        path.write_bytes(b"half")
    with open(alive, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_atomically(tmp_path / "file", [b"new"])
        assert names(tmp_path) == [".file.2.tmp", ".file2.1.tmp", "file"]


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    start = "import sys\nimport numpy as np\nfrom rustlstm.checkpoint import load_state, save_state\n"
    command = [sys.executable, "-c", start + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@posix
def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save_state(path, {"number": 1})
    process = child(
        """
        import errno, resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            save_state(sys.argv[1], {"number": 2, "x": np.zeros(10_000)})
        except OSError as error:
            assert error.errno == errno.EFBIG and error.filename == sys.argv[1], error
        else:
            sys.exit("saved what does not fit")
        save_state(sys.argv[1], {"number": 3})
        """,
        path,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert load_state(path) == {"number": 3}
    assert load_state(tmp_path / "state.previous") == {"number": 1}
    assert names(tmp_path) == ["state", "state.previous"]


SAVER = """
    path, who, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print("ready", flush=True)
    for number in range(count):
        save_state(path, {"who": who, "number": number, "x": np.full(2_000 + 1_000 * who, number)})
"""


@posix
def test_two_save_and_one_reads(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save_state(path, {"who": 0, "number": 0, "x": np.full(2_000, 0)})
    savers = [child(SAVER, path, who, 60) for who in (0, 1)]
    reads = 0
    while any(saver.poll() is None for saver in savers):
        # A warning, of a file that had to be replaced by the one before, is an error here.
        state = load_state(path)
        assert (state["x"] == state["number"]).all() and len(state["x"]) == 2_000 + 1_000 * state["who"]
        reads += 1
    for saver in savers:
        _, err = saver.communicate(timeout=60)
        assert saver.returncode == 0, err
    assert reads > 10
    assert names(tmp_path) == ["state", "state.previous"]
    assert load_state(tmp_path / "state.previous")["number"] >= 0


@posix
@pytest.mark.parametrize("kills", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_at_any_moment(tmp_path: Path, kills: int) -> None:
    path, rng = tmp_path / "state", np.random.default_rng(kills)
    save_state(path, {"number": -1, "x": np.full(1, -1)})
    left_behind = 0
    for _ in range(kills):
        process = child(
            """
            number = load_state(sys.argv[1])["number"]
            print("ready", flush=True)
            while True:
                number += 1
                save_state(sys.argv[1], {"number": number, "x": np.full(number % 7 * 10_000, number)})
                print(number, flush=True)
            """,
            path,
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(float(rng.uniform(0, 0.05)))
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert not err
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            state = load_state(path)
        # Nothing that was said to be saved is lost.
        assert state["number"] >= int(out.split()[-1] if out.split() else -1)
        assert (state["x"] == state["number"]).all()
        left_behind += len(names(tmp_path)) > 2
        assert len(names(tmp_path)) <= 4, "what earlier processes left was not removed"
    print(f"killed {kills} times, {left_behind} of them within a save: 0 unreadable, 0 lost")
    assert left_behind
    save_state(path, {"number": -2})
    assert names(tmp_path) == ["state", "state.previous"]
