"""The line, top to bottom: a report comes in, a document and its consequences go out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from agent.alerts.ids import RANDOM, Ids
from agent.alerts.letters import Letter
from agent.alerts.routes import Route
from agent.errors import StoreError
from agent.health import fold as folding
from agent.health import stages
from agent.health.answer import Evaluation
from agent.health.diff import diff
from agent.health.document import AgentPart, HealthDocument, compose
from agent.health.evaluate import evaluate
from agent.health.explain import Explanation, explain
from agent.health.rules import Ruleset
from agent.health.stages import Memory, Stage
from agent.model import Action, Incident, Notice, Report, Silence, Status, Subject, Transition
from agent.runtime.publishing import Documented, Press
from agent.runtime.telling import Consequence, Telling, stamped
from agent.store import snapshot
from agent.store.journal import Entry, Store
from agent.store.rows import Received
from agent.store.silences import KEY as QUIET_KEY
from agent.store.silences import pack_silences, unpack_silences
from agent.store.snapshot import Snapshot

log = logging.getLogger(__name__)

KEEP_ENDED = timedelta(days=1)
"""A silence that has ended is listed for so much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What the core has others do; each call returns at once."""

    ask: Callable[[str], None]
    wake_at: Callable[[datetime | None], None]
    statuses_changed: Callable[[Mapping[str, Status]], None]
    address: Callable[[Notice, frozenset[str]], tuple[Letter, ...]]
    post: Callable[[tuple[Letter, ...], StoreError | None], None]
    published: Callable[[], None]
    stored: Callable[[StoreError | None], None]
    describe: Callable[[], AgentPart]
    link: Callable[[Action], Action] = lambda action: action
    """Puts a fresh login link into the action of a notice that is about to be told."""


class Now(Protocol):
    """All that the core asks of a clock."""

    def now(self) -> datetime: ...


class Core:
    """Holds the statuses and the memory. Between reading and writing them back nothing waits."""

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        clock: Now,
        journal: Store,
        publisher: Press,
        believed_for: Mapping[str, timedelta],
        consequences: Consequences,
        routes: Sequence[Route],
        former: Snapshot | None = None,
        base_url: str = "",
        ids: Ids = RANDOM,
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
        self._telling = Telling(base_url, consequences.link, routes, ids)
        self._quiet = unpack_silences(journal.value(QUIET_KEY))
        self._evaluation: Evaluation | None = None
        if former is not None:
            self._resume(former, now)

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of all machines, the core's own among them."""
        return tuple(self._statuses)

    @property
    def evaluation(self) -> Evaluation | None:
        return self._evaluation

    def _resume(self, former: Snapshot, now: datetime) -> None:
        """Go on from a former run. What was on its way out, and was told to nobody, is over."""
        held = {
            key: problem
            for key, problem in former.memory.held.items()
            if former.was_told or problem.stage is not Stage.CLEARING
        }
        ended = stages.renewed(self._ruleset.scopes, former.memory.ended, held, now)
        self._memory = replace(former.memory, started_at=now, held=held, ended=ended)
        self._telling.resume(former.known, former.course)
        for name, known in former.states.items():
            if name in self._statuses:
                self._statuses[name] = replace(self._statuses[name], resumes=known)

    def route(self, routes: Sequence[Route]) -> None:
        """Tell people by these routes from the next evaluation on."""
        self._telling.take_routes(routes)

    def adopt(
        self, ruleset: Ruleset, believed_for: Mapping[str, timedelta], *, renewed: Collection[str] = ()
    ) -> None:
        """Go on with another table and other machines; what stays keeps its ages and stages.

        Of the `renewed` machines nothing is known until they speak: they were built anew.
        """
        now = self._clock.now()
        former, self._statuses = self._statuses, {}
        for machine in ruleset.machines:
            known = former.get(machine.name)
            if known is not None and machine.name not in renewed:
                self._statuses[machine.name] = replace(known, machine=machine)
                continue
            self._statuses[machine.name] = folding.unprobed(machine, now, resumes=known)
        self._ruleset, self._believed_for = ruleset, believed_for
        self._memory = replace(self._memory, former=None)
        self._evaluate(now)

    def accept(self, name: str, report: Report) -> None:
        """Take in a report that has passed the border."""
        now = self._clock.now()
        self._journal.append(Entry(reports=(Received(now, name, report),), written=self._do.stored))
        believed_for = self._believed_for[name]
        self._statuses[name] = folding.fold(self._statuses[name], report, believed_for=believed_for)
        self._evaluate(now)

    def evaluate(self) -> None:
        """Evaluate at this instant, and let follow what follows."""
        self._evaluate(self._clock.now())

    def _evaluate(self, now: datetime) -> None:
        before = self._evaluation
        self._quiet = tuple(one for one in self._quiet if now < one.ends_at + KEEP_ENDED)
        after = evaluate(self._ruleset, self._statuses, self._memory, now, self._quiet)
        self._evaluation, self._memory = after, after.memory
        self._do.statuses_changed(after.statuses)
        published = self._publish(after, now)
        self._record(diff(before, after, now), published, now)
        self._do.wake_at(_earlier(after.next_at, self._telling.next_at))
        for name in after.ask:
            self._do.ask(name)

    @property
    def quiet(self) -> tuple[Silence, ...]:
        """The silences that hold or are yet to come, and those that ended a short while ago."""
        return self._quiet

    def silence(self, silence: Silence) -> None:
        """Take up a person's wish for quiet; one with the same id takes the former one's place."""
        self._quiet = (*(one for one in self._quiet if one.id != silence.id), silence)
        self._note_silence(silence, None, "silenced")

    def end_silence(self, id_: str) -> Silence:
        """End a silence now. Raises `LookupError` when there is none of that id."""
        now = self._clock.now()
        found = next((one for one in self._quiet if one.id == id_ and now < one.ends_at), None)
        if found is None:
            raise LookupError(id_)
        ended = replace(found, ends_at=now)
        self._quiet = tuple(ended if one.id == id_ else one for one in self._quiet)
        self._note_silence(ended, "silenced", "ended")
        return ended

    def acknowledge(self, id_: str, who: str, why: str) -> Incident:
        """A person is at the open incident. Raises `LookupError` when it is not the open one."""
        incident = self._telling.incident
        if incident is None or incident.id != id_:
            raise LookupError(id_)
        consequence = self._telling.acknowledge(who, why, self._clock.now())
        self._journal_it((), consequence)
        self.evaluate()
        return consequence.incident or incident

    @property
    def incident(self) -> Incident | None:
        """The open incident."""
        return self._telling.incident

    def explain(self) -> list[Explanation]:
        """Every rule, whether it holds, and what it waits for or is held back by."""
        if self._evaluation is None:
            return []
        return explain(self._ruleset, self._evaluation, self._clock.now())

    def _note_silence(self, silence: Silence, before: str | None, after: str) -> None:
        edge = Transition(
            at=self._clock.now(),
            subject=Subject.SILENCE,
            name=silence.id,
            group=silence.group,
            before=before,
            after=after,
            message=f"{silence.who}: {silence.why}",
        )
        self._journal_it(stamped((edge,), self._telling.incident), Consequence())
        self.evaluate()

    def note_action(self, machine: str, action: str, done: str) -> None:
        """Keep that a person had a machine do something, with what it said of it."""
        edge = Transition(
            at=self._clock.now(),
            subject=Subject.ACTION,
            name=f"{machine}/{action}",
            group=None,
            before=None,
            after="DONE",
            message=done,
        )
        self._journal_it(stamped((edge,), self._telling.incident), Consequence())

    def note_clock(self, what: str, words: str) -> None:
        """Keep that the wall clock was set, or the machine suspended."""
        edge = Transition(
            at=self._clock.now(),
            subject=Subject.CLOCK,
            name="clock",
            group=None,
            before=None,
            after=what,
            message=words,
        )
        self._journal_it(stamped((edge,), self._telling.incident), Consequence())

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock: every instant that is remembered moves, every age stays."""
        self._statuses = {name: folding.shift(s, step) for name, s in self._statuses.items()}
        self._memory = stages.shift(self._memory, step)
        self._telling.shift(step)
        self.evaluate()

    def _publish(self, evaluation: Evaluation, now: datetime) -> Documented:
        revision = self._publisher.revision

        def draft() -> HealthDocument:
            return compose(self._ruleset, evaluation, self._do.describe(), revision=revision, now=now)

        return self._publisher.publish(draft)

    def _record(self, edges: tuple[Transition, ...], published: Documented, now: datetime) -> None:
        """Journal what has changed, and have it told once it is on disk, or known not to be."""
        evaluation = self._evaluation
        if evaluation is None:
            return
        incident = self._telling.incident
        consequence = self._telling.follow(evaluation, published, now)
        if not edges and not consequence.is_news and consequence.incident is None:
            return
        during = consequence.incident or incident
        for edge in edges:
            if edge.subject is Subject.LEAD:
                within = {"incident": during.id} if during is not None else {}
                log.info("%s → %s: %s", edge.before or "start", edge.after, edge.message, extra=within)
        self._journal_it(stamped(edges, during), consequence)

    def _journal_it(self, edges: tuple[Transition, ...], consequence: Consequence) -> None:
        letters = tuple(
            letter for one in consequence.dispatches for letter in self._do.address(one.notice, one.to)
        )

        def written(error: StoreError | None) -> None:
            self._do.stored(error)
            self._do.published()
            self._do.post(letters, error)

        self._journal.append(
            Entry(
                transitions=(*edges, *consequence.edges),
                values=self._values(),
                incidents=(consequence.incident,) if consequence.incident is not None else (),
                letters=letters,
                written=written,
            )
        )

    def _values(self) -> tuple[tuple[str, str], ...]:
        text = snapshot.pack(
            self._publisher.revision,
            self._statuses,
            self._memory,
            known=self._telling.known,
            course=self._telling.course,
        )
        return ((snapshot.KEY, text), (QUIET_KEY, pack_silences(self._quiet)))


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)
