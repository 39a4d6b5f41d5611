"""Decides whether a change of the leading answer is told, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts import recovery
from agent.alerts.recovery import Standing
from agent.model import Action, Incident, Json, Notice, NoticeReason, NoticeType, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The leading answer, as far as telling it goes.

    `is_clearing` says that its problem is on the way out, `is_silenced` that people asked for
    quiet: it is then not told anew. `is_settling` says that another problem is given its time to
    end as well: the end of the incident waits for that. `standings` are the states of the machines
    that a recovery tells of.
    """

    code: str
    severity: Severity
    message: str
    since: datetime
    is_clearing: bool = False
    is_silenced: bool = False
    is_settling: bool = False
    standings: tuple[Standing, ...] = ()
    machines: tuple[Mapping[str, str], ...] = ()
    action: Action | None = None
    summary: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What people were told last, and have not been told the end of."""

    incident: Incident
    code: str
    severity: Severity
    since: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What is remembered as told, and the notice to send, if any."""

    told: Told | None
    notice: Notice | None


def plan(
    told: Told | None,
    answer: Answer,
    incident: Incident | None,
    *,
    now: datetime,
    agent: str,
    new_id: str,
) -> Plan:
    """The plan for a leading answer, given what people know.

    A problem is told when it is new, worse, or another one; a lesser severity of the same
    problem is not. Its end is told once, to those who were told the problem. `incident` is the
    one that is open, or that this answer has just closed.
    """
    reason = _reason(told, answer)
    if reason is None:
        return Plan(_eased(told, answer), None)
    incident = incident or (told.incident if told is not None else None)
    if incident is None:
        return Plan(told, None)
    recovered = reason is NoticeReason.RECOVERED
    notice = Notice(
        id=new_id,
        type=NoticeType.RECOVERY if recovered else NoticeType.PROBLEM,
        reason=reason,
        code=answer.code,
        severity=answer.severity,
        message=_recovery(told, answer, now) if told is not None and recovered else answer.message,
        since=answer.since,
        created_at=now,
        agent=agent,
        incident=incident,
        machines=answer.machines,
        action=answer.action,
        duration=now - incident.opened_at if recovered else None,
        document=answer.summary or {},
    )
    if recovered:
        return Plan(None, notice)
    return Plan(
        Told(incident=incident, code=answer.code, severity=answer.severity, since=answer.since), notice
    )


def remind(
    answer: Answer, told: Told | None, left: timedelta, *, now: datetime, agent: str, new_id: str
) -> Notice:
    """A word that a deadline comes nearer: `left` is what is left of the time until it."""
    minutes = max(0, round(left.total_seconds() / 60))
    return Notice(
        id=new_id,
        type=NoticeType.REMINDER,
        reason=NoticeReason.REMINDER,
        code=answer.code,
        severity=answer.severity,
        message=f"{minutes} minutes are left. {answer.message}",
        since=answer.since,
        created_at=now,
        agent=agent,
        incident=told.incident if told is not None else None,
        machines=answer.machines,
        action=answer.action,
        document=answer.summary or {},
    )


def trial(*, now: datetime, agent: str, new_id: str) -> Notice:
    """A notice that only says that notices arrive."""
    return Notice(
        id=new_id,
        type=NoticeType.TEST,
        reason=NoticeReason.TEST,
        code="TEST",
        severity=Severity.INFO,
        message="This is a test. Nothing is wrong; notices of this agent arrive here.",
        since=now,
        created_at=now,
        agent=agent,
    )


def rooted(notice: Notice, base_url: str) -> Notice:
    """The notice with whole addresses: what is frozen must not depend on who reads it later."""
    if notice.action is None or not notice.action.href.startswith("/"):
        return notice
    return replace(notice, action=replace(notice.action, href=base_url.rstrip("/") + notice.action.href))


def shift(told: Told | None, step: timedelta) -> Told | None:
    """What was told, after the wall clock was set by `step`."""
    if told is None:
        return None
    incident = replace(told.incident, opened_at=told.incident.opened_at + step)
    return replace(told, incident=incident, since=told.since + step)


def is_over(code: str, answer: Answer) -> bool:
    """Whether a problem of this code has ended: something else leads, and it is no problem.

    A problem that matters less for a while, such as a missing login on a holiday, is not over; nor
    is a missing login while the feed that went with it has its time to come back.
    """
    return not answer.severity.is_problem and answer.code != code and not answer.is_settling


def _reason(told: Told | None, answer: Answer) -> NoticeReason | None:
    if told is not None and is_over(told.code, answer):
        return NoticeReason.RECOVERED
    if not answer.severity.is_problem or answer.is_clearing or answer.is_silenced:
        return None
    if told is None:
        return NoticeReason.FIRST
    if answer.severity.rank > told.severity.rank:
        return NoticeReason.WORSE
    if answer.code != told.code:
        return NoticeReason.CAUSE_CHANGED
    return None


def _eased(told: Told | None, answer: Answer) -> Told | None:
    """What is remembered when a problem matters less, or has ended and its end is not told yet: it
    is told anew when it matters more again.
    """
    eases = told is not None and (told.code == answer.code or answer.is_settling)
    if told is not None and eases and answer.severity.rank < told.severity.rank:
        return replace(told, severity=answer.severity)
    return told


def _recovery(told: Told, answer: Answer, now: datetime) -> str:
    return recovery.words(told.code, told.incident.opened_at, answer.standings, answer.message, now=now)
