"""Routes: which problems go to which notifiers, how often, and when rather not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.alerts.concerns import Concern
from agent.model import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The hours of every day in which what is not critical waits; they may span midnight.

    An hour that the clocks skip or repeat counts as the zone's rules say.
    """

    begins: time
    ends: time
    zone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether it is quiet at this instant; the end itself is not."""
        clock = now.astimezone(self.zone).time()
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends

    def end_after(self, now: datetime) -> datetime:
        """The next end after an instant."""
        local = now.astimezone(self.zone)
        for days in range(3):
            day = local.date() + timedelta(days=days)
            end = datetime.combine(day, self.ends, self.zone).astimezone(now.tzinfo)
            if end > now and not self.holds(end):
                return end
        return now + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Who is told as well when nobody has acknowledged for so long."""

    after: timedelta
    to: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way from problems to notifiers; what it names must all be so, and of each one word suffices.

    `severity` is the least that it tells. `session` has states and reasons of the market.
    `settle` is how long a change must last before it is told, so that what comes together is
    told together; `repeat` tells a problem again that nobody has acknowledged.
    """

    to: frozenset[str]
    severity: Severity = Severity.WARNING
    rules: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    machines: frozenset[str] = frozenset()
    session: frozenset[str] = frozenset()
    repeat: timedelta | None = None
    settle: timedelta = timedelta(0)
    escalate: Escalation | None = None
    quiet: QuietHours | None = None

    def covers(self, concern: Concern) -> bool:
        """Whether a problem is this route's, whatever the hour."""
        wanted = (
            (self.rules, {concern.rule}),
            (self.groups, {concern.group}),
            (self.machines, {concern.machine}),
            (self.session, concern.session),
        )
        is_bad_enough = concern.severity.rank >= self.severity.rank
        return is_bad_enough and all(not words or words & found for words, found in wanted)

    def is_quiet(self, now: datetime) -> bool:
        return self.quiet is not None and self.quiet.holds(now)

    def lets_through(self, severity: Severity, now: datetime) -> bool:
        """Whether something this bad is told at this hour."""
        return severity is Severity.CRITICAL or not self.is_quiet(now)


@dataclass(frozen=True, slots=True)
class Path:
    """A route as one notifier sees it: named by it, or called in by its escalation."""

    route: Route
    is_escalation: bool = False


def without(routes: Iterable[Route], names: frozenset[str]) -> tuple[Route, ...]:
    """The routes without some notifiers, such as those that cannot be built: they are told nothing, and
    count as knowing nothing.
    """
    left = (_without(route, names) for route in routes)
    return tuple(route for route in left if route.to)


def _without(route: Route, names: frozenset[str]) -> Route:
    escalate = route.escalate
    if escalate is not None:
        escalate = replace(escalate, to=escalate.to - names)
    return replace(route, to=route.to - names, escalate=escalate)


def receivers(routes: Iterable[Route]) -> tuple[str, ...]:
    """All notifiers that some route may tell, each once, in the order in which they are named."""
    found: dict[str, None] = {}
    for route in routes:
        found |= dict.fromkeys(sorted(route.to))
        if route.escalate is not None:
            found |= dict.fromkeys(sorted(route.escalate.to))
    return tuple(found)
