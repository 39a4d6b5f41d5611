"""The evaluation: statuses, rules and memory in; problems, the leading answer and the next instant out."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.health import deadlines, flapping, silences
from agent.health.answer import NOTHING, STARTING, Evaluation, Lead, Problem
from agent.health.deadlines import Reminder
from agent.health.fold import believe
from agent.health.rules import Condition, Key, Ruleset, Scope, session_words
from agent.health.stages import Held, Memory, Stage, advance, endings, suppressors
from agent.model import CoreReason, Severity, Silence, Status


@dataclass(frozen=True, slots=True)
class _Moment:
    """What every step of one evaluation looks at; `starting` is the end of the first moments."""

    ruleset: Ruleset
    statuses: Mapping[str, Status]
    now: datetime
    starting: datetime | None
    quiet: Sequence[Silence]


def evaluate(
    ruleset: Ruleset,
    known: Mapping[str, Status],
    memory: Memory,
    now: datetime,
    quiet: Sequence[Silence] = (),
) -> Evaluation:
    """Evaluate the whole table at one instant; repeating it at that instant changes nothing.

    `quiet` are the silences that people asked for, past and coming ones among them.
    """
    memory = memory.before(now)
    statuses = {name: believe(status, now) for name, status in known.items()}
    moment = _Moment(ruleset, statuses, now, _starting_until(ruleset, statuses, memory, now), quiet)
    unmet = {scope.key: _matches(moment, scope) for scope in ruleset.scopes}
    closed = {s.key: False for s in ruleset.timed if not deadlines.is_in_window(s, statuses, now)}
    matches = {**unmet, **closed}
    is_starting = moment.starting is not None
    matched, turns = flapping.turn(ruleset, memory, matches, now, is_starting=is_starting)
    flaps = {key for key, recent in turns.items() if flapping.is_flapping(recent, ruleset.flapping)}
    held = dict(_held(moment, memory, matches, flaps))
    after = Memory(
        started_at=memory.started_at,
        held=held,
        ended=endings(ruleset.scopes, memory, held, now),
        matched=matched,
        turns=turns,
        looked_at=now if moment.starting is None else memory.looked_at,
        at=now,
        former=replace(memory, former=None),
    )
    problems = tuple(_problems(moment, after, flaps))
    leading = next((p for p in problems if p.may_lead(memory.lead)), None)
    after = replace(after, lead=(leading.rule.id, leading.group) if leading is not None else None)
    return Evaluation(
        statuses=statuses,
        memory=after,
        problems=tuple(p for p in problems if not p.rule.names_the_session),
        lead=_lead(moment, leading, after),
        next_at=min(_instants(moment, after), default=None),
        ask=_to_ask(moment, after),
        reminders=tuple(_reminders(moment, unmet, memory.looked_at or memory.started_at)),
        watched=ruleset.problems,
    )


def _starting_until(
    ruleset: Ruleset, statuses: Mapping[str, Status], memory: Memory, now: datetime
) -> datetime | None:
    """The end of the first moments, `None` once every machine has spoken or they are over."""
    until = memory.started_at + ruleset.startup_grace
    silent = any(status.reason == CoreReason.NOT_PROBED for status in statuses.values())
    return until if silent and now < until else None


def _matches(moment: _Moment, scope: Scope) -> bool | None:
    """Whether all conditions hold; `None` where that cannot be known."""
    answer: bool | None = True
    for condition in scope.conditions:
        one = _one_holds(moment, condition)
        if one is False:
            return False
        answer = None if one is None else answer
    return answer


def _one_holds(moment: _Moment, condition: Condition) -> bool | None:
    """Whether one of the condition's machines is as wanted; nothing is said of the unprobed at start."""
    answer: bool | None = False
    for name in condition.machines:
        status = moment.statuses[name]
        undecided = moment.starting is not None and status.reason == CoreReason.NOT_PROBED
        one = None if undecided else condition.holds(status)
        if one:
            return True
        answer = None if one is None else answer
    return answer


def _held(
    moment: _Moment, memory: Memory, matches: Mapping[Key, bool | None], flaps: Container[Key]
) -> Iterator[tuple[Key, Held]]:
    """The stage of every problem that there is, after this instant."""
    for scope in moment.ruleset.scopes:
        key = scope.key
        before, match = memory.held.get(key), matches[key]
        if before is None and not match:
            continue
        since = before.since if before else moment.now
        waits = any(moment.statuses[name].observed_at < since for name in scope.ask_first)
        patience = moment.ruleset.probe_patience if waits else timedelta(0)
        after = advance(scope, match, before, patience=patience, flaps=key in flaps, now=moment.now)
        if after is not None:
            yield key, after


def _problems(moment: _Moment, memory: Memory, flaps: Container[Key]) -> Iterator[Problem]:
    """Every problem that there is, and the session; what stands behind that in the table is aside."""
    is_aside = False
    for scope in moment.ruleset.scopes:
        key = scope.key
        if key not in memory.held:
            continue
        held = memory.held[key]
        hidden_by = suppressors(scope, memory.held, memory.ended, moment.now)
        problem = _problem(moment, scope, held, suppressed_by=hidden_by, is_aside=is_aside)
        silenced_by = silences.silenced_by(problem, moment.quiet, moment.now)
        if key in flaps or silenced_by:
            problem = replace(problem, silenced_by=silenced_by, is_flapping=key in flaps)
        is_aside = is_aside or (scope.rule.names_the_session and held.stage is Stage.ACTIVE)
        yield problem


def _problem(
    moment: _Moment, scope: Scope, held: Held, *, suppressed_by: tuple[str, ...], is_aside: bool
) -> Problem:
    cause = cause_of(scope, moment.statuses)
    session = moment.statuses[scope.session] if scope.session is not None else None
    return Problem(
        rule=scope.rule,
        group=scope.group,
        stage=held.stage,
        since=held.since,
        severity=scope.rule.severity_at(session),
        message=_message(scope, cause, session),
        cause=cause,
        machines=_found_by(scope, moment.statuses),
        suppressed_by=suppressed_by,
        session=session_words(session),
        is_aside=is_aside,
    )


def cause_of(scope: Scope, statuses: Mapping[str, Status]) -> Status | None:
    """The first machine that the rule's first condition points at, or else may point at."""
    condition = scope.conditions[0]
    answers = [(statuses[name], condition.holds(statuses[name])) for name in condition.machines]
    for wanted in (True, None, False):
        for status, answer in answers:
            if answer is wanted:
                return status
    return None


def _found_by(scope: Scope, statuses: Mapping[str, Status]) -> frozenset[str]:
    """The machines that meet the rule's conditions, or may."""
    return frozenset(
        name
        for condition in scope.conditions
        for name in condition.machines
        if condition.holds(statuses[name]) is not False
    )


def _message(scope: Scope, cause: Status | None, session: Status | None) -> str:
    rule, said = scope.rule, cause.message if cause is not None else ""
    text = rule.message.replace("{message}", said) if rule.message else said or rule.id
    if rule.message and cause is not None and scope.conditions[0].holds(cause) is None:
        own, why = rule.message.replace("{message}", "").rstrip(" :"), f"cannot be seen: {said}"
        text = f"{own} ({cause.machine.name} {why})" if own else f"{cause.machine.name} {why}"
    blind = session is not None and session.is_unknown and session is not cause
    if blind and not rule.names_the_session and session is not None and session.message:
        text = f"{text} (session unknown, taken as LIVE: {session.message})"
    return text


def _lead(moment: _Moment, leading: Problem | None, memory: Memory) -> Lead:
    if moment.starting is not None:
        return Lead(
            code=STARTING,
            severity=Severity.UNKNOWN,
            color="grey",
            message="Starting: waiting for the first answer of every machine",
            since=memory.started_at,
        )
    if leading is not None:
        return _led_by(leading)
    return Lead(
        code=NOTHING,
        severity=Severity.UNKNOWN,
        color="grey",
        message="No rule says how things are; end the table with rules for the session",
        since=memory.started_at,
    )


def _led_by(problem: Problem) -> Lead:
    """A session has lasted as long as its state has; a problem, since its first sign."""
    named = problem.rule.names_the_session
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
    )


def _instants(moment: _Moment, memory: Memory) -> Iterator[datetime]:
    """The later instants at which time alone may change the answer."""
    ruleset = moment.ruleset
    instants = [moment.starting]
    for status in moment.statuses.values():
        instants += [status.valid_until, status.next_change_at]
    for key, held in memory.held.items():
        if held.stage is not Stage.ACTIVE:
            instants += _stage_ends(ruleset.by_key[key], held, ruleset.probe_patience)
    instants += [at + ruleset.by_key[key].rule.suppress_extend for key, at in memory.ended.items()]
    instants += [flapping.calms_at(turns, ruleset.flapping) for turns in memory.turns.values()]
    instants += [at for silence in moment.quiet for at in (silence.starts_at, silence.ends_at)]
    for scope in ruleset.timed:
        instants += deadlines.instants(scope, moment.statuses)
    return (at for at in instants if at is not None and at > moment.now)


def _stage_ends(scope: Scope, held: Held, patience: timedelta) -> Iterator[datetime]:
    """When a problem that is pending or clearing comes further, if nothing else happens."""
    if held.stage is Stage.CLEARING:
        yield held.stage_since + scope.rule.clear_for
        return
    yield held.since + scope.rule.hold_for
    if scope.ask_first:
        yield held.since + scope.rule.hold_for + patience


def _to_ask(moment: _Moment, memory: Memory) -> frozenset[str]:
    wanted = {
        name
        for key, held in memory.held.items()
        if held.stage is Stage.PENDING
        for name in moment.ruleset.by_key[key].ask_first
        if moment.statuses[name].observed_at < held.since
    }
    changed = {
        name
        for name, status in moment.statuses.items()
        if status.next_change_at is not None and status.observed_at < status.next_change_at <= moment.now
    }
    return frozenset(wanted | changed)


def _reminders(moment: _Moment, unmet: Mapping[Key, bool | None], after: datetime) -> Iterator[Reminder]:
    """The reminders that came due since they were looked for last, of deadlines that are not met."""
    if moment.starting is not None:
        return
    for scope in moment.ruleset.timed:
        reminder = deadlines.due(scope, moment.statuses, after=after, now=moment.now)
        if reminder is not None and unmet[scope.key]:
            yield reminder
