"""Plans notices: for each notifier and each group, what is told now, why, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.alerts import told as telling
from agent.alerts.answer import Answer, answer
from agent.alerts.concerns import Concern, Key, Picture
from agent.alerts.notices import Draft
from agent.alerts.reasons import FROM_THE_FIRST, SETTLED, decide
from agent.alerts.routes import Path, Route, receivers
from agent.alerts.told import Thread, Told
from agent.model import Incident, NoticeReason, Severity

Place = tuple[str, str | None]
"""A notifier and a group."""


@dataclass(frozen=True, slots=True)
class Known:
    """What all notifiers know. `hidden` are the problems that others explained until now."""

    threads: Mapping[Place, Thread] = field(default_factory=dict)
    hidden: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known after this instant, what is told to whom, and when time alone may tell more."""

    known: Known
    drafts: Mapping[Draft, frozenset[str]]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Moment:
    """What every step of one plan looks at; `incident` is the one that is open, or has just closed."""

    known: Known
    picture: Picture
    routes: Sequence[Route]
    incident: Incident | None
    now: datetime

    @property
    def is_acknowledged(self) -> bool:
        return self.incident is not None and self.incident.acknowledged is not None


def plan(
    known: Known, picture: Picture, routes: Sequence[Route], incident: Incident | None, now: datetime
) -> Plan:
    """The plan for an instant.

    A problem is told when it is new, worse, or another one; again where a route says so; its end
    once, to those who were told the problem. Groups are told of apart: trouble with one account
    does not hide that of another. `incident` is the one that is open, or that has just closed.
    """
    moment = _Moment(known, picture, routes, incident, now)
    threads: dict[Place, Thread] = {}
    drafts: dict[Draft, frozenset[str]] = {}
    instants: list[datetime] = []
    for place in _places(moment):
        paths = tuple(_paths(moment, place))
        before = known.threads.get(place, Thread())
        found = answer(picture, paths, before.told_code, place[1], now)
        after, draft = _step(moment, before, found, paths, place[1])
        if after != Thread():
            threads[place] = after
        if draft is not None:
            drafts[draft] = drafts.get(draft, frozenset()) | {place[0]}
        instants += _instants(moment, after, found, paths, place[1])
    instants += _escalations(threads, moment)
    return Plan(
        Known(threads, _hidden(moment, drafts)),
        drafts,
        min((at for at in instants if at > now), default=None),
    )


def _places(moment: _Moment) -> Iterator[Place]:
    """Every notifier with every group that has a problem now, or had one that it was told."""
    for notifier in receivers(moment.routes):
        known = [group for name, group in moment.known.threads if name == notifier]
        for group in dict.fromkeys((*known, *moment.picture.groups)):
            yield notifier, group


def _paths(moment: _Moment, place: Place) -> Iterator[Path]:
    """The ways to a notifier, in the order of the routes; an escalation is one while it lasts."""
    notifier, group = place
    for route in moment.routes:
        if notifier in route.to:
            yield Path(route)
        elif route.escalate is not None and notifier in route.escalate.to:
            is_told = moment.known.threads.get(place, Thread()).told is not None
            if is_told or _is_due(moment, route, group):
                yield Path(route, is_escalation=True)


def _is_due(moment: _Moment, route: Route, group: str | None) -> bool:
    due = _due_at(moment.known.threads, route, group)
    return due is not None and due <= moment.now and not moment.is_acknowledged


def _due_at(threads: Mapping[Place, Thread], route: Route, group: str | None) -> datetime | None:
    """When a route escalates: so long after the first of its notifiers was told."""
    if route.escalate is None:
        return None
    known = (threads.get((notifier, group), Thread()).told for notifier in route.to)
    first = min((told.at for told in known if told is not None), default=None)
    return first + route.escalate.after if first is not None else None


def _step(
    moment: _Moment, before: Thread, found: Answer, paths: Sequence[Path], group: str | None
) -> tuple[Thread, Draft | None]:
    """What one notifier knows of one group after this instant, and what it is told."""
    hidden, now = moment.known.hidden, moment.now
    reason = decide(before.told, found, hidden=hidden, is_acknowledged=moment.is_acknowledged, now=now)
    if reason is None:
        return _eased(replace(before, waiting=None), found), None
    is_end = reason is NoticeReason.RECOVERED
    is_seen = is_end and _lacks(moment, before, group) is None
    thread = telling.wait(before, is_end=is_end, is_seen=is_seen, now=now)
    until = _held_until(thread, found, paths, reason, now)
    if until is not None and until > now:
        return thread, None
    if is_end:
        return Thread(), _end(moment, thread, group)
    return _tell(moment, thread, found.concern, reason)


def _eased(thread: Thread, found: Answer) -> Thread:
    """A problem that matters less, or has ended while its end is not told: told anew if it comes back."""
    eased = telling.ease(thread, found.concern.severity if found.concern is not None else Severity.OK)
    return telling.follow(eased, found.concern)


def _held_until(
    thread: Thread, found: Answer, paths: Sequence[Path], reason: NoticeReason, now: datetime
) -> datetime | None:
    """Until when a change is not told: what comes together is told together, and not at night."""
    told, waiting = thread.told, thread.waiting
    if reason is NoticeReason.RECOVERED:
        is_light = told is not None and not told.was_critical
        return _quiet_end(paths, now) if is_light else None
    if reason not in SETTLED or found.path is None or waiting is None:
        return None
    return waiting.since + found.path.route.settle


def _quiet_end(paths: Iterable[Path], now: datetime) -> datetime | None:
    """The end of the quiet hours, where it is quiet on all ways to a notifier."""
    ends = [_end_of_quiet(path.route, now) for path in paths]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None


def _end_of_quiet(route: Route, now: datetime) -> datetime | None:
    return route.quiet.end_after(now) if route.quiet is not None and route.is_quiet(now) else None


def _end(moment: _Moment, thread: Thread, group: str | None) -> Draft | None:
    told, waiting = thread.told, thread.waiting
    if told is None:
        return None
    incident, was_seen = moment.incident, waiting is not None and waiting.is_seen
    lacks = None if was_seen else _lacks(moment, thread, group)
    return Draft(
        reason=NoticeReason.RECOVERED if lacks is None else NoticeReason.UNWATCHED,
        group=group,
        incident=incident if incident is not None and incident.id == told.incident.id else told.incident,
        code=told.code,
        began=told.began,
        ended_at=waiting.since if waiting is not None else moment.now,
        lacks=lacks,
    )


def _lacks(moment: _Moment, thread: Thread, group: str | None) -> str | None:
    told, watch = thread.told, moment.picture.watch
    return watch.lacks(told.rule, group, told.machines) if told is not None and watch is not None else None


def _tell(
    moment: _Moment, thread: Thread, concern: Concern | None, reason: NoticeReason
) -> tuple[Thread, Draft | None]:
    told, now = thread.told, moment.now
    incident = moment.incident or (told.incident if told is not None else None)
    if concern is None or incident is None or incident.closed_at is not None:
        return thread, None
    counts_anew = told is None or reason in FROM_THE_FIRST
    knows = Told(
        incident=incident,
        code=concern.code,
        severity=concern.severity,
        since=concern.since,
        began=told.began if told is not None else moment.picture.began(concern),
        at=now if told is None or counts_anew else told.at,
        last_at=now,
        is_flapping=concern.is_flapping,
        was_critical=concern.severity is Severity.CRITICAL or (told is not None and told.was_critical),
        rule=concern.rule,
        machines=concern.machines,
    )
    draft = Draft(
        reason=reason,
        group=concern.group,
        incident=incident,
        code=concern.code,
        began=knows.began,
        concern=concern,
    )
    return Thread(knows), draft


def _hidden(moment: _Moment, drafts: Iterable[Draft]) -> frozenset[Key]:
    """The problems that another one explains, or explained and nobody has been told of since."""
    told = {draft.concern.key for draft in drafts if draft.concern is not None}
    return frozenset(
        one.key
        for one in moment.picture.concerns
        if one.is_suppressed or (one.key in moment.known.hidden and one.key not in told)
    )


def _instants(
    moment: _Moment, after: Thread, found: Answer, paths: Sequence[Path], group: str | None
) -> Iterator[datetime]:
    """When time alone may tell this notifier more of this group."""
    told, waiting, path, now = after.told, after.waiting, found.path, moment.now
    if waiting is not None and not waiting.is_end and path is not None:
        yield waiting.since + path.route.settle
    if told is not None and path is not None and path.route.repeat is not None and not moment.is_acknowledged:
        yield told.last_at + path.route.repeat
    concerns = [one for one in moment.picture.concerns if one.group == group]
    for one in paths:
        end = _end_of_quiet(one.route, now)
        is_concerned = any(one.route.covers(concern) for concern in concerns)
        if end is not None and (is_concerned or told is not None):
            yield end


def _escalations(threads: Mapping[Place, Thread], moment: _Moment) -> Iterator[datetime]:
    groups = dict.fromkeys(group for _, group in threads)
    for route in () if moment.is_acknowledged else moment.routes:
        for group in groups:
            due = _due_at(threads, route, group)
            if due is not None:
                yield due
