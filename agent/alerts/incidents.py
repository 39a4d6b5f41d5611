"""Incidents: opened when the leading answer becomes a problem, closed when it is none any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts.concerns import Concern, Picture
from agent.model import Acknowledgement, Incident


@dataclass(frozen=True, slots=True)
class Course:
    """The open incident, and the code of the problem that led in it last.

    `last` is the id of the incident before, and `told` how many notices there were since the latest opened.
    """

    incident: Incident | None = None
    code: str | None = None
    last: str | None = None
    told: int = 0

    @property
    def latest(self) -> str | None:
        """The id of the incident that is open, or else was the last."""
        return self.incident.id if self.incident is not None else self.last


def track(
    course: Course, picture: Picture, *, now: datetime, url: str, new_id: Callable[[Concern], str]
) -> Course:
    """The incident after an instant: a new one, the same, a worse one, a closed one, or none.

    A problem that is on its way out opens no incident. One that matters less for a while, or
    whose end waits for another, does not close it. A closed one is not handed in again.
    """
    concern, incident = _leading(picture, course.code), course.incident
    if incident is None:
        if concern is None or concern.is_clearing or not concern.severity.is_problem:
            return replace(course, code=None)
        opened = Incident(
            id=new_id(concern),
            opened_at=concern.since,
            url=url,
            code=concern.code,
            severity=concern.severity,
            message=concern.message,
        )
        return Course(opened, concern.code, last=course.last)
    if concern is None:
        is_settling = any(one.holds_an_end_back for one in picture.concerns)
        return course if is_settling else _closed(course, replace(incident, closed_at=now))
    if concern.severity.rank > incident.severity.rank:
        incident = replace(incident, code=concern.code, severity=concern.severity, message=concern.message)
    return replace(course, incident=incident, code=concern.code)


def _closed(course: Course, incident: Incident) -> Course:
    return replace(course, incident=incident, code=None, last=incident.id)


def _leading(picture: Picture, code: str | None) -> Concern | None:
    """The first problem that people should hear of; else the one that led, while it matters less."""
    seen = [one for one in picture.concerns if not one.is_suppressed]
    for one in seen:
        if one.code == code if one.is_clearing else one.severity.is_problem:
            return one
    return next((one for one in seen if one.code == code), None)


def acknowledge(incident: Incident, who: str, why: str, now: datetime) -> Incident:
    """The incident with a person's word; the latest word counts."""
    return replace(incident, acknowledged=Acknowledgement(who=who, why=why, at=now))


def moved(incident: Incident, step: timedelta) -> Incident:
    """The incident after the wall clock was set by `step`."""
    return replace(incident, opened_at=incident.opened_at + step)
