"""The evaluation: statuses, rules and memory in; problems, the leading answer and the next instant out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.health import deadlines
from agent.health.deadlines import Reminder
from agent.health.fold import believe
from agent.health.rules import Key, Rule, Ruleset, Scope
from agent.health.stages import Held, Memory, Stage, advance, endings, suppressors
from agent.model import Action, CoreReason, Severity, Status

STARTING = "STARTING"
"""The code of the first moments, in which some machine has yet to speak."""

NOTHING = "UNKNOWN"
"""The code when no rule leads; a table that ends with the session never gets here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One rule that matched in one group, as people see it."""

    rule: Rule
    group: str | None
    stage: Stage
    since: datetime
    severity: Severity
    message: str
    cause: Status | None
    suppressed_by: tuple[str, ...] = ()

    @property
    def leads(self) -> bool:
        """Whether it may name the document."""
        return self.stage is not Stage.PENDING and not self.suppressed_by

    @property
    def phase(self) -> str:
        """The stage in one word, `suppressed` where another problem explains it."""
        return "suppressed" if self.suppressed_by else str(self.stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The one answer that the document gives; `is_clearing` while its problem is on the way out."""

    code: str
    severity: Severity
    color: str
    message: str
    since: datetime
    rule: str | None = None
    group: str | None = None
    cause: Status | None = None
    action: Action | None = None
    is_clearing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What one evaluation found.

    `next_at` is the first later instant at which time alone may change it. `ask` names the
    machines that should be probed now, because an alarm waits for their answer or because
    their announced change is due. `reminders` came due since the evaluation before.
    """

    statuses: Mapping[str, Status]
    memory: Memory
    problems: tuple[Problem, ...]
    lead: Lead
    next_at: datetime | None
    ask: frozenset[str]
    reminders: tuple[Reminder, ...] = ()

    @property
    def is_starting(self) -> bool:
        return self.lead.code == STARTING


def evaluate(ruleset: Ruleset, known: Mapping[str, Status], memory: Memory, now: datetime) -> Evaluation:
    """Evaluate the whole table at one instant; repeating it at that instant changes nothing."""
    memory = memory.before(now)
    asked_last = memory.at
    statuses = {name: believe(status, now) for name, status in known.items()}
    starting = _starting_until(ruleset, statuses, memory, now)
    unmet = {s.key: _matches(s, statuses, starting is not None) for s in ruleset.scopes}
    matches = {s.key: deadlines.is_in_window(s, statuses, now) and unmet[s.key] for s in ruleset.scopes}
    held = {}
    for scope in ruleset.scopes:
        before = memory.held.get(scope.key)
        waiting = _awaits_answer(scope, before.since if before else now, statuses)
        patience = ruleset.probe_patience if waiting else timedelta(0)
        after = advance(scope, matches[scope.key], before, patience=patience, now=now)
        if after is not None:
            held[scope.key] = after
    ended = endings(ruleset.scopes, memory, held, now)
    problems = tuple(
        _problem(scope, held[scope.key], suppressors(scope, held, ended, now), statuses)
        for scope in ruleset.scopes
        if scope.key in held
    )
    memory = Memory(memory.started_at, held, ended, now, replace(memory, former=None))
    return Evaluation(
        statuses=statuses,
        memory=memory,
        problems=tuple(p for p in problems if not p.rule.names_the_session),
        lead=_lead(problems, memory, starting is not None),
        next_at=_next_at(ruleset, statuses, memory, starting, now),
        ask=_to_ask(ruleset, statuses, memory, now),
        reminders=_reminders(ruleset, statuses, unmet, asked_last, now) if starting is None else (),
    )


def _starting_until(
    ruleset: Ruleset, statuses: Mapping[str, Status], memory: Memory, now: datetime
) -> datetime | None:
    """The end of the first moments, `None` once every machine has spoken or they are over."""
    until = memory.started_at + ruleset.startup_grace
    silent = any(status.reason == CoreReason.NOT_PROBED for status in statuses.values())
    return until if silent and now < until else None


def _matches(scope: Scope, statuses: Mapping[str, Status], starting: bool) -> bool | None:
    """Whether all conditions hold; `None` where that cannot be known."""
    answers = []
    for condition in scope.conditions:
        answer: bool | None = False
        for name in condition.machines:
            status = statuses[name]
            undecided = starting and status.reason == CoreReason.NOT_PROBED
            one = None if undecided else condition.holds(status)
            if one:
                answer = True
                break
            answer = None if one is None else answer
        answers.append(answer)
    if False in answers:
        return False
    return None if None in answers else True


def _reminders(
    ruleset: Ruleset,
    statuses: Mapping[str, Status],
    unmet: Mapping[Key, bool | None],
    after: datetime | None,
    now: datetime,
) -> tuple[Reminder, ...]:
    """The reminders that came due since the last evaluation, of deadlines that are not met."""
    found = (deadlines.due(s, statuses, after=after, now=now) for s in ruleset.scopes if unmet[s.key])
    return tuple(reminder for reminder in found if reminder is not None)


def _awaits_answer(scope: Scope, since: datetime, statuses: Mapping[str, Status]) -> bool:
    """Whether a likely cause has yet to answer since the problem's first sign."""
    return any(statuses[name].observed_at < since for name in scope.ask_first)


def _problem(
    scope: Scope, held: Held, suppressed_by: tuple[str, ...], statuses: Mapping[str, Status]
) -> Problem:
    cause = cause_of(scope, statuses)
    session = statuses[scope.session] if scope.session is not None else None
    return Problem(
        rule=scope.rule,
        group=scope.group,
        stage=held.stage,
        since=held.since,
        severity=scope.rule.severity_at(session),
        message=_message(scope.rule, cause, session),
        cause=cause,
        suppressed_by=suppressed_by,
    )


def cause_of(scope: Scope, statuses: Mapping[str, Status]) -> Status | None:
    """The first machine that the rule's first condition points at."""
    condition = scope.conditions[0]
    candidates = [statuses[name] for name in condition.machines]
    return next((s for s in candidates if condition.holds(s)), candidates[0] if candidates else None)


def _message(rule: Rule, cause: Status | None, session: Status | None) -> str:
    said = cause.message if cause is not None else ""
    text = rule.message.replace("{message}", said) if rule.message else said or rule.id
    blind = session is not None and session.is_unknown and session is not cause
    if blind and not rule.names_the_session and session is not None and session.message:
        text = f"{text} (session unknown, taken as LIVE: {session.message})"
    return text


def _lead(problems: tuple[Problem, ...], memory: Memory, starting: bool) -> Lead:
    if starting:
        return Lead(
            code=STARTING,
            severity=Severity.UNKNOWN,
            color="grey",
            message="Starting: waiting for the first answer of every machine",
            since=memory.started_at,
        )
    for problem in problems:
        if problem.leads:
            named = problem.rule.names_the_session and problem.cause is not None
            return Lead(
                code=problem.rule.code,
                severity=problem.severity,
                color=problem.rule.color,
                message=problem.message,
                since=problem.cause.since if named and problem.cause else problem.since,
                rule=problem.rule.id,
                group=problem.group,
                cause=problem.cause,
                action=problem.rule.action,
                is_clearing=problem.stage is Stage.CLEARING,
            )
    return Lead(
        code=NOTHING,
        severity=Severity.UNKNOWN,
        color="grey",
        message="No rule says how things are; end the table with rules for the session",
        since=memory.started_at,
    )


def _next_at(
    ruleset: Ruleset,
    statuses: Mapping[str, Status],
    memory: Memory,
    starting: datetime | None,
    now: datetime,
) -> datetime | None:
    """The first later instant at which time alone may change the answer."""
    instants = [starting]
    for status in statuses.values():
        instants += [status.valid_until, status.next_change_at]
    for scope in ruleset.scopes:
        instants += deadlines.instants(scope, statuses)
        held = memory.held.get(scope.key)
        if held is not None and held.stage is Stage.PENDING:
            active_at = held.since + scope.rule.hold_for
            instants += [active_at, active_at + ruleset.probe_patience if scope.ask_first else None]
        elif held is not None and held.stage is Stage.CLEARING:
            instants.append(held.stage_since + scope.rule.clear_for)
        elif scope.key in memory.ended:
            instants.append(memory.ended[scope.key] + scope.rule.suppress_extend)
    return min((at for at in instants if at is not None and at > now), default=None)


def _to_ask(
    ruleset: Ruleset, statuses: Mapping[str, Status], memory: Memory, now: datetime
) -> frozenset[str]:
    wanted = {
        name
        for scope in ruleset.scopes
        for held in [memory.held.get(scope.key)]
        if held is not None and held.stage is Stage.PENDING
        for name in scope.ask_first
        if statuses[name].observed_at < held.since
    }
    due = {
        name
        for name, status in statuses.items()
        if status.next_change_at is not None and status.observed_at < status.next_change_at <= now
    }
    return frozenset(wanted | due)
