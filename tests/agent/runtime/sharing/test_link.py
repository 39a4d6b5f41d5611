"""The one connection to the shared store, on a real server."""

from __future__ import annotations

import socket

from agent.runtime.sharing.link import Link
from agent.store.postgres.connecting import Address
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
