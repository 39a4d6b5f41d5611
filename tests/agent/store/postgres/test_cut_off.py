"""Agents that stop, hang or are cut off in the middle of what they ship."""

from __future__ import annotations

import asyncio
import random
import signal
import string
import subprocess
import sys
import time
from datetime import timedelta
from itertools import count

import pytest

from agent.model import Subject
from agent.store.entry import Entry
from agent.store.postgres import landing
from agent.store.postgres.connecting import Address, SharedStoreError, connect, writing
from agent.store.postgres.fence import standing
from agent.store.postgres.leases import renew, take
from agent.store.postgres.parcels import parcels
from agent.store.postgres.shipping import Shipment, ship
from tests.agent.store.postgres.shipments import DESK, LONG, Run, edge, letter, member
from tests.faultproxy import proxying

A, B = member("a"), member("b")

HOLDER = """
import asyncio, sys
from agent.store.postgres.connecting import Address, connect, writing

async def main():
    connection = await connect(Address(sys.argv[1]))
    async with writing(connection):
        await connection.execute(sys.argv[2])
        print("holding", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def rows(database, asked: str) -> list[tuple[object, ...]]:
    with database.admin() as connection:
        return connection.execute(asked).fetchall()


def through(proxy, database) -> Address:
    port = int(proxy.url.rsplit(":", 1)[1])
    return Address(database.url.replace(f":{database.cluster.port}/", f":{port}/"))


async def test_wherever_the_connection_is_cut_a_batch_that_is_given_again_has_landed_once(
    connections, database
) -> None:
    one = await connections()
    await take(one, DESK, A, LONG)
    run, names = Run(A), count()
    async with proxying("127.0.0.1", database.cluster.port) as proxy:

        async def try_twice(cut_after: int) -> tuple[bool, bool]:
            """Whether the first attempt was heard of, and whether it had landed."""
            name = str(next(names))
            batch = [run.ships(Entry((edge(name),), letters=(letter(f"n{name}", 1),)))]
            proxy.cut_after = cut_after
            is_through = await _try(through(proxy, database), batch)
            landed = rows(database, f"SELECT FROM openbell.transition WHERE after = '{name}'")
            again = await ship(one, A, batch, claims_in=1, claims_again=True)
            assert f"n{name}" in [letter.notice for letter in again.claimed]
            return is_through, bool(landed)

        enough = 400
        while not (await try_twice(enough))[0]:
            enough += 60
        fine = [await try_twice(cut_after) for cut_after in range(enough - 120, enough, 6)]
    assert (False, False) in fine, "before the commit"
    assert (False, True) in fine, "after it, and nobody has heard of it"
    expected = [(str(number),) for number in range(next(names))]
    assert sorted(rows(database, "SELECT after FROM openbell.transition")) == sorted(expected)


async def _try(address: Address, batch: list[Shipment]) -> bool:
    try:
        connection = await connect(address)
    except SharedStoreError:
        return False
    try:
        await ship(connection, A, batch, claims_in=1)
    except SharedStoreError:
        return False
    else:
        return True
    finally:
        await connection.close()


async def test_an_attempt_that_still_is_under_way_is_waited_for(connections, database) -> None:
    one, other = await connections(), await connections()
    await take(one, DESK, A, LONG)
    batch = [Run(A).ships(Entry((edge(),)))]
    with database.admin() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE openbell.transition")
            first = asyncio.ensure_future(ship(one, A, batch, claims_in=None))
            await _until_blocked(database, 1)
            second = asyncio.ensure_future(ship(other, A, batch, claims_in=None))
            await _until_blocked(database, 2)
        await asyncio.gather(first, second)
    assert rows(database, "SELECT count(*) FROM openbell.transition") == [(1,)]


async def test_a_batch_during_which_the_desk_changes_hands_lands_as_a_late_one(connections, database) -> None:
    one, other = await connections(), await connections()
    await take(one, DESK, A, timedelta(0))
    with database.admin() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE openbell.value")
            entry = Entry((edge(),), values=(("k", "stale"),))
            shipping = asyncio.ensure_future(ship(one, A, [Run(A).ships(entry)], claims_in=1))
            await _until_blocked(database, 1)
            assert (await take(other, DESK, B, LONG)).is_of(B)
        landed = await shipping
    assert landed.refused == 1
    assert rows(database, "SELECT count(*) FROM openbell.transition") == [(1,)]
    assert rows(database, "SELECT count(*) FROM openbell.value") == [(0,)]


async def test_a_slow_batch_keeps_nobody_waiting_for_the_desk(connections) -> None:
    one, other = await connections(), await connections()
    await take(one, DESK, A, timedelta(0))
    [parcel] = parcels([Run(A).ships(Entry((edge(),), values=(("k", "v"),)))])
    async with writing(one):
        await standing(one, DESK)
        await landing.put(one, A, parcel, is_careful=False)
        started = time.monotonic()
        assert (await take(other, DESK, B, LONG)).is_of(B)
        assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    "held", ["SELECT FROM openbell.lease FOR SHARE", "UPDATE openbell.value SET value = 'stopped'"]
)
async def test_a_client_that_is_stopped_in_a_transaction_keeps_nobody_waiting_for_long(
    connections, database, held
) -> None:
    one = await connections()
    await take(one, DESK, A, timedelta(0))
    await ship(one, A, [Run(A).ships(Entry(values=(("k", "v"),)))], claims_in=None)
    command = [sys.executable, "-c", HOLDER, database.url, held]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        try:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == b"holding\n"
            holder.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            lease = await take(one, DESK, B, LONG)
            assert lease.is_of(B)
            await ship(one, B, [Run(B).ships(Entry(values=(("k", "new"),)), lease.epoch)], claims_in=None)
            assert time.monotonic() - started < 2
        finally:
            holder.send_signal(signal.SIGCONT)
            holder.kill()


async def test_a_server_that_says_nothing_any_more_is_hung_up_on(connections, database) -> None:
    one = await connections()
    await take(one, DESK, A, LONG)
    async with proxying("127.0.0.1", database.cluster.port) as proxy:
        connection = await connect(through(proxy, database))
        proxy.stalled = True
        started = time.monotonic()
        with pytest.raises(SharedStoreError, match="does not answer") as caught:
            await renew(connection, DESK, A, 1, LONG)
        assert time.monotonic() - started < 4
        assert not caught.value.lasting
        assert connection.closed
        with pytest.raises(SharedStoreError, match="does not answer"):
            await connect(through(proxy, database), timeout_s=0.3)


async def test_a_task_that_is_cancelled_leaves_the_connection_fit_for_use(connections, database) -> None:
    one = await connections()
    await take(one, DESK, A, LONG)
    with database.admin() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE openbell.transition")
        shipping = asyncio.ensure_future(ship(one, A, [Run(A).ships(Entry((edge(),)))], claims_in=None))
        await _until_blocked(database, 1)
        shipping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shipping
    assert await renew(one, DESK, A, 1, LONG)


async def _until_blocked(database, wanted: int) -> None:
    asked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(5):
        while rows(database, asked) != [(wanted,)]:
            await asyncio.sleep(0.01)


async def test_a_task_that_is_cancelled_while_the_server_says_nothing_ends_soon(
    connections, database
) -> None:
    one = await connections()
    await take(one, DESK, A, LONG)
    async with proxying("127.0.0.1", database.cluster.port) as proxy:
        connection = await connect(through(proxy, database))
        proxy.stalled = True
        renewing = asyncio.ensure_future(renew(connection, DESK, A, 1, LONG))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        renewing.cancel()
        with pytest.raises((asyncio.CancelledError, SharedStoreError)):
            await renewing
        assert time.monotonic() - started < 2


async def test_a_row_that_cannot_be_shared_holds_up_no_batch_on_a_long_way(connections, database) -> None:
    await take(await connections(), DESK, A, LONG)
    run = Run(A)
    batch = [run.ships(Entry((edge(str(number)),))) for number in range(1_000)]
    long_name = "".join(random.Random(1).choices(string.ascii_letters, k=60_000))
    batch.append(run.ships(Entry((edge(subject=Subject.MACHINE, name=long_name),))))
    async with proxying("127.0.0.1", database.cluster.port) as proxy:
        proxy.delay_s = 0.005
        far = await connect(through(proxy, database))
        landed = await ship(far, A, batch, claims_in=1)
        await far.close()
    assert len(landed.lost) == 1
    assert rows(database, "SELECT count(*) FROM openbell.transition") == [(1_000,)]
