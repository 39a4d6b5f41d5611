"""Explains an evaluation: every rule, whether it holds, what it waits for and what holds it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.health import deadlines, flapping
from agent.health.answer import Evaluation, Problem
from agent.health.rules import ANY, Condition, Match, Ruleset, Scope
from agent.health.stages import Held, Stage
from agent.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a rule wants of one role, and how its machines stand; `holds` is `None` if undecided."""

    wanted: str
    holds: bool | None
    machines: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One rule in one group. `waits` and `held_back` are sentences for people, empty if nothing does."""

    rule: str
    code: str
    group: str | None
    severity: str
    matched: bool | None
    phase: str | None
    leads: bool
    since: datetime | None
    looked_at: tuple[Looked, ...]
    waits: tuple[str, ...]
    held_back: tuple[str, ...]


def explain(ruleset: Ruleset, evaluation: Evaluation, now: datetime) -> list[Explanation]:
    """The whole table in its order, as the evaluation found it."""
    problems = {(p.rule.id, p.group): p for p in evaluation.problems}
    return [_explain(ruleset, evaluation, scope, problems.get(scope.key), now) for scope in ruleset.scopes]


def _explain(
    ruleset: Ruleset, evaluation: Evaluation, scope: Scope, problem: Problem | None, now: datetime
) -> Explanation:
    looked_at = tuple(_look(condition, evaluation.statuses) for condition in scope.conditions)
    held = evaluation.memory.held.get(scope.key)
    in_window = deadlines.is_in_window(scope, evaluation.statuses, now)
    lead = evaluation.lead
    return Explanation(
        rule=scope.rule.id,
        code=scope.rule.code,
        group=scope.group,
        severity=problem.severity if problem is not None else scope.rule.severity,
        matched=in_window and _all(looked_at),
        phase=problem.phase if problem is not None else (held.stage if held is not None else None),
        leads=(lead.rule, lead.group) == scope.key,
        since=held.since if held is not None else None,
        looked_at=looked_at,
        waits=tuple(_waits(ruleset, evaluation, scope, held, now)),
        held_back=tuple(_held_back(evaluation, scope, problem, in_window)),
    )


def _look(condition: Condition, statuses: Mapping[str, Status]) -> Looked:
    machines = {name: f"{statuses[name].state} ({statuses[name].reason})" for name in condition.machines}
    answers = [condition.holds(statuses[name]) for name in condition.machines]
    holds = True if True in answers else (None if None in answers else False)
    limits = [f"{limit.measure} {limit.sign} {limit.bound:g}" for limit in condition.limits]
    return Looked(wanted=" and ".join([_words(condition.match), *limits]), holds=holds, machines=machines)


def _words(match: Match) -> str:
    return " or ".join([*sorted(match.wanted), *(f"not {state}" for state in sorted(match.unwanted))]) or ANY


def _all(looked_at: tuple[Looked, ...]) -> bool | None:
    answers = [one.holds for one in looked_at]
    if False in answers:
        return False
    return None if None in answers else True


def _waits(
    ruleset: Ruleset, evaluation: Evaluation, scope: Scope, held: Held | None, now: datetime
) -> Iterator[str]:
    """What will change its stage by itself, and when."""
    if held is None:
        return
    rule = scope.rule
    if held.stage is Stage.PENDING:
        due = held.since + rule.hold_for
        if due > now:
            yield f"must hold until {due.isoformat()} (for)"
        silent = [n for n in scope.ask_first if evaluation.statuses[n].observed_at < held.since]
        if silent:
            yield f"waits for the answer of {', '.join(silent)} (probe_first)"
    elif held.stage is Stage.CLEARING:
        yield f"is over at {(held.stage_since + rule.clear_for).isoformat()} unless it comes back (clear_for)"
    turns = evaluation.memory.turns.get(scope.key, ())
    calm = flapping.calms_at(turns, ruleset.flapping) if turns else None
    if calm is not None:
        yield f"flaps: {len(turns)} changes; counts as calm at {calm.isoformat()}"


def _held_back(
    evaluation: Evaluation, scope: Scope, problem: Problem | None, in_window: bool
) -> Iterator[str]:
    """What keeps it from leading or from being told."""
    if not in_window:
        yield "is a deadline whose time before the open has not come"
    if problem is None:
        return
    for rule in problem.suppressed_by:
        end = next((at for key, at in evaluation.memory.ended.items() if key[0] == rule), None)
        extend = next(extend for key, extend in scope.suppressors if key[0] == rule)
        until = f", which has ended, until {(end + extend).isoformat()}" if end is not None else ""
        yield f"explained by {rule}{until}"
    if problem.silenced_by is not None:
        yield f"silenced by {problem.silenced_by}"
