"""The core's own machine, `fleet`: whether all agents that should be there are heard of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.fleet.rows import FleetRows, Presence, presence, seen_at
from agent.model import Machine, Report

NAME = "fleet"
VALID_FOR = timedelta(seconds=30)
NAMED_AT_MOST = 5
"""So many lost agents are named in a message; of more there is the number."""

MACHINE = Machine(
    name=NAME,
    kind="fleet",
    role="fleet",
    states=frozenset({"WHOLE", "LOST", "ALONE"}),
    reasons=frozenset({"NOMINAL", "AGENT_LOST", "WATCHED_BY_ANOTHER", "NO_STORE"}),
)

CODE = "AGENT_LOST"

RULE: Mapping[str, object] = {
    "id": "agent-lost",
    "code": CODE,
    "when": {"fleet": ["LOST"]},
    "severity": "critical",
    "for": "2s",
    "clear_for": "5s",
    "color": "grey",
}
"""In force wherever agents share a store; a rule of the file with the same id wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An agent that is not heard of and was not stopped, and the desk that it was to watch."""

    name: str
    desk: str
    host: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one agent can tell of the fleet: the lost ones if it is the one that watches."""

    watcher: str | None
    """Who has the lease `fleet/watch`; `None` where nobody is known to."""
    is_ours: bool = False
    lost: tuple[Lost, ...] = ()
    known: int = 0
    """How many agents there are, the lost ones included."""
    store_error: str | None = None


def lost_of(rows: FleetRows) -> tuple[Lost, ...]:
    """The agents that are not heard of and were not stopped, by name."""
    return tuple(
        Lost(name=name, desk=agent.desk, host=agent.host, seen_at=seen_at(agent, rows.beats.get(name)))
        for name, agent in sorted(rows.agents.items())
        if presence(agent, rows) is Presence.SILENT
    )


def fleet_report(watch: Watch, now: datetime) -> Report:
    """The report of the machine `fleet`. What it says does not move while nothing changes."""
    state, reason, message = _said(watch)
    return Report(
        state=state,
        reason=reason,
        message=message,
        observed_at=now,
        valid_for=VALID_FOR,
        measures={"agents": float(watch.known), "agents_lost": float(len(watch.lost))}
        if watch.is_ours
        else {},
        attributes={"lost": [one.name for one in watch.lost]} if watch.is_ours and watch.lost else {},
    )


def _said(watch: Watch) -> tuple[str, str, str]:
    if watch.store_error is not None:
        return "ALONE", "NO_STORE", f"Other agents cannot be seen: {watch.store_error}"[:500]
    if not watch.is_ours:
        who = watch.watcher or "another agent"
        return "WHOLE", "WATCHED_BY_ANOTHER", f"{who} tells when an agent is lost"
    if watch.lost:
        return "LOST", "AGENT_LOST", _names(watch.lost)
    return "WHOLE", "NOMINAL", f"All {watch.known} agents are heard of"


def _names(lost: tuple[Lost, ...]) -> str:
    if len(lost) == 1:
        [one] = lost
        since = _time(one.seen_at)
        return f"{one.name} at {one.host}, of the desk {one.desk}, has not been heard of since {since}"
    named = ", ".join(one.name for one in lost[:NAMED_AT_MOST])
    more = f" and {len(lost) - NAMED_AT_MOST} more" if len(lost) > NAMED_AT_MOST else ""
    return f"{len(lost)} agents have not been heard of: {named}{more}"


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S} {at.tzname()}"
