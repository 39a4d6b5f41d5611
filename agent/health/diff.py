"""What has changed between two evaluations, one transition an edge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from agent.health.answer import Evaluation, Problem
from agent.health.rules import Key
from agent.model import Subject, Transition


def diff(before: Evaluation | None, after: Evaluation, now: datetime) -> tuple[Transition, ...]:
    """The edges from one evaluation to the next: machines first, then problems, then the lead.

    The first moments are not an answer: while the agent starts there are no edges of problems
    or of the lead, so that a restart is neither an alarm nor a recovery.
    """
    edges = [*_machines(before, after, now)]
    if not after.is_starting:
        edges += _problems(before, after, now)
        edges += _lead(before, after, now)
    return tuple(edges)


def _machines(before: Evaluation | None, after: Evaluation, now: datetime) -> Iterator[Transition]:
    for name, status in after.statuses.items():
        former = before.statuses.get(name) if before is not None else None
        if former is None or (former.state, former.reason) != (status.state, status.reason):
            yield Transition(
                at=now,
                subject=Subject.MACHINE,
                name=name,
                group=status.machine.group,
                before=former.state if former is not None else None,
                after=status.state,
                reason=status.reason,
                message=status.message,
            )


def _problems(before: Evaluation | None, after: Evaluation, now: datetime) -> Iterator[Transition]:
    former = _by_key(before)
    present = _by_key(after)
    for key in sorted(former.keys() | present.keys(), key=str):
        old, new = former.get(key), present.get(key)
        if (old.phase if old else None) == (new.phase if new else None):
            continue
        told = new or former[key]
        yield Transition(
            at=now,
            subject=Subject.PROBLEM,
            name=key[0],
            group=key[1],
            before=old.phase if old else None,
            after=new.phase if new else None,
            reason=told.cause.reason if told.cause is not None else "",
            message=told.message,
        )


def _by_key(evaluation: Evaluation | None) -> dict[Key, Problem]:
    problems = evaluation.problems if evaluation is not None else ()
    return {(problem.rule.id, problem.group): problem for problem in problems}


def _lead(before: Evaluation | None, after: Evaluation, now: datetime) -> Iterator[Transition]:
    former = before.lead if before is not None and not before.is_starting else None
    lead = after.lead
    if former is None or (former.code, former.severity) != (lead.code, lead.severity):
        yield Transition(
            at=now,
            subject=Subject.LEAD,
            name=lead.code,
            group=lead.group,
            before=former.code if former is not None else None,
            after=lead.code,
            reason=lead.cause.reason if lead.cause is not None else "",
            message=lead.message,
        )
