"""Notices: what was decided, put into the words that a receiver reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts import recovery
from agent.alerts.concerns import Concern, Picture
from agent.model import Incident, Notice, NoticeReason, NoticeType, Severity
from agent.settings import format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is told: a problem, or with `concern` `None` the end of the one with that code.

    `began` is its first sign, `ended_at` its end. `lacks` says what the configuration does not have any
    more of that which found it: then nobody knows whether it is over.
    """

    reason: NoticeReason
    group: str | None
    incident: Incident
    code: str
    began: datetime
    ended_at: datetime | None = None
    concern: Concern | None = None
    lacks: str | None = None


def compose(draft: Draft, picture: Picture, *, now: datetime, agent: str, new_id: str) -> Notice:
    """The notice of a draft, with the picture of the moment."""
    if draft.concern is not None:
        return _problem(draft, draft.concern, picture, now=now, agent=agent, new_id=new_id)
    ended_at = draft.ended_at or now
    is_calm = not picture.severity.is_problem
    return Notice(
        id=new_id,
        type=NoticeType.RECOVERY,
        reason=draft.reason,
        code=picture.code if is_calm else draft.code,
        severity=picture.severity if is_calm else Severity.OK,
        message=_recovery(draft, picture, ended_at, is_calm=is_calm),
        since=picture.since if is_calm else ended_at,
        created_at=now,
        agent=agent,
        group=draft.group,
        incident=draft.incident,
        machines=picture.machines,
        duration=ended_at - draft.began,
        document=picture.summary or {},
    )


def _problem(
    draft: Draft, concern: Concern, picture: Picture, *, now: datetime, agent: str, new_id: str
) -> Notice:
    return Notice(
        id=new_id,
        type=NoticeType.PROBLEM,
        reason=draft.reason,
        code=concern.code,
        severity=concern.severity,
        message=_words(draft.reason, concern, now),
        since=concern.since,
        created_at=now,
        agent=agent,
        group=draft.group,
        incident=draft.incident,
        machines=picture.machines,
        action=concern.action,
        document=picture.summary or {},
    )


def _words(reason: NoticeReason, concern: Concern, now: datetime) -> str:
    lasts = format_duration(timedelta(seconds=round((now - concern.since).total_seconds())))
    if reason is NoticeReason.REPEAT:
        return f"Still so after {lasts}. {concern.message}"
    if reason is NoticeReason.ESCALATED:
        return f"Nobody has acknowledged this; it has lasted {lasts}. {concern.message}"
    if concern.is_flapping:
        return f"{concern.message} (It comes and goes; it counts as a problem until it is steady.)"
    return concern.message


def _recovery(draft: Draft, picture: Picture, ended_at: datetime, *, is_calm: bool) -> str:
    message = picture.message if is_calm else f"{picture.code} is still there: {picture.message}"
    if draft.lacks is not None:
        return recovery.unwatched(draft.code, draft.began, draft.lacks, message, now=ended_at)
    standings = [one for one in picture.standings if draft.group in (None, one.group)]
    return recovery.words(draft.code, draft.began, standings, message, now=ended_at)


def remind(concern: Concern, picture: Picture, left: timedelta, *, now: datetime, agent: str) -> Notice:
    """A word that a deadline comes nearer: `left` is what is left of the time until it.

    Its `id` is still empty.
    """
    minutes = max(0, round(left.total_seconds() / 60))
    return Notice(
        id="",
        type=NoticeType.REMINDER,
        reason=NoticeReason.REMINDER,
        code=concern.code,
        severity=concern.severity,
        message=f"{minutes} minutes are left. {concern.message}",
        since=concern.since,
        created_at=now,
        agent=agent,
        group=concern.group,
        machines=picture.machines,
        action=concern.action,
        document=picture.summary or {},
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
