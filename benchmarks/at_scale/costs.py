"""What each thing that an agent asks costs the database: its processor's time, over one connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import psycopg

from agent.fleet.rows import WATCH
from agent.store.keeping import Keeping
from agent.store.postgres import pulse
from agent.store.postgres.agents import fleet_rows
from agent.store.postgres.connecting import Address, connect
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import look, renew
from agent.store.postgres.pruning import prune
from agent.store.postgres.shipping import ship
from agent.store.postgres.waking import CHANNEL
from at_scale.desks import LASTS, RUN, Desk, Pool, Taken
from at_scale.server import Database, cpu_s

ROUNDS = 5
LISTENERS = 200

Ask = Callable[[], Awaitable[object]]


async def costs(url: str) -> dict[str, tuple[float, float]]:
    """Milliseconds of the database's processor, and of waiting, of each; in turns."""
    connection, pool, desk_number = await connect(Address(url), timeout_s=10), Pool(), 1_000_000
    pool.put(connection)
    desk, taken = Desk(desk_number, pool), Taken()
    await desk.enter()
    name = f"desk-{desk_number}"
    who = Member(desk=name, agent=name, instance=name, run=RUN)
    asked: dict[str, tuple[int, Ask]] = {
        "a turn: hold on to the lease, and be seen": (500, lambda: pulse.hold_on(connection, who, 1, LASTS)),
        "of it the lease alone": (500, lambda: renew(connection, who.resource, who, 1, LASTS)),
        "who stands by: a look at the lease": (500, lambda: look(connection, who.resource)),
        "who stands by: be seen": (500, lambda: pulse.beat(connection, who)),
        "a look whether the fleet is watched": (500, lambda: look(connection, WATCH)),
        "a look whether notices wait": (500, lambda: ship(connection, who, (), claims_in=1)),
        "a change, told": (50, lambda: desk.change(taken, time.perf_counter())),
        "the rows of the fleet": (10, lambda: fleet_rows(connection, datetime.now(UTC))),
    }
    found = dict.fromkeys(asked, (0.0, 0.0))
    for number in range(ROUNDS + 1):  # the first one fills caches
        for name, (times, ask) in asked.items():
            cpu, began = cpu_s(connection.info.backend_pid), time.perf_counter()
            for _ in range(times):
                await ask()
            scale = 1000 / times / ROUNDS * bool(number)
            cpu, waited = cpu_s(connection.info.backend_pid) - cpu, time.perf_counter() - began
            found[name] = (found[name][0] + cpu * scale, found[name][1] + waited * scale)
    await connection.close()
    return found


async def word_ms(url: str, server: Database) -> float:
    """What a word costs the database for each connection that listens, milliseconds."""
    listening = [psycopg.connect(url, autocommit=True) for _ in range(LISTENERS)]
    for one in listening:
        one.execute(f"LISTEN {CHANNEL}")
    with psycopg.connect(url, autocommit=True) as teller:
        await asyncio.sleep(1)
        before = server.cpu_s()
        for number in range(100):
            teller.execute("SELECT pg_notify(%s, %s)", (CHANNEL, f"benchmark/{number}"))
            await asyncio.sleep(0.02)
        taken = server.cpu_s() - before
    for one in listening:
        one.close()
    return 1000 * taken / 100 / LISTENERS


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
    days, most = timedelta(days=1), 500_000_000
    keeping = Keeping(history=400 * days, notices=30 * days, reports=14 * days, max_bytes=most)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLD)
    shared = await connect(Address(url), timeout_s=10)
    began = time.perf_counter()
    await prune(shared, "old", keeping.limits(datetime.now(UTC)))
    taken = time.perf_counter() - began
    await shared.close()
    ((left,),) = Database(url).ask("SELECT count(*) FROM openbell.transition WHERE desk = 'old'")
    return f"{192_000 - int(str(left)):,} of 192,000 transitions of 800 days, in {taken:.1f} s"
