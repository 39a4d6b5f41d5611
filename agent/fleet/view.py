"""From the rows of the shared store to the fleet's document: desks, accounts, and what is the matter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from agent.fleet import lost
from agent.fleet.document import (
    VALID_FOR,
    AgentEntry,
    BacklogPart,
    CountsPart,
    DeskEntry,
    FleetDocument,
    GroupEntry,
    IncidentEntry,
    LeaseEntry,
    StandbyPart,
    WorstPart,
)
from agent.fleet.entries import ENDED, UNSEEN, Words, entries, order
from agent.fleet.rows import DESK, FleetRows, LeaseRow, Presence, Role
from agent.fleet.word import MachineWord
from agent.health.document import OUTCOMES
from agent.model import Severity

NOBODY = "DESK_UNWATCHED"
"""The code of a desk that has agents, none of which watches it."""


def view(
    rows: FleetRows, words: Words, *, at: datetime, me: str, stale_since: datetime | None = None
) -> FleetDocument:
    """The document at an instant, by the clock of the database; `me` is the agent that tells it.

    `stale_since` is since when `me` cannot see the others; what it knew of them is then not told.
    """
    agents = entries(rows, words, at=at, me=me, is_stale=stale_since is not None)
    return _composed(agents, rows.leases, at=at, me=me, stale_since=stale_since)


def narrowed(
    document: FleetDocument, *, groups: Collection[str] = (), desks: Collection[str] = ()
) -> FleetDocument:
    """The document of these desks, or of the desks that have a machine in one of these groups."""
    wanted = {
        one.desk
        for one in document.desks
        if (not desks or one.desk in desks) and (not groups or not set(groups).isdisjoint(one.groups))
    }
    agents = tuple(one for one in document.agents if one.desk in wanted)
    leases = tuple(one for one in document.leases if one.resource.removeprefix(DESK) in wanted)
    kept = tuple(one for one in document.desks if one.desk in wanted)
    told = tuple(one for one in _groups(kept, agents) if not groups or one.group in groups)
    return document.model_copy(update={**_sums(kept, agents), "groups": told, "leases": leases})


def _composed(
    agents: tuple[AgentEntry, ...],
    leases: Iterable[LeaseRow],
    *,
    at: datetime,
    me: str,
    stale_since: datetime | None,
) -> FleetDocument:
    known = {one.resource: one for one in leases}
    desks = _desks(agents, known, at, is_stale=stale_since is not None)
    return FleetDocument(
        **_sums(desks, agents),
        generated_at=at,
        valid_until=at + VALID_FOR,
        stale_since=stale_since,
        revision=0,
        told_by=me,
        groups=tuple(_groups(desks, agents)),
        leases=tuple(_lease(one, at) for _, one in sorted(known.items())),
    )


def _sums(desks: tuple[DeskEntry, ...], agents: tuple[AgentEntry, ...]) -> dict[str, object]:
    """What is added up over some desks and their agents."""
    severities = [one.severity for one in desks] + [
        one.severity for one in agents if one.state is not Presence.ENDED
    ]
    worst = max(severities, key=lambda one: one.rank, default=Severity.OK)
    return {
        "status": OUTCOMES[worst],
        "severity": worst,
        "counts": _counts(desks, agents),
        "agents": agents,
        "desks": desks,
        "incidents": tuple(_incidents(agents)),
        "backlog": _backlog(agents),
    }


def _desks(
    agents: Sequence[AgentEntry], leases: Mapping[str, LeaseRow], at: datetime, *, is_stale: bool
) -> tuple[DeskEntry, ...]:
    """The desks, the worst first."""
    by_desk: dict[str, list[AgentEntry]] = defaultdict(list)
    for one in agents:
        by_desk[one.desk].append(one)
    made = [
        _desk(name, some, leases.get(DESK + name), at, is_stale=is_stale) for name, some in by_desk.items()
    ]
    return tuple(sorted(made, key=lambda one: (one.ended, -one.severity.rank, one.desk)))


def _desk(
    name: str, agents: Sequence[AgentEntry], lease: LeaseRow | None, at: datetime, *, is_stale: bool
) -> DeskEntry:
    owner = _owner(agents, lease, at)
    others = [one for one in agents if one is not owner]
    severity, code = _answer(owner, others, is_stale=is_stale)
    present = [one for one in agents if one.state is not Presence.ENDED]
    return DeskEntry(
        desk=name,
        owner=owner.name if owner is not None else None,
        epoch=lease.epoch if lease is not None else None,
        since=lease.since if lease is not None else None,
        severity=severity,
        code=code,
        ended=not present,
        standbys=tuple(StandbyPart(agent=one.name, state=one.state) for one in others),
        groups=tuple(sorted({one.group for agent in agents for one in agent.machines if one.group})),
        configurations_differ=len({one.config_hash for one in present}) > 1,
    )


def _owner(agents: Sequence[AgentEntry], lease: LeaseRow | None, at: datetime) -> AgentEntry | None:
    """Who has the lease; where it has run out, who had it, for as long as nobody else watches."""
    by_name = {one.name: one for one in agents}
    holder = by_name.get(lease.agent) if lease is not None else None
    if lease is not None and lease.ends_at > at and holder is not None:
        return holder
    all_ended = all(one.state is Presence.ENDED for one in agents)
    watching = [
        one
        for one in agents
        if one.role is not Role.STANDBY and (all_ended or one.state is not Presence.ENDED)
    ]
    watching.sort(key=lambda one: (one.state is not Presence.HERE, one is not holder))
    return watching[0] if watching else None


def _answer(
    owner: AgentEntry | None, others: Sequence[AgentEntry], *, is_stale: bool
) -> tuple[Severity, str]:
    """The owner's answer; a desk that has lost who stood by for it is in some danger.

    Without the store an agent that has only just come knows of no owner, though there may be one.
    """
    if owner is None:
        if all(one.state is Presence.ENDED for one in others):
            return Severity.OK, ENDED
        return Severity.UNKNOWN, UNSEEN if is_stale else NOBODY
    is_alone = not any(one.state is Presence.HERE for one in others)
    has_lost = any(one.state is Presence.SILENT for one in others)
    if is_alone and has_lost and owner.severity.rank < Severity.WARNING.rank:
        return Severity.WARNING, lost.CODE
    return owner.severity, owner.code


def _groups(desks: Sequence[DeskEntry], agents: Sequence[AgentEntry]) -> Iterator[GroupEntry]:
    """The groups, the worst first, by the word of the desks' owners."""
    by_name = {one.name: one for one in agents}
    members: dict[str, list[tuple[AgentEntry, MachineWord]]] = defaultdict(list)
    for desk in desks:
        owner = by_name.get(desk.owner or "")
        for machine in owner.machines if owner is not None and not desk.ended else ():
            if machine.group is not None and owner is not None:
                members[machine.group].append((owner, machine))
    made = [_group(name, some) for name, some in members.items()]
    return iter(sorted(made, key=lambda one: (-one.severity.rank, one.group)))


def _group(name: str, members: Sequence[tuple[AgentEntry, MachineWord]]) -> GroupEntry:
    agent, machine = max(members, key=lambda one: one[1].severity.rank)
    worst = WorstPart(
        desk=agent.desk,
        agent=agent.name,
        machine=machine.name,
        state=machine.state,
        reason=machine.reason,
        message=machine.message,
    )
    return GroupEntry(
        group=name,
        severity=machine.severity,
        desks=len({one.desk for one, _ in members}),
        troubled=len({one.desk for one, part in members if part.severity.is_problem}),
        worst=worst if machine.severity.is_problem else None,
    )


def _lease(lease: LeaseRow, at: datetime) -> LeaseEntry:
    return LeaseEntry(
        resource=lease.resource,
        agent=lease.agent,
        epoch=lease.epoch,
        since=lease.since,
        ends_in_s=round((lease.ends_at - at).total_seconds(), 1),
    )


def _incidents(agents: Sequence[AgentEntry]) -> Iterator[IncidentEntry]:
    """The open incidents, the longest first; one that a desk's next owner took over is told once, by it."""
    found: dict[str, IncidentEntry] = {}
    for one in sorted(agents, key=lambda one: (one.state is not Presence.HERE, one.role, order(one))):
        if one.incident is None or one.incident.id in found or one.role is Role.STANDBY:
            continue
        told = one.incident.model_dump()
        found[one.incident.id] = IncidentEntry(**told, agent=one.name, desk=one.desk, url=one.url)
    return iter(sorted(found.values(), key=lambda one: (one.opened_at, one.id)))


def _backlog(agents: Iterable[AgentEntry]) -> BacklogPart:
    found = [one.backlog for one in agents]
    oldest = [one.oldest_at for one in found if one.oldest_at is not None]
    return BacklogPart(waiting=sum(one.waiting for one in found), oldest_at=min(oldest, default=None))


def _counts(desks: Iterable[DeskEntry], agents: Iterable[AgentEntry]) -> CountsPart:
    severities = Counter("ended" if one.ended else str(one.severity) for one in desks)
    states = Counter(one.state for one in agents)
    return CountsPart(
        desks={name: severities[name] for name in (*map(str, Severity), "ended")},
        agents={str(state): states[state] for state in Presence},
    )
