"""A fleet on paper: agents that say what a test wants, as the shared store has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent.fleet.document import AgentEntry, DeskEntry, FleetDocument
from agent.fleet.entries import Words
from agent.fleet.rows import DESK, AgentRow, BeatRow, FleetRows, LeaseRow, Role
from agent.fleet.view import view
from agent.fleet.word import MachineWord, Word, packed
from agent.health.document import OUTCOMES
from agent.model import Severity

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def said(code: str = "LIVE", severity: Severity = Severity.OK, **more: object) -> Word:
    told = {
        "status": OUTCOMES[severity],
        "code": code,
        "severity": severity,
        "message": f"it is {code}",
        "color": "green",
        "since": NOON - timedelta(minutes=5),
        "ready": True,
        "tradable": True,
        "revision": 7,
    }
    return Word(**{**told, **more})


def machine(name: str, group: str | None = None, severity: Severity = Severity.OK) -> MachineWord:
    return MachineWord(
        name=name, role=name, group=group, state="GOOD", reason="R", since=NOON, severity=severity
    )


class PaperFleet:
    """Agents that enter, beat, stop and take leases; the view at an instant."""

    def __init__(self) -> None:
        self.now = NOON
        self.agents: dict[str, AgentRow] = {}
        self.beats: dict[str, BeatRow] = {}
        self.leases: list[LeaseRow] = []

    def enter(
        self, name: str, desk: str | None = None, word: Word | str | None = None, **more: object
    ) -> None:
        told = {
            "name": name,
            "desk": desk or name,
            "instance": f"i-{name}",
            "run": f"r-{name}",
            "role": Role.OWNER,
            "url": f"https://{name}.example",
            "host": f"{name}.host",
            "version": "1",
            "config_hash": "same",
            "started_at": NOON - timedelta(days=1),
            "changed_at": NOON - timedelta(minutes=5),
            "word": packed(word) if isinstance(word, Word) else word,
        }
        self.agents[name] = AgentRow(**{**told, **more})  # type: ignore[arg-type]
        self.seen(name, 0.4)

    def seen(self, name: str, seconds_ago: float) -> None:
        self.beats[name] = BeatRow(seen_at=self.now - timedelta(seconds=seconds_ago), clock_offset_ms=2.0)

    def lease(self, desk: str, agent: str, *, ends_in: float = 2.0, epoch: int = 3) -> None:
        ends_at = self.now + timedelta(seconds=ends_in)
        self.leases.append(
            LeaseRow(resource=DESK + desk, agent=agent, epoch=epoch, since=NOON, ends_at=ends_at)
        )

    @property
    def rows(self) -> FleetRows:
        return FleetRows(at=self.now, agents=self.agents, beats=self.beats, leases=tuple(self.leases))

    def view(self, me: str = "", stale_since: datetime | None = None) -> FleetDocument:
        return view(self.rows, Words(), at=self.now, me=me, stale_since=stale_since)

    def agent(self, name: str, **more: object) -> AgentEntry:
        [found] = [one for one in self.view(**more).agents if one.name == name]  # type: ignore[arg-type]
        return found

    def desk(self, name: str) -> DeskEntry:
        [found] = [one for one in self.view().desks if one.desk == name]
        return found


@pytest.fixture
def fleet() -> PaperFleet:
    return PaperFleet()


@pytest.fixture
def says() -> Callable[..., Word]:
    return said
