"""A thousand agents of five machines each on one PostgreSQL: what they ask of it, and how soon it is seen.

    python benchmarks/fleet.py                    # a thousand agents, two minutes of a usual day and a storm
    python benchmarks/fleet.py --agents 200 --steady 20

Each agent does what a real one does: it holds its desk's lease, beats, ships what it has committed, claims
and sends its notices; by the same code, but through a few connections for many agents, and without what
stands before it (probes, evaluation, journal). All run beside the database on the same machine, so that
their work is counted apart from its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp
import psycopg

from agent.alerts import letters as post
from agent.alerts.ids import DerivedIds
from agent.alerts.letters import Address as Receiver
from agent.alerts.letters import Letter
from agent.alerts.notices import trial
from agent.clock import SystemClock
from agent.config.schema import Server
from agent.fleet.rows import Role
from agent.fleet.word import Backlog, IncidentWord, MachineWord, Word, packed
from agent.health.document import Outcome
from agent.model import Incident, NoticeReason, NoticeType, Receipt, Severity, Subject, Transition
from agent.runtime.fleet_watch import FleetView
from agent.store.entry import Entry
from agent.store.journal import Journal
from agent.store.keeping import Keeping
from agent.store.postgres.agents import Facts, beat, fleet_rows, register
from agent.store.postgres.connecting import Address, Connection, SharedStoreError, connect
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import renew, take
from agent.store.postgres.schema import bring_forward
from agent.store.postgres.shipping import Shipment, ship
from agent.store.sheet import sheet_of
from agent.web.fleet import Fleet
from agent.web.site import Site

WORKERS = 4
CONNECTIONS = 12
"""Of each worker, for all its agents; a real agent has two of its own."""
LASTS = timedelta(seconds=60)
"""Of a lease: longer than a real one, so that a slow machine loses none while it is measured."""
TURN_S = 1.0
MACHINES = ("auth", "feed", "market", "orders", "positions")
USUAL = 548
"""Transitions of a desk a day, as in the year of benchmarks/journal.py."""
SNAPSHOT = "x" * 1_500
"""As long as what an agent of five machines keeps of what it knows."""
HOOK = Receiver(notifier="hook")


class Pool:
    """A few connections for many agents, each for one of them at a time."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[Connection] = asyncio.Queue()

    async def fill(self, address: Address, size: int) -> None:
        for _ in range(size):
            self._free.put_nowait(await connect(address, timeout_s=10))

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)


@dataclass
class Taken:
    """What a worker has measured; seconds."""

    lags: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    storm: list[float] = field(default_factory=list)
    transitions: int = 0
    shipments: int = 0
    notices: int = 0
    failed: int = 0
    cpu_s: float = 0.0


class Desk:
    """One agent, whose feed goes and comes."""

    def __init__(self, number: int, pools: tuple[Pool, Pool], taken: Taken) -> None:
        self._name = f"desk-{number:05}"
        self._member = Member(desk=self._name, agent=self._name, instance=self._name, run="benchmark")
        self._ids = DerivedIds(self._name)
        self._turning, self._shipping = pools
        self._taken = taken
        self._seq = self._letters = 0
        self._numbers = itertools.count(1)
        self._epoch = 0
        self._incident: Incident | None = None
        self._word: str | None = packed(self._says())

    async def enter(self) -> None:
        facts = Facts(
            url=f"https://{self._name}.example", host=f"{self._name}.example", version="0.2.0",
            config_hash="c0ffee", started_at=_now(),
        )  # fmt: skip
        async with self._turning.one() as connection:
            await register(connection, self._member, facts)
            lease = await take(connection, self._member.resource, self._member, LASTS)
        self._epoch = lease.epoch

    async def turn_for_ever(self, rng: random.Random) -> None:
        """Each second: hold on to the lease, and say that it lives, and what has changed."""
        await asyncio.sleep(rng.uniform(0, TURN_S))
        due = time.perf_counter()
        while True:
            try:
                async with self._turning.one() as connection:
                    await renew(connection, self._member.resource, self._member, self._epoch, LASTS)
                    word, self._word = self._word, None
                    await beat(connection, self._member, offset_ms=0.4, word=word, role=Role.OWNER)
            except SharedStoreError:
                self._taken.failed += 1
            self._taken.turns.append(time.perf_counter() - due)
            due = max(due + TURN_S, time.perf_counter() - TURN_S)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def change_for_ever(self, rng: random.Random, every_s: float) -> None:
        while True:
            await asyncio.sleep(rng.expovariate(1 / every_s))
            self._taken.lags.append(await self.change())

    async def change(self) -> float:
        """Go ill or recover: seconds from the commit to its landing. The notice is then sent, so to say."""
        began = time.perf_counter()
        entry = self._recovery() if self._incident is not None else self._problem()
        letters = await self._ship(entry)
        lag = time.perf_counter() - began
        self._taken.transitions += len(entry.transitions)
        for letter in letters:
            tried = post.claim(letter)
            await self._ship(Entry(letters=(tried,)))
            await self._ship(Entry(letters=(post.deliver(tried, Receipt(status="200"), _now()),)))
            self._taken.notices += 1
        return lag

    async def _ship(self, entry: Entry) -> Sequence[Letter]:
        self._seq += 1
        shipment = Shipment(
            run="benchmark", seq=self._seq, epoch=self._epoch, sheet=sheet_of(entry, self._numbers.__next__)
        )
        while True:
            try:
                async with self._shipping.one() as connection:
                    landed = await ship(connection, self._member, [shipment], claims_in=self._epoch)
            except SharedStoreError:
                self._taken.failed += 1
                await asyncio.sleep(0.2)
            else:
                self._taken.shipments += 1
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
        self._word = packed(self._says())
        return Entry(
            transitions=tuple(_edges(incident, edge, now)),
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


def _edges(incident: Incident, edge: tuple[str, str], now: datetime) -> Iterator[Transition]:
    """What one change of one machine leaves in the journal."""
    steps = [(Subject.MACHINE, "feed"), (Subject.PROBLEM, "feed-stale"), (Subject.LEAD, "LIVE")]
    for subject, name in [*steps, (Subject.INCIDENT, incident.id)]:
        yield Transition(
            at=now, subject=subject, name=name, group="account-01", before=edge[0], after=edge[1],
            reason="NO_TICKS", message=incident.message, incident=incident.id,
        )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


async def work(wanted: argparse.Namespace) -> None:
    """A worker: its share of the agents; says `ready`, obeys lines, and tells what it has measured."""
    rng, address, taken = random.Random(wanted.worker), Address(wanted.url), Taken()
    pools = Pool(), Pool()
    for pool in pools:
        await pool.fill(address, CONNECTIONS)
    desks = [Desk(number, pools, taken) for number in range(wanted.worker, wanted.agents, WORKERS)]
    for desk in desks:
        await desk.enter()
    lines = await _lines()
    print("ready", flush=True)
    await lines.readline()  # steady
    began = time.process_time()
    turning = [asyncio.ensure_future(desk.turn_for_ever(rng)) for desk in desks]
    changing = [asyncio.ensure_future(desk.change_for_ever(rng, wanted.every)) for desk in desks]
    await lines.readline()  # the end of it
    for task in changing:
        task.cancel()
    await asyncio.gather(*changing, return_exceptions=True)
    taken.cpu_s = time.process_time() - began
    print(json.dumps(taken.__dict__), flush=True)
    await lines.readline()  # the storm
    taken.storm = list(await asyncio.gather(*(desk.change() for desk in desks)))
    for task in turning:
        task.cancel()
    await asyncio.gather(*turning, return_exceptions=True)
    print(json.dumps(taken.__dict__), flush=True)


async def _lines() -> asyncio.StreamReader:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    return lines


class Workers:
    """The workers as processes, all told the same."""

    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    @classmethod
    async def begin(cls, wanted: argparse.Namespace, url: str) -> Workers:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, __file__, "--worker", str(number), "--url", url,
                "--agents", str(wanted.agents), "--every", str(wanted.every),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
            )
            for number in range(WORKERS)
        ]  # fmt: skip
        made = cls(processes)
        await made.hear()
        return made

    async def hear(self) -> list[bytes]:
        """A line of each."""
        return await asyncio.gather(*(one.stdout.readline() for one in self._processes))  # type: ignore[union-attr]

    async def tell(self) -> None:
        for one in self._processes:
            one.stdin.write(b"\n")  # type: ignore[union-attr]
            await one.stdin.drain()  # type: ignore[union-attr]

    async def results(self) -> list[Taken]:
        return [Taken(**json.loads(line)) for line in await self.hear()]

    async def end(self) -> None:
        for one in self._processes:
            if one.returncode is None:
                one.kill()
            await one.wait()


class Database:
    """The database as its own processes and tables show it."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            self._postmaster = _parent(connection.info.backend_pid)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def cpu_s(self) -> float:
        """Of all its processes, and of those that have ended."""
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        alive = sum(_cpu_s(pid) for pid in pids if _parent(pid) == self._postmaster)
        return alive + _cpu_s(self._postmaster, ended=True)

    def wal_bytes(self) -> int:
        ((found,),) = self.ask("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
        return int(str(found))

    def bytes_of(self) -> dict[str, tuple[int, int]]:
        """Rows and bytes of each table, with its indexes."""
        wanted = "SELECT tablename FROM pg_tables WHERE schemaname = 'openbell'"
        tables = [str(name) for (name,) in self.ask(wanted)]
        found = {}
        for name in tables:
            ((rows, size),) = self.ask(
                f"SELECT (SELECT count(*) FROM openbell.{name}), pg_total_relation_size('openbell.{name}')"
            )
            found[name] = (int(str(rows)), int(str(size)))
        return found


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["?"] * 20


def _parent(pid: int) -> int:
    parent = _stat(pid)[1]
    return int(parent) if parent.isdigit() else 0


def _cpu_s(pid: int, *, ended: bool = False) -> float:
    fields = _stat(pid)[11:15] if ended else _stat(pid)[11:13]
    return sum(int(one) for one in fields if one.isdigit()) / os.sysconf("SC_CLK_TCK")


@dataclass
class Asked:
    """How long answers took, in seconds, and how long the latest was, in bytes."""

    watched: list[float] = field(default_factory=list)
    anew: list[float] = field(default_factory=list)
    size: int = 0


async def answers(url: str, until: asyncio.Event) -> Asked:
    """Ask for the fleet over HTTP: one agent all the time, another one now and then."""
    asked = Asked()
    often = _ask(url, until, 0.5, asked.watched, asked)
    await asyncio.gather(often, _ask(url, until, 7.0, asked.anew, asked))
    return asked


async def _ask(url: str, until: asyncio.Event, every_s: float, taken: list[float], asked: Asked) -> None:
    async with _serving(url) as address, aiohttp.ClientSession() as session:
        while not until.is_set():
            began = time.perf_counter()
            async with session.get(f"{address}/api/fleet/health") as answer:
                asked.size = len(await answer.read())
                assert answer.status == 200
            taken.append(time.perf_counter() - began)
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), every_s)


@asynccontextmanager
async def _serving(url: str) -> AsyncIterator[str]:
    """What an agent serves of the fleet, behind its real gate; gives its address."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connection = await connect(Address(url), timeout_s=10)
        stack.push_async_callback(connection.close)
        clock = SystemClock()
        view = FleetView(partial(fleet_rows, connection), clock=clock, me="benchmark")
        site = Site(
            Server(), folder=folder, journal=Journal(folder / "journal.sqlite"), clock=clock,
            listener=listener, base_url=address,
        )  # fmt: skip
        site.add([Fleet(clock, view)])
        await site.start()
        stack.push_async_callback(site.stop)
        keeping = asyncio.ensure_future(view.run())
        stack.callback(keeping.cancel)
        yield address


async def catch_up(url: str) -> float:
    """Transitions a second of one agent that ships what an outage has left, batch by batch."""
    member = Member(desk="late", agent="late", instance="late", run="late")
    connection = await connect(Address(url), timeout_s=10)
    lease = await take(connection, member.resource, member, LASTS)
    incident = Incident(id="late", opened_at=_now(), code="FEED_STALE", severity=Severity.CRITICAL)
    numbers = itertools.count(1)
    shipments = [
        Shipment(
            run="late", seq=seq, epoch=lease.epoch,
            sheet=sheet_of(Entry(tuple(_edges(incident, ("CONNECTED", "STALE"), _now()))), numbers.__next__),
        )
        for seq in range(1, 5_001)
    ]  # fmt: skip
    began = time.perf_counter()
    for first in range(0, len(shipments), 200):
        await ship(connection, member, shipments[first : first + 200], claims_in=lease.epoch)
    taken = time.perf_counter() - began
    await connection.close()
    return 4 * len(shipments) / taken


def row(name: str, text: str) -> None:
    print(f"  {name:<46} {text}")


def account(name: str, seconds: Sequence[float]) -> None:
    found = sorted(seconds) or [float("nan")]
    late = found[min(len(found) - 1, int(len(found) * 0.99))]
    row(name, f"median {statistics.median(found) * 1000:.1f} ms, 99 of 100 below {late * 1000:.1f} ms")


@dataclass(frozen=True)
class Stretch:
    """The database over a stretch of time."""

    lasted_s: float
    cpu_s: float
    wal: int


async def steady(wanted: argparse.Namespace, url: str, workers: Workers, server: Database) -> None:
    """A usual day, only faster, while somebody looks at the fleet."""
    before, over = server.bytes_of(), asyncio.Event()
    wal, cpu, began = server.wal_bytes(), server.cpu_s(), time.perf_counter()
    asking = asyncio.ensure_future(answers(url, over))
    await workers.tell()
    await asyncio.sleep(wanted.steady)
    over.set()
    asked = await asking
    await workers.tell()
    found = await workers.results()
    stretch = Stretch(time.perf_counter() - began, server.cpu_s() - cpu, server.wal_bytes() - wal)
    print(
        f"{wanted.agents} agents, each with a change every {wanted.every:g} s, for {stretch.lasted_s:.0f} s"
    )
    tell_steady(found, asked, stretch)
    tell_sizes(before, server.bytes_of(), sum(one.transitions for one in found) or 1, wanted.agents)
    tell_beats(server)


def tell_steady(found: list[Taken], asked: Asked, over: Stretch) -> None:
    turns = [one for taken in found for one in taken.turns]
    row("transitions a second", f"{sum(one.transitions for one in found) / over.lasted_s:.1f}")
    row("turns (lease and beat) a second", f"{len(turns) / over.lasted_s:.1f}")
    account("a turn, from when it was due", turns)
    account("shipping: from the commit to its landing", [one for taken in found for one in taken.lags])
    account(f"the fleet's answer, {asked.size / 1e3:,.0f} kB, while somebody looks", asked.watched)
    account("the same, the first after a while", asked.anew)
    row("the database's CPU", f"{100 * over.cpu_s / over.lasted_s:.0f} % of a core")
    row("the agents' CPU", f"{100 * sum(one.cpu_s for one in found) / over.lasted_s:.0f} % of a core")
    row("written ahead (WAL)", f"{over.wal / over.lasted_s / 1e3:.0f} kB a second")
    row("refused or failed", f"{sum(one.failed for one in found)}")


def tell_sizes(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], transitions: int, agents: int
) -> None:
    """Bytes of a row as measured, and of a usual day as it follows from them."""
    day = 0.0
    for name in ("transition", "incident", "outbox"):
        rows, size = (after[name][n] - before[name][n] for n in (0, 1))
        if rows:
            day += size / transitions * USUAL
            row(name, f"{rows:,} rows, {size / rows:,.0f} bytes each with their indexes")
    each = f"{day / 1e3:,.0f} kB a desk, {day * agents / 1e6:,.0f} MB for all"
    row(f"a usual day of {USUAL} transitions, computed", each)


def tell_beats(server: Database) -> None:
    """Rows that are written over all the time: how large they stay."""
    rows = server.ask(
        "SELECT relname, n_tup_upd, n_tup_hot_upd, n_dead_tup, pg_total_relation_size(relid)"
        " FROM pg_stat_user_tables WHERE relname IN ('beat', 'lease', 'agent') ORDER BY relname"
    )
    for name, *numbers in rows:
        updated, hot, dead, size = (int(str(one)) for one in numbers)
        share = 100 * hot / max(1, updated)
        row(str(name), f"{updated:,} updates, {share:.0f} % in place; {dead:,} dead, {size / 1e3:,.0f} kB")


async def storm(workers: Workers) -> None:
    """Every agent has something to tell at the same instant, as at the bell."""
    began = time.perf_counter()
    await workers.tell()
    found = await workers.results()
    print(f"All of them change in the same instant; over after {time.perf_counter() - began:.1f} s")
    account("shipping: from the commit to its landing", [one for taken in found for one in taken.storm])


async def measure(wanted: argparse.Namespace, url: str) -> None:
    server = Database(url)
    connection = await connect(Address(url), timeout_s=10)
    await bring_forward(connection, Address(url))
    await connection.close()
    workers = await Workers.begin(wanted, url)
    try:
        await steady(wanted, url, workers, server)
        await storm(workers)
    finally:
        await workers.end()
    print("One desk")
    row("after an outage, transitions shipped a second", f"{await catch_up(url):,.0f}")
    row("what retention removes", await removed(url))


OLD = """
INSERT INTO openbell.transition
    (desk, agent, epoch, at, subject, name, grp, before, after, reason, message)
SELECT 'old', 'old', 1, now() - make_interval(days => 800) + make_interval(mins => n * 6), 'lead', 'LIVE',
    NULL, 'LIVE', 'FEED_STALE', 'NO_TICKS', 'No tick for 14 s, and ticks must come'
FROM generate_series(1, 192000) AS n
"""
"""Of one desk, over 800 days."""


async def removed(url: str) -> str:
    """What is kept by default, of eight hundred days of a desk."""
    from agent.store.postgres.pruning import prune

    days, most = timedelta(days=1), 500_000_000
    keeping = Keeping(history=400 * days, notices=30 * days, reports=14 * days, max_bytes=most)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLD)
    shared = await connect(Address(url), timeout_s=10)
    began = time.perf_counter()
    await prune(shared, "old", keeping.limits(_now()))
    taken = time.perf_counter() - began
    await shared.close()
    ((left,),) = Database(url).ask("SELECT count(*) FROM openbell.transition WHERE desk = 'old'")
    return f"{192_000 - int(str(left)):,} of 192,000 transitions of 800 days, in {taken:.1f} s"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--steady", type=float, default=120.0, help="seconds")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two changes of an agent")
    parser.add_argument("--url", help="of an empty database on this machine; by default one is made")
    parser.add_argument("--worker", type=int)
    wanted = parser.parse_args()
    if wanted.worker is not None:
        await work(wanted)
        return
    async with AsyncExitStack() as stack:
        url = wanted.url
        if url is None:
            from tests.postgres import running_cluster

            lasting = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on", "max_connections": "200"}
            cluster = stack.enter_context(running_cluster(lasting))
            url = cluster.url(cluster.create())
        await measure(wanted, url)


if __name__ == "__main__":
    asyncio.run(main())
