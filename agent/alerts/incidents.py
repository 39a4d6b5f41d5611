"""Incidents: opened when the leading answer becomes a problem, closed when it is none any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from agent.alerts.plan import Answer, Told, is_over
from agent.model import Acknowledgement, Incident


def track(
    incident: Incident | None,
    answer: Answer,
    told: Told | None = None,
    *,
    now: datetime,
    url: str,
    new_id: str,
) -> Incident | None:
    """The incident after an answer: a new one, the same, a worse one, a closed one, or none.

    A problem that is on its way out opens no incident. One that matters less for a while, or
    whose end waits for another, does not close it. A closed one is not handed in again.
    """
    if incident is not None and is_over(told.code if told is not None else incident.code, answer):
        return replace(incident, closed_at=now)
    if incident is None:
        if answer.is_clearing or not answer.severity.is_problem:
            return None
        return Incident(
            id=new_id,
            opened_at=answer.since,
            url=url,
            code=answer.code,
            severity=answer.severity,
            message=answer.message,
        )
    if answer.severity.rank > incident.severity.rank:
        return replace(incident, code=answer.code, severity=answer.severity, message=answer.message)
    return incident


def acknowledge(incident: Incident, who: str, why: str, now: datetime) -> Incident:
    """The incident with a person's word; the latest word counts."""
    return replace(incident, acknowledged=Acknowledgement(who=who, why=why, at=now))


def shift(incident: Incident | None, step: timedelta) -> Incident | None:
    """The incident after the wall clock was set by `step`."""
    return None if incident is None else replace(incident, opened_at=incident.opened_at + step)
