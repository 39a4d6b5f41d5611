"""What is asked of the shared store about a desk, and how its answers are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.alerts.letters import Letter
from agent.model import Incident
from agent.store import outbox
from agent.store.postgres.columns import INCIDENT, OUTBOX, texts
from agent.store.postgres.connecting import Connection
from agent.store.rows import readable_incidents

FAR = 2**62
"""Beyond every number."""

_AT = "at, subject, name, before, after, reason, message, incident"
_INCIDENT = f"SELECT {', '.join(INCIDENT.names)} FROM openbell.incident WHERE desk = %s"  # noqa: S608
_LETTER = f"SELECT {', '.join(OUTBOX.names)} FROM openbell.outbox WHERE desk = %s"  # noqa: S608
_TRANSITION = f"SELECT id, {_AT}, grp FROM openbell.transition WHERE desk = %s"  # noqa: S608
_STATES = "SELECT at, after FROM openbell.transition WHERE desk = %s AND subject = 'machine' AND name = %s"

HISTORY = f"{_TRANSITION} AND id < %s ORDER BY id DESC LIMIT %s"
TIMELINE = f"{_TRANSITION} AND incident = %s ORDER BY id"
INCIDENTS = (
    f"{_INCIDENT} AND opened_at < coalesce(%s, 'infinity'::timestamptz) ORDER BY opened_at DESC LIMIT %s"
)
ONE_INCIDENT = f"{_INCIDENT} AND id = %s"
OPEN_INCIDENTS = f"{_INCIDENT} AND closed_at IS NULL ORDER BY opened_at"
STATE_BEFORE = f"{_STATES} AND at < %s ORDER BY at DESC, id DESC LIMIT 1"
STATES_WITHIN = f"{_STATES} AND at >= %s AND at < %s AND (before IS NULL OR before <> after) ORDER BY at, id"
AWAKE = (
    "SELECT since, until FROM openbell.awake WHERE desk = %s AND until >= %s AND since < %s ORDER BY since"
)
FIRST = "SELECT min(since) FROM openbell.awake WHERE desk = %s"
MINDED = (
    "SELECT at FROM openbell.transition WHERE desk = %s AND subject IN ('action', 'incident')"
    " AND at >= %s AND at < %s AND (subject = 'action' OR after = 'acknowledged')"
)
DEEDS = (
    "SELECT id, at, who, person, peer, what, status FROM openbell.deed WHERE desk = %s AND id < %s"
    " ORDER BY id DESC LIMIT %s"
)
LETTERS = (
    f"{_LETTER} AND seq < %s AND (%s::text IS NULL OR state = %s)"
    " ORDER BY seq DESC FETCH FIRST %s ROWS WITH TIES"
)
"""Two agents that were cut apart may have given the same number; no page ends between the two."""
STREAM = f"{_LETTER} AND (stream = %s OR (stream > %s || '/' AND stream < %s || '0')) ORDER BY seq, id"
ONE_LETTER = f"{_LETTER} AND id = %s"
THESE_LETTERS = f"{_LETTER} AND id = ANY(%s) ORDER BY seq, id"
VALUES = "SELECT key, value FROM openbell.value WHERE desk = %s"
REACHED = (
    "SELECT notifier, recipient, stream, bool_or(state = 'delivered') FROM openbell.outbox WHERE desk = %s"
    " GROUP BY notifier, recipient, stream HAVING NOT bool_or(type = 'recovery')"
    " AND bool_or(state = 'delivered' OR (state = 'dead' AND type = 'problem'))"
)
DELIVERED_LAST = (
    "SELECT notifier, recipient, ended_at FROM openbell.outbox WHERE desk = %s AND state = 'delivered'"
    " AND ended_at IS NOT NULL ORDER BY seq DESC LIMIT %s"
)
LAST_LETTER = "SELECT coalesce(max(seq), 0) FROM openbell.outbox WHERE desk = %s"


async def fetch(connection: Connection, asked: str, *values: object) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(asked, values)
    return await cursor.fetchall()


def read_transition(row: Sequence[Any]) -> dict[str, object]:
    names = ("id", "at", "subject", "name", "before", "after", "reason", "message", "incident", "group")
    return {**dict(zip(names, row, strict=True)), "at": row[1].astimezone(UTC)}


def read_incidents(rows: Iterable[Sequence[Any]]) -> Iterator[Incident]:
    """Without those that nobody can read."""
    return readable_incidents(texts(row) for row in rows)


def read_letters(rows: Iterable[Sequence[Any]]) -> list[Letter]:
    return outbox.readable(texts(row) for row in rows)


def join(stretches: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Stretches by their beginning, those of several agents that overlap as one."""
    joined: list[tuple[datetime, datetime]] = []
    for since, until in stretches:
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((since, until))
    return joined
