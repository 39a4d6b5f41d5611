"""Reads a secret's file without waiting on it, and replaces it whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import AgentError

LARGEST = 1024 * 1024
"""A `.env` file has hundreds of bytes; what is larger than this is some other file."""

_REMEDIES = {
    errno.EBUSY: "it is mounted by itself; mount its folder instead, so that it can be replaced",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "it is on a read-only file system",
    errno.EACCES: "permission denied; let the agent's user read the file and write to its folder",
    errno.EPERM: "not permitted; let the agent's user read the file and write to its folder",
    errno.ENOENT: "its folder does not exist",
    errno.ENOTDIR: "its folder is not a folder",
    errno.ELOOP: "its symbolic links lead in a circle",
}


class SourceError(AgentError):
    """A source cannot be read or written. The text names place, finding and remedy, never a value."""


def read_file(path: Path) -> bytes | None:
    """The content of a regular file; `None` if there is none. Raises `SourceError`.

    A FIFO or a device is opened without waiting, and refused.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _source_error(path, "cannot be read", error) from None
    try:
        return _content(path, descriptor)
    except OSError as error:
        raise _source_error(path, "cannot be read", error) from None
    finally:
        os.close(descriptor)


def _content(path: Path, descriptor: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise SourceError(f"{path}: not a regular file")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise SourceError(f"{path}: larger than {LARGEST // 1024} kB; is it the right file?")
    return content


def rewrite_file(path: Path, edit: Callable[[bytes], bytes]) -> None:
    """Replace a file by its edited self, mode 0600, in one step. Raises `SourceError`.

    Readers see the old content or the new, and so does whoever comes after a crash. The folder
    is locked against other agents meanwhile.
    """
    try:
        with _locked_folder(path) as folder:
            _refuse_what_is_not_ours(path, folder)
            _replace(path.name, folder, edit(read_file(path) or b""))
    except OSError as error:
        raise _source_error(path, "cannot be written", error) from None


@contextmanager
def _locked_folder(path: Path) -> Iterator[int]:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SourceError(f"{path}: another process is writing to its folder; try again") from None
        yield folder
    finally:
        os.close(folder)


def _refuse_what_is_not_ours(path: Path, folder: int) -> None:
    """Refuse what a rename would break: a link's target, another user's access, a second name."""
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise SourceError(f"{path}: a symbolic link is not written to; name the file that it leads to")
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"{path}: not a regular file")
    if found.st_uid != os.geteuid():
        raise SourceError(
            f"{path}: belongs to user {found.st_uid}, and the agent runs as {os.geteuid()}; "
            "a file of mode 0600 serves one user only, so run both as the same"
        )
    if found.st_nlink > 1:
        raise SourceError(f"{path}: has {found.st_nlink} names (hard links), and only one would change")


def _replace(name: str, folder: int, content: bytes) -> None:
    _sweep(name, folder)
    new = f".{name}.{secrets.token_hex(6)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise
    os.fsync(folder)


def _sweep(name: str, folder: int) -> None:
    """Take away what a write that was killed has left; the lock says that none is under way."""
    for left in os.listdir(folder):
        if left.startswith(f".{name}.") and left.endswith(".new") and len(left) == len(name) + 18:
            with suppress(OSError):
                os.unlink(left, dir_fd=folder)


def exposure(path: Path) -> str | None:
    """Why a secret's file can be read by more users than one; `None` if it cannot."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    whom = "every user" if mode & stat.S_IROTH else "its group"
    return f"{path}: can be read by {whom} (mode {stat.S_IMODE(mode):04o}); chmod 600 it"


def _source_error(path: Path, what: str, error: OSError) -> SourceError:
    remedy = _REMEDIES.get(error.errno or 0) or error.strerror or type(error).__name__
    return SourceError(f"{path}: {what}: {remedy}")
