"""What follows from an evaluation for people: the incident, and the notices that tell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts import incidents
from agent.alerts import plan as planning
from agent.alerts import told as threads
from agent.alerts.concerns import Concern, Picture
from agent.alerts.ids import RANDOM, Ids, Tale
from agent.alerts.incidents import Course
from agent.alerts.notices import Draft, compose, remind
from agent.alerts.plan import Known, Plan
from agent.alerts.routes import Route
from agent.health.answer import Evaluation
from agent.health.deadlines import Reminder
from agent.model import Action, Incident, Notice, Subject, Transition
from agent.runtime.picturing import picture_of, reminded
from agent.runtime.publishing import Documented


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A notice, and the notifiers that are to tell it."""

    notice: Notice
    to: frozenset[str]


@dataclass(frozen=True, slots=True)
class Consequence:
    """The notices to send, the incident as it now is if it changed, its own edges, and the next
    instant at which time alone has something told.
    """

    dispatches: tuple[Dispatch, ...] = ()
    incident: Incident | None = None
    edges: tuple[Transition, ...] = ()
    is_news: bool = False
    """Whether what a new run must know of it has changed."""


class Telling:
    """Remembers what people were told and which incident is open; decides by the pure alerts.

    `link` puts a fresh login link into the action of a notice.
    """

    def __init__(
        self,
        url: str,
        link: Callable[[Action], Action],
        routes: Sequence[Route],
        ids: Ids = RANDOM,
    ) -> None:
        self._url = url
        self._ids = ids
        self._link = link
        self._routes = tuple(routes)
        self.known = Known()
        self.course = Course()
        self.next_at: datetime | None = None
        self._reminded: set[object] = set()
        self._reminders: set[str] = set()
        self._gist: object = None

    def resume(self, known: Known, course: Course) -> None:
        """Go on from what a former run knew."""
        self.known, self.course = known, course

    def take_routes(self, routes: Sequence[Route]) -> None:
        """Go by other routes; what is known stays, and what they tell more is looked at next."""
        self._routes, self._gist = tuple(routes), None

    @property
    def incident(self) -> Incident | None:
        """The open incident."""
        return self.course.incident

    def follow(self, evaluation: Evaluation, published: Documented, now: datetime) -> Consequence:
        """What an evaluation leads to; nothing while the agent starts, or all is the same."""
        if evaluation.is_starting or not self._is_new(evaluation, now):
            return Consequence()
        picture = picture_of(evaluation, published.document)
        before = self.incident
        tracked = self._track(picture, now)
        planned = planning.plan(self.known, picture, self._routes, tracked.incident, now)
        is_over = tracked.incident is not None and tracked.incident.closed_at is not None
        self.course = replace(tracked, incident=None) if is_over else tracked
        is_news = planned.known != self.known
        self.known, self.next_at = planned.known, planned.next_at
        dispatches = [
            *self._remind(evaluation, published, now),
            *self._compose(planned, picture, now, agent=published.document.agent.name),
        ]
        changed = tracked.incident if tracked.incident != before else None
        linked = tuple(replace(one, notice=self._linked(one.notice)) for one in dispatches)
        return Consequence(linked, changed, _edges(before, tracked.incident, now), is_news or bool(linked))

    def _track(self, picture: Picture, now: datetime) -> Course:
        def new_id(concern: Concern) -> str:
            return self._ids.incident(self.course.last, concern.code, concern.group, now)

        return incidents.track(self.course, picture, now=now, url=self._url, new_id=new_id)

    def _compose(self, planned: Plan, picture: Picture, now: datetime, *, agent: str) -> list[Dispatch]:
        """The notices of a plan, each with an id of its own."""
        return [
            Dispatch(compose(draft, picture, now=now, agent=agent, new_id=self._notice_id(draft, now)), to)
            for draft, to in planned.drafts.items()
        ]

    def _notice_id(self, draft: Draft, now: datetime) -> str:
        self.course = replace(self.course, told=self.course.told + 1)
        tale = Tale(
            incident=draft.incident.id,
            during=self.course.latest or draft.incident.id,
            ordinal=self.course.told,
            reason=draft.reason,
            code=draft.code,
            group=draft.group,
        )
        return self._ids.notice(tale, now)

    def _is_new(self, evaluation: Evaluation, now: datetime) -> bool:
        """Whether there may be something to tell: the gist of things has changed, or it is time."""
        gist = (evaluation.gist, self.incident)
        is_due = self.next_at is not None and now >= self.next_at
        if gist == self._gist and not is_due and not evaluation.reminders:
            return False
        self._gist = gist
        return True

    def acknowledge(self, who: str, why: str, now: datetime) -> Consequence:
        """A person is at the open incident. Raises `LookupError` when none is open."""
        if self.incident is None:
            raise LookupError("no incident is open")
        incident = incidents.acknowledge(self.incident, who, why, now)
        self.course = replace(self.course, incident=incident)
        edge = _edge(incident, now, "open", "acknowledged", f"{who}: {why}")
        return Consequence(incident=incident, edges=(edge,))

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        moved = {place: threads.shift(thread, step) for place, thread in self.known.threads.items()}
        self.known = replace(self.known, threads=moved)
        if self.incident is not None:
            self.course = replace(self.course, incident=incidents.moved(self.incident, step))
        self._gist = None

    def _reminder_id(self, reminder: Reminder) -> str:
        return self._ids.reminder(reminder.scope.key, reminder.opens_at, reminder.left)

    def _linked(self, notice: Notice) -> Notice:
        return notice if notice.action is None else replace(notice, action=self._link(notice.action))

    def _remind(self, evaluation: Evaluation, published: Documented, now: datetime) -> list[Dispatch]:
        """The reminders that came due, each once; they have their own hour, and know no quiet ones."""
        fresh = {(r.scope.key, r.opens_at, r.left): r for r in evaluation.reminders}
        due = {self._reminder_id(r): r for key, r in fresh.items() if key not in self._reminded}
        due = {id_: reminder for id_, reminder in due.items() if id_ not in self._reminders}
        self._reminders.update(due)
        self._reminded = set(fresh)
        picture = picture_of(evaluation, published.document)
        dispatches = []
        for id_, reminder in due.items():
            concern = reminded(reminder, evaluation, published.document)
            to = frozenset().union(*(r.to for r in self._routes if r.covers(concern)))
            left, by = reminder.deadline - now, published.document.agent.name
            notice = remind(concern, picture, left, now=now, agent=by)
            dispatches.append(Dispatch(replace(notice, id=id_, incident=self.incident), to))
        return [one for one in dispatches if one.to]


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
