"""The notice as a webhook carries it. Pure.

Its JSON schema is `notice.schema.json` in this folder, written by
`python -m plugins.notifiers.webhook.payload`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agent.api import Incident, Notice, NoticeType, Severity
from plugins.notifiers.wording import absolute, clean

MACHINES_LIMIT = 50
"""Machines in one payload: with all texts at their longest it stays within what receivers take."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class IncidentPart(_Part):
    """The stretch of time in which the leading answer was a problem."""

    id: str
    opened_at: AwareDatetime
    url: str | None


class MachinePart(_Part):
    """One machine as it stood."""

    name: str
    state: str
    reason: str
    message: str


class ActionPart(_Part):
    """What a person can do about it."""

    label: str
    href: str | None = Field(description="An absolute address; null if it is none that can be opened")


class Payload(_Part):
    """One notice of an openbell agent. Readers ignore the keys that they do not know."""

    id: str = Field(description="The same in every attempt; also the header webhook-id")
    type: NoticeType
    reason: str = Field(description="Why it is told now, such as FIRST or RECOVERED; further ones may come")
    code: str = Field(description="What the health document says, such as AUTH_REQUIRED or LIVE")
    severity: Severity
    message: str
    since: AwareDatetime
    incident: IncidentPart | None
    machines: list[MachinePart]
    action: ActionPart | None
    duration_s: float | None = Field(description="How long the problem lasted; of a recovery only")
    agent: str
    group: str | None = Field(description="Of the problem: a broker account, where there are several")
    sent_at: AwareDatetime = Field(description="When it was first to be sent; the attempt's time is a header")
    attempt: int = Field(ge=1, description="The attempt for which this body was made")
    document: dict[str, object] = Field(description="The summary of the health document")


def payload(
    notice: Notice, *, base_url: str, sent_at: datetime | None = None, attempt: int = 1
) -> dict[str, object]:
    """The notice as JSON values, a `Payload` in plain.

    By default it is the same for every attempt, which a receiver may compare by its bytes.
    """
    action = notice.action
    return {
        "id": notice.id,
        "type": notice.type,
        "reason": notice.reason,
        "code": notice.code,
        "severity": notice.severity,
        "message": notice.message,
        "since": notice.since,
        "incident": _incident(notice.incident, base_url),
        "machines": [_machine(machine) for machine in notice.machines[:MACHINES_LIMIT]],
        "action": {"label": action.label, "href": absolute(action.href, base_url)} if action else None,
        "duration_s": notice.duration.total_seconds() if notice.duration is not None else None,
        "agent": notice.agent,
        "group": notice.group,
        "sent_at": sent_at or notice.created_at,
        "attempt": attempt,
        "document": notice.document,
    }


def body(notice: Notice, *, base_url: str, sent_at: datetime | None = None, attempt: int = 1) -> bytes:
    """The notice as the bytes of a plain post."""
    return _bytes(payload(notice, base_url=base_url, sent_at=sent_at, attempt=attempt))


def cloud_event(notice: Notice, *, base_url: str, sent_at: datetime | None = None, attempt: int = 1) -> bytes:
    """The notice as the bytes of a structured CloudEvent, https://cloudevents.io, version 1.0."""
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": notice.id,
        "source": f"urn:openbell:{quote(clean(notice.agent), safe='') or 'agent'}",
        "type": f"openbell.notice.{notice.type}",
        "subject": notice.code,
        "time": notice.created_at,
        "datacontenttype": "application/json",
        "data": payload(notice, base_url=base_url, sent_at=sent_at, attempt=attempt),
    }
    return _bytes(event)


def schema() -> dict[str, object]:
    """The JSON schema of the plain form."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Payload.model_json_schema(mode="serialization"),
        "title": "openbell notice",
    }


def _incident(incident: Incident | None, base_url: str) -> dict[str, object] | None:
    if incident is None:
        return None
    url = absolute(incident.url, base_url) if incident.url is not None else None
    return {"id": incident.id, "opened_at": incident.opened_at, "url": url}


def _machine(machine: Mapping[str, str]) -> dict[str, str]:
    return {key: machine.get(key, "") for key in MachinePart.model_fields}


def _bytes(value: Mapping[str, object]) -> bytes:
    """JSON that can always be encoded and parsed: whatever it is made of, the notice gets through."""
    return json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False).encode()


def _jsonable(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {clean(str(key)): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if value is None or isinstance(value, bool | int) else clean(str(value))


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))  # noqa: T201 - what is printed is the result
