"""What the shared store has of the fleet: who there is, who was seen when, and who has which lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

SILENT_AFTER = timedelta(seconds=10)
"""An agent that has not been seen for longer is unknown, whatever it said last."""

KEPT_AFTER_END = timedelta(hours=24)
"""So long an agent that was stopped as planned stays on the list."""

DESK = "desk/"
"""Begins the resource of a desk's lease; the desk's name follows."""

WATCH = "fleet/watch"
"""The resource of whoever tells that an agent is lost."""


class Role(StrEnum):
    """What an agent is to its desk."""

    OWNER = "owner"
    STANDBY = "standby"
    ALONE = "alone"


class Presence(StrEnum):
    """Whether an agent is there, by its beats."""

    HERE = "here"
    SILENT = "silent"
    ENDED = "ended"
    UNSEEN = "unseen"
    """Whoever tells of it cannot see the store, so that it may be anything."""


class Forgotten(StrEnum):
    """What came of the wish to forget an agent."""

    GONE = "gone"
    HERE = "here"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """Who an agent is, and its word as it wrote it; `ended_at` where it was stopped as planned."""

    name: str
    desk: str
    instance: str
    run: str
    role: Role
    url: str | None
    host: str
    version: str
    config_hash: str
    started_at: datetime
    changed_at: datetime
    ended_at: datetime | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatRow:
    """When an agent was seen last, by the clock of the database, and how far its own is off."""

    seen_at: datetime
    clock_offset_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """Who has a resource; `ends_at` by the clock of the database."""

    resource: str
    agent: str
    epoch: int
    since: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRows:
    """All of it at one instant of the database's clock.

    `up_since` is since when agents could write there: silence from before then is nobody's fault.
    """

    at: datetime
    up_since: datetime | None = None
    agents: Mapping[str, AgentRow] = field(default_factory=dict)
    beats: Mapping[str, BeatRow] = field(default_factory=dict)
    leases: tuple[LeaseRow, ...] = ()


def presence(agent: AgentRow, rows: FleetRows) -> Presence:
    """Whether an agent is there, at the instant of the rows."""
    if agent.ended_at is not None:
        return Presence.ENDED
    seen = seen_at(agent, rows.beats.get(agent.name))
    counts_from = seen if rows.up_since is None else max(seen, rows.up_since)
    return Presence.SILENT if rows.at - counts_from > SILENT_AFTER else Presence.HERE


def laid_on(former: FleetRows, found: FleetRows) -> FleetRows:
    """The rows as they are now: all beats and leases are `found`'s, and of agents the changed ones."""
    agents = {name: row for name, row in {**former.agents, **found.agents}.items() if name in found.beats}
    return replace(found, agents=agents)


def seen_at(agent: AgentRow, beat: BeatRow | None) -> datetime:
    """When it was seen last; one that never sent a beat was when it entered itself."""
    return beat.seen_at if beat is not None else agent.changed_at


def is_gone(agent: AgentRow, at: datetime) -> bool:
    """Whether an agent that was stopped has left the list."""
    return agent.ended_at is not None and at - agent.ended_at > KEPT_AFTER_END
