"""Deadlines: what must be well some time before the next open, and the reminders on the way there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.health.rules import Scope
from agent.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A word to people that a deadline comes nearer and is not met."""

    scope: Scope
    opens_at: datetime
    deadline: datetime
    left: timedelta
    """From this reminder's own instant to the deadline; less, where the agent was away just then."""


def next_open(session: Status | None) -> datetime | None:
    """The session's next open, as the market machine tells it; `None` where nobody knows."""
    told = session.attributes.get("next_open_at") if session is not None else None
    if not isinstance(told, str):
        return None
    try:
        instant = datetime.fromisoformat(told)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def is_in_window(scope: Scope, statuses: Mapping[str, Status], now: datetime) -> bool:
    """Whether a rule counts at this instant: always, or in its span before the next open.

    On a day without a session the next open is far away, so a deadline of that day never is.
    """
    span = scope.rule.before_open
    if span is None:
        return True
    opens_at = _opens_at(scope, statuses)
    return opens_at is not None and opens_at - span <= now < opens_at


def due(scope: Scope, statuses: Mapping[str, Status], *, after: datetime, now: datetime) -> Reminder | None:
    """The latest reminder whose instant lies after `after` and not after `now`; none behind the deadline."""
    span = scope.rule.before_open
    if span is None:
        return None
    opens_at = _opens_at(scope, statuses)
    if opens_at is None or now >= opens_at - span:
        return None
    passed = [left for left in scope.rule.remind if after < opens_at - left <= now]
    if not passed:
        return None
    return Reminder(scope=scope, opens_at=opens_at, deadline=opens_at - span, left=min(passed) - span)


def instants(scope: Scope, statuses: Mapping[str, Status]) -> Iterator[datetime]:
    """When time alone changes a deadline: its reminders, its span's begin, the open itself."""
    span = scope.rule.before_open
    opens_at = _opens_at(scope, statuses) if span is not None else None
    if opens_at is not None and span is not None:
        yield opens_at
        yield from (opens_at - left for left in (span, *scope.rule.remind))


def _opens_at(scope: Scope, statuses: Mapping[str, Status]) -> datetime | None:
    return next_open(statuses[scope.session]) if scope.session is not None else None
