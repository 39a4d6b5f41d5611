"""A notice as the text that is kept of it, and back: what is sent is what was decided."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from agent.model import Action, Incident, Notice, NoticeReason, NoticeType, Severity


def freeze(notice: Notice) -> str:
    """The whole notice as JSON; every attempt is made from this text."""
    incident, action = notice.incident, notice.action
    return json.dumps(
        {
            "id": notice.id,
            "type": notice.type,
            "reason": notice.reason,
            "code": notice.code,
            "severity": notice.severity,
            "message": notice.message,
            "since": notice.since.isoformat(),
            "created_at": notice.created_at.isoformat(),
            "agent": notice.agent,
            "group": notice.group,
            "incident": [incident.id, incident.opened_at.isoformat(), incident.url] if incident else None,
            "machines": [dict(machine) for machine in notice.machines],
            "action": [action.kind, action.label, action.href, action.method] if action else None,
            "duration_s": notice.duration.total_seconds() if notice.duration is not None else None,
            "document": dict(notice.document),
        },
        default=_as_text,
    )


def thaw(body: str) -> Notice:
    """The notice of a text. Raises `ValueError`, `KeyError` or `TypeError` for one that is none."""
    read: dict[str, Any] = json.loads(body)
    duration_s = read["duration_s"]
    return Notice(
        id=read["id"],
        type=NoticeType(read["type"]),
        reason=NoticeReason(read["reason"]),
        code=read["code"],
        severity=Severity(read["severity"]),
        message=read["message"],
        since=datetime.fromisoformat(read["since"]),
        created_at=datetime.fromisoformat(read["created_at"]),
        agent=read["agent"],
        group=read.get("group"),
        incident=_incident(*read["incident"]) if read["incident"] is not None else None,
        machines=tuple(read["machines"]),
        action=_action(*read["action"]) if read["action"] is not None else None,
        duration=timedelta(seconds=duration_s) if duration_s is not None else None,
        document=read["document"],
    )


def _incident(id_: str, opened_at: str, url: str | None) -> Incident:
    return Incident(id=id_, opened_at=datetime.fromisoformat(opened_at), url=url)


def _action(kind: str, label: str, href: str, method: str) -> Action:
    return Action(kind=kind, label=label, href=href, method=method)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
