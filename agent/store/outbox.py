"""The outbox's rows: letters written, read back where they wait, and listed for people."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from agent.alerts.letters import OPEN, Address, Letter, LetterState
from agent.model import NoticeType, Severity

log = logging.getLogger(__name__)

COLUMNS = (
    "id", "seq", "notice", "notifier", "recipient", "stream", "type", "code", "severity", "body",
    "created_at", "next_at", "expires_at", "state", "attempts", "ended_at", "last_error", "receipt",
    "refusals",
)  # fmt: skip

_STATE = COLUMNS.index("state")
_NAMES = ", ".join(COLUMNS)
_MARKS = ", ".join("?" * len(COLUMNS))
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])

UPSERT = f"INSERT INTO outbox ({_NAMES}) VALUES ({_MARKS}) ON CONFLICT (id) DO UPDATE SET {_CHANGES}"  # noqa: S608 - of our own names
_SELECT = f"SELECT {_NAMES} FROM outbox"  # noqa: S608 - of our own names

ONE = f"{_SELECT} WHERE id = ?"
WAITING = f"{_SELECT} WHERE state IN ('pending', 'sending') ORDER BY seq"
STREAM = f"{_SELECT} WHERE stream = ? OR (stream > ? || '/' AND stream < ? || '0') ORDER BY seq"
"""All of one incident: without a group, and of every group."""
PAGE = f"{_SELECT} WHERE seq < ? AND (? IS NULL OR state = ?) ORDER BY seq DESC LIMIT ?"
"""The latest first, from below a number, of one state or, twice `None`, of all."""


def waiting(connection: sqlite3.Connection) -> list[Letter]:
    """All open letters, in their order."""
    letters = []
    for row in connection.execute(WAITING).fetchall():
        try:
            letters.append(read(row))
        except ValueError as error:
            _set_aside(connection, row, error)
    return letters


def readable(rows: Iterable[Iterable[object]]) -> list[Letter]:
    """The letters of rows, without those that nobody can read."""
    letters = []
    for row in rows:
        with suppress(ValueError):
            letters.append(read(tuple(row)))
    return letters


def reached(connection: sqlite3.Connection) -> dict[tuple[Address, str], bool]:
    """Of the incidents without a recovery: where something was delivered, and where it could not be."""
    rows = connection.execute(
        "SELECT notifier, recipient, stream, sum(state = 'delivered') > 0 FROM outbox"
        " GROUP BY notifier, recipient, stream HAVING sum(type = 'recovery') = 0"
        " AND sum(state = 'delivered' OR (state = 'dead' AND type = 'problem')) > 0"
    )
    return {
        (Address(notifier=notifier, recipient=recipient), stream): bool(was_reached)
        for notifier, recipient, stream, was_reached in rows
    }


def delivered_last(connection: sqlite3.Connection, limit: int = 200) -> list[tuple[Address, datetime]]:
    """Where and when the latest letters were delivered, oldest first."""
    rows = connection.execute(
        "SELECT notifier, recipient, ended_at FROM outbox WHERE state = 'delivered'"
        " ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    found = []
    for notifier, recipient, ended_at in rows:
        with suppress(ValueError, TypeError):
            address = Address(notifier=notifier, recipient=recipient)
            found.append((address, datetime.fromisoformat(ended_at)))
    return sorted(found, key=lambda one: one[1])


def last(connection: sqlite3.Connection) -> int:
    """The highest number given so far."""
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM outbox").fetchone()
    return int(seq)


def _set_aside(connection: sqlite3.Connection, row: tuple[object, ...], error: ValueError) -> None:
    """A row that nobody can read costs itself alone, and stays in the file."""
    log.error("the notice %s in the journal cannot be read (%s); it is given up", row[0], error)
    connection.execute(
        "UPDATE outbox SET state = ?, last_error = ? WHERE id = ?",
        (LetterState.DEAD, f"cannot be read: {error}", row[0]),
    )


def is_open(row: Sequence[object]) -> bool:
    """Whether a letter's row waits or is under way."""
    return row[_STATE] in OPEN


def row(letter: Letter) -> tuple[object, ...]:
    """A letter as a row, new or in place of its former one."""
    return (
        letter.id,
        letter.seq,
        letter.notice,
        letter.address.notifier,
        letter.address.recipient,
        letter.stream,
        letter.type,
        letter.code,
        letter.severity,
        letter.body,
        letter.created_at.isoformat(),
        letter.next_at.isoformat(),
        letter.expires_at.isoformat(),
        letter.state,
        letter.attempts,
        letter.ended_at.isoformat() if letter.ended_at is not None else None,
        letter.last_error,
        letter.receipt,
        letter.refusals,
    )


def read(row: Sequence[object]) -> Letter:
    """A letter from its row. Raises `ValueError` for one that nobody can read."""
    found = dict(zip(COLUMNS, row, strict=True))
    at = datetime.fromisoformat
    recipient, ended_at = found["recipient"], found["ended_at"]
    return Letter(
        id=str(found["id"]),
        seq=int(str(found["seq"])),
        notice=str(found["notice"]),
        address=Address(
            notifier=str(found["notifier"]), recipient=None if recipient is None else str(recipient)
        ),
        stream=str(found["stream"]),
        type=NoticeType(str(found["type"])),
        code=str(found["code"]),
        severity=Severity(str(found["severity"])),
        body=str(found["body"]),
        created_at=at(str(found["created_at"])),
        next_at=at(str(found["next_at"])),
        expires_at=at(str(found["expires_at"])),
        state=LetterState(str(found["state"])),
        attempts=int(str(found["attempts"])),
        ended_at=None if ended_at is None else at(str(ended_at)),
        last_error=None if found["last_error"] is None else str(found["last_error"]),
        receipt=None if found["receipt"] is None else str(found["receipt"]),
        refusals=int(str(found["refusals"])),
    )
