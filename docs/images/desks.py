"""Two hundred invented desks for the fleet's page: well, in trouble, silent, stopped, and standing by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agent.fleet.rows import DESK, WATCH, AgentRow, BeatRow, FleetRows, LeaseRow, Role
from agent.fleet.word import Backlog, IncidentWord, MachineWord, Word, packed
from agent.health.document import OUTCOMES
from agent.model import Severity

CITIES = ("mumbai", "pune", "delhi", "chennai", "kolkata", "ahmedabad", "bengaluru", "hyderabad")
MESSAGES = {
    "LIVE": "The market is open",
    "CLOSED": "MCX closes at 23:30",
    "AUTH_REQUIRED": "No token of today: log in to the broker",
    "FEED_STALE": "No tick for 14 s, and ticks must come",
    "FEED_DISCONNECTED": "The connection was refused; trying again in 4 s",
    "BROKER_UNREACHABLE": "The broker has not answered for 2 min",
    "AGENT_DEGRADED": "notifier slack: 503 from hooks.slack.com",
}
TROUBLES: dict[int, tuple[str, Severity]] = {
    3: ("AUTH_REQUIRED", Severity.CRITICAL),
    17: ("FEED_STALE", Severity.CRITICAL),
    41: ("FEED_DISCONNECTED", Severity.CRITICAL),
    58: ("BROKER_UNREACHABLE", Severity.WARNING),
    77: ("AGENT_DEGRADED", Severity.WARNING),
    102: ("AUTH_REQUIRED", Severity.CRITICAL),
    140: ("BROKER_UNREACHABLE", Severity.WARNING),
}
SILENT = {66: 14, 121: 4_210}
"""By number, the seconds for which it has not been heard of."""

ENDED = {30, 31, 150}
STANDBYS = {0: 0, 3: 0, 8: 40, 17: 0, 25: 0, 66: 0, 90: 0}
"""Desks with a second agent, and for how long that one has been silent."""

DIFFERS = {25}
POINTED_AT = {"AUTH_REQUIRED": "auth", "BROKER_UNREACHABLE": "auth", "AGENT_DEGRADED": ""}


def desk_name(number: int) -> str:
    return f"{CITIES[number % len(CITIES)]}-{number // len(CITIES) + 1:02}"


def invented(at: datetime, desks: int = 200) -> FleetRows:
    """The rows of so many desks, at an instant in a session."""
    agents: dict[str, AgentRow] = {}
    beats: dict[str, BeatRow] = {}
    leases: list[LeaseRow] = []
    for number in range(desks):
        for agent, beat in _agents(number, at):
            agents[agent.name] = agent
            beats[agent.name] = beat
        if number not in ENDED:
            leases.append(_lease(DESK + desk_name(number), desk_name(number), number, at))
    leases.append(_lease(WATCH, desk_name(1), 7, at))
    return FleetRows(at=at, agents=agents, beats=beats, leases=tuple(leases))


def _agents(number: int, at: datetime) -> Iterator[tuple[AgentRow, BeatRow]]:
    name = desk_name(number)
    silent = timedelta(seconds=SILENT.get(number, 0.4))
    yield _agent(name, name, number, at, Role.OWNER), BeatRow(seen_at=at - silent, clock_offset_ms=3.0)
    if number in STANDBYS:
        silent = timedelta(seconds=STANDBYS[number] or 0.3)
        row = _agent(f"{name}-b", name, number, at, Role.STANDBY, differs=number in DIFFERS)
        yield row, BeatRow(seen_at=at - silent, clock_offset_ms=-8.0)


def _agent(name: str, desk: str, number: int, at: datetime, role: Role, *, differs: bool = False) -> AgentRow:
    return AgentRow(
        name=name,
        desk=desk,
        instance=f"instance-{name}",
        run=f"run-{name}",
        role=role,
        url=f"https://{name}.example",
        host=f"{name}.trading.example",
        version="0.2.0",
        config_hash="0badc0de" if differs else f"c0ffee{number:02x}",
        started_at=at - timedelta(days=3, minutes=number),
        changed_at=at - timedelta(minutes=number % 50 + 1),
        ended_at=at - timedelta(hours=2) if number in ENDED else None,
        word=packed(word(number, at)),
    )


def word(number: int, at: datetime) -> Word:
    """What one desk says."""
    usual = ("CLOSED", Severity.OK) if number % 11 == 5 else ("LIVE", Severity.OK)
    code, severity = TROUBLES.get(number, usual)
    since = at - timedelta(minutes=number % 50 + 1)
    return Word(
        status=OUTCOMES[severity],
        code=code,
        severity=severity,
        message=MESSAGES[code],
        color={"ok": "green", "warning": "yellow"}.get(severity, "red"),
        since=since,
        ready=severity is not Severity.CRITICAL,
        tradable=code == "LIVE",
        revision=number + 1,
        machines=tuple(_machines(number, code, severity, since)),
        incident=_incident(number, code, since) if severity is Severity.CRITICAL else None,
        backlog=Backlog(waiting=2, oldest_at=since) if number == 77 else Backlog(),
        failing=("slack",) if number == 77 else (),
        trouble="notifier slack: 503" if number == 77 else None,
    )


def _machines(number: int, code: str, severity: Severity, since: datetime) -> Iterator[MachineWord]:
    group = f"account-{number % 12 + 1:02}"
    states = {
        "auth": ("REQUIRED", "TOKEN_EXPIRED") if code == "AUTH_REQUIRED" else ("VALID", "CONFIRMED"),
        "feed": {
            "FEED_STALE": ("STALE", "NO_TICKS"),
            "FEED_DISCONNECTED": ("DISCONNECTED", "REFUSED"),
        }.get(code, ("CONNECTED", "TICKS")),
        "market": (("CLOSED", "SESSION_END") if code == "CLOSED" else ("LIVE", "SESSION")),
    }
    pointed = POINTED_AT.get(code, "feed") if severity is not Severity.OK else ""
    for name, (state, reason) in sorted(states.items(), key=lambda one: one[0] != pointed):
        yield MachineWord(
            name=name,
            role=name,
            group=None if name == "market" else group,
            state=state,
            reason=reason,
            message=MESSAGES[code] if name == pointed else "",
            since=since,
            severity=severity if name == pointed else Severity.OK,
        )


def _incident(number: int, code: str, since: datetime) -> IncidentWord:
    who = "asha" if number == 17 else None
    return IncidentWord(id=f"{number:032x}", opened_at=since, code=code, acknowledged_by=who)


def _lease(resource: str, agent: str, epoch: int, at: datetime) -> LeaseRow:
    return LeaseRow(
        resource=resource,
        agent=agent,
        epoch=epoch % 5 + 1,
        since=at - timedelta(days=1, minutes=epoch),
        ends_at=at + timedelta(seconds=2.4),
    )
