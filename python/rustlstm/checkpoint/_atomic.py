"""Writing a file whole or not at all, whatever fails and whenever the process dies.

The bytes go to a temporary file beside the target and to the disk; only then is it renamed into place, which the system
does at once. So under the name there is, at every moment, the old file or the new one.

    write beside  ->  fsync  ->  rename  ->  fsync of the folder

The old file, where it is to be kept, gets a second name before that and the name ``.previous`` after it: a file under
``.previous`` is not replaced before the new one is safe.

A temporary file is locked while its process lives, so the next save can tell what a dead one left behind.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

if sys.platform != "win32":
    import fcntl

PathLike: TypeAlias = str | os.PathLike[str]

# Windows has no locks of this kind, keeps open files from being renamed, and cannot open folders.
POSIX = os.name == "posix"
PREVIOUS = ".previous"
SUFFIX = ".tmp"
# Where nothing can be locked, a temporary file of this age in seconds belongs to nobody any more.
ABANDONED = 3600.0
# Bytes for one call of write: so many that the call does not count, so few that Ctrl-C is not kept waiting.
PIECE = 1 << 24


def write_atomically(path: PathLike, parts: Iterable[bytes | memoryview], keep_previous: bool = True) -> None:
    """Replace the file at ``path``, or make it; on an error the old file is as it was and nothing else is left.

    Args:
        path: the file. Of a symbolic link, the file that it leads to.
        parts: its bytes, one after another.
        keep_previous: keep the file that is replaced as ``path`` with ``.previous`` behind it.

    An error after the renaming, from the folder's fsync say, is raised too; then the new file is there, whole.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = _mode(target)
        _remove_abandoned(target)
        _replace(target, parts, mode, keep_previous and mode is not None)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"saving failed: {reason}", os.fspath(path)) from error


def previous(path: PathLike) -> Path:
    """Return the path of the file that was kept when the one at ``path`` was replaced."""
    target = Path(os.path.realpath(path))
    return target.with_name(target.name + PREVIOUS)


def _mode(target: Path) -> int | None:
    """Return the permissions of the file that is to be replaced, if there is one."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "there is something that is not a file")
    return stat.S_IMODE(mode)


def _replace(target: Path, parts: Iterable[bytes | memoryview], mode: int | None, keep: bool) -> None:
    new, descriptor = _create(target)
    old = _beside(target)
    try:
        try:
            if mode is not None:
                os.chmod(new, mode)
            for part in parts:
                _write(descriptor, part)
            _to_disk(descriptor)
            if keep:
                _second_name(target, old)
            if not POSIX:
                descriptor = _closed(descriptor)
            _rename(new, target)
        finally:
            _closed(descriptor)
        if keep:
            # Another process that saves the same file may have taken the old one away as left behind.
            with suppress(FileNotFoundError):
                _rename(old, previous(target))
        _folder_to_disk(target.parent)
    finally:
        for leftover in (new, old):
            with suppress(OSError):
                leftover.unlink()


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.urandom(8).hex()}{SUFFIX}")


def _create(target: Path) -> tuple[Path, int]:
    """Return a new temporary file, open and locked."""
    while True:
        path = _beside(target)
        # Without O_BINARY, Windows would change line ends.
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o666)
        mine = False
        try:
            # Another process may have taken it for abandoned, in the moment before it was locked.
            mine = _locked(descriptor) is not False and path.exists()
            if mine:
                return path, descriptor
        finally:
            if not mine:
                os.close(descriptor)
                with suppress(OSError):
                    path.unlink()


def _locked(descriptor: int) -> bool | None:
    """Lock a file, and say whether that went well; ``None`` where files cannot be locked."""
    if not POSIX:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _write(descriptor: int, part: bytes | memoryview) -> None:
    rest = memoryview(part)
    while rest:
        written = os.write(descriptor, rest[:PIECE])
        if not written:
            raise OSError(errno.EIO, "the system wrote nothing and gave no reason")
        rest = rest[written:]


def _to_disk(descriptor: int) -> None:
    if sys.platform == "darwin":
        # fsync leaves the bytes in the drive's own memory there.
        with suppress(OSError):  # not every file system has it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _closed(descriptor: int) -> int:
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def _second_name(target: Path, name: Path) -> None:
    """Give the file a second name; where files have only one, make a copy."""
    try:
        os.link(target, name)
    except OSError:
        import shutil  # rarely needed, and slow to import

        with open(target, "rb") as source, open(name, "xb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            _to_disk(copy.fileno())


def _rename(source: Path, target: Path) -> None:
    for pause in () if POSIX else (0.01, 0.1, 0.5):
        # It refuses while somebody reads the file.
        with suppress(PermissionError):
            os.replace(source, target)
            return
        time.sleep(pause)
    os.replace(source, target)


def _folder_to_disk(folder: Path) -> None:
    if not POSIX:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems, of networks and in user space, have no such thing for folders; that is no failure.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _remove_abandoned(target: Path) -> None:
    """Remove the temporary files of processes that died while they saved this file."""
    # Who cannot look around can still save.
    with suppress(OSError):
        with os.scandir(target.parent) as entries:
            names = [e.name for e in entries if e.name.startswith(f".{target.name}.") and e.name.endswith(SUFFIX)]
        for name in names:
            _remove_if_abandoned(target.with_name(name))


def _remove_if_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        locked = _locked(descriptor)
        if locked is None:
            locked = time.time() - os.fstat(descriptor).st_mtime > ABANDONED
            if not POSIX:
                descriptor = _closed(descriptor)
        if locked:
            path.unlink()
    finally:
        # Only now, or somebody could take the name over in between.
        _closed(descriptor)
