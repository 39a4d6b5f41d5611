"""What one notifier knows of one group: the problem that it was told, and what waits to be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts import incidents
from agent.alerts.concerns import Concern
from agent.model import Incident, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A problem that was told and whose end was not. `since` is its first sign, `began` that of the
    first problem in a row of changing causes. `at` is when it was told first, or as worse;
    `last_at` when it was told last. `severity` eases with the problem, `was_critical` stays. `rule` and
    `machines` are those that it was last found by.
    """

    incident: Incident
    code: str
    severity: Severity
    since: datetime
    began: datetime
    at: datetime
    last_at: datetime
    is_flapping: bool = False
    was_critical: bool = False
    rule: str | None = None
    machines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A change that is not told yet, and since when it is there. `is_seen` is whether all that had found
    the problem was still there to see it end.
    """

    since: datetime
    is_end: bool
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """All that is remembered of one notifier and one group."""

    told: Told | None = None
    waiting: Waiting | None = None

    @property
    def told_code(self) -> str | None:
        return self.told.code if self.told is not None else None


def wait(thread: Thread, *, is_end: bool, is_seen: bool, now: datetime) -> Thread:
    """A change is there; it has been since its first sign, while it is of the same kind."""
    waiting = thread.waiting
    if waiting is not None and waiting.is_end == is_end:
        return thread
    return replace(thread, waiting=Waiting(since=now, is_end=is_end, is_seen=is_seen))


def ease(thread: Thread, severity: Severity) -> Thread:
    """The problem matters less than it was told; it is told anew when it matters more again."""
    told = thread.told
    if told is None or severity.rank >= told.severity.rank:
        return thread
    return replace(thread, told=replace(told, severity=severity))


def follow(thread: Thread, concern: Concern | None) -> Thread:
    """The problem that was told lasts, and another rule or other machines may be behind it now."""
    told = thread.told
    if told is None or concern is None or concern.is_clearing or concern.code != told.code:
        return thread
    return replace(thread, told=replace(told, rule=concern.rule, machines=concern.machines))


def shift(thread: Thread, step: timedelta) -> Thread:
    """What is remembered, after the wall clock was set by `step`."""
    told, waiting = thread.told, thread.waiting
    if told is not None:
        told = replace(
            told,
            incident=incidents.moved(told.incident, step),
            since=told.since + step,
            began=told.began + step,
            at=told.at + step,
            last_at=told.last_at + step,
        )
    if waiting is not None:
        waiting = replace(waiting, since=waiting.since + step)
    return Thread(told, waiting)
