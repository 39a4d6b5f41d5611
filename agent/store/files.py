"""The journal's files: opened, recognised, and moved aside when they are damaged."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from agent.store.migrations import bring_forward
from agent.store.troubles import is_damage

SYNCHRONOUS = "FULL"
"""Every commit is on disk before it is told."""

WRITES = ("-wal", "-shm")
"""What SQLite keeps beside the file while it is in use."""

WAL_BYTES = 8 * 2**20
"""A `-wal` that has grown longer, behind a long reader say, is cut when its content is in the file."""

Identity = tuple[object, object]
"""Which files a path leads to: the journal, and its `-wal`."""


def connect(path: Path, patience_s: float, *, make: bool = True) -> sqlite3.Connection:
    """A connection; without `make` to a file that is there already."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if make else 'rw'}"
    connection = sqlite3.connect(uri, timeout=patience_s, isolation_level=None, uri=True)
    try:
        if make and not length(path):  # on a file with content it would write, at every start
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_file(path: Path, patience_s: float, *, is_doubtful: bool) -> sqlite3.Connection:
    """A connection to a journal of the present schema. Raises `StoreError` for a newer schema.

    After a sync that failed, what the `-wal` has may never have reached the disk although the
    system takes it for clean: of a doubtful file it is written anew, into the file itself.
    """
    connection = connect(path, patience_s)
    try:
        bring_forward(connection, path)
        if is_doubtful:
            checkpoint(connection)
    except BaseException:
        connection.close()
        raise
    path.chmod(0o600)
    return connection


def be_patient(connection: sqlite3.Connection, patience_s: float) -> None:
    """From now on wait so long for another program's lock."""
    connection.execute(f"PRAGMA busy_timeout = {int(patience_s * 1000)}")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Write all that the `-wal` has into the file itself. Raises when another program is in the way."""
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("database is locked")


def is_sound(path: Path, patience_s: float) -> bool:
    """Whether every page of the file is in order; reads the whole of it."""
    return _answers(path, patience_s, "PRAGMA quick_check(1)") == ("ok",)


def is_readable(path: Path, patience_s: float) -> bool:
    """Whether the file can be opened and its values be found; reads its first pages."""
    return _answers(path, patience_s, "SELECT count(*) FROM value") is not None


def identity(path: Path) -> Identity:
    """What the path leads to now."""
    return _inode(path), _inode(beside(path, "-wal"))


def size(path: Path) -> int:
    """In bytes, with the `-wal`; 0 for what is not there."""
    return length(path) + length(beside(path, "-wal"))


def length(path: Path) -> int:
    """In bytes, of one file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def set_aside(path: Path) -> Path:
    """Move a damaged journal out of the way, with what SQLite keeps beside it; its new name.

    The name tells when it was last written.
    """
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    name, number = beside(path, f".corrupt-{written_at:%Y%m%dT%H%M%SZ}"), 1
    while name.exists():
        number += 1
        name = name.with_name(f"{name.name.removesuffix(f'.{number - 1}')}.{number}")
    path.rename(name)
    for suffix in WRITES:
        if beside(path, suffix).exists():
            beside(path, suffix).rename(beside(name, suffix))
    return name


def asides(path: Path) -> list[Path]:
    """The damaged journals that lie in the folder."""
    return [
        one for one in sorted(path.parent.glob(f"{path.name}.corrupt-*")) if not one.name.endswith(WRITES)
    ]


def _answers(path: Path, patience_s: float, query: str) -> object:
    """The first row as a reader gets it; `None` where the file is damaged."""
    try:
        connection = connect(path, patience_s, make=False)
        try:
            return connection.execute(query).fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return None
        raise


def _inode(path: Path) -> object:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
