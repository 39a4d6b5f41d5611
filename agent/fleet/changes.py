"""What is news between two documents of the fleet: readers of the events are sent no more than that."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from agent.fleet.document import (
    AgentEntry,
    BacklogPart,
    CountsPart,
    DeskEntry,
    FleetDocument,
    GroupEntry,
    IncidentEntry,
    Part,
)
from agent.fleet.entries import content
from agent.health.document import Outcome
from agent.model import Severity


class FleetStep(Part):
    """From one revision to the next: what is new of agents and desks, and all that is summed up."""

    model_config = ConfigDict(from_attributes=True)

    revision: int
    after: int
    """The revision on which this is to be laid."""
    status: Outcome
    severity: Severity
    generated_at: datetime
    valid_until: datetime
    stale_since: datetime | None
    told_by: str
    counts: CountsPart
    groups: tuple[GroupEntry, ...]
    incidents: tuple[IncidentEntry, ...]
    backlog: BacklogPart
    agents: tuple[AgentEntry, ...]
    """Those that are new or have changed."""
    desks: tuple[DeskEntry, ...]
    agents_gone: tuple[str, ...]
    desks_gone: tuple[str, ...]


def is_news(before: FleetDocument, after: FleetDocument) -> bool:
    """Whether anything has changed but ages."""
    return _gist(before) != _gist(after)


def step(before: FleetDocument, after: FleetDocument) -> FleetStep:
    """What leads from one document to another."""
    known = {one.name: content(one) for one in before.agents}
    desks = {one.desk: one for one in before.desks}
    agents = tuple(one for one in after.agents if known.get(one.name) != content(one))
    told = {name: getattr(after, name) for name in FleetStep.model_fields if hasattr(after, name)}
    return FleetStep(
        **{
            **told,
            "after": before.revision,
            "agents": agents,
            "desks": tuple(one for one in after.desks if desks.get(one.desk) != one),
            "agents_gone": tuple(sorted(known.keys() - {one.name for one in after.agents})),
            "desks_gone": tuple(sorted(desks.keys() - {one.desk for one in after.desks})),
        }
    )


def _gist(document: FleetDocument) -> object:
    leases = [(one.resource, one.agent, one.epoch, one.since) for one in document.leases]
    return (
        (document.stale_since, document.groups, document.incidents, document.backlog),
        ([content(one) for one in document.agents], document.desks, leases),
    )
