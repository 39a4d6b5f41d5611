"""Replays recorded reports through the very line that the agent runs, in no time and without I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.alerts.letters import Letter
from agent.alerts.routes import Route
from agent.config.blueprint import Blueprint
from agent.fleet import lost
from agent.health import self_check
from agent.health.document import AgentPart, HealthDocument
from agent.model import Notice
from agent.runtime.core import Consequences, Core
from agent.runtime.telling import Dispatch
from agent.store.journal import Entry
from agent.store.rows import Received

NOBODY = "nobody"
"""Who is told where a configuration has no notifier: what would be told is of interest all the same."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the line said at one instant: the document, when its answer changed, and the notices."""

    at: datetime
    document: HealthDocument | None
    dispatches: tuple[Dispatch, ...]


class ReplayClock:
    """Stands where the replay has come to."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def move_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant)


class _Forgetful:
    """A store that writes nothing and says at once that it has."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def append(self, entry: Entry) -> None:
        self._values.update(entry.values)
        if entry.written is not None:
            entry.written(None)

    def value(self, key: str) -> str | None:
        return self._values.get(key)

    def values_under(self, prefix: str) -> dict[str, str]:
        return {}


class _Drafts:
    """Keeps the latest draft, and makes the document when somebody looks at it."""

    revision = 0

    def __init__(self) -> None:
        self._draft: Callable[[], HealthDocument] | None = None
        self._document: HealthDocument | None = None

    def publish(self, draft: Callable[[], HealthDocument]) -> _Drafts:
        self._draft, self._document = draft, None
        return self

    @property
    def document(self) -> HealthDocument:
        if self._document is None:
            if self._draft is None:
                raise LookupError("nothing has been evaluated yet")
            self._document = self._draft()
        return self._document


class Replay:
    """One replay from `start` on; `feed` reports in order, then `finish` at the end of the day."""

    def __init__(self, blueprint: Blueprint, start: datetime) -> None:
        self._clock = ReplayClock(start)
        self._publisher = _Drafts()
        self._dispatches: list[Dispatch] = []
        self._wake_at: datetime | None = None
        self._last: tuple[str, str] | None = None
        agent = AgentPart(name=blueprint.settings.name, version="replay", started_at=start)
        self._core = Core(
            blueprint.ruleset,
            clock=self._clock,
            journal=_Forgetful(),
            publisher=self._publisher,
            believed_for=believed_for(blueprint),
            consequences=Consequences(
                ask=lambda name: None,
                wake_at=self._arm,
                statuses_changed=lambda statuses: None,
                address=self._note,
                post=lambda letters, error: None,
                published=lambda: None,
                stored=lambda error: None,
                describe=lambda: agent,
            ),
            routes=blueprint.routes or (Route(to=frozenset({NOBODY})),),
        )
        self._core.evaluate()

    def _note(self, notice: Notice, to: frozenset[str]) -> tuple[Letter, ...]:
        """What would be told, and to whom; in a replay it goes to nobody."""
        self._dispatches.append(Dispatch(notice, to))
        return ()

    def feed(self, received: Iterable[Received]) -> Iterator[Moment]:
        """Take in reports, waking at every instant in between that the line itself named."""
        known = set(self._core.machines)
        for one in received:
            if one.machine not in known:
                continue
            yield from self.run_until(one.at)
            self._core.accept(one.machine, one.report)
            yield from self._said()

    def run_until(self, end: datetime) -> Iterator[Moment]:
        """Let time pass, and evaluate whenever time alone may change something."""
        while self._wake_at is not None and self._wake_at <= end:
            self._clock.move_to(self._wake_at)
            self._core.evaluate()
            yield from self._said()
        self._clock.move_to(end)

    def _arm(self, instant: datetime | None) -> None:
        self._wake_at = instant

    def _said(self) -> Iterator[Moment]:
        evaluation = self._core.evaluation
        lead = (evaluation.lead.code, evaluation.lead.severity) if evaluation is not None else None
        changed = lead != self._last
        self._last = lead
        if changed or self._dispatches:
            document = self._publisher.document if changed else None
            yield Moment(self._clock.now(), document, tuple(self._dispatches))
            self._dispatches.clear()


def believed_for(blueprint: Blueprint) -> Mapping[str, timedelta]:
    """How long each machine's report is believed where it does not say so itself."""
    spans = {plan.machine.name: plan.every * 2 + plan.timeout for plan in blueprint.machines}
    return {**spans, self_check.NAME: self_check.VALID_FOR, lost.NAME: lost.VALID_FOR}
