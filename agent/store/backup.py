"""Backups: a journal as it is at one instant, in a file of its own that only its owner can read."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

KEPT = 2
"""So many journals from before a change of the schema are kept."""


def back_up(source: sqlite3.Connection, target: Path) -> None:
    """Copy all that is committed, in one go, and sync it; writers go on meanwhile.

    The target is there whole or not at all, and replaces one of its name.
    """
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        _copy(source, part)
        _sync(part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def keep_former(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Keep the journal as it is before the schema goes to `version`; the latest few are kept."""
    back_up(connection, path.with_name(f"{path.name}.before-{version}"))
    for former in kept_formers(path)[:-KEPT]:
        former.unlink(missing_ok=True)


def kept_formers(path: Path) -> list[Path]:
    """The journals of former schemas that lie in the folder, the oldest schema first."""
    found = [
        (int(number), one)
        for one in path.parent.glob(f"{path.name}.before-*")
        if (number := one.name.rpartition("-")[2]).isdecimal()
    ]
    return [one for _, one in sorted(found)]


def _copy(source: sqlite3.Connection, target: Path) -> None:
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        copy.execute("PRAGMA synchronous = OFF")  # it is synced once, as a whole
        copy.execute("PRAGMA journal_mode = OFF")
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a `-wal`
    finally:
        copy.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
