"""The journal's schema, one step a version; a step is never changed once released."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from agent.errors import StoreError
from agent.store.backup import keep_former, kept_formers

log = logging.getLogger(__name__)

STEPS = (
    """
    CREATE TABLE transition (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        grp TEXT,
        before TEXT,
        after TEXT,
        reason TEXT NOT NULL,
        message TEXT NOT NULL
    );
    CREATE TABLE value (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE transition ADD COLUMN incident TEXT;
    CREATE INDEX transition_incident ON transition (incident);
    CREATE TABLE incident (
        id TEXT PRIMARY KEY,
        opened_at TEXT NOT NULL,
        closed_at TEXT,
        url TEXT,
        code TEXT NOT NULL,
        severity TEXT NOT NULL,
        message TEXT NOT NULL,
        acknowledged_by TEXT,
        acknowledged_why TEXT,
        acknowledged_at TEXT
    );
    CREATE INDEX incident_opened_at ON incident (opened_at);
    CREATE TABLE report (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        machine TEXT NOT NULL,
        body TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        notice TEXT NOT NULL,
        notifier TEXT NOT NULL,
        recipient TEXT,
        stream TEXT NOT NULL,
        type TEXT NOT NULL,
        code TEXT NOT NULL,
        severity TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at TEXT NOT NULL,
        next_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        ended_at TEXT,
        last_error TEXT,
        receipt TEXT
    );
    CREATE INDEX outbox_order ON outbox (seq);
    CREATE INDEX outbox_open ON outbox (seq) WHERE state IN ('pending', 'sending');
    """,
    """
    ALTER TABLE outbox ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE deed (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        person TEXT,
        peer TEXT NOT NULL,
        what TEXT NOT NULL,
        status INTEGER NOT NULL
    );
    """,
    """
    CREATE TABLE awake (since TEXT PRIMARY KEY, until TEXT NOT NULL) WITHOUT ROWID;
    INSERT OR IGNORE INTO awake (since, until)
        SELECT min(at), max(at) FROM (
            SELECT at, sum(is_new) OVER (ORDER BY id) AS number FROM (
                SELECT id, at, abs(julianday(at) - julianday(lag(at, 1, at) OVER (ORDER BY id))) * 1440 > 1
                    AS is_new
                FROM report
            )
        ) GROUP BY number;
    CREATE INDEX awake_until ON awake (until);
    CREATE INDEX transition_of_machine ON transition (name, at) WHERE subject = 'machine';
    CREATE INDEX transition_by_people ON transition (at) WHERE subject IN ('action', 'incident');
    """,
    """
    CREATE TABLE shipment (
        run TEXT NOT NULL,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (seq, run)
    );
    """,
)


def bring_forward(connection: sqlite3.Connection, path: Path, steps: Sequence[str] = STEPS) -> None:
    """Bring the schema up to date, all of it or nothing, and keep the file as it was beside it.

    Raises `StoreError` for a file that a newer program wrote, and leaves it as it is.
    """
    version = schema_of(connection)
    if version > len(steps):
        raise StoreError(f"{path}: {too_new(path, version, len(steps))}")
    if version == len(steps):
        return
    if version:
        keep_former(connection, path, len(steps))
    _take(connection, steps[version:], len(steps))
    if version:
        log.info("%s: brought from schema %d to %d", path, version, len(steps))


def schema_of(connection: sqlite3.Connection) -> int:
    """The schema's version; 0 for a file in which nothing has been written."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def too_new(path: Path, version: int, known: int = len(STEPS)) -> str:
    """The finding and the remedy, of a file that a newer program wrote."""
    kept = ", ".join(one.name for one in kept_formers(path))
    former = f", or put back what was kept before it was brought forward ({kept})" if kept else ""
    return (
        f"this journal has schema {version}, and this program knows {known}: "
        f"it was written by a newer openbell; start that one{former}"
    )


def _take(connection: sqlite3.Connection, steps: Sequence[str], version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps:
            for statement in filter(None, (part.strip() for part in step.split(";"))):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
