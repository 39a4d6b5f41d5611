"""Statements that a server set to stricter isolation turns away, to be asked again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.store.postgres.agents import register
from agent.store.postgres.connecting import ATTEMPTS, Connection, SharedStoreError, speaking, writing
from agent.store.postgres.leases import take
from agent.store.postgres.pulse import Pulse, hold_on
from tests.agent.store.postgres.test_pulse import FACTS, LONG, SHORT, member
from tests.postgres import Database

REFUSES = "DO $$ BEGIN PERFORM nextval('asked'); RAISE SQLSTATE '40001'; END $$"


@pytest.fixture(params=["repeatable read", "serializable"])
async def strict(request: pytest.FixtureRequest, connections: Any) -> Connection:
    """A connection on which a statement alone runs as such a database would have it."""
    connection: Connection = await connections()
    await connection.execute(f"SET default_transaction_isolation = '{request.param}'")
    return connection


async def is_behind_another(database: Database, connection: Connection) -> None:
    """Wait until the connection waits for a lock."""
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    with database.admin() as admin:
        async with asyncio.timeout(10):
            while admin.execute(waits, (connection.info.backend_pid,)).fetchone() != (True,):
                await asyncio.sleep(0.01)


async def asked(database: Database) -> int:
    with database.admin() as admin:
        row = admin.execute("SELECT last_value FROM asked").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
async def counted(database: Database, connections: Any) -> Any:
    """A sequence, which counts what is rolled back as well."""
    with database.admin() as admin:
        admin.execute("CREATE SEQUENCE asked; GRANT ALL ON SEQUENCE asked TO openbell")
        yield
        admin.execute("DROP SEQUENCE asked")


async def test_a_turn_that_another_transaction_came_before_is_taken_again(
    strict: Connection, database: Database
) -> None:
    await register(strict, member(), FACTS)
    epoch = (await take(strict, member().resource, member(), SHORT)).epoch
    with database.admin() as admin, admin.transaction():
        admin.execute("UPDATE openbell.beat SET seen_at = seen_at")
        turn = asyncio.ensure_future(hold_on(strict, member(), epoch, LONG))
        await is_behind_another(database, strict)
    assert await turn == Pulse(is_held=True, is_seen=True)


async def test_a_transaction_reads_what_the_one_before_it_has_committed(
    strict: Connection, database: Database
) -> None:
    await take(strict, member().resource, member(), SHORT)
    with database.admin() as admin, admin.transaction():
        admin.execute("UPDATE openbell.lease SET run = '', ends_at = clock_timestamp(), epoch = 7")
        taking = asyncio.ensure_future(take(strict, member("2").resource, member("2"), LONG))
        await is_behind_another(database, strict)
    assert (await taking).epoch == 8


@pytest.mark.usefixtures("counted")
async def test_it_is_asked_so_often_and_then_told(strict: Connection, database: Database) -> None:
    with pytest.raises(SharedStoreError, match="the server was held up"), speaking(strict):
        await strict.execute(REFUSES)
    assert await asked(database) == ATTEMPTS


@pytest.mark.usefixtures("counted")
async def test_a_part_of_a_transaction_is_never_asked_again(strict: Connection, database: Database) -> None:
    with pytest.raises(SharedStoreError, match="the server was held up"):
        async with writing(strict):
            await strict.execute(REFUSES)
    assert await asked(database) == 1
