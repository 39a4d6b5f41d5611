"""A thousand agents of five machines each on one PostgreSQL: what they ask of it, and how soon it is seen.

    python benchmarks/fleet.py                                 # 250, 500 and 1,000 agents
    python benchmarks/fleet.py --agents 200 --steady 20

Each agent does what a real one does. Its turns are the very statements, over a connection of its own, by
`pgbench`; what it has to tell is shipped, claimed and sent by the real code, over a few connections for all.
What stands before that is left out: probes, evaluation, journal. The fleet is served by the real view
behind the real gate, in a process of its own, and read over HTTP. All of it runs on one machine with the
database, and says how busy that was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from at_scale.changing import WORKERS, change
from at_scale.costs import costs, removed, word_ms
from at_scale.desks import Taken
from at_scale.server import Database, busy_s, cpu_s
from at_scale.serving import Asked, look, serve
from at_scale.turning import Turning

from agent.store.postgres.connecting import Address
from tests.postgres import prepare, running_cluster

SETTINGS = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on", "max_connections": "1300"}
USUAL = 548
"""Transitions of a desk a day, as in the year of benchmarks/journal.py."""
LOOK_EVERY_S = 0.2
LONGEST_S = 10.0
FLAT_OUT_S = 15.0


class Part:
    """This program as another process, which is told lines and answers with lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def begin(cls, name: str, *arguments: str) -> Part:
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--part", name, *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
        )  # fmt: skip
        return cls(process)

    async def hear(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def tell(self, **what: object) -> Taken:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        return Taken(**json.loads(await self.hear()))

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def parts(url: str, agents: int) -> AsyncIterator[tuple[list[Part], Part, str]]:
    """The agents, entered; and the one who serves the fleet, with its address."""
    shared = ("--url", url, "--agents", str(agents))
    changing = [await Part.begin("change", *shared, "--worker", str(one)) for one in range(WORKERS)]
    serving = await Part.begin("serve", *shared)
    try:
        await asyncio.gather(*(one.hear() for one in changing))
        yield changing, serving, await serving.hear()
    finally:
        await asyncio.gather(*(one.end() for one in (*changing, serving)))


async def all_tell(changing: list[Part], **what: object) -> Taken:
    """What all of them have measured, as one."""
    found = await asyncio.gather(*(one.tell(**what) for one in changing))
    return Taken(
        lags=[lag for one in found for lag in one.lags],
        transitions=sum(one.transitions for one in found),
        notices=sum(one.notices for one in found),
        failed=sum(one.failed for one in found),
        cpu_s=sum(one.cpu_s for one in found),
        lasted_s=max(one.lasted_s for one in found),
    )


class Meter:
    """Who used the processors since it was made; shares of one core."""

    def __init__(self, server: Database, **pids: int) -> None:
        self._server, self._pids = server, pids
        self._before, self._began = self._read(), time.perf_counter()
        self.began_at = time.time()

    def _read(self) -> dict[str, float]:
        others = {name: cpu_s(pid) for name, pid in self._pids.items()}
        return {"the database": self._server.cpu_s(), **others, "all": busy_s()}

    def shares(self) -> dict[str, float]:
        lasted = time.perf_counter() - self._began
        return {name: (now - self._before[name]) / lasted for name, now in self._read().items()}

    def text(self, agents_cpu_s: float) -> str:
        lasted, shares = time.perf_counter() - self._began, self.shares()
        shares = {**shares, "what ships": agents_cpu_s / lasted}
        busy = shares.pop("all") / (cpu_count() or 1)
        told = ", ".join(f"{name.replace('_', ' ')} {share:.2f}" for name, share in shares.items())
        return f"{100 * busy:.0f} % busy; cores: {told}"


def row(name: str, text: str) -> None:
    print(f"  {name:<46} {text}", flush=True)


def account(name: str, seconds: Sequence[float]) -> None:
    found = sorted(seconds) or [float("nan")]
    late = found[min(len(found) - 1, int(len(found) * 0.99))]
    middle = statistics.median(found)
    text = f"median {middle * 1000:.1f} ms, 99 of 100 below {late * 1000:.1f} ms"
    row(name, f"{text}, {len(seconds):,} of them")


@dataclass(frozen=True)
class Fleet:
    """What runs while it is measured."""

    agents: int
    changing: list[Part]
    serving: Part
    address: str
    server: Database
    turning: int

    def meter(self) -> Meter:
        return Meter(self.server, what_takes_turns=self.turning, who_serves_the_fleet=self.serving.pid)


async def measure(wanted: argparse.Namespace, url: str, agents: int) -> None:
    await prepare(Address(url))
    server = Database(url)
    with tempfile.TemporaryDirectory() as folder:
        turning = Turning(url, agents, Path(folder))
        async with parts(url, agents) as (changing, serving, address):
            try:
                pid = await turning.begin()
                fleet = Fleet(agents, changing, serving, address, server, pid)
                print(f"{agents:,} agents")
                spans = [await steady(wanted, fleet), await storm(fleet)]
                turns = await turning.end()
            finally:
                turning.stop()
            for name, (began, ended) in zip(("steady stretch", "storm"), spans, strict=True):
                took = [one.took_s for one in turns if began <= one.at <= ended]
                account(f"a turn in the {name}, from when it was due", took)
            if agents == max(wanted.agents):
                await flat_out(fleet)
                await one_desk(url, server)


async def steady(wanted: argparse.Namespace, fleet: Fleet) -> tuple[float, float]:
    """Each agent changes once in a while, and somebody looks at the fleet all the time."""
    before, over, asked = fleet.server.bytes_of(), asyncio.Event(), Asked()
    meter, wal, began = fleet.meter(), fleet.server.wal_bytes(), time.time()
    looking = asyncio.ensure_future(look(fleet.address, LOOK_EVERY_S, over, asked))
    taken = await all_tell(fleet.changing, do="steady", seconds=wanted.steady, every=wanted.every)
    busy, wal = meter.text(taken.cpu_s), fleet.server.wal_bytes() - wal
    over.set()
    await looking
    print(f" each with a change every {wanted.every:g} s, for {taken.lasted_s:.0f} s")
    row("the machine", busy)
    row("transitions a second", f"{taken.transitions / taken.lasted_s:.1f}")
    account("shipping: from the commit to its landing", taken.lags)
    account(f"the fleet's answer, {asked.size / 1e3:,.0f} kB, {asked.sent / 1e3:,.0f} sent", asked.took)
    account("beside it: a timer of the reader's, late by", asked.late)
    row("written ahead (WAL)", f"{wal / taken.lasted_s / 1e3:.0f} kB a second")
    row("failed, and tried again", f"{taken.failed}")
    tell_sizes(before, fleet.server.bytes_of(), taken.transitions or 1, fleet.agents)
    tell_beats(fleet.server)
    count, size = fleet.server.memory_of_one()
    row("memory of a connection", f"{size / 1e6:.1f} MB, of {count:,}")
    return began, time.time()


async def storm(fleet: Fleet) -> tuple[float, float]:
    """All of them change within a second, as when an exchange halts."""
    over, asked, began = asyncio.Event(), Asked(wanted=fleet.agents), time.time()
    looking = asyncio.ensure_future(look(fleet.address, LOOK_EVERY_S, over, asked))
    await all_tell(fleet.changing, do="settle")
    await asyncio.sleep(2)
    asked.took.clear()
    meter, first = fleet.meter(), time.perf_counter()
    taken = await all_tell(fleet.changing, do="storm")
    busy = meter.text(taken.cpu_s)
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_S):
            while asked.all_seen_at is None:
                await asyncio.sleep(0.02)
    over.set()
    await looking
    print(f" all of them change within a second: shipped and sent after {taken.lasted_s:.1f} s")
    row("the machine", busy)
    seen = f"{asked.all_seen_at - first:.1f} s" if asked.all_seen_at is not None else f"never: {asked.counts}"
    row("the fleet shows all of them after", seen)
    account("shipping: from the commit to its landing", taken.lags)
    account("the fleet's answer", asked.took)
    return began, time.time()


async def flat_out(fleet: Fleet) -> None:
    """As much as the database takes, with no turns beside it."""
    meter = fleet.meter()
    taken = await all_tell(fleet.changing, do="flat_out", seconds=FLAT_OUT_S)
    database = meter.shares()["the database"] * taken.lasted_s
    print("As many changes as it takes, no turns beside it")
    row("the machine", meter.text(taken.cpu_s))
    row("transitions a second", f"{taken.transitions / taken.lasted_s:,.0f}")
    account("shipping: from the commit to its landing", taken.lags)
    row("the database's CPU for each", f"{1000 * database / taken.transitions:.2f} ms")


async def one_desk(url: str, server: Database) -> None:
    print("One after the other over one connection: the database's CPU, and the wait")
    for name, (cpu, waited) in (await costs(url)).items():
        row(name, f"{cpu:.3f} ms; {waited:.3f} ms")
    row("a word, for each that listens", f"{await word_ms(url, server):.3f} ms")
    row("what retention removes", await removed(url))


def tell_sizes(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], transitions: int, agents: int
) -> None:
    """Bytes of a row as measured, and of a usual day as it follows from them."""
    day = rows_a_day = 0.0
    for name in ("transition", "incident", "outbox"):
        rows, size = (after[name][n] - before[name][n] for n in (0, 1))
        if rows:
            day, rows_a_day = day + size / transitions * USUAL, rows_a_day + rows / transitions * USUAL
            row(name, f"{rows:,} rows, {size / rows:,.0f} bytes each with their indexes")
    each = f"{rows_a_day:,.0f} rows and {day / 1e3:,.0f} kB a desk, {day * agents / 1e6:,.0f} MB for all"
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


def counted(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=counted, default=[250, 500, 1_000])
    parser.add_argument("--steady", type=float, default=60.0, help="seconds")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two changes of an agent")
    parser.add_argument("--part", choices=["change", "serve"])
    parser.add_argument("--url")
    parser.add_argument("--worker", type=int)
    wanted = parser.parse_args()
    if wanted.part == "change":
        await change(wanted.url, wanted.agents[0], wanted.worker)
    elif wanted.part == "serve":
        await serve(wanted.url)
    else:
        with running_cluster(SETTINGS) as cluster:
            for agents in wanted.agents:
                await measure(wanted, cluster.url(cluster.create()), agents)


if __name__ == "__main__":
    asyncio.run(main())
