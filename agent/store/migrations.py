"""The journal's schema, one step a version; a step is never changed once released."""

from __future__ import annotations

import sqlite3

from agent.errors import StoreError

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
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema forward, each step in a transaction of its own.

    Raises `StoreError` for a file that a newer program wrote, and leaves it as it is.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise StoreError(
            f"the journal has schema {version}, and this program knows {len(STEPS)}: "
            "it was written by a newer openbell; start that one, or another journal"
        )
    for number, step in enumerate(STEPS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in filter(None, (part.strip() for part in step.split(";"))):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
