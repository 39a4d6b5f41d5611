"""A pooler stands between agents and server, and has another connection for each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from agent.store.entry import Entry
from agent.store.postgres.connecting import Address, connect
from agent.store.postgres.leases import release, renew, take
from agent.store.postgres.reading import SharedHistory, inheritance
from agent.store.postgres.schema import bring_forward
from agent.store.postgres.shipping import ship
from agent.store.postgres.waking import listens, wait, wake
from tests.agent.store.postgres.shipments import DESK, LONG, Run, edge, letter, member
from tests.pooler import pooling
from tests.postgres import Cluster, Database

A, B = member("a"), member("b")


@pytest.fixture(scope="module")
def port(postgres_cluster: Cluster) -> Iterator[int]:
    with pooling(postgres_cluster) as port:
        yield port


def through(database: Database, port: int) -> Address:
    return Address(database.url.replace(f":{database.cluster.port}/", f":{port}/"))


async def test_agents_ship_own_and_read_through_it(database, port) -> None:
    address = through(database, port)

    async def live(name: str) -> int:
        who, connection = member(name), await connect(address)
        await bring_forward(connection, address)
        run, told = Run(who), 0
        for number in range(20):
            lease = await take(connection, DESK, who, LONG)
            entry = Entry((edge(name),), letters=(letter(f"{name}{number}", number),))
            claims_in = lease.epoch if lease.is_of(who) else None
            told += len(
                (await ship(connection, who, [run.ships(entry, lease.epoch)], claims_in=claims_in)).claimed
            )
            if claims_in is not None and await renew(connection, DESK, who, lease.epoch, LONG):
                await release(connection, DESK, who, lease.epoch)
        await connection.close()
        return told

    assert sum(await asyncio.gather(*(live(f"agent-{number}") for number in range(5)))) >= 100
    history = SharedHistory(address, "alpha")
    assert len(await history.history(limit=200)) == 100
    await history.close()
    connection = await connect(address)
    assert (await inheritance(connection, "alpha", ())).last_letter == 19
    await connection.close()


async def test_that_words_do_not_come_through_is_found_out(database, port) -> None:
    connections = [await connect(through(database, port)) for _ in range(4)]
    assert [await listens(one) for one in connections] == [False] * 4
    for one in connections:
        await wake(one, "word")
        await one.close()


async def test_without_a_pooler_a_word_comes_at_once(database) -> None:
    one, other = await connect(database.address), await connect(database.address)
    assert await listens(one)
    assert await wait(one, 0.01) == set()
    await wake(other, "first")
    await wake(other, "second")
    words = await wait(one, 5)
    words |= await wait(one, 5) if len(words) < 2 else set()
    assert words == {"first", "second"}
    await one.close()
    await other.close()


async def test_a_word_that_came_while_something_else_was_asked_is_not_lost(database) -> None:
    one, other = await connect(database.address), await connect(database.address)
    assert await listens(one)
    await wake(other, "word")
    await take(one, DESK, A, LONG)
    assert await wait(one, 5) == {"word"}
    await one.close()
    await other.close()
