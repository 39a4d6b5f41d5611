"""An evaluation and its document as the alerts look at them."""

from __future__ import annotations

from agent.alerts.concerns import Concern, Picture, Watch
from agent.alerts.recovery import Standing
from agent.fleet import lost
from agent.health import self_check
from agent.health.answer import Evaluation, Problem
from agent.health.deadlines import Reminder
from agent.health.document import HealthDocument, action_for
from agent.health.evaluate import cause_of
from agent.health.rules import MARKET, session_words
from agent.health.stages import Stage
from agent.model import Severity
from agent.runtime.publishing import summary


def picture_of(evaluation: Evaluation, document: HealthDocument) -> Picture:
    """The problems that have lasted long enough, and what the document says."""
    return Picture(
        concerns=tuple(_concern(one) for one in evaluation.problems if _counts(one)),
        code=document.code,
        severity=document.severity,
        message=document.message,
        since=document.since,
        standings=_standings(evaluation),
        machines=_involved(document),
        summary=summary(document),
        watch=Watch(frozenset(evaluation.statuses), evaluation.watched),
    )


def reminded(reminder: Reminder, evaluation: Evaluation, document: HealthDocument) -> Concern:
    """What a reminder tells: its own rule's words, on the document of the moment."""
    rule, cause = reminder.scope.rule, cause_of(reminder.scope, evaluation.statuses)
    session = evaluation.statuses[reminder.scope.session] if reminder.scope.session is not None else None
    return Concern(
        rule=rule.id,
        group=reminder.scope.group,
        code=rule.code,
        severity=Severity.WARNING,
        message=rule.message or (cause.message if cause is not None else rule.id),
        since=cause.since if cause is not None else document.since,
        machine=cause.machine.name if cause is not None else None,
        session=session_words(session),
        action=action_for(rule.action, cause),
    )


def _counts(problem: Problem) -> bool:
    """One that has not lasted long enough is not told; one that is explained holds an end back even so."""
    return not problem.is_aside and (problem.stage is not Stage.PENDING or bool(problem.suppressed_by))


def _concern(problem: Problem) -> Concern:
    cause = problem.cause
    return Concern(
        rule=problem.rule.id,
        group=problem.group,
        code=problem.rule.code,
        severity=problem.severity,
        message=problem.message,
        since=problem.since,
        machine=cause.machine.name if cause is not None else None,
        machines=problem.machines,
        session=problem.session,
        action=action_for(problem.rule.action, cause),
        is_clearing=problem.stage is Stage.CLEARING,
        is_suppressed=bool(problem.suppressed_by),
        is_silenced=problem.silenced_by is not None,
        is_flapping=problem.is_flapping,
    )


def _standings(evaluation: Evaluation) -> tuple[Standing, ...]:
    """The machines that people mend: not the session, which no one does, nor the agent and its like."""
    return tuple(
        Standing(status.machine.name, status.state, status.since, status.machine.group)
        for status in evaluation.statuses.values()
        if status.machine.role not in (MARKET, self_check.MACHINE.role, lost.MACHINE.role)
    )


def _involved(document: HealthDocument) -> tuple[dict[str, str], ...]:
    return tuple(
        {"name": name, "state": part.state, "reason": part.reason, "message": part.message}
        for name, part in document.machines.items()
    )
