"""What commands say at an agent that stands by: where to go, and no alarm for what is well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.program import program
from agent.cli.run import serving
from agent.clock import SystemClock
from agent.config.loading import load
from agent.runtime.reloading import Reloads
from tests.pairs import written
from tests.postgres import Database


@dataclass
class Pair:
    """One that owns the desk, one that stands by, and commands that ask the second."""

    owner: Path
    other: Path
    owner_url: str
    other_url: str
    database: Database
    leaving: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def says(self, *words: str) -> Result:
        words = (*words, "-c", str(self.other), "--url", self.other_url)
        return await asyncio.to_thread(CliRunner().invoke, program, list(words))

    async def said(self, status: int, *words: str) -> Result:
        """Once it exits like that: who owns a desk is heard within a second."""
        async with asyncio.timeout(20):
            while (result := await self.says(*words)).exit_code != status or " at " not in result.output:
                await asyncio.sleep(0.05)
        return result


@pytest.fixture
async def pair(database: Database, tmp_path: Path) -> AsyncIterator[Pair]:
    one, one_url = written(tmp_path, "one", database.url)
    two, two_url = written(tmp_path, "two", database.url)
    pair = Pair(one, two, one_url, two_url, database)
    async with pair.leaving:
        await pair.leaving.enter_async_context(serving(load(one, {}), SystemClock()))
        reloads = Reloads(partial(load, two, {}))
        async with serving(load(two, {}), SystemClock(), reloads=reloads):
            yield pair


async def test_one_that_stands_by_is_well_and_says_who_owns_the_desk(pair: Pair) -> None:
    result = await pair.said(0, "status")
    assert result.output == f"STANDBY: one owns the desk main at {pair.owner_url}\n"
    said = json.loads((await pair.says("status", "--json")).output)
    assert (said["code"], said["severity"], said["owner"]) == ("STANDBY", "ok", "one")
    assert (said["desk"], said["url"]) == ("main", pair.owner_url)
    watching = await pair.says("status", "--watch")
    assert (watching.exit_code, watching.output) == (0, result.output)


async def test_whether_the_desk_is_ready_is_not_for_it_to_say(pair: Pair) -> None:
    await pair.said(0, "status")
    elsewhere = f"{pair.other_url}: this agent stands by; one owns the desk main: ask there, with --url "
    for words in (("ready",), ("ready", "--wait")):
        result = await pair.says(*words)
        assert (result.exit_code, result.output) == (3, f"STANDBY: {elsewhere}{pair.owner_url}\n")


FOR_THE_DESK = (
    ("login",),
    ("login", "--machine", "auth"),
    ("ack", "--why", "I am at it"),
    ("silence",),
    ("silence", "--code", "AUTH_REQUIRED", "--for", "10m", "--why", "known"),
    ("explain",),
    ("notify", "hook"),
)


async def test_a_command_for_the_desk_names_where_to_go(pair: Pair) -> None:
    await pair.said(0, "status")
    elsewhere = f"this agent stands by; one owns the desk main: ask there, with --url {pair.owner_url}"
    for words in FOR_THE_DESK:
        result = await pair.says(*words)
        assert (result.exit_code, result.output) == (2, f"{pair.other_url}: {elsewhere}\n"), words


async def test_after_a_takeover_it_speaks_for_the_desk(pair: Pair) -> None:
    await pair.said(0, "status")
    await pair.leaving.aclose()
    async with asyncio.timeout(20):  # a missing login is as bad as the market's hour has it
        while "REQUIRED (MISSING)" not in (await pair.says("status")).output:
            await asyncio.sleep(0.05)


async def test_one_that_could_not_take_over_is_a_warning_and_says_why(
    pair: Pair,
) -> None:
    await pair.said(0, "status")
    name = pair.database.name
    with pair.database.cluster.admin() as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ending, (name,))
            result = await pair.said(1, "status")
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    head = f"WARNING: stands by for one at {pair.owner_url}, and all is not well here: "
    assert result.output.startswith(head)
    assert f"/{name}: " in result.output


async def test_an_edit_is_taken_up_while_it_stands_by(pair: Pair) -> None:
    await pair.said(0, "status")
    former = hashes(pair.database)
    assert former["one"] == former["two"]
    edited = pair.other.read_text().replace('takeover = "2s"', 'takeover = "3s"')
    pair.other.write_text(edited + '[machines.second]\nkind = "market"\nsegment = "MCX"\n')
    async with asyncio.timeout(20):
        while hashes(pair.database)["two"] == former["two"]:
            await asyncio.sleep(0.05)
    assert (await pair.says("fleet")).output.count("configurations differ") == 1
    await pair.leaving.aclose()
    async with asyncio.timeout(20):
        while (result := await pair.says("status")).output.startswith(("STANDBY", "UNKNOWN")):
            await asyncio.sleep(0.05)
    assert "second" in result.output
    document = json.loads((await pair.says("status", "--json")).output)
    assert document["machines"]["agent"]["attributes"] == {"waiting_for_restart": ["store.takeover"]}


class Settable(SystemClock):
    """One that somebody sets."""

    set_by = timedelta(0)

    def wall(self) -> datetime:
        return super().wall() + self.set_by


async def test_a_clock_that_was_set_while_it_stood_by_counts_from_the_takeover_on(
    database: Database, tmp_path: Path
) -> None:
    (one, _), (two, two_url) = (written(tmp_path, name, database.url) for name in ("one", "two"))
    clock = Settable()
    pair = Pair(one, two, "", two_url, database)
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(serving(load(one, {}), SystemClock()))
        async with serving(load(two, {}), clock):
            clock.set_by = timedelta(seconds=40)
            await leaving.aclose()
            async with asyncio.timeout(20):
                while "agent" not in (said := json.loads((await pair.says("status", "--json")).output)):
                    await asyncio.sleep(0.05)
            begun = datetime.fromisoformat(said["agent"]["started_at"])
    assert begun - datetime.now(UTC) > timedelta(0)


def hashes(database: Database) -> dict[str, str]:
    with database.admin() as connection:
        return dict(connection.execute("SELECT name, config_hash FROM openbell.agent").fetchall())
