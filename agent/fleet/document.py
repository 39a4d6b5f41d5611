"""The fleet's document: the shape that readers rely on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from agent.fleet.rows import Presence, Role
from agent.fleet.word import Word
from agent.health.document import Outcome
from agent.model import Severity

SCHEMA = "openbell.fleet/1"
VALID_FOR = timedelta(seconds=15)
"""How long a reader may trust it; while somebody looks it is made anew every second."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AgentEntry(Word):
    """One agent: who it is, whether it is heard of, and its answer; of a silent one nothing is known."""

    name: str
    desk: str
    role: Role
    url: str | None
    """Where people reach it."""
    host: str
    version: str
    config_hash: str
    """Differs where two agents have different configurations."""
    started_at: datetime
    seen_at: datetime
    """By the clock of the database, as all instants that are not the agent's own."""
    silent_for_s: float
    clock_offset_ms: float | None
    """How far its clock is from the database's."""
    state: Presence
    said: str | None
    """The code that it said last, where it is not heard of now."""


class StandbyPart(Part):
    """An agent that stands by for a desk, or that owned it before."""

    agent: str
    state: Presence


class DeskEntry(Part):
    """One desk, whoever watches it."""

    desk: str
    owner: str | None
    """The agent that has its lease; without leases, the one that watches it."""
    epoch: int | None
    since: datetime | None
    """Since when that one has it."""
    severity: Severity
    code: str
    ended: bool
    """Whether all of its agents were stopped as planned."""
    standbys: tuple[StandbyPart, ...]
    groups: tuple[str, ...]
    configurations_differ: bool
    """Whether its agents would not watch the same: after a takeover other rules would hold."""


class WorstPart(Part):
    """The machine that is worst in a group."""

    desk: str
    agent: str
    machine: str
    state: str
    reason: str
    message: str


class GroupEntry(Part):
    """One broker account, over all desks that use it."""

    group: str
    severity: Severity
    desks: int
    troubled: int
    """Desks of which something in the group is a problem."""
    worst: WorstPart | None


class LeaseEntry(Part):
    """Who has what, until when; negative where it has run out and nobody took it."""

    resource: str
    agent: str
    epoch: int
    since: datetime
    ends_in_s: float


class IncidentEntry(Part):
    """An incident that is open at an agent."""

    id: str
    agent: str
    desk: str
    url: str | None
    """Its agent's page."""
    opened_at: datetime
    code: str
    acknowledged_by: str | None


class BacklogPart(Part):
    """Notices of all agents that wait, and since when the oldest does."""

    waiting: int
    oldest_at: datetime | None


class CountsPart(Part):
    """Desks by severity, ended ones apart; agents by state."""

    desks: Mapping[str, int]
    agents: Mapping[str, int]


class FleetDocument(Part):
    """Which of many desks is in trouble? Not to be trusted past `valid_until`."""

    schema_: str = Field(default=SCHEMA, alias="schema", serialization_alias="schema")
    status: Outcome
    severity: Severity
    """The worst of all desks and agents."""
    generated_at: datetime
    valid_until: datetime
    stale_since: datetime | None
    """Since when the agent that tells this cannot see the others; it then knows of itself only."""
    revision: int
    """Rises with whatever is not a mere age."""
    told_by: str
    counts: CountsPart
    agents: tuple[AgentEntry, ...]
    """Those in trouble first, then by name."""
    desks: tuple[DeskEntry, ...]
    groups: tuple[GroupEntry, ...]
    incidents: tuple[IncidentEntry, ...]
    backlog: BacklogPart
    leases: tuple[LeaseEntry, ...]
