"""What an error of the store means: the disk's weather, a damaged file, or an entry's own fault. Pure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

WEATHER = (OSError, sqlite3.OperationalError, sqlite3.DatabaseError)
"""What may pass by itself: full, read-only, locked, failing disks. Asked after `FAULTS`."""

FAULTS = (
    sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError,
    ValueError, TypeError, OverflowError,
)  # fmt: skip
"""What lies in the values that were to be written, and would fail again on any disk."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TOO_SHORT = sqlite3.SQLITE_IOERR_SHORT_READ


def is_damage(error: BaseException) -> bool:
    """Whether the file itself is no whole database any more."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and (code == _TOO_SHORT or code & 0xFF in _DAMAGE)


def explain(path: Path, error: Exception) -> str:
    """The place, the finding and the remedy."""
    text = str(error)
    if "disk is full" in text or "No space" in text:
        return f"{path}: the disk is full; free some space, writing goes on by itself"
    if is_damage(error):
        return f"{path}: this is not a whole openbell journal ({text}); it is moved aside and a new one begun"
    if "locked" in text:
        return f"{path}: another program holds it ({text}); writing goes on when that lets go"
    if "disk I/O" in text:
        return f"{path}: the disk fails ({text}); look at it, writing goes on when it works"
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return (
            f"{path}: cannot be opened for writing ({text}); let this user write to the file and its folder"
        )
    return f"{path}: {text}"
