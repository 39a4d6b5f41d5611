"""Flapping: a condition that comes and goes is one lasting problem."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agent.health.rules import Flapping, Key, Ruleset
from agent.health.stages import Memory


def turn(
    ruleset: Ruleset,
    memory: Memory,
    matches: Mapping[Key, bool | None],
    now: datetime,
    *,
    is_starting: bool = False,
) -> tuple[frozenset[Key], dict[Key, tuple[datetime, ...]]]:
    """Which conditions hold, and the recent instants at which each came or went.

    A condition that cannot be known has neither come nor gone. The session's own rules turn
    by the clock, and are left out. Nor do the first moments of a run count: a feed connects then,
    and four restarts or takeovers would make a flapping one of it.
    """
    matched = ruleset.problems & {
        key for key, holds in matches.items() if holds or (holds is None and key in memory.matched)
    }
    since = now - ruleset.flapping.within
    turned = frozenset() if is_starting else matched ^ memory.matched
    turns = {}
    for key in (memory.turns.keys() | turned) & ruleset.problems:
        recent = tuple(at for at in memory.turns.get(key, ()) if at > since)
        recent = (*recent, now) if key in turned else recent
        if recent:
            turns[key] = recent[-2 * ruleset.flapping.changes - 2 :]
    return matched, turns


def is_flapping(turns: tuple[datetime, ...], limit: Flapping) -> bool:
    """Whether so many recent turns are too many."""
    return len(turns) > limit.changes


def calms_at(turns: tuple[datetime, ...], limit: Flapping) -> datetime | None:
    """When a flapping condition counts as calm, if it turns no more; `None` for one that is calm."""
    return turns[-limit.changes - 1] + limit.within if is_flapping(turns, limit) else None
