"""A shared store that cannot be used: one clear line, nothing changed, and no secret anywhere."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from urllib.parse import quote

import aiohttp
import psycopg
import pytest

from tests.postgres import Cluster, Database, free_port, prepare

CANARY = "canary p@ss/word-8888"
CONFIG = """
name = "mumbai-1"
environment = "simulated"
[server]
port = {port}
[simulator]
port = 0
[store]
url = "{url}"
[machines.market]
kind = "market"
segment = "NSE_EQ"
"""


def configured(folder: Path, url: str) -> tuple[Path, str]:
    folder.mkdir(exist_ok=True)
    config, port = folder / "agent.toml", free_port()
    config.write_text(CONFIG.format(port=port, url=url))
    config.chmod(0o600)
    return config, f"http://127.0.0.1:{port}"


@asynccontextmanager
async def started(config: Path, *around: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, by way of another one if need be."""
    process = await asyncio.create_subprocess_exec(
        *around, sys.executable, "-m", "agent.cli", "run", "-c", str(config), "--verbose",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"},
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        process._transport.close()


async def refused(config: Path, *around: str) -> str:
    """What a start that is refused says; it exits with 2."""
    async with started(config, *around) as process, asyncio.timeout(60):
        out, err = await process.communicate()
        assert process.returncode == 2, err.decode()
        assert b"ready" not in out
    return err.decode()


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("warning:")]


def shape(admin: psycopg.Connection) -> list[tuple[object, ...]]:
    """Everything that a start could have changed."""
    tables = admin.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'openbell' AND relkind = 'r' ORDER BY 1"
    ).fetchall()
    return [(name, *admin.execute(f"SELECT count(*) FROM openbell.{name}").fetchone()) for (name,) in tables]


@pytest.fixture
def canary(database: Database) -> str:
    """The URL of a user whose password is the canary."""
    with database.admin() as admin:
        if admin.execute("SELECT FROM pg_roles WHERE rolname = 'canary'").fetchone() is None:
            admin.execute(f"CREATE ROLE canary LOGIN PASSWORD '{CANARY}'")
    return database.cluster.url(database.name, "canary", quote(CANARY, safe=""))


@pytest.fixture
def faketime() -> str:
    """A program that has another see another wall clock, and the true steady one."""
    found = shutil.which("faketime")
    if found is None:
        pytest.fail("faketime is missing: install Debian's faketime")
    return found


def clean(text: str) -> bool:
    return CANARY not in text and quote(CANARY, safe="") not in text and "canary%20p" not in text


async def test_a_wrong_password_is_one_line_without_it(database: Database, tmp_path: Path) -> None:
    config, _ = configured(tmp_path, database.cluster.url(database.name, password=quote(CANARY, safe="")))
    said = await refused(config)
    (line,) = lines(said)
    assert f"127.0.0.1:{database.cluster.port}/{database.name}: the server does not take this user" in line
    assert clean(said)
    with database.admin() as admin:
        assert ("agent", 0) in shape(admin)


async def test_no_such_database_is_one_line(postgres_cluster: Cluster, tmp_path: Path) -> None:
    config, _ = configured(tmp_path, postgres_cluster.url("nowhere"))
    (line,) = lines(await refused(config))
    assert "there is no such database; correct its name in [store] url, or create it" in line


async def test_a_user_who_may_only_read_changes_nothing(
    database: Database, canary: str, tmp_path: Path
) -> None:
    with database.admin() as admin:
        admin.execute("GRANT USAGE ON SCHEMA openbell TO canary")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA openbell TO canary")
        before = shape(admin)
        config, _ = configured(tmp_path, canary)
        said = await refused(config)
        (line,) = lines(said)
        assert "the user canary may not write to agent" in line
        assert "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA openbell TO canary" in line
        assert shape(admin) == before
    assert clean(said)


async def test_a_newer_schema_is_left_as_it_is(empty_database: Database, tmp_path: Path) -> None:
    database = empty_database
    await prepare(database.address)
    with database.admin() as admin:
        admin.execute("UPDATE openbell.meta SET version = 99")
        before = shape(admin)
        config, _ = configured(tmp_path, database.url)
        (line,) = lines(await refused(config))
        assert "the schema openbell has version 99, and this program knows" in line
        assert shape(admin) == before


@pytest.mark.parametrize(("shift", "way"), [("+5m", "ahead of"), ("-5m", "behind")])
async def test_a_clock_that_is_minutes_off_is_one_line_and_changes_nothing(
    empty_database: Database, faketime: str, tmp_path: Path, shift: str, way: str
) -> None:
    config, _ = configured(tmp_path, empty_database.url)
    with empty_database.admin() as admin:
        before = shape(admin)
        (line,) = lines(await refused(config, faketime, "--exclude-monotonic", "-f", shift))
        assert re.search(rf": this machine's clock is (5m|5m1s|4m59s) {way} the database's; ", line), line
        assert "have both follow a time server" in line
        assert shape(admin) == before
    assert {one.name for one in (tmp_path / "data").iterdir()} == {"agent.lock", "journal.sqlite"}
    with closing(sqlite3.connect(tmp_path / "data/journal.sqlite")) as journal:
        for table in ("report", "transition", "incident", "outbox", "shipment"):
            assert journal.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


async def test_two_agents_of_one_name_are_told_apart_at_once(database: Database, tmp_path: Path) -> None:
    first, url = configured(tmp_path / "first", database.url)
    second, _ = configured(tmp_path / "second", database.url)
    async with started(first) as process:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            ready = await process.stdout.readline()
        assert b"ready" in ready, await process.stderr.read()
        (line,) = lines(await refused(second))
        assert "another agent is named mumbai-1: at " in line
        assert "give one of them another `name`" in line
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            assert answer.status in (200, 503), "the first one goes on"


async def test_an_address_where_nobody_listens_is_said_and_waited_for_without_the_password(
    database: Database, canary: str, tmp_path: Path
) -> None:
    dead = canary.replace(str(database.cluster.port), str(free_port()))
    config, url = configured(tmp_path, dead)
    async with started(config) as process:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            ready = await process.stdout.readline()
            assert b"ready" in ready
            async with aiohttp.ClientSession() as session:
                while True:
                    async with session.get(f"{url}/api/system/health") as answer:
                        text = await answer.text()
                    part = (await answer.json())["machines"]["agent"]
                    if part["reason"] == "SHARED_STORE":
                        break
                    await asyncio.sleep(0.1)
                async with session.get(f"{url}/api/fleet/health") as answer:
                    fleet = await answer.text()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    assert process.returncode == 0
    assert "nobody listens there" in part["message"]
    assert sum("nobody listens there" in line for line in lines(err.decode())) <= 3
    assert clean(text + fleet + out.decode() + err.decode())
    for file in (tmp_path / "data").iterdir():
        assert clean(file.read_bytes().decode("latin-1")), file.name


async def test_one_that_waits_for_the_store_at_its_start_ends_when_it_is_told_to(
    database: Database, tmp_path: Path
) -> None:
    config, _ = configured(tmp_path, database.url)
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'openbell.meta'::regclass"
    with database.admin() as admin, database.admin() as observer, admin.transaction():
        admin.execute("LOCK TABLE openbell.meta IN ACCESS EXCLUSIVE MODE")
        async with started(config) as process, asyncio.timeout(20):
            while observer.execute(waiting).fetchone() is None:
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    assert (process.returncode, out) == (0, b""), err.decode()
    assert b"Traceback" not in err
