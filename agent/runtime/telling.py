"""What follows from an evaluation for people: the incident, and the notices that tell of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts import incidents
from agent.alerts import plan as alerts
from agent.alerts.plan import Answer, Told
from agent.alerts.recovery import Standing
from agent.health import self_check
from agent.health.answer import Evaluation
from agent.health.deadlines import Reminder
from agent.health.document import HealthDocument, action_for
from agent.health.evaluate import cause_of
from agent.health.rules import MARKET
from agent.model import Action, Incident, Notice, Severity, Subject, Transition
from agent.runtime.publishing import Documented, summary


@dataclass(frozen=True, slots=True)
class Consequence:
    """The notices to send, the incident as it now is if it changed, and its own edges."""

    notices: tuple[Notice, ...] = ()
    incident: Incident | None = None
    edges: tuple[Transition, ...] = ()


class Telling:
    """Remembers what people were told and which incident is open; decides by the pure alerts.

    `link` puts a fresh login link into the action of a notice.
    """

    def __init__(
        self,
        url: str,
        link: Callable[[Action], Action],
        told: Told | None = None,
        incident: Incident | None = None,
    ) -> None:
        self._url = url
        self._link = link
        self.told = told
        self.incident = incident
        self._reminded: set[object] = set()
        self._gist: object = None

    def follow(self, evaluation: Evaluation, published: Documented, now: datetime) -> Consequence:
        """What an evaluation leads to; nothing while the agent starts, or its answer is the same."""
        lead = evaluation.lead
        gist = (lead.code, lead.severity, lead.is_clearing, lead.is_silenced, evaluation.is_settling)
        if evaluation.is_starting or (gist == self._gist and not evaluation.reminders):
            return Consequence()
        self._gist = gist
        document = published.document
        answer = _answer(evaluation, document)
        before = self.incident
        tracked = incidents.track(before, answer, self.told, now=now, url=self._url, new_id=_new_id())
        self.incident = tracked if tracked is not None and tracked.closed_at is None else None
        agent = document.agent.name
        planned = alerts.plan(self.told, answer, tracked, now=now, agent=agent, new_id=_new_id())
        self.told = planned.told
        notices = self._remind(evaluation, document, now)
        if planned.notice is not None:
            notices.append(planned.notice)
        changed = tracked if tracked != before else None
        linked = tuple(self._linked(notice) for notice in notices)
        return Consequence(linked, changed, _edges(before, tracked, now))

    def acknowledge(self, who: str, why: str, now: datetime) -> Consequence:
        """A person is at the open incident. Raises `LookupError` when none is open."""
        if self.incident is None:
            raise LookupError("no incident is open")
        self.incident = incidents.acknowledge(self.incident, who, why, now)
        edge = _edge(self.incident, now, "open", "acknowledged", f"{who}: {why}")
        return Consequence(incident=self.incident, edges=(edge,))

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self.told = alerts.shift(self.told, step)
        self.incident = incidents.shift(self.incident, step)

    def _linked(self, notice: Notice) -> Notice:
        return notice if notice.action is None else replace(notice, action=self._link(notice.action))

    def _remind(self, evaluation: Evaluation, document: HealthDocument, now: datetime) -> list[Notice]:
        """The reminders that came due, each once."""
        fresh = {(r.scope.key, r.opens_at, r.left): r for r in evaluation.reminders}
        due = [reminder for key, reminder in fresh.items() if key not in self._reminded]
        self._reminded = set(fresh)
        return [
            alerts.remind(
                _reminder(reminder, evaluation, document),
                self.told,
                reminder.left,
                now=now,
                agent=document.agent.name,
                new_id=_new_id(),
            )
            for reminder in due
        ]


def _new_id() -> str:
    return uuid.uuid4().hex


def _edges(before: Incident | None, after: Incident | None, now: datetime) -> tuple[Transition, ...]:
    if after is None or (before is not None and after.closed_at is None):
        return ()
    if after.closed_at is not None:
        return (_edge(after, now, "open", "closed", after.message),)
    return (_edge(after, now, None, "open", after.message),)


def _edge(incident: Incident, now: datetime, before: str | None, after: str, message: str) -> Transition:
    return Transition(
        at=now,
        subject=Subject.INCIDENT,
        name=incident.id,
        group=None,
        before=before,
        after=after,
        reason=incident.code,
        message=message,
        incident=incident.id,
    )


def stamped(edges: tuple[Transition, ...], incident: Incident | None) -> tuple[Transition, ...]:
    """The edges with the incident in whose time they fall."""
    return edges if incident is None else tuple(replace(edge, incident=incident.id) for edge in edges)


def _answer(evaluation: Evaluation, document: HealthDocument) -> Answer:
    return Answer(
        code=document.code,
        severity=document.severity,
        message=document.message,
        since=document.since,
        is_clearing=evaluation.lead.is_clearing,
        is_silenced=evaluation.lead.is_silenced,
        is_settling=evaluation.is_settling,
        standings=_standings(evaluation),
        machines=_involved(document),
        action=Action(**document.action.model_dump()) if document.action is not None else None,
        summary=summary(document),
    )


def _standings(evaluation: Evaluation) -> tuple[Standing, ...]:
    """The machines that people mend: not the session, which no one does, nor the agent itself."""
    return tuple(
        Standing(status.machine.name, status.state, status.since)
        for status in evaluation.statuses.values()
        if status.machine.role not in (MARKET, self_check.MACHINE.role)
    )


def _reminder(reminder: Reminder, evaluation: Evaluation, document: HealthDocument) -> Answer:
    """What a reminder tells: its own rule's words, on the document of the moment."""
    rule, cause = reminder.scope.rule, cause_of(reminder.scope, evaluation.statuses)
    return Answer(
        code=rule.code,
        severity=Severity.WARNING,
        message=rule.message or (cause.message if cause is not None else rule.id),
        since=cause.since if cause is not None else document.since,
        machines=_involved(document),
        action=action_for(rule.action, cause),
        summary=summary(document),
    )


def _involved(document: HealthDocument) -> tuple[dict[str, str], ...]:
    return tuple(
        {"name": name, "state": part.state, "reason": part.reason, "message": part.message}
        for name, part in document.machines.items()
    )
