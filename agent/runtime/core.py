"""The line, top to bottom: a report comes in, a document and its consequences go out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.alerts import plan as alerts
from agent.alerts.plan import Answer, Told
from agent.clock import Clock
from agent.errors import StoreError
from agent.health import fold as folding
from agent.health import stages
from agent.health.deadlines import Reminder
from agent.health.diff import diff
from agent.health.document import AgentPart, HealthDocument, action_for, compose
from agent.health.evaluate import Evaluation, cause_of, evaluate
from agent.health.rules import Ruleset
from agent.health.stages import Memory, Stage
from agent.model import Action, Notice, Report, Severity, Status, Subject, Transition
from agent.runtime.publishing import Published, Publisher, summary
from agent.store import snapshot
from agent.store.journal import Entry, Journal
from agent.store.snapshot import Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What the core has others do; each call returns at once."""

    ask: Callable[[str], None]
    wake_at: Callable[[datetime | None], None]
    statuses_changed: Callable[[Mapping[str, Status]], None]
    notify: Callable[[Notice], None]
    published: Callable[[], None]
    stored: Callable[[StoreError | None], None]
    describe: Callable[[], AgentPart]


class Core:
    """Holds the statuses and the memory. Between reading and writing them back nothing waits."""

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        clock: Clock,
        journal: Journal,
        publisher: Publisher,
        believed_for: Mapping[str, timedelta],
        consequences: Consequences,
        former: Snapshot | None = None,
        base_url: str = "",
    ) -> None:
        now = clock.now()
        self._ruleset = ruleset
        self._clock = clock
        self._journal = journal
        self._publisher = publisher
        self._believed_for = believed_for
        self._do = consequences
        self._base_url = base_url
        self._statuses = {m.name: folding.unprobed(m, now) for m in ruleset.machines}
        self._memory = Memory(now)
        self._told: Told | None = None
        self._reminded: set[object] = set()
        self._evaluation: Evaluation | None = None
        if former is not None:
            self._resume(former, now)

    @property
    def evaluation(self) -> Evaluation | None:
        return self._evaluation

    def _resume(self, former: Snapshot, now: datetime) -> None:
        """Go on from a former run.

        What was on its way out, and was told to nobody, is over. A `suppress_extend` that ran
        begins anew: it gives time to come back, and the agent itself was away.
        """
        held = {
            key: problem
            for key, problem in former.memory.held.items()
            if former.told is not None or problem.stage is not Stage.CLEARING
        }
        ended = dict.fromkeys(former.memory.ended, now)
        self._memory = replace(former.memory, started_at=now, held=held, ended=ended)
        self._told = former.told
        for name, known in former.states.items():
            if name in self._statuses:
                self._statuses[name] = replace(self._statuses[name], resumes=known)

    def accept(self, name: str, report: Report) -> None:
        """Take in a report that has passed the border."""
        status = self._statuses[name]
        self._statuses[name] = folding.fold(status, report, believed_for=self._believed_for[name])
        self.evaluate()

    def evaluate(self) -> None:
        """Evaluate at this instant, and let follow what follows."""
        now = self._clock.now()
        before = self._evaluation
        after = evaluate(self._ruleset, self._statuses, self._memory, now)
        self._evaluation, self._memory = after, after.memory
        self._do.statuses_changed(after.statuses)
        published = self._publish(after, now)
        self._record(diff(before, after, now), after, published, now)
        self._do.wake_at(after.next_at)
        for name in after.ask:
            self._do.ask(name)

    def republish(self) -> None:
        """Publish anew because what the agent says of itself has changed."""
        if self._evaluation is not None:
            self._publish(self._evaluation, self._clock.now())

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock: every instant that is remembered moves, every age stays."""
        self._statuses = {name: folding.shift(s, step) for name, s in self._statuses.items()}
        self._memory = stages.shift(self._memory, step)
        self._told = alerts.shift(self._told, step)
        self.evaluate()

    def _publish(self, evaluation: Evaluation, now: datetime) -> Published:
        part = self._do.describe()
        revision = self._publisher.revision
        return self._publisher.publish(compose(self._ruleset, evaluation, part, revision=revision, now=now))

    def _record(
        self,
        edges: tuple[Transition, ...],
        evaluation: Evaluation,
        published: Published,
        now: datetime,
    ) -> None:
        """Journal what has changed, and have it told once it is on disk, or known not to be."""
        reminders = [] if evaluation.is_starting else self._remind(evaluation, published, now)
        if not edges and not reminders:
            return
        for edge in edges:
            if edge.subject is Subject.LEAD:
                log.info("%s → %s: %s", edge.before or "start", edge.after, edge.message)
        told = None if evaluation.is_starting else self._plan(evaluation, published, now)
        notices = [*reminders, *([told] if told is not None else [])]
        text = snapshot.pack(self._publisher.revision, self._statuses, self._memory, self._told)

        def written(error: StoreError | None) -> None:
            self._do.stored(error)
            self._do.published()
            for notice in notices:
                self._do.notify(notice)

        self._journal.append(Entry(edges, ((snapshot.KEY, text),), written))

    def _plan(self, evaluation: Evaluation, published: Published, now: datetime) -> Notice | None:
        planned = alerts.plan(
            self._told,
            _answer(published.document, evaluation.lead.is_clearing),
            now=now,
            agent=published.document.agent.name,
            url=self._base_url,
            new_id=uuid.uuid4().hex,
        )
        self._told = planned.told
        return planned.notice

    def _remind(self, evaluation: Evaluation, published: Published, now: datetime) -> list[Notice]:
        """The reminders that came due, each once."""
        fresh = {(r.scope.key, r.opens_at, r.left): r for r in evaluation.reminders}
        found = [fresh[key] for key in fresh.keys() - self._reminded]
        self._reminded = fresh.keys() | set()
        return [
            alerts.remind(
                _reminder(reminder, evaluation, published.document),
                self._told,
                reminder.left,
                now=now,
                agent=published.document.agent.name,
                new_id=uuid.uuid4().hex,
            )
            for reminder in found
        ]


def _answer(document: HealthDocument, is_clearing: bool) -> Answer:
    return Answer(
        code=document.code,
        severity=document.severity,
        message=document.message,
        since=document.since,
        is_clearing=is_clearing,
        machines=_involved(document),
        action=Action(**document.action.model_dump()) if document.action is not None else None,
        summary=summary(document),
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
