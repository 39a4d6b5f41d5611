"""How values become rows of the journal, and rows values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.model import Acknowledgement, Incident, Report, Severity, Transition

INSERT_TRANSITION = (
    "INSERT INTO transition (id, at, subject, name, grp, before, after, reason, message, incident)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
"""With a number of the writer's own, so that one that came through already is not written twice."""
UPSERT_INCIDENT = (
    "INSERT OR REPLACE INTO incident (id, opened_at, closed_at, url, code, severity, message,"
    " acknowledged_by, acknowledged_why, acknowledged_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPSERT_VALUE = (
    "INSERT INTO value (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_STATES = "SELECT at, after FROM transition WHERE subject = 'machine' AND name = ?"
STATE_BEFORE = f"{_STATES} AND at < ? ORDER BY at DESC, id DESC LIMIT 1"
STATES_WITHIN = f"{_STATES} AND at >= ? AND at < ? AND (before IS NULL OR before <> after) ORDER BY at, id"
"""Changes of a machine's state; a reason that changes alone is none."""

MINDED = (
    "SELECT at FROM transition WHERE subject IN ('action', 'incident') AND at >= ? AND at < ?"
    " AND (subject = 'action' OR after = 'acknowledged')"
)
"""When a person took a matter on, or had a machine do something."""

INSERT_DEED = "INSERT INTO deed (at, who, person, peer, what, status) VALUES (?, ?, ?, ?, ?, ?)"
FORGET_DEEDS = "DELETE FROM deed WHERE id <= (SELECT max(id) FROM deed) - ?"
INSERT_SHIPMENT = (
    "INSERT INTO shipment (run, seq, epoch, body) VALUES (?, ?, ?, ?) ON CONFLICT (seq, run) DO NOTHING"
)
FORGET_SHIPMENTS = "DELETE FROM shipment WHERE run = ? AND seq <= ?"
INSERT_REPORT = "INSERT INTO report (at, machine, body) VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Received:
    """A report as it came in: when it was folded, and from which machine."""

    at: datetime
    machine: str
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody had the agent do: by which right, from where, and the status it was answered with.

    `person` is who they said they are.
    """

    at: datetime
    who: str
    person: str | None
    peer: str
    what: str
    status: int


def deed_row(deed: Deed) -> tuple[object, ...]:
    return (deed.at.isoformat(), deed.who, deed.person, deed.peer, deed.what, deed.status)


def read_deed(row: sqlite3.Row) -> dict[str, object]:
    return {**dict(row), "at": datetime.fromisoformat(row["at"])}


def transition_row(edge: Transition) -> tuple[object, ...]:
    return (
        edge.at.isoformat(),
        edge.subject,
        edge.name,
        edge.group,
        edge.before,
        edge.after,
        edge.reason,
        edge.message,
        edge.incident,
    )


def read_transition(row: sqlite3.Row) -> dict[str, object]:
    kept = {key: row[key] for key in row.keys() if key != "grp"}  # noqa: SIM118 - a Row iterates its values
    return {**kept, "at": datetime.fromisoformat(row["at"]), "group": row["grp"]}


def incident_row(incident: Incident) -> tuple[object, ...]:
    word = incident.acknowledged
    return (
        incident.id,
        incident.opened_at.isoformat(),
        _iso(incident.closed_at),
        incident.url,
        incident.code,
        incident.severity,
        incident.message,
        word.who if word else None,
        word.why if word else None,
        word.at.isoformat() if word else None,
    )


def is_open(incident: Sequence[object]) -> bool:
    """Whether an incident's row has no end."""
    return incident[2] is None


def read_incident(row: Sequence[Any]) -> Incident:
    id_, opened_at, closed_at, url, code, severity, message, who, why, at = row
    word = None
    if who is not None:
        word = Acknowledgement(who=who, why=why, at=datetime.fromisoformat(at))
    return Incident(
        id=id_,
        opened_at=datetime.fromisoformat(opened_at),
        closed_at=datetime.fromisoformat(closed_at) if closed_at else None,
        url=url,
        code=code,
        severity=Severity(severity),
        message=message,
        acknowledged=word,
    )


def readable_incidents(rows: Iterable[Sequence[Any]]) -> Iterator[Incident]:
    """The incidents of rows, without those that nobody can read."""
    for row in rows:
        with suppress(ValueError, TypeError):
            yield read_incident(row)


def report_row(received: Received) -> tuple[str, str, str]:
    return (received.at.isoformat(), received.machine, report_text(received.report))


def report_text(report: Report) -> str:
    """A report as one line of JSON."""
    body = {
        "state": report.state,
        "reason": report.reason,
        "observed_at": report.observed_at.isoformat(),
        "message": report.message,
        "valid_for_s": report.valid_for.total_seconds() if report.valid_for is not None else None,
        "next_change_at": _iso(report.next_change_at),
        "attributes": report.attributes,
        "measures": report.measures,
    }
    return json.dumps({key: value for key, value in body.items() if value not in (None, "", {})})


def read_report(text: str) -> Report:
    """A report from its line of JSON. Raises `ValueError` or `KeyError` for one that is none."""
    body: dict[str, Any] = json.loads(text)
    valid_for, next_change = body.get("valid_for_s"), body.get("next_change_at")
    return Report(
        state=body["state"],
        reason=body["reason"],
        observed_at=datetime.fromisoformat(body["observed_at"]),
        message=body.get("message", ""),
        valid_for=timedelta(seconds=valid_for) if valid_for is not None else None,
        next_change_at=datetime.fromisoformat(next_change) if next_change else None,
        attributes=body.get("attributes", {}),
        measures=body.get("measures", {}),
    )


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant is not None else None
