"""The shared schema is made, brought forward and refused on a real server."""

from __future__ import annotations

import asyncio

import pytest

from agent.store.postgres.connecting import Address, SharedStoreError, connect
from agent.store.postgres.schema import STEPS, bring_forward
from tests.postgres import PASSWORD, Database

NEXT = "ALTER TABLE openbell.value ADD COLUMN remark text; UPDATE openbell.value SET remark = key"
BROKEN = "ALTER TABLE openbell.value ADD COLUMN remark text; SELECT 1 / 0"


async def bring(database: Database, steps=STEPS, user: str = "openbell") -> None:
    address = Address(database.cluster.url(database.name, user))
    connection = await connect(address)
    try:
        await bring_forward(connection, address, steps)
    finally:
        await connection.close()


def ask(database: Database, asked: str) -> list[tuple[object, ...]]:
    with database.admin() as connection:
        return connection.execute(asked).fetchall()


def do(database: Database, *statements: str) -> None:
    with database.admin() as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def reader(empty_database: Database) -> str:
    """A further user, who may do nothing yet."""
    name = f"reader_{empty_database.name}"
    do(empty_database, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    return name


def version(database: Database) -> object:
    return ask(database, "SELECT version FROM openbell.meta")


async def test_the_schema_is_made_and_making_it_again_changes_nothing(empty_database) -> None:
    for _ in range(2):
        await bring(empty_database)
        assert version(empty_database) == [(len(STEPS),)]


@pytest.mark.parametrize("known", range(1, len(STEPS) + 1))
async def test_each_older_schema_is_brought_forward_and_keeps_what_is_in_it(empty_database, known) -> None:
    await bring(empty_database, STEPS[:known])
    do(empty_database, "INSERT INTO openbell.value VALUES ('alpha', 'a', 1, 'k', 'v')")
    await bring(empty_database, (*STEPS, NEXT))
    assert version(empty_database) == [(len(STEPS) + 1,)]
    assert ask(empty_database, "SELECT key, value, remark FROM openbell.value") == [("k", "v", "k")]


async def test_a_step_that_fails_leaves_all_as_it_was(empty_database) -> None:
    await bring(empty_database)
    with pytest.raises(SharedStoreError, match="division by zero"):
        await bring(empty_database, (*STEPS, BROKEN))
    assert version(empty_database) == [(len(STEPS),)]
    await bring(empty_database, (*STEPS, NEXT))


async def test_agents_that_start_at_once_bring_it_forward_once(empty_database, caplog) -> None:
    await asyncio.gather(*(bring(empty_database) for _ in range(4)))
    caplog.set_level("INFO")
    await asyncio.gather(*(bring(empty_database, (*STEPS, NEXT)) for _ in range(4)))
    assert version(empty_database) == [(len(STEPS) + 1,)]
    assert caplog.text.count("brought from schema") == 1


async def test_a_newer_schema_is_refused_and_stays_as_it_is(empty_database) -> None:
    await bring(empty_database, (*STEPS, NEXT))
    with pytest.raises(SharedStoreError, match="newer openbell") as caught:
        await bring(empty_database)
    assert caught.value.lasting
    assert version(empty_database) == [(len(STEPS) + 1,)]


async def test_who_may_write_but_not_create_gets_by_where_the_schema_is_there(empty_database, reader) -> None:
    await bring(empty_database)
    do(
        empty_database,
        f"GRANT USAGE ON SCHEMA openbell TO {reader}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA openbell TO {reader}",
    )
    await bring(empty_database, user=reader)
    with pytest.raises(SharedStoreError, match="may not create or bring forward") as caught:
        await bring(empty_database, (*STEPS, NEXT), user=reader)
    assert caught.value.lasting


async def test_a_schema_that_was_made_for_the_user_is_filled(empty_database, reader) -> None:
    do(empty_database, f"CREATE SCHEMA openbell AUTHORIZATION {reader}")
    await bring(empty_database, user=reader)


@pytest.mark.parametrize(
    ("grants", "finding"),
    [
        pytest.param((), "may not use the schema", id="nothing"),
        pytest.param(("USAGE ON SCHEMA openbell",), "may not read openbell.meta", id="only to see it"),
        pytest.param(
            ("USAGE ON SCHEMA openbell", "SELECT ON ALL TABLES IN SCHEMA openbell"),
            "may not write to agent, awake, beat",
            id="only to read",
        ),
    ],
)
async def test_a_user_who_may_not_write_is_told_what_helps(empty_database, reader, grants, finding) -> None:
    await bring(empty_database)
    do(empty_database, *(f"GRANT {grant} TO {reader}" for grant in grants))
    with pytest.raises(SharedStoreError, match=finding) as caught:
        await bring(empty_database, user=reader)
    assert caught.value.lasting
    assert "GRANT" in str(caught.value)
    assert str(caught.value).startswith(f"127.0.0.1:{empty_database.cluster.port}/{empty_database.name}: ")


async def test_a_user_who_may_create_nothing_is_told_so_at_an_empty_database(empty_database, reader) -> None:
    with pytest.raises(SharedStoreError, match=f"CREATE SCHEMA openbell AUTHORIZATION {reader}") as caught:
        await bring(empty_database, user=reader)
    assert caught.value.lasting


async def test_a_user_for_whom_all_is_read_only_is_refused(empty_database, reader) -> None:
    await bring(empty_database)
    do(
        empty_database,
        f"GRANT USAGE ON SCHEMA openbell TO {reader}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA openbell TO {reader}",
        f"ALTER ROLE {reader} SET default_transaction_read_only = on",
    )
    with pytest.raises(SharedStoreError, match="read-only") as caught:
        await bring(empty_database, user=reader)
    assert caught.value.lasting


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres_cluster) -> None:
    name = postgres_cluster.create()
    with postgres_cluster.admin() as connection:
        connection.execute(
            f"CREATE DATABASE {name}_latin OWNER openbell ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0"
        )
    with pytest.raises(SharedStoreError, match="encoding LATIN1") as caught:
        await bring(Database(postgres_cluster, f"{name}_latin"))
    assert caught.value.lasting
