"""Silences: of which problems people asked not to be told, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent.health.answer import Problem
from agent.model import Silence


def silenced_by(problem: Problem, quiet: Sequence[Silence], now: datetime) -> str | None:
    """The id of the first silence that covers a problem at this instant."""
    return next(
        (one.id for one in quiet if one.starts_at <= now < one.ends_at and _covers(one, problem)), None
    )


def _covers(silence: Silence, problem: Problem) -> bool:
    """Whether all that the silence names is so of the problem; it names at least one thing."""
    machine = problem.cause.machine.name if problem.cause is not None else None
    pairs = (
        (silence.rule, problem.rule.id),
        (silence.code, problem.rule.code),
        (silence.machine, machine),
        (silence.group, problem.group),
    )
    return all(wanted is None or wanted == found for wanted, found in pairs)
