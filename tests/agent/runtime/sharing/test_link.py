"""The one connection to the shared store, on a real server."""

from __future__ import annotations

import asyncio
import socket

import psycopg
import pytest

from agent.runtime.sharing.link import Link
from agent.store.postgres.connecting import Address, SharedStoreError
from tests.faultproxy import proxying
from tests.postgres import Database


async def test_a_host_that_is_silent_leaves_time_for_the_next_one(database: Database) -> None:
    """As after a failover: the former primary has lost its power, and its address still stands first."""
    with socket.create_server(("127.0.0.1", 0)) as dead:
        places = f"127.0.0.1:{dead.getsockname()[1]},127.0.0.1:{database.cluster.port}"
        url = database.url.replace(f"127.0.0.1:{database.cluster.port}", places)
        link = Link(Address(url))
        async with link.use(0.7) as connection:
            cursor = await connection.execute("SELECT 1")
            assert await cursor.fetchone() == (1,)
        link.drop()


@pytest.mark.parametrize("answer", [None, psycopg.OperationalError("the connection is lost")])
async def test_a_user_that_is_told_to_end_ends_whatever_the_driver_makes_of_it(
    database: Database, answer: Exception | None
) -> None:
    """Else it would go on, and connect anew behind the back of whoever ended it."""
    link = Link(database.address)

    async def ask() -> None:
        async with link.use(5):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:  # as a driver does that keeps it to itself
                if answer is not None:
                    raise answer from None

    user = asyncio.create_task(ask())
    while link.connection is None:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    user.cancel()
    await asyncio.wait([user])
    assert user.cancelled()
    assert link.connection is None


async def test_one_that_waits_for_a_server_that_is_silent_ends_at_once(database: Database) -> None:
    async with proxying("127.0.0.1", database.cluster.port) as proxy:
        port = proxy.url.rpartition(":")[2]
        link = Link(Address(database.url.replace(f":{database.cluster.port}/", f":{port}/")))
        asking = asyncio.Event()

        async def ask() -> None:
            async with link.use(30) as connection:
                proxy.stalled = True
                asking.set()
                await connection.execute("SELECT 1")

        user = asyncio.create_task(ask())
        await asking.wait()
        await asyncio.sleep(0)
        link.hang_up()
        user.cancel()
        async with asyncio.timeout(20):
            await asyncio.wait([user])
        assert user.cancelled()


async def test_an_error_after_a_cancel_that_was_answered_is_told_as_what_it_is(database: Database) -> None:
    link = Link(database.address)

    async def clear_up() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            with pytest.raises(SharedStoreError) as told:
                async with link.use(5) as connection:
                    await connection.execute("SELECT * FROM nowhere")
            return str(told.value)
        return "was not cancelled"

    user = asyncio.create_task(clear_up())
    await asyncio.sleep(0)
    user.cancel()
    assert "the tables are not there" in await user
    link.end()


async def test_whoever_comes_after_the_end_is_refused(database: Database) -> None:
    link = Link(database.address)
    async with link.use(5):
        pass
    link.end()
    with pytest.raises(SharedStoreError, match="this agent is ending"):
        async with link.use(5):
            pass
    assert link.connection is None
