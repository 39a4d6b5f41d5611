"""When the agent ran, as the journal knows it: one row for each stretch without a gap."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_PAUSE = timedelta(minutes=1)
"""The agent writes every few seconds; a longer pause is a time in which nobody watched."""

WITHIN = "SELECT since, until FROM awake WHERE until >= ? AND since < ? ORDER BY since"
FIRST = "SELECT min(since) AS since FROM awake"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The row that is being made longer."""

    id: int
    until: datetime


def note(
    connection: sqlite3.Connection, present: Stretch | None, instants: Iterable[datetime]
) -> Stretch | None:
    """Write that the agent ran at these instants, within the caller's transaction.

    A new run begins a new row, and so do a sleep of the computer and a step of its clock.
    """
    for at in sorted(instants):
        if present is None or abs(at - present.until) > LONGEST_PAUSE:
            present = Stretch(_begin(connection, at), at)
        elif at > present.until:
            present = Stretch(present.id, at)
    if present is not None:
        connection.execute("UPDATE awake SET until = ? WHERE id = ?", (present.until.isoformat(), present.id))
    return present


def _begin(connection: sqlite3.Connection, at: datetime) -> int:
    text = at.isoformat()
    made = connection.execute("INSERT INTO awake (since, until) VALUES (?, ?)", (text, text))
    return int(made.lastrowid or 0)
