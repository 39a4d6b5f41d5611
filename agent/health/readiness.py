"""Readiness: which machines are not yet in the state that trading wants of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.health.rules import Ruleset
from agent.model import Status


@dataclass(frozen=True, slots=True)
class Blocker:
    """A machine that keeps the desk from being ready, and the states that would do."""

    status: Status
    wanted: frozenset[str]


def blockers(ruleset: Ruleset, statuses: Mapping[str, Status]) -> tuple[Blocker, ...]:
    """Every machine of a required role that is not certainly in a wanted state.

    Here `UNKNOWN` is never taken for anything else, not even the market's for `LIVE`. A role that no
    machine has may be that of any machine whose plugin is not here to say.
    """
    return tuple(
        Blocker(status, match.wanted)
        for role, match in ruleset.readiness
        for status in _of_role(role, statuses)
        if status.is_unknown or not match.holds(status)
    )


def _of_role(role: str, statuses: Mapping[str, Status]) -> list[Status]:
    found = [status for status in statuses.values() if status.machine.role == role]
    return found or [status for status in statuses.values() if not status.machine.states]
