"""The health document: the shape that readers rely on, and how an evaluation becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from agent.health.answer import Evaluation, Problem
from agent.health.readiness import Blocker, blockers
from agent.health.rules import LIVE, Ruleset
from agent.model import Action, Severity, Status

SCHEMA = "openbell.health/1"
VALID_FOR = timedelta(seconds=30)
"""How long a reader may trust a document; it is renewed three times as often."""


class Outcome(StrEnum):
    """The document's status in three words."""

    PASS = "pass"  # noqa: S105 - the word of the health-check format, not a password
    WARN = "warn"
    FAIL = "fail"


OUTCOMES = {
    Severity.OK: Outcome.PASS,
    Severity.INFO: Outcome.PASS,
    Severity.WARNING: Outcome.WARN,
    Severity.UNKNOWN: Outcome.FAIL,
    Severity.CRITICAL: Outcome.FAIL,
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CausePart(_Part):
    """Which rule leads, and the machine and reason that it points at."""

    rule: str | None
    group: str | None
    machine: str | None
    reason: str | None


class ActionPart(_Part):
    """What a person can do now."""

    kind: str
    label: str
    href: str
    method: str


class MarketPart(_Part):
    """The session, as the market machine tells it."""

    state: str
    reason: str
    next_open_at: object | None
    next_close_at: object | None
    calendar: object | None


class BlockerPart(_Part):
    """What keeps the desk from being ready."""

    machine: str
    state: str
    reason: str
    wanted: list[str]
    message: str


class ProblemPart(_Part):
    """One problem, in the order of the table; suppressed ones name what explains them."""

    rule: str
    code: str
    group: str | None
    phase: str = Field(description="pending, active, clearing, suppressed or silenced")
    severity: Severity
    message: str
    since: datetime
    machine: str | None
    reason: str | None
    suppressed_by: list[str]
    silenced_by: str | None = None
    flapping: bool = False
    aside: bool = Field(default=False, description="it stands behind the session: never leads, never told")


class MachinePart(_Part):
    """One machine as it stands."""

    role: str
    group: str | None
    state: str
    reason: str
    message: str
    since: datetime
    observed_at: datetime
    valid_until: datetime | None
    next_change_at: datetime | None
    attributes: Mapping[str, object]
    measures: Mapping[str, float]


class PluginPart(_Part):
    """An installed plugin: whether it takes part, and what is wrong with it."""

    name: str
    state: str
    origin: str
    version: str | None = None
    error: str | None = None


class NotifierPart(_Part):
    """A notifier: how its deliveries go."""

    name: str
    kind: str
    state: str
    delivered: int = 0
    waiting: int = 0
    oldest_at: datetime | None = None
    dead: int = 0
    error: str | None = None


class AgentPart(_Part):
    """The agent itself."""

    name: str
    version: str
    started_at: datetime
    clock_offset_ms: float | None = None
    loop_lag_ms: float | None = None
    plugins: list[PluginPart] = []
    notifiers: list[NotifierPart] = []


class HealthDocument(_Part):
    """Is the desk ready when the bell rings? Not to be trusted past `valid_until`."""

    schema_: str = Field(default=SCHEMA, alias="schema", serialization_alias="schema")
    status: Outcome
    code: str
    severity: Severity
    message: str
    color: str
    since: datetime
    generated_at: datetime
    valid_until: datetime
    revision: int
    cause: CausePart
    action: ActionPart | None
    market: MarketPart | None
    ready: bool
    tradable: bool
    blockers: list[BlockerPart]
    problems: list[ProblemPart]
    machines: dict[str, MachinePart]
    agent: AgentPart


def compose(
    ruleset: Ruleset, evaluation: Evaluation, agent: AgentPart, *, revision: int, now: datetime
) -> HealthDocument:
    """The document of an evaluation, stamped with `now`."""
    lead = evaluation.lead
    session = evaluation.statuses[ruleset.session] if ruleset.session is not None else None
    missing = blockers(ruleset, evaluation.statuses)
    ready = not missing and not evaluation.is_starting
    return HealthDocument(
        schema=SCHEMA,
        status=OUTCOMES[lead.severity],
        code=lead.code,
        severity=lead.severity,
        message=lead.message,
        color=lead.color,
        since=lead.since,
        generated_at=now,
        valid_until=now + VALID_FOR,
        revision=revision,
        cause=CausePart(
            rule=lead.rule,
            group=lead.group,
            machine=lead.cause.machine.name if lead.cause is not None else None,
            reason=lead.cause.reason if lead.cause is not None else None,
        ),
        action=_action(action_for(lead.action, lead.cause)),
        market=_market(session),
        ready=ready,
        tradable=ready and session is not None and session.state == LIVE,
        blockers=[_blocker(blocker) for blocker in missing],
        problems=[_problem(problem) for problem in evaluation.problems],
        machines={name: _machine(status) for name, status in evaluation.statuses.items()},
        agent=agent.model_copy(update={"clock_offset_ms": _clock_offset(evaluation)}),
    )


def _clock_offset(evaluation: Evaluation) -> float | None:
    """How far our clock is off by the word of those whom machines ask, the widest of several."""
    found = [status.measures.get("clock_offset_ms") for status in evaluation.statuses.values()]
    return max((offset for offset in found if offset is not None), key=abs, default=None)


def _panel(part: MachinePart) -> object:
    return part.attributes.get("panel")


def content(document: HealthDocument) -> object:
    """What a revision counts: all but what moves by itself: stamps, measures, and the details in
    attributes, of which whatever matters to people is in a message or a panel as well.
    """
    machines = [
        (name, part.state, part.reason, part.message, part.since, part.next_change_at, _panel(part))
        for name, part in document.machines.items()
    ]
    agent = document.agent
    notifiers = [(one.name, one.kind, one.state, one.error) for one in agent.notifiers]
    return (
        (document.status, document.code, document.severity, document.message, document.color),
        (document.since, document.cause, document.action, document.market),
        (document.ready, document.tradable, document.blockers, document.problems),
        machines,
        (agent.name, agent.version, agent.started_at, agent.plugins, notifiers),
    )


def action_for(action: Action | None, cause: Status | None) -> Action | None:
    """A rule's action, with the name of the machine that it is about filled in."""
    if action is None or cause is None:
        return action
    return replace(action, href=action.href.replace("{machine}", cause.machine.name))


def _action(action: Action | None) -> ActionPart | None:
    if action is None:
        return None
    return ActionPart(kind=action.kind, label=action.label, href=action.href, method=action.method)


def _market(session: Status | None) -> MarketPart | None:
    if session is None:
        return None
    said = session.attributes
    return MarketPart(
        state=session.state,
        reason=session.reason,
        next_open_at=said.get("next_open_at"),
        next_close_at=said.get("next_close_at"),
        calendar=said.get("calendar"),
    )


def _blocker(blocker: Blocker) -> BlockerPart:
    status = blocker.status
    return BlockerPart(
        machine=status.machine.name,
        state=status.state,
        reason=status.reason,
        wanted=sorted(blocker.wanted),
        message=status.message,
    )


def _problem(problem: Problem) -> ProblemPart:
    cause = problem.cause
    return ProblemPart(
        rule=problem.rule.id,
        code=problem.rule.code,
        group=problem.group,
        phase=problem.phase,
        severity=problem.severity,
        message=problem.message,
        since=problem.since,
        machine=cause.machine.name if cause is not None else None,
        reason=cause.reason if cause is not None else None,
        suppressed_by=list(problem.suppressed_by),
        silenced_by=problem.silenced_by,
        flapping=problem.is_flapping,
        aside=problem.is_aside,
    )


def _machine(status: Status) -> MachinePart:
    return MachinePart(
        role=status.machine.role,
        group=status.machine.group,
        state=status.state,
        reason=status.reason,
        message=status.message,
        since=status.since,
        observed_at=status.observed_at,
        valid_until=status.valid_until,
        next_change_at=status.next_change_at,
        attributes=status.attributes,
        measures=status.measures,
    )
