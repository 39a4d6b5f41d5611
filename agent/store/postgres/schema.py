"""The shared store's schema, one step a version; a step is never changed once released."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from agent.store.postgres.connecting import Address, Connection, speaking
from agent.store.postgres.steps import STEPS
from agent.store.postgres.troubles import SharedStoreError

__all__ = ["STEPS", "bring_forward"]

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""A step may have to go through all rows."""

GUARDS = (
    "SELECT set_config('idle_in_transaction_session_timeout', '10s', true),"
    " set_config('lock_timeout', '60s', true), set_config('statement_timeout', '100s', true)"
)
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('openbell schema'))"
STANDING = (
    "SELECT current_user, current_database(), current_setting('server_encoding'), pg_is_in_recovery(),"
    " EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'openbell')"
)
"""Names are looked up in tables: functions such as `to_regclass` may answer from before a wait."""
HAS_META = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'openbell' AND tablename = 'meta')"
)
MISSING_RIGHTS = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'openbell' AND c.relkind = 'r' AND NOT ("
    " has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    " AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) ORDER BY c.relname"
)


async def bring_forward(connection: Connection, address: Address, steps: Sequence[str] = STEPS) -> None:
    """Bring the schema up to date, all of it or nothing, one agent at a time.

    Raises `SharedStoreError` for a schema that a newer program made, which stays as it is, and for a
    user who may not write. Who may write but not create gets by where the schema is up to date.
    """
    with speaking(connection, PATIENCE_S):
        async with connection.transaction():
            await connection.execute(GUARDS)
            user, has_schema = await _survey(connection, address)
            if not has_schema or await _version(connection, address, user) != len(steps):
                await connection.execute(ONE_AT_A_TIME)
                await _take(connection, address, steps)
            await _check_rights(connection, address, user)


async def version_of(connection: Connection, address: Address) -> int:
    """The schema's version as it stands, 0 where there is none. Raises `SharedStoreError` for a newer one."""
    with speaking(connection):
        user, has_schema = await _survey(connection, address)
        version = await _version(connection, address, user) if has_schema else 0
    if version > len(STEPS):
        raise _too_new(address, version, len(STEPS))
    return version


async def _survey(connection: Connection, address: Address) -> tuple[str, bool]:
    """Who we are, and whether the schema exists."""
    cursor = await connection.execute(STANDING)
    found = await cursor.fetchone()
    assert found is not None  # noqa: S101 - for the type checker: it selects one row
    user, name, encoding, is_replica, has_schema = found
    if encoding != "UTF8":
        raise SharedStoreError(
            f"{address.place}: the database has encoding {encoding}, which cannot hold every text; "
            f"create it again: CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0",
            lasting=True,
        )
    if is_replica:
        raise SharedStoreError(
            f"{address.place}: this server is a replica, to which nobody can write; give the primary's "
            "address, or all of them with target_session_attrs=read-write; waiting goes on"
        )
    return str(user), bool(has_schema)


async def _version(connection: Connection, address: Address, user: str) -> int:
    """The schema's version; 0 where nothing has been made."""
    cursor = await connection.execute("SELECT has_schema_privilege('openbell', 'USAGE')")
    if await cursor.fetchone() != (True,):
        raise _may_not(address, user, "use the schema openbell", "GRANT USAGE ON SCHEMA openbell")
    cursor = await connection.execute(HAS_META)
    if await cursor.fetchone() != (True,):
        return 0
    cursor = await connection.execute(
        "SELECT has_table_privilege('openbell.meta', 'SELECT')",
    )
    if await cursor.fetchone() != (True,):
        raise _may_not(address, user, "read openbell.meta", _GRANT)
    cursor = await connection.execute("SELECT max(version) FROM openbell.meta")
    (version,) = await cursor.fetchone() or (0,)
    return int(version or 0)


async def _take(connection: Connection, address: Address, steps: Sequence[str]) -> None:
    """The steps that are missing, now that nobody else takes them."""
    user, has_schema = await _survey(connection, address)
    version = await _version(connection, address, user) if has_schema else 0
    if version > len(steps):
        raise SharedStoreError(
            f"{address.place}: the schema openbell has version {version}, and this program knows "
            f"{len(steps)}: it was brought forward by a newer openbell; install that one here as well",
            lasting=True,
        )
    if version == len(steps):
        return
    await _check_creation(connection, address, user, has_schema)
    if not has_schema:
        await connection.execute("CREATE SCHEMA openbell")
    for step in steps[version:]:
        for statement in filter(None, (part.strip() for part in step.split(";"))):
            await connection.execute(statement)
    await connection.execute("DELETE FROM openbell.meta")
    await connection.execute("INSERT INTO openbell.meta (version) VALUES (%s)", (len(steps),))
    if version:
        log.info("%s: brought from schema %d to %d", address.place, version, len(steps))


_GRANT = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA openbell"


async def _check_creation(connection: Connection, address: Address, user: str, has_schema: bool) -> None:
    """Whether this user may do what the steps need, said before one of them fails."""
    asked = (
        "SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_catalog.pg_namespace n WHERE n.nspname = 'openbell'"
        if has_schema
        else "SELECT has_database_privilege(current_database(), 'CREATE')"
    )
    cursor = await connection.execute(asked)
    if await cursor.fetchone() == (True,):
        return
    raise _may_not(
        address, user, "create or bring forward the schema openbell", "CREATE SCHEMA openbell AUTHORIZATION"
    )


async def _check_rights(connection: Connection, address: Address, user: str) -> None:
    cursor = await connection.execute("SHOW transaction_read_only")
    if await cursor.fetchone() != ("off",):
        raise SharedStoreError(
            f"{address.place}: what the user {user} does here is read-only (default_transaction_read_only); "
            f"let its owner run: ALTER ROLE {user} SET default_transaction_read_only = off",
            lasting=True,
        )
    cursor = await connection.execute(MISSING_RIGHTS)
    missing = [str(name) for (name,) in await cursor.fetchall()]
    if missing:
        raise _may_not(address, user, f"write to {', '.join(missing)}", _GRANT)


def _too_new(address: Address, version: int, known: int) -> SharedStoreError:
    return SharedStoreError(
        f"{address.place}: the schema openbell has version {version}, and this program knows {known}: "
        "it was brought forward by a newer openbell; install that one here as well",
        lasting=True,
    )


def _may_not(address: Address, user: str, what: str, grant: str) -> SharedStoreError:
    to = "" if grant.endswith("AUTHORIZATION") else " TO"
    return SharedStoreError(
        f"{address.place}: the user {user} may not {what}; let the owner of the database run: "
        f"{grant}{to} {user}",
        lasting=True,
    )
