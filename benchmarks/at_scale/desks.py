"""An agent of five machines whose feed goes and comes, and what it ships: by the real code."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from agent.alerts import letters as post
from agent.alerts.letters import Address as Receiver
from agent.alerts.letters import Letter
from agent.alerts.notices import trial
from agent.fleet.rows import Role
from agent.fleet.word import Backlog, IncidentWord, MachineWord, Word, packed
from agent.health.document import Outcome
from agent.model import Incident, NoticeReason, NoticeType, Receipt, Severity, Subject, Transition
from agent.store.entry import Entry
from agent.store.postgres.agents import Facts, beat, register
from agent.store.postgres.connecting import Address, Connection, SharedStoreError, connect
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import take
from agent.store.postgres.shipping import Shipment, ship
from agent.store.sheet import sheet_of

RUN = "benchmark"
LASTS = timedelta(seconds=60)
"""Of a lease: longer than a real one, so that a slow machine loses none while it is measured."""
MACHINES = ("auth", "feed", "market", "orders", "positions")
SNAPSHOT = "x" * 1_500
"""As long as what an agent of five machines keeps of what it knows."""
HOOK = Receiver(notifier="hook")


class Pool:
    """A few connections for many agents, each for one of them at a time."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[Connection] = asyncio.Queue()

    async def fill(self, address: Address, size: int) -> None:
        for _ in range(size):
            self.put(await connect(address, timeout_s=10))

    def put(self, connection: Connection) -> None:
        self._free.put_nowait(connection)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)


@dataclass
class Taken:
    """What was measured of some changes; seconds."""

    lags: list[float] = field(default_factory=list)
    transitions: int = 0
    notices: int = 0
    failed: int = 0
    cpu_s: float = 0.0
    lasted_s: float = 0.0


def name_of(number: int) -> str:
    return f"desk-{number}"


class Desk:
    """One agent. Its turns are taken elsewhere."""

    def __init__(self, number: int, pool: Pool) -> None:
        self._name = name_of(number)
        self._member = Member(desk=self._name, agent=self._name, instance=self._name, run=RUN)
        self._pool = pool
        self._seq = self._letters = 0
        self._numbers = itertools.count(1)
        self._epoch = 0
        self._incident: Incident | None = None

    @property
    def is_ill(self) -> bool:
        return self._incident is not None

    async def enter(self) -> None:
        facts = Facts(
            url=f"https://{self._name}.example", host=f"{self._name}.example", version="0.2.0",
            config_hash="c0ffee", started_at=_now(),
        )  # fmt: skip
        async with self._pool.one() as connection:
            await register(connection, self._member, facts)
            lease = await take(connection, self._member.resource, self._member, LASTS)
            await self._say(connection)
        self._epoch = lease.epoch

    async def change(self, taken: Taken, began: float) -> None:
        """Go ill or recover, and tell the others; the notice is then sent, so to say.

        What counts is how long after `began`, the commit, it has landed.
        """
        entry = self._recovery() if self._incident is not None else self._problem()
        letters = await self._ship(entry, taken)
        taken.lags.append(time.perf_counter() - began)
        taken.transitions += len(entry.transitions)
        async with self._pool.one() as connection:
            await self._say(connection)
        for letter in letters:
            tried = post.claim(letter)
            await self._ship(Entry(letters=(tried,)), taken)
            await self._ship(Entry(letters=(post.deliver(tried, Receipt(status="200"), _now()),)), taken)
            taken.notices += 1

    async def _say(self, connection: Connection) -> None:
        await beat(connection, self._member, offset_ms=0.4, word=packed(self._says()), role=Role.OWNER)

    async def _ship(self, entry: Entry, taken: Taken) -> Sequence[Letter]:
        self._seq += 1
        sheet = sheet_of(entry, self._numbers.__next__)
        shipment = Shipment(run=RUN, seq=self._seq, epoch=self._epoch, sheet=sheet)
        while True:
            try:
                async with self._pool.one() as connection:
                    landed = await ship(connection, self._member, [shipment], claims_in=self._epoch)
            except SharedStoreError:
                taken.failed += 1
                await asyncio.sleep(0.2)
            else:
                return landed.claimed

    def _problem(self) -> Entry:
        now = _now()
        self._incident = Incident(
            id=f"{self._name}-{self._seq}", opened_at=now, url=f"https://{self._name}.example/incident",
            code="FEED_STALE", severity=Severity.CRITICAL, message="No tick for 14 s, and ticks must come",
        )  # fmt: skip
        return self._entry(self._incident, NoticeType.PROBLEM, ("CONNECTED", "STALE"), now)

    def _recovery(self) -> Entry:
        assert self._incident is not None
        now, incident = _now(), self._incident
        self._incident = None
        return self._entry(replace(incident, closed_at=now), NoticeType.RECOVERY, ("STALE", "CONNECTED"), now)

    def _entry(self, incident: Incident, type_: NoticeType, edge: tuple[str, str], now: datetime) -> Entry:
        self._letters += 1
        notice = replace(
            trial(now=now, agent=self._name, new_id=f"{incident.id}-{type_}"),
            type=type_, reason=NoticeReason.FIRST, code=incident.code, severity=incident.severity,
            message=incident.message, incident=incident, machines=tuple(_machines()),
            document={"status": "fail", "code": incident.code, "message": incident.message},
        )  # fmt: skip
        return Entry(
            transitions=tuple(edges(incident, edge, now)),
            incidents=(incident,),
            letters=tuple(post.write(notice, (HOOK,), after=self._letters, now=now)),
            values=(("core:snapshot", SNAPSHOT),),
        )

    def _says(self) -> Word:
        now, incident = _now(), self._incident
        is_ill = incident is not None
        return Word(
            status=Outcome.FAIL if is_ill else Outcome.PASS,
            code="FEED_STALE" if is_ill else "LIVE",
            severity=Severity.CRITICAL if is_ill else Severity.OK,
            message="No tick for 14 s, and ticks must come" if is_ill else "The market is open",
            color="red" if is_ill else "green",
            since=now, ready=not is_ill, tradable=not is_ill, revision=self._seq + 1,
            machines=tuple(_words(now)),
            incident=IncidentWord(id=incident.id, opened_at=now, code=incident.code) if incident else None,
            backlog=Backlog(),
        )  # fmt: skip


def _words(now: datetime) -> Iterator[MachineWord]:
    for name in MACHINES:
        yield MachineWord(
            name=name, role=name, group="account-01", state="CONNECTED", reason="TICKING", since=now
        )


def _machines() -> Iterator[dict[str, str]]:
    for name in MACHINES:
        yield {"name": name, "state": "CONNECTED", "reason": "TICKING", "message": "Ticks come: 0.3 s ago"}


def edges(incident: Incident, edge: tuple[str, str], now: datetime) -> Iterator[Transition]:
    """What one change of one machine leaves in the journal."""
    steps = [(Subject.MACHINE, "feed"), (Subject.PROBLEM, "feed-stale"), (Subject.LEAD, "LIVE")]
    for subject, name in [*steps, (Subject.INCIDENT, incident.id)]:
        yield Transition(
            at=now, subject=subject, name=name, group="account-01", before=edge[0], after=edge[1],
            reason="NO_TICKS", message=incident.message, incident=incident.id,
        )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)
